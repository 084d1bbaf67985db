//! The text form of locks of RPM packages.

use std::collections::HashMap;
use std::io;

use super::super::paragraph::excerpt;
use super::LockedFile;
#[cfg(test)]
use super::entries::written;
use super::entries::{Entry, Fault, LockError, field, hand_over, open, sorted, write_block, write_files, write_head};
use super::rpm::{LockedRepository, LockedRpm, LockedTree, RpmLock};

/// No package is larger than this, in bytes; nothing is fetched for a lock that says so.
const LARGEST: u64 = 1 << 40;
/// No repository's list of its files is larger.
const LARGEST_REPOMD: u64 = 4 << 20;
/// Where each repository has that list.
pub const REPOMD: &str = "repodata/repomd.xml";

impl RpmLock {
    /// The lock as text, piece by piece: that of a large archive has hundreds of megabytes. The order of entries in memory does not
    /// matter.
    pub fn write_to(&self, file: &mut dyn io::Write) -> io::Result<()> {
        let mut text = String::new();
        write_head(&mut text, "rpm");
        for repository in sorted(&self.repositories) {
            write_repository(&mut text, repository);
            hand_over(&mut text, file)?;
        }
        for package in sorted(&self.packages) {
            write_package(&mut text, package);
            hand_over(&mut text, file)?;
        }
        for tree in sorted(&self.trees) {
            write_tree(&mut text, tree);
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

fn write_repository(text: &mut String, repository: &LockedRepository) {
    text.push('\n');
    field(text, "Repository", &repository.place);
    if let Some(LockedFile { size, sha256, .. }) = &repository.repomd {
        field(text, "Repomd-Sha256", &sha256.to_string());
        field(text, "Repomd-Size", &size.to_string());
        write_files(text, &repository.files);
    }
}

fn write_package(text: &mut String, package: &LockedRpm) {
    text.push('\n');
    field(text, "Package", &package.name);
    field(text, "Epoch", &package.epoch.to_string());
    field(text, "Version", &package.version);
    field(text, "Release", &package.release);
    field(text, "Architecture", &package.arch);
    field(text, "Sha256", &package.file.sha256.to_string());
    field(text, "Size", &package.file.size.to_string());
    if !package.is_source() {
        field(text, "Source", &package.source);
    }
    field(text, "Repository", &package.repository);
    field(text, "Path", &package.file.path);
    if let Some(sigkey) = &package.sigkey {
        field(text, "Sigkey", sigkey);
    }
}

fn write_tree(text: &mut String, tree: &LockedTree) {
    text.push('\n');
    field(text, "Tree", &tree.tree);
    for (name, lines) in [("Missing", &tree.missing), ("Unresolved", &tree.unresolved)] {
        if !lines.is_empty() {
            write_block(text, name, lines);
        }
    }
}

fn read(text: &str) -> Result<RpmLock, Fault> {
    let (ecosystem, head, entries) = open(text)?;
    if ecosystem != "rpm" {
        return Err(Fault::new(head.line + 1, format!("it is a lock of {ecosystem} packages, not of rpm packages")));
    }
    head.finish()?;
    let mut lock = RpmLock::default();
    let mut seen = Seen::default();
    for mut entry in entries {
        match entry.kind {
            "Repository" => lock.repositories.push(read_repository(&mut entry, &mut seen)?),
            "Package" => lock.packages.push(read_package(&mut entry, &mut seen)?),
            "Tree" => lock.trees.push(read_tree(&mut entry, &mut seen)?),
            other => {
                let reason = format!("an entry begins with Repository, Package or Tree, not with {}", excerpt(other));
                return Err(Fault::new(entry.line, reason));
            }
        }
        entry.finish()?;
    }
    if let Some((place, line)) = seen.unknown_repository(&lock) {
        return Err(Fault::new(line, format!("the lock has no entry of the repository {}", excerpt(place))));
    }
    lock.repositories.sort();
    lock.packages.sort();
    lock.trees.sort();
    Ok(lock)
}

fn read_repository(entry: &mut Entry<'_>, seen: &mut Seen) -> Result<LockedRepository, Fault> {
    let place = entry.text("Repository")?;
    seen.once("repository", &place, entry.line)?;
    if !entry.has("Repomd-Sha256") {
        return Ok(LockedRepository { place, repomd: None, files: Vec::new() });
    }
    let size = read_size(entry, "Repomd-Size", LARGEST_REPOMD)?;
    let repomd = LockedFile { path: REPOMD.to_owned(), size, sha256: entry.parse("Repomd-Sha256")? };
    Ok(LockedRepository { place, repomd: Some(repomd), files: entry.files()? })
}

fn read_package(entry: &mut Entry<'_>, seen: &mut Seen) -> Result<LockedRpm, Fault> {
    let package = LockedRpm {
        name: entry.word("Package")?,
        epoch: entry.parse("Epoch")?,
        version: entry.word("Version")?,
        release: entry.word("Release")?,
        arch: entry.word("Architecture")?,
        source: if entry.has("Source") { entry.word("Source")? } else { String::new() },
        repository: entry.text("Repository")?,
        file: LockedFile { path: entry.path("Path")?, size: read_size(entry, "Size", LARGEST)?, sha256: entry.parse("Sha256")? },
        sigkey: if entry.has("Sigkey") { Some(entry.word("Sigkey")?) } else { None },
    };
    if !package.file.path.as_bytes().ends_with(b".rpm") {
        return Err(Fault::new(entry.line, format!("the path '{}' does not end in .rpm", excerpt(&package.file.path))));
    }
    seen.once("package file", package.file_name(), entry.line)?;
    seen.used.entry(package.repository.clone()).or_insert(entry.line);
    Ok(package)
}

fn read_tree(entry: &mut Entry<'_>, seen: &mut Seen) -> Result<LockedTree, Fault> {
    let mut lines = |name| if entry.has(name) { entry.lines(name) } else { Ok(Vec::new()) };
    let (missing, unresolved) = (lines("Missing")?, lines("Unresolved")?);
    let tree = entry.word("Tree")?;
    seen.once("tree", &tree, entry.line)?;
    Ok(LockedTree { tree, missing, unresolved })
}

fn read_size(entry: &mut Entry<'_>, name: &str, largest: u64) -> Result<u64, Fault> {
    let size: u64 = entry.parse(name)?;
    if (1..=largest).contains(&size) {
        return Ok(size);
    }
    Err(Fault::new(entry.line, format!("{name} {size} is not the size of such a file: 1 to {largest} bytes are expected")))
}

/// What has been read already, to find entries that are there twice.
#[derive(Default)]
struct Seen {
    entries: HashMap<(&'static str, String), usize>,
    /// The places of repositories that packages name, with the line of the first one.
    used: HashMap<String, usize>,
}

impl Seen {
    fn once(&mut self, kind: &'static str, name: &str, line: usize) -> Result<(), Fault> {
        match self.entries.insert((kind, name.to_owned()), line) {
            None => Ok(()),
            Some(first) => Err(Fault::new(line, format!("{kind} {} is there twice, first in line {first}", excerpt(name)))),
        }
    }

    /// The first repository that packages name and that the lock does not have.
    fn unknown_repository(&self, lock: &RpmLock) -> Option<(&str, usize)> {
        let unknown = self.used.iter().filter(|(place, _)| lock.repository(place).is_none());
        unknown.map(|(place, line)| (place.as_str(), *line)).min_by_key(|(_, line)| *line)
    }
}

#[cfg(test)]
mod tests;
