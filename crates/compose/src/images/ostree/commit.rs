//! One commit of a tree, in an archive repository of its own.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::tree::{remove_folder, unpack};
use super::super::{ImageError, Rootfs};
use crate::digest::Sha256;
use crate::tools::{Command, Runner};

/// What is committed, and under which name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CommitSpec {
    /// The branch: `harbour/13/amd64/server`.
    pub reference: String,
    /// The first line of what is said of it.
    pub subject: String,
    /// The metadata `version`, before the date of the packages.
    pub version: String,
    /// Whether the commit says to which branch it belongs: clients refuse it under another name.
    pub bindings: bool,
    /// Whether the branch is moved to it in the compose's repository: no concern of the commit itself.
    #[serde(skip)]
    pub tag_ref: bool,
    /// A commit is made even when the tree is that of the commit before.
    pub force_new_commit: bool,
}

/// A commit that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Commit {
    pub reference: String,
    /// Its checksum, which is its name.
    pub checksum: Sha256,
    pub version: String,
    /// The commit of the branch in the compose before.
    pub parent: Option<Sha256>,
    /// The tree is that of the parent: there is no new commit, this is the parent itself.
    pub unchanged: bool,
}

/// Commits a tree to a new repository at `repository`. `previous` are the repositories of composes before, the newest first; there
/// need be nothing at these paths.
pub(super) async fn commit(
    runner: &Runner,
    spec: &CommitSpec,
    tree: &Rootfs,
    previous: &[PathBuf],
    work: &Path,
    repository: &Path,
) -> Result<Commit, ImageError> {
    let at = |path: &Path| format!("--repo={}", path.display());
    let ostree = |verb: &str, repository: &Path| Command::new("ostree").args([verb, &at(repository)]);
    runner.run(&ostree("init", repository).arg("--mode=archive")).await?;
    let parent = parent(runner, previous, &spec.reference).await?;
    if let Some((previous, commit)) = &parent {
        runner.run(&ostree("pull-local", repository).arg(previous).arg(commit.to_string())).await?;
    }
    let unpacked = unpack(runner, tree, work).await?;
    let flavoured = move_etc(unpacked)?;
    let version = format!("{}.{}", spec.version, date(tree.epoch));
    let mut command = ostree("commit", repository)
        .arg(format!("--branch={}", spec.reference))
        .arg(format!("--subject={}", spec.subject))
        .arg(format!("--add-metadata-string=version={version}"))
        .arg(format!("--timestamp=@{}", tree.epoch))
        .arg(format!("--parent={}", parent.as_ref().map_or_else(|| "none".to_owned(), |(_, commit)| commit.to_string())))
        .args(["--bootable", "--generate-sizes"]);
    if !spec.bindings {
        command = command.arg("--no-bindings");
    }
    if !spec.force_new_commit {
        command = command.arg("--skip-if-unchanged");
    }
    let printed = runner.run(&command.arg(format!("--tree=dir={}", flavoured.display()))).await?.text();
    remove_folder(flavoured).await?;
    let checksum = checksum_in(printed.lines().last().unwrap_or_default())?;
    let parent = parent.map(|(_, commit)| commit);
    let unchanged = parent == Some(checksum);
    Ok(Commit { reference: spec.reference.clone(), checksum, version, parent, unchanged })
}

/// The newest commit of a branch, and the repository that has it.
async fn parent<'a>(runner: &Runner, previous: &'a [PathBuf], reference: &str) -> Result<Option<(&'a Path, Sha256)>, ImageError> {
    for repository in previous {
        if let Some(commit) = head(runner, repository, reference).await? {
            return Ok(Some((repository, commit)));
        }
    }
    Ok(None)
}

/// The commit of a branch in a repository; none where there is no such branch, or no repository.
pub(super) async fn head(runner: &Runner, repository: &Path, reference: &str) -> Result<Option<Sha256>, ImageError> {
    if !repository.join("config").is_file() {
        return Ok(None);
    }
    let refs = runner.run(&Command::new("ostree").args(["refs", &format!("--repo={}", repository.display())])).await?.text();
    if !refs.lines().any(|line| line.trim() == reference) {
        return Ok(None);
    }
    let command = Command::new("ostree").args(["rev-parse", &format!("--repo={}", repository.display()), reference]);
    checksum_in(&runner.run(&command).await?.text()).map(Some)
}

/// Committed trees have no /etc: each deployment gets its own of /usr/etc.
fn move_etc(tree: PathBuf) -> Result<PathBuf, ImageError> {
    let (from, to) = (tree.join("etc"), tree.join("usr/etc"));
    let is_real = |path: &Path| fs_err::symlink_metadata(path).is_ok_and(|data| data.is_dir());
    if !is_real(&from) || !is_real(&tree.join("usr")) || fs_err::symlink_metadata(&to).is_ok() {
        let reason = "it is to become /usr/etc, which must not be there already";
        return Err(ImageError::Invalid { what: "folder", value: "/etc".to_owned(), reason });
    }
    fs_err::rename(from, to)?;
    Ok(tree)
}

fn date(epoch: i64) -> String {
    jiff::Timestamp::from_second(epoch).unwrap_or_default().strftime("%Y%m%d").to_string()
}

fn checksum_in(text: &str) -> Result<Sha256, ImageError> {
    let reason = "64 hexadecimal digits were expected of ostree";
    let invalid = |_| ImageError::Invalid { what: "commit", value: text.to_owned(), reason };
    text.trim().parse().map_err(invalid)
}
