//! `charmer lock`: only the jobs that lead to the lock, in a folder of their own.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::config::Configuration;
use crate::engine::event::{Entry, EventLog, Status};
use crate::engine::journal::recorded_output;
use crate::engine::scheduler::{self, FailedJob, Settings, Stop};
use crate::engine::{Part, Phase};
use crate::gather::plan::LockFile;
use crate::layout::Layout;
use crate::metadata::names::ComposeType;
use crate::package_set::lock::{AnyLock, Lock, LockedRpm, RpmLock};
use crate::package_set::plan::PackageSource;
use crate::package_set::rpm_plan::RpmSource;

use super::folder::Place;
use super::request::LatestLink;
use super::{Options, RunOptions, StartError, Surroundings, World, limits, request, services};

/// What to lock.
#[derive(Debug, Clone)]
pub struct LockRequest {
    pub config: Configuration,
    /// The lock that there is; one of the other package world keeps nothing.
    pub old: Option<AnyLock>,
    pub update: Update,
    pub run: RunOptions,
    pub stop: Stop,
}

/// Which packages of the old lock may move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    Nothing,
    /// Those of these names, and those of these sources. RPM packages move with all that was built together with them.
    Packages(Vec<String>),
    Everything,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockingError {
    #[error("the lock has no package or source of the name '{0}'")]
    UnknownName(String),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{}", .0.join("\n"))]
    Failed(Vec<String>),
    #[error("stopped")]
    Stopped,
}

/// A lock in a folder of its own, which goes with this.
#[derive(Debug)]
pub struct MadeLock {
    pub file: std::path::PathBuf,
    pub packages: u64,
    _folder: tempfile::TempDir,
}

/// Makes the lock. `reader` makes what shows the run, from the path of the log that it may write.
pub async fn make_lock<R: FnMut(&Entry) + Send + 'static>(
    lock: LockRequest,
    surroundings: &Surroundings,
    reader: impl FnOnce(&Path) -> io::Result<R>,
) -> Result<MadeLock, LockingError> {
    let world = world(&lock.config, lock.old, &lock.update)?;
    let folder = work_folder(&lock.config, &lock.run.cache)?;
    let layout = Layout::new(folder.path());
    let options = Options {
        config: lock.config,
        place: Place::In(folder.path().to_owned()),
        compose_type: ComposeType::Development,
        label: None,
        supported: false,
        lock: None,
        part: Part { only: vec![Phase::Lock], ..Part::default() },
        old_composes: Vec::new(),
        latest_link: LatestLink::default(),
        notification_scripts: Vec::new(),
        source_date_epoch: None,
        run: lock.run,
    };
    let request = request(&options, surroundings.now);
    let services = services(&request, &options.run, None, surroundings);
    let graph = world.graph(&request, &services).map_err(StartError::Plan)?;
    let short = options.config.short();
    let settings = Settings {
        compose_id: format!("{short}-{}", options.config.version()),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        resumed: false,
        layout: layout.clone(),
        older: Vec::new(),
        limits: limits(options.config.limits(), options.run.jobs),
        tools: super::preflight::tool_versions(graph.tools(), &surroundings.path).await?,
        path: surroundings.path.clone(),
        stop: lock.stop,
    };
    fs_err::create_dir_all(layout.path("logs/global"))?;
    let (log, events) = EventLog::open(&layout.events(), reader(&layout.global_log())?)?;
    let (outcome, ()) = scheduler::run(graph, settings, &events, |_| Ok(())).await?;
    log.close()?;
    match outcome.status {
        Status::Finished => {
            let made: LockFile = recorded_output(&layout, "lock").ok_or_else(|| io::Error::other("the lock has no record"))?;
            Ok(MadeLock { file: layout.path(&made.file.path), packages: made.packages, _folder: folder })
        }
        Status::Terminated | Status::Started => Err(LockingError::Stopped),
        Status::Doomed | Status::FinishedIncomplete => {
            keep_logs(folder)?;
            let line = |failed: &FailedJob| format!("{}: {}", failed.job, failed.failure.message);
            Err(LockingError::Failed(outcome.failures.iter().map(line).collect()))
        }
    }
}

/// Failures name the logs of their jobs.
fn keep_logs(folder: tempfile::TempDir) -> io::Result<()> {
    for entry in fs_err::read_dir(folder.keep())? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("logs") {
            fs_err::remove_dir_all(path)?;
        }
    }
    Ok(())
}

/// Where packages come from, and what of the old lock stays.
fn world(config: &Configuration, old: Option<AnyLock>, update: &Update) -> Result<World, LockingError> {
    match (config, old) {
        (Configuration::Deb(config), Some(AnyLock::Debs(old))) => {
            let keep = kept(old, update)?.map(Arc::new);
            Ok(World::Deb { config: config.clone(), source: PackageSource::Archives { keep } })
        }
        (Configuration::Rpm(config), Some(AnyLock::Rpms(old))) => {
            let keep = kept_rpms(old, update)?.map(Arc::new);
            Ok(World::Rpm { config: config.clone(), source: RpmSource::Repositories { keep } })
        }
        (config, _) => Ok(World::fresh(config)),
    }
}

/// What the names of work folders beside the cache begin with. Of a lock that failed the logs stay there, until a prune.
pub(super) const WORK_FOLDER: &str = "locking-";

/// Package files of RPM repositories are read, and so brought here: beside the cache, where that costs a link each.
fn work_folder(config: &Configuration, cache: &Path) -> io::Result<tempfile::TempDir> {
    match config {
        Configuration::Deb(_) => tempfile::tempdir(),
        Configuration::Rpm(_) => {
            fs_err::create_dir_all(cache)?;
            tempfile::Builder::new().prefix(WORK_FOLDER).tempdir_in(cache)
        }
    }
}

/// The names that an update lets move; none, if everything may.
fn moving(update: &Update) -> Option<BTreeSet<&str>> {
    match update {
        Update::Everything => None,
        Update::Nothing => Some(BTreeSet::new()),
        Update::Packages(names) => Some(names.iter().map(String::as_str).collect()),
    }
}

/// The part of the old lock that must stay as it is; nothing, if everything may move.
fn kept(mut old: Lock, update: &Update) -> Result<Option<Lock>, LockingError> {
    let Some(names) = moving(update) else { return Ok(None) };
    for name in &names {
        if !old.packages.iter().any(|package| package.name == *name || package.source == *name) {
            return Err(LockingError::UnknownName((*name).to_owned()));
        }
    }
    old.packages.retain(|package| !names.contains(package.name.as_str()) && !names.contains(package.source.as_str()));
    Ok(Some(old))
}

/// As for Debian packages; but what was built together stays together.
fn kept_rpms(mut old: RpmLock, update: &Update) -> Result<Option<RpmLock>, LockingError> {
    let Some(names) = moving(update) else { return Ok(None) };
    let mut builds: BTreeSet<String> = BTreeSet::new();
    for name in &names {
        let is_named = |package: &&LockedRpm| package.name == *name || package.source_name() == *name;
        let named: Vec<_> = old.packages.iter().filter(is_named).map(|package| package.source_name().to_owned()).collect();
        if named.is_empty() {
            return Err(LockingError::UnknownName((*name).to_owned()));
        }
        builds.extend(named);
    }
    old.packages.retain(|package| !builds.contains(package.source_name()));
    Ok(Some(old))
}
