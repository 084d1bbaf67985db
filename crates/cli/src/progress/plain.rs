//! Plain lines with their times, for CI logs and pipes: one for each change, and now and then one that says what runs.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use charmer_compose::engine::event::Entry;

use crate::paint::{Paint, Tone};
use crate::text::{count, harmless, rough_duration};

use super::Reader;
use super::area::{remaining_words, transfer_words};
use super::lines::{Detail, Line, Narrator};
use super::run::Run;
use super::ticker::Ticker;

/// Between two lines that say how far the run is.
const PROGRESS: Duration = Duration::from_secs(30);

pub(super) fn reader(detail: Detail, paint: Paint, stream: impl Write + Send + 'static) -> Reader {
    let pages = Arc::new(Mutex::new(Pages { run: Run::default(), narrator: Narrator::new(detail), paint, stream }));
    let told = pages.clone();
    let ticker = Ticker::start(PROGRESS, move || {
        told.lock().unwrap_or_else(PoisonError::into_inner).tell_progress(&format!("{:.3}", jiff::Timestamp::now()));
    });
    Box::new(move |entry| {
        // The reader owns the ticker, which ends with it.
        let _ = &ticker;
        pages.lock().unwrap_or_else(PoisonError::into_inner).tell(entry);
    })
}

struct Pages<W> {
    run: Run,
    narrator: Narrator,
    paint: Paint,
    stream: W,
}

impl<W: Write> Pages<W> {
    fn tell(&mut self, entry: &Entry) {
        self.run.apply(entry);
        let lines = self.narrator.lines(entry);
        self.write(&entry.time, &lines);
    }

    fn tell_progress(&mut self, time: &str) {
        let now = time.parse::<jiff::Timestamp>().map_or(0.0, |time| time.as_millisecond() as f64 / 1000.0);
        let lines: Vec<Line> = progress_line(&self.run, now).into_iter().collect();
        self.write(time, &lines);
    }

    fn write(&mut self, time: &str, lines: &[Line]) {
        let clock = self.paint.text(Tone::Dim, clock(time));
        let text: String =
            lines.iter().map(|line| format!("{clock} {}", line.show(self.paint)).trim_end().to_owned() + "\n").collect();
        // Nobody may be reading; the compose goes on.
        let _ = self.stream.write_all(text.as_bytes());
    }
}

/// `18:14:26` of `2026-11-23T18:14:26.123Z`.
fn clock(time: &str) -> &str {
    time.get(11..19).unwrap_or(time)
}

/// What runs, and for how long still; nothing before the run and after it.
pub(super) fn progress_line(run: &Run, now: f64) -> Option<Line> {
    if run.jobs.is_empty() || run.duration.is_some() {
        return None;
    }
    let running = run.running().map(|(job, since)| {
        let transfer = job.transfer.as_ref().map(|transfer| format!(" {}", transfer_words(transfer)));
        let text = transfer.unwrap_or_else(|| format!(" {}", rough_duration(now - since)));
        harmless(job.plan.job.as_str()) + &text
    });
    let running = running.collect::<Vec<_>>().join("; ");
    let ended = format!("{} of {}", run.ended(), count(run.jobs.len(), "job"));
    let jobs = std::iter::once(ended).chain(remaining_words(run, now)).collect::<Vec<_>>().join(", ");
    Some(Line::new(Tone::Dim, "progress", if running.is_empty() { jobs } else { format!("{jobs}: {running}") }))
}
