//! `[[images]]`: what is made from a variant's repository.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Document;
pub use super::disks::{Backend, BootLoader, Disk, DiskFilesystem, DiskFormat, Firmware};
use super::quantity::{Size, Timeout};
use super::variants::Seed;
use crate::compression::Compression;
use crate::images::{BaseSet, container, disk, live};

/// An image, made from the composed repository of a variant and of its parents, and from nothing else.
// An unknown key is found by the check against the JSON schema: serde cannot refuse it where it flattens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub struct Image {
    /// The variant from whose repository it is made.
    pub variant: String,
    /// The arches for which it is made; without this all arches of the variant.
    #[serde(default)]
    pub arches: Option<Vec<String>>,
    /// A name, which tells images of the same variant and arch apart; without one it is the kind, and `dvd` for data ISOs.
    #[serde(default)]
    pub name: Option<String>,
    /// What to install: names of packages, or `{ seed = "linux-image-amd64", arches = ["amd64"] }` for some arches only. A data
    /// ISO has none: it holds the variant's packages. An installer installs these with the base system.
    #[serde(default)]
    pub packages: Vec<Seed>,
    /// What is installed before them.
    #[serde(default)]
    pub base: BaseSet,
    /// How long each program that makes it may run; without this as long as `limits.timeout` says.
    #[serde(default)]
    pub timeout: Option<Timeout>,
    /// That it is started in a virtual machine before it is shipped; see `checks.boot`. Without this it is not.
    #[serde(default)]
    pub boot_test: Option<BootTest>,
    /// The kind, and what only this kind has.
    #[serde(flatten)]
    pub kind: ImageKind,
}

impl Image {
    /// What tells it apart from other images of the same variant and arch.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(self.kind.default_name())
    }

    /// The arches for which it is made.
    pub(crate) fn arches_in<'a>(&'a self, document: &'a Document) -> &'a [String] {
        let variant = || document.variants.get(&self.variant).map_or(&[][..], |variant| variant.arches.as_slice());
        self.arches.as_deref().unwrap_or_else(variant)
    }
}

/// The kinds of images, each with what only it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ImageKind {
    /// A container: an OCI image layout, and the same as one file.
    Container(Container),
    /// A system that boots from a hybrid ISO (BIOS and EFI) and runs from memory.
    Live(Live),
    /// A disk that virtual and real machines start from.
    Disk(Disk),
    /// A root file system as one packed tar file.
    Tar(Tar),
    /// A root file system as a squashfs.
    Squashfs(Squashfs),
    /// A distribution for the Windows Subsystem for Linux, one file.
    Wsl(Wsl),
    /// An image for LXD and Incus, one file.
    Lxc(Lxc),
    /// A container that machines boot and update from: for bootc.
    Bootc(Bootc),
    /// An OSTree commit in the compose's OSTree repository.
    Ostree(Ostree),
    /// An ISO with the variant's repository and debian-installer, which installs from it.
    Installer(Installer),
    /// The variant's packages as an apt repository on one ISO or on several, to be used with apt-cdrom(8) where there is no network.
    DataIso(DataIso),
}

impl ImageKind {
    /// As the configuration and the metadata write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Container(_) => "container",
            Self::Live(_) => "live",
            Self::Disk(_) => "disk",
            Self::Tar(_) => "tar",
            Self::Squashfs(_) => "squashfs",
            Self::Wsl(_) => "wsl",
            Self::Lxc(_) => "lxc",
            Self::Bootc(_) => "bootc",
            Self::Ostree(_) => "ostree",
            Self::Installer(_) => "installer",
            Self::DataIso(_) => "data-iso",
        }
    }

    /// What an image without a name of its own is called.
    pub const fn default_name(&self) -> &'static str {
        match self {
            Self::DataIso(_) => "dvd",
            _ => self.name(),
        }
    }

    /// What a machine with an image of this kind can start with; nothing for what no machine here starts.
    pub(crate) fn boot_firmware(&self) -> Vec<TestFirmware> {
        match self {
            Self::Live(_) | Self::Installer(_) => vec![TestFirmware::Bios, TestFirmware::Uefi],
            Self::Disk(disk) => disk
                .firmware()
                .into_iter()
                .map(|firmware| match firmware {
                    Firmware::Bios => TestFirmware::Bios,
                    Firmware::Uefi => TestFirmware::Uefi,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The arches that images of this kind can be made for.
    ///
    /// None: any.
    pub(crate) fn possible_arches(&self) -> Option<Vec<&'static str>> {
        match self {
            Self::Container(_) | Self::Bootc(_) => Some(container::arches()),
            Self::Live(_) | Self::Installer(_) => Some(live::ARCHES.to_vec()),
            Self::Disk(_) => Some(disk::ARCHES.to_vec()),
            Self::Tar(_) | Self::Squashfs(_) | Self::Wsl(_) | Self::Lxc(_) | Self::Ostree(_) | Self::DataIso(_) => None,
        }
    }
}

/// How an image is started, and when it has started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct BootTest {
    /// What the first serial line shows when the image works: a regular expression.
    pub until: String,
    /// With which firmware it is started, each in a machine of its own; without this with all that the image is made for.
    #[schemars(length(min = 1))]
    pub firmware: Option<Vec<TestFirmware>>,
    /// How long it may take to show it. Machines that are emulated take ten times as long as others.
    pub within: Timeout,
    /// The machine's memory.
    pub memory: Size,
}

impl Default for BootTest {
    fn default() -> Self {
        Self { until: "login:".to_owned(), firmware: None, within: Timeout::from_minutes(20), memory: Size::from_mib(1536) }
    }
}

/// What a machine in a test starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TestFirmware {
    /// As PCs had it before.
    Bios,
    /// As newer machines have it.
    Uefi,
    /// The same, which starts only what is signed.
    SecureBoot,
}

impl TestFirmware {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Uefi => "uefi",
            Self::SecureBoot => "secure-boot",
        }
    }
}

/// What a container runs with, and in which forms it is shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Container {
    /// Whether the OCI image layout is shipped as a folder too, beside the one file that holds it.
    #[serde(default = "yes")]
    pub layout: bool,
    /// The program that the container runs, with its first arguments.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// The arguments where the user gives none; or, without an entrypoint, the program.
    #[serde(default)]
    pub cmd: Vec<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The user to run as: a name or number, with `:GROUP` if need be.
    #[serde(default)]
    pub user: Option<String>,
    /// The folder to start in.
    #[serde(default)]
    pub workdir: Option<String>,
    /// Labels, besides the org.opencontainers.image ones that charmer sets.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// How the files are put into layers.
    #[serde(default)]
    pub layers: Layers,
    /// Where it is pushed when the compose is done and well, as `registry.example.org/harbour/base:13.1`. `{version}` stands for the
    /// release's version, `{compose}` for the compose's name. Images for several arches get one tag.
    #[serde(default)]
    pub push: Vec<String>,
}

const fn yes() -> bool {
    true
}

/// How the files of a container are put into layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Layers {
    /// All in one: the smallest for those who fetch it once.
    #[default]
    One,
    /// Large packages have layers of their own, so that whoever has the image before fetches what has changed alone.
    Packages,
}

/// How a live system boots and presents itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Live {
    /// Parameters for the kernel, besides those that the live system needs.
    #[serde(default)]
    pub boot_parameters: Vec<String>,
    /// Whether the menu offers to keep what is changed: in a file system labelled `persistence`, as live-boot has it.
    #[serde(default)]
    pub persistence: bool,
    /// Whether the live system can install itself: with Calamares, which people start on the desktop that the image's packages bring.
    #[serde(default)]
    pub calamares: bool,
    /// Whether there are files for a start over the network too: kernel, initrd and squashfs for an HTTP server, and a script for iPXE.
    #[serde(default)]
    pub netboot: bool,
    /// The URL under which these files will be published: for an iPXE that does not know where its script lies, as those before 2024.
    /// Only with `netboot`.
    #[serde(default)]
    pub netboot_url: Option<String>,
    /// Whether there is a `.zsync` beside the ISO, by which people who have an older one fetch only what has changed.
    #[serde(default)]
    pub zsync: bool,
    /// The host name; without one it is the release's short name.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Who may use the started system.
    #[serde(default)]
    pub login: Login,
    /// The password of root, hashed as mkpasswd(1) writes it: `$y$j9T$...`. Without one, root has no password to log in with.
    #[serde(default)]
    pub root_password: Option<String>,
}

/// What debian-installer is, and what it is told.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Installer {
    /// The package with the installer's kernel and initrd; without this the newest that provides `debian-installer-netboot-ARCH`.
    #[serde(default)]
    pub netboot: Option<String>,
    /// The installer's own packages (udebs) in the variant's repository and on the medium, with what they need; `*` stands for any
    /// characters. Without this all that the archives have for its kernel.
    #[serde(default)]
    pub udebs: Option<Vec<String>>,
    /// Answers to the installer's questions, as the text of a preseed file has them: `d-i netcfg/get_hostname string harbour`.
    #[serde(default)]
    pub preseed: String,
    /// Parameters for the installer's kernel, besides those that it needs.
    #[serde(default)]
    pub boot_parameters: Vec<String>,
}

/// How a root file system is packed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Tar {
    /// How the file is compressed.
    #[serde(default)]
    pub compression: TarCompression,
}

/// How a tar file is compressed: in the ways for which productmd's metadata has a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TarCompression {
    /// Fast, and read everywhere: `.tar.gz`.
    Gzip,
    /// Small: `.tar.xz`.
    #[default]
    Xz,
}

impl From<TarCompression> for Compression {
    fn from(compression: TarCompression) -> Self {
        match compression {
            TarCompression::Gzip => Self::Gzip,
            TarCompression::Xz => Self::Xz,
        }
    }
}

/// A root file system as a squashfs has nothing to choose.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Squashfs {}

/// What the Windows Subsystem for Linux is told of the distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Wsl {
    /// What the distribution is called where the user gives no name; without this the release's short name and version.
    #[serde(default)]
    pub distribution: Option<String>,
    /// The user who is logged in; without one it is root.
    #[serde(default)]
    pub user: Option<String>,
    /// A program in the distribution that its first start runs, as an absolute path: to make an account, for example.
    #[serde(default)]
    pub first_run: Option<String>,
    /// Whether systemd runs in it.
    #[serde(default = "yes")]
    pub systemd: bool,
}

/// An image for LXD and Incus has nothing to choose: host name and hosts are written when a container is made of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Lxc {}

/// What a bootable container is installed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Bootc {
    /// The name of an image of kind `ostree` of the same variant: the container holds its commit, as OSTree's tools write and read it, and
    /// has no packages of its own. Without this the files lie in it as they are.
    #[serde(default)]
    pub ostree: Option<String>,
    /// Parameters for the kernel, which every machine gets: they are in the image, and change with it.
    #[serde(default)]
    pub kernel_arguments: Vec<String>,
    /// What `bootc install` makes the root file system of.
    #[serde(default)]
    pub root_filesystem: RootFilesystem,
    /// Labels, besides those that charmer sets.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether the OCI image layout is shipped as a folder too, beside the one file that holds it.
    #[serde(default)]
    pub layout: bool,
    /// Where it is pushed when the compose is done and well, as `registry.example.org/harbour/base:13.1`. `{version}` stands for the
    /// release's version, `{compose}` for the compose's name. Images for several arches get one tag.
    #[serde(default)]
    pub push: Vec<String>,
}

/// A file system that Linux can have as its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RootFilesystem {
    /// What Debian's own installer makes.
    #[default]
    Ext4,
    /// For large files, and many of them.
    Xfs,
    /// With snapshots and checksums.
    Btrfs,
}

impl RootFilesystem {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }
}

/// What an OSTree commit is called, and when there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Ostree {
    /// The branch; without this `SHORT/VERSION/ARCH/VARIANT` in lower case. For several arches, `{arch}` stands for the arch.
    #[serde(default, rename = "ref")]
    pub reference: Option<String>,
    /// The beginning of the metadata `version`, behind which the date of the packages stands; without this the release's version.
    #[serde(default)]
    pub version: Option<String>,
    /// Whether the commit says to which branch it belongs: clients refuse it under another name.
    #[serde(default = "yes")]
    pub bindings: bool,
    /// Whether the branch is moved to the commit; otherwise it is found by its checksum only, in `ostree.json`.
    #[serde(default = "yes")]
    pub tag_ref: bool,
    /// A file with a secret Ed25519 key as ostree has them, base64 of 64 bytes: commits and summary are signed with it too.
    #[serde(default)]
    pub ed25519_key: Option<PathBuf>,
    /// A commit is made even when the tree is the same as in the compose before.
    #[serde(default)]
    pub force_new_commit: bool,
}

/// How packages are put on discs.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DataIso {
    /// What a medium holds: `4700 MB` for a DVD, `25 GB` for a Blu-ray disc. What does not fit on one goes on with the next; the base
    /// system and the first seeds are on the first. Without this there is one ISO of any size.
    #[serde(default)]
    pub media_size: Option<Size>,
    /// Where the variant's repository will be published, as a URL. With it there are jigdo's files of each ISO, by which people
    /// make the ISO of packages that they fetch from there.
    #[serde(default)]
    pub jigdo_url: Option<String>,
}

/// Who may use a started live system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Login {
    /// Whoever sits at the screen or the serial line is root, as on other live media. It lets nobody in over the network.
    #[default]
    Console,
    /// Those who have an account in the image, such as root with `root-password`.
    Accounts,
}
