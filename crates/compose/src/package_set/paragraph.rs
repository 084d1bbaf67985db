//! One paragraph of Debian's control format, read from text of unknown origin: field names, values as they stand, line numbers.
//!
//! For single files (a package's control file, a .dsc, a lock). Whole indexes go through the byte-level parser of the
//! packages crate. Must not know: what any field means.

use std::collections::BTreeMap;

/// The fields of one paragraph, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paragraph<'a> {
    pub(super) fields: Vec<Field<'a>>,
}

/// One field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    /// From the first character after the colon and blanks to the end of the last continuation line, without its line end.
    pub(super) value: &'a str,
    /// The whole field, with the line end of its last line if it has one.
    pub(super) text: &'a str,
    /// Of its first line, counted from 1.
    pub(super) line: usize,
}

/// The text is not a paragraph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(super) struct InvalidParagraph {
    pub(super) line: usize,
    pub(super) reason: String,
}

impl<'a> Paragraph<'a> {
    /// Reads text that is one paragraph and nothing else but empty lines at its end. `first_line` is the number of its first
    /// line in the file that it comes from.
    pub(super) fn read(text: &'a str, first_line: usize) -> Result<Self, InvalidParagraph> {
        let mut fields: Vec<Field<'a>> = Vec::new();
        let mut names = BTreeMap::new();
        let (mut start, mut field_start, mut value_start) = (0, 0, 0);
        let end = text.trim_end_matches('\n').len();
        for (number, line) in text[..end].split('\n').enumerate() {
            let number = first_line + number;
            let invalid = |reason: String| InvalidParagraph { line: number, reason };
            let stop = (start + line.len() + 1).min(text.len());
            if line.starts_with([' ', '\t']) {
                let field = fields.last_mut().ok_or_else(|| invalid("a continuation line without a field".into()))?;
                if line.trim().is_empty() {
                    return Err(invalid(format!("a blank line in the value of {}", field.name)));
                }
                (field.text, field.value) = (&text[field_start..stop], &text[value_start..start + line.len()]);
            } else {
                let (name, _) = line.split_once(':').ok_or_else(|| invalid(format!("'{}' is not a field", excerpt(line))))?;
                if !is_field_name(name) {
                    return Err(invalid(format!("'{}' is not a field's name", excerpt(name))));
                }
                if let Some(earlier) = names.insert(name.to_ascii_lowercase(), number) {
                    return Err(invalid(format!("{name} is there twice, first in line {earlier}")));
                }
                let value = line[name.len() + 1..].trim_start_matches([' ', '\t']);
                (field_start, value_start) = (start, start + line.len() - value.len());
                fields.push(Field { name, value, text: &text[start..stop], line: number });
            }
            start = stop;
        }
        if text.contains('\0') {
            return Err(InvalidParagraph { line: first_line, reason: "a NUL character".into() });
        }
        Ok(Self { fields })
    }

    /// A field by its name, whose case does not matter.
    pub(super) fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// A field's value without blanks at its end.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        self.field(name).map(|field| field.value.trim_end())
    }
}

fn is_field_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(['#', '-']) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The beginning of text that may be long or hold anything.
pub(super) fn excerpt(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}
