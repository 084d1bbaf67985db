//! How a compose is carried out: `[[failable]]`, `[checks]`, `[limits]`, `[signing]`, `[publish]`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::{Size, Timeout};
use super::variants::everything;
use crate::finding::Severity;
use crate::metadata::checksums::ChecksumKind;

/// Deliverables that may fail. A compose in which one failed ends FINISHED_INCOMPLETE instead of DOOMED.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Failable {
    /// The variants: names or globs.
    #[serde(default = "everything")]
    pub variants: Vec<String>,
    /// The arches: names or globs. Source packages have the arch `source`.
    #[serde(default = "everything")]
    pub arches: Vec<String>,
    /// The kinds of deliverables.
    pub kinds: Vec<DeliverableKind>,
}

/// What may be failable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeliverableKind {
    /// The packages of an arch in the variant's repository.
    Repository,
    /// The source packages of the variant.
    Sources,
    /// Containers.
    Container,
    /// Live systems.
    Live,
    /// Root file systems as tar files.
    Tar,
    /// Root file systems as squashfs.
    Squashfs,
    /// Distributions for the Windows Subsystem for Linux.
    Wsl,
    /// Images for LXD and Incus.
    Lxc,
    /// Containers that machines boot.
    Bootc,
    /// Disks.
    Disk,
    /// OSTree commits.
    Ostree,
    /// Installers.
    Installer,
    /// Packages on discs.
    DataIso,
}

/// How much each check matters: `off`, `warn` (reported), or `fatal` (the compose is doomed).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Checks {
    /// Each seed is found in an archive. One that is not is an `unresolved-seed`.
    pub seeds: Severity,
    /// Every dependency of a repository's packages is satisfied in it, in its parents' or in its lookasides. One
    /// that is not is an `unresolved-dependency`.
    pub closure: Severity,
    /// Where several packages provide what is needed, the configuration says which to take. Where it does not, there is an
    /// `ambiguous-provider`.
    pub ambiguity: Severity,
    /// Every package of a repository can be installed, alone, with what the repository, its parents and lookasides hold.
    pub installability: Severity,
    /// Each image holds exactly the package versions of the lock.
    pub image_equals_lock: Severity,
    /// ISO images have their boot records, kernel and checksum.
    pub iso_sanity: Severity,
    /// All signatures that were made can be verified.
    pub signatures: Severity,
    /// A source package has the same version in all variants and on all arches. Packages of several arches that can only be
    /// installed together in one version, and have two, are `uneven-arches`.
    pub same_versions: Severity,
    /// Each image with `boot-test` starts in a virtual machine.
    pub boot: Severity,
}

impl Default for Checks {
    fn default() -> Self {
        Self {
            seeds: Severity::Fatal,
            closure: Severity::Fatal,
            ambiguity: Severity::Warn,
            installability: Severity::Fatal,
            image_equals_lock: Severity::Fatal,
            iso_sanity: Severity::Fatal,
            signatures: Severity::Fatal,
            same_versions: Severity::Warn,
            boot: Severity::Fatal,
        }
    }
}

/// How much of the machine and the network a compose may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Limits {
    /// How many jobs run at once; without this as many as the machine has processors.
    #[schemars(range(min = 1, max = 1024))]
    pub jobs: Option<u32>,
    /// How much memory jobs may need together; without this what the machine has.
    pub memory: Option<Size>,
    /// Bytes per second for all downloads together; without this there is no limit.
    pub download_rate: Option<Size>,
    /// Downloads at once.
    #[schemars(range(min = 1, max = 64))]
    pub connections: u32,
    /// How often something that failed for a passing reason, such as a lost connection, is tried again.
    #[schemars(range(min = 0, max = 20))]
    pub retries: u32,
    /// How long one external program may run.
    pub timeout: Timeout,
    /// The free space that must be there before a compose starts, and must stay: with less, no job begins that writes much.
    pub min_free: Size,
    /// How much the programs that charmer runs give way to others that want processors, as nice(1) counts it: up to 19.
    #[schemars(range(min = 0, max = 19))]
    pub nice: u8,
    /// How they stand behind others that read and write disks.
    pub io: IoPriority,
    /// Whether the kernel keeps the compose within `memory` too, and weighs its processors by `nice`, in a control group of its
    /// own. That takes a machine with control groups of version 2 whose group charmer may change: as root in a service of its own.
    pub cgroup: bool,
}

/// How programs stand behind others that read and write disks, as ionice(1) calls it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum IoPriority {
    /// As the machine gives them.
    #[default]
    Normal,
    /// The last of those that take turns.
    Low,
    /// Only while nobody else wants the disk.
    Idle,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            jobs: None,
            memory: None,
            download_rate: None,
            connections: 8,
            retries: 4,
            timeout: Timeout::from_hours(4),
            min_free: Size::from_gib(2),
            nice: 0,
            io: IoPriority::Normal,
            cgroup: false,
        }
    }
}

/// Who signs repositories and checksums: a key in a file, or a command that has the key elsewhere.
///
/// Exactly one of `key` and `command` is given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Signing {
    /// A file with an OpenPGP secret key.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// A file whose first line is the passphrase of the key. Only for a key.
    #[serde(default)]
    pub passphrase_file: Option<PathBuf>,
    /// A program with arguments, for a key in hardware or on a server. It is run with one more argument: `certificate` to print
    /// the public key; `detach` to print an armoured signature of its standard input; `clearsign` to print its standard input
    /// signed in clear text. The variable `SOURCE_DATE_EPOCH` holds the time of the signature.
    #[serde(default)]
    pub command: Option<Vec<String>>,
}

/// What is made around the finished compose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Publish {
    /// Whether the link `latest-SHORT-MAJOR`, such as `latest-harbour-13`, is moved to a compose that finished.
    pub latest_link: bool,
    /// The checksum files in each folder of images; each is signed if there is a key.
    pub checksums: Vec<ChecksumKind>,
}

impl Default for Publish {
    fn default() -> Self {
        Self { latest_link: true, checksums: vec![ChecksumKind::Sha256] }
    }
}

/// How a registry is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Registry {
    /// A file of logins as `skopeo login --authfile` writes it; without one those are looked through that podman, skopeo and docker use.
    pub auth_file: Option<PathBuf>,
    /// A PEM file with certificates of the authority that the registry's certificate is of, besides those that the machine trusts.
    pub ca: Option<PathBuf>,
    /// Whether it is reached without TLS.
    pub http: bool,
}
