//! One compose from its first folder to its summary: start or resume it, run its graph, finish it.
//!
//! Must not know: terminals, the process environment, command lines.

pub mod finish;
pub mod folder;
pub mod locking;
pub mod preflight;
pub mod request;
pub mod verify;

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Config;
use crate::config::host::host_mirrors;
use crate::config::schema::quantity::Size;
use crate::engine::event::{Entry, EventLog};
use crate::engine::graph::NothingSelected;
use crate::engine::journal::{recorded_output, write_durably};
use crate::engine::scheduler::{self, Limits, Outcome, Settings, Stop};
use crate::engine::{Graph, Phase, Weight};
use crate::gather::Selection;
use crate::gather::fit::{self, Misfit};
use crate::layout::Layout;
use crate::metadata::ComposeRecord;
use crate::metadata::names::{ComposeType, Label, ReleaseName};
use crate::package_set::download::Proxies;
use crate::package_set::lock::{Lock, LockError};
use crate::package_set::plan::PackageSource;
use crate::plan::{Wanted, plan};
use crate::services::Services;

use folder::{FolderError, ProcessLock};
use preflight::Unready;
use request::{PackageOrigin, Request, RequestError};

pub use finish::{Artifact, Summary};

/// What a session takes from the process that it runs in.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// `PATH`, for commands.
    pub path: OsString,
    /// When the session starts.
    pub now: SystemTime,
    /// Where apt keeps its sources: `/etc/apt`.
    pub apt_folder: PathBuf,
    pub proxies: Proxies,
}

/// What a new compose is to be.
#[derive(Debug, Clone)]
pub struct Options {
    pub config: Config,
    pub target: PathBuf,
    pub compose_type: ComposeType,
    pub label: Option<Label>,
    pub lock: Option<LockChoice>,
    pub only: Vec<Phase>,
    pub skip: Vec<Phase>,
    pub old_composes: Vec<PathBuf>,
    pub latest_link: bool,
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
    #[error(transparent)]
    Unready(#[from] Unready),
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Selection(#[from] NothingSelected),
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
    source: PackageSource,
    services: Arc<Services>,
    surroundings: Surroundings,
    resumed: bool,
}

impl Session {
    /// Looks whether everything that the compose needs is there, then makes its folder.
    pub async fn start(options: Options, surroundings: Surroundings) -> Result<Self, StartError> {
        let lock_text = options.lock.as_ref().map(|choice| read_text(&choice.path)).transpose()?;
        let source = match (&lock_text, &options.lock) {
            (Some(text), Some(choice)) => PackageSource::Lock(Arc::new(Lock::read(text, &choice.path.to_string_lossy())?)),
            _ => PackageSource::Archives { keep: None },
        };
        let mut request = request(&options, surroundings.now);
        let services = services(&request.config, &options.run, &surroundings);
        let graph = graph(&request, &source, &services)?;
        if let (PackageSource::Lock(lock), Some(choice)) = (&source, &options.lock) {
            fit::check(lock, &request.config, choice.exact)?;
        }
        let run = options.run;
        preflight::check(&request.config, &graph, &source, &services, &options.target, &surroundings).await?;

        let release = &request.config.release;
        let name = ReleaseName { short: &release.short, version: &release.version, release_type: release.kind.name() };
        let (layout, lock) = folder::create(&options.target, name, &mut request.compose)?;
        if let Some(text) = lock_text {
            write_durably(&layout.given_lock(), text.as_bytes())?;
        }
        write_durably(&layout.request(), &serde_json::to_vec_pretty(&request).expect("requests serialise to JSON"))?;
        Ok(Self { layout, _lock: lock, request, run, source, services, surroundings, resumed: false })
    }

    /// Goes on with a compose, whatever became of it.
    pub async fn resume(folder: &Path, run: RunOptions, surroundings: Surroundings) -> Result<Self, StartError> {
        let layout = Layout::new(fs_err::canonicalize(folder)?);
        let request = Request::read(&layout)?;
        let lock = ProcessLock::take(&layout)?;
        let source = match request.packages {
            PackageOrigin::Archives => PackageSource::Archives { keep: None },
            PackageOrigin::Lock => {
                let path = layout.given_lock();
                PackageSource::Lock(Arc::new(Lock::read(&read_text(&path)?, &path.to_string_lossy())?))
            }
        };
        let services = services(&request.config, &run, &surroundings);
        let graph = graph(&request, &source, &services)?;
        preflight::check(&request.config, &graph, &source, &services, layout.root(), &surroundings).await?;
        Ok(Self { layout, _lock: lock, request, run, source, services, surroundings, resumed: true })
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    pub fn compose_id(&self) -> &str {
        &self.request.compose.id
    }

    /// Runs all jobs. `reader` sees every event once it is in the journal.
    pub async fn run(self, stop: Stop, reader: impl FnMut(&Entry) + Send + 'static) -> Result<Summary, StartError> {
        let graph = graph(&self.request, &self.source, &self.services)?;
        let settings = self.settings(&graph, stop).await?;
        fs_err::create_dir_all(self.layout.path("logs/global"))?;
        let (log, events) = EventLog::open(&self.layout.events(), reader)?;
        let finish = |outcome: &Outcome| finish::finish(&self.layout, &self.request, outcome);
        let (_, summary) = scheduler::run(graph, settings, &events, finish).await?;
        log.close()?;
        Ok(summary)
    }

    async fn settings(&self, graph: &Graph, stop: Stop) -> std::io::Result<Settings> {
        let config = &self.request.config;
        Ok(Settings {
            compose_id: self.request.compose.id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            resumed: self.resumed,
            layout: self.layout.clone(),
            older: folder::older_composes(&self.request.old_composes, &config.release.short, self.layout.root()),
            limits: limits(config, self.run.jobs),
            tools: preflight::tool_versions(graph.tools(), &self.surroundings.path).await?,
            path: self.surroundings.path.clone(),
            stop,
        })
    }
}

/// The selections of a compose, as its records have them.
pub fn recorded_selections(layout: &Layout) -> Result<Vec<Selection>, RequestError> {
    let request = Request::read(layout)?;
    let scopes =
        request.config.variants.iter().flat_map(|variant| variant.arches.iter().map(move |arch| (&variant.name, &arch.arch)));
    Ok(scopes.filter_map(|(variant, arch)| recorded_output(layout, &format!("gather:{variant}.{arch}"))).collect())
}

/// The graph of a compose that was never asked for, to be looked at.
pub fn preview(config: &Config, only: &[Phase], skip: &[Phase], surroundings: &Surroundings) -> Result<Graph, NothingSelected> {
    let options = Options {
        config: config.clone(),
        target: PathBuf::new(),
        compose_type: ComposeType::Development,
        label: None,
        lock: None,
        only: only.to_vec(),
        skip: skip.to_vec(),
        old_composes: Vec::new(),
        latest_link: false,
        source_date_epoch: None,
        run: RunOptions { cache: PathBuf::new(), offline: false, jobs: None },
    };
    let services = services(config, &options.run, surroundings);
    graph(&request(&options, surroundings.now), &PackageSource::Archives { keep: None }, &services)
}

fn graph(request: &Request, source: &PackageSource, services: &Arc<Services>) -> Result<Graph, NothingSelected> {
    let wanted = Wanted {
        compose: request.compose.clone(),
        packages: source.clone(),
        source_date_epoch: request.source_date_epoch,
        started: request.started,
        only: request.only.clone(),
        skip: request.skip.clone(),
    };
    plan(&Arc::new(request.config.clone()), &wanted, services)
}

fn request(options: &Options, now: SystemTime) -> Request {
    let started = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
    // The date is part of names, and so of what is shipped.
    let dated = options.source_date_epoch.and_then(|epoch| Timestamp::from_second(epoch).ok()).unwrap_or(started);
    let compose = ComposeRecord {
        date: dated.to_zoned(TimeZone::UTC).strftime("%Y%m%d").to_string(),
        is_final: options.label.as_ref().map(Label::is_supported_milestone),
        id: String::new(),
        label: options.label.as_ref().map(ToString::to_string),
        respin: 0,
        compose_type: options.compose_type,
    };
    Request {
        compose,
        started: started.as_second(),
        config: options.config.clone(),
        packages: options.lock.as_ref().map_or(PackageOrigin::Archives, |_| PackageOrigin::Lock),
        only: options.only.clone(),
        skip: options.skip.clone(),
        source_date_epoch: options.source_date_epoch,
        old_composes: options.old_composes.clone(),
        latest_link: options.latest_link && options.config.publish.latest_link,
    }
}

fn services(config: &Config, run: &RunOptions, surroundings: &Surroundings) -> Arc<Services> {
    let mirrors = host_mirrors(&surroundings.apt_folder).map_err(|error| error.to_string());
    Arc::new(Services::new(config, run.cache.clone(), run.offline, mirrors, surroundings))
}

/// What jobs may take of this machine together.
fn limits(config: &Config, jobs: Option<NonZeroUsize>) -> Limits {
    const MIB: u64 = 1 << 20;
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let configured = config.limits.jobs.and_then(|jobs| usize::try_from(jobs).ok());
    let memory = config.limits.memory.map_or_else(memory_of_machine, Size::bytes);
    Limits {
        jobs: jobs.map(NonZeroUsize::get).or(configured).unwrap_or(cores),
        machine: Weight::new(u32::try_from(cores).unwrap_or(u32::MAX), memory / MIB),
        network: 1,
        command_timeout: config.limits.timeout.duration(),
        min_free: config.limits.min_free.bytes(),
    }
}

fn read_text(path: &Path) -> Result<String, StartError> {
    fs_err::read_to_string(path).map_err(|error| StartError::LockUnreadable { path: path.to_owned(), reason: error.to_string() })
}

/// What the kernel says it has.
fn memory_of_machine() -> u64 {
    let total = rustix::system::sysinfo();
    total.totalram.saturating_mul(u64::from(total.mem_unit))
}
