//! The lock of a compose of RPM packages.
//!
//! Unlike that of Debian packages it holds no index entries: what a package requires stands in its own header, which is read from
//! the file, and the lock says by digest which file that is. What the lock's text cannot be trusted for is thereby proven by the
//! file: that it is this package, of this source, with this signature.
//!
//! Must not know: how packages are chosen, where files are kept.

use serde::{Deserialize, Serialize};

use super::LockedFile;

/// Everything that a compose is made of, as text: see [`RpmLock::read`] for the format.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpmLock {
    /// Sorted by place.
    pub repositories: Vec<LockedRepository>,
    /// Sorted by name, epoch, version, release, arch.
    pub packages: Vec<LockedRpm>,
    /// Those of which something was wanted in vain, sorted by name.
    pub trees: Vec<LockedTree>,
}

/// A repository from which packages were taken, or which satisfied requirements.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockedRepository {
    /// A folder or URL, as the configuration has it.
    pub place: String,
    /// The `repomd.xml` that was believed; none where a folder of packages has no metadata.
    pub repomd: Option<LockedFile>,
    /// The files that it names and that were read.
    pub files: Vec<LockedFile>,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LockedRpm {
    pub name: String,
    pub epoch: u32,
    pub version: String,
    pub release: String,
    /// `src` or `nosrc` for source packages.
    pub arch: String,
    /// File name of the source package; empty for a source package.
    pub source: String,
    /// The place of its repository.
    pub repository: String,
    /// The file, relative to the repository.
    pub file: LockedFile,
    /// Who signed it, by the last digits of the key, if anybody did.
    pub sigkey: Option<String>,
}

/// What one variant and arch asked for in vain when the lock was made. What a compose from the lock lacks besides makes it unfit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LockedTree {
    /// `Server.x86_64`.
    pub tree: String,
    /// Each line is about one name or pattern, and ends with it.
    pub missing: Vec<String>,
    /// Each line is about one requirement.
    pub unresolved: Vec<String>,
}

impl LockedRpm {
    /// `epoch:version-release`, without the epoch if that is 0.
    pub fn evr(&self) -> String {
        let epoch = if self.epoch == 0 { String::new() } else { format!("{}:", self.epoch) };
        format!("{epoch}{}-{}", self.version, self.release)
    }

    /// `name-evr.arch`.
    pub fn nevra(&self) -> String {
        format!("{}-{}.{}", self.name, self.evr(), self.arch)
    }

    pub fn is_source(&self) -> bool {
        self.source.is_empty()
    }

    /// The last part of its path: no two packages of a compose have the same.
    pub fn file_name(&self) -> &str {
        self.file.path.rsplit_once('/').map_or(&self.file.path, |(_, name)| name)
    }

    /// The name of the source package.
    pub fn source_name(&self) -> &str {
        let source = if self.is_source() { return &self.name } else { &self.source };
        source.rsplitn(3, '-').nth(2).unwrap_or(source)
    }
}

impl RpmLock {
    pub fn repository(&self, place: &str) -> Option<&LockedRepository> {
        self.repositories.iter().find(|repository| repository.place == place)
    }

    pub fn tree(&self, name: &str) -> Option<&LockedTree> {
        self.trees.iter().find(|tree| tree.tree == name)
    }
}
