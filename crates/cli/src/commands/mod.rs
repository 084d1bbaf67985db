//! One file per subcommand: arguments in, a call into the library, and what is shown of it.

use crate::arguments::Command;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};

mod config;
mod list;
mod status;

pub use status::StatusDocument;

mod existing;

/// Does a command.
pub fn dispatch(command: Command, environment: &Environment) -> Result<Exit, Failure> {
    match command {
        Command::Config(arguments) => config::config(&arguments),
        Command::List(arguments) => list::list(&arguments, environment),
        Command::Status(arguments) => status::status(&arguments, environment),
        Command::Plan(_) | Command::Compose(_) | Command::Resume(_) | Command::Lock(_) | Command::Why(_) | Command::Verify(_) => {
            Err(Failure::usage("this build of charmer has only `config`, `list` and `status`"))
        }
    }
}
