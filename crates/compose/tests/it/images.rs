//! Images from repositories of real Debian packages: built twice, compared, read back by the tools that users have, and booted.
//!
//! They need root, the programs of the images, and the mirror of the machine's own apt sources; without a mirror they say so and pass.

#![expect(clippy::print_stderr, reason = "the times are for whoever runs the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use charmer_compose::checks::image::{installed_in_live_iso, installed_in_oci_archive};
use charmer_compose::checks::iso::{ExpectedIso, check_iso};
use charmer_compose::finding::Severity;
use charmer_compose::images::live::{self, LiveLogin};
use charmer_compose::images::{
    self, BaseSet, BuiltImage, ComposedRepository, ContainerSpec, ImageKind, LiveSpec, Rootfs, RootfsSpec, build_rootfs, medium,
};
use charmer_compose::tools::{Command, Runner};
use charmer_testkit::boot::{Boot, Firmware, Medium};
use charmer_testkit::mirror::{Mirror, SUITE};
use tokio_util::sync::CancellationToken;

const EPOCH: i64 = 1_763_000_000;
/// Of the password `quay`.
const PASSWORD: &str = "$6$salt$kW0CDCZQ8ABJCTDgcGDQaNqcvNLHZPCVvUrsGIVNXdaSzwKC6s2cvEYq5YSpOm7I7QFXtmUwdaZOpHXfBB.Gh.";
const BOOT_LIMIT: Duration = Duration::from_secs(300);

/// A folder for one test, with a mirror.
struct Workshop {
    // Dropped before its folder.
    mirror: Mirror,
    folder: tempfile::TempDir,
}

impl Workshop {
    fn open() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(folder.path()).unwrap();
        if mirror.is_none() {
            eprintln!("skipped: this machine's apt sources name no Debian mirror");
        }
        Some(Self { mirror: mirror?, folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn runner(&self, name: &str) -> Runner {
        let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into();
        Runner::new(self.path(&format!("{name}.log")), self.folder.path().to_owned(), path, CancellationToken::new())
    }

    fn empty_folder(&self, name: &str) -> PathBuf {
        fs_err::create_dir(self.path(name)).unwrap();
        self.path(name)
    }

    fn spec(&self, repositories: &[PathBuf], packages: &[&str], files: BTreeMap<String, String>) -> RootfsSpec {
        let repository = |folder: &PathBuf| ComposedRepository {
            folder: folder.clone(),
            suite: SUITE.into(),
            components: vec!["main".into()],
        };
        RootfsSpec {
            repositories: repositories.iter().map(repository).collect(),
            keyring: Some(self.mirror.keyring.clone()),
            arch: "amd64".into(),
            base: BaseSet::Apt,
            packages: packages.iter().map(|&package| package.to_owned()).collect(),
            files,
            root_password: None,
            epoch: EPOCH,
        }
    }

    async fn rootfs(&self, spec: &RootfsSpec, name: &str) -> Rootfs {
        let started = Instant::now();
        let work = self.empty_folder(&format!("{name}-work"));
        let rootfs = build_rootfs(&self.runner(name), spec, &work, &self.path(&format!("{name}.tar"))).await.unwrap();
        eprintln!("root file system {name}: {:.1} s, {} packages", started.elapsed().as_secs_f64(), rootfs.installed.len());
        rootfs
    }

    async fn image(&self, kind: &ImageKind, rootfs: &Rootfs, name: &str) -> BuiltImage {
        let started = Instant::now();
        let work = self.empty_folder(&format!("{name}-work"));
        let output = self.path(&format!("{name}.{}", kind.file_extension()));
        let built = images::build(&self.runner(name), kind, rootfs, &work, &output).await.unwrap();
        eprintln!("image {name}: {:.1} s, {} bytes, {}", started.elapsed().as_secs_f64(), built.size, built.sha256);
        built
    }

    async fn run(&self, command: Command) -> String {
        self.runner("read-back").run(&command).await.unwrap().text()
    }
}

fn digest(path: &Path) -> String {
    charmer_compose::digest::Sha256::of_file(path).unwrap().0.to_string()
}

#[tokio::test]
async fn a_container_is_the_same_twice_and_runs() {
    let Some(workshop) = Workshop::open() else { return };
    let repository = workshop.mirror.repository("base", &["?essential", "apt", "fping", "passwd"], &[]).unwrap();
    let sources = BTreeMap::from([("etc/apt/sources.list.d/quay.sources".to_owned(), "Types: deb\n".to_owned())]);
    let mut spec = workshop.spec(&[repository], &["fping"], sources);
    spec.root_password = Some(PASSWORD.to_owned());
    let rootfs = workshop.rootfs(&spec, "rootfs").await;

    let kind = ImageKind::Container(Box::new(ContainerSpec {
        reference: "quay/base:13.1".into(),
        title: "Quay Base".into(),
        version: "13.1".into(),
        revision: Some("abc".into()),
        entrypoint: vec!["/bin/cat".into()],
        command: vec!["/etc/debian_version".into()],
        environment: [("QUAY".into(), "1".into())].into(),
        user: "nobody".into(),
        working_folder: "/var".into(),
        ..ContainerSpec::default()
    }));
    let image = workshop.image(&kind, &rootfs, "container-1").await;
    assert_eq!(image.sha256, workshop.image(&kind, &rootfs, "container-2").await.sha256);
    assert_eq!(installed_in_oci_archive(&image.path).unwrap(), rootfs.installed);

    let archive = format!("oci-archive:{}", image.path.display());
    let inspected = workshop.run(Command::new("skopeo").args(["inspect", &archive])).await;
    let inspected: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    assert_eq!(inspected["Labels"]["org.opencontainers.image.version"], "13.1");
    assert_eq!(inspected["Created"], "2025-11-13T02:13:20Z");
    assert_eq!(inspected["Architecture"], "amd64");
    let copy = format!("dir:{}", workshop.empty_folder("copy").display());
    workshop.run(Command::new("skopeo").args(["--insecure-policy", "copy", &archive, &copy])).await;

    let storage = workshop.empty_folder("storage");
    let buildah = |arguments: &[&str]| {
        Command::new("buildah")
            .arg("--root")
            .arg(storage.join("root"))
            .arg("--runroot")
            .arg(storage.join("run"))
            .args(["--storage-driver", "vfs"])
            .args(arguments)
            .env("HOME", &storage)
            .env("BUILDAH_ISOLATION", "chroot")
    };
    let container = workshop.run(buildah(&["from", &archive])).await;
    let user =
        workshop.run(buildah(&["run", &container, "sh", "-c", "id -un; pwd; echo $QUAY; ls /etc/apt/sources.list.d"])).await;
    assert_eq!(user, "nobody\n/var\n1\nquay.sources");
    let kept = workshop.run(buildah(&["run", "--user", "root", &container, "getcap", "/usr/bin/fping"])).await;
    assert_eq!(kept, "/usr/bin/fping cap_net_raw=ep");
    let shadow = workshop.run(buildah(&["run", "--user", "root", &container, "getent", "shadow", "root"])).await;
    assert_eq!(shadow.split(':').nth(1), Some(PASSWORD));
    let audit = workshop.run(buildah(&["run", "--user", "root", &container, "dpkg", "--audit"])).await;
    assert_eq!(audit, "");
    workshop.run(buildah(&["rm", "--all"])).await;
}

#[tokio::test]
async fn a_live_image_is_the_same_twice_and_boots_to_a_login() {
    let Some(workshop) = Workshop::open() else { return };
    let base = workshop.mirror.repository("base", &["?essential", "apt", "systemd-sysv"], &[]).unwrap();
    let packages = ["linux-image-amd64", "live-boot", "initramfs-tools", "openssh-server", "systemd-sysv"];
    let server = workshop.mirror.repository("server", &packages, &[&base]).unwrap();
    let spec = workshop.spec(&[server, base], &packages, live::files("harbour", LiveLogin::Console));
    let (first, second) = tokio::join!(workshop.rootfs(&spec, "rootfs-1"), workshop.rootfs(&spec, "rootfs-2"));
    assert_eq!(digest(&first.tar), digest(&second.tar));
    let files = workshop.run(Command::new("tar").args(["--list", "--file"]).arg(&first.tar)).await;
    let traces = ["./etc/resolv.conf", "./etc/ssh/ssh_host_", "./etc/apt/sources.list", "./var/lib/systemd/random-seed"];
    let trace = |file: &&str| traces.iter().any(|trace| file.starts_with(trace)) && !file.ends_with('/');
    assert_eq!(files.lines().find(trace), None);
    let machine_id = Command::new("tar").args(["--extract", "--to-stdout", "--file"]).arg(&first.tar).arg("./etc/machine-id");
    assert_eq!(workshop.run(machine_id).await, "");

    let kind = ImageKind::Live(LiveSpec {
        title: "Harbour's 13.1".into(),
        volume_id: medium::volume_id("harbour 13.1 amd64"),
        boot_parameters: Vec::new(),
    });
    let image = workshop.image(&kind, &first, "live-1").await;
    assert_eq!(image.sha256, workshop.image(&kind, &second, "live-2").await.sha256);
    let read_back = workshop.empty_folder("read-back");
    assert_eq!(installed_in_live_iso(&workshop.runner("read-back"), &image.path, &read_back).await.unwrap(), first.installed);

    let expected = ExpectedIso::live("HARBOUR_13_1_AMD64");
    let findings = check_iso(&workshop.runner("check"), &image.path, &expected, Severity::Fatal, "", "live.iso").await.unwrap();
    assert_eq!(findings, []);

    boot_to_shell(&image.path, Firmware::Bios, Medium::Disc);
    boot_to_shell(&image.path, Firmware::Uefi, Medium::Disk);
    boot_to_menu(&image.path, Firmware::Bios, Medium::Disk);
    boot_to_menu(&image.path, Firmware::Uefi, Medium::Disc);
}

/// The machine reaches its login, which on live images is a shell; what it runs is what was built.
fn boot_to_shell(iso: &Path, firmware: Firmware, medium: Medium) {
    let mut boot = boot_to_menu(iso, firmware, medium);
    let login = boot.wait_for("harbour login:", BOOT_LIMIT).unwrap();
    boot.wait_for("root@harbour:", BOOT_LIMIT).unwrap();
    boot.type_line("systemctl is-system-running --wait; systemctl is-active ssh; passwd -S root").unwrap();
    boot.wait_for("running\r\nactive\r\nroot L", BOOT_LIMIT).unwrap();
    eprintln!("{firmware:?} from {medium:?}: login after {:.1} s", login.as_secs_f64());
}

fn boot_to_menu(iso: &Path, firmware: Firmware, medium: Medium) -> Boot {
    let mut boot = Boot::start(iso, firmware, medium).unwrap();
    let menu = boot.wait_for("Harbour's 13.1", BOOT_LIMIT).unwrap();
    eprintln!("{firmware:?} from {medium:?}: menu after {:.1} s", menu.as_secs_f64());
    boot
}
