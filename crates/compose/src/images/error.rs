//! Why an image could not be made.

use std::path::PathBuf;

use super::StatusError;
use crate::tools::ToolError;

/// Why an image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// `fs_err` names the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error("{what} '{}' cannot be used: {reason}", .value.escape_debug())]
    Invalid { what: &'static str, value: String, reason: &'static str },
    #[error("images of kind {kind} cannot be made for {arch}, only for {supported}")]
    UnsupportedArch { kind: &'static str, arch: String, supported: String },
    #[error("the root file system has no package '{package}', which every {kind} image needs: add it to the image's packages")]
    MissingPackage { kind: &'static str, package: &'static str },
    #[error("the root file system has no Linux kernel: add a package such as 'linux-image-{arch}' to the image's packages")]
    NoKernel { arch: String },
    #[error("the root file system has several Linux kernels ({}): a medium boots exactly one", .0.join(", "))]
    SeveralKernels(Vec<String>),
    #[error("the root file system has no /sbin/init: add a package such as 'systemd-sysv' to the image's packages")]
    NoInit,
    #[error("the kernel {kernel} has no initrd: add the package 'initramfs-tools' to the image's packages")]
    NoInitrd { kernel: String },
    #[error("entry '{entry}' of {} is {kind}, which a container layer cannot hold", archive.display())]
    UnknownEntry { archive: PathBuf, entry: String, kind: String },
    #[error("{package} has {size} bytes and fits on no medium of {media_size} bytes: see `media-size` of the image")]
    LargerThanMedium { package: String, size: u64, media_size: u64 },
    #[error("disc {number} has {size} bytes, which is more than `media-size` ({media_size} bytes); nothing was shipped of it")]
    DiscTooLarge { number: u32, size: u64, media_size: u64 },
    #[error("the disk has {size} bytes, and its content needs {smallest}: see `size` of the image")]
    DiskTooSmall { size: u64, smallest: u64 },
    #[error("{program} is too old: it says '{}', and {oldest} or later is needed", .said.escape_debug())]
    OldProgram { program: &'static str, oldest: String, said: String },
    #[error("{program} made no disk: its configuration has to be one of a disk image")]
    NoDisk { program: &'static str },
    #[error("bootc would refuse the image: {}", .0.join("; "))]
    NotBootable(Vec<String>),
    #[error("{} is no initrd that an installer can be made of: {reason}", path.display())]
    InstallerInitrd { path: PathBuf, reason: String },
    #[error("the installer starts the kernel {kernel}, and its modules are for {}: installations would end with \"No kernel modules were found\"", if .others.is_empty() { "none".to_owned() } else { .others.join(", ") })]
    InstallerKernel { kernel: String, others: Vec<String> },
    #[error(
        "the variant's repository has no udeb {name}, without which the installer cannot read a disc: see `udebs` of the image"
    )]
    MissingUdeb { name: String },
    #[error("the udeb {name} has links where files are expected")]
    StrangeUdeb { name: String },
    #[error("{package} has no {what}")]
    MissingInPackage { package: String, what: &'static str },
    #[error("the image was ended because the compose stops")]
    Cancelled,
}
