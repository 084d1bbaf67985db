//! Pungi's configurations as TOML: patterns become tables of variants and arches, and what is as by default is left out.
//!
//! ```text
//! FILE.conf -> pungi: load, validate, variants -> paths (as seen from the new file) -> expand (no patterns) -> text
//! ```
//!
//! Must not know: what options mean, but for which of several values holds.

mod expand;
mod paths;
mod text;

use std::path::Path;

use serde_json::Value as Json;

use self::expand::{Expander, Sheet};
use self::paths::Moved;
use crate::config::pungi::resolve::Surroundings;
use crate::config::pungi::schema::schema;
use crate::config::pungi::validate::validate;
use crate::config::pungi::value::Dict;
use crate::config::pungi::variants::{Filters, Variants};
use crate::config::pungi::{OpenError, load, read_variants};

/// A configuration in TOML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    pub text: String,
    /// What could not be written, or does nothing and was left out.
    pub notes: Vec<String>,
}

/// Writes one of Pungi's configurations as TOML that will lie in a folder, which is there.
pub fn convert(source: &Path, current: &Path, folder: &Path) -> Result<Converted, OpenError> {
    let source = current.join(source);
    let loaded = load(&source.to_string_lossy(), &[])?;
    // No number of processors, so that an option that names the number of this machine's is not taken for a default.
    let schema = schema(0);
    let checked = validate(loaded.values.clone(), &schema, None);
    if !checked.errors.is_empty() {
        return Err(OpenError::Invalid(checked.errors.into_iter().map(|message| message.text).collect()));
    }
    let source_folder = source.parent().unwrap_or(&source);
    let surroundings = Surroundings { folder: source_folder.to_owned(), current: current.to_owned(), files: Vec::new() };
    let (variants, is_filtered) = all_variants(&checked.values, &surroundings)?;
    let mut values = loaded.values;
    if is_filtered {
        values.retain(|key, _| !matches!(key.value().as_text(), Some("tree_arches" | "tree_variants")));
    }
    let moved = Moved::new(source_folder, current, folder)?;
    let sheet = expand(&moved.options(values), &variants, &schema)?;
    let name = source.file_name().unwrap_or_default().to_string_lossy();
    Ok(Converted { text: text::document(&name, &sheet, &variants), notes: sheet.notes })
}

/// The variants that options leave out too, so that those options can still be changed; unless the file makes sense only with
/// them.
fn all_variants(values: &Dict, surroundings: &Surroundings) -> Result<(Variants, bool), OpenError> {
    match read_variants(values, surroundings, &Filters::default(), None) {
        Ok(variants) => Ok((variants, false)),
        Err(_) => Ok((read_variants(values, surroundings, &Filters::of(values), None)?, true)),
    }
}

fn expand(values: &Dict, variants: &Variants, schema: &Json) -> Result<Sheet, OpenError> {
    let mut expander = Expander::new(variants, schema);
    for (key, value) in values {
        expander.option(key.value(), value)?;
    }
    expander.packages_of_other_variants(values)?;
    Ok(expander.sheet)
}
