//! Downloads from a server that fails as it is told.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use charmer_compose::checksum::Algorithm;
use charmer_compose::digest::Sha256;
use charmer_compose::package_set::cache::Cache;
use charmer_compose::package_set::download::{
    Downloader, FetchError, FetchFailure, Limits, OnDamaged, Options, Proof, Request, Retry, Room,
};
use charmer_compose::package_set::progress::ProgressSnapshot;
use charmer_testkit::http_server::{Fault, HttpServer};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// A server, a cache, and a downloader whose waits are short.
struct Bench {
    server: HttpServer,
    folder: TempDir,
    cache: Cache,
    retries: Arc<Mutex<Vec<Retry>>>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        Self { server: HttpServer::start(), folder, cache, retries: Arc::default() }
    }

    fn options(&self) -> Options {
        let retries = self.retries.clone();
        let limits = Limits {
            first_wait: Duration::from_millis(10),
            stall_timeout: Duration::from_millis(400),
            attempts: 3,
            ..Limits::default()
        };
        Options { limits, on_retry: Some(Arc::new(move |retry| retries.lock().unwrap().push(retry))), ..Options::default() }
    }

    fn downloader(&self) -> Downloader {
        Downloader::new(self.options()).unwrap()
    }

    /// A file that the server has, and the request for it.
    fn file(&self, path: &str, bytes: &[u8]) -> Request {
        self.server.serve(path, bytes);
        Request { urls: vec![format!("{}{path}", self.server.url())], size: bytes.len() as u64, proof: Sha256::of(bytes).into() }
    }

    async fn fetch(&self, request: &Request) -> Result<PathBuf, FetchError> {
        fetch_one(&self.downloader(), request, &self.cache).await
    }

    fn asked(&self, path: &str) -> usize {
        self.server.received(path).len()
    }
}

async fn fetch_one(downloader: &Downloader, request: &Request, cache: &Cache) -> Result<PathBuf, FetchError> {
    match downloader.fetch_all(std::slice::from_ref(request), cache).await {
        Ok(mut files) => Ok(files.remove(0).path),
        Err(mut errors) => Err(errors.remove(0)),
    }
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from((index * index / 7) % 251).unwrap()).collect()
}

#[tokio::test]
async fn a_file_is_fetched_once_and_then_comes_from_the_cache() {
    let bench = Bench::new();
    let request = bench.file("/a.deb", b"package");
    let path = bench.fetch(&request).await.unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"package");
    assert_eq!(bench.fetch(&request).await.unwrap(), path);
    assert_eq!(bench.asked("/a.deb"), 1);
}

#[tokio::test]
async fn a_cut_off_download_goes_on_where_it_ended() {
    let bench = Bench::new();
    let bytes = noise(300_000);
    let request = bench.file("/a.deb", &bytes);
    bench.server.fail("/a.deb", Fault::Truncate(100_000));
    let path = bench.fetch(&request).await.unwrap();
    assert!(fs_err::read(path).unwrap() == bytes);
    let received = bench.server.received("/a.deb");
    assert_eq!(received.len(), 2);
    assert_eq!(received[1].headers["range"], "bytes=100000-");
    assert!(received[1].headers.contains_key("if-range"));
    let retries = bench.retries.lock().unwrap();
    assert!(retries.len() == 1 && retries[0].attempt == 1, "{retries:?}");
}

#[tokio::test]
async fn a_download_that_was_given_up_goes_on_in_the_next_run() {
    let bench = Bench::new();
    let bytes = noise(50_000);
    let request = bench.file("/a.deb", &bytes);
    bench.server.fail("/a.deb", Fault::Truncate(20_000));
    bench.server.fail("/a.deb", Fault::Status(503, vec![]));
    bench.server.fail("/a.deb", Fault::Status(503, vec![]));
    let error = bench.fetch(&request).await.unwrap_err();
    assert!(matches!(error.cause, FetchFailure::Exhausted { attempts: 3, .. }), "{error}");
    bench.fetch(&request).await.unwrap();
    assert_eq!(bench.server.received("/a.deb").last().unwrap().headers["range"], "bytes=20000-");
}

#[tokio::test]
async fn a_file_that_changed_in_the_middle_is_fetched_anew() {
    let bench = Bench::new();
    bench.file("/a.deb", &[b'x'; 5000]);
    bench.server.fail("/a.deb", Fault::Truncate(1000));
    let mut request = bench.file("/a.deb", &[b'x'; 5000]);
    bench.server.fail("/a.deb", Fault::Status(503, vec![]));
    bench.server.fail("/a.deb", Fault::Status(503, vec![]));
    request.proof = Sha256::of(&[b'y'; 5000]).into();
    bench.fetch(&request).await.unwrap_err();
    bench.server.serve("/a.deb", [b'y'; 5000]);
    let path = bench.fetch(&request).await.unwrap();
    assert!(fs_err::read(path).unwrap() == [b'y'; 5000]);
}

#[tokio::test]
async fn only_failures_that_may_pass_are_tried_again() {
    let bench = Bench::new();
    for (status, tries) in [(404, 1), (403, 1), (501, 1), (503, 3), (429, 3), (500, 3)] {
        let path = format!("/{status}");
        let request = bench.file(&path, b"package");
        for _ in 0..tries {
            bench.server.fail(&path, Fault::Status(status, vec![]));
        }
        let error = bench.fetch(&request).await.unwrap_err();
        assert_eq!(bench.asked(&path), tries, "{error}");
        let expected = match status {
            404 => FetchFailure::Missing,
            403 | 501 => FetchFailure::Refused { status },
            _ => FetchFailure::Exhausted { attempts: 3, reason: format!("the server answers with status {status} <unknown>") },
        };
        assert_eq!(std::mem::discriminant(&error.cause), std::mem::discriminant(&expected), "{error}");
    }
    let request = bench.file("/again", b"package");
    bench.server.fail("/again", Fault::Status(503, vec![]));
    bench.fetch(&request).await.unwrap();
}

#[tokio::test]
async fn the_server_says_how_long_to_wait() {
    let bench = Bench::new();
    let request = bench.file("/busy", b"package");
    bench.server.fail("/busy", Fault::Status(429, vec![("Retry-After", "1".into())]));
    let started = Instant::now();
    bench.fetch(&request).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_stalled_transfer_is_noticed() {
    let bench = Bench::new();
    let request = bench.file("/slow", &noise(10_000));
    bench.server.fail("/slow", Fault::Stall(4000));
    bench.fetch(&request).await.unwrap();
    assert!(bench.retries.lock().unwrap()[0].reason.contains("nothing came"));
}

#[tokio::test]
async fn another_file_than_the_index_lists_is_stale_and_not_tried_again() {
    let bench = Bench::new();
    for (name, body) in [("/same-size", b"pockage".to_vec()), ("/longer", noise(100_000)), ("/shorter", b"p".to_vec())] {
        let request = bench.file(name, b"package");
        bench.server.serve(name, body);
        let error = bench.fetch(&request).await.unwrap_err();
        assert!(matches!(error.cause, FetchFailure::Stale(_)), "{error}");
        assert_eq!(bench.asked(name), 1);
        assert_eq!(bench.cache.get(Sha256::of(b"package"), request.size).unwrap(), None);
    }
}

#[tokio::test]
async fn the_next_url_is_asked_when_one_is_missing_or_stale() {
    let bench = Bench::new();
    let mut request = bench.file("/by-name", b"package");
    bench.server.serve("/stale", *b"pockage");
    request.urls = ["/missing", "/stale", "/by-name"].iter().map(|path| format!("{}{path}", bench.server.url())).collect();
    bench.fetch(&request).await.unwrap();
    assert_eq!(bench.server.paths(), ["/missing", "/stale", "/by-name"]);

    let mut request = bench.file("/gone", b"another package");
    bench.server.remove("/gone");
    request.urls = ["/stale", "/gone"].iter().map(|path| format!("{}{path}", bench.server.url())).collect();
    let options = bench.options();
    let progress = options.progress.clone();
    let error = fetch_one(&Downloader::new(options).unwrap(), &request, &bench.cache).await.unwrap_err();
    assert!(error.is_stale(), "that something else lies in its place is not hidden: {error}");
    assert_eq!(progress.snapshot(), ProgressSnapshot::default(), "what will not come is not waited for");
}

#[tokio::test]
async fn a_corrupted_file_of_the_cache_is_fetched_again() {
    let bench = Bench::new();
    let request = bench.file("/a.deb", b"package");
    let path = bench.fetch(&request).await.unwrap();
    fs_err::remove_file(&path).unwrap();
    fs_err::write(&path, b"pockage").unwrap();
    let damaged: Arc<Mutex<Vec<PathBuf>>> = Arc::default();
    let told = damaged.clone();
    let on_damaged: OnDamaged = Arc::new(move |path| told.lock().unwrap().push(path.to_owned()));
    let downloader = Downloader::new(Options { on_damaged: Some(on_damaged), ..bench.options() }).unwrap();
    let path = fetch_one(&downloader, &request, &bench.cache).await.unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"package");
    fs_err::remove_file(&path).unwrap();
    fs_err::write(&path, b"pack").unwrap();
    let path = fetch_one(&downloader, &request, &bench.cache).await.unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"package");
    assert_eq!(*damaged.lock().unwrap(), [path.clone(), path]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_fetchers_of_one_cache_fetch_each_file_once() {
    let bench = Bench::new();
    let requests: Vec<Request> = (0..20).map(|number| bench.file(&format!("/{number}"), &noise(1000 + number))).collect();
    let fetchers: Vec<_> = (0..4)
        .map(|_| {
            // Each opens the cache for itself, as another process would.
            let cache = Cache::open(&bench.folder.path().join("cache")).unwrap();
            let (downloader, requests) = (bench.downloader(), requests.clone());
            tokio::spawn(async move { downloader.fetch_all(&requests, &cache).await })
        })
        .collect();
    for fetcher in fetchers {
        assert_eq!(fetcher.await.unwrap().unwrap().len(), 20);
    }
    assert_eq!(bench.server.paths().len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rate_limit_holds_within_a_tenth() {
    let bench = Bench::new();
    let requests: Vec<Request> = (0..6_u8)
        .map(|number| {
            let mut bytes = noise(500_000);
            bytes[0] = number;
            bench.file(&format!("/{number}"), &bytes)
        })
        .collect();
    let mut options = bench.options();
    options.limits.download_rate = Some(2_000_000);
    let progress = options.progress.clone();
    let started = Instant::now();
    Downloader::new(options).unwrap().fetch_all(&requests, &bench.cache).await.unwrap();
    let rate = 3_000_000.0 / started.elapsed().as_secs_f64();
    // A busy machine may be slower; a limit that stood still would be far below.
    assert!((1_000_000.0..2_200_000.0).contains(&rate), "{rate}");
    let snapshot = progress.snapshot();
    assert_eq!((snapshot.bytes, snapshot.total_bytes), (3_000_000, 3_000_000));
    assert_eq!((snapshot.files, snapshot.total_files), (6, 6));
}

#[tokio::test]
async fn cancel_ends_at_once() {
    let bench = Bench::new();
    let request = bench.file("/slow", &noise(10_000));
    bench.server.fail("/slow", Fault::Stall(4000));
    let cancel = CancellationToken::new();
    let mut options = Options { cancel: cancel.clone(), ..bench.options() };
    options.limits.stall_timeout = Duration::from_secs(60);
    let downloader = Downloader::new(options).unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        cancel.cancel();
    });
    let error = fetch_one(&downloader, &request, &bench.cache).await.unwrap_err();
    assert_eq!(error.cause, FetchFailure::Cancelled);
}

#[tokio::test]
async fn when_the_server_is_gone_the_rest_is_not_tried() {
    let bench = Bench::new();
    let mut requests = Vec::new();
    for number in 0..100 {
        let path = format!("/{number}");
        requests.push(bench.file(&path, format!("package {number}").as_bytes()));
        for _ in 0..3 {
            bench.server.fail(&path, Fault::Status(503, vec![]));
        }
    }
    let errors = bench.downloader().fetch_all(&requests, &bench.cache).await.unwrap_err();
    assert!((4..20).contains(&errors.len()), "{}", errors.len());
    assert!(bench.server.paths().len() < 100);
}

#[tokio::test]
async fn redirects_are_followed_but_not_out_of_http() {
    let bench = Bench::new();
    let request = bench.file("/target", b"package");
    let redirected = |path: &str, to: String| {
        bench.server.fail(path, Fault::Status(302, vec![("Location", to)]));
        Request { urls: vec![format!("{}{path}", bench.server.url())], ..request.clone() }
    };
    let error = bench.fetch(&redirected("/file", "file:///etc/passwd".into())).await.unwrap_err();
    assert!(matches!(error.cause, FetchFailure::Redirect(_)), "{error}");
    bench.fetch(&redirected("/moved", format!("{}/target", bench.server.url()))).await.unwrap();
}

#[tokio::test]
async fn schemes_offline_and_local_files() {
    let bench = Bench::new();
    let local = bench.folder.path().join("a package.deb");
    fs_err::write(&local, b"local").unwrap();
    let url = Request::url(&format!("file://{}", bench.folder.path().display()), "a package.deb");
    let request = Request { urls: vec![url], size: 5, proof: Sha256::of(b"local").into() };
    let offline = Downloader::new(Options { offline: true, ..bench.options() }).unwrap();
    fetch_one(&offline, &request, &bench.cache).await.unwrap();
    let wrong = Request { proof: Sha256::of(b"other").into(), ..request.clone() };
    assert!(matches!(bench.fetch(&wrong).await.unwrap_err().cause, FetchFailure::Stale(_)));
    let remote = bench.file("/a.deb", b"package");
    assert_eq!(fetch_one(&offline, &remote, &bench.cache).await.unwrap_err().cause, FetchFailure::Offline);
    let ftp = Request { urls: vec!["ftp://127.0.0.1/a.deb".into()], ..remote };
    assert_eq!(bench.fetch(&ftp).await.unwrap_err().cause, FetchFailure::Scheme);
}

#[tokio::test]
async fn a_file_known_by_another_digest_is_proven_by_it_and_kept_by_its_sha256() {
    let bench = Bench::new();
    let of = |bytes: &[u8]| Proof::read("sha512", &Algorithm::Sha512.of(bytes)).unwrap();
    let by_sha256 = bench.file("/a.rpm", b"package");
    let request = Request { proof: of(b"package"), ..by_sha256.clone() };
    bench.server.fail("/a.rpm", Fault::Truncate(3));
    let path = bench.fetch(&request).await.unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"package");
    let offline = Downloader::new(Options { offline: true, ..bench.options() }).unwrap();
    for request in [&request, &by_sha256] {
        assert_eq!(fetch_one(&offline, request, &bench.cache).await.unwrap(), path);
    }
    let other = Request { proof: of(b"pockage"), ..request };
    let error = bench.fetch(&other).await.unwrap_err();
    assert!(error.is_stale() && error.to_string().contains("it has SHA-512 "), "{error}");
    assert_eq!(bench.cache.known(&other.proof), None);
}

#[tokio::test]
async fn a_changing_file_is_asked_for_news_only() {
    let bench = Bench::new();
    let url = format!("{}/InRelease", bench.server.url());
    let fetch = || async { bench.downloader().fetch_fresh(&url, 1000, &bench.cache).await };
    bench.server.serve("/InRelease", *b"first");
    let first = fetch().await.unwrap();
    assert!(!first.unchanged);
    assert!(!fetch().await.unwrap().unchanged, "nothing is remembered before it is believed");
    first.remember(&bench.cache).unwrap();
    let again = fetch().await.unwrap();
    assert!(again.unchanged && again.bytes == b"first");
    bench.server.serve("/InRelease", *b"second");
    assert_eq!(fetch().await.unwrap().bytes, b"second");
    bench.server.serve("/InRelease", [0; 1001]);
    assert_eq!(fetch().await.unwrap_err().cause, FetchFailure::TooLarge { limit: 1000 });
    let offline = Downloader::new(Options { offline: true, ..bench.options() }).unwrap();
    assert_eq!(offline.fetch_fresh(&url, 1000, &bench.cache).await.unwrap().bytes, b"first");
}

#[tokio::test]
async fn files_that_will_not_fit_are_not_begun() {
    let bench = Bench::new();
    let request = bench.file("/a.deb", b"package");
    let room = Room { min_free: u64::MAX, destination: bench.cache.folder().to_owned() };
    let downloader = Downloader::new(Options { room: Some(room), ..bench.options() }).unwrap();
    let error = fetch_one(&downloader, &request, &bench.cache).await.unwrap_err();
    assert!(matches!(error.cause, FetchFailure::NoRoom(_)), "{error}");
    assert!(error.to_string().contains(": 1 MiB are to be fetched to "), "{error}");
    assert!(bench.server.received("/a.deb").is_empty());
    // What is there already needs no room.
    bench.fetch(&request).await.unwrap();
    fetch_one(&downloader, &request, &bench.cache).await.unwrap();
}
