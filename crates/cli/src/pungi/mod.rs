//! Pungi's own commands: under their own names, or as `charmer NAME ...`; arguments, output and exit codes are Pungi's.
//!
//! Must not know: how anything is done.

mod comps_filter;
mod config_dump;
mod config_validate;
mod create_unified_isos;
mod gather;
mod kickstart;
mod koji;
mod notification_report_progress;
mod patch_iso;
mod setting;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;

/// A command of Pungi, with the words that follow its name.
type Run = fn(Vec<OsString>) -> ExitCode;

const COMMANDS: [(&str, Run); 8] = [
    ("comps_filter", comps_filter::main),
    ("pungi-config-dump", run::<config_dump::Arguments>),
    ("pungi-config-validate", run::<config_validate::Arguments>),
    ("pungi-create-unified-isos", run::<create_unified_isos::Arguments>),
    ("pungi-gather", gather::main),
    ("pungi-koji", run::<koji::Arguments>),
    ("pungi-notification-report-progress", run::<notification_report_progress::Arguments>),
    ("pungi-patch-iso", run::<patch_iso::Arguments>),
];

/// Runs a command of Pungi, if that is what the words ask for.
pub(crate) fn dispatch(words: &[OsString]) -> Option<ExitCode> {
    let name_of = |word: &OsString| Path::new(word).file_name().map(|name| name.to_string_lossy().into_owned());
    let find = |name: &str| COMMANDS.iter().find(|(known, _)| *known == name).map(|(_, run)| *run);
    let by_own_name = words.first().and_then(name_of).and_then(|name| find(&name)).map(|run| (run, words));
    let by_argument = || words.get(1).and_then(|word| find(word.to_str()?)).map(|run| (run, &words[1..]));
    let (run, words) = by_own_name.or_else(by_argument)?;
    Some(run(words.to_vec()))
}

/// What a command does with its arguments.
trait Execute: Parser {
    fn execute(self, environment: &Environment) -> Result<Exit, Failure>;
}

fn run<T: Execute>(words: Vec<OsString>) -> ExitCode {
    execute::<T>(words).into()
}

fn execute<T: Execute>(words: Vec<OsString>) -> Exit {
    let arguments = match T::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            // A closed pipe is no reason to complain.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Finished };
        }
    };
    let done = Environment::of_process().and_then(|environment| arguments.execute(&environment));
    done.unwrap_or_else(|failure| {
        output::complain(&failure);
        failure.exit
    })
}
