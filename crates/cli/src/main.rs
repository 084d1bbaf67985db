//! The `charmer` program: parse, dispatch, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    charmer_cli::run(std::env::args_os())
}
