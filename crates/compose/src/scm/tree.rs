//! A tree of files: what is in it by path or pattern, links resolved without leaving it, and copies of that.
//!
//! An absolute link begins at the tree's root, and a path that climbs above the root stays there, as for a process in a changed
//! root. What is copied is always the file, never a link to it. Must not know: where the tree comes from.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use charmer_packages::Glob;

use super::{ScmProblem, Wanted};
use crate::files::remove_if_there;

/// Links that one path may lead through.
const LINKS: usize = 40;
/// Files and folders that one fetch may copy: links between folders could unfold to any number.
const ENTRIES: usize = 2_000_000;

/// How a folder is copied whose path has no slash at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderCopy {
    /// What is in it.
    Content,
    /// Itself.
    Whole,
}

/// Copies what is wanted of the tree below `root` into `target`. Relative paths begin at `base`, a path in the tree.
pub(super) fn copy(
    root: &Path,
    base: &Path,
    wanted: &Wanted,
    folder_copy: FolderCopy,
    target: &Path,
) -> Result<BTreeSet<PathBuf>, ScmProblem> {
    // Paths in the tree are compared with its root, so it must be without links.
    let tree = Tree { root: fs_err::canonicalize(root)? };
    let mut copying = Copying { tree: &tree, target, copied: BTreeSet::new(), entries: 0 };
    match wanted {
        Wanted::Files(patterns) => {
            for pattern in patterns {
                for found in tree.find(base, pattern)?.into_iter().filter(|found| found.path.is_file()) {
                    copying.file(&found.path, Path::new(&found.name))?;
                }
            }
        }
        Wanted::Folders(patterns) => {
            for pattern in patterns {
                for found in tree.find(base, pattern)?.into_iter().filter(|found| found.path.is_dir()) {
                    let content = folder_copy == FolderCopy::Content || pattern.ends_with('/');
                    let path = if content { PathBuf::new() } else { PathBuf::from(&found.name) };
                    copying.folder(&found.path, &path, &mut Vec::new())?;
                }
            }
        }
    }
    Ok(copying.copied)
}

/// Copies everything in a folder that somebody else made; no link leads out of it. Gives the paths of the files in it.
pub(crate) fn copy_content(folder: &Path, target: &Path) -> Result<BTreeSet<PathBuf>, ScmProblem> {
    copy(folder, Path::new(""), &Wanted::Folders(vec!["/".to_owned()]), FolderCopy::Content, target)
}

/// Files on disk that a path with patterns in it matches, sorted; links lead where they lead.
pub(super) fn files_on_disk(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, ScmProblem> {
    let found = Tree { root: PathBuf::from("/") }.find(folder, pattern)?;
    Ok(found.into_iter().map(|found| found.path).filter(|path| path.is_file()).collect())
}

/// Files below a folder, relative to it: of each folder first its files and then what is in its folders, in the order in which
/// the file system lists them.
pub(crate) fn listed_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    list_below(folder, Path::new(""), &mut files)?;
    Ok(files)
}

fn list_below(root: &Path, path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut folders = Vec::new();
    for entry in fs_err::read_dir(root.join(path))? {
        let entry = entry?;
        let below = path.join(entry.file_name());
        if entry.file_type()?.is_dir() { folders.push(below) } else { files.push(below) }
    }
    folders.iter().try_for_each(|folder| list_below(root, folder, files))
}

/// Copies a file with its mode and times, in the place of any that is there.
pub(crate) fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    remove_if_there(to)?;
    fs_err::copy(from, to)?;
    let modified = fs_err::metadata(from)?.modified().unwrap_or(UNIX_EPOCH);
    fs_err::File::open(to)?.file().set_modified(modified)
}

struct Tree {
    root: PathBuf,
}

/// Something that a pattern matched: what it is called there, and the file or folder that it leads to.
struct Found {
    name: OsString,
    path: PathBuf,
}

impl Tree {
    /// Everything that a path with patterns in it matches, sorted by path.
    fn find(&self, base: &Path, pattern: &str) -> Result<Vec<Found>, ScmProblem> {
        let start = if pattern.starts_with('/') { Path::new("") } else { base };
        let Some(start) = self.resolve(&self.root, start)? else { return Ok(Vec::new()) };
        let mut found = vec![Found { name: OsString::new(), path: start }];
        for part in pattern.split('/').filter(|part| !matches!(*part, "" | ".")) {
            let mut next = Vec::new();
            for folder in found {
                self.find_in(&folder.path, part, &mut next)?;
            }
            found = next;
        }
        Ok(found)
    }

    fn find_in(&self, folder: &Path, part: &str, found: &mut Vec<Found>) -> Result<(), ScmProblem> {
        let glob = Glob::lenient(part);
        if glob.is_plain() {
            if let Some(path) = self.resolve(folder, Path::new(part))? {
                found.push(Found { name: part.into(), path });
            }
            return Ok(());
        }
        if !folder.is_dir() {
            return Ok(());
        }
        for name in sorted_names(folder)? {
            // A dot at the beginning hides a name from patterns that do not begin with one.
            let matches =
                name.to_str().is_some_and(|name| glob.matches(name) && (!name.starts_with('.') || part.starts_with('.')));
            if matches {
                let path = self.resolve(folder, Path::new(&name))?;
                let path = path.ok_or_else(|| ScmProblem::LostLink(self.shown(&folder.join(&name))))?;
                found.push(Found { name, path });
            }
        }
        Ok(())
    }

    /// Where a path leads that begins in a folder of the tree, itself without links in it. Nothing, if there is nothing.
    fn resolve(&self, folder: &Path, path: &Path) -> Result<Option<PathBuf>, ScmProblem> {
        let mut current = folder.to_owned();
        let mut waiting: Vec<OsString> = reversed(path);
        if path.has_root() {
            current.clone_from(&self.root);
        }
        let mut links = 0;
        while let Some(part) = waiting.pop() {
            if part == ".." {
                if current != self.root {
                    current.pop();
                }
                continue;
            }
            let next = current.join(&part);
            let kind = match fs_err::symlink_metadata(&next) {
                Ok(metadata) => metadata.file_type(),
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            if !kind.is_symlink() {
                current = next;
                continue;
            }
            links += 1;
            if links > LINKS {
                return Err(ScmProblem::LinkCircle(self.shown(&next)));
            }
            let link = fs_err::read_link(&next)?;
            waiting.extend(reversed(&link));
            if link.has_root() {
                current.clone_from(&self.root);
            }
        }
        Ok(Some(current))
    }

    /// A path as it is called in the tree.
    fn shown(&self, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).unwrap_or(path).to_owned()
    }
}

struct Copying<'a> {
    tree: &'a Tree,
    target: &'a Path,
    copied: BTreeSet<PathBuf>,
    entries: usize,
}

impl Copying<'_> {
    fn file(&mut self, from: &Path, path: &Path) -> Result<(), ScmProblem> {
        let to = self.target.join(path);
        fs_err::create_dir_all(to.parent().unwrap_or(self.target))?;
        copy_file(from, &to)?;
        self.copied.insert(path.to_owned());
        Ok(())
    }

    /// `open` are the folders that are being copied, from the outermost on: a link to one of them would never end.
    fn folder(&mut self, from: &Path, path: &Path, open: &mut Vec<PathBuf>) -> Result<(), ScmProblem> {
        if open.iter().any(|folder| folder == from) {
            return Err(ScmProblem::LinkCircle(self.tree.shown(from)));
        }
        open.push(from.to_owned());
        fs_err::create_dir_all(self.target.join(path))?;
        for name in sorted_names(from)? {
            self.entries += 1;
            if self.entries > ENTRIES {
                return Err(ScmProblem::TooManyFiles(ENTRIES));
            }
            let entry = from.join(&name);
            let real = self.tree.resolve(from, Path::new(&name))?;
            let real = real.ok_or_else(|| ScmProblem::LostLink(self.tree.shown(&entry)))?;
            let kind = fs_err::symlink_metadata(&real)?.file_type();
            let path = path.join(&name);
            if kind.is_dir() {
                self.folder(&real, &path, open)?;
            } else if kind.is_file() {
                self.file(&real, &path)?;
            } else {
                return Err(ScmProblem::SpecialFile(self.tree.shown(&entry)));
            }
        }
        open.pop();
        Ok(())
    }
}

/// The parts of a path, the last one first.
fn reversed(path: &Path) -> Vec<OsString> {
    let part = |component: Component<'_>| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::new("..").to_owned()),
        _ => None,
    };
    path.components().rev().filter_map(part).collect()
}

fn sorted_names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    fs_err::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct World(tempfile::TempDir);

    impl World {
        /// `NAME` an empty file, `NAME/` a folder, `NAME -> TARGET` a link; beside the tree lies a file `secret`.
        fn new(entries: &[&str]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let tree = folder.path().join("tree");
            fs_err::create_dir(&tree).unwrap();
            fs_err::write(folder.path().join("secret"), "secret").unwrap();
            for entry in entries {
                let (name, link) = entry.split_once(" -> ").map_or((*entry, None), |(name, link)| (name, Some(link)));
                let path = tree.join(name);
                fs_err::create_dir_all(path.parent().unwrap()).unwrap();
                match link {
                    Some(link) => fs_err::os::unix::fs::symlink(link, &path).unwrap(),
                    None if name.ends_with('/') => fs_err::create_dir_all(&path).unwrap(),
                    None => fs_err::write(&path, name).unwrap(),
                }
            }
            Self(folder)
        }

        fn copy(&self, wanted: &Wanted, folder_copy: FolderCopy) -> Result<Vec<String>, String> {
            let (tree, target) = (self.0.path().join("tree"), self.0.path().join("target"));
            let copied = copy(&tree, Path::new(""), wanted, folder_copy, &target).map_err(|problem| problem.to_string())?;
            Ok(copied.iter().map(|path| path.to_str().unwrap().to_owned()).collect())
        }

        fn files(&self, patterns: &[&str]) -> Result<Vec<String>, String> {
            self.copy(&Wanted::Files(patterns.iter().map(|&pattern| pattern.to_owned()).collect()), FolderCopy::Content)
        }

        fn folder(&self, pattern: &str) -> Result<Vec<String>, String> {
            self.copy(&Wanted::Folders(vec![pattern.to_owned()]), FolderCopy::Whole)
        }

        fn text(&self, path: &str) -> String {
            fs_err::read_to_string(self.0.path().join("target").join(path)).unwrap()
        }
    }

    #[test]
    fn files_come_by_path_and_by_pattern_under_their_own_names() {
        let world = World::new(&["a/one.txt", "a/two.txt", "b/one.txt", "b/.hidden.txt", "b/x.txt/"]);
        assert_eq!(world.files(&["/a/one.txt"]).unwrap(), ["one.txt"]);
        assert_eq!(world.files(&["*/*.txt"]).unwrap(), ["one.txt", "two.txt"]);
        assert_eq!(world.text("one.txt"), "b/one.txt", "the later one replaces the earlier one");
        assert_eq!(world.files(&["b/.hid*"]).unwrap(), [".hidden.txt"]);
        assert!(world.files(&["c/*"]).unwrap().is_empty());
    }

    #[test]
    fn a_slash_at_the_end_takes_what_is_in_a_folder() {
        let world = World::new(&["usr/docs/en/a", "usr/docs/b"]);
        assert_eq!(world.folder("/usr/docs").unwrap(), ["docs/b", "docs/en/a"]);
        assert_eq!(world.folder("usr/docs/").unwrap(), ["b", "en/a"]);
    }

    #[test]
    fn links_are_followed_but_never_out_of_the_tree() {
        let world = World::new(&[
            "etc/real",
            "up -> ../../../etc/real",
            "root -> /etc/real",
            "dir -> etc",
            "out -> ../secret",
            "abs -> /etc/passwd",
        ]);
        assert_eq!(world.files(&["up", "root", "dir/real"]).unwrap(), ["real", "root", "up"]);
        assert_eq!(world.text("up"), "etc/real");
        assert!(!world.0.path().join("target/root").is_symlink());
        for hostile in ["out", "abs", "../secret", "dir/../../secret"] {
            assert!(world.files(&[hostile]).unwrap().is_empty(), "{hostile}");
        }
        assert!(world.files(&["ou?"]).unwrap_err().contains("the link 'out' leads to nothing"));
        assert!(world.folder("/").unwrap_err().contains("leads to nothing"));
    }

    #[test]
    fn circles_of_links_end() {
        let world = World::new(&["a/b/up -> ../..", "loop -> loop"]);
        assert!(world.folder("a").unwrap_err().contains("in a circle"));
        assert!(world.files(&["loop"]).unwrap_err().contains("in a circle"));
    }

    #[test]
    fn modes_and_times_are_kept() {
        let world = World::new(&["script"]);
        let original = world.0.path().join("tree/script");
        fs_err::set_permissions(&original, PermissionsExt::from_mode(0o755)).unwrap();
        crate::files::set_modified(&original, 1_700_000_000).unwrap();
        world.files(&["script"]).unwrap();
        let copy = fs_err::metadata(world.0.path().join("target/script")).unwrap();
        assert_eq!(
            (copy.permissions().mode() & 0o777, copy.modified().unwrap()),
            (0o755, fs_err::metadata(&original).unwrap().modified().unwrap())
        );
    }
}
