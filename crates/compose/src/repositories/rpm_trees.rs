//! Trees of RPM packages: where a variant's packages lie, and their files put there.
//!
//! Must not know: why a package is in a variant.

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::config::pungi::variants::{Kind, Variant};
use crate::config::rpm::LinkKind;
use crate::files::{link_or_copy, partial_name, remove_if_there};
use crate::parallel::{in_parallel, processors};

/// Package files that a thread links at once.
const BATCH: usize = 128;

/// What kind of packages a tree holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TreeKind {
    Binary,
    Debug,
    Source,
}

/// Where one repository of a variant lies.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RepositoryPlace {
    /// The tree that it is in, relative to the compose's folder: `compose/Server/x86_64/os`.
    pub tree: String,
    /// Relative to the compose's folder; an addon's lies inside its parent's tree.
    pub repository: String,
    /// The folder of packages, relative to the repository; empty for an addon, whose packages lie in the repository itself.
    pub packages: String,
}

impl RepositoryPlace {
    /// The repository of a variant on an arch; sources are of no arch.
    pub fn of(variant: &Variant, kind: TreeKind, arch: &str) -> Self {
        let is_addon = variant.kind == Kind::Addon;
        let owner = variant.parent.as_deref().filter(|_| is_addon).unwrap_or(&variant.uid);
        let tree = match kind {
            TreeKind::Binary => format!("compose/{owner}/{arch}/os"),
            TreeKind::Debug => format!("compose/{owner}/{arch}/debug/tree"),
            TreeKind::Source => format!("compose/{owner}/source/tree"),
        };
        if is_addon {
            return Self { repository: format!("{tree}/addons/{}", variant.id), packages: String::new(), tree };
        }
        Self { repository: tree.clone(), packages: "Packages".to_owned(), tree }
    }

    /// Where a package file lies, relative to the repository.
    pub fn location(&self, file_name: &str, hashed: bool) -> String {
        let mut location = self.packages.clone();
        let mut push = |part: &str| {
            if !location.is_empty() {
                location.push('/');
            }
            location.push_str(part);
        };
        if let Some(first) = file_name.chars().next().filter(|_| hashed) {
            push(&first.to_lowercase().collect::<String>());
        }
        push(file_name);
        location
    }
}

/// A package file, and where it is to be.
#[derive(Debug, Clone, Copy)]
pub struct PlacedFile<'a> {
    pub original: &'a Path,
    /// Relative to the repository.
    pub location: &'a str,
}

/// Puts package files into a repository's folder. What is there already stays, so that nothing is done twice after an interruption.
pub fn place_files(repository: &Path, files: &[PlacedFile<'_>], link: LinkKind) -> io::Result<()> {
    fs_err::create_dir_all(repository)?;
    let mut folders: Vec<&Path> = files.iter().filter_map(|file| Path::new(file.location).parent()).collect();
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        fs_err::create_dir_all(repository.join(folder))?;
    }
    let batches: Vec<&[PlacedFile<'_>]> = files.chunks(BATCH).collect();
    let place = |batch: &&[PlacedFile<'_>]| -> io::Result<()> {
        batch.iter().try_for_each(|file| place_file(file.original, &repository.join(file.location), link))
    };
    in_parallel(processors(), &batches, place)?;
    Ok(())
}

/// Removes package files below a repository's folder of packages that are not of it: what an earlier run has put there from
/// repositories that have changed since.
pub fn remove_others(repository: &Path, packages: &str, locations: &BTreeSet<&str>) -> io::Result<()> {
    let folder = repository.join(packages);
    for entry in fs_err::read_dir(&folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let location = if packages.is_empty() { name } else { format!("{packages}/{name}") };
        if entry.file_type()?.is_dir() {
            remove_others(repository, &location, locations)?;
        } else if location.ends_with(".rpm") && !locations.contains(location.as_str()) {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn place_file(original: &Path, path: &Path, link: LinkKind) -> io::Result<()> {
    let placed = match link {
        LinkKind::Hardlink => fs_err::hard_link(original, path),
        LinkKind::HardlinkOrCopy => link_or_copy(original, path),
        LinkKind::Copy => copy_if_absent(original, path),
        LinkKind::AbspathSymlink => fs_err::os::unix::fs::symlink(original, path),
        LinkKind::Symlink => fs_err::os::unix::fs::symlink(relative_path(original, path), path),
    };
    match placed {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => replace_if_other(original, path, link),
        result => result,
    }
}

/// What an interrupted run, or an older package of the same name, has left at a place.
fn replace_if_other(original: &Path, path: &Path, link: LinkKind) -> io::Result<()> {
    let (wanted, found) = (fs_err::metadata(original)?, fs_err::metadata(path));
    let is_link = fs_err::symlink_metadata(path)?.is_symlink();
    let is_same_file = |found: &Metadata| (found.dev(), found.ino()) == (wanted.dev(), wanted.ino());
    let is_copy = |found: &Metadata| (found.len(), found.mtime()) == (wanted.len(), wanted.mtime());
    let is_whole = found.is_ok_and(|found| match link {
        LinkKind::Symlink | LinkKind::AbspathSymlink => is_link && is_same_file(&found),
        LinkKind::Hardlink => !is_link && is_same_file(&found),
        LinkKind::HardlinkOrCopy => !is_link && (is_same_file(&found) || is_copy(&found)),
        LinkKind::Copy => !is_link && !is_same_file(&found) && is_copy(&found),
    });
    if is_whole {
        return Ok(());
    }
    remove_if_there(path)?;
    place_file(original, path, link)
}

fn copy_if_absent(original: &Path, path: &Path) -> io::Result<()> {
    if fs_err::symlink_metadata(path).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let partial = partial_name(path)?;
    fs_err::copy(original, &partial)?;
    let modified = fs_err::metadata(original)?.modified()?;
    fs_err::File::open(&partial)?.file().set_modified(modified)?;
    fs_err::rename(partial, path)
}

/// The way from the folder of `path` to `original`; both are absolute.
fn relative_path(original: &Path, path: &Path) -> std::path::PathBuf {
    let from: Vec<_> = path.parent().unwrap_or(path).components().collect();
    let to: Vec<_> = original.components().collect();
    let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count();
    let up = from[shared..].iter().map(|_| std::path::Component::ParentDir);
    up.chain(to[shared..].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variant(kind: Kind, parent: Option<&str>) -> Variant {
        Variant {
            id: "Clustering".to_owned(),
            uid: parent.map_or_else(|| "Clustering".to_owned(), |parent| format!("{parent}-Clustering")),
            name: String::new(),
            kind,
            arches: Vec::new(),
            groups: Vec::new(),
            environments: Vec::new(),
            modules: Vec::new(),
            koji_tags: Vec::new(),
            buildinstall_packages: Vec::new(),
            is_empty: false,
            release: None,
            parent: parent.map(str::to_owned),
        }
    }

    #[test]
    fn addons_lie_in_their_parents_tree() {
        let place = RepositoryPlace::of(&variant(Kind::Addon, Some("Server")), TreeKind::Source, "src");
        assert_eq!(place.repository, "compose/Server/source/tree/addons/Clustering");
        assert_eq!(place.location("Reef-1-1.src.rpm", true), "r/Reef-1-1.src.rpm");
        let place = RepositoryPlace::of(&variant(Kind::Optional, Some("Server")), TreeKind::Debug, "x86_64");
        assert_eq!(place.repository, "compose/Server-Clustering/x86_64/debug/tree");
        assert_eq!(place.location("reef-1-1.x86_64.rpm", false), "Packages/reef-1-1.x86_64.rpm");
    }

    #[test]
    fn files_are_placed_once_and_replaced_when_they_are_others() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs_err::write(&old, "old").unwrap();
        fs_err::write(&new, "newer").unwrap();
        let repository = folder.path().join("compose/os");
        for link in [LinkKind::Hardlink, LinkKind::HardlinkOrCopy, LinkKind::Copy, LinkKind::Symlink, LinkKind::AbspathSymlink] {
            for original in [&old, &old, &new] {
                place_files(&repository, &[PlacedFile { original, location: "Packages/a.rpm" }], link).unwrap();
                let placed = fs_err::read_to_string(repository.join("Packages/a.rpm")).unwrap();
                assert_eq!(placed, fs_err::read_to_string(original).unwrap(), "{link:?}");
            }
        }
        fs_err::write(repository.join("Packages/stale.rpm"), "").unwrap();
        fs_err::write(repository.join("Packages/README"), "").unwrap();
        remove_others(&repository, "Packages", &BTreeSet::from(["Packages/a.rpm"])).unwrap();
        let left = fs_err::read_dir(repository.join("Packages")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(left.collect::<BTreeSet<_>>(), ["README", "a.rpm"].map(Into::into).into());
        let relative = relative_path(Path::new("/a/b/c"), Path::new("/a/d/e/f"));
        assert_eq!(relative, Path::new("../../b/c"));
    }
}
