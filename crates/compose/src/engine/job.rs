//! What a job is, apart from the work it does: its name, phase, weight, and what its digest is made of.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;

/// The phases of a compose: labels of jobs, for people and for `--only` and `--skip`. They are no barriers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// What the configuration names is fetched: comps, lists of packages.
    Init,
    /// Indexes are fetched, verified and read.
    Pkgset,
    /// Packages are selected for each variant and arch.
    Gather,
    /// The selections become the lock.
    Lock,
    /// Package files are downloaded into the cache.
    Fetch,
    /// Repositories are written.
    Createrepo,
    /// The installer's boot media are made.
    Buildinstall,
    /// Files that are in no package are put into trees.
    ExtraFiles,
    /// Package sets are proven closed and installable.
    Repoclosure,
    /// Root file systems are installed from the composed repositories.
    Rootfs,
    /// OCI containers are made.
    Container,
    /// Live ISO images are made.
    Live,
    /// Root file systems become archives and file systems.
    ImageBuild,
    /// OSTree commits are made, and their repository.
    Ostree,
    /// ISO images of trees are made.
    Createiso,
    /// ISO images of several variants are made.
    ExtraIsos,
    /// What was made is looked at: images against the lock, ISO structure, signatures.
    Test,
    /// Images are started in virtual machines.
    Boot,
    /// Checksum files are written and signed.
    ImageChecksum,
    /// The description of the compose is written.
    Metadata,
    /// Containers are pushed to registries, when all else is well.
    Push,
}

impl Phase {
    pub const ALL: [Self; 21] = [
        Self::Init,
        Self::Pkgset,
        Self::Gather,
        Self::Lock,
        Self::Fetch,
        Self::Createrepo,
        Self::Buildinstall,
        Self::ExtraFiles,
        Self::Repoclosure,
        Self::Rootfs,
        Self::Container,
        Self::Live,
        Self::ImageBuild,
        Self::Ostree,
        Self::Createiso,
        Self::ExtraIsos,
        Self::Test,
        Self::Boot,
        Self::ImageChecksum,
        Self::Metadata,
        Self::Push,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Pkgset => "pkgset",
            Self::Gather => "gather",
            Self::Lock => "lock",
            Self::Fetch => "fetch",
            Self::Createrepo => "createrepo",
            Self::Buildinstall => "buildinstall",
            Self::ExtraFiles => "extra-files",
            Self::Repoclosure => "repoclosure",
            Self::Rootfs => "rootfs",
            Self::Container => "container",
            Self::Live => "live",
            Self::ImageBuild => "image-build",
            Self::Ostree => "ostree",
            Self::Createiso => "createiso",
            Self::ExtraIsos => "extra-isos",
            Self::Test => "test",
            Self::Boot => "boot",
            Self::ImageChecksum => "image-checksum",
            Self::Metadata => "metadata",
            Self::Push => "push",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A job's name: `gather:Server.amd64`. It is also the name of its log, its work folder and its record.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct JobId(String);

impl JobId {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for JobId {
    fn from(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// What a job takes of the machine while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// Cores that it keeps busy.
    pub cores: u32,
    /// Memory that it needs at its peak, in MiB.
    pub memory: u64,
}

impl Weight {
    /// So little that it is not worth counting.
    pub const NONE: Self = Self { cores: 0, memory: 0 };
    pub const LIGHT: Self = Self { cores: 1, memory: 128 };

    pub const fn new(cores: u32, memory: u64) -> Self {
        Self { cores, memory }
    }
}

/// The value that a job gives. It is kept in the journal, so that a later run need not do the job again.
pub trait Output: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The files of the compose that this value stands for; it is only worth something while they are there.
    fn files(&self) -> Vec<OutputFile> {
        Vec::new()
    }

    /// Folders of the compose that must be there though no file is in them.
    fn folders(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<T: Output> Output for Option<T> {
    fn files(&self) -> Vec<OutputFile> {
        self.as_ref().map(Output::files).unwrap_or_default()
    }

    fn folders(&self) -> Vec<String> {
        self.as_ref().map(Output::folders).unwrap_or_default()
    }
}

impl<T: Output> Output for Vec<T> {
    fn files(&self) -> Vec<OutputFile> {
        self.iter().flat_map(Output::files).collect()
    }

    fn folders(&self) -> Vec<String> {
        self.iter().flat_map(Output::folders).collect()
    }
}

/// A file that a job made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OutputFile {
    /// Relative to the compose's folder.
    pub path: String,
    pub size: u64,
    pub sha256: Sha256,
}

/// A job without its work: how it is named, limited and digested.
#[derive(Debug, Clone)]
pub struct Job {
    pub id: JobId,
    pub phase: Phase,
    /// `Server.amd64`, `Base`, or empty: where in the compose it belongs.
    pub scope: String,
    pub weight: Weight,
    /// It begins when all others have ended that are not last too, and none of them has failed that may not.
    pub last: bool,
    /// It keeps the network busy: it takes one of the scheduler's network slots.
    pub network: bool,
    /// It writes so much that it does not begin on a disk that is nearly full.
    pub writes_much: bool,
    /// Its failure leaves the compose incomplete instead of dooming it.
    pub failable: bool,
    /// How often it is tried again after a transient failure.
    pub retries: u32,
    /// Seconds that it takes as a rule, until an older compose tells better.
    pub estimate: f64,
    pub(super) version: u32,
    pub(super) spec: Sha256,
    pub(super) compose: Option<Sha256>,
    pub(super) tools: Vec<&'static str>,
}

impl Job {
    /// A job of a phase for a scope, such as `Server.amd64`; an empty scope is the whole compose.
    pub fn new(phase: Phase, scope: impl Into<String>) -> Self {
        Self::named(phase.name(), phase, scope)
    }

    /// A job whose name differs from its phase's: one phase may have several kinds of job.
    pub fn named(name: &str, phase: Phase, scope: impl Into<String>) -> Self {
        let scope = scope.into();
        let id = if scope.is_empty() { name.to_owned() } else { format!("{name}:{scope}") };
        Self {
            id: JobId(id),
            phase,
            scope,
            weight: Weight::LIGHT,
            last: false,
            network: false,
            writes_much: false,
            failable: false,
            retries: 0,
            estimate: 1.0,
            version: 1,
            spec: Sha256::of(b""),
            compose: None,
            tools: Vec::new(),
        }
    }

    /// Everything beside its inputs on which its output depends. Maps in it must be ordered.
    #[must_use]
    pub fn spec<T: Serialize + ?Sized>(mut self, spec: &T) -> Self {
        self.spec = Sha256::of_value(spec);
        self
    }

    /// What of the compose itself its output depends on, such as its name: each compose does the job anew, and can only resume it.
    #[must_use]
    pub fn of_compose<T: Serialize + ?Sized>(mut self, compose: &T) -> Self {
        self.compose = Some(Sha256::of_value(compose));
        self
    }

    /// Raised when the work itself changes, so that older outputs are not reused.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// The programs whose versions shape its output.
    #[must_use]
    pub fn tools(mut self, tools: &[&'static str]) -> Self {
        self.tools = tools.to_vec();
        self
    }

    #[must_use]
    pub fn weight(mut self, weight: Weight) -> Self {
        self.weight = weight;
        self
    }

    #[must_use]
    pub fn estimate(mut self, seconds: f64) -> Self {
        self.estimate = seconds;
        self
    }

    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// What cannot be taken back is done last. It is added to the graph after all others.
    #[must_use]
    pub fn last(mut self) -> Self {
        self.last = true;
        self
    }

    #[must_use]
    pub fn network(mut self) -> Self {
        self.network = true;
        self
    }

    #[must_use]
    pub fn writes_much(mut self) -> Self {
        self.writes_much = true;
        self
    }

    #[must_use]
    pub fn failable(mut self, failable: bool) -> Self {
        self.failable = failable;
        self
    }
}
