//! The real binary over the mirror that this machine's own apt sources name, and its results in the hands of the tools that users
//! have: apt, debootstrap, mmdebstrap, skopeo, buildah, xorriso, productmd, and a machine that boots.
//!
//! The example is composed once, with a little more of everything, and then looked at many times. It takes root and what `make
//! test` installs. Without root or a mirror the tests say so and pass.

#![expect(clippy::print_stderr, reason = "a test that takes minutes tells what took them, and one that does not run why")]
#![expect(clippy::disallowed_types, reason = "results are read by the programs that users have")]

mod again;
mod apt;
mod backend;
mod container;
mod disk;
mod everything;
mod foreign;
mod installer;
mod live;
mod metadata;
mod network;
mod ostree;
mod sources;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use charmer_testkit::mirror::host_mirror;

use super::{Charmer, Ran};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[test]
fn a_derivative_of_debian_is_what_its_users_need() {
    let Some(workshop) = Workshop::open() else { return };
    workshop.write_config("harbour.toml", &example(&workshop));
    let mut steps = Steps::default();
    let Some(compose) = steps.step("the compose", || workshop.compose("harbour.toml", "first", &MADE, 0)) else {
        return steps.end();
    };
    steps.step("apt updates from it, by digest and by key", || apt::updates(&workshop, &compose));
    steps.step("apt gets sources from it", || apt::sources(&workshop, &compose));
    steps.step("apt-cache and Contents know its packages", || apt::descriptions_and_contents(&workshop, &compose));
    steps.step("mmdebstrap and the new system's apt install from it", || apt::mmdebstrap(&workshop, &compose));
    steps.step("debootstrap installs from it", || apt::debootstrap(&workshop, &compose));
    steps.step("the container is read and runs", || container::runs(&workshop, &compose));
    steps.step("the live image is read by Debian's tools", || live::is_read(&workshop, &compose));
    steps.step("the live image starts", || live::starts(&compose));
    steps.step("checksums and their signatures hold", || metadata::checksums(&workshop, &compose));
    steps.step("productmd reads the metadata", || metadata::productmd(&workshop, &compose));
    steps.step("charmer itself finds nothing wrong and knows why", || metadata::verify_and_why(&workshop));
    steps.step("nothing is built again for the same packages", || again::reused(&workshop, &compose));
    steps.step("the same lock gives the same bytes", || again::same_bytes(&workshop, &compose));
    steps.end();
}

#[test]
fn sources_that_the_mirror_lacks_are_named_and_the_rest_is_there() {
    let Some(workshop) = Workshop::open() else { return };
    sources::failable(&workshop);
}

#[test]
fn an_ostree_commit_of_debian_is_deployed_and_starts() {
    let Some(workshop) = Workshop::open() else { return };
    ostree::starts(&workshop);
}

#[test]
#[ignore = "it takes long: `make test-long` runs it"]
fn a_container_of_another_arch_is_made_where_its_programs_run() {
    let Some(workshop) = Workshop::open() else { return };
    foreign::is_made(&workshop);
}

#[test]
fn an_installer_of_debian_asks_its_first_question() {
    let Some(workshop) = Workshop::open() else { return };
    installer::asks(&workshop, "bios");
}

#[test]
#[ignore = "it takes long: `make test-long` runs it"]
fn an_installer_of_debian_is_started_by_uefi_too() {
    let Some(workshop) = Workshop::open() else { return };
    installer::asks(&workshop, "uefi");
}

#[test]
fn disks_of_debian_start_grow_and_pass_secure_boot() {
    let Some(workshop) = Workshop::open() else { return };
    disk::start(&workshop);
}

#[test]
#[ignore = "it takes long: `make test-long` runs it"]
fn a_system_of_another_arch_starts() {
    let Some(workshop) = Workshop::open() else { return };
    foreign::starts(&workshop);
}

#[test]
#[ignore = "it takes long: `make test-long` runs it"]
fn a_disk_of_debian_starts_by_systemd_boot() {
    let Some(workshop) = Workshop::open() else { return };
    disk::starts_by_systemd_boot(&workshop);
}

#[test]
#[ignore = "it takes long: `make test-long` runs it"]
fn a_disk_of_debian_with_xfs_starts_and_grows() {
    let Some(workshop) = Workshop::open() else { return };
    disk::starts_with_xfs(&workshop);
}

#[test]
#[ignore = "it takes long: `make test-long` runs it"]
fn every_form_of_debian_is_the_same_twice() {
    let Some(workshop) = Workshop::open() else { return };
    everything::is_the_same_twice(&workshop);
}

#[test]
#[ignore = "it takes long: `make test-long` runs it"]
fn a_live_system_of_debian_starts_over_the_network() {
    let Some(workshop) = Workshop::open() else { return };
    network::starts(&workshop);
}

#[test]
#[ignore = "it takes long: `make test-long` runs it"]
fn a_disk_of_debian_is_made_by_mkosi() {
    let Some(workshop) = Workshop::open() else { return };
    backend::mkosi(&workshop);
}

#[test]
#[ignore = "it takes long: `make test-long` runs it"]
fn a_disk_of_debian_is_made_by_kiwi() {
    let Some(workshop) = Workshop::open() else { return };
    backend::kiwi(&workshop);
}

/// What comes before the variants and images of a distribution that is made of Debian alone.
const DEBIAN: &str = r#"
[release]
name = "Harbour Linux"
short = "harbour"
version = "13"
codename = "quay"

[archives.debian]
mirror = "host"
suites = ["trixie"]
keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

[signing]
key = "demo/signing-key.asc"

[gather]
recommends = false
"#;

/// What of the example is made here. Disks and commits are made, started and asked in tests of their own.
const MADE: [&str; 7] = ["--skip", "boot", "--images", "*.container", "*.squashfs", "*.dvd", "*.live"];

/// The example with its files in the workshop, and with what it does not use.
fn example(workshop: &Workshop) -> String {
    let changes = [
        ("title = \"Harbour Base\"", "title = \"Harbour Base\"\ncontents = true"),
        ("\"apt\", \"ca-certificates\",", "\"apt\", \"ca-certificates\", \"fping\","),
        ("\"harbour-keyring\", \"ca-certificates\"]", "\"harbour-keyring\", \"ca-certificates\", \"fping\"]"),
        ("cmd = [\"/bin/bash\"]", container::SETTINGS),
        ("hostname = \"harbour\"", live::SETTINGS),
        ("kind = \"data-iso\"\n", "kind = \"data-iso\"\nmedia-size = \"20 MB\"\n"),
    ];
    example_of(workshop, &changes)
}

/// The example with its files in the workshop, and changed so.
fn example_of(workshop: &Workshop, changes: &[(&str, &str)]) -> String {
    let text = fs_err::read_to_string(Path::new(EXAMPLES).join("harbour.toml")).unwrap();
    let text = text.replace("../target/demo", &workshop.text_path("demo"));
    changes.iter().fold(text, |text, (from, to)| {
        assert!(text.contains(from), "the example has no {from}");
        text.replace(from, to)
    })
}

/// A folder with the example's own packages and keys, and a cache for downloads.
struct Workshop {
    folder: tempfile::TempDir,
    mirror: String,
}

impl Workshop {
    fn open() -> Option<Self> {
        let Some(mirror) = host_mirror() else {
            eprintln!("skipped: this machine's apt sources name no Debian mirror");
            return None;
        };
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: chroots and containers take root");
            return None;
        }
        let workshop = Self { folder: tempfile::tempdir().unwrap(), mirror };
        let (key, public) = (workshop.path("demo/signing-key.asc"), workshop.path("demo/harbour-archive-keyring.asc"));
        run(Command::new(Path::new(EXAMPLES).join("harbour/make-key")).arg(key).arg(&public));
        run(Command::new(Path::new(EXAMPLES).join("harbour/build-packages")).arg(workshop.path("demo/debs")).arg(public));
        Some(workshop)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text_path(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn new_folder(&self, name: &str) -> PathBuf {
        fs_err::create_dir_all(self.path(name)).unwrap();
        self.path(name)
    }

    fn write_config(&self, name: &str, text: &str) {
        fs_err::write(self.path(name), text).unwrap();
    }

    /// A compose in a target folder of this name, with the exit code that is expected.
    fn compose(&self, config: &str, target: &str, more: &[&str], code: i32) -> Compose {
        self.composed(target, &self.charmer(config, target, more), code)
    }

    /// One with programs from elsewhere.
    fn compose_with(&self, config: &str, target: &str, more: &[&str], path: &str) -> Compose {
        self.composed(target, &self.charmer_with(config, target, more, path), 0)
    }

    fn composed(&self, target: &str, ran: &Ran, code: i32) -> Compose {
        assert_eq!(ran.code, code, "{}\n{}", ran.stdout, ran.stderr);
        Compose::latest(&self.path(target))
    }

    fn charmer(&self, config: &str, target: &str, more: &[&str]) -> Ran {
        self.charmer_with(config, target, more, PATH)
    }

    fn charmer_with(&self, config: &str, target: &str, more: &[&str], path: &str) -> Ran {
        let target = self.new_folder(target);
        let cache = self.text_path("cache");
        let arguments = ["compose", config, "--target-dir", target.to_str().unwrap(), "--cache-dir", &cache];
        Charmer { folder: Some(self.folder.path()), variables: &[("PATH", path)] }.run(&[&arguments, more].concat())
    }
}

/// A finished compose.
#[derive(Debug)]
struct Compose {
    root: PathBuf,
}

impl Compose {
    /// The one that the target folder's link names.
    fn latest(target: &Path) -> Self {
        let mut entries = fs_err::read_dir(target).unwrap().map(|entry| entry.unwrap().path());
        let link = entries.find(|path| path.is_symlink()).expect("a link to the latest compose");
        Self { root: fs_err::canonicalize(link).unwrap() }
    }

    /// A path of what is shipped.
    fn path(&self, name: &str) -> PathBuf {
        self.root.join("compose").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.path(name)).unwrap()
    }

    fn repository(&self, variant: &str) -> PathBuf {
        self.path(variant).join("repository")
    }

    fn container(&self) -> PathBuf {
        only_file(&self.path("Base/amd64/images"), ".oci.tar")
    }

    fn iso(&self) -> PathBuf {
        only_file(&self.path("Server/amd64/iso"), ".iso")
    }

    fn public_key(&self) -> PathBuf {
        self.path("metadata/signing-key.asc")
    }

    /// `name version arch` of each package in the lock.
    fn locked_packages(&self) -> BTreeSet<String> {
        let lock = self.read("metadata/charmer.lock");
        let field = |paragraph: &str, name: &str| {
            let value = paragraph.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            value.unwrap_or_else(|| panic!("no {name} in {paragraph}")).to_owned()
        };
        let packages = lock.split("\n\n").filter(|paragraph| paragraph.starts_with("Package: "));
        packages.map(|package| ["Package", "Version", "Architecture"].map(|name| field(package, name)).join(" ")).collect()
    }

    /// The names and versions that an image has, as dpkg-query prints them, are those of the lock.
    fn assert_locked(&self, installed: &str) {
        let installed: BTreeSet<String> = installed.lines().map(str::to_owned).collect();
        let others: Vec<_> = installed.difference(&self.locked_packages()).cloned().collect();
        assert!(!installed.is_empty() && others.is_empty(), "not in the lock: {others:?}");
    }
}

/// What dpkg-query prints for [`Compose::assert_locked`].
const DPKG_FORMAT: &str = r"${Package} ${Version} ${Architecture}\n";

fn only_file(folder: &Path, ending: &str) -> PathBuf {
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files = entries.filter(|path| path.to_string_lossy().ends_with(ending));
    let file = files.next().unwrap_or_else(|| panic!("no {ending} in {}", folder.display()));
    assert_eq!(files.next(), None);
    file
}

/// What a program prints; it must succeed.
fn run(command: &mut Command) -> String {
    let (code, stdout, stderr) = outcome(command);
    assert_eq!(code, Some(0), "{command:?}\n{stdout}\n{stderr}");
    stdout
}

fn outcome(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.env("LC_ALL", "C.UTF-8").output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Parts of one test over one result: all run, also when one has failed.
#[derive(Debug, Default)]
struct Steps {
    failed: Vec<&'static str>,
}

impl Steps {
    fn step<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> Option<T> {
        let started = Instant::now();
        let done = catch_unwind(AssertUnwindSafe(work));
        let word = if done.is_ok() { "ok" } else { "FAILED" };
        eprintln!("{:6.1} s  {name}: {word}", started.elapsed().as_secs_f64());
        if done.is_err() {
            self.failed.push(name);
        }
        done.ok()
    }

    fn end(self) {
        assert!(self.failed.is_empty(), "failed: {}", self.failed.join("; "));
    }
}
