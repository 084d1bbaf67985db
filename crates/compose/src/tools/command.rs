//! A command as a plain value: program, arguments, changes of the environment. It displays as a line for a shell.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What to run. Cloning and displaying it costs nothing and does nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub(super) program: OsString,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: BTreeMap<OsString, OsString>,
    pub(super) folder: Option<PathBuf>,
    pub(super) input: Option<Vec<u8>>,
    pub(super) timeout: Option<Duration>,
    pub(super) contained: bool,
    pub(super) success: Vec<i32>,
}

impl Command {
    /// A program of `PATH`, or a path to one.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            folder: None,
            input: None,
            timeout: None,
            contained: false,
            success: vec![0],
        }
    }

    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    #[must_use]
    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, arguments: I) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable on top of the runner's small fixed environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// The folder it runs in. Without one it runs in the job's own work folder.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Bytes for its standard input, which is closed otherwise.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// After this long it is killed, with everything it started. Without one the runner's own limit holds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Runs it in namespaces of its own for processes and mounts: whatever it starts or mounts is gone when it, or charmer, ends.
    #[must_use]
    pub fn contained(mut self) -> Self {
        self.contained = true;
        self
    }

    /// Exit statuses that are no failure; only 0 without this.
    #[must_use]
    pub fn success(mut self, statuses: &[i32]) -> Self {
        self.success = statuses.to_vec();
        self
    }

    pub fn program(&self) -> &OsStr {
        &self.program
    }
}

impl fmt::Display for Command {
    /// The command line, quoted for a POSIX shell.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(formatter, "{}={} ", name.to_string_lossy(), quote(value))?;
        }
        formatter.write_str(&quote(&self.program))?;
        self.arguments.iter().try_for_each(|argument| write!(formatter, " {}", quote(argument)))
    }
}

fn quote(word: &OsStr) -> Cow<'_, str> {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_as_a_line_that_a_shell_takes() {
        let command = Command::new("xorriso").args(["-V", "it's a disc", ""]).env("SOURCE_DATE_EPOCH", "1");
        assert_eq!(command.to_string(), r"SOURCE_DATE_EPOCH=1 xorriso -V 'it'\''s a disc' ''");
    }
}
