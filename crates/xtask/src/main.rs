//! Chores of this repository that are written in Rust: `cargo xtask generate [--check]`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod cli_reference;
mod generate;
mod json_reference;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Chores of charmer's repository.")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Write the reference manual, the schemas, the man pages and the shell completions, all made from charmer's types.
    Generate {
        /// Write nothing; name each file that is not as it would be written, and fail if there is one.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let Chore::Generate { check } = Arguments::parse().chore;
    let done = if check { generate::check() } else { generate::write() };
    match done {
        Ok(code) => code,
        Err(error) => {
            generate::say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}
