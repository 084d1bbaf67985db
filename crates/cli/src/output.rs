//! The two streams: stdout is for what was asked for, stderr for everything that is said on the way.

use std::io::{self, Write as _};

use crate::exit::Failure;
use crate::text::harmless_lines;

/// Writes to stdout. Who closes the pipe early (`charmer plan | head`) has seen enough.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Says something on stderr in the words that callers of Pungi's commands know, line by line.
pub fn say(text: &str) {
    let lines = harmless_lines(text.strip_suffix('\n').unwrap_or(text)).join("\n");
    let text = if text.is_empty() { lines } else { lines + "\n" };
    // There is no other place to say that stderr is closed.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Says on stderr why a command failed.
pub fn complain(failure: &Failure) {
    let message = format!("error: {}\n", harmless_lines(&failure.message).join("\n"));
    let hint = failure.hint.as_ref().map(|hint| format!("hint: {}\n", harmless_lines(hint).join("\n      ")));
    let text = message + &hint.unwrap_or_default();
    // There is no other place to say that stderr is closed.
    let _ = io::stderr().write_all(text.as_bytes());
}
