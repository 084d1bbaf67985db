//! The lock's text form.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::paragraph::excerpt;
use super::{Lock, LockedFile, LockedIndex, LockedPackage, LockedSource};
use crate::digest::Sha256;

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

impl Lock {
    /// The lock as text. The order of entries in memory does not matter.
    pub fn write(&self) -> String {
        let mut text = String::new();
        let date = Timestamp::from_second(self.date).map_or_else(|_| self.date.to_string(), |date| date.to_string());
        field(&mut text, "Charmer-Lock", FORMAT);
        field(&mut text, "Ecosystem", &self.ecosystem);
        field(&mut text, "Date", &date);
        for index in sorted(&self.indexes) {
            write_index(&mut text, index);
        }
        for package in sorted(&self.packages) {
            write_package(&mut text, package);
        }
        for source in sorted(&self.sources) {
            write_source(&mut text, source);
        }
        text
    }

    /// Reads a lock. `file` is for error messages. Entries may be in any order; those of the result are sorted.
    pub fn read(text: &str, file: &str) -> Result<Self, LockError> {
        read(text).map_err(|Fault { line, reason }| LockError { file: file.to_owned(), line, reason })
    }
}

fn sorted<T: Ord>(entries: &[T]) -> Vec<&T> {
    let mut entries: Vec<_> = entries.iter().collect();
    entries.sort();
    entries
}

fn write_index(text: &mut String, index: &LockedIndex) {
    text.push('\n');
    field(text, "Index", &index.archive);
    field(text, "Suite", &index.suite);
    field(text, "Release-Sha256", &index.release_sha256.to_string());
    field(text, "Date", &index.date);
    field(text, "Version", &index.version);
    if index.trusted {
        field(text, "Trusted", "yes");
    }
    write_files(text, &index.files);
}

fn write_package(text: &mut String, package: &LockedPackage) {
    text.push('\n');
    field(text, "Package", &package.name);
    field(text, "Version", &package.version);
    field(text, "Architecture", &package.arch);
    field(text, "Sha256", &package.file.sha256.to_string());
    field(text, "Size", &package.file.size.to_string());
    field(text, "Source", &package.source);
    field(text, "Source-Version", &package.source_version);
    field(text, "Archive", &package.archive);
    field(text, "Component", &package.component);
    field(text, "Path", &package.file.path);
    if package.lookaside {
        field(text, "Lookaside", "yes");
    }
    write_stanza(text, &package.stanza);
}

fn write_source(text: &mut String, source: &LockedSource) {
    text.push('\n');
    field(text, "Source-Package", &source.name);
    field(text, "Version", &source.version);
    field(text, "Archive", &source.archive);
    field(text, "Component", &source.component);
    write_files(text, &source.files);
    write_stanza(text, &source.stanza);
}

/// A field of one line. A line end in the value, which nothing that charmer reads can have, must not become a field of its own.
fn field(text: &mut String, name: &str, value: &str) {
    let blank = if value.is_empty() { "" } else { " " };
    writeln!(text, "{name}:{blank}{}", value.replace('\n', " ")).expect("a string takes everything");
}

fn write_files(text: &mut String, files: &[LockedFile]) {
    text.push_str("Files:\n");
    for LockedFile { path, size, sha256 } in files {
        writeln!(text, " {sha256} {size} {}", path.replace('\n', " ")).expect("a string takes everything");
    }
}

/// Each line after one space, so that an empty line does not end the paragraph and everything comes back to the byte.
fn write_stanza(text: &mut String, stanza: &str) {
    text.push_str("Stanza:\n");
    for line in stanza.split_inclusive('\n') {
        text.push(' ');
        text.push_str(line);
    }
    if !stanza.is_empty() && !stanza.ends_with('\n') {
        text.push('\n');
    }
}

/// What is wrong, and in which line.
struct Fault {
    line: usize,
    reason: String,
}

impl Fault {
    fn new(line: usize, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

fn read(text: &str) -> Result<Lock, Fault> {
    let mut entries = split_entries(text)?.into_iter();
    let mut head = entries.next().ok_or_else(|| Fault::new(1, "it is empty: it is not a lock of charmer"))?;
    let mut lock = read_head(&mut head)?;
    head.finish()?;
    let mut seen = Seen::default();
    for mut entry in entries {
        match entry.kind {
            "Index" => lock.indexes.push(seen.index(read_index(&mut entry)?, entry.line)?),
            "Package" => lock.packages.push(seen.package(read_package(&mut entry, &lock.ecosystem)?, entry.line)?),
            "Source-Package" => lock.sources.push(seen.source(read_source(&mut entry, &lock.ecosystem)?, entry.line)?),
            other => {
                let reason = format!("an entry begins with Index, Package or Source-Package, not with {}", excerpt(other));
                return Err(Fault::new(entry.line, reason));
            }
        }
        entry.finish()?;
    }
    lock.indexes.sort();
    lock.packages.sort();
    lock.sources.sort();
    Ok(lock)
}

fn read_head(head: &mut Entry) -> Result<Lock, Fault> {
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
    let (date, line) = head.take("Date")?;
    let seconds = date.parse().or_else(|_| date.parse::<Timestamp>().map(Timestamp::as_second));
    let date =
        seconds.map_err(|_| Fault::new(line, format!("Date '{}' is not of the form 2026-01-31T12:00:00Z", excerpt(date))))?;
    Ok(Lock { ecosystem: ecosystem.to_owned(), date, indexes: Vec::new(), packages: Vec::new(), sources: Vec::new() })
}

fn read_index(entry: &mut Entry) -> Result<LockedIndex, Fault> {
    Ok(LockedIndex {
        archive: entry.word("Index")?,
        suite: entry.word("Suite")?,
        release_sha256: entry.parse("Release-Sha256")?,
        date: entry.take("Date")?.0.to_owned(),
        version: entry.take("Version")?.0.to_owned(),
        trusted: entry.flag("Trusted")?,
        files: entry.files()?,
    })
}

fn read_package(entry: &mut Entry, ecosystem: &str) -> Result<LockedPackage, Fault> {
    let package = LockedPackage {
        name: entry.word("Package")?,
        version: entry.word("Version")?,
        arch: entry.word("Architecture")?,
        source: entry.word("Source")?,
        source_version: entry.word("Source-Version")?,
        archive: entry.word("Archive")?,
        component: entry.word("Component")?,
        file: LockedFile { path: entry.path("Path")?, size: entry.parse("Size")?, sha256: entry.parse("Sha256")? },
        lookaside: entry.flag("Lookaside")?,
        stanza: String::new(),
    };
    let (stanza, line) = entry.stanza()?;
    if ecosystem == "deb" {
        let (size, sha256) = (package.file.size.to_string(), package.file.sha256.to_string());
        let expected = [
            ("Package", package.name.as_str()),
            ("Version", &package.version),
            ("Architecture", &package.arch),
            ("Size", &size),
            ("SHA256", &sha256),
            ("Filename", &package.file.path),
        ];
        check_stanza(&stanza, line, &expected)?;
    }
    Ok(LockedPackage { stanza, ..package })
}

fn read_source(entry: &mut Entry, ecosystem: &str) -> Result<LockedSource, Fault> {
    let source = LockedSource {
        name: entry.word("Source-Package")?,
        version: entry.word("Version")?,
        archive: entry.word("Archive")?,
        component: entry.word("Component")?,
        files: entry.files()?,
        stanza: String::new(),
    };
    let (stanza, line) = entry.stanza()?;
    if ecosystem == "deb" {
        check_stanza(&stanza, line, &[("Package", &source.name), ("Version", &source.version)])?;
        check_digests(&stanza, line, &source.files)?;
    }
    Ok(LockedSource { stanza, ..source })
}

/// An index entry must have each of these fields and say in it what the lock says. `line` is that of `Stanza:` itself.
fn check_stanza(stanza: &str, line: usize, expected: &[(&str, &str)]) -> Result<(), Fault> {
    let mut found = vec![false; expected.len()];
    for (offset, text) in stanza.lines().enumerate() {
        let Some((name, value)) = text.split_once(':').filter(|_| !text.starts_with([' ', '\t'])) else {
            if text.trim().is_empty() {
                return Err(Fault::new(line + 1 + offset, "an empty line in a Stanza, which is one entry of an index"));
            }
            continue;
        };
        let Some(position) = expected.iter().position(|(field, _)| field.eq_ignore_ascii_case(name)) else { continue };
        let (value, wanted) = (value.trim(), expected[position].1);
        // Flat archives write `./` in front.
        let plain = value.strip_prefix("./").unwrap_or(value);
        // Some archives write digests with capital letters.
        if plain != wanted && !(name.eq_ignore_ascii_case("SHA256") && plain.eq_ignore_ascii_case(wanted)) {
            let reason = format!("the Stanza says {name} '{}', but the lock says '{wanted}'", excerpt(value));
            return Err(Fault::new(line + 1 + offset, reason));
        }
        found[position] = true;
    }
    match found.iter().position(|found| !found) {
        Some(missing) => Err(Fault::new(line, format!("the Stanza has no {}", expected[missing].0))),
        None => Ok(()),
    }
}

/// The files of a source's index entry are those of the lock, by name, size and SHA-256.
fn check_digests(stanza: &str, line: usize, files: &[LockedFile]) -> Result<(), Fault> {
    let mut listed: Vec<Vec<String>> = Vec::new();
    let mut within = false;
    for text in stanza.lines() {
        if !text.starts_with([' ', '\t']) {
            within = text.split_once(':').is_some_and(|(name, _)| name.eq_ignore_ascii_case("Checksums-Sha256"));
        } else if within {
            let mut words: Vec<_> = text.split_whitespace().map(str::to_owned).collect();
            words.first_mut().into_iter().for_each(|digest| digest.make_ascii_lowercase());
            listed.push(words);
        }
    }
    let name = |file: &LockedFile| file.path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut locked: Vec<_> = files.iter().map(|file| vec![file.sha256.to_string(), file.size.to_string(), name(file)]).collect();
    listed.sort();
    locked.sort();
    if listed == locked { Ok(()) } else { Err(Fault::new(line, "Checksums-Sha256 of the Stanza and Files of the lock differ")) }
}

/// What has been read already, to find entries that are there twice.
#[derive(Default)]
struct Seen {
    entries: HashMap<[String; 4], usize>,
    files: HashMap<(String, String), (Sha256, usize)>,
}

impl Seen {
    fn index(&mut self, index: LockedIndex, line: usize) -> Result<LockedIndex, Fault> {
        self.once(["index", &index.archive, &index.suite, ""], line)?;
        Ok(index)
    }

    fn package(&mut self, package: LockedPackage, line: usize) -> Result<Arc<LockedPackage>, Fault> {
        self.once(["package", &package.name, &package.version, &package.arch], line)?;
        self.same_file(&package.archive, &package.file, line)?;
        Ok(Arc::new(package))
    }

    fn source(&mut self, source: LockedSource, line: usize) -> Result<Arc<LockedSource>, Fault> {
        self.once(["source package", &source.name, &source.version, ""], line)?;
        source.files.iter().try_for_each(|file| self.same_file(&source.archive, file, line))?;
        Ok(Arc::new(source))
    }

    fn once(&mut self, key: [&str; 4], line: usize) -> Result<(), Fault> {
        let Some(first) = self.entries.insert(key.map(str::to_owned), line) else { return Ok(()) };
        let words: Vec<_> = key.into_iter().filter(|word| !word.is_empty()).collect();
        Err(Fault::new(line, format!("{} is there twice, first in line {first}", words.join(" "))))
    }

    fn same_file(&mut self, archive: &str, file: &LockedFile, line: usize) -> Result<(), Fault> {
        let (sha256, first) = *self.files.entry((archive.to_owned(), file.path.clone())).or_insert_with(|| (file.sha256, line));
        if sha256 == file.sha256 {
            return Ok(());
        }
        Err(Fault::new(line, format!("{} has another SHA-256 than in the entry of line {first}", file.path)))
    }
}

/// One paragraph, whose fields are taken out one by one until none is left.
struct Entry<'a> {
    line: usize,
    /// The name of its first field.
    kind: &'a str,
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
    fn take(&mut self, name: &str) -> Result<(&'a str, usize), Fault> {
        let field = self.field(name)?;
        if !field.block.is_empty() {
            return Err(Fault::new(field.line + 1, format!("{name} has one line only")));
        }
        Ok((field.value, field.line))
    }

    /// A value that is one word.
    fn word(&mut self, name: &str) -> Result<String, Fault> {
        let (value, line) = self.take(name)?;
        if value.is_empty() || value.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Fault::new(line, format!("{name} '{}' is not one word", excerpt(value))));
        }
        Ok(value.to_owned())
    }

    fn parse<T: FromStr<Err: std::fmt::Display>>(&mut self, name: &str) -> Result<T, Fault> {
        let (value, line) = self.take(name)?;
        value.parse().map_err(|error: T::Err| Fault::new(line, format!("{name}: {error}")))
    }

    fn path(&mut self, name: &str) -> Result<String, Fault> {
        let (value, line) = self.take(name)?;
        check_path(value, line)?;
        Ok(value.to_owned())
    }

    fn flag(&mut self, name: &str) -> Result<bool, Fault> {
        if !self.fields.contains_key(name) {
            return Ok(false);
        }
        match self.take(name)? {
            ("yes", _) => Ok(true),
            ("no", _) => Ok(false),
            (value, line) => Err(Fault::new(line, format!("{name} '{}' is neither yes nor no", excerpt(value)))),
        }
    }

    fn files(&mut self) -> Result<Vec<LockedFile>, Fault> {
        let (block, line) = self.block("Files")?;
        block.iter().enumerate().map(|(offset, text)| read_file(text, line + 1 + offset)).collect()
    }

    fn stanza(&mut self) -> Result<(String, usize), Fault> {
        let (block, line) = self.block("Stanza")?;
        let mut stanza = String::with_capacity(block.iter().map(|line| line.len() + 1).sum());
        for text in block {
            stanza.push_str(text);
            stanza.push('\n');
        }
        Ok((stanza, line))
    }

    fn block(&mut self, name: &str) -> Result<(Vec<&'a str>, usize), Fault> {
        let field = self.field(name)?;
        if !field.value.is_empty() {
            return Err(Fault::new(field.line, format!("{name} has its value in the lines below, not here")));
        }
        Ok((field.block, field.line))
    }

    /// Nothing may be left that was not asked for.
    fn finish(&self) -> Result<(), Fault> {
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

#[cfg(test)]
mod tests;
