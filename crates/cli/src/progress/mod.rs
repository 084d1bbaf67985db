//! Readers of the event stream, one of which is chosen by the flags and by what the streams are connected to.
//!
//! [`run`] gathers what is known, [`lines`] and [`area`] put it into words; they are pure. [`live`] and [`plain`] write it.
//!
//! Must not know: what jobs do. A reader never fails a run: where nothing can be written, nothing is.

use std::io::{self, Write as _};
use std::path::Path;

use charmer_compose::engine::event::Entry;

use crate::arguments::{MessageArguments, MessageFormat};
use crate::environment::Environment;
use crate::paint::Paint;

pub mod area;
pub mod lines;
pub mod run;

mod live;
mod plain;
mod ticker;

use lines::{Detail, Narrator};

/// Sees each entry after it is in the journal.
pub type Reader = Box<dyn FnMut(&Entry) + Send>;

/// Findings of one job that scroll by.
const FINDINGS_PER_JOB: usize = 10;

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgressOptions {
    /// What the run does: `composing`.
    pub verb: &'static str,
    pub form: Form,
    pub verbose: bool,
    pub explain_reuse: bool,
    pub paint: Paint,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// On a terminal: what runs stays below what scrolls by.
    Live,
    /// Anywhere else: one line per change.
    Plain,
    /// Each entry on stdout.
    Json,
    /// Nothing but failures.
    Quiet,
}

impl ProgressOptions {
    pub fn new(verb: &'static str, arguments: &MessageArguments, environment: &Environment) -> Self {
        let form = match arguments {
            MessageArguments { message_format: MessageFormat::Json, .. } => Form::Json,
            MessageArguments { quiet: true, .. } => Form::Quiet,
            _ if environment.stderr_is_terminal && !environment.dumb_terminal => Form::Live,
            _ => Form::Plain,
        };
        Self {
            verb,
            form,
            verbose: arguments.verbose,
            explain_reuse: arguments.explain_reuse,
            paint: Paint { colour: environment.colour_stderr() },
        }
    }

    fn detail(self) -> Detail {
        Detail {
            verb: self.verb,
            course: self.form == Form::Plain,
            only_failures: self.form == Form::Quiet,
            messages: self.verbose,
            reasons: self.verbose || self.explain_reuse,
            findings_per_job: if self.verbose { usize::MAX } else { FINDINGS_PER_JOB },
        }
    }
}

/// The reader for a run: writes the log that every run of the compose goes on with, and shows the run.
///
/// What is shown live is gone from the terminal when the run has ended, or when the reader is dropped.
pub fn reader(options: ProgressOptions, log: &Path) -> io::Result<Reader> {
    let mut logged = log_reader(options.verb, log)?;
    let mut shown = match options.form {
        Form::Live => live::reader(options.detail(), options.paint),
        Form::Plain => plain::reader(options.detail(), options.paint, io::stderr()),
        Form::Json => json_reader(io::stdout()),
        Form::Quiet => quiet_reader(options.detail(), options.paint),
    };
    Ok(Box::new(move |entry| {
        logged(entry);
        shown(entry);
    }))
}

/// Every entry in words, with its whole time.
fn log_reader(verb: &'static str, path: &Path) -> io::Result<Reader> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let mut file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
    let mut narrator = Narrator::new(Detail::all(verb));
    Ok(Box::new(move |entry| {
        let mut text = String::new();
        for line in narrator.lines(entry) {
            text.extend([&entry.time, " ", line.show(Paint { colour: false }).trim_end(), "\n"]);
        }
        // A full disk fails the job that it hurts; the log only ends there.
        let _ = file.write_all(text.as_bytes());
    }))
}

fn json_reader(mut stream: impl io::Write + Send + 'static) -> Reader {
    Box::new(move |entry| {
        let mut line = serde_json::to_vec(entry).expect("entries serialise to JSON");
        line.push(b'\n');
        // Who reads the stream may go; the compose goes on.
        let _ = stream.write_all(&line).and_then(|()| stream.flush());
    })
}

fn quiet_reader(detail: Detail, paint: Paint) -> Reader {
    let mut narrator = Narrator::new(detail);
    Box::new(move |entry| {
        let text: String = narrator.lines(entry).iter().map(|line| line.show(paint) + "\n").collect();
        let _ = io::stderr().write_all(text.as_bytes());
    })
}

#[cfg(test)]
mod tests;
