//! The lock: the only way packages enter a compose.
//!
//! It is a text file that people keep in version control and read the changes of, so it is made of lines that change one by one:
//! sorted paragraphs in the manner of Debian's control files, one per package, no counters, no offsets. Each package and
//! source carries the archive's own index entry (`Stanza`). That repeats what other fields say, and is most of the file; but with
//! it `charmer compose --lock FILE` needs no index at all: dependencies are read from the stanzas, repositories are written
//! with them to the byte, and an archive that has moved on, or that no longer exists, changes nothing but where files are
//! fetched from. Reading proves that the stanza and the fields agree, so an edited lock cannot say one thing to gather and
//! another to apt.
//!
//! Must not know: how versions are chosen, where files are kept.

mod diff;
mod entries;
mod rpm;
mod rpm_text;
mod text;

use std::collections::BTreeSet;
use std::sync::Arc;

pub use diff::{Change, LockChange};
pub use entries::LockError;
pub use rpm::{LockedRepository, LockedRpm, LockedTree, RpmLock};
pub use rpm_text::REPOMD;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;

/// Everything that a compose is made of, as text: see [`Lock::read`] for the format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// `deb` or `rpm`.
    pub ecosystem: String,
    /// Seconds since 1970: the newest date of the indexes, or, where no index has one, of the resolving. It is the
    /// `SOURCE_DATE_EPOCH` of the compose unless the environment names one.
    pub date: i64,
    pub indexes: Vec<LockedIndex>,
    /// Sorted by name, version, arch.
    pub packages: Vec<Arc<LockedPackage>>,
    /// Sorted by name, version.
    pub sources: Vec<Arc<LockedSource>>,
}

/// One signed index from which packages were taken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockedIndex {
    /// The archive's name in the configuration.
    pub archive: String,
    pub suite: String,
    /// Of the InRelease (or Release) file.
    pub release_sha256: Sha256,
    /// As the Release file gives it.
    pub date: String,
    /// As the Release file gives it; empty if it has none.
    pub version: String,
    /// Nobody's signature was checked, because the configuration says `trusted = true`.
    pub trusted: bool,
    /// The index files that were read, as named in the Release file: `main/binary-amd64/Packages.xz`.
    pub files: Vec<LockedFile>,
}

/// A file by name, size and digest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LockedFile {
    /// Relative to the folder that holds it; no part of it is `..`, and it is not absolute.
    pub path: String,
    pub size: u64,
    pub sha256: Sha256,
}

/// One binary package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LockedPackage {
    pub name: String,
    pub version: String,
    pub arch: Arc<str>,
    /// The source package's name and version.
    pub source: String,
    pub source_version: String,
    /// The archive's name in the configuration.
    pub archive: Arc<str>,
    /// The component it has in its archive; `main` for overlays that say nothing else.
    pub component: Arc<str>,
    /// The file, relative to the archive's base URL or the overlay folder.
    pub file: LockedFile,
    /// The archive's own index entry, to the byte, without the empty line at its end. Each line ends with a line end.
    pub stanza: String,
    /// It is in the lock to satisfy dependencies, from a lookaside archive; no repository of the compose holds it.
    pub lookaside: bool,
}

/// Keeps words that many packages have once in memory: arches, archives, components.
#[derive(Debug, Default)]
pub struct Interner(BTreeSet<Arc<str>>);

impl Interner {
    pub fn intern(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.0.get(word) {
            return known.clone();
        }
        let word: Arc<str> = word.into();
        self.0.insert(word.clone());
        word
    }
}

/// One source package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LockedSource {
    pub name: String,
    pub version: String,
    pub archive: String,
    pub component: String,
    /// The .dsc and what it names, relative to the archive's base URL or the overlay folder.
    pub files: Vec<LockedFile>,
    /// The archive's own index entry, as for packages.
    pub stanza: String,
}

/// A lock of either package world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyLock {
    Debs(Lock),
    Rpms(RpmLock),
}

impl AnyLock {
    /// Reads a lock of the world that it says it is of.
    pub fn read(text: &str, file: &str) -> Result<Self, LockError> {
        let (ecosystem, ..) = entries::open(text).map_err(|fault| fault.of(file))?;
        if ecosystem == "rpm" { RpmLock::read(text, file).map(Self::Rpms) } else { Lock::read(text, file).map(Self::Debs) }
    }

    /// How many packages it locks, without those of the Debian world that are sources.
    pub fn packages(&self) -> usize {
        match self {
            Self::Debs(lock) => lock.packages.len(),
            Self::Rpms(lock) => lock.packages.len(),
        }
    }
}

#[cfg(test)]
impl LockedPackage {
    /// A package for amd64 that lies nowhere.
    pub(crate) fn example(name: &str, version: &str) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            arch: "amd64".into(),
            source: name.into(),
            source_version: version.into(),
            archive: "debian".into(),
            component: "main".into(),
            file: LockedFile { path: "pool/x.deb".into(), size: 1, sha256: Sha256::of(b"") },
            stanza: String::new(),
            lookaside: false,
        }
    }
}

impl LockedPackage {
    /// `name_version_arch`, as Debian writes it.
    pub fn id(&self) -> String {
        format!("{}_{}_{}", self.name, self.version, self.arch)
    }
}
