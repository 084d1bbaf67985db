//! `charmer lock`: only the jobs that lead to the lock, in a folder of their own.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::config::{Config, Configuration};
use crate::engine::Phase;
use crate::engine::event::{Entry, EventLog, Status};
use crate::engine::scheduler::{self, Settings, Stop};
use crate::layout::Layout;
use crate::metadata::names::ComposeType;
use crate::package_set::lock::Lock;
use crate::package_set::plan::PackageSource;
use crate::plan::{Wanted, plan};

use super::folder::Place;
use super::request::LatestLink;
use super::{Options, RunOptions, StartError, Surroundings, limits, request, services};

/// What to lock.
#[derive(Debug, Clone)]
pub struct LockRequest {
    pub config: Config,
    /// The lock that there is.
    pub old: Option<Lock>,
    pub update: Update,
    pub run: RunOptions,
    pub stop: Stop,
}

/// Which packages of the old lock may move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Update {
    Nothing,
    /// Those of these names, and those of these sources.
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

/// Makes the lock's text. `reader` makes what shows the run, from the path of the log that it may write.
pub async fn make_lock<R: FnMut(&Entry) + Send + 'static>(
    lock: LockRequest,
    surroundings: &Surroundings,
    reader: impl FnOnce(&Path) -> io::Result<R>,
) -> Result<String, LockingError> {
    let keep = lock.old.map(|old| kept(old, &lock.update)).transpose()?.flatten();
    let folder = tempfile::tempdir()?;
    let layout = Layout::new(folder.path());
    let config = Arc::new(lock.config);
    let options = Options {
        config: Configuration::Deb(config.clone()),
        place: Place::In(folder.path().to_owned()),
        compose_type: ComposeType::Development,
        label: None,
        supported: false,
        lock: None,
        only: vec![Phase::Lock],
        skip: Vec::new(),
        old_composes: Vec::new(),
        latest_link: LatestLink::default(),
        notification_scripts: Vec::new(),
        source_date_epoch: None,
        run: lock.run,
    };
    let request = request(&options, surroundings.now);
    let services = services(&request, &options.run, None, surroundings);
    let wanted = Wanted {
        compose: request.compose,
        packages: PackageSource::Archives { keep: keep.map(Arc::new) },
        source_date_epoch: None,
        started: request.started,
        only: request.only,
        skip: Vec::new(),
    };
    let graph = plan(&config, &wanted, &services).map_err(|error| StartError::Plan(error.into()))?;
    let settings = Settings {
        compose_id: format!("{}-{}", config.release.short, config.release.version),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        resumed: false,
        layout: layout.clone(),
        older: Vec::new(),
        limits: limits(&config.limits, options.run.jobs),
        tools: super::preflight::tool_versions(graph.tools(), &surroundings.path).await?,
        path: surroundings.path.clone(),
        stop: lock.stop,
    };
    fs_err::create_dir_all(layout.path("logs/global"))?;
    let (log, events) = EventLog::open(&layout.events(), reader(&layout.global_log())?)?;
    let (outcome, ()) = scheduler::run(graph, settings, &events, |_| Ok(())).await?;
    log.close()?;
    match outcome.status {
        Status::Finished => Ok(fs_err::read_to_string(layout.metadata().join("charmer.lock"))?),
        Status::Terminated | Status::Started => Err(LockingError::Stopped),
        Status::Doomed | Status::FinishedIncomplete => Err(LockingError::Failed(
            outcome.failures.iter().map(|failed| format!("{}: {}", failed.job, failed.failure.message)).collect(),
        )),
    }
}

/// The part of the old lock that must stay as it is; nothing, if everything may move.
fn kept(mut old: Lock, update: &Update) -> Result<Option<Lock>, LockingError> {
    let names: BTreeSet<&str> = match update {
        Update::Everything => return Ok(None),
        Update::Nothing => BTreeSet::new(),
        Update::Packages(names) => names.iter().map(String::as_str).collect(),
    };
    for name in &names {
        if !old.packages.iter().any(|package| package.name == *name || package.source == *name) {
            return Err(LockingError::UnknownName((*name).to_owned()));
        }
    }
    old.packages.retain(|package| !names.contains(package.name.as_str()) && !names.contains(package.source.as_str()));
    Ok(Some(old))
}
