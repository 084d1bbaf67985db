//! `charmer lock`, and composes from locks, without indexes and without any network.

use std::collections::BTreeMap;

use charmer_testkit::http_server::Fault;

use super::harbour::{Compose, Harbour, wait_until};

const NEWER: &str = "
Package: openssh-server
Version: 1:10.1
Architecture: any
Depends: libssl3, libc6

Package: libssl3
Version: 3.5.1
Architecture: any
Depends: libc6
";

impl Harbour {
    fn lock(&self, more: &[&str]) -> String {
        let ran = self.charmer(&[&["lock", "harbour.toml", "--quiet"], more].concat());
        assert_eq!(ran.code, 0, "{ran}");
        ran.stdout
    }

    /// Two packages get newer versions, and the older ones stay in the pool, as on a real mirror for a while.
    fn move_on(&self) {
        self.add(NEWER);
        self.publish("2024-06-02");
    }
}

/// Indexes and Release files of all repositories, and the pool's file names.
fn repositories(compose: &Compose) -> BTreeMap<String, Vec<u8>> {
    let mut files = compose.tree("compose");
    files.retain(|name, _| name.contains("/repository/"));
    files
}

#[test]
fn the_lock_changes_only_as_far_as_it_is_told_to() {
    let harbour = Harbour::new();
    let path = harbour.path("charmer.lock");
    assert_eq!(harbour.lock(&[]), "charmer.lock: 14 packages locked\n");
    let shown = harbour.charmer(&["lock", "harbour.toml"]).stderr;
    assert!(shown.contains(" locking   harbour-13.1: ") && !shown.contains("composing"), "{shown}");
    let first = fs_err::read_to_string(&path).unwrap();
    assert_eq!(harbour.lock(&[]), "charmer.lock: 14 packages, nothing changed\n");
    assert_eq!(fs_err::read_to_string(&path).unwrap(), first);

    harbour.move_on();
    harbour.lock(&[]);
    let versions = || {
        let text = fs_err::read_to_string(&path).unwrap();
        let stanza = |name: &str| {
            let stanza = text.split("\n\n").find(|stanza| stanza.starts_with(&format!("Package: {name}\n"))).unwrap();
            stanza.lines().nth(1).unwrap().strip_prefix("Version: ").unwrap().to_owned()
        };
        (stanza("openssh-server"), stanza("libssl3"))
    };
    assert_eq!(versions(), ("1:10.0".into(), "3.5.0".into()), "what is locked stays");

    let said = harbour.lock(&["--update", "libssl3"]);
    assert_eq!(versions(), ("1:10.0".into(), "3.5.1".into()), "only what is named moves");
    assert!(said.contains("libssl3") && !said.contains("openssh"), "{said}");

    let said = harbour.lock(&["--update"]);
    assert_eq!(versions(), ("1:10.1".into(), "3.5.1".into()));
    assert!(said.contains("openssh-server") && !said.contains("libssl3"), "{said}");

    let unknown = harbour.charmer(&["lock", "harbour.toml", "--update", "libssl"]);
    assert_eq!(unknown.code, 2, "{unknown}");
    assert!(unknown.stderr.contains("the lock has no package or source of the name 'libssl'"), "{unknown}");
    let elsewhere = harbour.lock(&["-o", "today.lock"]);
    assert_eq!(elsewhere, "today.lock: 14 packages locked\n");
    assert_eq!(fs_err::read(harbour.path("today.lock")).unwrap(), fs_err::read(&path).unwrap());
}

#[test]
fn locked_takes_the_locked_versions_though_the_archive_moved() {
    let harbour = Harbour::new();
    harbour.lock(&[]);
    harbour.move_on();
    let (_, compose) = harbour.compose(&["--locked"]);
    assert!(compose.packages("Server", "amd64").contains(&"openssh-server_1:10.0_amd64".to_owned()));
    assert_eq!(compose.read("compose/metadata/charmer.lock"), fs_err::read_to_string(harbour.path("charmer.lock")).unwrap());
    let (_, newer) = harbour.compose(&[]);
    assert!(newer.packages("Server", "amd64").contains(&"openssh-server_1:10.1_amd64".to_owned()));
}

#[test]
fn locked_refuses_to_need_another_lock() {
    let harbour = Harbour::new();
    let missing = harbour.charmer(&["compose", "harbour.toml", "--target-dir", "composes", "--locked"]);
    assert_eq!(missing.code, 2, "{missing}");
    assert!(missing.stderr.contains("charmer.lock"), "{missing}");

    harbour.configure(&[("seeds = [\"openssh-server\"]", "seeds = [\"libssl3\"]")]);
    harbour.lock(&[]);
    harbour.configure(&[]);
    let refused = |lock: &[&str], reason: &str| {
        let asked = harbour.server().paths().len();
        let ran = harbour.charmer(&[&["compose", "harbour.toml", "--target-dir", "composes"], lock].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran}");
        assert!(ran.stderr.starts_with("error: the lock does not fit the configuration:\n  "), "{ran}");
        assert!(ran.stderr.contains(reason), "{reason}: {ran}");
        assert!(ran.stderr.contains("hint: run `charmer lock` to bring it up to date"), "{ran}");
        assert!(super::harbour::composes(&harbour.path("composes")).is_empty(), "no folder is made for it");
        assert_eq!(harbour.server().paths().len(), asked, "nothing is fetched for it");
    };
    refused(&["--locked"], ": the seed `openssh-server` selects nothing");
    refused(&["--lock", "charmer.lock"], ": the seed `openssh-server` selects nothing");

    harbour.lock(&[]);
    harbour.configure(&[("seeds = [\"openssh-server\"]", "seeds = [\"libssl3\"]")]);
    refused(&["--locked"], "removed openssh-server:amd64 1:10.0");
    for (from, to, reason) in [
        ("suites = [\"stable\"]", "suites = [\"stable\", \"stable-updates\"]", "not made from its suite stable-updates"),
        ("suites = [\"stable\"]", "suites = [\"oldstable\"]", "made from its suite stable, which is not configured"),
        (
            "suites = [\"stable\"]",
            "suites = [\"stable\"]\ncomponents = [\"main\", \"contrib\"]",
            "not made from contrib for arm64",
        ),
        ("arches = [\"amd64\", \"arm64\"]", "arches = [\"amd64\", \"riscv64\"]", "not made from main for riscv64"),
        ("[archives.mirror]", "[archives.another]", "archive another: the lock was not made from its suite stable"),
    ] {
        harbour.configure(&[(from, to)]);
        refused(&["--locked"], reason);
    }
    harbour.configure(&[("seeds = [\"openssh-server\"]", "seeds = [\"libssl3\"]")]);
    // A lock that is given by name may hold more; that is said, and what is not needed is left out.
    let (said, compose) = harbour.compose(&["--lock", "charmer.lock"]);
    assert!(said.stdout.contains("hint: run `charmer lock` to bring it up to date\n"), "{said}");
    assert!(!compose.packages("Server", "amd64").contains(&"openssh-server_1:10.0_amd64".to_owned()));
}

#[test]
fn a_lock_gives_the_same_bytes_without_any_index() {
    let mut harbour = Harbour::new();
    // 2024-06-03: the day is part of names, and midnight may pass while this runs.
    harbour.source_date_epoch = Some("1717372800");
    let (_, first) = harbour.compose(&[]);
    harbour.server().remove_all("/dists/");
    let lock = first.path("compose/metadata/charmer.lock");
    fs_err::create_dir(harbour.path("again")).unwrap();
    // An empty cache: nothing but the lock and the pool tells what belongs where.
    fs_err::remove_dir_all(harbour.path("cache")).unwrap();
    let (_, second) = harbour.compose_into("again", &["--lock", lock.to_str().unwrap()], 0);
    let (left, right) = (first.tree("compose"), second.tree("compose"));
    assert!(repositories(&first).keys().any(|name| name.ends_with("/Packages.xz")));
    for (name, content) in &left {
        assert!(right.get(name) == Some(content), "{name} differs");
    }
    assert_eq!(left.len(), right.len());
}

#[test]
fn offline_needs_the_cache_and_names_what_it_lacks() {
    let mut harbour = Harbour::new();
    let (_, first) = harbour.compose(&[]);
    harbour.server = None;
    let (_, second) = harbour.compose(&["--offline"]);
    assert_eq!(repositories(&first), repositories(&second));

    let lock = first.path("compose/metadata/charmer.lock");
    fs_err::rename(harbour.path("cache"), harbour.path("cache-of-before")).unwrap();
    let (no_index, _) = harbour.compose_into("composes", &["--offline"], 1);
    assert!(
        no_index.stdout.contains("/dists/stable/InRelease: it is not in the cache, and the network is not to be used"),
        "{no_index}"
    );
    let (no_packages, _) = harbour.compose_into("composes", &["--offline", "--lock", lock.to_str().unwrap()], 1);
    for package in ["libc6_2.41_amd64.deb", "dash_1.0_arm64.deb"] {
        let line = format!("/pool/{package}: it is not in the cache, and the network is not to be used");
        assert!(no_packages.stdout.contains(&line), "{package}: {no_packages}");
    }
    let (_, third) = harbour.compose(&[
        "--offline",
        "--lock",
        lock.to_str().unwrap(),
        "--cache-dir",
        &harbour.text("cache-of-before/charmer"),
    ]);
    assert_eq!(repositories(&first), repositories(&third));
}

#[test]
fn a_stopped_lock_is_none_and_leaves_nothing() {
    let harbour = Harbour::new();
    harbour.server().fail("/dists/stable/InRelease", Fault::Stall(10));
    let scratch = harbour.path("scratch");
    fs_err::create_dir(&scratch).unwrap();
    let running = harbour.start_with(&["lock", "harbour.toml"], &[("TMPDIR", scratch.to_str().unwrap())]);
    wait_until("the download has begun", || !harbour.server().received("/dists/stable/InRelease").is_empty());
    running.signal(rustix::process::Signal::INT);
    let ran = running.finish();
    assert_eq!((ran.code, ran.stdout.as_str()), (130, ""), "{ran}");
    assert!(ran.stderr.ends_with("error: stopped; no lock was written\n"), "{ran}");
    assert!(!harbour.path("charmer.lock").exists());
    assert_eq!(fs_err::read_dir(&scratch).unwrap().count(), 0);
}

#[test]
fn a_broken_lock_is_an_error_at_its_line() {
    let harbour = Harbour::new();
    harbour.lock(&[]);
    let path = harbour.path("charmer.lock");
    let broken = fs_err::read_to_string(&path).unwrap().replacen("Size: ", "Size: many", 1);
    let line = 1 + broken.lines().position(|line| line.starts_with("Size: many")).unwrap();
    fs_err::write(&path, broken).unwrap();
    for arguments in
        [&["lock", "harbour.toml"][..], &["compose", "harbour.toml", "--target-dir", "composes", "--lock", "charmer.lock"]]
    {
        let ran = harbour.charmer(arguments);
        assert_eq!(ran.code, 2, "{ran}");
        assert!(ran.stderr.contains(&format!("charmer.lock:{line}: ")), "{ran}");
    }
    assert!(super::harbour::composes(&harbour.path("composes")).is_empty());
}
