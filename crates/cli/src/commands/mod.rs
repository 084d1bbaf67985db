//! One file per subcommand: arguments in, a call into the library, and what is shown of it.

use crate::arguments::Command;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};

mod compose;
mod config;
mod convert;
mod installability;
mod list;
mod lock;
mod plan;
mod prune;
mod resume;
mod status;
mod verify;
mod why;

pub use status::StatusDocument;

mod existing;
pub(crate) mod run;

/// Does a command.
pub fn dispatch(command: Command, environment: &Environment) -> Result<Exit, Failure> {
    match command {
        Command::Plan(arguments) => plan::plan(&arguments, environment),
        Command::Compose(arguments) => compose::compose(*arguments, environment),
        Command::Resume(arguments) => resume::resume(arguments, environment),
        Command::Lock(arguments) => lock::lock(arguments, environment),
        Command::Why(arguments) => why::why(&arguments, environment),
        Command::Verify(arguments) => verify::verify_compose(&arguments, environment),
        Command::Installability(arguments) => installability::tell(arguments, environment),
        Command::Config(arguments) => config::config(&arguments, environment),
        Command::Convert(arguments) => convert::convert(&arguments, environment),
        Command::List(arguments) => list::list(&arguments, environment),
        Command::Prune(arguments) => prune::prune(arguments, environment),
        Command::Status(arguments) => status::status(&arguments, environment),
    }
}
