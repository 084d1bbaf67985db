//! A root file system in the shape in which OSTree deploys it and bootc ships it: see the script, which runs inside of it.

use std::path::Path;

use super::super::kernel::{Kernel, require_init};
use super::super::tree::{remove_folder, unpack};
use super::super::{ImageError, RequiredProgram, Rootfs, blocking, program};
use crate::digest::Sha256;
use crate::files::partial_name;
use crate::tools::{Command, Runner};

pub(in crate::images) const PROGRAMS: &[RequiredProgram] =
    &[program("chroot", "coreutils"), program("mount", "mount"), program("tar", "tar"), program("unshare", "util-linux")];

/// What makes the initramfs, and what is in it.
pub(in crate::images) const PACKAGES: &[&str] = &["dracut", "ostree-boot"];

/// Where the package database lies in the tree.
pub(crate) const STATUS: &str = "usr/lib/sysimage/dpkg/status";

const SCRIPT: &str = include_str!("tree.sh");
/// In namespaces of its own: what is mounted is gone with it.
const ENTER: &str = r#"[ ! -L "$1/proc" ] && mount -t proc proc "$1/proc" && exec chroot "$1" /bin/sh -s "$2""#;

/// Makes the tree's tar file at `output` of a root file system with a kernel. It must be run as root.
pub(in crate::images) async fn make_tree(
    runner: &Runner,
    rootfs: &Rootfs,
    work: &Path,
    output: &Path,
) -> Result<(Sha256, u64), ImageError> {
    rootfs.require("ostree", PACKAGES)?;
    let tree = unpack(runner, rootfs, work).await?;
    require_init(&tree)?;
    let kernel = Kernel::of_tree(&tree, &rootfs.arch)?;
    let enter = Command::new("sh")
        .args(["-c", ENTER, "sh"])
        .arg(&tree)
        .arg(&kernel.version)
        .input(SCRIPT)
        .env("SOURCE_DATE_EPOCH", rootfs.epoch.to_string())
        .contained();
    runner.run(&enter).await?;
    let partial = partial_name(output)?;
    let pack = Command::new("tar")
        .args(["--create", "--sort=name", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--clamp-mtime"])
        .args([&format!("--mtime=@{}", rootfs.epoch), "--file"])
        .arg(&partial)
        .arg("--directory")
        .arg(&tree)
        .arg(".");
    runner.run(&pack).await?;
    remove_folder(tree).await?;
    let packed = partial.clone();
    let digest = blocking(move || Ok(Sha256::of_file(&packed)?)).await?;
    fs_err::rename(&partial, output)?;
    Ok(digest)
}
