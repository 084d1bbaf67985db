//! RPM composes from TOML, by the real binary: the example, mistakes, and what `charmer convert` writes.

use std::path::{Path, PathBuf};

use charmer_testkit::rpm_file::Rpm;

use super::{Charmer, Ran};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

/// The folder that the example's configuration names.
pub(super) const REPOSITORY: &str = "target/demo/rpms";

/// What a small configuration begins with: packages of the folder `served`, groups of `comps.xml`, and no variant yet.
pub(super) const MEADOW: &str = r#"
ecosystem = "rpm"
[release]
name = "Meadow"
short = "Meadow"
version = "1"
[packages]
repositories = { "*" = ["served"] }
[comps]
file = "comps.xml"
[options]
createiso_use_xorrisofs = true
"#;

/// A folder with the example as users have it, and the repository that it names.
pub(super) struct Harbour(tempfile::TempDir);

impl Harbour {
    pub(super) fn new() -> Self {
        let harbour = Self(tempfile::tempdir().unwrap());
        fs_err::create_dir_all(harbour.path("examples/harbour-rpm")).unwrap();
        for file in ["harbour-rpm.toml", "harbour-rpm/comps.xml"] {
            fs_err::copy(Path::new(EXAMPLES).join(file), harbour.path("examples").join(file)).unwrap();
        }
        harbour
    }

    pub(super) fn with_packages(self) -> Self {
        fs_err::create_dir_all(self.path(REPOSITORY)).unwrap();
        for name in ["bash", "coreutils", "nginx", "htop", "harbour-release", "harbour-firmware"] {
            self.add(name, "1");
        }
        self.publish(&[]);
        self
    }

    /// Puts a package of some version into the repository's folder, for all arches and with its source.
    pub(super) fn add(&self, name: &str, version: &str) {
        for arch in ["src", "x86_64", "aarch64"] {
            let mut package = Rpm::new(name, version, "1", arch);
            if arch != "src" {
                package.provides.add_text(&format!("{name} = {version}-1"));
            }
            if name == "nginx" && arch != "src" {
                package.requires.add_text("coreutils");
            }
            package.write_to(&self.path(REPOSITORY));
        }
    }

    /// Writes the repository's metadata, without the files of some patterns.
    #[expect(clippy::disallowed_types, reason = "createrepo_c makes the repository that is composed from")]
    pub(super) fn publish(&self, without: &[&str]) {
        let mut command = std::process::Command::new("createrepo_c");
        for pattern in without {
            command.args(["--excludes", pattern]);
        }
        let output = command.arg("--quiet").arg(self.path(REPOSITORY)).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    pub(super) fn path(&self, inner: &str) -> PathBuf {
        self.0.path().join(inner)
    }

    pub(super) fn charmer(&self, words: &str) -> Ran {
        let home = self.0.path().to_str().unwrap();
        let variables = [("HOME", home), ("SOURCE_DATE_EPOCH", "1767225600")];
        Charmer { folder: Some(self.0.path()), variables: &variables }.run(&words.split(' ').collect::<Vec<_>>())
    }

    /// Writes a configuration of Pungi's with the same packages.
    pub(super) fn pungi(&self) {
        fs_err::create_dir(self.path("pungi")).unwrap();
        fs_err::write(self.path("pungi/harbour.conf"), PUNGI).unwrap();
        fs_err::write(self.path("pungi/variants.xml"), VARIANTS).unwrap();
        fs_err::copy(self.path("examples/harbour-rpm/comps.xml"), self.path("pungi/comps.xml")).unwrap();
    }

    /// Names of files below a folder, without those of other endings.
    pub(super) fn files(&self, folder: &str, ending: &str) -> Vec<String> {
        let mut open = vec![self.path(folder)];
        let mut found = Vec::new();
        while let Some(folder) = open.pop() {
            for entry in fs_err::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    open.push(path);
                } else if name.ends_with(ending) {
                    found.push(name);
                }
            }
        }
        found.sort();
        found
    }
}

#[test]
fn the_example_is_in_order_and_can_be_planned_without_its_packages() {
    let example = format!("{EXAMPLES}/harbour-rpm.toml");
    let checked = super::charmer(&["config", "check", &example]);
    assert_eq!(checked.code, 0, "{checked}");
    assert!(checked.stdout.ends_with("is in order: Harbour Linux 1.0, 2 variants, 4 variant and arch pairs\n"), "{checked}");
    assert_eq!(checked.stderr, "", "{checked}");
    let plan = super::charmer(&["plan", &example]);
    assert!(plan.code == 0 && plan.stdout.contains("gather:Server.x86_64"), "{plan}");
    let shown = super::charmer(&["config", "show", &example]);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let trees = &shown["variants"][0]["trees"];
    assert_eq!(trees["x86_64"]["gather"]["additional"], serde_json::json!(["harbour-release", "harbour-firmware"]));
    assert_eq!(trees["aarch64"]["gather"]["additional"], serde_json::json!(["harbour-release"]));
}

#[test]
fn the_example_is_composed_and_resumed() {
    let harbour = Harbour::new().with_packages();
    fs_err::create_dir(harbour.path("composes")).unwrap();
    let ran = harbour.charmer("compose examples/harbour-rpm.toml --target-dir composes");
    assert_eq!(ran.code, 0, "{ran}");
    let tree = "composes/latest-Harbour-1/compose/Server";
    let packages = ["bash", "coreutils", "harbour-release", "nginx"];
    let of_arch = |arch: &str, more: &[&str]| {
        let mut names: Vec<String> = packages.iter().chain(more).map(|name| format!("{name}-1-1.{arch}.rpm")).collect();
        names.sort();
        names
    };
    assert_eq!(harbour.files(&format!("{tree}/aarch64/os"), ".rpm"), of_arch("aarch64", &[]));
    assert_eq!(harbour.files(&format!("{tree}/x86_64/os"), ".rpm"), of_arch("x86_64", &["harbour-firmware"]));
    let optional = "composes/latest-Harbour-1/compose/Server-optional";
    assert_eq!(harbour.files(&format!("{optional}/x86_64/os"), ".rpm"), ["htop-1-1.x86_64.rpm"]);
    assert_eq!(harbour.files("composes/latest-Harbour-1/compose", ".iso").len(), 2, "one of each arch, none of sources");
    let again = harbour.charmer("resume composes/latest-Harbour-1");
    assert_eq!(again.code, 0, "{again}");
}

#[test]
fn mistakes_are_shown_where_they_were_made() {
    let harbour = Harbour::new();
    let file = harbour.path("examples/harbour-rpm.toml");
    let example = fs_err::read_to_string(&file).unwrap();
    for (written, instead, place, message, help) in [
        (
            "createrepo_checksum",
            "createrepo_cheksum",
            "25:1",
            "unknown option `createrepo_cheksum`",
            "did you mean `createrepo_checksum`?",
        ),
        ("\"sha512\"", "\"sha3\"", "25:23", "'sha3' is not one of", ""),
        ("groups = [\"tools\"]", "grups = [\"tools\"]", "50:1", "unknown key `grups`", "did you mean `groups`?"),
        ("parent = \"Server\"", "parent = \"Sever\"", "49:10", "there is no variant `Sever`", "did you mean `Server`?"),
        (
            "[variants.Server.arch.x86_64]",
            "[variants.Server.arch.x86-64]",
            "39:23",
            "no variant has the arch `x86-64`",
            "did you mean `x86_64`?",
        ),
        ("[\"harbour-firmware\"]", "[1]", "40:24", "1 is not of type 'string'", ""),
        (
            "createiso_skip = true",
            "hashed_directories = true",
            "44:1",
            "`hashed_directories` is no option of variants",
            "`[options]`",
        ),
        ("createrepo_checksum = ", "additional_packages = ", "25:1", "is an option of variants", "[variants.UID.options]"),
        (
            "createrepo_checksum = ",
            "release_name = ",
            "25:1",
            "`release_name` has a key of its own",
            "write `name` in `[release]`",
        ),
    ] {
        assert!(example.contains(written), "{written}");
        fs_err::write(&file, example.replacen(written, instead, 1)).unwrap();
        let ran = harbour.charmer("config check examples/harbour-rpm.toml");
        assert_eq!(ran.code, 2, "{instead}: {ran}");
        for expected in [&format!("--> examples/harbour-rpm.toml:{place}\n"), message, help] {
            assert!(ran.stderr.contains(expected), "{instead}: no {expected} in {ran}");
        }
    }
}

const PUNGI: &str = r#"
release_name = "Harbour Linux"
release_short = "Harbour"
release_version = "1.0"
variants_file = "variants.xml"
pkgset_source = "repos"
pkgset_repos = {"*": ["../target/demo/rpms"]}
comps_file = "comps.xml"
gather_method = {"^Server$": {"comps": "deps"}, "^.*$": {"comps": "deps"}}
createiso_use_xorrisofs = True
createiso_skip = [("^.*$", {"*": True, "src": True})]
additional_packages = [("^Server$", {"*": ["harbour-release"]}), ("^Desktop$", {"*": ["firefox"]})]
"#;

const VARIANTS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE variants PUBLIC "-//Red Hat, Inc.//DTD Variants info//EN" "variants.dtd">
<variants>
  <variant id="Server" name="Server" type="variant" has_optional="true">
    <arches><arch>x86_64</arch></arches>
    <groups><group>core</group></groups>
  </variant>
</variants>
"#;

#[test]
fn a_configuration_of_pungi_is_converted_into_another_folder_and_composed() {
    let harbour = Harbour::new().with_packages();
    for folder in ["charmer", "composes"] {
        fs_err::create_dir(harbour.path(folder)).unwrap();
    }
    harbour.pungi();
    let words = "convert pungi/harbour.conf -o charmer/harbour.toml";
    let ran = harbour.charmer(words);
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stderr.contains("additional_packages: the pattern `^Desktop$` matches no variant"), "{ran}");
    let expected = r#"# Converted by charmer from harbour.conf.

ecosystem = "rpm"

[release]
name = "Harbour Linux"
short = "Harbour"
version = "1.0"

[packages]
repositories = { "*" = ["../target/demo/rpms"] }

[comps]
file = "../pungi/comps.xml"

[options]
gather_method = { comps = "deps" }
createiso_use_xorrisofs = true

[variants.Server]
arches = ["x86_64"]
groups = ["core"]

[variants.Server.options]
createiso_skip = true
additional_packages = ["harbour-release"]

[variants.Server.arch.src]
createiso_skip = true

[variants.Server-optional]
type = "optional"
parent = "Server"

[variants.Server-optional.options]
createiso_skip = true

[variants.Server-optional.arch.src]
createiso_skip = true
"#;
    assert_eq!(fs_err::read_to_string(harbour.path("charmer/harbour.toml")).unwrap(), expected);
    let again = harbour.charmer(words);
    assert!(again.code == 2 && again.stderr.contains("--force overwrites it"), "{again}");
    assert_eq!(harbour.charmer(&format!("{words} --force")).code, 0);
    let ran = harbour.charmer("compose charmer/harbour.toml --target-dir composes");
    assert_eq!(ran.code, 0, "{ran}");
    let tree = "composes/latest-Harbour-1/compose/Server/x86_64/os";
    let packages = ["bash-1-1.x86_64.rpm", "coreutils-1-1.x86_64.rpm", "harbour-release-1-1.x86_64.rpm"];
    assert_eq!(harbour.files(tree, ".rpm"), packages);
}
