//! Second composes with `--old-composes`: which jobs are done again, and why; what is used again is the same file.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use charmer_testkit::rpm_build::build;

use super::super::Ran;
use super::super::harbour::{Compose, composes};
use super::{Quay, files, is_image, is_package, packages};

impl Quay {
    fn compose_again(&self) -> (Ran, Compose) {
        let before = composes(&self.path("composes"));
        let words = ["compose", "quay.conf", "--type", "nightly", "--target-dir", "composes", "--old-composes", "composes"];
        let ran = self.charmer(&[&words[..], &["--explain-reuse"]].concat());
        assert_eq!(ran.code, 0, "{ran}");
        let root = composes(&self.path("composes")).into_iter().find(|root| !before.contains(root)).unwrap();
        (ran, Compose { root })
    }
}

/// What each compose does anew, whatever older ones have: reading files that lie outside, what is held in memory, and what holds its
/// own name or the place of its own images.
const ALWAYS: [&str; 15] = [
    "closed",
    "composeinfo",
    "comps",
    "debug-packages",
    "extra-files",
    "extra-files-list",
    "image-checksum",
    "lock",
    "modules",
    "packages",
    "pkgset",
    "repoclosure",
    "repository-files",
    "rpms",
    "shares",
];

/// The jobs that a compose did beside those and its checks.
fn done(compose: &Compose) -> Vec<String> {
    let is_worth_it = |job: &String| {
        let name = job.split(':').next().unwrap();
        !ALWAYS.contains(&name) && name != "test"
    };
    compose.done().into_iter().filter(is_worth_it).collect()
}

/// The files of a compose that are none of another one, among those that a test on their path takes.
fn own_files(compose: &Compose, older: &Compose, takes: fn(&str) -> bool) -> Vec<String> {
    let folder = compose.path("compose");
    let found = files(&folder, takes);
    assert!(!found.is_empty());
    let inode = |path: &Path| fs_err::metadata(path).ok().map(|metadata| metadata.ino());
    let name = |path: &Path| path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
    // Images have the day and the number of their compose in their names.
    let day = |compose: &Compose| compose.id().rsplit_once('-').unwrap().1.to_owned();
    let other = |path: &Path| older.path("compose").join(name(path).replace(&day(compose), &day(older)));
    found.iter().filter(|path| inode(path) != inode(&other(path))).map(|path| name(path)).collect()
}

#[test]
fn what_has_not_changed_is_used_again() {
    let quay = Quay::new();
    let (_, first) = quay.compose(&[], 0);
    let (ran, second) = quay.compose_again();
    assert_eq!(done(&second), [""; 0], "{ran}");
    for line in [
        "started   comps (done anew for each compose)\n",
        "started   pkgset (held in memory only)\n",
        &format!("reused    createrepo:Server.x86_64 from {}\n", first.root()),
        &format!("reused    buildinstall:Server.x86_64 from {}\n", first.root()),
        &format!("reused    createiso:Server-Atoll.src from {}\n", first.root()),
    ] {
        assert!(ran.stderr.contains(line), "{line} in {ran}");
    }
    assert_eq!(own_files(&second, &first, is_package), [""; 0]);
    assert_eq!(own_files(&second, &first, |path| path.contains("/repodata/")), [""; 0]);
    assert_eq!(own_files(&second, &first, is_image), [""; 0]);
    // It is whole when the older one is gone.
    fs_err::remove_dir_all(&first.root).unwrap();
    for image in files(&second.path("compose"), is_image) {
        super::output("checkisomd5", &[image.to_str().unwrap()]);
    }
}

#[test]
fn a_changed_package_changes_only_what_holds_it() {
    let quay = Quay::new();
    let (_, first) = quay.compose(&[], 0);
    let spec = packages::small("reef", "harbour-tool").replace("Release: 1", "Release: 2");
    build("reef", &spec, &["x86_64", "aarch64"], &quay.path("repository"));
    quay.index();
    let (ran, second) = quay.compose_again();
    let mut expected = vec![
        // The installer is made from the package set.
        "buildinstall:Server.x86_64",
        "pkgset-repository:x86_64",
        // The addon lies in the trees of its variant, and on its images.
        "createiso:Server.aarch64",
        "createiso:Server.src",
        "createiso:Server.x86_64",
        "createrepo:Server-HA.aarch64",
        "createrepo:Server-HA.src",
        "createrepo:Server-HA.x86_64",
        "tree:Server.aarch64",
        "tree:Server.src",
        "tree:Server.x86_64",
    ];
    // Who has what is asked again everywhere.
    let variants = ["Server", "Server-Atoll", "Server-HA", "Server-optional"];
    let gathers: Vec<String> =
        variants.iter().flat_map(|uid| ["aarch64", "x86_64"].map(|arch| format!("gather:{uid}.{arch}"))).collect();
    expected.extend(gathers.iter().map(String::as_str));
    expected.sort_unstable();
    assert_eq!(done(&second), expected, "{ran}");
    for line in [
        "started   gather:Server.x86_64 (changed input: pkgset)\n",
        "started   createrepo:Server-HA.x86_64 (changed input: packages:Server-HA.x86_64)\n",
        &format!("reused    createrepo:Server.x86_64 from {}\n", first.root()),
        &format!("reused    createiso:Server-optional.x86_64 from {}\n", first.root()),
    ] {
        assert!(ran.stderr.contains(line), "{line} in {ran}");
    }
    let of_addon = |path: &String| path.contains("/addons/HA/");
    let own = own_files(&second, &first, |path| path.contains("/repodata/"));
    assert!(!own.is_empty() && own.iter().all(of_addon), "{own:?}");
    let own = own_files(&second, &first, is_package);
    let names: BTreeSet<&str> = own.iter().map(|path| path.rsplit('/').next().unwrap()).collect();
    assert_eq!(names, ["reef-1.0-2.aarch64.rpm", "reef-1.0-2.src.rpm", "reef-1.0-2.x86_64.rpm"].into());
    let own = own_files(&second, &first, |path| path.ends_with("dvd1.iso"));
    assert!(own.len() == 3 && own.iter().all(|path| path.starts_with("Server/")), "{own:?}");
}
