//! A configuration of Pungi's from its file to what a compose is made from.

use std::num::NonZero;
use std::path::Path;

use super::dialect::DialectError;
use super::early::{EarlyFileError, early_file};
use super::git::References;
use super::resolve::{ResolveError, Surroundings, omissions, resolve};
use super::schema::schema;
use super::validate::{Message, validate};
use super::value::Dict;
use super::variants::{self, Filters, Variants, VariantsError};
use super::{PatternError, load, phase_messages};
use crate::config::RpmConfig;

/// A configuration that a compose can be made from, and what is to be said about it all the same.
#[derive(Debug)]
pub struct Opened {
    pub config: RpmConfig,
    pub warnings: Vec<String>,
}

/// Why a configuration makes no compose.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Unreadable(#[from] DialectError),
    #[error("{}", .0.join("\n"))]
    Invalid(Vec<String>),
    #[error(transparent)]
    Variants(#[from] VariantsError),
    #[error(transparent)]
    File(#[from] EarlyFileError),
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Reads, validates and resolves a configuration. Without references, branches of git repositories stay branches.
pub fn open(
    file: &Path,
    current: &Path,
    old_composes: bool,
    mut references: Option<&mut dyn References>,
) -> Result<Opened, OpenError> {
    let file = current.join(file);
    let loaded = load(&file.to_string_lossy(), &[])?;
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let checked = validate(loaded.values, &schema(processors), references.as_deref_mut());
    if !checked.errors.is_empty() {
        return Err(OpenError::Invalid(checked.errors.into_iter().map(|message| message.text).collect()));
    }
    let surroundings = Surroundings {
        folder: file.parent().map(Path::to_owned).unwrap_or_default(),
        current: current.to_owned(),
        files: loaded.opened_files.iter().map(|opened| current.join(opened)).collect(),
    };
    let filters = Filters::of(&checked.values);
    let variants = read_variants(&checked.values, &surroundings, &filters, references.as_deref_mut())?;
    let messages = phase_messages(&checked.values, Some(&variants), old_composes)?;
    if !messages.is_empty() {
        return Err(OpenError::Invalid(messages));
    }
    let config = resolve(&checked.values, &variants, &surroundings, references)?;
    let warnings = checked.warnings.into_iter().map(|Message { text, .. }| text).chain(omissions(&checked.values));
    let warnings = warnings.collect();
    Ok(Opened { config, warnings })
}

/// The variants that a configuration has, read before a compose begins.
pub(in crate::config) fn read_variants(
    values: &Dict,
    surroundings: &Surroundings,
    filters: &Filters,
    references: Option<&mut (dyn References + '_)>,
) -> Result<Variants, OpenError> {
    let option = "variants_file";
    let value = values.get(option).ok_or_else(|| EarlyFileError::NoFile { option: option.to_owned() })?;
    let file = early_file(option, value, surroundings, references)?;
    Ok(variants::load_as(&file.name, &file.path.to_string_lossy(), filters)?)
}

impl Filters {
    /// What options say of arches and variants that are wanted.
    pub(in crate::config) fn of(values: &Dict) -> Self {
        Self {
            tree_arches: super::resolve::texts(values, "tree_arches"),
            tree_variants: super::resolve::texts(values, "tree_variants"),
        }
    }
}
