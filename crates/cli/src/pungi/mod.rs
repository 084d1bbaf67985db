//! Pungi's commands under their own names, with Pungi's options, output and exit codes.
//!
//! Each is reached as `charmer NAME ...`, and by its name alone where a link of that name leads to the program.

mod comps_filter;
mod gather;
mod kickstart;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

/// One of Pungi's commands: it gets its own name and what follows it.
type Command = fn(Vec<OsString>) -> ExitCode;

const COMMANDS: [(&str, Command); 2] = [("comps_filter", comps_filter::main), ("pungi-gather", gather::main)];

/// Does one of Pungi's commands, if the program's name or its first argument is one.
pub(crate) fn run(words: &[OsString]) -> Option<ExitCode> {
    let by_name = |name: &OsStr| COMMANDS.iter().find(|(known, _)| name == *known).map(|(_, command)| command);
    let program = words.first().and_then(|program| Path::new(program).file_name());
    if let Some(command) = program.and_then(by_name) {
        return Some(command(words.to_vec()));
    }
    let command = words.get(1).and_then(|word| by_name(word))?;
    Some(command(words[1..].to_vec()))
}
