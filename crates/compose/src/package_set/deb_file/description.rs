//! A package's description, in the two forms in which archives give it.
//!
//! A control file holds the whole description. Debian's Packages indexes hold its first line and `Description-md5`; the whole
//! text is in Translation-en, under that MD5. apt takes both forms.

use super::super::file_digests::md5_of;
use super::super::paragraph::{Field, Paragraph};

/// A whole description, as an entry of Translation-en has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Description {
    /// What Debian's indexes have as `Description-md5`: of `text`.
    pub md5: String,
    /// What stands after `Description-en: `, with its line end. Lines but the first begin with a space.
    pub text: String,
}

/// The whole description of a control file or an index stanza. `None` when it has none, or when it is an index stanza that
/// has only the first line of it.
pub fn full_description(control: &str) -> Option<Description> {
    let paragraph = Paragraph::read(control, 1).ok()?;
    if paragraph.field("Description-md5").is_some() {
        return None;
    }
    let text = format!("{}\n", paragraph.get("Description")?);
    Some(Description { md5: md5_of(text.as_bytes()), text })
}

/// The stanza with only the first line of its description, and `Description-md5` after it. A stanza of that form already, or
/// without a description, comes back as it is.
pub fn with_short_description(stanza: &str) -> String {
    let (Some(description), Ok(paragraph)) = (full_description(stanza), Paragraph::read(stanza, 1)) else {
        return stanza.to_owned();
    };
    let short = || {
        let synopsis = description.text.lines().next().unwrap_or_default();
        format!("Description: {synopsis}\nDescription-md5: {}\n", description.md5)
    };
    let is_description = |field: &Field| field.name.eq_ignore_ascii_case("Description");
    let fields = paragraph.fields.iter();
    fields.map(|field| if is_description(field) { short() } else { field.text.to_owned() }).collect()
}
