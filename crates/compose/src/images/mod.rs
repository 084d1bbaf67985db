//! Images: what is made from a composed repository and boots, or runs, or is installed from.
//!
//! Most kinds start from a root file system ([`rootfs`]) and differ in what is made of it: their own file says that and nothing
//! else, [`build`] is the one driver. A new kind is a variant of [`ImageKind`] and a file. Discs of packages ([`data_iso`]) have none.
//!
//! Must not know: archives, mirrors, the lock's origin; every package comes from the composed repository.

mod boot_loader;
pub mod bootc;
mod chunks;
pub mod container;
pub mod data_iso;
mod disc_repository;
pub(crate) mod disk;
mod efi_partition;
mod error;
mod installed;
pub mod installer;
pub mod iso_folders;
mod kernel;
mod layer;
pub mod live;
pub mod lorax;
pub mod lxc;
pub mod medium;
mod netboot;
mod oci;
pub mod optical;
pub mod ostree;
pub mod overlay;
pub mod packed;
pub mod plan;
mod recipe;
mod root_tar;
pub mod rootfs;
pub mod rpm_plan;
mod squashfs;
mod tree;
pub mod unified;
pub mod wsl;
mod zsync;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::schema::images::DiskFilesystem;
use crate::digest::Sha256;
use crate::engine::OutputFile;
use crate::files::{partial_name, remove_if_there};
use crate::tools::Runner;

pub use bootc::BootcSpec;
pub use container::ContainerSpec;
pub(crate) use disk::backend::check_version as check_backend;
pub(crate) use disk::xfs::{PROGRAMS as XFS_PROGRAMS, check_version as check_xfs};
pub use disk::{BackendSpec, DeploymentSpec, DiskSpec};
pub use error::ImageError;
pub(crate) use installed::{STATUS, read_status};
pub use installed::{StatusError, installed_in_status, installed_in_tar};
pub use live::LiveSpec;
pub use lxc::LxcSpec;
pub use netboot::Netboot;
pub(crate) use oci::unpack_archive;
pub use overlay::Overlay;
pub use packed::PackedSpec;
pub use rootfs::{BaseSet, ComposedRepository, Rootfs, RootfsSpec, build_rootfs, check_folder};
pub use wsl::WslSpec;
pub(crate) use zsync::with_name as zsync_with_name;

/// The end of the name of an archive with files for a start over the network, which are shipped unpacked.
pub const NETBOOT: &str = "netboot.tar";
/// The end of the name of a description for zsync, which is shipped beside its image.
pub(crate) const ZSYNC: &str = "iso.zsync";
/// The root file system among these files.
pub const NETBOOT_SQUASHFS: &str = "filesystem.squashfs";

/// A finished image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Relative to the compose's folder.
    pub path: String,
    /// The kind as the configuration names it: `container`, `live`, `data-iso`.
    pub kind: String,
    pub variant: String,
    pub arch: String,
    /// productmd's words for it: type `live`, format `iso`.
    pub format: String,
    pub size: u64,
    pub sha256: Sha256,
    pub volume_id: Option<String>,
    /// The checksum that is implanted in an ISO.
    pub implanted_md5: Option<String>,
    pub bootable: bool,
    /// The packages in it. `name=version` would not do for several arches: each is `name_version_arch`, sorted.
    pub installed: Vec<String>,
    /// The time of its files, in seconds since 1970.
    pub epoch: i64,
    pub disc: DiscPlace,
    pub jigdo: Option<JigdoFiles>,
    /// What zsync needs, to be shipped beside it.
    pub zsync: Option<OutputFile>,
    /// Why another build of the same packages differs; none where it does not.
    pub differs: Option<String>,
    /// How it started, where it was started.
    pub boot_tests: Vec<BootRecord>,
}

/// What a virtual machine showed that was started with an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootRecord {
    /// `bios`, `uefi` or `secure-boot`.
    pub firmware: String,
    /// It showed what was waited for.
    pub passed: bool,
    /// All of its serial console.
    pub console: OutputFile,
    /// Its screen at the end, as PNG.
    pub screenshot: Option<OutputFile>,
}

/// By which people make an ISO of packages that they have or fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JigdoFiles {
    /// Which packages, and from where.
    pub description: OutputFile,
    /// All that is not in packages.
    pub template: OutputFile,
}

/// Which of how many discs an image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiscPlace {
    pub number: u32,
    pub count: u32,
}

impl DiscPlace {
    pub const ONLY: Self = Self { number: 1, count: 1 };
}

/// What one `[[images]]` gives on one arch: an image, or the discs of a set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSet(pub Vec<Image>);

/// What is made of a root file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageKind {
    /// An OCI image: the layout in one archive file. Whoever ships it may unpack it again.
    Container(Box<ContainerSpec>),
    /// An ISO that boots into the root file system, from a disc or a stick, by BIOS and EFI.
    Live(LiveSpec),
    /// A container that machines boot, made of an OSTree tree.
    Bootc(Box<BootcSpec>),
    /// A disk with a boot loader, in one format or several.
    Disk(Box<DiskSpec>),
    /// One packed tar file.
    Packed(PackedSpec),
    /// A squashfs.
    Squashfs,
}

impl ImageKind {
    /// The kind as the configuration names it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Bootc(_) => "bootc",
            Self::Container(_) => "container",
            Self::Disk(_) => "disk",
            Self::Live(_) => "live",
            Self::Packed(PackedSpec::Tar(_)) => "tar",
            Self::Packed(PackedSpec::Wsl(_)) => "wsl",
            Self::Packed(PackedSpec::Lxc(_)) => "lxc",
            Self::Squashfs => "squashfs",
        }
    }

    /// The ends of the names of the image's files, of which [`build`] makes one each.
    pub fn file_extensions(&self) -> Vec<&'static str> {
        vec![match self {
            Self::Disk(disk) => return disk.formats.iter().map(|format| format.file_extension()).collect(),
            Self::Live(live) => {
                let more = [(live.netboot.is_some(), NETBOOT), (live.zsync, ZSYNC)];
                return ["iso"].into_iter().chain(more.into_iter().filter_map(|(is_made, end)| is_made.then_some(end))).collect();
            }
            Self::Bootc(_) | Self::Container(_) => "oci.tar",
            Self::Packed(packed) => packed.file_extension(),
            Self::Squashfs => "squashfs",
        }]
    }

    pub fn volume_id(&self) -> Option<&str> {
        match self {
            Self::Live(live) => Some(&live.volume_id),
            Self::Bootc(_) | Self::Container(_) | Self::Disk(_) | Self::Packed(_) | Self::Squashfs => None,
        }
    }

    /// The checksum by which a medium of the image can be checked, once the image is made.
    pub fn implanted_md5(&self, image: &Path) -> std::io::Result<Option<String>> {
        match self {
            Self::Live(_) => medium::implanted_md5(image),
            Self::Bootc(_) | Self::Container(_) | Self::Disk(_) | Self::Packed(_) | Self::Squashfs => Ok(None),
        }
    }

    /// What can be said against it before there is a root file system.
    pub fn validate(&self, arch: &str) -> Result<(), ImageError> {
        match self {
            Self::Bootc(bootc) => bootc.validate(arch),
            Self::Container(container) => container.validate(arch),
            Self::Disk(disk) => disk.validate(arch),
            Self::Live(live) => live.validate(arch),
            Self::Packed(_) | Self::Squashfs => Ok(()),
        }
    }

    /// Why two builds of the same packages differ; none where they do not.
    pub fn differs(&self) -> Option<&'static str> {
        match self {
            Self::Disk(disk) if disk.backend.is_some() => disk.backend.as_ref().map(disk::BackendSpec::differs),
            Self::Disk(disk) => match disk.filesystem {
                DiskFilesystem::Btrfs => Some("mkfs.btrfs makes up numbers and times"),
                DiskFilesystem::Xfs => {
                    Some("mkfs.xfs takes files in the order in which a folder lists them, which not all file systems do alike")
                }
                DiskFilesystem::Ext4 => None,
            },
            _ => None,
        }
    }

    pub const fn bootable(&self) -> bool {
        matches!(self, Self::Live(_) | Self::Bootc(_) | Self::Disk(_))
    }

    /// Packages that the root file system must have. Whoever plans adds them to [`RootfsSpec::packages`]; [`build`] insists.
    pub fn required_packages(&self) -> Vec<&'static str> {
        match self {
            Self::Live(spec) => {
                let installer = if spec.calamares { live::INSTALLER } else { &[] };
                [live::PACKAGES, installer, spec.overlay.packages()].concat()
            }
            Self::Bootc(_) => ostree::tree::PACKAGES.to_vec(),
            Self::Disk(disk) => disk.packages().collect(),
            Self::Container(_) | Self::Packed(_) | Self::Squashfs => Vec::new(),
        }
    }

    /// The programs that make it of a root file system.
    pub fn own_programs(&self) -> Vec<RequiredProgram> {
        match self {
            Self::Container(_) | Self::Packed(_) => Vec::new(),
            Self::Bootc(_) => ostree::tree::PROGRAMS.to_vec(),
            Self::Disk(disk) => disk.programs(),
            Self::Live(live) => {
                let netboot = if live.netboot.is_some() { netboot::PROGRAMS } else { &[] };
                let zsync = if live.zsync { zsync::PROGRAMS } else { &[] };
                [squashfs::PROGRAMS, medium::PROGRAMS, netboot, zsync].concat()
            }
            Self::Squashfs => squashfs::PROGRAMS.to_vec(),
        }
    }
}

/// A program (or, with a `/` in it, a file or folder) that has to be there, and the Debian package that brings it: `charmer` where it is
/// one of charmer's own, nothing where no package has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequiredProgram {
    pub program: &'static str,
    pub package: &'static str,
}

const fn program(program: &'static str, package: &'static str) -> RequiredProgram {
    RequiredProgram { program, package }
}

/// Makes the image at `outputs` from a root file system: one for each of the kind's file extensions. `work` is an empty folder of the
/// caller's; what is left in it is of no use to anybody afterwards. Each file appears complete or not at all.
pub async fn build(
    runner: &Runner,
    kind: &ImageKind,
    rootfs: &Rootfs,
    work: &Path,
    outputs: &[PathBuf],
) -> Result<Vec<BuiltImage>, ImageError> {
    kind.validate(&rootfs.arch)?;
    finishing(outputs, async |partials| make(runner, kind, rootfs, work, partials).await).await
}

/// Makes a disk of an OSTree commit, as [`build`] makes other images.
async fn build_deployment(
    runner: &Runner,
    spec: &DiskSpec,
    commit: &disk::deployment::Source,
    tree: &Rootfs,
    work: &Path,
    outputs: &[PathBuf],
) -> Result<Vec<BuiltImage>, ImageError> {
    spec.validate(&tree.arch)?;
    finishing(outputs, async |partials| disk::deployment::build(runner, spec, (commit, tree), work, partials).await).await
}

/// Makes a container of an OSTree commit, as [`build`] makes other images.
async fn build_encapsulation(
    runner: &Runner,
    spec: &BootcSpec,
    commit: &ostree::encapsulation::Source,
    tree: &Rootfs,
    work: &Path,
    outputs: &[PathBuf],
) -> Result<Vec<BuiltImage>, ImageError> {
    spec.validate(&tree.arch)?;
    let make = async |partials: &[PathBuf]| {
        let output = partials.first().expect("an image has a file");
        ostree::encapsulation::build(runner, &spec.container, commit, tree, work, output).await
    };
    finishing(outputs, make).await
}

/// Makes the files of an image at their outputs, by making them beside these first.
async fn finishing(
    outputs: &[PathBuf],
    make: impl AsyncFnOnce(&[PathBuf]) -> Result<(), ImageError>,
) -> Result<Vec<BuiltImage>, ImageError> {
    let partials = outputs.iter().map(|output| partial_name(output)).collect::<std::io::Result<Vec<_>>>()?;
    // What a build that was killed left: xorriso would not cut it to its new length.
    partials.iter().try_for_each(|partial| remove_if_there(partial))?;
    let finished = match make(&partials).await {
        Ok(()) => finish(partials.clone(), outputs.to_vec()).await,
        Err(error) => Err(error),
    };
    if finished.is_err() {
        for partial in &partials {
            // The first error is the one to know.
            let _ = remove_if_there(partial);
        }
    }
    finished
}

async fn make(runner: &Runner, kind: &ImageKind, rootfs: &Rootfs, work: &Path, outputs: &[PathBuf]) -> Result<(), ImageError> {
    let output = outputs.first().expect("an image has a file");
    match kind {
        ImageKind::Disk(spec) => disk::build(runner, spec, rootfs, work, outputs).await,
        ImageKind::Container(spec) => container::build(spec, rootfs, work, output, runner.cancel.clone()).await,
        ImageKind::Bootc(spec) => bootc::build(spec, rootfs, work, output, runner.cancel.clone()).await,
        ImageKind::Live(spec) => live::build(runner, spec, rootfs, work, outputs).await,
        ImageKind::Packed(spec) => packed::build(spec, rootfs, output, runner.cancel.clone()).await,
        ImageKind::Squashfs => squashfs::build(runner, rootfs, work, output).await,
    }
}

async fn finish(partials: Vec<PathBuf>, outputs: Vec<PathBuf>) -> Result<Vec<BuiltImage>, ImageError> {
    blocking(move || {
        let finish = |(partial, output): (&PathBuf, PathBuf)| {
            let (sha256, size) = Sha256::of_file(partial)?;
            fs_err::rename(partial, &output)?;
            Ok(BuiltImage { path: output, size, sha256 })
        };
        partials.iter().zip(outputs).map(finish).collect()
    })
    .await
}

/// A file that [`build`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltImage {
    pub path: PathBuf,
    pub size: u64,
    pub sha256: Sha256,
}

/// Runs work that reads, packs or digests much off the threads that drive the compose.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, ImageError> + Send + 'static) -> Result<T, ImageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
