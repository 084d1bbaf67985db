//! `variants.xml`: the variants of a release, their arches and what goes into them.
//!
//! ```text
//! text -> document (elements with lines) -> dtd (what may stand where) -> tree (references, children, filters) -> Variants
//! ```
//!
//! Must not know: comps, packages, phases.

mod document;
mod dtd;
mod tree;

use super::dialect::{DialectError, read};

pub use tree::{Environment, Group, Kind, Module, ReleaseIdentity, Variant, Variants};

/// Why variants cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariantsError {
    #[error("{0}")]
    Unreadable(#[from] DialectError),
    /// The file is no XML.
    #[error("{file}:{line}: {message}")]
    Malformed { file: String, line: usize, message: String },
    /// The file does not follow the rules of variants.
    #[error("Variants XML doesn't validate:\n{}", lines.join("\n"))]
    Invalid { lines: Vec<String> },
    #[error("Variant {variant} references non-existing variant {reference}")]
    MissingReference { variant: String, reference: String },
    /// The variants contradict each other, in Pungi's words.
    #[error("{0}")]
    Contradiction(String),
    /// Pungi takes them, and loses something or writes where it should not.
    #[error("{0}")]
    Unusable(String),
}

/// The filters of a configuration; empty ones let everything through.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    pub tree_arches: Vec<String>,
    /// UIDs.
    pub tree_variants: Vec<String>,
}

/// Reads and checks a file of variants.
pub fn load(file: &str, filters: &Filters) -> Result<Variants, VariantsError> {
    load_as(file, file, filters)
}

/// The same with a name of the file's own in messages.
pub(super) fn load_as(name: &str, file: &str, filters: &Filters) -> Result<Variants, VariantsError> {
    parse(name, &read(file)?, filters)
}

fn parse(file: &str, text: &str, filters: &Filters) -> Result<Variants, VariantsError> {
    let root = document::parse(file, text)?;
    let mut lines = dtd::faults(file, &root);
    if lines.is_empty() {
        lines = dtd::surrounded_by_blanks(&root);
    }
    if !lines.is_empty() {
        return Err(VariantsError::Invalid { lines });
    }
    tree::build(&root, filters)
}

#[cfg(test)]
mod tests;
