//! Graft points: which file goes to which path of a disc, and in which order they are written.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::error::IsoError;
use super::tree::{TreeFiles, is_package};

/// Folders of files that machines and installers start from; they are the first on a disc.
const BOOT_FOLDERS: [&str; 5] = ["images/", "isolinux/", "EFI/", "etc/", "ppc/"];
/// Names that never are on a disc: what a file system keeps for itself, and the small image that starts the installation only.
const EXCLUDED: [&str; 2] = ["lost+found", "boot.iso"];

/// Files by their paths on the disc; a path that ends in `/` is a folder, which is kept where nothing lies below it.
#[derive(Debug, Clone, Default)]
pub(super) struct GraftPoints(BTreeMap<String, PathBuf>);

impl GraftPoints {
    /// Adds a file, in the place of another one at its path.
    pub(super) fn add(&mut self, path: String, file: PathBuf) {
        if !path.split('/').any(|name| EXCLUDED.contains(&name)) {
            self.0.insert(path, file);
        }
    }

    /// Adds all files and empty folders of a folder below a path of the disc, which is empty or ends in `/`.
    pub(super) fn add_tree(&mut self, tree: &TreeFiles, below: &str) {
        for file in &tree.files {
            self.add(format!("{below}{}", file.path), tree.source(file));
        }
        for folder in &tree.empty_folders {
            self.add(format!("{below}{folder}"), tree.root.join(folder));
        }
    }

    /// Takes one and the same empty folder for all of them; false if there are none.
    pub(super) fn replace_folders(&mut self, empty: &Path) -> bool {
        let folders = self.0.iter_mut().filter(|(path, _)| path.ends_with('/'));
        folders.map(|(_, folder)| empty.clone_into(folder)).count() > 0
    }

    /// Takes each file for another one, or the same.
    pub(super) fn replace_each(
        &mut self,
        mut replacement: impl FnMut(&str, &Path) -> Result<Option<PathBuf>, IsoError>,
    ) -> Result<(), IsoError> {
        for (path, file) in &mut self.0 {
            if let Some(other) = replacement(path, file)? {
                *file = other;
            }
        }
        Ok(())
    }

    /// In the order of writing: what is started, anything else, packages; each by path.
    pub(super) fn ordered(&self) -> Vec<(&str, &Path)> {
        let points = self.0.iter().filter(|(path, _)| !path.ends_with('/') || self.is_empty_folder(path));
        let mut points: Vec<(&str, &Path)> = points.map(|(path, file)| (path.as_str(), file.as_path())).collect();
        points.sort_by_key(|(path, _)| rank(path));
        points
    }

    fn is_empty_folder(&self, path: &str) -> bool {
        let behind = (Bound::Excluded(path), Bound::Unbounded);
        self.0.range::<str, _>(behind).next().is_none_or(|(next, _)| !next.starts_with(path))
    }

    /// The list that genisoimage and xorrisofs read: `PATH=FILE` in each line.
    pub(super) fn list(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for (path, file) in self.ordered() {
            push_escaped(path.as_bytes(), &mut list);
            list.push(b'=');
            push_escaped(file.as_os_str().as_bytes(), &mut list);
            list.push(b'\n');
        }
        list
    }
}

fn rank(path: &str) -> u8 {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    let is_started = BOOT_FOLDERS.iter().any(|folder| path.starts_with(folder)) || matches!(ending, "img" | "ins");
    match (is_started, is_package(path)) {
        (true, _) => 0,
        (false, false) => 1,
        (false, true) => 2,
    }
}

/// An equals sign would part the line, a backslash would escape what follows.
fn push_escaped(bytes: &[u8], list: &mut Vec<u8>) {
    for byte in bytes {
        if matches!(byte, b'=' | b'\\') {
            list.push(b'\\');
        }
        list.push(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_started_comes_first_and_packages_last() {
        let mut points = GraftPoints::default();
        for path in
            ["Packages/a.rpm", ".treeinfo", "EFI/BOOT/x", "boot.img", "media.repo", "addons/a.rpm", "images/boot.iso", "GPL=3\\"]
        {
            points.add(path.to_owned(), Path::new("/t").join(path));
        }
        let list = String::from_utf8(points.list()).unwrap();
        let expected = "EFI/BOOT/x=/t/EFI/BOOT/x\nboot.img=/t/boot.img\n.treeinfo=/t/.treeinfo\nGPL\\=3\\\\=/t/GPL\\=3\\\\\n\
                        media.repo=/t/media.repo\nPackages/a.rpm=/t/Packages/a.rpm\naddons/a.rpm=/t/addons/a.rpm\n";
        assert_eq!(list, expected);
    }

    #[test]
    fn folders_are_kept_where_nothing_lies_below_them() {
        let folder = tempfile::tempdir().unwrap();
        for path in ["one/Packages", "one/full", "one/deep/er", "two/full"] {
            fs_err::create_dir_all(folder.path().join(path)).unwrap();
        }
        fs_err::write(folder.path().join("two/full/file"), "x").unwrap();
        let mut points = GraftPoints::default();
        for tree in ["one", "two"] {
            points.add_tree(&TreeFiles::read(&folder.path().join(tree)).unwrap(), "");
        }
        assert!(points.replace_folders(Path::new("/empty")));
        let found: Vec<&str> = points.ordered().into_iter().map(|(path, _)| path).collect();
        assert_eq!(found, ["Packages/", "deep/er/", "full/file"]);
        assert!(String::from_utf8(points.list()).unwrap().starts_with("Packages/=/empty\n"));
    }
}
