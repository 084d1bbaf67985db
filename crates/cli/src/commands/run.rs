//! What `compose` and `resume` share: running a session with progress, signals and the summary at the end.

use std::future::Future;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, SystemTime};

use charmer_compose::config::pungi::git::Remote;
use charmer_compose::config::{self, Config, Configuration, LoadError, native_rpm, pungi};
use charmer_compose::engine::event::Status;
use charmer_compose::engine::job::JobId;
use charmer_compose::engine::scheduler::Stop;
use charmer_compose::finding::{Finding, Severity};
use charmer_compose::session::request::RequestError;
use charmer_compose::session::{self, RunOptions, Session, StartError, Surroundings};
use charmer_compose::tools::Runner;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::arguments::{MessageArguments, MessageFormat};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::paint::Paint;
use crate::progress::{ProgressOptions, reader};
use crate::report::{Artifact, Summary};

/// Runs a session from its start to its summary, and shows that.
pub(super) fn run<F>(start: F, messages: &MessageArguments, environment: &Environment) -> Result<Exit, Failure>
where
    F: Future<Output = Result<Session, StartError>>,
{
    // What is made is to be published, and is the same whoever makes it.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    runtime()?.block_on(async {
        let signals = Signals::watch()?;
        let session = start.await?;
        let summary = conduct(session, &signals, messages, environment).await?;
        show(&summary, messages, environment)?;
        Ok(exit(&summary, &signals))
    })
}

/// Runs a session that has begun, with progress.
pub(crate) async fn conduct(
    session: Session,
    signals: &Signals,
    messages: &MessageArguments,
    environment: &Environment,
) -> Result<session::Summary, Failure> {
    let reader = reader(ProgressOptions::new("composing", messages, environment), &session.layout().global_log())?;
    Ok(session.run(signals.stop.clone(), reader).await?)
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

pub(crate) fn surroundings(environment: &Environment) -> Surroundings {
    Surroundings {
        path: environment.path.clone(),
        environment: environment.variables.clone(),
        current_dir: environment.current_dir.clone(),
        now: SystemTime::now(),
        apt_folder: "/etc/apt".into(),
        netrc: environment.netrc.clone(),
        proxies: environment.proxies.clone(),
    }
}

pub(crate) fn run_options(
    environment: &Environment,
    cache_dir: Option<PathBuf>,
    offline: bool,
    jobs: Option<u16>,
) -> Result<RunOptions, Failure> {
    let jobs = jobs.and_then(|jobs| NonZeroUsize::new(jobs.into()));
    Ok(RunOptions { cache: environment.cache_dir(cache_dir)?, offline, jobs })
}

/// The configuration of either package world, or everything that is wrong with it. `old_composes` says whether there are older
/// composes to compare with, as some options demand; nobody knows before a compose is asked for.
pub(super) fn load(path: &Path, old_composes: bool, environment: &Environment) -> Result<Configuration, Failure> {
    let opened = if is_pungi(path) {
        open_pungi(path, old_composes, environment)?
    } else if native_rpm::is_rpm(path) {
        open_native_rpm(path, old_composes, environment)?
    } else {
        return load_native(path).map(|config| Configuration::Deb(Arc::new(config)));
    };
    for warning in &opened.warnings {
        output::say(warning);
    }
    Ok(Configuration::Rpm(Arc::new(opened.config)))
}

/// A configuration of Debian packages.
pub(super) fn load_native(path: &Path) -> Result<Config, Failure> {
    Ok(config::load(path)?)
}

/// A configuration of RPM packages in TOML, with references of git repositories resolved.
pub(super) fn open_native_rpm(path: &Path, old_composes: bool, environment: &Environment) -> Result<pungi::Opened, Failure> {
    with_references(environment, |references| Ok(native_rpm::open(path, old_composes, Some(references))?))
}

/// Whether a file is one of Pungi's configurations.
pub(crate) fn is_pungi(config: &Path) -> bool {
    config.extension().is_some_and(|extension| extension == "conf" || extension == "json")
}

/// One of Pungi's configurations, with references of git repositories resolved.
pub(crate) fn open_pungi(path: &Path, old_composes: bool, environment: &Environment) -> Result<pungi::Opened, Failure> {
    with_references(environment, |references| {
        let opened = pungi::open(path, &environment.current_dir, old_composes, Some(references));
        opened.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
    })
}

/// Calls with what asks git for commits.
fn with_references<T>(environment: &Environment, call: impl FnOnce(&mut Remote) -> Result<T, Failure>) -> Result<T, Failure> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("git.log");
    let runner = Runner::new(log, folder.path().to_owned(), environment.path.clone(), CancellationToken::new());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    call(&mut Remote::new(runner, runtime))
}

/// Between a second signal and the end of the process, whatever it does.
const LAST_GRACE: Duration = Duration::from_secs(2);

/// The signals that stop a run: the first one asks it to stop, the second kills what still runs, and soon after the process itself.
pub(crate) struct Signals {
    pub(crate) stop: Stop,
    /// The number of the first signal that came; 0 while none has.
    first: Arc<AtomicU8>,
}

impl Signals {
    pub(crate) fn watch() -> Result<Self, Failure> {
        let signals = Self { stop: Stop::default(), first: Arc::default() };
        for (kind, number) in [(SignalKind::interrupt(), 2), (SignalKind::terminate(), 15), (SignalKind::hangup(), 1)] {
            tokio::spawn(watch_one(signal(kind)?, number, signals.stop.clone(), signals.first.clone()));
        }
        Ok(signals)
    }

    /// How to exit after a stop.
    pub(super) fn exit(&self) -> Exit {
        if self.first.load(Ordering::Relaxed) == 2 { Exit::Interrupted } else { Exit::Terminated }
    }
}

async fn watch_one(mut signal: Signal, number: u8, stop: Stop, first: Arc<AtomicU8>) {
    while signal.recv().await.is_some() {
        if first.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            stop.cancel.cancel();
        } else if number != 1 {
            stop.kill.cancel();
            tokio::time::sleep(LAST_GRACE).await;
            // The compose can be resumed.
            std::process::exit(128 + i32::from(number));
        }
    }
}

fn exit(summary: &session::Summary, signals: &Signals) -> Exit {
    match summary.status {
        Status::Terminated => signals.exit(),
        Status::Finished => Exit::Finished,
        Status::FinishedIncomplete => Exit::Incomplete,
        Status::Started | Status::Doomed => Exit::Doomed,
    }
}

/// The summary, where people read it.
fn show(summary: &session::Summary, messages: &MessageArguments, environment: &Environment) -> Result<(), Failure> {
    let report = report(summary);
    match messages {
        MessageArguments { message_format: MessageFormat::Json, .. } => {}
        MessageArguments { quiet: true, .. } => {
            output::print(&(report.ending(Paint { colour: environment.colour_stdout() }) + "\n"))?;
        }
        _ => output::print(&format!("\n{}", report.text(Paint { colour: environment.colour_stdout() })))?,
    }
    Ok(())
}

/// The summary for those who take what is on stdout for something else.
pub(crate) fn summary_text(summary: &session::Summary) -> String {
    format!("\n{}", report(summary).text(Paint { colour: false }))
}

fn report(summary: &session::Summary) -> Summary {
    let artifact = |artifact: &session::Artifact| Artifact {
        name: artifact.name.clone(),
        path: artifact.path.clone(),
        size: artifact.size,
        sha256: Some(artifact.sha256),
        duration: Some(artifact.duration).filter(|_| !artifact.reused).as_ref().map(Duration::as_secs_f64),
    };
    // What made a job fail is told with the job.
    let is_told = |job: &JobId, finding: &Finding| {
        finding.severity == Severity::Fatal && summary.failures.iter().any(|failed| failed.job == *job)
    };
    let findings = summary.findings.iter().filter(|(job, finding)| !is_told(job, finding));
    let (moved, findings): (Vec<_>, Vec<_>) = findings.map(|(_, finding)| finding.clone()).partition(is_move);
    Summary {
        compose_id: summary.compose_id.clone(),
        status: summary.status,
        root: summary.root.clone(),
        duration: summary.duration.as_secs_f64(),
        artifacts: summary.artifacts.iter().map(artifact).collect(),
        findings,
        failures: summary.failures.clone(),
        skipped: summary.skipped.clone(),
        not_started: summary.not_started.clone(),
        trusted_archives: summary.trusted.clone(),
        moved_archives: moved.iter().map(|finding| format!("{}: {}", finding.subject, finding.message)).collect(),
        signed: summary.signed,
    }
}

fn is_move(finding: &Finding) -> bool {
    finding.check == "archive-moved"
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Invalid(error) => Self::configuration(error.to_string(), error.problems.len()),
            error => Self::usage(error.to_string()),
        }
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Io(error) => Self::doomed(error.to_string()),
            StartError::LockMisfit(error) => Self::usage(error.to_string()).hint("run `charmer lock` to bring it up to date"),
            error => Self::usage(error.to_string()),
        }
    }
}
