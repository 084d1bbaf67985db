//! Stanzas and fields of Debian's control files, as slices of the text: nothing is copied.
//!
//! Must not know: which fields there are.

use memchr::{memchr, memmem};

use crate::deb::byte_set::ByteSet;

/// The stanzas of a text, each with the place where it starts. A stanza's bytes end with its last line's line end.
pub(crate) fn stanzas(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let blank_line = memmem::Finder::new(b"\n\n");
    let mut position = 0;
    std::iter::from_fn(move || {
        position += text[position..].iter().take_while(|byte| **byte == b'\n').count();
        if position == text.len() {
            return None;
        }
        let start = position;
        position = blank_line.find(&text[start..]).map_or(text.len(), |found| start + found + 1);
        Some((start, &text[start..position]))
    })
}

/// A field, with its folded lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field<'t> {
    pub(crate) name: &'t str,
    /// Without the space around it; folded lines follow after their line ends.
    pub(crate) value: &'t str,
}

/// The fields of one stanza. After a line that cannot be understood there are no more.
#[derive(Debug, Clone)]
pub(crate) struct Fields<'t> {
    rest: &'t str,
    /// Looked for once, not in each field.
    has_carriage_return: bool,
}

impl<'t> Fields<'t> {
    pub(crate) fn of(stanza: &'t str) -> Fields<'t> {
        Fields { rest: stanza, has_carriage_return: memchr(b'\r', stanza.as_bytes()).is_some() }
    }

    fn read_field(&mut self) -> Result<Field<'t>, String> {
        let text = std::mem::take(&mut self.rest);
        let Some(name) = field_name(text) else {
            return Err(format!("the line `{}` is no field", shorten(text.lines().next().unwrap_or(""))));
        };
        let end = end_of_field(text, name.len());
        let value = &text[name.len() + 1..end];
        if self.has_carriage_return && value.contains('\r') {
            return Err(format!("the field {name} has a carriage return; a line ends with a line feed alone"));
        }
        self.rest = &text[end..];
        Ok(Field { name, value: value.trim_ascii() })
    }
}

impl<'t> Iterator for Fields<'t> {
    type Item = Result<Field<'t>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.read_field())
    }
}

/// Behind the last line of the field that the text starts with: the first line end with no space or tab after it.
fn end_of_field(text: &str, name_length: usize) -> usize {
    let bytes = text.as_bytes();
    let mut end = name_length;
    while let Some(line_end) = memchr(b'\n', &bytes[end..]) {
        end += line_end + 1;
        if !matches!(bytes.get(end), Some(b' ' | b'\t')) {
            return end;
        }
    }
    bytes.len()
}

/// What stands before the colon of a text's first line. Names are too short for a search to be faster than this.
fn field_name(text: &str) -> Option<&str> {
    let (name, rest) = FIELD_NAME_BYTES.split(text);
    (rest.starts_with(':') && !name.is_empty() && !name.starts_with(['#', '-'])).then_some(name)
}

/// All visible ASCII but the colon.
static FIELD_NAME_BYTES: ByteSet = ByteSet::alphanumeric_and(b"!\"#$%&'()*+,-./;<=>?@[\\]^_`{|}~");

/// Enough of a line to find it again.
pub(crate) fn shorten(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { format!("{}...", short.escape_debug()) } else { short.escape_debug().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(stanza: &str) -> Vec<(&str, &str)> {
        Fields::of(stanza).map(|field| field.map(|field| (field.name, field.value)).unwrap()).collect()
    }

    #[test]
    fn stanzas_end_before_the_empty_lines() {
        let text = b"\n\nA: 1\nB: 2\n\n\nA: 3\n";
        let found: Vec<_> = stanzas(text).collect();
        assert_eq!(found, [(2, &b"A: 1\nB: 2\n"[..]), (14, &b"A: 3\n"[..])]);
        assert_eq!(stanzas(b"").count() + stanzas(b"\n\n\n").count(), 0);
    }

    #[test]
    fn folded_lines_belong_to_their_field() {
        assert_eq!(
            fields("Package: a\nTag: x::y,\n z::q\n .\nEmpty:\nUrl:http://a:1/\n"),
            [("Package", "a"), ("Tag", "x::y,\n z::q\n ."), ("Empty", ""), ("Url", "http://a:1/")]
        );
    }

    #[test]
    fn lines_that_are_no_fields_are_named() {
        let error = |stanza| Fields::of(stanza).find_map(Result::err).unwrap();
        assert_eq!(error("Package: a\nhello\n"), "the line `hello` is no field");
        assert_eq!(error(" folded: first\n"), "the line ` folded: first` is no field");
        assert_eq!(error("# comment: x\n"), "the line `# comment: x` is no field");
        assert_eq!(error("A: b\r\nC: d\r\n"), "the field A has a carriage return; a line ends with a line feed alone");
        assert_eq!(Fields::of("x\nA: b\n").count(), 1, "nothing is read after it");
    }
}
