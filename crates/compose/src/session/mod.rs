//! One compose from its first folder to its summary: start or resume it, run its graph, finish it.
//!
//! Must not know: terminals, the process environment, command lines.

mod cgroup;
pub mod finish;
mod finish_debs;
mod finish_rpms;
pub mod folder;
pub mod locking;
mod notify;
mod old_composes;
pub mod preflight;
pub mod prune;
pub mod request;
pub mod verify;
mod verify_isos;
mod verify_rpms;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::host::host_mirrors;
use crate::config::schema::policy::IoPriority;
use crate::config::schema::{self, quantity::Size};
use crate::config::{Config, Configuration, RpmConfig};
use crate::engine::event::{Entry, EventLog};
use crate::engine::journal::{recorded_output, write_durably};
use crate::engine::scheduler::{self, Limits, Outcome, Settings, Stop};
use crate::engine::{Graph, Part, Weight};
use crate::gather::Selection;
use crate::gather::fit::{self, Misfit};
use crate::gather::rpm::RpmSelection;
use crate::gather::rpm_fit;
use crate::images::iso_folders::IsoFolderError;
use crate::layout::Layout;
use crate::metadata::ComposeRecord;
use crate::metadata::names::{self, ComposeType, Label, ReleaseName};
use crate::metadata::pungi_names;
use crate::package_set::download::Proxies;
use crate::package_set::lock::{AnyLock, LockError};
use crate::package_set::plan::PackageSource;
use crate::package_set::rpm_plan::RpmSource;
use crate::plan::{Wanted, plan};
use crate::rpm_plan::{self, NoPlan, RpmWanted};
use crate::services::Services;
use crate::tools::priority::{IoClass, Priority};

use folder::{FolderError, Place, ProcessLock};
use old_composes::{RELEASED, WITH_PACKAGES, find_old_compose};
use preflight::{Needs, Unready};
use request::{LatestLink, PackageOrigin, Request, RequestError};

pub use finish::{Artifact, Summary};

/// What a session takes from the process that it runs in.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// `PATH`, for commands.
    pub path: OsString,
    /// The environment of programs that are the user's own.
    pub environment: BTreeMap<OsString, OsString>,
    /// Where such programs run.
    pub current_dir: PathBuf,
    /// When the session starts.
    pub now: SystemTime,
    /// Where apt keeps its sources: `/etc/apt`.
    pub apt_folder: PathBuf,
    /// The user's file of logins: `NETRC`, or `.netrc` in the home folder.
    pub netrc: Option<PathBuf>,
    pub proxies: Proxies,
}

/// What a new compose is to be.
#[derive(Debug, Clone)]
pub struct Options {
    pub config: Configuration,
    pub place: Place,
    pub compose_type: ComposeType,
    pub label: Option<Label>,
    /// Media are marked as supported, whatever the label says.
    pub supported: bool,
    pub lock: Option<LockChoice>,
    pub part: Part,
    pub old_composes: Vec<PathBuf>,
    pub latest_link: LatestLink,
    /// Programs that are told what happens.
    pub notification_scripts: Vec<String>,
    pub source_date_epoch: Option<i64>,
    pub run: RunOptions,
}

/// What may differ from run to run of one compose.
#[derive(Debug, Clone)]
pub struct RunOptions {
    pub cache: PathBuf,
    pub offline: bool,
    pub jobs: Option<NonZeroUsize>,
}

/// A lock that a compose is made from.
#[derive(Debug, Clone)]
pub struct LockChoice {
    pub path: PathBuf,
    /// The compose is refused if it needs another lock.
    pub exact: bool,
}

/// Why there is no compose.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("{} cannot be read: {reason}", path.display())]
    LockUnreadable { path: PathBuf, reason: String },
    #[error(transparent)]
    LockMisfit(#[from] Misfit),
    #[error("the lock holds {lock} packages, but the configuration is one of {configured} packages")]
    LockOfOtherWorld { lock: &'static str, configured: &'static str },
    #[error(transparent)]
    Unready(#[from] Unready),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("symlink_isos_to: {0}")]
    IsoFolder(#[from] IsoFolderError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Plan(#[from] NoPlan),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// A compose that is ready to run.
#[derive(Debug)]
pub struct Session {
    layout: Layout,
    _lock: ProcessLock,
    request: Request,
    run: RunOptions,
    world: World,
    services: Arc<Services>,
    surroundings: Surroundings,
    resumed: bool,
}

/// What a plan is made from in each package world.
#[derive(Debug, Clone)]
enum World {
    Deb { config: Arc<Config>, source: PackageSource },
    Rpm { config: Arc<RpmConfig>, source: RpmSource },
}

impl Session {
    /// Looks whether everything that the compose needs is there, then makes its folder.
    pub async fn start(options: Options, surroundings: Surroundings) -> Result<Self, StartError> {
        let lock_text = options.lock.as_ref().map(|choice| read_text(&choice.path)).transpose()?;
        let lock = match (&lock_text, &options.lock) {
            (Some(text), Some(choice)) => Some(AnyLock::read(text, &choice.path.to_string_lossy())?),
            _ => None,
        };
        let mut request = request(&options, surroundings.now);
        let services = services(&request, &options.run, None, &surroundings);
        let world = World::new(&request, lock)?;
        match &world {
            World::Deb { config, source: PackageSource::Lock(lock) } => fit::check(lock, config, request.exact_lock)?,
            World::Rpm { config, source: RpmSource::Lock { lock, exact } } => rpm_fit::check(lock, config, *exact)?,
            World::Deb { .. } | World::Rpm { .. } => {}
        }
        let graph = world.graph(&request, &services)?;
        let place = options.place;
        preflight::check(&world.needs(), &graph, &services, place.folder(), &surroundings).await?;

        let prefix = compose_id_prefix(&request.config, &request.compose);
        let (layout, lock) = folder::create(&place, &prefix, &mut request.compose)?;
        fs_err::create_dir_all(layout.path("compose"))?;
        if let Configuration::Rpm(config) = &request.config {
            keep_configuration(&layout, config)?;
            if !config.repositories.deltas.is_empty() {
                request.delta_base = find_old_compose(&request.old_composes, config, RELEASED, Some(layout.root()));
            }
            config.iso_folders.make_work(&layout, &request.compose.id)?;
        }
        if let Some(text) = lock_text {
            write_durably(&layout.given_lock(), text.as_bytes())?;
        }
        write_durably(&layout.request(), &serde_json::to_vec_pretty(&request).expect("requests serialise to JSON"))?;
        Ok(Self { layout, _lock: lock, request, run: options.run, world, services, surroundings, resumed: false })
    }

    /// Goes on with a compose, whatever became of it.
    pub async fn resume(folder: &Path, run: RunOptions, surroundings: Surroundings) -> Result<Self, StartError> {
        let layout = Layout::new(fs_err::canonicalize(folder)?);
        let request = Request::read(&layout)?;
        let process_lock = ProcessLock::take(&layout)?;
        let lock = match request.packages {
            PackageOrigin::Archives => None,
            PackageOrigin::Lock => {
                let path = layout.given_lock();
                Some(AnyLock::read(&read_text(&path)?, &path.to_string_lossy())?)
            }
        };
        let services = services(&request, &run, Some(layout.root()), &surroundings);
        let world = World::new(&request, lock)?;
        let graph = world.graph(&request, &services)?;
        preflight::check(&world.needs(), &graph, &services, layout.root(), &surroundings).await?;
        Ok(Self { layout, _lock: process_lock, request, run, world, services, surroundings, resumed: true })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn compose_id(&self) -> &str {
        &self.request.compose.id
    }

    /// Runs all jobs. `reader` sees every event once it is in the journal.
    pub async fn run(self, stop: Stop, mut reader: impl FnMut(&Entry) + Send + 'static) -> Result<Summary, StartError> {
        let graph = self.world.graph(&self.request, &self.services)?;
        let settings = self.settings(&graph, stop).await?;
        fs_err::create_dir_all(self.layout.path("logs/global"))?;
        let (mut teller, telling) = self.teller().unzip();
        let tell_and_read = move |entry: &Entry| {
            if let Some(teller) = &mut teller {
                teller.hear(entry);
            }
            reader(entry);
        };
        let (log, events) = EventLog::open(&self.layout.events(), tell_and_read)?;
        let finish = |outcome: &Outcome| finish::finish(&self.layout, &self.request, outcome);
        let (_, summary) = scheduler::run(graph, settings, &events, finish).await?;
        log.close()?;
        if let Some(telling) = telling {
            // A script that fails is no reason to fail: its output is in its log.
            let failures = telling.await.unwrap_or_default();
            write_durably(&self.layout.path("logs/global/notifications/failures.log"), failures.join("\n").as_bytes())?;
        }
        Ok(summary)
    }

    /// Who tells notification scripts what happens, if there are any.
    fn teller(&self) -> Option<(notify::Teller, tokio::task::JoinHandle<Vec<String>>)> {
        match &self.request.config {
            Configuration::Rpm(config) if !self.request.notification_scripts.is_empty() => {
                Some(notify::start(&self.layout, config, &self.request, &self.surroundings))
            }
            _ => None,
        }
    }

    async fn settings(&self, graph: &Graph, stop: Stop) -> std::io::Result<Settings> {
        let config = &self.request.config;
        Ok(Settings {
            compose_id: self.request.compose.id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            resumed: self.resumed,
            layout: self.layout.clone(),
            older: folder::older_composes(&self.request.old_composes, config.short(), self.layout.root()),
            limits: limits(config.limits(), self.run.jobs),
            tools: preflight::tool_versions(graph.tools(), &self.surroundings.path).await?,
            path: self.surroundings.path.clone(),
            stop,
        })
    }
}

impl World {
    fn new(request: &Request, lock: Option<AnyLock>) -> Result<Self, StartError> {
        let exact = request.exact_lock;
        match (&request.config, lock) {
            (config, None) => Ok(Self::fresh(config)),
            (Configuration::Deb(config), Some(AnyLock::Debs(lock))) => Ok(Self::deb(config, PackageSource::Lock(lock.into()))),
            (Configuration::Rpm(config), Some(AnyLock::Rpms(lock))) => {
                Ok(Self::rpm(config, RpmSource::Lock { lock: lock.into(), exact }))
            }
            (Configuration::Deb(_), Some(AnyLock::Rpms(_))) => {
                Err(StartError::LockOfOtherWorld { lock: "RPM", configured: "Debian" })
            }
            (Configuration::Rpm(_), Some(AnyLock::Debs(_))) => {
                Err(StartError::LockOfOtherWorld { lock: "Debian", configured: "RPM" })
            }
        }
    }

    fn deb(config: &Arc<Config>, source: PackageSource) -> Self {
        Self::Deb { config: config.clone(), source }
    }

    fn rpm(config: &Arc<RpmConfig>, source: RpmSource) -> Self {
        Self::Rpm { config: config.clone(), source }
    }

    /// A new package set, as archives or repositories have it now.
    fn fresh(config: &Configuration) -> Self {
        match config {
            Configuration::Deb(config) => Self::deb(config, PackageSource::Archives { keep: None }),
            Configuration::Rpm(config) => Self::rpm(config, RpmSource::Repositories { keep: None }),
        }
    }

    fn graph(&self, request: &Request, services: &Arc<Services>) -> Result<Graph, NoPlan> {
        match self {
            Self::Deb { config, source } => {
                let wanted = Wanted {
                    compose: request.compose.clone(),
                    packages: source.clone(),
                    source_date_epoch: request.source_date_epoch,
                    started: request.started,
                    part: request.part.clone(),
                };
                Ok(plan(config, &wanted, services)?)
            }
            Self::Rpm { config, source } => {
                let wanted = RpmWanted {
                    compose: request.compose.clone(),
                    packages: source.clone(),
                    supported: request.supported,
                    source_date_epoch: request.source_date_epoch,
                    started: request.started,
                    delta_base: request.delta_base.clone(),
                    part: request.part.clone(),
                };
                rpm_plan::plan(config, &wanted, services)
            }
        }
    }

    fn needs(&self) -> Needs<'_> {
        match self {
            Self::Deb { config, source } => Needs::Deb { config, source },
            Self::Rpm { config, .. } => Needs::Rpm { config },
        }
    }
}

/// The selections of a compose of Debian packages, as its records have them.
pub fn recorded_selections(layout: &Layout) -> Result<Vec<Selection>, RequestError> {
    let request = Request::read(layout)?;
    let Configuration::Deb(config) = request.config else { return Ok(Vec::new()) };
    let scopes = config.variants.iter().flat_map(|variant| variant.arches.iter().map(move |arch| (&variant.name, &arch.arch)));
    Ok(scopes.filter_map(|(variant, arch)| recorded_output(layout, &format!("gather:{variant}.{arch}"))).collect())
}

/// The selections of a compose of RPM packages, as its records have them: by variant and arch.
pub fn recorded_rpm_selections(layout: &Layout) -> Result<Vec<(String, String, RpmSelection)>, RequestError> {
    let request = Request::read(layout)?;
    let Configuration::Rpm(config) = request.config else { return Ok(Vec::new()) };
    let trees =
        config.variants.iter().flat_map(|variant| variant.trees.keys().map(|arch| (variant.uid().to_owned(), arch.clone())));
    let recorded = |(uid, arch): (String, String)| {
        let selection = recorded_output(layout, &format!("gather:{uid}.{arch}"))?;
        Some((uid, arch, selection))
    };
    Ok(trees.filter_map(recorded).collect())
}

/// The graph of a compose that was never asked for, to be looked at.
pub fn preview(config: &Configuration, part: &Part, surroundings: &Surroundings) -> Result<Graph, NoPlan> {
    let options = Options {
        config: config.clone(),
        place: Place::In(PathBuf::new()),
        compose_type: ComposeType::Development,
        label: None,
        supported: false,
        lock: None,
        part: part.clone(),
        old_composes: Vec::new(),
        latest_link: LatestLink::default(),
        notification_scripts: Vec::new(),
        source_date_epoch: None,
        run: RunOptions { cache: PathBuf::new(), offline: false, jobs: None },
    };
    let request = request(&options, surroundings.now);
    let services = services(&request, &options.run, None, surroundings);
    World::fresh(config).graph(&request, &services)
}

fn request(options: &Options, now: SystemTime) -> Request {
    let started = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
    // The date is part of names, and so of what is shipped.
    let dated = options.source_date_epoch.and_then(|epoch| Timestamp::from_second(epoch).ok()).unwrap_or(started);
    let is_final = |label: &Label| options.supported || label.is_supported_milestone();
    let compose = ComposeRecord {
        date: dated.to_zoned(TimeZone::UTC).strftime("%Y%m%d").to_string(),
        is_final: options.label.as_ref().map(is_final),
        id: String::new(),
        label: options.label.as_ref().map(ToString::to_string),
        respin: 0,
        compose_type: options.compose_type,
    };
    let mut latest_link = options.latest_link.clone();
    if let Configuration::Deb(config) = &options.config {
        latest_link.wanted &= config.publish.latest_link;
    }
    Request {
        compose,
        supported: options.supported || options.label.as_ref().is_some_and(Label::is_supported_milestone),
        started: started.as_second(),
        config: options.config.clone(),
        packages: options.lock.as_ref().map_or(PackageOrigin::Archives, |_| PackageOrigin::Lock),
        exact_lock: options.lock.as_ref().is_some_and(|choice| choice.exact),
        part: options.part.clone(),
        source_date_epoch: options.source_date_epoch,
        old_composes: options.old_composes.clone(),
        delta_base: None,
        latest_link,
        notification_scripts: options.notification_scripts.clone(),
    }
}

/// What the id of a compose begins with; a number follows.
fn compose_id_prefix(config: &Configuration, compose: &ComposeRecord) -> String {
    match config {
        Configuration::Deb(config) => {
            let release = &config.release;
            let name = ReleaseName { short: &release.short, version: &release.version, release_type: release.kind.name() };
            names::compose_id_prefix(name, &compose.date, compose.compose_type)
        }
        Configuration::Rpm(config) => {
            let release = &config.release;
            let name = ReleaseName { short: &release.short, version: &release.version, release_type: &release.kind };
            let base = config.base_product.as_ref().map(|base| ReleaseName {
                short: &base.short,
                version: &base.version,
                release_type: &base.kind,
            });
            pungi_names::compose_id_prefix(name, base, &compose.date, compose.compose_type)
        }
    }
}

/// For a compose that was begun already, its folder is no older compose.
fn services(request: &Request, run: &RunOptions, own: Option<&Path>, surroundings: &Surroundings) -> Arc<Services> {
    let mirrors = host_mirrors(&surroundings.apt_folder).map_err(|error| error.to_string());
    let mut services = Services::new(&request.config, run.cache.clone(), run.offline, mirrors, surroundings);
    if let Configuration::Rpm(config) = &request.config {
        services.old_compose = find_old_compose(&request.old_composes, config, WITH_PACKAGES, own);
    }
    Arc::new(services)
}

/// What jobs may take of this machine together.
fn limits(configured: &schema::policy::Limits, jobs: Option<NonZeroUsize>) -> Limits {
    const MIB: u64 = 1 << 20;
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let of_config = configured.jobs.and_then(|jobs| usize::try_from(jobs).ok());
    let memory = configured.memory.map_or_else(memory_of_machine, Size::bytes);
    Limits {
        jobs: jobs.map(NonZeroUsize::get).or(of_config).unwrap_or(cores),
        machine: Weight::new(u32::try_from(cores).unwrap_or(u32::MAX), memory / MIB),
        network: 1,
        command_timeout: configured.timeout.duration(),
        min_free: configured.min_free.bytes(),
        priority: Priority { nice: configured.nice, io: io_class(configured.io) },
    }
}

const fn io_class(priority: IoPriority) -> Option<IoClass> {
    match priority {
        IoPriority::Normal => None,
        IoPriority::Low => Some(IoClass::LastOfBestEffort),
        IoPriority::Idle => Some(IoClass::Idle),
    }
}

/// Keeps the files of a configuration as they were, and every option with its value, where Pungi's users look for them.
fn keep_configuration(layout: &Layout, config: &RpmConfig) -> std::io::Result<()> {
    let folder = layout.path("logs/global/config-copy");
    fs_err::create_dir_all(&folder)?;
    for file in &config.files {
        if let Some(name) = file.file_name() {
            fs_err::copy(file, folder.join(name))?;
        }
    }
    let options = serde_json::to_string_pretty(&config.options).expect("JSON serialises to memory");
    crate::files::write_whole(&layout.path("logs/global/config-dump.global.log"), options.as_bytes())
}

fn read_text(path: &Path) -> Result<String, StartError> {
    fs_err::read_to_string(path).map_err(|error| StartError::LockUnreadable { path: path.to_owned(), reason: error.to_string() })
}

/// What the kernel says it has.
fn memory_of_machine() -> u64 {
    let total = rustix::system::sysinfo();
    total.totalram.saturating_mul(u64::from(total.mem_unit))
}
