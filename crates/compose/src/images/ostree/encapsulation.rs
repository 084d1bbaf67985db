//! An OSTree commit in a container, from which ostree and bootc deploy and update it: each object of the commit lies in one layer.
//!
//! The format is that of OSTree's own tools, "ostree native containers". charmer-encapsulate writes it, a program of its own that links
//! libostree; what is left to do here is what makes two such images of one commit the same.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::chunks::{Chunks, Shape};
use super::super::container::{platform, rfc3339};
use super::super::oci::write_archive_of_layout;
use super::super::tree::remove_folder;
use super::super::{ContainerSpec, ImageError, RequiredProgram, Rootfs, blocking, program};
use crate::digest::Sha256;
use crate::tools::{Command, Runner};

const ENCAPSULATE: &str = "charmer-encapsulate";

/// It looks at what it has written by skopeo.
pub(in crate::images) const PROGRAMS: &[RequiredProgram] = &[program(ENCAPSULATE, "charmer"), program("skopeo", "skopeo")];

/// A commit in a repository on this machine.
#[derive(Debug, Clone)]
pub(in crate::images) struct Source {
    pub repository: PathBuf,
    pub checksum: Sha256,
}

/// Writes the archive to `output`. `tree` is what the commit was made of.
pub(in crate::images) async fn build(
    runner: &Runner,
    spec: &ContainerSpec,
    source: &Source,
    tree: &Rootfs,
    work: &Path,
    output: &Path,
) -> Result<(), ImageError> {
    let (platform, created) = (platform(&tree.arch)?, rfc3339(tree.epoch)?);
    let layout = work.join("oci");
    let layers = layers_of(tree, runner).await?;
    let request = json!({
        "repository": source.repository,
        "commit": source.checksum.to_string(),
        "output": layout,
        "labels": spec.all_labels(&created),
        "command": spec.command,
        "layers": layers,
    });
    runner.run(&Command::new(ENCAPSULATE).input(request.to_string())).await?;
    let (folder, output, reference, epoch) = (layout.clone(), output.to_owned(), spec.reference.clone(), tree.epoch);
    blocking(move || write_archive_of_layout(&folder, platform, &created, &reference, epoch, &output)).await?;
    remove_folder(layout).await
}

/// Which files lie together in a layer, by their paths in the commit.
async fn layers_of(tree: &Rootfs, runner: &Runner) -> Result<Vec<serde_json::Value>, ImageError> {
    let (tar, cancel) = (tree.tar.clone(), runner.cancel.clone());
    let chunks = blocking(move || Chunks::of_tree(&tar, Shape::Ostree, &cancel)).await?;
    // The commit has /etc as the beginning of each machine's own.
    let in_commit = |path: &str| if path.starts_with("etc/") { format!("usr/{path}") } else { path.to_owned() };
    let layer =
        |(name, paths): (&str, Vec<&str>)| json!({ "name": name, "paths": paths.into_iter().map(in_commit).collect::<Vec<_>>() });
    Ok(chunks.layers().into_iter().map(layer).collect())
}
