//! Pungi's configuration language: looks like Python, is read by a tiny parser with rules of its own.
//!
//! ```text
//! file -> source (text) -> tokens (Python's tokenizer) -> parser (values, imports, traps) -> Loaded
//! ```
//!
//! Values and errors are those of kobo's PyConfigParser, to the class of the exception, the line and the column.
//! Must not know: any option.

mod error;
mod format;
mod parser;
mod source;
mod tokens;
mod trap;

use std::collections::HashMap;
use std::sync::Arc;

use super::value::Dict;

pub use error::{Class, DialectError, Place};
pub(super) use source::read;
pub use trap::{Trap, TrapKind};

/// A configuration that was read.
#[derive(Debug, Default)]
pub struct Loaded {
    pub values: Dict,
    /// The file itself and all that it imports, in the order of reading.
    pub opened_files: Vec<String>,
    pub traps: Vec<Trap>,
    /// Where each variable was set last.
    pub assigned: HashMap<String, Place>,
    /// Every text with its place.
    pub literals: Vec<(Arc<str>, Place)>,
}

/// Values nest as deeply as the parser allows only on a stack of this size.
const STACK: usize = 32 << 20;

/// Reads a file and what it imports. The variables are there before the first line is read, but imported files do not see them.
pub fn load(file: &str, variables: &[(String, String)]) -> Result<Loaded, DialectError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, || parse(file, variables));
        let thread = thread.map_err(|error| DialectError::new(Class::OsError, error.to_string()))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn parse(file: &str, variables: &[(String, String)]) -> Result<Loaded, DialectError> {
    let mut session = parser::Session::default();
    let values = session.load(file, variables)?;
    Ok(Loaded {
        values,
        opened_files: session.opened_files,
        traps: session.traps,
        assigned: session.assigned,
        literals: session.literals,
    })
}
