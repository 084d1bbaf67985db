//! Images from repositories of real Debian packages: built twice, compared, read back by the tools that users have, and booted.
//!
//! They need root, the programs of the images, and the mirror of the machine's own apt sources; without a mirror they say so and pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use charmer_compose::checks::image::{installed_in_live_iso, installed_in_oci_archive};
use charmer_compose::images::live::{self, LiveLogin};
use charmer_compose::images::{
    self, BaseSet, BuiltImage, ComposedRepository, ContainerSpec, ImageKind, LiveSpec, Rootfs, RootfsSpec, build_rootfs,
};
use charmer_compose::tools::{Command, Runner};
use charmer_testkit::boot::{Boot, Firmware, Medium};
use charmer_testkit::mirror::{Mirror, SUITE};
use tokio_util::sync::CancellationToken;

const EPOCH: i64 = 1_763_000_000;
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
            keyring: self.mirror.keyring.clone(),
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
        let output = self.path(&format!("{name}.{}", kind.format()));
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
    let repository = workshop.mirror.repository("base", &["?essential", "apt", "iputils-ping"], &[]).unwrap();
    let sources = BTreeMap::from([("etc/apt/sources.list.d/quay.sources".to_owned(), "Types: deb\n".to_owned())]);
    let spec = workshop.spec(&[repository], &["iputils-ping"], sources);
    let first = workshop.rootfs(&spec, "rootfs-1").await;
    let second = workshop.rootfs(&spec, "rootfs-2").await;
    assert_eq!(digest(&first.tar), digest(&second.tar));

    let kind = ImageKind::Container(ContainerSpec {
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
    });
    let image = workshop.image(&kind, &first, "container-1").await;
    assert_eq!(image.sha256, workshop.image(&kind, &second, "container-2").await.sha256);
    assert_eq!(installed_in_oci_archive(&image.path).unwrap(), first.installed);

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
    let kept = workshop.run(buildah(&["run", "--user", "root", &container, "getcap", "/usr/bin/ping"])).await;
    assert_eq!(kept, "/usr/bin/ping cap_net_raw=ep");
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

    let kind = ImageKind::Live(LiveSpec {
        title: "Harbour's 13.1".into(),
        volume_id: live::volume_id("harbour 13.1 amd64"),
        boot_parameters: Vec::new(),
    });
    let image = workshop.image(&kind, &first, "live-1").await;
    assert_eq!(image.sha256, workshop.image(&kind, &second, "live-2").await.sha256);
    let read_back = workshop.empty_folder("read-back");
    assert_eq!(installed_in_live_iso(&workshop.runner("read-back"), &image.path, &read_back).await.unwrap(), first.installed);

    for (firmware, medium) in [(Firmware::Bios, Medium::Disc), (Firmware::Uefi, Medium::Disk)] {
        let mut boot = Boot::start(&image.path, firmware, medium).unwrap();
        let menu = boot.wait_for("Harbour's 13.1", BOOT_LIMIT).unwrap();
        let login = boot.wait_for("harbour login:", BOOT_LIMIT).unwrap();
        eprintln!("{firmware:?} from {medium:?}: menu {:.1} s, login {:.1} s", menu.as_secs_f64(), login.as_secs_f64());
    }
}
