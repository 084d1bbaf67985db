//! One entry of an apt index as text: replacing a field while every other byte stays as it is.

use std::ops::Range;

/// The same entry with one field's value replaced in its place, or with the field added at the end.
pub(super) fn with_field(stanza: &str, name: &str, value: &str) -> String {
    let range = field_range(stanza, name).unwrap_or(stanza.len()..stanza.len());
    // The field's name stays as it was written.
    let written = if range.is_empty() { name } else { &stanza[range.start..range.start + name.len()] };
    let mut text = String::with_capacity(stanza.len() + name.len() + value.len() + 4);
    text.push_str(&stanza[..range.start]);
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.extend([written, ": ", value, "\n"]);
    text.push_str(&stanza[range.end..]);
    text
}

/// The lines of a field: its first one, and those after it that begin with a space or a tab.
fn field_range(stanza: &str, name: &str) -> Option<Range<usize>> {
    let mut start = None;
    let mut position = 0;
    for line in stanza.split_inclusive('\n') {
        let continues = line.starts_with([' ', '\t']);
        match start {
            Some(start) if !continues => return Some(start..position),
            None if !continues && is_field(line, name) => start = Some(position),
            _ => {}
        }
        position += line.len();
    }
    start.map(|start| start..position)
}

/// Field names are written in any case.
fn is_field(line: &str, name: &str) -> bool {
    let (line, name) = (line.as_bytes(), name.as_bytes());
    line.len() > name.len() && line[name.len()] == b':' && line[..name.len()].eq_ignore_ascii_case(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZA: &str = "Package: hello\nTag: devel::examples, implemented-in::c,\n role::program\nX-Odd:  two  spaces\t\n\
                          filename: pool/main/h/hello/hello_2.10-3_amd64.deb\nSize: 53084\n";

    #[test]
    fn one_field_is_replaced_and_all_else_stays_to_the_byte() {
        let changed = with_field(STANZA, "Filename", "pool/x.deb");
        assert_eq!(changed, STANZA.replace("pool/main/h/hello/hello_2.10-3_amd64.deb", "pool/x.deb"));
    }

    #[test]
    fn continuation_lines_belong_to_their_field() {
        assert_eq!(
            with_field(STANZA, "Tag", "none"),
            STANZA.replace("devel::examples, implemented-in::c,\n role::program", "none")
        );
    }

    #[test]
    fn a_field_that_is_not_there_is_added_at_the_end() {
        assert_eq!(with_field("Package: a\n", "Directory", "pool/a"), "Package: a\nDirectory: pool/a\n");
        assert_eq!(with_field("Package: a", "Directory", "pool/a"), "Package: a\nDirectory: pool/a\n");
    }
}
