//! `charmer prune`: what goes by the policy, what stays in any case, and that what stays is whole.

use std::os::unix::fs::symlink;

use charmer_compose::digest::Sha256;
use rustix::fs::{FlockOperation, flock};

use super::native_rpm::{Harbour, REPOSITORY};
use super::{Charmer, Ran};

/// A folder of composes, with nothing in them but what makes them composes.
struct Composes(tempfile::TempDir);

impl Composes {
    fn new(composes: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (id, status) in composes {
            fs_err::create_dir_all(folder.path(id).join("compose/metadata")).unwrap();
            fs_err::write(folder.path(id).join("COMPOSE_ID"), id).unwrap();
            fs_err::write(folder.path(id).join("STATUS"), format!("{status}\n")).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn prune(&self, words: &str) -> Ran {
        let words = format!("prune . --cache-dir {}/cache {words}", self.0.path().display());
        Charmer { folder: Some(self.0.path()), variables: &[] }.run(&words.split(' ').collect::<Vec<_>>())
    }

    /// What is there, but for the cache.
    fn names(&self) -> Vec<String> {
        let names = fs_err::read_dir(self.0.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name != "cache").collect();
        names.sort();
        names
    }
}

#[test]
fn the_newest_of_each_kind_stay_and_nothing_goes_unasked() {
    let composes = Composes::new(&[
        ("H-1-20261109.n.0", "FINISHED"),
        ("H-1-20261110.n.2", "FINISHED_INCOMPLETE"),
        ("H-1-20261110.n.10", "FINISHED"),
        ("H-1-20261108.n.0", "DOOMED"),
        ("H-1-20261111.n.0", "TERMINATED"),
        ("H-1-20261112.n.0", "STARTED"),
        ("H-1-20261101.0", "FINISHED"),
        ("H-2-20261101.n.0", "FINISHED"),
        ("odd", "FINISHED"),
    ]);
    fs_err::create_dir(composes.path("no-compose")).unwrap();
    let before = composes.names();
    let ran = composes.prune("--keep 2");
    assert_eq!(ran.code, 0, "{ran}");
    let removed = ["H-1-20261108.n.0", "H-1-20261109.n.0", "H-1-20261111.n.0"];
    for line in ran.stdout.lines() {
        let id = line.split_whitespace().next().unwrap();
        assert_eq!(line.contains("  remove  "), removed.contains(&id), "{line}");
    }
    for expected in [
        "H-1-20261109.n.0   remove  not one of the 2 newest that finished\n",
        "H-1-20261110.n.10  keep    one of the newest; FINISHED\n",
        "H-1-20261111.n.0   remove  not one of the 1 newest that did not finish\n",
        "odd                keep    its name does not say when it was made\n",
    ] {
        assert!(ran.stdout.contains(expected), "{expected}: {ran}");
    }
    assert!(ran.stderr.starts_with("nothing was removed; --yes removes 3 composes, "), "{ran}");
    assert_eq!(composes.names(), before);

    let ran = composes.prune("--keep 2 --yes");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, "removed 3 composes and 0 files of the cache\n"), "{ran}");
    let left: Vec<_> = before.into_iter().filter(|name| !removed.contains(&name.as_str())).collect();
    assert_eq!(composes.names(), left);
    assert_eq!(composes.prune("--keep 2 --yes").stderr, "there is nothing to remove\n");
}

#[test]
fn what_is_needed_or_in_use_stays_in_any_case() {
    let ids =
        ["H-1-20261101.n.0", "H-1-20261102.n.0", "H-1-20261103.n.0", "H-1-20261104.n.0", "H-1-20261105.n.0", "H-1-20261106.n.0"];
    let composes = Composes::new(&ids.map(|id| (id, "FINISHED")));
    symlink(ids[0], composes.path("latest-H-1")).unwrap();
    let info = r#"{"payload": {"compose": {"label": "RC-1.0"}}}"#;
    fs_err::write(composes.path(ids[1]).join("compose/metadata/composeinfo.json"), info).unwrap();
    fs_err::create_dir_all(composes.path(ids[2]).join("work/global")).unwrap();
    let lock = fs_err::File::create(composes.path(ids[2]).join("work/global/running")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    fs_err::write(composes.path(ids[3]).join("compose/a.rpm"), "a").unwrap();
    symlink(format!("../../{}/compose/a.rpm", ids[3]), composes.path(ids[5]).join("compose/a.rpm")).unwrap();
    fs_err::create_dir_all(composes.path(".charmer-removing-H-1-20261001.n.0/compose")).unwrap();

    let ran = composes.prune("--keep 1 --yes");
    for expected in [
        format!("{}  keep    latest-H-1 leads to it\n", ids[0]),
        format!("{}  keep    it has the label RC-1.0\n", ids[1]),
        format!("{}  keep    a process works on it\n", ids[2]),
        format!("{}  keep    links of {} lead into it\n", ids[3], ids[5]),
        format!("{}  remove  not one of the 1 newest that finished\n", ids[4]),
    ] {
        assert!(ran.code == 0 && ran.stdout.contains(&expected), "{expected}: {ran}");
    }
    let mut left = [ids[0], ids[1], ids[2], ids[3], ids[5], "latest-H-1"].map(str::to_owned);
    left.sort();
    assert_eq!(composes.names(), left, "and what was half removed is gone");
    drop(lock);
    assert!(composes.prune("--keep 1 --yes").stdout.contains(&format!("{}  remove", ids[2])));
}

#[test]
fn links_out_of_a_compose_are_not_followed() {
    let composes = Composes::new(&[("H-1-20261101.n.0", "FINISHED"), ("H-1-20261102.n.0", "FINISHED")]);
    let outside = tempfile::tempdir().unwrap();
    fs_err::write(outside.path().join("kept"), "").unwrap();
    symlink(outside.path(), composes.path("H-1-20261101.n.0/compose/out")).unwrap();
    symlink(outside.path(), composes.path(".charmer-removing-x")).unwrap();
    assert_eq!(composes.prune("--keep 1 --yes").code, 0);
    assert!(!composes.path("H-1-20261101.n.0").exists() && outside.path().join("kept").exists());
    let ran = composes.prune("--keep x");
    assert_eq!(ran.code, 2, "{ran}");
    let gone =
        Charmer { folder: None, variables: &[] }.run(&["prune", "/nowhere/at/all", "--keep", "1", "--cache-dir", "/nowhere"]);
    assert!(gone.code != 0 && gone.stderr.contains("/nowhere/at/all"), "{gone}");
}

#[test]
fn files_of_the_cache_go_that_only_removed_composes_had() {
    let harbour = Harbour::new().with_packages();
    let server = harbour.serve();
    harbour.compose("composes", "", 0);
    harbour.add("nginx", "2");
    harbour.publish(&["nginx-1-*"]);
    server.serve_folder("/os/", &harbour.path(REPOSITORY)).unwrap();
    harbour.compose("composes", "", 0);
    let nginx = |version: &str| {
        let package = format!("nginx-{version}-1.x86_64.rpm");
        Sha256::of(&fs_err::read(harbour.path(REPOSITORY).join(package)).unwrap()).to_string()
    };
    let cached = |sha256: &str| harbour.path(".cache/charmer/sha256").join(&sha256[..2]).join(&sha256[2..]).exists();
    let (old, new) = (nginx("1"), nginx("2"));
    assert!(cached(&old) && cached(&new));
    let pruned = |more: &str| harbour.charmer(&format!("prune composes --keep 1{more}"));
    let ran = pruned(" --yes");
    assert!(ran.code == 0 && ran.stderr.starts_with("removed 1 compose and 0 files of the cache"), "not lately: {ran}");
    // What a lock that failed has left goes with them.
    fs_err::create_dir_all(harbour.path(".cache/charmer/locking-abc/logs")).unwrap();
    fs_err::write(harbour.path(".cache/charmer/locking-abc/logs/pkgset.log"), "why").unwrap();
    let ran = pruned(" --unused-days 0");
    assert!(ran.stdout.contains("that no compose has been given lately") && cached(&old), "{ran}");

    let held = fs_err::File::open(harbour.path(".cache/charmer/in-use")).unwrap();
    flock(&held, FlockOperation::LockShared).unwrap();
    let ran = pruned(" --unused-days 0 --yes");
    assert!(ran.stderr.contains("the cache is in use by a compose that runs") && cached(&old), "{ran}");
    drop(held);
    let ran = pruned(" --unused-days 0 --yes");
    assert_eq!(ran.code, 0, "{ran}");
    assert!(!cached(&old) && cached(&new) && !harbour.path(".cache/charmer/locking-abc").exists(), "{ran}");
    let verified = harbour.charmer("verify composes/latest-Harbour-1");
    assert_eq!(verified.code, 0, "{verified}");
    harbour.compose("composes", "", 0);
}
