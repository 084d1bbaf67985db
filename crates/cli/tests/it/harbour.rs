//! A small distribution to compose without any network but the loopback interface: a signed archive, an overlay, a configuration, a
//! key, and a fake mmdebstrap. All of it lies in one folder that goes with the test.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use charmer_compose::engine::event::{Entry, Event, Finish, read_journal};
use charmer_testkit::archive::{Archive, Key};
use charmer_testkit::deb::debs_from_text;
use charmer_testkit::dsc::Dsc;
use charmer_testkit::fake_tools::FakeTools;
use charmer_testkit::http_server::HttpServer;
use tempfile::TempDir;

use super::Ran;

const CONFIG: &str = r#"
[release]
name = "Harbour Linux"
short = "harbour"
version = "13.1"
codename = "quay"

[archives.mirror]
mirror = "@URL@"
suites = ["stable"]
keyring = "mirror/key/public.asc"

[archives.own]
overlay = "overlay"
priority = 990

[variants.Base]
arches = ["amd64", "arm64"]
seeds = ["essential", "apt", "harbour-release"]

[variants.Server]
parent = "Base"
arches = ["amd64", "arm64"]
seeds = ["openssh-server"]

[variants.Extra]
parent = "Server"
optional = true
arches = ["amd64"]
seeds = ["htop"]

[[images]]
kind = "container"
variant = "Base"
arches = ["amd64"]
packages = ["harbour-release"]

[limits]
min-free = "1 MiB"

[signing]
key = "signing/secret.asc"
"#;

/// `any` stands for a package of each arch.
const MIRROR: &str = "
Package: libc6
Version: 2.41
Architecture: any

Package: base-files
Architecture: any
Essential: yes
Files: /etc/debian_version

Package: dash
Architecture: any
Essential: yes
Depends: libc6 (>= 2.36)

Package: apt
Architecture: any
Depends: libc6

Package: harbour-release
Version: 2.0

Package: libssl3
Version: 3.5.0
Architecture: any
Depends: libc6

Package: openssh-server
Version: 1:10.0
Architecture: any
Depends: libssl3, libc6

Package: htop
Architecture: any
Depends: libssl3
Files: /usr/bin/htop
";

/// Where a test composes.
#[derive(Debug)]
pub(super) struct Harbour {
    folder: TempDir,
    pub(super) archive: Archive,
    /// None when nobody serves the archive any more.
    pub(super) server: Option<HttpServer>,
    pub(super) tools: FakeTools,
    /// Makes names and contents independent of the day on which the test runs.
    pub(super) source_date_epoch: Option<&'static str>,
    _signing: Key,
}

impl Harbour {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let archive = Archive::make(&path("mirror"), &["amd64", "arm64"]).unwrap();
        let signing = Key::make(&path("signing"), "harbour").unwrap();
        let tools = FakeTools::write(&path("tools")).unwrap();
        debs_from_text("Package: harbour-release\nVersion: 1.0\nSource: harbour (1.0)\n", &path("overlay"));
        Dsc::new("harbour", "1.0").binary("harbour-release", "all").write_to(&path("overlay"));
        let harbour =
            Self { archive, server: Some(HttpServer::start()), tools, source_date_epoch: None, _signing: signing, folder };
        harbour.add(MIRROR);
        harbour.publish("2024-06-01");
        harbour.configure(&[]);
        fs_err::create_dir(harbour.path("composes")).unwrap();
        harbour
    }

    /// With a kernel, boot loaders and what makes an OSTree tree among Base's packages, and images of them on amd64: their kinds, and
    /// what more is said of each.
    pub(super) fn bootable(images: &[(&str, &str)]) -> Self {
        let mut harbour = Self::new();
        harbour.source_date_epoch = Some("1717372800");
        harbour.tools.make_bootable().unwrap();
        let names = [
            "dracut",
            "passwd",
            "login",
            "calamares",
            "calamares-settings-debian",
            "live-boot",
            "ostree-boot",
            "ostree",
            "cloud-guest-utils",
            "cloud-init",
            "grub2-common",
            "grub-pc-bin",
            "grub-efi-amd64-bin",
            "systemd-boot",
            "systemd-boot-efi",
            "btrfs-progs",
            "xfsprogs",
        ];
        harbour.add(&format!("Package: {}\n\nPackage: linux-image-quay\nArchitecture: any\n", names.join("\n\nPackage: ")));
        harbour.publish("2024-06-01");
        let seeds = format!("\"harbour-release\", \"linux-image-quay\", \"{}\"]", names.join("\", \""));
        harbour.edit("\"harbour-release\"]\n\n[variants.Server]", &format!("{seeds}\n\n[variants.Server]"));
        let of_base = "variant = \"Base\"\narches = [\"amd64\"]\npackages = [\"harbour-release\", \"linux-image-quay\"]";
        let images = images.iter().map(|(kind, more)| format!("[[images]]\nkind = \"{kind}\"\n{of_base}\n{more}\n"));
        harbour.edit("[limits]", &format!("{}[limits]", images.collect::<Vec<_>>().concat()));
        harbour
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text, for command lines.
    pub(super) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Adds packages to the archive, which clients see once it is published.
    pub(super) fn add(&self, packages: &str) {
        let of_arch = |arch: &str| packages.replace("Architecture: any", &format!("Architecture: {arch}"));
        self.archive.add(&of_arch("amd64"));
        self.archive.add(&of_arch("arm64"));
    }

    /// Lets clients see the archive as it is now.
    pub(super) fn publish(&self, day: &str) {
        self.archive.publish(day).unwrap();
        self.serve();
    }

    pub(super) fn serve(&self) {
        self.archive.serve(self.server()).unwrap();
    }

    pub(super) fn server(&self) -> &HttpServer {
        self.server.as_ref().expect("the server has not been stopped")
    }

    /// Changes the configuration as it is now.
    pub(super) fn edit(&self, from: &str, to: &str) {
        let path = self.path("harbour.toml");
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(from), "the configuration has no {from:?}");
        fs_err::write(path, text.replacen(from, to, 1)).unwrap();
    }

    /// Writes the configuration, with some words replaced by others.
    pub(super) fn configure(&self, changes: &[(&str, &str)]) {
        let mut config = CONFIG.replace("@URL@", &self.server().url());
        for (from, to) in changes {
            assert!(config.contains(from), "the configuration has no {from}");
            config = config.replace(from, to);
        }
        fs_err::write(self.path("harbour.toml"), config).unwrap();
    }

    /// Lets a shell script sign, which has the public key already; its third argument says what is asked of it.
    pub(super) fn sign_with(&self, script: &str) {
        let certificate = format!("case $3 in certificate) exec cat {} ;; esac", self.text("signing/public.asc"));
        self.tool("sign-with-a-card", &format!("{certificate}\n{script}"));
        self.configure(&[("key = \"signing/secret.asc\"", "command = [\"sign-with-a-card\", \"--slot\", \"1\"]")]);
    }

    /// Puts a shell script among the tools.
    pub(super) fn tool(&self, name: &str, script: &str) {
        let program = self.path("tools").join(name);
        fs_err::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs_err::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// A command line in a mount namespace of its own, after a shell script that has a folder as `$1` and mounts something there.
    pub(super) fn in_own_mounts(&self, script: &str, folder: &str, arguments: &[&str]) -> Ran {
        let script = format!("set -e; {script}; shift; exec \"$@\"");
        super::disturbed::in_own_mounts(&self.command(arguments), &script, &[folder], &[])
    }

    /// A command line that runs in the fixture's folder, with its cache and its tools.
    #[expect(clippy::disallowed_types, reason = "the program under test is started as users start it")]
    pub(super) fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_charmer"));
        let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.text("tools"));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("XDG_CACHE_HOME", self.path("cache"))
            .envs(self.source_date_epoch.map(|epoch| ("SOURCE_DATE_EPOCH", epoch)))
            .current_dir(self.folder.path());
        command
    }

    pub(super) fn charmer(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Starts a command line; whatever becomes of the test, the process does not outlive it.
    pub(super) fn start(&self, arguments: &[&str]) -> Running {
        self.start_with(arguments, &[])
    }

    /// The same with more variables.
    pub(super) fn start_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Running {
        use std::process::Stdio;
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running(Some(command.spawn().unwrap()))
    }

    /// A compose with more arguments that must end with an exit code; what it said, and its folder.
    pub(super) fn compose_into(&self, target: &str, more: &[&str], code: i32) -> (Ran, Compose) {
        let before = composes(&self.path(target));
        let ran = self.charmer(&[&["compose", "harbour.toml", "--target-dir", target], more].concat());
        assert_eq!(ran.code, code, "{ran}");
        let new: Vec<_> = composes(&self.path(target)).into_iter().filter(|root| !before.contains(root)).collect();
        let [root] = new.as_slice() else { panic!("one new compose is expected, not {new:?}: {ran}") };
        (ran, Compose { root: root.clone() })
    }

    /// A compose that must finish.
    pub(super) fn compose(&self, more: &[&str]) -> (Ran, Compose) {
        self.compose_into("composes", more, 0)
    }

    /// Processes that belong to this fixture, by their surroundings; there are none once charmer has ended.
    pub(super) fn processes(&self) -> Vec<String> {
        processes_of(self.folder.path())
    }

    /// Mount points of the machine that lie in the fixture.
    pub(super) fn mounts(&self) -> Vec<String> {
        let mounts = fs_err::read_to_string("/proc/self/mountinfo").unwrap();
        mounts.lines().filter(|line| line.contains(self.folder.path().to_str().unwrap())).map(str::to_owned).collect()
    }
}

/// Processes that belong to a fixture's folder, by their surroundings.
pub(super) fn processes_of(folder: &Path) -> Vec<String> {
    let marker = folder.to_str().unwrap().as_bytes();
    let names = fs_err::read_dir("/proc").unwrap().filter_map(Result::ok).map(|entry| entry.file_name());
    let of_fixture = |process: &std::ffi::OsString| {
        let folder = Path::new("/proc").join(process);
        let has_marker = |file: &str| {
            let content = fs_err::read(folder.join(file)).unwrap_or_default();
            content.windows(marker.len()).any(|window| window == marker)
        };
        // What gpg keeps for its key is the fixture's own.
        !has_marker_of_gpg(&folder) && (has_marker("environ") || has_marker("cmdline"))
    };
    let processes = names.filter(|name| name.to_string_lossy().parse::<u32>().is_ok()).filter(of_fixture);
    processes.map(|process| describe(&process.to_string_lossy())).collect()
}

fn has_marker_of_gpg(process: &Path) -> bool {
    fs_err::read_to_string(process.join("comm")).is_ok_and(|name| name.starts_with("gpg-agent"))
}

fn describe(process: &str) -> String {
    let words = fs_err::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    format!("{process}: {}", String::from_utf8_lossy(&words).replace('\0', " "))
}

/// A charmer that runs.
#[derive(Debug)]
pub(super) struct Running(Option<std::process::Child>);

impl Running {
    /// Waits until it ends by itself.
    pub(super) fn finish(mut self) -> Ran {
        Ran::of(self.0.take().unwrap().wait_with_output().unwrap())
    }

    pub(super) fn has_ended(&mut self) -> bool {
        self.0.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Sends a signal.
    pub(super) fn signal(&self, signal: rustix::process::Signal) {
        let child = self.0.as_ref().unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_child(child), signal).unwrap();
    }

    /// Ends it as nothing else would, in the middle of whatever it does; it must not have ended before.
    pub(super) fn kill(mut self) {
        use std::os::unix::process::ExitStatusExt as _;
        let mut child = self.0.take().unwrap();
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(9), "it had ended before it was killed");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The folders of composes in a target folder.
pub(super) fn composes(target: &Path) -> Vec<PathBuf> {
    let entries = fs_err::read_dir(target).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir() && !path.is_symlink()).collect()
}

/// A compose's folder.
#[derive(Debug, Clone)]
pub(super) struct Compose {
    pub(super) root: PathBuf,
}

impl Compose {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn id(&self) -> String {
        self.root.file_name().unwrap().to_str().unwrap().to_owned()
    }

    pub(super) fn root(&self) -> &str {
        self.root.to_str().unwrap()
    }

    pub(super) fn status(&self) -> String {
        self.read("STATUS").trim().to_owned()
    }

    pub(super) fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_str(&self.read(name)).unwrap()
    }

    pub(super) fn journal(&self) -> Vec<Entry> {
        read_journal(&self.path("logs/events.jsonl")).unwrap()
    }

    /// The jobs that really ran in the last run, sorted.
    pub(super) fn done(&self) -> Vec<String> {
        let journal = self.journal();
        let start = journal.iter().rposition(|entry| matches!(entry.event, Event::RunStarted { .. })).unwrap();
        let done = journal[start..].iter().filter_map(|entry| match &entry.event {
            Event::JobFinished { job, how: Finish::Done, .. } => Some(job.to_string()),
            _ => None,
        });
        let mut done: Vec<_> = done.collect();
        done.sort();
        done
    }

    /// Every file below a folder with its content, links with their targets.
    pub(super) fn tree(&self, folder: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
        let mut tree = std::collections::BTreeMap::new();
        let mut waiting = vec![self.path(folder)];
        while let Some(path) = waiting.pop() {
            let name = path.strip_prefix(&self.root).unwrap().to_str().unwrap().to_owned();
            if path.is_symlink() {
                tree.insert(name, fs_err::read_link(&path).unwrap().to_str().unwrap().as_bytes().to_vec());
            } else if path.is_dir() {
                waiting.extend(fs_err::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                tree.insert(name, fs_err::read(&path).unwrap());
            }
        }
        tree
    }

    /// The packages of an index of a variant's repository, as `name_version_arch`.
    pub(super) fn packages(&self, variant: &str, arch: &str) -> Vec<String> {
        let index =
            fs_err::read(self.path(&format!("compose/{variant}/repository/dists/quay/main/binary-{arch}/Packages.gz"))).unwrap();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(index.as_slice()), &mut text).unwrap();
        let field = |stanza: &str, name: &str| {
            let lines = stanza.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
            lines.unwrap_or_default()
        };
        let stanzas = text.split("\n\n").filter(|stanza| !stanza.trim().is_empty());
        let mut packages: Vec<_> = stanzas
            .map(|stanza| {
                format!("{}_{}_{}", field(stanza, "Package: "), field(stanza, "Version: "), field(stanza, "Architecture: "))
            })
            .collect();
        packages.sort();
        packages
    }
}

/// What another program prints.
#[expect(clippy::disallowed_types, reason = "what charmer says is compared with what the program says")]
pub(super) fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = std::process::Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Waits until something is so.
pub(super) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
