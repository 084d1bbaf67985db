//! A root file system unpacked in a work folder, for kinds that put it into a file system or change it.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::overlay::{open_within, write_file};
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

/// Copies a file of a tree to a new file, as if the tree were the root.
pub(super) fn copy_out(tree: &Path, path: &str, to: &Path) -> std::io::Result<()> {
    let in_tree = |error: std::io::Error| std::io::Error::new(error.kind(), format!("/{path} in the root file system: {error}"));
    let open = || open_within(&open_root(tree)?, path, OFlags::RDONLY | OFlags::NONBLOCK);
    let mut file = std::fs::File::from(open().map_err(|error| in_tree(error.into()))?);
    if !file.metadata()?.is_file() {
        return Err(in_tree(std::io::Error::other("it is no file")));
    }
    std::io::copy(&mut file, &mut fs_err::File::create(to)?)?;
    Ok(())
}

/// Writes a file of a tree, as if the tree were the root.
pub(super) fn put(tree: &Path, path: &str, text: &str) -> std::io::Result<()> {
    write_file(&open_root(tree)?, path, text)
}

/// The root of a tree, for what must not leave it.
pub(super) fn open_root(tree: &Path) -> Result<OwnedFd, Errno> {
    rustix::fs::open(tree, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

pub(super) async fn remove_folder(folder: PathBuf) -> Result<(), ImageError> {
    blocking(move || Ok(fs_err::remove_dir_all(folder)?)).await
}
