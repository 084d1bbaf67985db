//! Five nights over an archive of 300 packages in which one package changes each night, for both kinds: what is done again, why, in
//! what time and in how much room. `make bench` prints the figures.

#![expect(clippy::print_stdout, reason = "it prints figures")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use charmer_testkit::Compression;
use charmer_testkit::deb::Deb;
use charmer_testkit::rpm_file::Rpm;

use super::harbour::{Compose, Harbour, composes};
use super::native_rpm::MEADOW;
use super::{Charmer, Ran};

const NIGHTS: u32 = 5;
const VARIANTS: [&str; 3] = ["Base", "Server", "Extra"];
const PACKAGES: u32 = 100;
const PACKAGE_SIZE: usize = 64 << 10;

/// The name of a package of a variant.
fn package(variant: &str, number: u32) -> String {
    format!("{}-{number:03}", variant.to_lowercase())
}

/// Bytes that no compression makes smaller, other ones for each name and version.
fn noise(name: &str, version: u32) -> Vec<u8> {
    let mut state =
        name.bytes().fold(u64::from(version) + 1, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..PACKAGE_SIZE / 8).flat_map(|_| next()).collect()
}

/// One night's compose.
struct Night {
    compose: Compose,
    said: Ran,
    time: Duration,
}

/// An archive, its packages, and what composes it.
trait World {
    fn change(&self, package: &str, version: u32);
    fn publish(&self);
    fn compose(&self) -> Ran;
    fn folder(&self) -> PathBuf;
}

struct Debian(Harbour);

impl Debian {
    fn new() -> Self {
        let harbour = Harbour::new();
        let seeds =
            |variant| (0..PACKAGES).fold(String::new(), |seeds, number| format!("{seeds}, \"{}\"", package(variant, number)));
        let [base, server, extra] = VARIANTS.map(seeds);
        harbour.configure(&[
            ("\"apt\", \"harbour-release\"]", &format!("\"apt\", \"harbour-release\"{base}]")),
            ("seeds = [\"openssh-server\"", &format!("seeds = [\"openssh-server\"{server}")),
            ("seeds = [\"htop\"", &format!("seeds = [\"htop\"{extra}")),
        ]);
        Self(harbour)
    }
}

impl World for Debian {
    fn change(&self, package: &str, version: u32) {
        let content = noise(package, version);
        Deb::new(package, &version.to_string(), "all")
            .compression(Compression::None)
            .file(&format!("/usr/share/{package}"), &content)
            .write_to(&self.0.archive.folder.join("pool"));
    }

    fn publish(&self) {
        // The date stays as it was: it stands in the Release file of every repository.
        self.0.publish("2024-06-01");
    }

    fn compose(&self) -> Ran {
        self.0.charmer(&["compose", "harbour.toml", "--target-dir", "composes", "--old-composes", "composes", "--explain-reuse"])
    }

    fn folder(&self) -> PathBuf {
        self.0.path("")
    }
}

struct Meadow(tempfile::TempDir);

impl Meadow {
    fn new() -> Self {
        let meadow = Self(tempfile::tempdir().unwrap());
        for folder in ["served", "composes"] {
            fs_err::create_dir_all(meadow.folder().join(folder)).unwrap();
        }
        let (mut config, mut groups) = (MEADOW.to_owned(), String::new());
        for variant in VARIANTS {
            let _ = write!(config, "[variants.{variant}]\narches = [\"x86_64\"]\ngroups = [\"{variant}\"]\n");
            let member = |number| format!("<packagereq type=\"mandatory\">{}</packagereq>", package(variant, number));
            let members = (0..PACKAGES).map(member).collect::<String>();
            let _ = write!(groups, "<group><id>{variant}</id><name>{variant}</name><packagelist>{members}</packagelist></group>");
        }
        fs_err::write(meadow.folder().join("meadow.toml"), config).unwrap();
        fs_err::write(meadow.folder().join("comps.xml"), format!("<comps>{groups}</comps>")).unwrap();
        meadow
    }
}

impl World for Meadow {
    fn change(&self, package: &str, version: u32) {
        let repository = self.folder().join("served");
        let old = Rpm::new(package, &(version - 1).to_string(), "1", "x86_64").file_name();
        let _ = fs_err::remove_file(repository.join(old));
        let rpm = Rpm::new(package, &version.to_string(), "1", "x86_64");
        let bytes = [rpm.build(), noise(package, version)].concat();
        fs_err::write(repository.join(rpm.file_name()), bytes).unwrap();
    }

    fn publish(&self) {
        super::output(&self.folder(), "createrepo_c", &["--quiet", "served"]);
    }

    fn compose(&self) -> Ran {
        let folder = self.folder();
        let home = folder.join("home");
        let variables = [("HOME", home.to_str().unwrap())];
        let words = ["compose", "meadow.toml", "--target-dir", "composes", "--old-composes", "composes", "--explain-reuse"];
        Charmer { folder: Some(&folder), variables: &variables }.run(&words)
    }

    fn folder(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}

/// What the files of folders take on the disk, each file once however many names it has.
fn disk_usage(folders: &[PathBuf]) -> u64 {
    let (mut waiting, mut files) = (folders.to_vec(), BTreeMap::new());
    while let Some(path) = waiting.pop() {
        let Ok(metadata) = fs_err::symlink_metadata(&path) else { continue };
        if metadata.is_dir() {
            waiting.extend(fs_err::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files.insert(metadata.ino(), metadata.blocks() * 512);
        }
    }
    files.values().sum()
}

/// Composes night after night, and prints the figures of each.
fn nights(world: &dyn World, kind: &str) -> Vec<Night> {
    for variant in VARIANTS {
        (0..PACKAGES).for_each(|number| world.change(&package(variant, number), 1));
    }
    let places = ["composes", "cache", "home"].map(|name| world.folder().join(name));
    let mut used = 0;
    let mut nights = Vec::new();
    for night in 1..=NIGHTS {
        if night > 1 {
            world.change(&package("Server", night), 2);
        }
        world.publish();
        let known: BTreeSet<_> = composes(&places[0]).into_iter().collect();
        let started = Instant::now();
        let said = world.compose();
        let time = started.elapsed();
        assert_eq!(said.code, 0, "{said}");
        let root = composes(&places[0]).into_iter().find(|root| !known.contains(root)).unwrap();
        let (before, now) = (used, disk_usage(&places));
        used = now;
        let compose = Compose { root };
        println!(
            "| {kind} | {night} | {:.2} s | {} | {:.1} MiB | {:.1} MiB |",
            time.as_secs_f64(),
            compose.done().len(),
            mebibytes(now - before),
            mebibytes(disk_usage(std::slice::from_ref(&compose.root))),
        );
        nights.push(Night { compose, said, time });
    }
    let whole: u64 = nights.iter().map(|night| disk_usage(std::slice::from_ref(&night.compose.root))).sum();
    println!("| {kind} | all | | | {:.1} MiB | {:.1} MiB if each stood alone |", mebibytes(used), mebibytes(whole));
    nights
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Each job that ran says why.
fn assert_explained(night: &Night) {
    for job in night.compose.done() {
        let line = format!("started   {job} (");
        assert!(night.said.stderr.contains(&line), "no reason for {job}: {}", night.said);
    }
}

/// Jobs of a night that are of some variant, whatever they do.
fn done_for<'a>(night: &'a [String], variant: &str) -> Vec<&'a str> {
    let of_variant = |job: &&String| job.split([':', '.']).any(|word| word == variant);
    night.iter().filter(of_variant).map(String::as_str).collect()
}

/// Whether a file of an old compose is the same file in the new one.
fn is_shared(old: &Path, new: &Path) -> bool {
    fs_err::metadata(old).unwrap().ino() == fs_err::metadata(new).unwrap().ino()
}

#[test]
fn one_changed_package_of_300_makes_only_its_variant_of_a_deb_compose_again() {
    let world = Debian::new();
    let nights = nights(&world, "deb");
    for night in &nights[1..] {
        assert_explained(night);
        let done = night.compose.done();
        // Who has what is asked again everywhere, since every selection depends on the whole package set.
        assert_eq!(done_for(&done, "Base"), ["gather:Base.amd64", "gather:Base.arm64", "image-checksum:Base.amd64.images"]);
        assert_eq!(done_for(&done, "Extra"), ["gather:Extra.amd64", "repoclosure:Extra.amd64"]);
        assert_eq!(
            done_for(&done, "Server"),
            [
                "createrepo:Server",
                "fetch-sources:Server",
                "fetch:Server",
                "gather:Server.amd64",
                "gather:Server.arm64",
                "repoclosure:Server.amd64",
                "repoclosure:Server.arm64",
                "test:Server.repository",
                "tree:Server.amd64",
                "tree:Server.arm64"
            ]
        );
    }
    let release = "compose/Base/repository/dists/quay/InRelease";
    assert!(is_shared(&nights[0].compose.path(release), &nights[4].compose.path(release)));
    assert!(nights[1..].iter().any(|night| night.time < nights[0].time));
}

#[test]
fn one_changed_package_of_300_makes_only_its_variant_of_an_rpm_compose_again() {
    let world = Meadow::new();
    let nights = nights(&world, "rpm");
    for night in &nights[1..] {
        assert_explained(night);
        let done = night.compose.done();
        // Selections are asked again everywhere, since each depends on the whole package set; what is only in memory, and what holds
        // the compose's own name, is made for each compose.
        let cheap = ["gather", "packages", "debug-packages", "repoclosure", "image-checksum", "test"];
        for variant in ["Base", "Extra"] {
            let done = done_for(&done, variant);
            assert!(done.iter().all(|job| cheap.contains(&job.split(':').next().unwrap())), "{done:?}");
        }
        let made: Vec<_> =
            done_for(&done, "Server").into_iter().filter(|job| !cheap.contains(&job.split(':').next().unwrap())).collect();
        assert_eq!(made, ["createiso:Server.x86_64", "createrepo:Server.x86_64", "tree:Server.x86_64"]);
    }
    let iso = |night: &Night| {
        let paths = fs_err::read_dir(night.compose.path("compose/Base/x86_64/iso")).unwrap().map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|ending| ending == "iso")).last().unwrap()
    };
    assert!(is_shared(&iso(&nights[0]), &iso(&nights[4])));
}
