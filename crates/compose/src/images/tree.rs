//! A root file system unpacked in a work folder, for kinds that put it into a file system or change it.

use std::path::{Path, PathBuf};

use super::{ImageError, Rootfs, blocking};
use crate::tools::{Command, Runner};

/// Unpacks the root file system, owners and attributes included, into a folder that is made in `work`.
pub(super) async fn unpack(runner: &Runner, rootfs: &Rootfs, work: &Path) -> Result<PathBuf, ImageError> {
    let tree = work.join("tree");
    fs_err::create_dir(&tree)?;
    let command = Command::new("tar")
        .args(["--extract", "--numeric-owner", "--same-permissions", "--xattrs", "--xattrs-include=*", "--file"])
        .arg(&rootfs.tar)
        .arg("--directory")
        .arg(&tree);
    runner.run(&command).await?;
    Ok(tree)
}

pub(super) async fn remove_folder(folder: PathBuf) -> Result<(), ImageError> {
    blocking(move || Ok(fs_err::remove_dir_all(folder)?)).await
}
