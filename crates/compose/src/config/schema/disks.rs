//! What only images of kind `disk` have.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::Size;

/// How a disk is made, and in which formats it is shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Disk {
    /// The files that are made of it.
    #[serde(default = "qcow2")]
    #[schemars(length(min = 1))]
    pub formats: Vec<DiskFormat>,
    /// The size of the disk; without this what its content needs and half as much again, in whole GiB. On a larger disk the root
    /// partition grows when it is started.
    #[serde(default)]
    pub size: Option<Size>,
    /// The name of an image of kind `ostree` of the same variant: the system is a deployment of its commit, and the disk has no packages
    /// of its own.
    #[serde(default)]
    pub ostree: Option<String>,
    /// The URL of the OSTree repository that a started machine asks for updates. Only with `ostree`.
    #[serde(default)]
    pub ostree_url: Option<String>,
    /// The program that makes the disk by a configuration of its own; without this charmer makes it, by what else stands here.
    #[serde(default)]
    pub backend: Option<Backend>,
    /// The folder with that configuration: mkosi's `mkosi.conf`, kiwi's `config.xml` or `*.kiwi`. Only with `backend`.
    #[serde(default)]
    pub configuration: Option<PathBuf>,
    /// What the root file system is.
    #[serde(default)]
    pub filesystem: DiskFilesystem,
    /// Which firmware starts it; without this all that the boot loader can be started by.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub firmware: Option<Vec<Firmware>>,
    /// What starts the kernel.
    #[serde(default)]
    pub boot_loader: BootLoader,
    /// Parameters for the kernel, besides those that the disk needs.
    #[serde(default)]
    pub boot_parameters: Vec<String>,
    /// The host name; without one it is the release's short name, or with `cloud-init` what the cloud says.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Whether the started system asks its cloud for accounts, keys and network: with cloud-init.
    #[serde(default)]
    pub cloud_init: bool,
    /// The password of root, hashed as mkpasswd(1) writes it: `$y$j9T$...`. Without one, root has no password to log in with.
    #[serde(default)]
    pub root_password: Option<String>,
}

fn qcow2() -> Vec<DiskFormat> {
    vec![DiskFormat::Qcow2]
}

impl Disk {
    /// Each once, BIOS first.
    pub(crate) fn firmware(&self) -> Vec<Firmware> {
        let all: &[Firmware] = match self.boot_loader {
            // Unless they are told otherwise, both make disks for UEFI.
            BootLoader::Grub if self.backend.is_some() && self.firmware.is_none() => &[Firmware::Uefi],
            BootLoader::Grub => &[Firmware::Bios, Firmware::Uefi],
            BootLoader::SystemdBoot => &[Firmware::Uefi],
        };
        let is_wanted = |firmware: &Firmware| self.firmware.as_ref().is_none_or(|wanted| wanted.contains(firmware));
        all.iter().copied().filter(is_wanted).collect()
    }
}

/// Another program that makes disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// By systemd's people, with systemd-repart; 25 or later.
    Mkosi,
    /// By openSUSE's, for many distributions; 10 or later.
    Kiwi,
}

impl Backend {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mkosi => "mkosi",
            Self::Kiwi => "kiwi",
        }
    }

    /// The name under which it is run.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Mkosi => "mkosi",
            Self::Kiwi => "kiwi-ng",
        }
    }

    /// What a folder with its configuration has one of, by the end of its name.
    pub(crate) const fn configuration_files(self) -> &'static [&'static str] {
        match self {
            Self::Mkosi => &["mkosi.conf"],
            Self::Kiwi => &["config.xml", ".kiwi"],
        }
    }
}

/// A file that virtual machines and clouds take as a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFormat {
    /// The disk byte for byte, with holes where it is empty: `.raw`.
    Raw,
    /// The same, compressed: `.raw.xz`.
    RawXz,
    /// For QEMU, Proxmox and OpenStack, compressed: `.qcow2`.
    Qcow2,
    /// For VMware, compressed: `.vmdk`.
    Vmdk,
    /// For Hyper-V: `.vhd`.
    Vhd,
}

impl DiskFormat {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::RawXz => "raw-xz",
            Self::Qcow2 => "qcow2",
            Self::Vmdk => "vmdk",
            Self::Vhd => "vhd",
        }
    }

    /// The end of the file's name.
    pub const fn file_extension(self) -> &'static str {
        match self {
            Self::RawXz => "raw.xz",
            _ => self.name(),
        }
    }
}

/// A file system that disks can have as their root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFilesystem {
    /// What Debian's own installer makes; the same packages give the same bytes.
    #[default]
    Ext4,
    /// With snapshots and checksums. Two builds of the same packages differ in random numbers and times.
    Btrfs,
    /// For large files and many processors; it grows and never shrinks. Made by xfsprogs 6.17 or later.
    Xfs,
}

impl DiskFilesystem {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Btrfs => "btrfs",
            Self::Xfs => "xfs",
        }
    }
}

/// What a machine starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Firmware {
    /// As PCs had it before, and many virtual machines have it.
    Bios,
    /// As newer machines have it.
    Uefi,
}

/// What starts the kernel of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BootLoader {
    /// For BIOS and UEFI; with Secure Boot where the variant has `shim-signed` and GRUB's signed package.
    #[default]
    Grub,
    /// For UEFI alone: kernel and initrd lie in the EFI system partition.
    SystemdBoot,
}
