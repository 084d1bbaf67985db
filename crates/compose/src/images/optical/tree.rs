//! The files of a tree as they can lie on a disc.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::IsoError;

/// The files of a folder and of all folders in it.
#[derive(Debug, Clone)]
pub struct TreeFiles {
    pub(super) root: PathBuf,
    /// Sorted by path.
    pub(super) files: Vec<TreeFile>,
    /// Folders in which nothing is, relative to the tree, with `/` at the end.
    pub(super) empty_folders: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct TreeFile {
    /// Relative to the tree.
    pub path: String,
    pub size: u64,
    /// The file that a link to a package leads to: discs hold packages, not links to them.
    pub target: Option<PathBuf>,
}

impl TreeFiles {
    /// Lists what is there. There may be no such folder: then it has no files.
    pub fn read(root: &Path) -> Result<Self, IsoError> {
        let (mut files, mut empty_folders) = (Vec::new(), Vec::new());
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let entries = match fs_err::read_dir(root.join(&folder)) {
                Err(error) if folder.is_empty() && error.kind() == std::io::ErrorKind::NotFound => break,
                entries => entries?,
            };
            let mut is_empty = true;
            for entry in entries {
                is_empty = false;
                let entry = entry?;
                let name = entry.file_name();
                let name = name.to_str().filter(|name| !name.contains(char::is_control));
                let name = name.ok_or_else(|| IsoError::Path(entry.path()))?;
                let path = format!("{folder}{name}");
                if entry.file_type()?.is_dir() {
                    folders.push(path + "/");
                } else {
                    files.push(TreeFile::read(&entry, path)?);
                }
            }
            if is_empty && !folder.is_empty() {
                empty_folders.push(folder);
            }
        }
        files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        Ok(Self { root: root.to_owned(), files, empty_folders })
    }

    /// Without one there is nothing to make a disc of.
    pub fn has_packages(&self) -> bool {
        self.files.iter().any(TreeFile::is_package)
    }

    /// The folders that have files, relative to the tree: volumes have their times too.
    pub(super) fn folders(&self) -> impl Iterator<Item = &Path> {
        let above = self.files.iter().flat_map(|file| Path::new(&file.path).ancestors().skip(1));
        above.collect::<BTreeSet<&Path>>().into_iter()
    }

    pub(super) fn source(&self, file: &TreeFile) -> PathBuf {
        file.target.clone().unwrap_or_else(|| self.root.join(&file.path))
    }
}

impl TreeFile {
    fn read(entry: &fs_err::DirEntry, path: String) -> Result<Self, IsoError> {
        let mut file = Self { path, size: 0, target: None };
        if entry.file_type()?.is_symlink() && file.is_package() {
            let target = fs_err::canonicalize(entry.path())?;
            file.size = fs_err::metadata(&target)?.len();
            file.target = Some(target);
        } else {
            file.size = entry.metadata()?.len();
        }
        Ok(file)
    }

    pub(super) fn is_package(&self) -> bool {
        is_package(&self.path)
    }
}

pub(super) fn is_package(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, ending)| ending == "rpm")
}
