//! What changed between two locks, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Lock;
use crate::digest::Sha256;

/// One package or source that is not the same in two locks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LockChange {
    pub name: String,
    /// `None` for a source package.
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
type Versions<'a> = BTreeMap<&'a str, BTreeSet<Sha256>>;

impl Lock {
    /// What `new` has otherwise than `old`, by name and arch, sources after the binary packages of their name.
    pub fn diff(old: &Self, new: &Self) -> Vec<LockChange> {
        let (old, new) = (old.versions(), new.versions());
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        let none = Versions::new();
        keys.into_iter()
            .flat_map(|key| {
                let changes = changes(old.get(key).unwrap_or(&none), new.get(key).unwrap_or(&none));
                changes.into_iter().map(|change| LockChange {
                    name: key.0.to_owned(),
                    arch: (!key.1).then(|| key.2.to_owned()),
                    change,
                })
            })
            .collect()
    }

    /// By name, whether it is a source, and arch.
    fn versions(&self) -> BTreeMap<(&str, bool, &str), Versions<'_>> {
        let mut versions: BTreeMap<(&str, bool, &str), Versions> = BTreeMap::new();
        for package in &self.packages {
            let entry = versions.entry((&package.name, false, &package.arch)).or_default();
            entry.entry(&package.version).or_default().insert(package.file.sha256);
        }
        for source in &self.sources {
            let entry = versions.entry((&source.name, true, "")).or_default();
            entry.entry(&source.version).or_default().extend(source.files.iter().map(|file| file.sha256));
        }
        versions
    }
}

/// Versions that went and versions that came are taken for pairs, as far as they go.
fn changes(old: &Versions, new: &Versions) -> Vec<Change> {
    let mut gone = old.keys().filter(|version| !new.contains_key(*version));
    let mut come = new.keys().filter(|version| !old.contains_key(*version));
    let mut changes = Vec::new();
    loop {
        changes.push(match (gone.next(), come.next()) {
            (Some(from), Some(to)) => Change::Version { from: (*from).to_owned(), to: (*to).to_owned() },
            (Some(version), None) => Change::Removed { version: (*version).to_owned() },
            (None, Some(version)) => Change::Added { version: (*version).to_owned() },
            (None, None) => break,
        });
    }
    let other = old.iter().filter(|(version, digests)| new.get(*version).is_some_and(|new| new != *digests));
    changes.extend(other.map(|(version, _)| Change::Content { version: (*version).to_owned() }));
    changes
}
