//! External programs: how one is described ([`command`]), how it is run ([`runner`], the only place that spawns), and one file
//! for each program that needs more than a line.
//!
//! Must not know: what a compose is, phases, packages.

pub mod command;
pub mod priority;
pub mod runner;

pub use command::Command;
pub use runner::{Finished, Runner, ToolError};
