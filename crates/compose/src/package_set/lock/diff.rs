//! What changed between two locks, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{AnyLock, Lock, RpmLock};
use crate::digest::Sha256;

/// One package or source that is not the same in two locks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockChange {
    pub name: String,
    /// `None` for a source package of Debian's, which has none.
    pub arch: Option<String>,
    pub change: Change,
}

/// How it changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    Added {
        version: String,
    },
    Removed {
        version: String,
    },
    Version {
        from: String,
        to: String,
    },
    /// The same version with other files, which an archive should never do.
    Content {
        version: String,
    },
}

impl fmt::Display for LockChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, arch) = (&self.name, self.arch.as_deref().unwrap_or("source"));
        match &self.change {
            Change::Added { version } => write!(formatter, "added {name}:{arch} {version}"),
            Change::Removed { version } => write!(formatter, "removed {name}:{arch} {version}"),
            Change::Version { from, to } => write!(formatter, "changed {name}:{arch} {from} -> {to}"),
            Change::Content { version } => write!(formatter, "changed {name}:{arch} {version}: same version, other content"),
        }
    }
}

/// By version, the digests of what it consists of.
type Versions = BTreeMap<String, BTreeSet<Sha256>>;

/// All versions by name, whether it is a source without an arch, and arch.
type Listed<'a> = BTreeMap<(&'a str, bool, &'a str), Versions>;

impl Lock {
    /// What `new` has otherwise than `old`, by name and arch, sources after the binary packages of their name.
    pub fn diff(old: &Self, new: &Self) -> Vec<LockChange> {
        diff(&old.versions(), &new.versions())
    }

    fn versions(&self) -> Listed<'_> {
        let mut listed = Listed::new();
        for package in &self.packages {
            let entry = listed.entry((&package.name, false, &package.arch)).or_default();
            entry.entry(package.version.clone()).or_default().insert(package.file.sha256);
        }
        for source in &self.sources {
            let entry = listed.entry((&source.name, true, "")).or_default();
            entry.entry(source.version.clone()).or_default().extend(source.files.iter().map(|file| file.sha256));
        }
        listed
    }
}

impl RpmLock {
    /// What `new` has otherwise than `old`, by name and arch.
    pub fn diff(old: &Self, new: &Self) -> Vec<LockChange> {
        diff(&old.versions(), &new.versions())
    }

    fn versions(&self) -> Listed<'_> {
        let mut listed = Listed::new();
        for package in &self.packages {
            let entry = listed.entry((&package.name, false, &package.arch)).or_default();
            entry.entry(package.evr()).or_default().insert(package.file.sha256);
        }
        listed
    }
}

impl AnyLock {
    /// What `new` has otherwise than `old`. Of locks of two worlds, everything.
    pub fn diff(old: &Self, new: &Self) -> Vec<LockChange> {
        diff(&old.versions(), &new.versions())
    }

    fn versions(&self) -> Listed<'_> {
        match self {
            Self::Debs(lock) => lock.versions(),
            Self::Rpms(lock) => lock.versions(),
        }
    }
}

fn diff(old: &Listed<'_>, new: &Listed<'_>) -> Vec<LockChange> {
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let none = Versions::new();
    let of_key = |key: &(&str, bool, &str)| {
        let changes = changes(old.get(key).unwrap_or(&none), new.get(key).unwrap_or(&none));
        let (name, arch) = (key.0.to_owned(), (!key.1).then(|| key.2.to_owned()));
        changes.into_iter().map(move |change| LockChange { name: name.clone(), arch: arch.clone(), change })
    };
    keys.into_iter().flat_map(of_key).collect()
}

/// Versions that went and versions that came are taken for pairs, as far as they go.
fn changes(old: &Versions, new: &Versions) -> Vec<Change> {
    let mut gone = old.keys().filter(|version| !new.contains_key(*version)).cloned();
    let mut come = new.keys().filter(|version| !old.contains_key(*version)).cloned();
    let mut changes = Vec::new();
    loop {
        changes.push(match (gone.next(), come.next()) {
            (Some(from), Some(to)) => Change::Version { from, to },
            (Some(version), None) => Change::Removed { version },
            (None, Some(version)) => Change::Added { version },
            (None, None) => break,
        });
    }
    let other = old.iter().filter(|(version, digests)| new.get(*version).is_some_and(|new| new != *digests));
    changes.extend(other.map(|(version, _)| Change::Content { version: version.clone() }));
    changes
}
