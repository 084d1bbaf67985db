//! Disks: a root file system with a boot loader on a partitioned disk, as the files that virtual machines and clouds take.
//!
//! No loop device and nothing mounted, but by programs of others ([`backend`]): file systems are made of folders, and laid into the disk at their places. All that is random
//! elsewhere, such as UUIDs, follows from the image's identity and the time of its packages.

pub(crate) mod backend;
pub(super) mod deployment;
mod files;
mod filesystem;
mod formats;
mod grub;
mod ids;
mod partitions;
mod systemd_boot;
pub(crate) mod xfs;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::kernel::{Kernel, require_init};
use super::live::check_boot_parameters;
use super::tree::{remove_folder, unpack};
use super::{ImageError, RequiredProgram, Rootfs, STATUS, blocking, efi_partition, ostree, program};
use crate::config::schema::images::{BootLoader, DiskFilesystem, DiskFormat, Firmware};
use crate::tools::Runner;
pub use backend::BackendSpec;
pub use deployment::DeploymentSpec;
use filesystem::Contents;
use ids::Ids;
use partitions::{PartitionContent, PartitionKind, Table};

/// The arches that disks can be made for: those whose boot loaders are known here.
pub(crate) const ARCHES: [&str; 1] = ["amd64"];

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// What a disk is made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiskSpec {
    /// The title of the menu: release name and version.
    pub title: String,
    /// What tells it from all other disks but those of later composes; UUIDs follow from it.
    pub identity: String,
    /// In bytes; without one it is as large as the content wants.
    pub size: Option<u64>,
    pub filesystem: DiskFilesystem,
    /// Each once, and one at least.
    pub firmware: Vec<Firmware>,
    pub boot_loader: BootLoader,
    /// Parameters for the kernel, besides those that the disk needs.
    pub boot_parameters: Vec<String>,
    pub hostname: Option<String>,
    pub cloud_init: bool,
    pub root_password: Option<String>,
    /// Each once, and one at least.
    pub formats: Vec<DiskFormat>,
    /// The system is a deployment of an OSTree commit.
    pub deployment: Option<DeploymentSpec>,
    /// Another program makes it, and only formats and identity are charmer's.
    pub backend: Option<BackendSpec>,
}

/// What starts the system, besides what lies in its root file system.
#[derive(Debug, Default)]
struct BootFiles {
    /// For BIOS: the first sector's code, and what it starts.
    bios: Option<(Vec<u8>, Vec<u8>)>,
    /// Files of the EFI system partition, by their paths there.
    efi: Vec<(String, PathBuf)>,
}

/// Writes the disk in each of its formats, to as many outputs.
pub(super) async fn build(
    runner: &Runner,
    spec: &DiskSpec,
    rootfs: &Rootfs,
    work: &Path,
    outputs: &[PathBuf],
) -> Result<(), ImageError> {
    rootfs.require("disk", &spec.packages().collect::<Vec<_>>())?;
    let ids = Ids::of(&spec.identity, rootfs.epoch);
    let tree = unpack(runner, rootfs, work).await?;
    files::overlay(spec, &ids).apply(&tree)?;
    require_init(&tree)?;
    let kernel = Kernel::of_tree(&tree, &rootfs.arch)?;
    kernel.initrd()?;
    let boot = match spec.boot_loader {
        BootLoader::Grub => {
            let menu = grub::menu(spec, &ids, &kernel.version);
            grub::install(runner, spec, &ids, &menu, &tree, work).await?
        }
        BootLoader::SystemdBoot => systemd_boot::install(spec, &ids, &kernel, &tree, work)?,
    };
    let contents = Contents { tree: &tree, epoch: rootfs.epoch, immutable: None };
    let disk = lay_out(runner, spec, &ids, contents, &boot, work).await?;
    remove_folder(tree).await?;
    write_formats(runner, &spec.formats, &ids, rootfs.epoch, &disk, outputs).await
}

/// Makes the files that are shipped of a raw disk, which is gone then.
async fn write_formats(
    runner: &Runner,
    formats: &[DiskFormat],
    ids: &Ids,
    epoch: i64,
    disk: &Path,
    outputs: &[PathBuf],
) -> Result<(), ImageError> {
    for (format, output) in formats.iter().zip(outputs) {
        formats::write(runner, *format, disk, ids, epoch, output).await?;
    }
    fs_err::remove_file(disk)?;
    Ok(())
}

/// Makes the file systems and lays them into a raw disk.
async fn lay_out(
    runner: &Runner,
    spec: &DiskSpec,
    ids: &Ids,
    contents: Contents<'_>,
    boot: &BootFiles,
    work: &Path,
) -> Result<PathBuf, ImageError> {
    let epoch = contents.epoch;
    let (measured, root_image) = (contents.tree.to_owned(), work.join("root.img"));
    let needed = blocking(move || Ok(filesystem::settle(&measured, epoch)?)).await?;
    let efi = if boot.efi.is_empty() { None } else { Some(efi_partition::size_for(&boot.efi)?) };
    let table = Table::new(spec.size, boot.bios.is_some(), efi, spec.filesystem, needed)?;
    let mut images = Vec::new();
    for partition in &table.partitions {
        images.push(match partition.kind {
            PartitionKind::Bios => PartitionContent::Nothing,
            PartitionKind::Efi => {
                let image = work.join("efi.img");
                efi_partition::make(runner, &boot.efi, partition.size, ids.fat(), epoch, &image).await?;
                PartitionContent::Image(image)
            }
            PartitionKind::Root => {
                filesystem::make(runner, spec.filesystem, ids, contents, partition.size, &root_image).await?;
                PartitionContent::Image(root_image.clone())
            }
        });
    }
    let disk = work.join("disk.raw");
    partitions::write(runner, &table, ids, &images, &disk).await?;
    if let Some((code, core)) = &boot.bios {
        grub::write_bios_code(&table, code, core, &disk)?;
    }
    for content in images {
        if let PartitionContent::Image(image) = content {
            fs_err::remove_file(image)?;
        }
    }
    Ok(disk)
}

/// The package database of a finished disk in any of its formats. `work` is a folder with room for the disk, which is removed again.
pub(crate) async fn package_database(runner: &Runner, image: &Path, work: &Path) -> Result<Vec<u8>, ImageError> {
    let copy = work.join("read.raw");
    let is_raw = image.extension().is_some_and(|end| end == "raw");
    if !is_raw {
        formats::unpack(runner, image, &copy).await?;
    }
    let raw = if is_raw { image } else { &copy };
    let place = partitions::find_root(runner, raw).await?;
    let database = match filesystem::deployment(runner, raw, place).await? {
        Some(deployment) => format!("{deployment}/{}", ostree::tree::STATUS),
        None => STATUS.to_owned(),
    };
    let bytes = filesystem::read_file(runner, raw, place, &database, work).await;
    if !is_raw {
        fs_err::remove_file(copy)?;
    }
    bytes
}

impl DiskSpec {
    /// What can be said before there is a root file system.
    pub(super) fn validate(&self, arch: &str) -> Result<(), ImageError> {
        if !ARCHES.contains(&arch) {
            return Err(ImageError::UnsupportedArch { kind: "disk", arch: arch.to_owned(), supported: ARCHES.join(", ") });
        }
        if self.title.is_empty() || self.title.contains(char::is_control) {
            let reason = "one line of text is expected";
            return Err(ImageError::Invalid { what: "title", value: self.title.clone(), reason });
        }
        check_boot_parameters(&self.boot_parameters)
    }

    pub(super) fn has(&self, firmware: Firmware) -> bool {
        self.firmware.contains(&firmware)
    }

    /// What charmer's own cannot do without, besides a kernel and an init: its boot loader, and what grows its root partition.
    pub(super) fn packages(&self) -> impl Iterator<Item = &'static str> {
        let grub = self.boot_loader == BootLoader::Grub;
        let systemd_boot = self.boot_loader == BootLoader::SystemdBoot;
        [
            (true, "cloud-guest-utils"),
            (self.deployment.is_some(), "ostree"),
            (self.cloud_init, "cloud-init"),
            (self.root_password.is_some(), "passwd"),
            (grub, "grub2-common"),
            (grub && self.has(Firmware::Bios), "grub-pc-bin"),
            (grub && self.has(Firmware::Uefi), "grub-efi-amd64-bin"),
            (systemd_boot, "systemd-boot"),
            (systemd_boot, "systemd-boot-efi"),
            (self.filesystem == DiskFilesystem::Btrfs, "btrfs-progs"),
            (self.filesystem == DiskFilesystem::Xfs, "xfsprogs"),
        ]
        .into_iter()
        .filter_map(|(is_needed, package)| is_needed.then_some(package))
    }

    /// The programs of this machine that make it.
    pub(super) fn programs(&self) -> Vec<RequiredProgram> {
        if let Some(backend) = &self.backend {
            return backend.programs();
        }
        let efi = if self.has(Firmware::Uefi) { efi_partition::PROGRAMS } else { &[] };
        let tools = [program("chroot", "coreutils"), program("unshare", "util-linux"), program("sfdisk", "fdisk")];
        let of_deployment = self.deployment.as_ref().map(|_| program("ostree", "ostree"));
        let formats = [program("qemu-img", "qemu-utils")];
        tools
            .into_iter()
            .chain(of_deployment)
            .chain(formats)
            .chain(filesystem::programs(self.filesystem).iter().copied())
            .chain(efi.iter().copied())
            .collect()
    }
}

#[cfg(test)]
pub(super) fn example() -> DiskSpec {
    DiskSpec {
        title: "Harbour's 13.1".into(),
        identity: "harbour 13.1 Cloud amd64 disk".into(),
        size: None,
        filesystem: DiskFilesystem::Ext4,
        firmware: vec![Firmware::Bios, Firmware::Uefi],
        boot_loader: BootLoader::Grub,
        boot_parameters: vec!["quiet".into()],
        hostname: Some("quay".into()),
        cloud_init: false,
        root_password: None,
        formats: vec![DiskFormat::Qcow2],
        deployment: None,
        backend: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_cannot_do_without_follows_from_what_it_is() {
        let packages = |spec: DiskSpec| spec.packages().collect::<Vec<_>>().join(" ");
        assert_eq!(packages(example()), "cloud-guest-utils grub2-common grub-pc-bin grub-efi-amd64-bin");
        let small = DiskSpec {
            firmware: vec![Firmware::Uefi],
            boot_loader: BootLoader::SystemdBoot,
            cloud_init: true,
            filesystem: DiskFilesystem::Btrfs,
            ..example()
        };
        assert_eq!(packages(small), "cloud-guest-utils cloud-init systemd-boot systemd-boot-efi btrfs-progs");
    }

    #[test]
    fn what_would_break_the_menu_is_refused() {
        example().validate("amd64").unwrap();
        assert!(example().validate("riscv64").unwrap_err().to_string().contains("amd64"));
        assert!(DiskSpec { title: "two\nlines".into(), ..example() }.validate("amd64").is_err());
        assert!(DiskSpec { boot_parameters: vec!["a; reboot".into()], ..example() }.validate("amd64").is_err());
    }
}
