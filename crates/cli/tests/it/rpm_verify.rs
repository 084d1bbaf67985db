//! `charmer verify` of RPM composes: what is wrong is named, whatever was done to the tree.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use charmer_testkit::rpm_file::Rpm;
use rustix::fs::{FileType, Mode};

use super::Ran;
use super::native_rpm::Harbour;
use super::rpm_lock::COMPOSED_LOCK;

const COMPOSE: &str = "composes/latest-Harbour-1";
const PACKAGES: &str = "compose/Server/x86_64/os/Packages/";

impl Harbour {
    fn verify(&self, code: i32) -> Ran {
        let ran = self.charmer(&format!("verify {COMPOSE}"));
        assert_eq!(ran.code, code, "{ran}");
        ran
    }

    /// Replaces a file of the compose, which may be a link to one of the repository, until it is put back.
    fn tamper(&self, path: &str, change: impl FnOnce(Vec<u8>) -> Option<Vec<u8>>) -> Tampered {
        let path = self.path(COMPOSE).join(path);
        let original = fs_err::read(&path).ok();
        let changed = change(original.clone().unwrap_or_default());
        if original.is_some() {
            fs_err::rename(&path, path.with_extension("original")).unwrap();
        }
        if let Some(changed) = changed {
            fs_err::write(&path, changed).unwrap();
            fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        }
        let moved = path.with_extension("original");
        if original.is_some() {
            // Under another ending it would be taken for what it is.
            fs_err::rename(&moved, self.path("original")).unwrap();
        }
        Tampered { path, original: original.map(|_| self.path("original")) }
    }
}

struct Tampered {
    path: std::path::PathBuf,
    original: Option<std::path::PathBuf>,
}

impl Drop for Tampered {
    fn drop(&mut self) {
        let _ = fs_err::remove_file(&self.path);
        if let Some(original) = &self.original {
            fs_err::rename(original, &self.path).unwrap();
        }
    }
}

fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    *bytes.last_mut().unwrap() ^= 1;
    bytes
}

#[test]
fn a_whole_compose_is_proven_and_what_is_wrong_is_named() {
    let harbour = Harbour::new().with_packages();
    harbour.compose("composes", "", 0);
    let well = harbour.verify(0);
    for looked_at in [
        "all is well in lock, ",
        "repository Server.x86_64, ",
        "repository Server.x86_64 debug, ",
        "repository Server.src, ",
        "repository Server-optional.aarch64, ",
        "metadata, ",
        "/iso/Harbour-1.0-",
    ] {
        assert!(well.stdout.contains(looked_at), "{looked_at}: {well}");
    }
    let named = |tampered: Tampered, expected: &[&str]| {
        let ran = harbour.verify(1);
        for expected in expected {
            assert!(ran.stdout.contains(expected), "{expected}: {ran}");
        }
        drop(tampered);
    };
    let bash = format!("{PACKAGES}bash-1-1.x86_64.rpm");
    named(
        harbour.tamper(&bash, |bytes| Some(flipped(bytes))),
        &[
            &format!("package-equals-lock  {bash}: its SHA-256 is not "),
            &format!("repodata  Server.x86_64: {bash}: it is not the file that the repository lists\n"),
        ],
    );
    named(
        harbour.tamper(&bash, |_| None),
        &[
            &format!("repodata  Server.x86_64: {bash}: the repository lists it, and it is not there\n"),
            &format!("metadata  {bash}: rpms.json lists it, and it is in no repository\n"),
            "image-equals-tree  compose/Server/x86_64/iso/",
            ": Packages/bash-1-1.x86_64.rpm is on it and not in its tree\n",
        ],
    );
    let evil = format!("{PACKAGES}evil-1-1.x86_64.rpm");
    named(
        harbour.tamper(&evil, |_| Some(b"evil".to_vec())),
        &[
            &format!("package-equals-lock  {evil}: the lock has no such package\n"),
            &format!("repodata  Server.x86_64: {evil}: the repository does not list it\n"),
            &format!("metadata  {evil}: rpms.json does not list it\n"),
            ": Packages/evil-1-1.x86_64.rpm of its tree is not on it\n",
        ],
    );
    let stray = "compose/Server/x86_64/stray-1-1.x86_64.rpm";
    named(harbour.tamper(stray, |_| Some(Vec::new())), &[&format!("packages  {stray}: it is in no repository\n")]);
    let primary = harbour.files(&format!("{COMPOSE}/compose/Server/x86_64/os/repodata"), "primary.xml.gz").remove(0);
    let primary = format!("compose/Server/x86_64/os/repodata/{primary}");
    named(harbour.tamper(&primary, |_| Some(b"nonsense".to_vec())), &[&format!("files  {primary}: it was changed")]);
    let rpms = "compose/metadata/rpms.json";
    named(
        harbour.tamper(rpms, |text| Some(String::from_utf8(text).unwrap().replace("Packages/bash", "../../bash").into())),
        &[
            &format!("files  {rpms}: it was changed"),
            "rpms.json lists it, and it is in no repository",
            "rpms.json does not list it",
        ],
    );
    named(harbour.tamper(rpms, |_| Some(b"{}".to_vec())), &[&format!("metadata  {rpms}: missing field `payload`")]);
    let iso = harbour.files(&format!("{COMPOSE}/compose/Server/x86_64/iso"), ".iso").remove(0);
    let iso = format!("compose/Server/x86_64/iso/{iso}");
    named(
        harbour.tamper(&iso, |bytes| Some(flipped(bytes))),
        &[
            &format!("checksums  {iso}: its SHA-256 is "),
            &format!("checksums  {iso}: its sha256 is not the one that images.json has\n"),
            "/SHA256SUM: its sha256 of Harbour-1.0-",
        ],
    );
    named(harbour.tamper(&iso, |_| None), &[&format!("checksums  {iso}: "), "No such file"]);
    let images = "compose/metadata/images.json";
    named(
        harbour
            .tamper(images, |text| Some(String::from_utf8(text).unwrap().replace("Server/x86_64/iso", "../x86_64/iso").into())),
        &["it is no path that stays in the compose\n", "images.json does not list it\n"],
    );
    named(
        harbour.tamper("compose/Server/x86_64/os/.treeinfo", |bytes| Some(flipped(bytes))),
        &["files  compose/Server/x86_64/os/.treeinfo: it was changed"],
    );
    named(
        harbour.tamper(COMPOSED_LOCK, |bytes| Some(flipped(bytes))),
        &["lock  logs/global/charmer.lock: it is not the lock that the compose was made from"],
    );
    harbour.verify(0);
}

#[test]
fn what_is_no_file_is_named_and_not_waited_for() {
    let harbour = Harbour::new().with_packages();
    harbour.compose("composes", "", 0);
    let composed = |path: &str| harbour.path(COMPOSE).join(path);
    let bash = format!("{PACKAGES}bash-1-1.x86_64.rpm");
    let pipe = |path: &Path| rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::RUSR, 0).unwrap();
    let device = |path: &Path| std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    for path in [bash.as_str(), "compose/metadata/rpms.json", "compose/metadata/images.json", COMPOSED_LOCK] {
        for put in [&pipe as &dyn Fn(&Path), &device] {
            let tampered = harbour.tamper(path, |_| None);
            put(&composed(path));
            let ran = harbour.verify(1);
            assert!(ran.stdout.contains("is no regular file"), "{path}: {ran}");
            drop(tampered);
        }
    }
    let folder = composed("compose/Server/x86_64/iso/x-CHECKSUM");
    fs_err::create_dir(&folder).unwrap();
    let ran = harbour.verify(1);
    assert!(ran.stdout.contains("checksums  compose/Server/x86_64/iso/x-CHECKSUM: "), "{ran}");
    fs_err::remove_dir(&folder).unwrap();
    harbour.verify(0);
}

#[test]
fn a_package_among_extra_files_is_no_stranger() {
    let harbour = Harbour::new().with_packages();
    fs_err::create_dir(harbour.path("extra")).unwrap();
    Rpm::new("rescue", "1", "1", "x86_64").write_to(&harbour.path("extra"));
    let config = harbour.path("examples/harbour-rpm.toml");
    let text = fs_err::read_to_string(&config).unwrap();
    let file = harbour.path("extra/rescue-1-1.x86_64.rpm");
    let extra = format!("extra_files = [{{ scm = \"file\", file = \"{}\", target = \"rescue\" }}]\n", file.display());
    let key = "additional_packages = [\"harbour-firmware\"]\n";
    assert!(text.contains(key));
    fs_err::write(&config, text.replace(key, &format!("{key}{extra}"))).unwrap();
    harbour.compose("composes", "", 0);
    assert!(harbour.path(COMPOSE).join("compose/Server/x86_64/os/rescue/rescue-1-1.x86_64.rpm").is_file());
    harbour.verify(0);
}

#[test]
fn questions_about_a_compose_are_answered() {
    let harbour = Harbour::new().with_packages();
    assert_eq!(harbour.charmer("lock examples/harbour-rpm.toml --quiet").code, 0);
    harbour.compose("composes", " --locked", 0);
    let status = harbour.charmer(&format!("status {COMPOSE}"));
    assert!(status.code == 0 && status.stdout.contains("is FINISHED after") && status.stdout.contains("lock 1/1"), "{status}");
    let list = harbour.charmer("list composes");
    assert!(list.code == 0 && list.stdout.contains("FINISHED"), "{list}");
    let why = harbour.charmer(&format!("why {COMPOSE} bash"));
    assert!(why.code == 0 && why.stdout.contains("Server.x86_64\n  bash-1-1.x86_64.rpm  bash was requested"), "{why}");
}
