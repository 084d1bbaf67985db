//! `charmer resume`: goes on with a compose, whatever became of it.

use charmer_compose::session::Session;

use crate::arguments::ResumeArguments;
use crate::environment::Environment;
use crate::exit::{Exit, Failure};

use super::run::{run, run_options, surroundings};

pub(super) fn resume(arguments: ResumeArguments, environment: &Environment) -> Result<Exit, Failure> {
    let options = run_options(environment, arguments.cache_dir, arguments.offline, arguments.jobs)?;
    let session = Session::resume(&arguments.compose, options, surroundings(environment));
    run(session, &arguments.messages, environment)
}
