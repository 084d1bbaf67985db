//! Downloads: many files at once into the cache, gone on with after failures, tried again when that can help, never faster than
//! allowed, each believed only by its digest.
//!
//! Must not know: archives, indexes, packages.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::cache::{Cache, Cached, Found, Partial, Remembered};
use super::credentials::Credentials;
use super::http::{Client, Failed, News};
pub use super::http::{Connections, Proxies};
use super::progress::Progress;
pub use super::proof::Proof;
use super::rate::RateLimit;
use crate::digest::Sha256;
use crate::files::free_space;

/// So many files that failed for good although they were tried again mean that the server is gone: the rest is not tried.
const GIVE_UP_AFTER: usize = 4;
/// A process that fetches the same file is asked this often whether it is done.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// How downloads behave.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Files at once.
    pub connections: usize,
    /// Bytes per second of all transfers together.
    pub download_rate: Option<u64>,
    /// How often a file is tried when failures may pass.
    pub attempts: u32,
    /// The wait after the first failure; it doubles with each further one.
    pub first_wait: Duration,
    /// No wait is longer, whatever the server asks for.
    pub longest_wait: Duration,
    pub connect_timeout: Duration,
    /// A transfer that brings nothing for so long has failed.
    pub stall_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8,
            download_rate: None,
            attempts: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

/// Is given the path of a damaged file.
pub type OnDamaged = Arc<dyn Fn(&Path) + Send + Sync>;

/// What a downloader needs to know.
#[derive(Default)]
pub struct Options {
    pub limits: Limits,
    /// Those of other downloaders, with their proxies; without this new ones that know of none.
    pub connections: Option<Connections>,
    /// Nothing but the cache and local files are read.
    pub offline: bool,
    /// Without this nobody looks whether files fit on the disk.
    pub room: Option<Room>,
    pub progress: Arc<Progress>,
    /// Is told of each file that the cache has no more as it was put there. Such a file is removed and fetched again.
    pub on_damaged: Option<OnDamaged>,
    /// Is told of each failure that is followed by a further try.
    pub on_retry: Option<Arc<dyn Fn(Retry) + Send + Sync>>,
    pub cancel: CancellationToken,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Options").field("limits", &self.limits).field("offline", &self.offline).finish_non_exhaustive()
    }
}

/// What must stay free when all files are there.
#[derive(Debug, Clone)]
pub struct Room {
    /// Bytes of each file system.
    pub min_free: u64,
    /// Where files are linked to, or copied if that is another file system than the cache's.
    pub destination: PathBuf,
}

/// A failure that is followed by a further try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    pub url: String,
    /// How many tries failed so far.
    pub attempt: u32,
    pub wait: Duration,
    pub reason: String,
}

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Where it is, in the order in which they are asked: the next when one does not have it, or has another file.
    pub urls: Vec<String>,
    pub size: u64,
    pub proof: Proof,
}

impl Request {
    /// The URL of a file below a base URL, with what may not stand in a URL escaped.
    pub fn url(base: &str, path: &str) -> String {
        let escaped: String = path.bytes().map(escape).collect();
        format!("{}/{escaped}", base.trim_end_matches('/'))
    }
}

fn escape(byte: u8) -> String {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' | b'+' | b':' | b'=' | b',' | b'@' => {
            char::from(byte).into()
        }
        _ => format!("%{byte:02X}"),
    }
}

/// A file that was not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url}: {cause}")]
pub struct FetchError {
    pub url: String,
    pub cause: FetchFailure,
}

impl FetchError {
    /// The server answers, but does not have this file: it may well have another one.
    pub fn is_about_the_file(&self) -> bool {
        self.cause == FetchFailure::Missing || self.is_stale()
    }

    /// The server has another file in its place.
    pub fn is_stale(&self) -> bool {
        matches!(self.cause, FetchFailure::Stale(_))
    }
}

/// Why a file was not fetched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchFailure {
    #[error("the server does not have it")]
    Missing,
    #[error("it is not the file that the signed index lists: {0}")]
    Stale(String),
    #[error("given up after {attempts} attempts: {reason}")]
    Exhausted { attempts: u32, reason: String },
    #[error("the server refuses it with status {status}")]
    Refused { status: u16 },
    #[error("no trusted connection: {0}")]
    Untrusted(String),
    #[error("only http, https and file URLs are fetched")]
    Scheme,
    #[error("the redirect is not followed: {0}")]
    Redirect(String),
    #[error("it is not in the cache, and the network is not to be used")]
    Offline,
    #[error("the local file cannot be read: {0}")]
    Unreadable(String),
    #[error("the file is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the download was stopped")]
    Cancelled,
    #[error("the cache cannot be used: {0}")]
    Cache(String),
    /// Of all files together; nothing was fetched.
    #[error("{0}")]
    NoRoom(String),
}

/// A file whose content may change, as the server has it now.
#[derive(Debug, Clone)]
pub struct Fresh {
    pub bytes: Vec<u8>,
    pub sha256: Sha256,
    /// The server said that nothing changed since the cache's copy, or was not asked because of `offline`.
    pub unchanged: bool,
    remembered: Remembered,
}

impl Fresh {
    /// Lets the next run ask only for news. To be called when the content is believed: else a broken file would be kept for as
    /// long as the server has it.
    pub fn remember(&self, cache: &Cache) -> std::io::Result<()> {
        cache.insert_bytes(&self.bytes)?;
        cache.remember(&self.remembered)
    }
}

/// Fetches files. Cloning it costs nothing; all clones share their limits.
#[derive(Clone)]
pub struct Downloader {
    shared: Arc<Shared>,
}

struct Shared {
    options: Options,
    client: Client,
    slots: Arc<Semaphore>,
    /// Files of the cache that are read at once.
    readers: Semaphore,
}

impl std::fmt::Debug for Downloader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Downloader").field("limits", &self.shared.options.limits).finish_non_exhaustive()
    }
}

impl Downloader {
    /// Fails when no connections can be set up at all.
    pub fn new(options: Options) -> Result<Self, FetchError> {
        let rate = options.limits.download_rate.map(RateLimit::new);
        let connections = match &options.connections {
            Some(connections) => connections.clone(),
            None => Connections::new(&options.limits, &Proxies::default(), Credentials::default())
                .map_err(|reason| FetchError { url: String::new(), cause: FetchFailure::Untrusted(reason) })?,
        };
        let client = Client::new(connections, options.limits.stall_timeout, rate, options.progress.clone());
        let slots = Arc::new(Semaphore::new(options.limits.connections.max(1)));
        let readers = Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from));
        Ok(Self { shared: Arc::new(Shared { options, client, slots, readers }) })
    }

    /// Brings all files into the cache; they are in the order of the requests. All failures are given, not only the first.
    pub async fn fetch_all(&self, requests: &[Request], cache: &Cache) -> Result<Vec<Cached>, Vec<FetchError>> {
        self.look_for_room(requests, cache).map_err(|error| vec![error])?;
        let mut found = vec![None; requests.len()];
        let mut tasks = JoinSet::new();
        for (index, request) in requests.iter().enumerate() {
            let (downloader, request, cache) = (self.clone(), request.clone(), cache.clone());
            tasks.spawn(async move { (index, downloader.find_or_fetch(&request, &cache).await) });
        }
        let mut errors = Vec::new();
        let mut exhausted = 0;
        while let Some(joined) = tasks.join_next().await {
            match joined {
                Ok((index, Ok(file))) => found[index] = Some(file),
                Ok((index, Err(error))) => {
                    exhausted += usize::from(matches!(error.cause, FetchFailure::Exhausted { .. }));
                    errors.push((index, error));
                }
                Err(stopped) if stopped.is_cancelled() => {}
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            }
            if exhausted == GIVE_UP_AFTER {
                tasks.abort_all();
            }
        }
        errors.sort_by_key(|(index, _)| *index);
        if errors.is_empty() {
            Ok(found.into_iter().flatten().collect())
        } else {
            Err(errors.into_iter().map(|(_, error)| error).collect())
        }
    }

    /// Fetches a file whose content may change, and asks only for news if the cache remembers it.
    pub async fn fetch_fresh(&self, url: &str, limit: u64, cache: &Cache) -> Result<Fresh, FetchError> {
        let fail = |cause| FetchError { url: url.to_owned(), cause };
        let known = cache.remembered(url);
        let keep = |remembered: Remembered, path: PathBuf| {
            let bytes = fs_err::read(path).map_err(|error| fail(FetchFailure::Cache(error.to_string())))?;
            Ok(Fresh { bytes, sha256: remembered.sha256, unchanged: true, remembered })
        };
        let target = match self.target(url) {
            Err(FetchError { cause: FetchFailure::Offline, .. }) if known.is_some() => {
                let (remembered, path) = known.expect("it was just seen");
                return keep(remembered, path);
            }
            target => target?,
        };
        let mut attempts = Attempts { downloader: self, url, failed: 0 };
        loop {
            let transfer = self.shared.client.fetch_news(&target, limit, known.as_ref().map(|(remembered, _)| remembered));
            match self.unless_cancelled(transfer).await {
                Ok(News::Unchanged) => {
                    let (remembered, path) = known.expect("only what is known can be unchanged");
                    return keep(remembered, path);
                }
                Ok(News::Content { bytes, etag, last_modified }) => {
                    let (sha256, size) = (Sha256::of(&bytes), bytes.len() as u64);
                    let remembered = Remembered { url: url.to_owned(), sha256, size, etag, last_modified };
                    return Ok(Fresh { bytes, sha256, unchanged: false, remembered });
                }
                Err(failed) => attempts.after(failed).await?,
            }
        }
    }

    /// Whether all files will fit, before the first one is fetched.
    fn look_for_room(&self, requests: &[Request], cache: &Cache) -> Result<(), FetchError> {
        let (Some(room), Some(first)) = (&self.shared.options.room, requests.first()) else { return Ok(()) };
        let unusable = |error: std::io::Error| first.cache_error(&error);
        let mut missing = 0_u64;
        for request in requests {
            let known = cache.known(&request.proof).map(|sha256| fs_err::metadata(cache.path(sha256)));
            let is_there = known.is_some_and(|data| data.is_ok_and(|data| data.len() == request.size));
            missing = missing.saturating_add(if is_there { 0 } else { request.size });
        }
        let all = requests.iter().fold(0_u64, |sum, request| sum.saturating_add(request.size));
        let device = |path: &Path| fs_err::metadata(path).map(|data| data.dev()).map_err(unusable);
        let is_elsewhere = device(cache.folder())? != device(&room.destination)?;
        let wanted = [(cache.folder(), missing), (&room.destination, if is_elsewhere { all } else { 0 })];
        for (folder, wanted) in wanted.into_iter().filter(|(_, wanted)| *wanted > 0) {
            let free = free_space(folder).map_err(unusable)?;
            if free < wanted.saturating_add(room.min_free) {
                let [wanted, free, stays] = [wanted, free, room.min_free].map(|bytes| bytes.div_ceil(1 << 20));
                let what = format!(
                    "{wanted} MiB are to be fetched to {}, which has {free} MiB free; {stays} MiB are to stay free",
                    folder.display()
                );
                return Err(first.error(FetchFailure::NoRoom(what)));
            }
        }
        Ok(())
    }

    async fn find_or_fetch(&self, request: &Request, cache: &Cache) -> Result<Cached, FetchError> {
        let found = {
            let _reader = self.shared.readers.acquire().await.expect("the semaphore is never closed");
            self.cached(request, cache).await?
        };
        if let Some(file) = found {
            self.shared.options.progress.found_in_cache();
            return Ok(file);
        }
        self.shared.options.progress.expect_file(request.size);
        self.fetch(request, cache).await
    }

    async fn fetch(&self, request: &Request, cache: &Cache) -> Result<Cached, FetchError> {
        let _slot = self.shared.slots.clone().acquire_owned().await.expect("the semaphore is never closed");
        let progress = &self.shared.options.progress;
        let mut partial = match self.claim(request, cache).await? {
            Claim::Cached(file) => {
                progress.already_there(request.size);
                progress.file_done();
                return Ok(file);
            }
            Claim::Ours(partial) => partial,
        };
        progress.already_there(partial.length());
        let mut told: Option<FetchError> = None;
        for url in &request.urls {
            match self.fetch_from(url, &mut partial, request).await {
                Ok(()) => {
                    progress.file_done();
                    return partial.finish().map_err(|error| request.cache_error(&error));
                }
                // Another file in its place says more than none in another place.
                Err(FetchError { cause: FetchFailure::Missing, .. }) if told.as_ref().is_some_and(FetchError::is_stale) => {}
                Err(error) if error.is_about_the_file() => told = Some(error),
                Err(error) => return Err(error),
            }
        }
        progress.file_given_up(partial.length(), request.size);
        Err(told.unwrap_or_else(|| request.error(FetchFailure::Missing)))
    }

    /// Transfers until the file is whole and right.
    async fn fetch_from(&self, url: &str, partial: &mut Partial, request: &Request) -> Result<(), FetchError> {
        let fail = |cause| FetchError { url: url.to_owned(), cause };
        let target = self.target(url)?;
        let mut attempts = Attempts { downloader: self, url, failed: 0 };
        // Parts of different states of a file may have met in it; only a file from one piece is known to be the server's.
        let mut pieced = partial.length() > 0;
        loop {
            match self.unless_cancelled(self.shared.client.transfer(&target, partial, request.size)).await {
                Ok(()) => {
                    let Err(found) = partial.verdict() else { return Ok(()) };
                    self.shared.client.restart(partial).map_err(|error| request.cache_error(&error))?;
                    if !std::mem::take(&mut pieced) {
                        let what = format!("it has {found} instead of {}", request.proof);
                        return Err(fail(FetchFailure::Stale(what)));
                    }
                }
                Err(failed) => {
                    attempts.after(failed).await?;
                    pieced |= partial.length() > 0;
                }
            }
        }
    }

    /// The file, if the cache has it as it was put there: disks forget, and what a compose ships is signed.
    async fn cached(&self, request: &Request, cache: &Cache) -> Result<Option<Cached>, FetchError> {
        let Some(sha256) = cache.known(&request.proof) else { return Ok(None) };
        let (read, size) = (cache.clone(), request.size);
        match blocking(move || read.look_for(sha256, size)).await.map_err(|error| request.cache_error(&error))? {
            Found::Whole(path) => Ok(Some(Cached { sha256, path })),
            Found::Nothing => Ok(None),
            Found::Damaged => {
                if let Some(tell) = &self.shared.options.on_damaged {
                    tell(&cache.path(sha256));
                }
                Ok(None)
            }
        }
    }

    /// Waits until nobody else fetches the file.
    async fn claim(&self, request: &Request, cache: &Cache) -> Result<Claim, FetchError> {
        loop {
            if let Some(file) = self.cached(request, cache).await? {
                return Ok(Claim::Cached(file));
            }
            let (owned, proof, size) = (cache.clone(), request.proof.clone(), request.size);
            let partial = blocking(move || {
                let mut partial = owned.partial(&proof)?;
                if let Some(longer) = partial.as_mut().filter(|partial| partial.length() > size) {
                    longer.restart()?;
                }
                Ok(partial)
            });
            if let Some(partial) = partial.await.map_err(|error| request.cache_error(&error))? {
                // Another may have brought the file in between the first look and the claim.
                let Some(file) = self.cached(request, cache).await? else { return Ok(Claim::Ours(Box::new(partial))) };
                partial.discard().map_err(|error| request.cache_error(&error))?;
                return Ok(Claim::Cached(file));
            }
            tokio::select! {
                () = tokio::time::sleep(LOCK_POLL) => {}
                () = self.shared.options.cancel.cancelled() => return Err(request.error(FetchFailure::Cancelled)),
            }
        }
    }

    fn target(&self, url: &str) -> Result<Url, FetchError> {
        let fail = |cause| FetchError { url: url.to_owned(), cause };
        let target = Url::parse(url).map_err(|_| fail(FetchFailure::Scheme))?;
        match target.scheme() {
            "http" | "https" if self.shared.options.offline => Err(fail(FetchFailure::Offline)),
            "file" | "http" | "https" => Ok(target),
            _ => Err(fail(FetchFailure::Scheme)),
        }
    }

    async fn unless_cancelled<T>(&self, transfer: impl Future<Output = Result<T, Failed>>) -> Result<T, Failed> {
        tokio::select! {
            result = transfer => result,
            () = self.shared.options.cancel.cancelled() => Err(Failed::ForGood(FetchFailure::Cancelled)),
        }
    }
}

enum Claim {
    Cached(Cached),
    Ours(Box<Partial>),
}

impl Request {
    fn error(&self, cause: FetchFailure) -> FetchError {
        FetchError { url: self.urls.first().cloned().unwrap_or_default(), cause }
    }

    fn cache_error(&self, error: &std::io::Error) -> FetchError {
        self.error(FetchFailure::Cache(error.to_string()))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> std::io::Result<T> + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

/// The tries of one URL.
struct Attempts<'a> {
    downloader: &'a Downloader,
    url: &'a str,
    failed: u32,
}

impl Attempts<'_> {
    /// Waits before the next try, or says that there is none.
    async fn after(&mut self, failed: Failed) -> Result<(), FetchError> {
        let fail = |cause| FetchError { url: self.url.to_owned(), cause };
        let options = &self.downloader.shared.options;
        let (reason, retry_after) = match failed {
            Failed::ForGood(cause) => return Err(fail(cause)),
            Failed::ForNow { reason, retry_after } => (reason, retry_after),
        };
        self.failed += 1;
        if self.failed >= options.limits.attempts {
            return Err(fail(FetchFailure::Exhausted { attempts: self.failed, reason }));
        }
        let doubled = options.limits.first_wait.saturating_mul(1 << (self.failed - 1).min(16)).mul_f64(jitter());
        let wait = doubled.max(retry_after.unwrap_or_default()).min(options.limits.longest_wait);
        if let Some(on_retry) = &options.on_retry {
            on_retry(Retry { url: self.url.to_owned(), attempt: self.failed, wait, reason });
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = options.cancel.cancelled() => Err(fail(FetchFailure::Cancelled)),
        }
    }
}

/// Between a half and one, so that many clients that failed together do not come back together.
fn jitter() -> f64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    let random = std::hash::RandomState::new().build_hasher().finish();
    0.5 + (random % 1000) as f64 / 2000.0
}
