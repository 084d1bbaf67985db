//! Files and folders that a configuration takes from elsewhere: from disk, from a git repository, or out of RPM packages.
//!
//! A git repository is cloned, a package unpacked, and what is wanted is looked up in there: links and paths that lead out of the
//! clone or the package end at its root. Files on disk are the user's own, and links lead where they lead. Must not know: what
//! the files are for, and how a configuration is written.

mod cpio;
mod error;
mod git;
mod rpm;
mod tree;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files::remove_folder;
use crate::parallel::blocking;
use crate::tools::Runner;
use tree::FolderCopy;

pub use error::{ScmError, ScmProblem};
pub(crate) use rpm::is_taken;
pub(crate) use tree::{copy_content, copy_file, listed_files};

/// What is taken from where. Nothing is left open: defaults are filled in, and places are absolute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ScmSpec {
    pub source: ScmSource,
    pub wanted: Wanted,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "scm")]
pub enum ScmSource {
    /// Files on disk.
    File {
        /// What relative paths are relative to.
        folder: PathBuf,
    },
    #[serde(rename_all = "kebab-case")]
    Git {
        repository: String,
        /// A branch, a tag or a commit.
        branch: String,
        /// Run by a shell in the clone before anything is taken from it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        command: Option<String>,
    },
    /// RPM packages on disk.
    Rpm {
        /// What relative paths are relative to.
        folder: PathBuf,
        /// Paths; may be patterns.
        packages: Vec<String>,
    },
    /// RPM packages of the compose.
    ComposedRpm {
        /// `NAME` or `NAME.ARCH`; may be patterns.
        packages: Vec<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// Files by path or pattern; each comes under its own name.
    Files(Vec<String>),
    /// Everything in folders. Of a package only with a slash at the end; the folder itself without one.
    Folders(Vec<String>),
}

/// A package that the compose has.
#[derive(Debug, Clone, Copy)]
pub struct ComposedPackage<'a> {
    pub name: &'a str,
    pub arch: &'a str,
    pub path: &'a Path,
}

/// What fetching needs besides its spec.
#[derive(Debug, Clone, Copy)]
pub struct Fetching<'a> {
    pub runner: &'a Runner,
    /// For clones and unpacked packages, which are removed again; need not exist.
    pub work: &'a Path,
    /// The packages of one arch that the compose has; sources and debug packages are passed over.
    pub composed: &'a [ComposedPackage<'a>],
}

/// Copies what is wanted into a folder, which need not exist. Gives the paths below it of the files that were copied.
/// That there is nothing to copy is an error.
pub async fn fetch(spec: &ScmSpec, fetching: &Fetching<'_>, target: &Path) -> Result<BTreeSet<PathBuf>, ScmError> {
    let copied = fetch_from(spec, fetching, target).await.map_err(|problem| ScmError::new(spec, problem))?;
    if copied.is_empty() { Err(ScmError::new(spec, ScmProblem::NothingFound)) } else { Ok(copied) }
}

async fn fetch_from(spec: &ScmSpec, fetching: &Fetching<'_>, target: &Path) -> Result<BTreeSet<PathBuf>, ScmProblem> {
    match &spec.source {
        ScmSource::File { folder } => {
            let (folder, wanted, target) = (folder.clone(), spec.wanted.clone(), target.to_owned());
            blocking(move || tree::copy(Path::new("/"), &folder, &wanted, FolderCopy::Content, &target)).await
        }
        ScmSource::Git { repository, branch, command } => {
            fs_err::create_dir_all(fetching.work)?;
            let clone = tempfile::Builder::new().prefix("clone-").tempdir_in(fetching.work)?;
            git::clone(fetching.runner, repository, branch, clone.path()).await?;
            if let Some(command) = command {
                git::run_in_clone(fetching.runner, command, clone.path()).await?;
            }
            let (wanted, target) = (spec.wanted.clone(), target.to_owned());
            blocking(move || {
                // What git keeps for itself is nobody's content.
                remove_folder(&clone.path().join(".git"))?;
                tree::copy(clone.path(), Path::new(""), &wanted, FolderCopy::Content, &target)
            })
            .await
        }
        ScmSource::Rpm { folder, packages } => copy_from_packages(rpm::on_disk(folder, packages)?, spec, fetching, target).await,
        ScmSource::ComposedRpm { packages } => {
            copy_from_packages(rpm::of_compose(fetching.composed, packages)?, spec, fetching, target).await
        }
    }
}

async fn copy_from_packages(
    packages: Vec<PathBuf>,
    spec: &ScmSpec,
    fetching: &Fetching<'_>,
    target: &Path,
) -> Result<BTreeSet<PathBuf>, ScmProblem> {
    let (wanted, work, target) = (spec.wanted.clone(), fetching.work.to_owned(), target.to_owned());
    blocking(move || rpm::copy(&packages, &wanted, &work, &target)).await
}
