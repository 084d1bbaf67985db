//! The repository of a compose: every commit of it, deltas from the commits of the compose before, a summary, signatures.

use std::path::{Path, PathBuf};

use super::super::{ImageError, blocking};
use super::commit::Commit;
use crate::files::link_or_copy;
use crate::tools::{Command, Runner};

/// A commit, and the repository that it was made in.
pub(super) struct Source<'a> {
    pub(super) commit: &'a Commit,
    pub(super) tag_ref: bool,
    pub(super) repository: PathBuf,
}

/// Makes the repository at `repository`, where nothing is, without signatures and summary.
pub(super) async fn collect(runner: &Runner, sources: &[Source<'_>], repository: &Path) -> Result<(), ImageError> {
    runner.run(&ostree("init", repository).arg("--mode=archive")).await?;
    for source in sources {
        let Commit { reference, checksum, .. } = source.commit;
        runner.run(&ostree("pull-local", repository).arg(&source.repository).arg(checksum.to_string())).await?;
        if source.tag_ref {
            runner.run(&ostree("refs", repository).args([format!("--create={reference}"), checksum.to_string()])).await?;
        }
        let (from, to) = (source.repository.join("deltas"), repository.join("deltas"));
        if from.is_dir() {
            blocking(move || Ok(link_folder(&from, &to)?)).await?;
        }
    }
    Ok(())
}

/// Makes a delta from the parent of a commit, in the repository that has both.
pub(super) async fn make_delta(runner: &Runner, commit: &Commit, repository: &Path) -> Result<(), ImageError> {
    let Some(parent) = commit.parent.as_ref().filter(|_| !commit.unchanged) else { return Ok(()) };
    let ends = [format!("--from={parent}"), format!("--to={}", commit.checksum)];
    runner.run(&ostree("static-delta", repository).arg("generate").args(ends)).await?;
    Ok(())
}

/// Writes the summary by which clients find branches and deltas.
pub(super) async fn summarise(runner: &Runner, repository: &Path) -> Result<(), ImageError> {
    runner.run(&ostree("summary", repository).arg("--update")).await?;
    Ok(())
}

/// Every object is whole, and everything that a commit needs is there.
pub(crate) async fn check(runner: &Runner, repository: &Path) -> Result<(), ImageError> {
    runner.run(&ostree("fsck", repository).arg("--quiet")).await?;
    Ok(())
}

/// Where the bytes of a commit lie, and where its detached metadata does.
pub(super) fn commit_files(repository: &Path, checksum: &str) -> [PathBuf; 2] {
    let (folder, name) = checksum.split_at(2);
    ["commit", "commitmeta"].map(|end| repository.join("objects").join(folder).join(format!("{name}.{end}")))
}

fn ostree(verb: &str, repository: &Path) -> Command {
    Command::new("ostree").args([verb, &format!("--repo={}", repository.display())])
}

fn link_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link_folder(&entry.path(), &target)?;
        } else {
            link_or_copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}
