//! Exit codes, and the failures of commands that lead to them.

use std::process::ExitCode;

/// What charmer's exit status means. `docs/reference/exit-codes.md` is generated from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Finished,
    Doomed,
    Usage,
    Incomplete,
    Interrupted,
    Terminated,
}

impl Exit {
    pub const ALL: [Self; 6] = [Self::Finished, Self::Doomed, Self::Usage, Self::Incomplete, Self::Interrupted, Self::Terminated];

    pub const fn code(self) -> u8 {
        match self {
            Self::Finished => 0,
            Self::Doomed => 1,
            Self::Usage => 2,
            Self::Incomplete => 3,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// One word for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::Doomed => "doomed",
            Self::Usage => "usage",
            Self::Incomplete => "finished incomplete",
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }

    /// What it means, and what to do next.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Finished => "The command did what it was asked; a compose has the status `FINISHED`.",
            Self::Doomed => {
                "The compose has the status `DOOMED`, or another command could not do its work or found something wrong. \
                 Mend the cause, then `charmer resume DIR`; after a change of the configuration, compose again with \
                 `--old-composes TARGET_DIR`."
            }
            Self::Usage => "The command line, the configuration, or the machine is not fit; nothing was started.",
            Self::Incomplete => {
                "The compose has the status `FINISHED_INCOMPLETE`: all is there but for deliverables that are allowed to fail."
            }
            Self::Interrupted => "Stopped by SIGINT (Ctrl-C); a compose has the status `TERMINATED` and can be resumed.",
            Self::Terminated => "Stopped by SIGTERM; a compose has the status `TERMINATED` and can be resumed.",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that could not do its work: what is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    /// May have several lines.
    pub message: String,
    pub hint: Option<String>,
}

impl Failure {
    /// The user asked for something that cannot be: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hint: None }
    }

    /// What is wrong with a configuration, each problem in lines of its own.
    pub fn configuration(problems: impl Into<String>, count: usize) -> Self {
        Self::usage(format!("{}\n{}", crate::text::count(count, "problem") + " in the configuration", problems.into()))
    }

    /// Something went wrong on the way: exit code 1.
    pub fn doomed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Doomed, message: message.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::doomed(error.to_string())
    }
}
