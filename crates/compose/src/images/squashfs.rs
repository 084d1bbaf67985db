//! Root file systems as a squashfs: what a live system, a netboot or systemd-nspawn runs from without unpacking it.

use std::path::Path;

use super::tree::{remove_folder, unpack};
use super::{ImageError, RequiredProgram, Rootfs, program};
use crate::tools::{Command, Runner};

pub(super) const PROGRAMS: &[RequiredProgram] =
    &[program("mksquashfs", "squashfs-tools"), program("unsquashfs", "squashfs-tools")];

/// Writes the squashfs to `output`.
pub(super) async fn build(runner: &Runner, rootfs: &Rootfs, work: &Path, output: &Path) -> Result<(), ImageError> {
    let tree = unpack(runner, rootfs, work).await?;
    make(runner, &tree, &["dev/*"], rootfs.epoch, output).await?;
    remove_folder(tree).await
}

/// Packs a tree but for what some patterns match, each of which is relative to it.
pub(super) async fn make(runner: &Runner, tree: &Path, without: &[&str], epoch: i64, output: &Path) -> Result<(), ImageError> {
    // The option has to have an argument.
    let left_out = if without.is_empty() { Vec::new() } else { [&["-wildcards", "-e"], without].concat() };
    let command = Command::new("mksquashfs")
        .arg(tree)
        .arg(output)
        .args(["-noappend", "-no-progress", "-comp", "zstd", "-Xcompression-level", "15", "-b", "256K"])
        .args(left_out)
        .env("SOURCE_DATE_EPOCH", epoch.to_string());
    runner.run(&command).await?;
    Ok(())
}
