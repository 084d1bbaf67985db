//! Whole composes of RPM packages by the real binary: a little distribution that has everything which Pungi's users compose, made of
//! packages that install.

mod front;
mod hostile;
mod killed;
mod packages;
mod read_back;
mod reuse;

pub(super) use killed::is_alike;
use std::path::{Path, PathBuf};

use charmer_testkit::fake_tools::write_fake_lorax;
use tempfile::TempDir;

use super::Ran;
use super::harbour::{Compose, composes};

const CONFIG: &str = r#"
release_name = "Quay Linux"
release_short = "Quay"
release_version = "1.0"
variants_file = "variants.xml"
comps_file = "comps.xml"
pkgset_source = "repos"
pkgset_repos = {"*": ["repository"]}
gather_method = "deps"
check_deps = True
multilib = [("^Server$", {"x86_64": ["devel", "runtime"]})]
additional_packages = [("^Server-optional$", {"*": ["lantern"]})]
extra_files = [("^Server$", {"*": [{"scm": "file", "repo": "", "file": "GPL", "target": "licences"}]})]
product_id = {"scm": "file", "repo": "", "dir": "product-ids"}
product_id_allow_missing = True
module_defaults_dir = {"scm": "file", "repo": "", "dir": "module-defaults"}
createrepo_extra_modulemd = {"Server": {"scm": "file", "repo": "", "dir": "modules"}}
buildinstall_method = "lorax"
buildinstall_skip = [("^.*$", {"aarch64": True}), ("^Server-", {"*": True})]
create_optional_isos = True
createiso_use_xorrisofs = True
media_checksums = ["sha256"]
repoclosure_strictness = [("^.*$", {"*": "fatal"})]
"#;

const VARIANTS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<variants>
  <variant id="Server" name="Quay Server" type="variant" has_optional="true">
    <arches><arch>x86_64</arch><arch>aarch64</arch></arches>
    <groups><group default="true">core</group></groups>
    <variants>
      <variant id="HA" name="High Availability" type="addon">
        <arches><arch>x86_64</arch><arch>aarch64</arch></arches>
        <groups><group>ha</group></groups>
      </variant>
      <variant id="Atoll" name="Atoll Storage" type="layered-product">
        <release name="Atoll Storage" short="Atoll" version="11.1"/>
        <arches><arch>x86_64</arch><arch>aarch64</arch></arches>
        <groups><group>atoll</group></groups>
      </variant>
    </variants>
  </variant>
</variants>
"#;

const COMPS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
  <group>
    <id>core</id><name>Core</name><description>What every server has</description>
    <packagelist>
      <packagereq type="mandatory">harbour-tool</packagereq>
      <packagereq type="mandatory">harbour-release</packagereq>
      <packagereq type="default">harbour-libs-devel</packagereq>
      <packagereq type="default">beacon</packagereq>
    </packagelist>
  </group>
  <group>
    <id>ha</id><name>High Availability</name><description/>
    <packagelist><packagereq type="mandatory">reef</packagereq></packagelist>
  </group>
  <group>
    <id>atoll</id><name>Atoll</name><description/>
    <packagelist><packagereq type="mandatory">atoll</packagereq></packagelist>
  </group>
  <environment>
    <id>server</id><name>Server</name><description/>
    <grouplist><groupid>core</groupid></grouplist>
  </environment>
</comps>
"#;

const MODULE_DEFAULTS: &str = r#"document: modulemd-defaults
version: 1
data:
  module: beacon
  stream: "1"
  profiles: {"1": [default]}
"#;

const MODULE: &str = r#"document: modulemd
version: 2
data:
  name: beacon
  stream: "1"
  version: 20240102
  context: c0ffee
  arch: @ARCH@
  summary: A light
  description: A light
  license: {module: [MIT], content: [MIT]}
  profiles: {default: {rpms: [beacon]}}
  artifacts: {rpms: ["beacon-0:1.0-1.@ARCH@", "beacon-0:1.0-1.src"]}
"#;

/// 2026-01-01
const DATE: &str = "1767225600";

/// A folder with a configuration and all that it names.
pub(super) struct Quay(TempDir);

impl Quay {
    /// With packages that install, for two arches and a half.
    pub(super) fn new() -> Self {
        let quay = Self::without_packages();
        let repository = quay.path("repository");
        fs_err::create_dir(&repository).unwrap();
        for package in fs_err::read_dir(packages::built()).unwrap() {
            let package = package.unwrap();
            fs_err::copy(package.path(), repository.join(package.file_name())).unwrap();
        }
        quay.index();
        quay
    }

    /// With everything but the folder of packages.
    pub(super) fn without_packages() -> Self {
        let quay = Self(tempfile::tempdir().unwrap());
        quay.write("quay.conf", CONFIG);
        quay.write("variants.xml", VARIANTS);
        quay.write("comps.xml", COMPS);
        quay.write("GPL", "Do as you like.\n");
        quay.write("module-defaults/beacon.yaml", MODULE_DEFAULTS);
        for arch in ["x86_64", "aarch64"] {
            quay.write(&format!("modules/{arch}/beacon.yaml"), MODULE.replace("@ARCH@", arch));
            quay.write(&format!("product-ids/Quay-Server-{arch}-5a.pem"), format!("certificate of {arch}\n"));
        }
        fs_err::create_dir(quay.path("composes")).unwrap();
        let tools = quay.path("tools");
        write_fake_lorax(&tools).unwrap();
        fs_err::os::unix::fs::symlink(env!("CARGO_BIN_EXE_charmer"), tools.join("pungi-koji")).unwrap();
        quay
    }

    /// Writes the metadata of the repository.
    pub(super) fn index(&self) {
        output("createrepo_c", &["--quiet", "--no-database", self.path("repository").to_str().unwrap()]);
    }

    pub(super) fn path(&self, inner: &str) -> PathBuf {
        self.0.path().join(inner)
    }

    pub(super) fn write(&self, inner: &str, content: impl AsRef<[u8]>) {
        let path = self.path(inner);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }

    /// Changes a file of the fixture.
    pub(super) fn change(&self, inner: &str, from: &str, to: &str) {
        let text = fs_err::read_to_string(self.path(inner)).unwrap();
        assert!(text.contains(from), "{inner} has no {from}");
        self.write(inner, text.replace(from, to));
    }

    /// A program of the fixture's, in its folder and with its tools.
    #[expect(clippy::disallowed_types, reason = "the program under test is started as users start it")]
    pub(super) fn command(&self, program: &str, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(program);
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", self.path("tools").display()))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("SOURCE_DATE_EPOCH", DATE);
        command
    }

    pub(super) fn charmer(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(env!("CARGO_BIN_EXE_charmer"), arguments).output().unwrap())
    }

    /// The program under its other name, with the configuration.
    pub(super) fn pungi_koji(&self, more: &[&str]) -> Ran {
        let program = self.path("tools/pungi-koji");
        let arguments = [&["--config", "quay.conf", "--nightly"], more].concat();
        Ran::of(self.command(program.to_str().unwrap(), &arguments).output().unwrap())
    }

    /// Makes a compose that must end with an exit code.
    pub(super) fn compose(&self, more: &[&str], code: i32) -> (Ran, Compose) {
        let before = composes(&self.path("composes"));
        let ran = self.pungi_koji(&[&["--target-dir", "composes"], more].concat());
        assert_eq!(ran.code, code, "{ran}");
        let new: Vec<_> = composes(&self.path("composes")).into_iter().filter(|root| !before.contains(root)).collect();
        let [root] = new.as_slice() else { panic!("one new compose is expected, not {new:?}: {ran}") };
        (ran, Compose { root: root.clone() })
    }
}

/// What a program prints that must succeed.
pub(super) fn output(program: &str, arguments: &[&str]) -> String {
    super::harbour::output_of(program, arguments)
}

/// All files below a folder that a test on their path takes, sorted.
pub(super) fn files(folder: &Path, takes: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let mut waiting = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                waiting.push(entry.path());
            } else if takes(entry.path().to_str().unwrap()) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

pub(super) fn is_package(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rpm")
}

pub(super) fn is_image(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "iso")
}
