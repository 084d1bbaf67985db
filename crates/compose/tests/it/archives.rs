//! Archives: signed indexes from a loopback server, and Debian's own from this machine's mirror.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use charmer_compose::compression::{compress_gz, compress_xz};
use charmer_compose::digest::Sha256;
use charmer_compose::openpgp::{Signer, generate_key};
use charmer_compose::package_set::archive::{ArchiveError, ArchiveSource, FetchedIndex, IndexKind, fetch_indexes, release_moved};
use charmer_compose::package_set::cache::Cache;
use charmer_compose::package_set::download::{Downloader, FetchFailure, Limits, Options};
use charmer_compose::tools::Runner;
use charmer_testkit::http_server::{Fault, HttpServer};
use charmer_testkit::mirror::host_mirror;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const PACKAGES: &[u8] = b"Package: harbour-release\nVersion: 1\nArchitecture: all\n";
const HEADER: &str = "Suite: stable\nCodename: quay\nVersion: 1.0\nDate: Tue, 14 Nov 2023 22:13:20 UTC\n\
                      Acquire-By-Hash: yes\nNo-Support-for-Architecture-all: Packages\n\
                      Architectures: all amd64 arm64\nComponents: main contrib\n";
const INDEX: &str = "main/binary-amd64/Packages.xz";

fn birth() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn now() -> SystemTime {
    birth() + Duration::from_secs(24 * 3600)
}

/// An archive on a server, the key that signs it, and a cache.
struct Archive {
    server: HttpServer,
    folder: TempDir,
    cache: Cache,
    signer: Signer,
    header: String,
    files: Vec<(String, Vec<u8>)>,
}

impl Archive {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        let key = folder.path().join("key.asc");
        fs_err::write(&key, generate_key("Archive", birth()).unwrap()).unwrap();
        let signer = Signer::from_key_file(&key, None).unwrap();
        fs_err::write(folder.path().join("keyring.asc"), signer.certificate()).unwrap();
        let files = vec![
            ("main/binary-amd64/Packages".into(), PACKAGES.to_vec()),
            (INDEX.into(), compress_xz(PACKAGES, 6).unwrap()),
            ("main/binary-amd64/Packages.gz".into(), compress_gz(PACKAGES, 9).unwrap()),
        ];
        let archive = Self { server: HttpServer::start(), folder, cache, signer, header: HEADER.into(), files };
        archive.publish().await;
        archive
    }

    fn release(&self) -> String {
        let mut text = format!("{}SHA256:\n", self.header);
        for (path, bytes) in &self.files {
            writeln!(text, " {} {} {path}", Sha256::of(bytes), bytes.len()).unwrap();
        }
        text
    }

    /// Serves InRelease and all files, under both of their names.
    async fn publish(&self) {
        for (path, bytes) in &self.files {
            self.server.serve(&format!("/dists/stable/{path}"), bytes.clone());
            self.server.serve(&by_hash(path, bytes), bytes.clone());
        }
        let document = self.signer.clear_sign(self.release().as_bytes(), birth(), &self.runner()).await.unwrap();
        self.server.serve("/dists/stable/InRelease", document);
    }

    fn runner(&self) -> Runner {
        Runner::new(self.folder.path().join("log"), self.folder.path().into(), "/usr/bin".into(), CancellationToken::new())
    }

    fn source(&self) -> ArchiveSource {
        ArchiveSource {
            name: "own".into(),
            base_url: self.server.url(),
            suites: vec!["stable".into()],
            components: vec!["main".into()],
            arches: vec!["amd64".into()],
            keyrings: vec![self.folder.path().join("keyring.asc")],
            trusted: false,
            sources: false,
            udebs: false,
            udebs_failable: false,
            languages: vec!["en".into()],
            allow_expired: false,
        }
    }

    async fn fetch(&self, source: &ArchiveSource) -> Result<Vec<FetchedIndex>, ArchiveError> {
        fetch_indexes(source, &self.cache, &downloader(), now()).await
    }

    async fn error(&self, source: &ArchiveSource) -> ArchiveError {
        self.fetch(source).await.unwrap_err()
    }
}

fn downloader() -> Downloader {
    let limits = Limits { first_wait: Duration::from_millis(10), ..Limits::default() };
    Downloader::new(Options { limits, ..Options::default() }).unwrap()
}

fn by_hash(path: &str, bytes: &[u8]) -> String {
    let (folder, _) = path.rsplit_once('/').unwrap();
    format!("/dists/stable/{folder}/by-hash/SHA256/{}", Sha256::of(bytes))
}

#[tokio::test]
async fn the_best_compression_is_fetched_by_its_digest() {
    let archive = Archive::new().await;
    let fetched = archive.fetch(&archive.source()).await.unwrap();
    assert_eq!(archive.server.paths(), ["/dists/stable/InRelease".to_owned(), by_hash(INDEX, &archive.files[1].1)]);
    let [index] = &fetched[0].files[..] else { panic!("{fetched:?}") };
    assert_eq!(index.kind, IndexKind::Packages { arch: "amd64".into() });
    assert_eq!(index.file.path, INDEX);
    assert_eq!(index.decompressed().unwrap(), PACKAGES);
    assert_eq!(fetched[0].release.signers, [archive.signer.fingerprint()]);
    let locked = fetched[0].locked();
    assert_eq!((locked.date.as_str(), locked.version.as_str()), ("Tue, 14 Nov 2023 22:13:20 UTC", "1.0"));
    archive.fetch(&archive.source()).await.unwrap();
    assert_eq!(archive.server.paths().len(), 3, "the second time only news of InRelease are asked for");
}

#[tokio::test]
async fn without_by_hash_the_name_is_asked() {
    let archive = Archive::new().await;
    archive.server.remove(&by_hash(INDEX, &archive.files[1].1));
    archive.fetch(&archive.source()).await.unwrap();
    assert_eq!(archive.server.paths().last().unwrap(), &format!("/dists/stable/{INDEX}"));
}

#[tokio::test]
async fn a_form_that_the_mirror_lacks_or_mixes_up_is_passed_over_and_said_to_be() {
    let archive = Archive::new().await;
    archive.server.remove_all("/dists/stable/main/binary-amd64/by-hash");
    archive.server.serve(&format!("/dists/stable/{INDEX}"), *b"older");
    let fetch = || async {
        let fetched = archive.fetch(&archive.source()).await.unwrap();
        let file = fetched[0].files[0].clone();
        assert_eq!(file.decompressed().unwrap(), PACKAGES);
        assert_eq!(fetched[0].locked().files, std::slice::from_ref(&file.file), "the lock has what was read");
        (file.file.path, file.passed_over.into_iter().map(|error| error.cause).collect::<Vec<_>>())
    };
    let (path, passed_over) = fetch().await;
    assert_eq!(path, "main/binary-amd64/Packages.gz");
    assert!(matches!(passed_over[..], [FetchFailure::Stale(_)]), "{passed_over:?}");
    archive.server.remove(&format!("/dists/stable/{INDEX}"));
    assert_eq!(fetch().await, ("main/binary-amd64/Packages.gz".to_owned(), vec![FetchFailure::Missing]));
    // A server that is ill is no reason to look for other forms.
    for _ in 0..5 {
        archive.server.fail(&format!("/dists/stable/{INDEX}"), Fault::Status(503, vec![]));
    }
    assert!(matches!(&archive.error(&archive.source()).await, ArchiveError::Fetch(errors) if errors.len() == 1));
}

#[tokio::test]
async fn missing_stale_and_not_listed_are_three_errors() {
    let mut archive = Archive::new().await;
    archive.files.truncate(2);
    archive.files.remove(0);
    archive.publish().await;
    archive.server.remove(&by_hash(INDEX, &archive.files[0].1));
    let named = format!("/dists/stable/{INDEX}");
    let cause = |error: ArchiveError| match error {
        ArchiveError::Fetch(mut errors) => errors.remove(0).cause,
        other => panic!("{other}"),
    };
    archive.server.serve(&named, *b"older");
    assert!(matches!(cause(archive.error(&archive.source()).await), FetchFailure::Stale(_)));
    archive.server.remove(&named);
    assert_eq!(cause(archive.error(&archive.source()).await), FetchFailure::Missing);
    let contrib = ArchiveSource { components: vec!["contrib".into()], ..archive.source() };
    assert!(
        matches!(archive.error(&contrib).await, ArchiveError::NotListed { path, .. } if path == "contrib/binary-amd64/Packages")
    );
    let wrong = ArchiveSource { components: vec!["universe".into()], ..archive.source() };
    let error = archive.error(&wrong).await.to_string();
    assert!(error.ends_with("no component 'universe'; it has main, contrib"), "{error}");
    let wrong = ArchiveSource { arches: vec!["mips".into()], ..archive.source() };
    let error = archive.error(&wrong).await.to_string();
    assert!(error.ends_with("no architecture 'mips'; it has all, amd64, arm64"), "{error}");
    archive.files.clear();
    archive.publish().await;
    assert!(matches!(archive.error(&archive.source()).await, ArchiveError::NotListed { .. }));
}

#[tokio::test]
async fn release_with_a_detached_signature_is_as_good() {
    let archive = Archive::new().await;
    archive.server.remove("/dists/stable/InRelease");
    assert!(matches!(archive.error(&archive.source()).await, ArchiveError::NoRelease { .. }));
    let release = archive.release();
    archive.server.serve("/dists/stable/Release", release.clone());
    assert!(matches!(archive.error(&archive.source()).await, ArchiveError::Unsigned { .. }));
    let trusting = ArchiveSource { trusted: true, keyrings: vec![], ..archive.source() };
    let fetched = archive.fetch(&trusting).await.unwrap();
    assert!(fetched[0].trusted && fetched[0].release.signers.is_empty());
    let signature = archive.signer.detach_sign(release.as_bytes(), birth(), &archive.runner()).await.unwrap();
    archive.server.serve("/dists/stable/Release.gpg", signature);
    let fetched = archive.fetch(&archive.source()).await.unwrap();
    assert_eq!(fetched[0].release.sha256, Sha256::of(release.as_bytes()));
}

#[tokio::test]
async fn a_wrong_key_is_named_and_its_release_is_not_remembered() {
    let archive = Archive::new().await;
    let stranger = Archive::new().await;
    let wrong = ArchiveSource { keyrings: stranger.source().keyrings, ..archive.source() };
    let error = archive.error(&wrong).await.to_string();
    let expected = format!("key {} is not in the keyring", archive.signer.fingerprint().to_hex());
    assert!(error.ends_with(&expected), "{error}");
    archive.fetch(&archive.source()).await.unwrap();
    let requests = archive.server.received("/dists/stable/InRelease");
    assert!(!requests[1].headers.contains_key("if-none-match"), "{requests:?}");
    let missing = ArchiveSource { keyrings: vec![PathBuf::from("/no/such/keyring.gpg")], ..archive.source() };
    let error = archive.error(&missing).await.to_string();
    assert!(error.contains("/no/such/keyring.gpg"), "{error}");
    let none = ArchiveSource { keyrings: vec![], ..archive.source() };
    assert!(matches!(archive.error(&none).await, ArchiveError::NoKeyring(_)));
    let trusting = ArchiveSource { trusted: true, keyrings: vec![], ..archive.source() };
    archive.fetch(&trusting).await.unwrap();
}

#[tokio::test]
async fn an_expired_suite_is_refused_unless_allowed() {
    let mut archive = Archive::new().await;
    archive.header.push_str("Valid-Until: Wed, 15 Nov 2023 22:13:19 UTC\n");
    archive.publish().await;
    let error = archive.error(&archive.source()).await;
    assert!(error.to_string().ends_with("it was valid until 2023-11-15T22:13:19Z"), "{error}");
    archive.fetch(&ArchiveSource { allow_expired: true, ..archive.source() }).await.unwrap();
}

#[tokio::test]
async fn a_suite_that_moved_is_noticed() {
    let mut archive = Archive::new().await;
    let source = archive.source();
    let locked: Vec<_> = archive.fetch(&source).await.unwrap().iter().map(FetchedIndex::locked).collect();
    let moved = release_moved(&source, &locked, &archive.cache, &downloader(), now()).await.unwrap();
    assert_eq!(moved, []);
    archive.header = archive.header.replace("22:13:20", "23:00:00");
    archive.publish().await;
    let moved = release_moved(&source, &locked, &archive.cache, &downloader(), now()).await.unwrap();
    assert_eq!((moved[0].suite.as_str(), moved[0].now.as_str()), ("stable", "Tue, 14 Nov 2023 23:00:00 UTC"));
}

#[tokio::test]
async fn an_index_that_unpacks_to_more_than_the_release_file_says_is_stopped() {
    let mut archive = Archive::new().await;
    archive.files[1].1 = compress_xz(&vec![0; 10_000_000], 6).unwrap();
    archive.publish().await;
    let fetched = archive.fetch(&archive.source()).await.unwrap();
    assert!(matches!(fetched[0].files[0].decompressed().unwrap_err(), ArchiveError::Unpack { .. }));
}

#[tokio::test]
async fn packages_of_arch_all_are_fetched_where_each_arch_does_not_repeat_them() {
    let mut archive = Archive::new().await;
    archive.header = archive.header.replace("No-Support-for-Architecture-all: Packages\n", "");
    for name in ["main/binary-all/Packages.gz", "main/i18n/Translation-en.gz"] {
        archive.files.push((name.into(), compress_gz(PACKAGES, 9).unwrap()));
    }
    archive.publish().await;
    let fetched = archive.fetch(&archive.source()).await.unwrap();
    let paths: Vec<&str> = fetched[0].files.iter().map(|file| file.file.path.as_str()).collect();
    assert_eq!(paths, ["main/binary-all/Packages.gz", INDEX, "main/i18n/Translation-en.gz"]);
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stderr, reason = "a test that does not run says why")]
async fn debian_itself_is_verified_by_its_keyring() {
    let keyring = PathBuf::from("/usr/share/keyrings/debian-archive-keyring.gpg");
    let Some(base_url) = host_mirror().filter(|_| keyring.exists()) else {
        eprintln!("skipped: this machine's apt sources name no Debian mirror, or it has no debian-archive-keyring");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let source = ArchiveSource {
        name: "debian".into(),
        base_url,
        suites: vec!["trixie".into(), "trixie-updates".into()],
        components: vec!["main".into()],
        arches: vec!["amd64".into(), "arm64".into()],
        keyrings: vec![keyring],
        trusted: false,
        sources: true,
        udebs: false,
        udebs_failable: false,
        languages: vec!["en".into()],
        allow_expired: false,
    };
    let fetched = match fetch_indexes(&source, &cache, &downloader(), SystemTime::now()).await {
        Err(ArchiveError::Fetch(errors)) if errors.iter().all(|error| matches!(error.cause, FetchFailure::Exhausted { .. })) => {
            eprintln!("skipped: the mirror does not answer: {}", errors[0]);
            return;
        }
        fetched => fetched.unwrap(),
    };
    assert!(!fetched[0].release.signers.is_empty());
    let packages = fetched[0].files.iter().find(|file| file.kind == IndexKind::Packages { arch: "amd64".into() }).unwrap();
    let text = packages.decompressed().unwrap();
    assert_eq!(Some(text.len() as u64), packages.unpacked.map(|unpacked| unpacked.size));
    assert!(text.starts_with(b"Package: "));
}
