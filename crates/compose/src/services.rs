//! What jobs share: where the cache and the mirrors are, how to download, who signs. Making one does nothing; each part is opened by
//! the job that uses it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use crate::config::Configuration;
use crate::config::host::HostMirrors;
use crate::config::resolved::{DebMirror, MirrorUrl, Signing};
use crate::config::schema::quantity::Size;
use crate::engine::event::Unit;
use crate::engine::{JobContext, JobError};
use crate::finding::{Finding, Severity};
use crate::openpgp::{Signer, SigningError};
use crate::package_set::cache::Cache;
use crate::package_set::credentials::{CredentialFiles, Credentials};
use crate::package_set::download::{Connections, Downloader, FetchError, Limits, Options, Proxies, Room};
use crate::package_set::progress::Progress;
use crate::registry;
use crate::session::Surroundings;

/// How often a download's progress is looked at.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(300);

/// Shared by all jobs of a run.
#[derive(Debug, Clone)]
pub struct Services {
    pub cache: PathBuf,
    /// Nothing is fetched from the network.
    pub offline: bool,
    /// The mirrors of this machine's apt sources, or why there are none.
    pub mirrors: Result<HostMirrors, String>,
    pub download_limits: Limits,
    /// Bytes of each file system that downloads leave free.
    pub min_free: u64,
    /// The newest older compose of the release, whoever made it.
    pub old_compose: Option<PathBuf>,
    pub signing: Option<Signing>,
    /// When the compose was started: judges signatures and `Valid-Until`, and dates a lock whose archives have no date.
    pub now: SystemTime,
    /// Opened by the first download.
    connections: Arc<OnceLock<Connections>>,
    proxies: Proxies,
    credential_files: CredentialFiles,
    /// Where logins to registries may be, in the order in which they are looked for.
    pub registry_logins: Vec<PathBuf>,
    /// For as long as the run goes on, nothing is removed from the cache; none where the cache is another user's.
    cache_use: Arc<OnceLock<Option<fs_err::File>>>,
}

/// People should know: a disk that changes one file changes others.
fn damaged_in_cache(path: &Path) -> Finding {
    Finding {
        check: "cache".to_owned(),
        severity: Severity::Warn,
        scope: String::new(),
        subject: path.display().to_string(),
        message: "it was damaged in the cache, and has been fetched again".to_owned(),
        hint: Some("look at the disk: charmer does not change a file of the cache once it is there".to_owned()),
    }
}

impl Services {
    pub fn new(
        config: &Configuration,
        cache: PathBuf,
        offline: bool,
        mirrors: Result<HostMirrors, String>,
        surroundings: &Surroundings,
    ) -> Self {
        let limits = config.limits();
        let download_limits = Limits {
            connections: usize::try_from(limits.connections).unwrap_or(1),
            download_rate: limits.download_rate.map(Size::bytes),
            attempts: limits.retries + 1,
            ..Limits::default()
        };
        Self {
            cache,
            offline,
            mirrors,
            download_limits,
            min_free: limits.min_free.bytes(),
            old_compose: None,
            signing: config.signing().cloned(),
            now: surroundings.now,
            connections: Arc::default(),
            proxies: surroundings.proxies.clone(),
            credential_files: CredentialFiles { apt_folder: surroundings.apt_folder.clone(), netrc: surroundings.netrc.clone() },
            registry_logins: registry::usual_logins(|name| surroundings.environment.get(OsStr::new(name)).map(PathBuf::from)),
            cache_use: Arc::default(),
        }
    }

    pub fn open_cache(&self) -> Result<Cache, JobError> {
        let cache = Cache::open(&self.cache)
            .map_err(|error| JobError::caused(&error).hint("choose another cache folder with --cache-dir"))?;
        self.cache_use.get_or_init(|| Cache::use_together(&self.cache));
        Ok(cache)
    }

    /// The base URL of a mirror, with `host` looked up.
    pub fn base_url(&self, mirror: &DebMirror) -> Result<String, JobError> {
        if let MirrorUrl::Url(url) = &mirror.url {
            return Ok(url.clone());
        }
        let known = self.mirrors.as_ref().map_err(String::clone);
        let url = known.and_then(|mirrors| mirrors.url(&mirror.url).map(str::to_owned).map_err(|error| error.to_string()));
        url.map_err(|reason| JobError::new(reason).hint("give the mirror's URL in the configuration"))
    }

    /// Runs downloads of a job: their progress and retries become its events.
    pub async fn download<T, E>(
        &self,
        context: &JobContext,
        work: impl AsyncFnOnce(&Downloader) -> Result<T, E>,
    ) -> Result<T, JobError>
    where
        JobError: From<E>,
    {
        let progress = Arc::new(Progress::default());
        let retried = context.clone();
        let found_damaged: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
        let damaged = found_damaged.clone();
        let downloader = Downloader::new(Options {
            limits: self.download_limits.clone(),
            connections: Some(self.connections()?),
            offline: self.offline,
            progress: progress.clone(),
            room: Some(Room { min_free: self.min_free, destination: context.layout.root().to_owned() }),
            on_damaged: Some(Arc::new(move |path| damaged.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_owned()))),
            on_retry: Some(Arc::new(move |retry| {
                retried.retried(retry.attempt, format!("{}: {}", retry.url, retry.reason), retry.wait);
            })),
            cancel: context.cancel.clone(),
        })?;
        let report = || {
            let now = progress.snapshot();
            if now.total_bytes > 0 {
                context.progress(now.bytes, now.total_bytes, Unit::Bytes);
            }
        };
        let watch = async {
            loop {
                tokio::time::sleep(PROGRESS_INTERVAL).await;
                report();
            }
        };
        let result = tokio::select! {
            result = work(&downloader) => result,
            () = watch => unreachable!("progress is watched for ever"),
        };
        report();
        let damaged = std::mem::take(&mut *found_damaged.lock().unwrap_or_else(PoisonError::into_inner));
        context.report(damaged.iter().map(|path| damaged_in_cache(path)).collect())?;
        if context.cancel.is_cancelled() {
            return Err(JobError::cancelled());
        }
        Ok(result?)
    }

    fn connections(&self) -> Result<Connections, JobError> {
        if let Some(connections) = self.connections.get() {
            return Ok(connections.clone());
        }
        let credentials = Credentials::read(&self.credential_files).map_err(|error| JobError::caused(&error))?;
        let opened = Connections::new(&self.download_limits, &self.proxies, credentials).map_err(JobError::new)?;
        Ok(self.connections.get_or_init(|| opened).clone())
    }

    /// Who signs, if anybody does.
    pub async fn signer(&self, context: &JobContext) -> Result<Option<Signer>, JobError> {
        match &self.signing {
            None => Ok(None),
            Some(Signing::Key { key, passphrase_file }) => {
                let passphrase = passphrase_file.as_ref().map(fs_err::read_to_string).transpose()?;
                let first_line = passphrase.as_deref().and_then(|text| text.lines().next());
                Ok(Some(Signer::from_key_file(key, first_line)?))
            }
            Some(Signing::Command { command }) => Ok(Some(Signer::from_command(command.clone(), &context.runner).await?)),
        }
    }
}

impl From<SigningError> for JobError {
    fn from(error: SigningError) -> Self {
        match error {
            SigningError::Command(error) => error.into(),
            error => Self::caused(&error),
        }
    }
}

impl From<FetchError> for JobError {
    fn from(error: FetchError) -> Self {
        Self::caused(&error)
    }
}

impl From<Vec<FetchError>> for JobError {
    fn from(errors: Vec<FetchError>) -> Self {
        Self::new(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }
}
