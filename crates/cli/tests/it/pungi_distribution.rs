//! A small distribution that Pungi's configuration describes, composed by the real binary under Pungi's command name.

use std::path::{Path, PathBuf};

use charmer_testkit::rpm_file::Rpm;

use super::{Charmer, Ran};

/// What every configuration begins with.
const OPTIONS: &str = r#"
release_name = "Meadow"
release_short = "Meadow"
release_version = "1"
variants_file = "variants.xml"
comps_file = "comps.xml"
pkgset_source = "repos"
gather_method = "deps"
"#;

/// Added where a configuration says nothing of ISO images.
const NO_ISOS: &str = "createiso_skip = [('^.*$', {'*': True, 'src': True})]\n";

pub(super) const VARIANTS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE variants PUBLIC "-//Red Hat, Inc.//DTD Variants info//EN" "variants.dtd">
<variants>
  <variant id="Server" name="Server" type="variant">
    <arches><arch>x86_64</arch></arches>
    <groups><group>core</group></groups>
  </variant>
</variants>
"#;

/// A folder with the configuration, repositories and composes.
pub(super) struct Distribution(tempfile::TempDir);

impl Distribution {
    /// The group `core` of the variant `Server` has these packages, and the configuration these options besides the usual ones.
    pub(super) fn new(core: &[&str], options: &str) -> Self {
        let distribution = Self(tempfile::tempdir().unwrap());
        let member = |name: &&str| format!("<packagereq type=\"mandatory\">{name}</packagereq>");
        let members = core.iter().map(member).collect::<String>();
        let comps = format!("<comps><group><id>core</id><name>core</name><packagelist>{members}</packagelist></group></comps>");
        fs_err::write(distribution.path("comps.xml"), comps).unwrap();
        fs_err::write(distribution.path("variants.xml"), VARIANTS).unwrap();
        fs_err::create_dir(distribution.path("composes")).unwrap();
        distribution.configure(options);
        distribution
    }

    pub(super) fn configure(&self, options: &str) {
        let isos = if options.contains("createiso_skip") { "" } else { NO_ISOS };
        fs_err::write(self.path("meadow.conf"), format!("{OPTIONS}{isos}{options}\n")).unwrap();
    }

    pub(super) fn path(&self, inner: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(inner)
    }

    /// Puts a package into a folder, which is a repository without metadata.
    pub(super) fn add(&self, folder: &str, package: &Rpm) -> PathBuf {
        let folder = self.path(folder);
        fs_err::create_dir_all(&folder).unwrap();
        package.write_to(&folder)
    }

    pub(super) fn compose(&self, more: &[&str]) -> Ran {
        let line = ["pungi-koji", "--test", "--config", "meadow.conf", "--target-dir", "composes"];
        self.charmer(&[&line, more].concat())
    }

    pub(super) fn charmer(&self, arguments: &[&str]) -> Ran {
        let home = self.path("home");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("tools").display());
        let variables = [("HOME", home.to_str().unwrap()), ("PATH", path.as_str()), ("SOURCE_DATE_EPOCH", "1767225600")];
        let folder = self.path("");
        Charmer { folder: Some(&folder), variables: &variables }.run(arguments)
    }

    /// The newest compose.
    pub(super) fn newest(&self) -> PathBuf {
        let mut composes: Vec<(u32, PathBuf)> = fs_err::read_dir(self.path("composes"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| !path.is_symlink())
            .map(|path| (path.extension().unwrap().to_str().unwrap().parse().unwrap(), path))
            .collect();
        composes.sort();
        composes.pop().unwrap().1
    }

    /// What a compose says of a package: the key that signed it, if it has the package.
    pub(super) fn sigkey(&self, name: &str) -> Option<serde_json::Value> {
        let text = fs_err::read(self.newest().join("compose/metadata/rpms.json")).unwrap();
        let rpms: serde_json::Value = serde_json::from_slice(&text).unwrap();
        let sources = rpms["payload"]["rpms"]["Server"]["x86_64"].as_object().unwrap();
        let packages = sources.values().flat_map(|packages| packages.as_object().unwrap());
        let mut found = packages.filter(|(nevra, _)| nevra.starts_with(&format!("{name}-")));
        found.next().map(|(_, package)| package["sigkey"].clone())
    }
}

/// The names of a folder's files of an ending, sorted.
pub(super) fn names(folder: &Path, ending: &str) -> Vec<String> {
    let entries = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.filter(|name| name.ends_with(ending)).collect();
    names.sort();
    names
}
