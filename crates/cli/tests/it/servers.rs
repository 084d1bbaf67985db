//! Servers that fail, stall and change while composes of both kinds fetch from them, and caches that were damaged.

#![expect(clippy::disallowed_types, reason = "createrepo_c makes the repository of the server")]

use std::path::{Path, PathBuf};

use charmer_compose::digest::Sha256;
use charmer_testkit::http_server::{Fault, HttpServer};
use charmer_testkit::rpm_file::Rpm;

use super::harbour::Harbour;
use super::pungi_distribution::Distribution;

const POND: &str = "/served/pond-1-1.x86_64.rpm";

/// A distribution of RPM packages from a server.
struct Served {
    distribution: Distribution,
    server: HttpServer,
}

impl Served {
    fn new() -> Self {
        let served = Self { distribution: Distribution::new(&["pond", "reed"], ""), server: HttpServer::start() };
        served.add("pond", "1");
        served.add("reed", "1");
        served.publish();
        served.distribution.configure(&format!("pkgset_repos = {{'*': ['{}/served']}}", served.server.url()));
        served
    }

    fn add(&self, name: &str, version: &str) {
        self.distribution.add("served", &Rpm::new(name, version, "1", "x86_64"));
    }

    fn publish(&self) {
        let folder = self.distribution.path("served");
        let output = std::process::Command::new("createrepo_c").arg("--quiet").arg(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.server.serve_folder("/served/", &folder).unwrap();
    }

    fn events(&self) -> String {
        fs_err::read_to_string(self.distribution.newest().join("logs/events.jsonl")).unwrap()
    }
}

/// Where a cache below a folder has the file of these bytes.
fn in_cache(cache: &Path, bytes: &[u8]) -> PathBuf {
    let digits = Sha256::of(bytes).to_string();
    cache.join("sha256").join(&digits[..2]).join(&digits[2..])
}

/// As a disk does it: the same size, one bit is another. Other names of the file keep what they had.
fn damage(path: &Path) {
    let mut bytes = fs_err::read(path).unwrap();
    bytes[20] ^= 1;
    fs_err::remove_file(path).unwrap();
    fs_err::write(path, bytes).unwrap();
}

#[test]
fn passing_faults_of_a_server_are_no_failure_of_an_rpm_compose() {
    let served = Served::new();
    served.server.fail("/served/repodata/repomd.xml", Fault::Status(503, vec![]));
    served.server.fail(POND, Fault::Status(429, vec![("Retry-After", "1".to_owned())]));
    served.server.fail(POND, Fault::Truncate(100));
    let ran = served.distribution.compose(&[]);
    assert_eq!(ran.code, 0, "{ran}");
    let range = served.server.received(POND)[2].headers.get("range").cloned();
    assert_eq!(range.as_deref(), Some("bytes=100-"), "the download goes on where it ended");
    assert_eq!(served.events().matches("\"event\":\"job-retried\"").count(), 3, "{ran}");
}

#[test]
fn what_a_server_does_not_have_any_more_is_named_and_a_resume_takes_it_when_it_is_back() {
    let served = Served::new();
    served.server.remove(POND);
    let ran = served.distribution.compose(&[]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stderr.contains(&format!("{POND}: the server does not have it")), "{ran}");
    let compose = served.distribution.newest();
    assert_eq!(fs_err::read_to_string(compose.join("STATUS")).unwrap(), "DOOMED\n");
    served.publish();
    let ran = served.distribution.charmer(&["resume", compose.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn a_repository_that_changes_while_it_is_read_is_told_and_the_next_run_takes_it_as_it_is_then() {
    let served = Served::new();
    let metadata = fs_err::read_dir(served.distribution.path("served/repodata")).unwrap();
    let primary =
        metadata.map(|entry| entry.unwrap().file_name().into_string().unwrap()).find(|name| name.contains("primary.xml"));
    let primary = format!("/served/repodata/{}", primary.unwrap());
    // The index that repomd.xml names is gone: another state of the repository has come.
    served.server.remove(&primary);
    let ran = served.distribution.compose(&[]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stderr.contains(&format!("{primary}: the server does not have it")), "{ran}");
    served.add("pond", "2");
    served.server.remove_all("/served/");
    served.publish();
    let compose = served.distribution.newest();
    let ran = served.distribution.charmer(&["resume", compose.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(compose.join("compose/Server/x86_64/os/Packages/pond-2-1.x86_64.rpm").is_file(), "{ran}");
}

#[test]
fn a_damaged_file_of_the_cache_is_named_and_fetched_again() {
    let harbour = Harbour::new();
    let (_, first) = harbour.compose(&[]);
    let package = fs_err::read(harbour.path("mirror/pool/libc6_2.41_amd64.deb")).unwrap();
    let cached = in_cache(&harbour.path("cache/charmer"), &package);
    damage(&cached);
    let (ran, second) = harbour.compose(&[]);
    let told = format!("{}: it was damaged in the cache, and has been fetched again", cached.display());
    assert!(ran.stdout.contains(&told), "{ran}");
    assert_eq!(harbour.server().received("/pool/libc6_2.41_amd64.deb").len(), 2);
    for compose in [&first, &second] {
        let verified = harbour.charmer(&["verify", compose.root()]);
        assert_eq!(verified.code, 0, "{verified}");
    }

    let served = Served::new();
    assert_eq!(served.distribution.compose(&[]).code, 0);
    let package = fs_err::read(served.distribution.path("served/pond-1-1.x86_64.rpm")).unwrap();
    let home = served.distribution.path("home");
    let cached = in_cache(&home.join(".cache/charmer"), &package);
    damage(&cached);
    let ran = served.distribution.compose(&[]);
    assert_eq!(ran.code, 0, "{ran}");
    let told = format!("{}: it was damaged in the cache, and has been fetched again", cached.display());
    assert!(ran.stderr.contains(&told), "{ran}");
    assert_eq!(served.server.received(POND).len(), 2);
}

#[test]
fn a_server_that_stalls_is_asked_again() {
    let (harbour, served) = (Harbour::new(), Served::new());
    let package = "/pool/libc6_2.41_amd64.deb";
    harbour.server().fail(package, Fault::Stall(50));
    served.server.fail(POND, Fault::Stall(50));
    // Both at once: each waits half a minute for what does not come.
    let ran = std::thread::scope(|scope| {
        let rpm = scope.spawn(|| served.distribution.compose(&[]));
        harbour.compose(&[]);
        rpm.join().unwrap()
    });
    assert_eq!(ran.code, 0, "{ran}");
    for (server, path) in [(harbour.server(), package), (&served.server, POND)] {
        let range = server.received(path)[1].headers.get("range").cloned();
        assert_eq!(range.as_deref(), Some("bytes=50-"), "{path}");
    }
}
