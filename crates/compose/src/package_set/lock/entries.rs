//! The paragraphs that all locks are made of: written, and read with the line of whatever is wrong.
//!
//! Must not know: what locks hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::str::FromStr;

use super::super::paragraph::excerpt;
use super::LockedFile;

/// What the first line says, and the only form that is read.
const FORMAT: &str = "1";

/// A lock that cannot be used. Nothing of it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {reason}")]
pub struct LockError {
    /// As the caller named it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    pub reason: String,
}

pub(super) fn sorted<T: Ord>(entries: &[T]) -> Vec<&T> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort();
    entries
}

/// Writes the entry that was made, and makes room for the next one.
pub(super) fn hand_over(text: &mut String, file: &mut dyn io::Write) -> io::Result<()> {
    file.write_all(text.as_bytes())?;
    text.clear();
    Ok(())
}

/// What is written, as text.
#[cfg(test)]
pub(super) fn written(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
    let mut text = Vec::new();
    write(&mut text).expect("writing to memory does not fail");
    String::from_utf8(text).expect("a lock is text")
}

/// A field of one line. A line end in the value, which nothing that charmer reads can have, must not become a field of its own.
pub(super) fn field(text: &mut String, name: &str, value: &str) {
    let blank = if value.is_empty() { "" } else { " " };
    writeln!(text, "{name}:{blank}{}", value.replace('\n', " ")).expect("a string takes everything");
}

pub(super) fn write_files(text: &mut String, files: &[LockedFile]) {
    text.push_str("Files:\n");
    for LockedFile { path, size, sha256 } in files {
        writeln!(text, " {sha256} {size} {}", path.replace('\n', " ")).expect("a string takes everything");
    }
}

/// Each line after one space, so that none ends the paragraph.
pub(super) fn write_block(text: &mut String, name: &str, lines: &[String]) {
    writeln!(text, "{name}:").expect("a string takes everything");
    for line in lines {
        writeln!(text, " {}", line.replace(char::is_control, " ")).expect("a string takes everything");
    }
}

/// What is wrong, and in which line.
pub(super) struct Fault {
    line: usize,
    reason: String,
}

impl Fault {
    pub(super) fn new(line: usize, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }

    /// With the file that it is in.
    pub(super) fn of(self, file: &str) -> LockError {
        LockError { file: file.to_owned(), line: self.line, reason: self.reason }
    }
}

/// Writes what all locks begin with.
pub(super) fn write_head(text: &mut String, ecosystem: &str) {
    field(text, "Charmer-Lock", FORMAT);
    field(text, "Ecosystem", ecosystem);
}

/// Reads what all locks begin with, and gives the package world that the lock is of; the rest of the head is left in its entry.
pub(super) fn open(text: &str) -> Result<(String, Entry<'_>, std::vec::IntoIter<Entry<'_>>), Fault> {
    let mut entries = split_entries(text)?.into_iter();
    let mut head = entries.next().ok_or_else(|| Fault::new(1, "it is empty: it is not a lock of charmer"))?;
    if head.kind != "Charmer-Lock" {
        return Err(Fault::new(head.line, "it does not begin with Charmer-Lock: it is not a lock of charmer"));
    }
    let (format, line) = head.take("Charmer-Lock")?;
    if format != FORMAT {
        let format = excerpt(format);
        return Err(Fault::new(line, format!("it is a lock of form {format}, and this charmer reads form {FORMAT} only")));
    }
    let (ecosystem, line) = head.take("Ecosystem")?;
    if !["deb", "rpm"].contains(&ecosystem) {
        return Err(Fault::new(line, format!("Ecosystem is '{}', neither deb nor rpm", excerpt(ecosystem))));
    }
    Ok((ecosystem.to_owned(), head, entries))
}

/// One paragraph, whose fields are taken out one by one until none is left.
pub(super) struct Entry<'a> {
    pub(super) line: usize,
    /// The name of its first field.
    pub(super) kind: &'a str,
    fields: BTreeMap<&'a str, Field<'a>>,
}

/// A field: the value in its own line, and the indented lines below it.
struct Field<'a> {
    line: usize,
    value: &'a str,
    block: Vec<&'a str>,
}

fn split_entries(text: &str) -> Result<Vec<Entry<'_>>, Fault> {
    let mut entries: Vec<Entry> = Vec::new();
    // The field that an indented line belongs to; none after an empty line.
    let mut open = None;
    for (number, text) in text.split_terminator('\n').enumerate() {
        let line = number + 1;
        if text.is_empty() {
            open = None;
        } else if let Some(indented) = text.strip_prefix(' ') {
            let field = open.and_then(|name| entries.last_mut()?.fields.get_mut(name));
            field.ok_or_else(|| Fault::new(line, "an indented line that belongs to no field"))?.block.push(indented);
        } else {
            let (name, value) =
                text.split_once(':').ok_or_else(|| Fault::new(line, format!("'{}' is not a field", excerpt(text))))?;
            if open.is_none() {
                entries.push(Entry { line, kind: name, fields: BTreeMap::new() });
            }
            let fields = &mut entries.last_mut().expect("one has been pushed").fields;
            let value = value.strip_prefix(' ').unwrap_or(value);
            if let Some(first) = fields.insert(name, Field { line, value, block: Vec::new() }) {
                return Err(Fault::new(line, format!("{} is there twice, first in line {}", excerpt(name), first.line)));
            }
            open = Some(name);
        }
    }
    Ok(entries)
}

impl<'a> Entry<'a> {
    fn field(&mut self, name: &str) -> Result<Field<'a>, Fault> {
        self.fields.remove(name).ok_or_else(|| Fault::new(self.line, format!("this entry has no {name}")))
    }

    /// The value of a field of one line, and the line.
    pub(super) fn take(&mut self, name: &str) -> Result<(&'a str, usize), Fault> {
        let field = self.field(name)?;
        if !field.block.is_empty() {
            return Err(Fault::new(field.line + 1, format!("{name} has one line only")));
        }
        Ok((field.value, field.line))
    }

    /// A value that is one word.
    pub(super) fn word(&mut self, name: &str) -> Result<String, Fault> {
        let (value, line) = self.take(name)?;
        if value.is_empty() || value.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Fault::new(line, format!("{name} '{}' is not one word", excerpt(value))));
        }
        Ok(value.to_owned())
    }

    /// A value that may have blanks, but no control characters.
    pub(super) fn text(&mut self, name: &str) -> Result<String, Fault> {
        let (value, line) = self.take(name)?;
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(Fault::new(line, format!("{name} '{}' is empty or has control characters", excerpt(value))));
        }
        Ok(value.to_owned())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// The lines below a field, for people.
    pub(super) fn lines(&mut self, name: &str) -> Result<Vec<String>, Fault> {
        let (block, line) = self.block(name)?;
        match block.iter().position(|text| text.chars().any(char::is_control)) {
            Some(offset) => Err(Fault::new(line + 1 + offset, format!("{name} has control characters"))),
            None => Ok(block.into_iter().map(str::to_owned).collect()),
        }
    }

    pub(super) fn parse<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Result<T, Fault> {
        let (value, line) = self.take(name)?;
        value.parse().map_err(|error: T::Err| Fault::new(line, format!("{name}: {error}")))
    }

    pub(super) fn path(&mut self, name: &str) -> Result<String, Fault> {
        let (value, line) = self.take(name)?;
        check_path(value, line)?;
        Ok(value.to_owned())
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Fault> {
        if !self.has(name) {
            return Ok(false);
        }
        match self.take(name)? {
            ("yes", _) => Ok(true),
            ("no", _) => Ok(false),
            (value, line) => Err(Fault::new(line, format!("{name} '{}' is neither yes nor no", excerpt(value)))),
        }
    }

    pub(super) fn files(&mut self) -> Result<Vec<LockedFile>, Fault> {
        let (block, line) = self.block("Files")?;
        block.iter().enumerate().map(|(offset, text)| read_file(text, line + 1 + offset)).collect()
    }

    pub(super) fn stanza(&mut self) -> Result<(String, usize), Fault> {
        let (block, line) = self.block("Stanza")?;
        let mut stanza = String::with_capacity(block.iter().map(|line| line.len() + 1).sum());
        for text in block {
            stanza.push_str(text);
            stanza.push('\n');
        }
        Ok((stanza, line))
    }

    pub(super) fn block(&mut self, name: &str) -> Result<(Vec<&'a str>, usize), Fault> {
        let field = self.field(name)?;
        if !field.value.is_empty() {
            return Err(Fault::new(field.line, format!("{name} has its value in the lines below, not here")));
        }
        Ok((field.block, field.line))
    }

    /// Nothing may be left that was not asked for.
    pub(super) fn finish(&self) -> Result<(), Fault> {
        let unknown = self.fields.iter().min_by_key(|(_, field)| field.line);
        unknown.map_or(Ok(()), |(name, field)| {
            Err(Fault::new(field.line, format!("'{}' is not a field of {} entries", excerpt(name), self.kind)))
        })
    }
}

fn read_file(text: &str, line: usize) -> Result<LockedFile, Fault> {
    let mut words = text.splitn(3, ' ');
    let (Some(sha256), Some(size), Some(path)) = (words.next(), words.next(), words.next()) else {
        return Err(Fault::new(line, "SHA-256, size and path are expected"));
    };
    check_path(path, line)?;
    let sha256 = sha256.parse().map_err(|error| Fault::new(line, format!("{error}")))?;
    let size = size.parse().map_err(|_| Fault::new(line, format!("'{}' is not a size", excerpt(size))))?;
    Ok(LockedFile { path: path.to_owned(), size, sha256 })
}

/// Paths of a lock become paths on this machine, so they must stay in their folder.
fn check_path(path: &str, line: usize) -> Result<(), Fault> {
    let stays = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if stays && !path.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Fault::new(line, format!("path '{}' is not a plain relative path", excerpt(path))))
}
