//! The command line of charmer: the only crate that prints, reads the environment or exits.
//!
//! [`arguments`] is what the user may type, [`commands`] is one file per subcommand, each a call into the library plus what is shown; `pungi` has
//! the commands under Pungi's names;
//! [`progress`] shows a run while it lasts, [`report`] when it is over, [`plan_view`] before it begins. These three are pure readers of
//! events and plans: they decide nothing about a compose.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

pub mod arguments;
pub mod environment;
pub mod exit;

pub mod commands;
mod pungi;

pub mod plan_view;
pub mod progress;
pub mod report;

pub mod critical_path;
pub mod output;
pub mod paint;
pub mod text;

use arguments::Arguments;
use environment::Environment;
use exit::Exit;

/// The whole program: reads the command line, does the command, and says how to exit.
pub fn run(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    pungi::dispatch(&words).unwrap_or_else(|| run_own(words).into())
}

/// One of charmer's own commands.
fn run_own(words: Vec<OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too; a closed pipe is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Finished };
        }
    };
    let done = Environment::of_process().and_then(|environment| commands::dispatch(arguments.command, &environment));
    done.unwrap_or_else(|failure| {
        output::complain(&failure);
        failure.exit
    })
}
