//! The live display: what has ended scrolls by, what runs stays below it and is drawn anew a few times a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use charmer_compose::engine::event::Event;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::paint::Paint;

use super::Reader;
use super::area::{self, Space};
use super::lines::{Detail, Narrator};
use super::run::Run;
use super::ticker::Ticker;

const REDRAW: Duration = Duration::from_millis(200);

pub(super) fn reader(detail: Detail, paint: Paint) -> Reader {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is valid"));
    let screen = Arc::new(Mutex::new(Screen { bar, run: Run::default(), paint }));
    let drawn = screen.clone();
    let ticker = Ticker::start(REDRAW, move || drawn.lock().unwrap_or_else(PoisonError::into_inner).draw());
    let mut narrator = Narrator::new(detail);
    Box::new(move |entry| {
        // The reader owns the ticker, which ends with it.
        let _ = &ticker;
        let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
        screen.run.apply(entry);
        for line in narrator.lines(entry) {
            screen.bar.println(line.show(paint));
        }
        if matches!(entry.event, Event::RunFinished { .. }) {
            screen.bar.finish_and_clear();
        }
    })
}

/// Owner of the terminal while the run lasts.
struct Screen {
    bar: ProgressBar,
    run: Run,
    paint: Paint,
}

impl Screen {
    fn draw(&self) {
        if self.bar.is_finished() {
            return;
        }
        let (height, width) = console::Term::stderr().size();
        let space = Space { width: width.into(), height: height.into() };
        let now = jiff::Timestamp::now().as_millisecond() as f64 / 1000.0;
        self.bar.set_message(area::lines(&self.run, now, space, self.paint).join("\n"));
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
