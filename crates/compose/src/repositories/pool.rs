//! The pool of an apt repository: where each file lies, and how it gets there from the cache.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::RepositoryError;
use crate::digest::Sha256;
use crate::engine::OutputFile;
use crate::files;
use crate::package_set::lock::{LockedFile, LockedPackage, LockedSource};
use crate::package_set::udebs;

/// Two files that want one place in the pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{first}' and '{second}' are different files that both belong at '{path}'")]
pub struct PoolCollision {
    pub path: String,
    pub first: String,
    pub second: String,
}

/// The files of a pool by their path in the repository.
#[derive(Debug, Default)]
pub(super) struct Pool {
    files: BTreeMap<String, PoolFile>,
}

#[derive(Debug)]
struct PoolFile {
    sha256: Sha256,
    size: u64,
    /// The package that it belongs to, for messages.
    owner: String,
}

impl Pool {
    /// Gives every file its place. A file that several entries share is there once.
    pub(super) fn plan<'a>(
        packages: impl Iterator<Item = &'a LockedPackage>,
        sources: impl Iterator<Item = &'a LockedSource>,
    ) -> Result<Self, RepositoryError> {
        let mut pool = Self::default();
        let mut collisions = Vec::new();
        for package in packages {
            collisions.extend(pool.add(package_path(package)?, &package.file, || package.id()));
        }
        for source in sources {
            for file in &source.files {
                let path = format!("{}/{}", source_folder(source)?, file_name(&file.path)?);
                collisions.extend(pool.add(path, file, || format!("{}_{}_source", source.name, source.version)));
            }
        }
        if collisions.is_empty() { Ok(pool) } else { Err(RepositoryError::Collisions(collisions)) }
    }

    fn add(&mut self, path: String, file: &LockedFile, owner: impl Fn() -> String) -> Option<PoolCollision> {
        match self.files.get(&path) {
            Some(there) if there.sha256 == file.sha256 => None,
            Some(there) => Some(PoolCollision { first: there.owner.clone(), second: owner(), path }),
            None => {
                self.files.insert(path, PoolFile { sha256: file.sha256, size: file.size, owner: owner() });
                None
            }
        }
    }

    /// Every file with its path below `root`.
    pub(super) fn files(&self, root: &str) -> impl Iterator<Item = OutputFile> {
        let file = move |(path, file): (&String, &PoolFile)| OutputFile {
            path: format!("{root}/{path}"),
            size: file.size,
            sha256: file.sha256,
        };
        self.files.iter().map(file)
    }

    pub(super) fn size(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }

    /// Puts every file in its place under `root`; those that are there already stay.
    pub(super) fn link(&self, root: &Path, cached: &(dyn Fn(&Sha256) -> PathBuf + Sync)) -> Result<(), RepositoryError> {
        let mut folders = HashSet::new();
        for (path, file) in &self.files {
            let target = root.join(path);
            let folder = target.parent().expect("a pool path has folders");
            if !folders.contains(folder) {
                fs_err::create_dir_all(folder)?;
                folders.insert(folder.to_owned());
            }
            file.link(&cached(&file.sha256), &target, path)?;
        }
        Ok(())
    }
}

impl PoolFile {
    fn link(&self, original: &Path, target: &Path, path: &str) -> Result<(), RepositoryError> {
        let missing = |reason: String| RepositoryError::FileMissing { owner: self.owner.clone(), path: path.to_owned(), reason };
        let cached = fs_err::metadata(original).map_err(|error| missing(error.to_string()))?;
        if cached.len() != self.size {
            return Err(missing(format!("'{}' has {} bytes, not {}", original.display(), cached.len(), self.size)));
        }
        let Ok(there) = fs_err::symlink_metadata(target) else {
            return Ok(files::link_or_copy(original, target)?);
        };
        let same_file = (there.dev(), there.ino()) == (cached.dev(), cached.ino());
        if same_file || (there.len() == self.size && there.is_file() && Sha256::of_file(target)?.0 == self.sha256) {
            return Ok(());
        }
        // Clients that hold an older index still ask for this file by that index's digest.
        Err(RepositoryError::Occupied { path: path.to_owned(), owner: self.owner.clone() })
    }
}

/// `pool/main/h/hello/hello_2.10-3_amd64.deb`
pub fn package_path(package: &LockedPackage) -> Result<String, RepositoryError> {
    for part in [package.name.as_str(), &package.version, &package.arch] {
        check_part("package", part)?;
    }
    let folder = folder(udebs::pool_component(&package.component), &package.source)?;
    let end = if udebs::are_in(&package.component) { "udeb" } else { "deb" };
    Ok(format!("{folder}/{}_{}_{}.{end}", package.name, without_epoch(&package.version), package.arch))
}

/// `pool/main/h/hello`
pub fn source_folder(source: &LockedSource) -> Result<String, RepositoryError> {
    folder(&source.component, &source.name)
}

fn folder(component: &str, source: &str) -> Result<String, RepositoryError> {
    check_part("component", component)?;
    check_part("source package", source)?;
    Ok(format!("pool/{component}/{}/{source}", prefix(source)))
}

/// Debian's own division of its pool: by first letter, and libraries by the letter after `lib`.
fn prefix(source: &str) -> &str {
    let length = if source.starts_with("lib") { 4 } else { 1 };
    let end = source.char_indices().nth(length).map_or(source.len(), |(end, _)| end);
    &source[..end]
}

fn without_epoch(version: &str) -> &str {
    version.split_once(':').map_or(version, |(_, rest)| rest)
}

fn file_name(path: &str) -> Result<&str, RepositoryError> {
    let name = path.rsplit('/').next().unwrap_or(path);
    check_part("source file", name)?;
    Ok(name)
}

/// A name that is one part of a path: it can neither leave its folder nor break a line of an index.
pub(super) fn check_part(what: &'static str, text: &str) -> Result<(), RepositoryError> {
    let harmless = |byte: u8| byte.is_ascii_graphic() && byte != b'/' && byte != b'\\';
    if text.is_empty() || text.starts_with('.') || !text.bytes().all(harmless) {
        return Err(RepositoryError::Name { what, value: text.chars().take(80).collect() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_those_of_the_debian_archive() {
        assert_eq!(folder("main", "hello").unwrap(), "pool/main/h/hello");
        assert_eq!(folder("main", "libreoffice").unwrap(), "pool/main/libr/libreoffice");
        assert_eq!(folder("non-free", "lib").unwrap(), "pool/non-free/lib/lib");
        assert_eq!(without_epoch("1:2.0-1"), "2.0-1");
    }

    #[test]
    fn names_that_would_leave_the_pool_are_refused() {
        for name in ["", "..", ".hidden", "a/b", "a\nb", "a b", "a\0", "é"] {
            assert!(folder("main", name).is_err(), "{name:?}");
            assert!(folder(name, "hello").is_err(), "{name:?}");
        }
    }
}
