//! The text form of locks of Debian packages.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use super::super::paragraph::excerpt;
#[cfg(test)]
use super::entries::written;
use super::entries::{Entry, Fault, LockError, field, hand_over, open, sorted, write_files, write_head};
use super::{Interner, Lock, LockedFile, LockedIndex, LockedPackage, LockedSource};
use crate::digest::Sha256;

impl Lock {
    /// The lock as text, piece by piece: that of a large archive has hundreds of megabytes. The order of entries in memory does not
    /// matter.
    pub fn write_to(&self, file: &mut dyn io::Write) -> io::Result<()> {
        let mut text = String::new();
        let date = Timestamp::from_second(self.date).map_or_else(|_| self.date.to_string(), |date| date.to_string());
        write_head(&mut text, &self.ecosystem);
        field(&mut text, "Date", &date);
        for index in sorted(&self.indexes) {
            write_index(&mut text, index);
            hand_over(&mut text, file)?;
        }
        for package in sorted(&self.packages) {
            write_package(&mut text, package);
            hand_over(&mut text, file)?;
        }
        for source in sorted(&self.sources) {
            write_source(&mut text, source);
            hand_over(&mut text, file)?;
        }
        file.write_all(text.as_bytes())
    }

    #[cfg(test)]
    pub(crate) fn write(&self) -> String {
        written(|text| self.write_to(text))
    }

    /// Reads a lock. `file` is for error messages. Entries may be in any order; those of the result are sorted.
    pub fn read(text: &str, file: &str) -> Result<Self, LockError> {
        read(text).map_err(|fault| fault.of(file))
    }
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

fn read(text: &str) -> Result<Lock, Fault> {
    let (ecosystem, mut head, entries) = open(text)?;
    let date = read_date(&mut head)?;
    head.finish()?;
    let mut lock = Lock { ecosystem, date, indexes: Vec::new(), packages: Vec::new(), sources: Vec::new() };
    let (mut seen, mut words) = (Seen::default(), Interner::default());
    for mut entry in entries {
        match entry.kind {
            "Index" => lock.indexes.push(seen.index(read_index(&mut entry)?, entry.line)?),
            "Package" => lock.packages.push(seen.package(read_package(&mut entry, &lock.ecosystem, &mut words)?, entry.line)?),
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

fn read_date(head: &mut Entry<'_>) -> Result<i64, Fault> {
    let (date, line) = head.take("Date")?;
    let seconds = date.parse().or_else(|_| date.parse::<Timestamp>().map(Timestamp::as_second));
    seconds.map_err(|_| Fault::new(line, format!("Date '{}' is not of the form 2026-01-31T12:00:00Z", excerpt(date))))
}

fn read_index(entry: &mut Entry<'_>) -> Result<LockedIndex, Fault> {
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

fn read_package(entry: &mut Entry<'_>, ecosystem: &str, words: &mut Interner) -> Result<LockedPackage, Fault> {
    let package = LockedPackage {
        name: entry.word("Package")?,
        version: entry.word("Version")?,
        arch: words.intern(&entry.word("Architecture")?),
        source: entry.word("Source")?,
        source_version: entry.word("Source-Version")?,
        archive: words.intern(&entry.word("Archive")?),
        component: words.intern(&entry.word("Component")?),
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

fn read_source(entry: &mut Entry<'_>, ecosystem: &str) -> Result<LockedSource, Fault> {
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

#[cfg(test)]
mod tests;
