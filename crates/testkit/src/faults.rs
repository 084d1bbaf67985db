//! Faults of the machine for the program under test: writes that fail or take little, and clocks that jump. A library that is
//! preloaded stands between the program and the system; what the program starts is not hit, unless it passes its environment on.

#![expect(clippy::disallowed_types, reason = "the program under test is started as users start it")]

use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("faults.c");

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Write number `after`, and each one after it, fails with this error number.
    Write { errno: i32, after: u32 },
    /// No write takes more than so many bytes.
    Short { bytes: u32 },
    /// From reading number `after` on, the clock of the day is wrong by so many seconds.
    Clock { seconds: i64, after: u32 },
}

/// The library, built.
#[derive(Debug)]
pub struct Faults(PathBuf);

impl Faults {
    /// Builds it in a folder, with the compiler that builds C code in Rust libraries.
    #[must_use]
    pub fn build_in(folder: &Path) -> Self {
        let (source, library) = (folder.join("faults.c"), folder.join("faults.so"));
        fs_err::write(&source, SOURCE).unwrap();
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(&source).output();
        let built = built.unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self(library)
    }

    /// Lets something go wrong for a command, with files below a folder.
    pub fn strike(&self, command: &mut Command, fault: Fault, below: &Path) {
        command.env("LD_PRELOAD", &self.0).env("FAULT_BELOW", below);
        match fault {
            Fault::Write { errno, after } => {
                command.env("FAULT_ERRNO", errno.to_string()).env("FAULT_AFTER", after.to_string());
            }
            Fault::Short { bytes } => {
                command.env("FAULT_SHORT", bytes.to_string());
            }
            Fault::Clock { seconds, after } => {
                command.env("FAULT_CLOCK", seconds.to_string()).env("FAULT_AFTER", after.to_string());
            }
        }
    }
}
