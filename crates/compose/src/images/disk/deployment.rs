//! A disk whose system is a deployment of an OSTree commit, which updates itself from an OSTree repository.
//!
//! OSTree writes a menu for SYSLINUX with every deployment, and GRUB reads it: what a machine updates to is what it starts, without a
//! GRUB that is made anew. ostree(1), "Deployments"; GRUB's manual, "syslinux_configfile".

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::filesystem::Contents;
use super::ids::Ids;
use super::{BootFiles, DiskSpec, files, grub, lay_out};
use crate::digest::Sha256;
use crate::images::tree::{remove_folder, unpack};
use crate::images::{ImageError, Rootfs};
use crate::tools::{Command, Runner};

/// Where the commit comes from, and what it is called on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeploymentSpec {
    /// The name of the system among OSTree's, and of the remote: the release's short name.
    pub os: String,
    /// The repository that a started machine asks for updates.
    pub url: Option<String>,
}

/// A commit in a repository on this machine.
#[derive(Debug, Clone)]
pub(in crate::images) struct Source {
    pub repository: PathBuf,
    pub reference: String,
    pub checksum: Sha256,
    /// The public key by which the machine trusts updates.
    pub key: Option<PathBuf>,
}

/// The menu that OSTree has written last.
const MENU: &str = "boot/loader/syslinux.cfg";
/// What makes OSTree write it: it wants to find one.
const MENU_LINK: &str = "boot/syslinux/syslinux.cfg";
const NO_MENU: &str = "DEFAULT none\nTIMEOUT 10\n";

/// Writes the disk in each of its formats, to as many outputs. `tree` is what the commit was made of.
pub(in crate::images) async fn build(
    runner: &Runner,
    spec: &DiskSpec,
    (source, tree): (&Source, &Rootfs),
    work: &Path,
    outputs: &[PathBuf],
) -> Result<(), ImageError> {
    let deployment = spec.deployment.as_ref().expect("it is made of a commit");
    tree.require("disk", &spec.packages().collect::<Vec<_>>())?;
    let ids = Ids::of(&spec.identity, tree.epoch);
    let sysroot = work.join("sysroot");
    fs_err::create_dir(&sysroot)?;
    let boot = install_boot_loader(runner, spec, &ids, tree, &sysroot, work).await?;
    let root = deploy(runner, spec, deployment, source, &ids, &sysroot).await?;
    files::overlay(spec, &ids).apply(&root)?;
    let immutable = format!("/{}", root.strip_prefix(&sysroot).unwrap_or(&root).display());
    let contents = Contents { tree: &sysroot, epoch: tree.epoch, immutable: Some(&immutable) };
    let disk = lay_out(runner, spec, &ids, contents, &boot, work).await?;
    remove_folder(sysroot).await?;
    super::write_formats(runner, &spec.formats, &ids, tree.epoch, &disk, outputs).await
}

/// GRUB as the commit has it, with a menu that is OSTree's.
async fn install_boot_loader(
    runner: &Runner,
    spec: &DiskSpec,
    ids: &Ids,
    tree: &Rootfs,
    sysroot: &Path,
    work: &Path,
) -> Result<BootFiles, ImageError> {
    let folder = unpack(runner, tree, work).await?;
    let menu = format!("{}syslinux_configfile /{MENU}\n", grub::PREAMBLE);
    let boot = grub::install(runner, spec, ids, &menu, &folder, work).await?;
    fs_err::create_dir_all(sysroot.join("boot/efi"))?;
    fs_err::rename(folder.join("boot/grub"), sysroot.join("boot/grub"))?;
    remove_folder(folder).await?;
    Ok(boot)
}

/// Deploys the commit below an empty sysroot; gives the folder that will be the started system's root.
async fn deploy(
    runner: &Runner,
    spec: &DiskSpec,
    deployment: &DeploymentSpec,
    source: &Source,
    ids: &Ids,
    sysroot: &Path,
) -> Result<PathBuf, ImageError> {
    let DeploymentSpec { os, url } = deployment;
    let at_root = format!("--sysroot={}", sysroot.display());
    let repository = format!("--repo={}", sysroot.join("ostree/repo").display());
    let ostree = |words: &[&str]| Command::new("ostree").args(words);
    runner.run(&ostree(&["admin", "init-fs", "--modern"]).arg(sysroot)).await?;
    runner.run(&ostree(&["admin", "os-init", &at_root, os])).await?;
    for (key, value) in [("sysroot.bootloader", "syslinux"), ("sysroot.bootprefix", "true"), ("sysroot.readonly", "true")] {
        runner.run(&ostree(&["config", &repository, "set", key, value])).await?;
    }
    fs_err::create_dir_all(sysroot.join("boot/loader.0"))?;
    fs_err::os::unix::fs::symlink("loader.0", sysroot.join("boot/loader"))?;
    fs_err::write(sysroot.join(MENU), NO_MENU)?;
    fs_err::create_dir_all(sysroot.join("boot/syslinux"))?;
    fs_err::os::unix::fs::symlink("../loader/syslinux.cfg", sysroot.join(MENU_LINK))?;

    let reference = if let Some(url) = url {
        let mut add = ostree(&["remote", "add", &repository]);
        add = match &source.key {
            Some(key) => add.arg(format!("--gpg-import={}", key.display())),
            None => add.arg("--no-sign-verify"),
        };
        runner.run(&add.args([os, url])).await?;
        format!("{os}:{}", source.reference)
    } else {
        source.reference.clone()
    };
    let checksum = source.checksum.to_string();
    runner.run(&ostree(&["pull-local", &repository]).arg(&source.repository).arg(&checksum)).await?;
    runner.run(&ostree(&["refs", &repository, &format!("--create={reference}"), &checksum])).await?;
    let arguments = format!("root=UUID={} rw {}", ids.root(), files::kernel_arguments(spec));
    let arguments = arguments.split(' ').map(|argument| format!("--karg-append={argument}"));
    // The root would be a folder that nobody can change or remove, which it is to be on the disk alone.
    let deploy = ostree(&["admin", "deploy", &at_root, &format!("--os={os}")]).env("OSTREE_SYSROOT_DEBUG", "mutable-deployments");
    runner.run(&deploy.args(arguments).arg(&reference)).await?;
    Ok(sysroot.join(format!("ostree/deploy/{os}/deploy/{checksum}.0")))
}
