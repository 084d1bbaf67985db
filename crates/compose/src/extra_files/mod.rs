//! Extra files: what a tree has besides its packages and images, such as licences and release notes.
//!
//! They are fetched into a work folder first, so that a tree never has half of them, and copied from there. Must not know: which
//! variants have any, and what becomes of the tree.

pub mod plan;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::{remove_folder, write_whole};
use crate::metadata::checksums::{ChecksumKind, checksums_of_file};
use crate::metadata::extra_files::{ExtraFileRecord, tree_extra_files_json};
use crate::scm::{self, Fetching, ScmError, ScmSpec};

/// The file in a tree that lists its extra files.
pub const LIST_NAME: &str = "extra_files.json";

/// What one tree gets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExtraFilesSpec {
    /// Later ones replace files of earlier ones.
    pub files: Vec<ExtraFileSpec>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExtraFileSpec {
    #[serde(flatten)]
    pub scm: ScmSpec,
    /// The folder in the tree; empty for the tree itself.
    pub target: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ExtraFilesError {
    #[error(transparent)]
    Scm(#[from] ScmError),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the name of the extra file '{}' is not UTF-8", .0.display())]
    NotUtf8(PathBuf),
}

/// Fetches everything into a folder, in the place of whatever is there.
pub async fn fetch_extra_files(spec: &ExtraFilesSpec, fetching: &Fetching<'_>, folder: &Path) -> Result<(), ExtraFilesError> {
    remove_folder(folder)?;
    fs_err::create_dir_all(folder)?;
    for file in &spec.files {
        scm::fetch(&file.scm, fetching, &folder.join(&file.target)).await?;
    }
    Ok(())
}

/// Copies what was fetched into a tree and writes the tree's list of it. Gives a record of each file with its path in the tree,
/// in the order in which the file system lists the folder: files first, then folders, as Pungi has it.
pub fn add_to_tree(
    fetched: &Path,
    tree: &Path,
    checksums: &BTreeSet<ChecksumKind>,
) -> Result<Vec<ExtraFileRecord>, ExtraFilesError> {
    let mut records = Vec::new();
    for path in scm::listed_files(fetched)? {
        let file = path.to_str().ok_or_else(|| ExtraFilesError::NotUtf8(path.clone()))?.to_owned();
        let target = tree.join(&path);
        if let Some(folder) = target.parent() {
            fs_err::create_dir_all(folder)?;
        }
        scm::copy_file(&fetched.join(&path), &target)?;
        let checksums = checksums_of_file(&target, checksums)?;
        let checksums = checksums.into_iter().map(|(kind, digest)| (kind.name().to_owned(), digest)).collect();
        records.push(ExtraFileRecord { checksums, file, size: fs_err::metadata(&target)?.len() });
    }
    write_whole(&tree.join(LIST_NAME), tree_extra_files_json(&records).as_bytes())?;
    Ok(records)
}

/// Records of a tree's files for the metadata of the whole compose: `tree` is the tree's path there.
pub fn in_compose(records: &[ExtraFileRecord], tree: &str) -> Vec<ExtraFileRecord> {
    records.iter().map(|record| ExtraFileRecord { file: format!("{tree}/{}", record.file), ..record.clone() }).collect()
}
