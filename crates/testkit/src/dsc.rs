//! Real native source packages, without dpkg-source, and with the same bytes each time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};
use sha2::Sha256;

use crate::tarball::{Compression, Entry, hexadecimal, tar};

const MAINTAINER: &str = "Fixture Maker <fixtures@example.invalid>";

/// A native source package to be.
#[derive(Debug, Clone)]
pub struct Dsc {
    name: String,
    version: String,
    /// Name and architecture of each.
    binaries: Vec<(String, String)>,
    fields: Vec<(String, String)>,
    files: BTreeMap<String, Entry>,
}

impl Dsc {
    pub fn new(name: &str, version: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            binaries: Vec::new(),
            fields: Vec::new(),
            files: BTreeMap::new(),
        }
    }

    /// A binary package that is built from it. Without one, a package of the source's name for all architectures.
    #[must_use]
    pub fn binary(mut self, name: &str, arch: &str) -> Self {
        self.binaries.push((name.to_owned(), arch.to_owned()));
        self
    }

    /// Another field of the .dsc: `Build-Depends`.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A file of the source tree; `debian/` has what it needs without this.
    #[must_use]
    pub fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.files.insert(path.to_owned(), Entry::File { content: content.to_vec(), mode: 0o644 });
        self
    }

    fn binaries(&self) -> Vec<(String, String)> {
        if self.binaries.is_empty() { vec![(self.name.clone(), "all".into())] } else { self.binaries.clone() }
    }

    fn version_without_epoch(&self) -> &str {
        self.version.split_once(':').map_or(self.version.as_str(), |(_, version)| version)
    }

    fn tree(&self) -> BTreeMap<String, Entry> {
        let (name, version) = (&self.name, &self.version);
        let packages = self
            .binaries()
            .iter()
            .map(|(name, arch)| format!("\nPackage: {name}\nArchitecture: {arch}\nDescription: fixture {name}\n"))
            .collect::<Vec<_>>()
            .concat();
        let date = "Tue, 14 Nov 2023 22:13:20 +0000";
        let texts = [
            ("control", format!("Source: {name}\nMaintainer: {MAINTAINER}\nStandards-Version: 4.7.0\n{packages}"), 0o644),
            (
                "changelog",
                format!("{name} ({version}) unstable; urgency=low\n\n  * Fixture.\n\n -- {MAINTAINER}  {date}\n"),
                0o644,
            ),
            ("copyright", "Public domain.\n".into(), 0o644),
            ("rules", "#!/usr/bin/make -f\n%:\n\ttrue\n".into(), 0o755),
            ("source/format", "3.0 (native)\n".into(), 0o644),
        ];
        let debian = texts.map(|(path, text, mode)| (format!("debian/{path}"), Entry::File { content: text.into(), mode }));
        let top = format!("{name}-{}", self.version_without_epoch());
        debian.into_iter().chain(self.files.clone()).map(|(path, entry)| (format!("{top}/{path}"), entry)).collect()
    }

    /// The files of the source package by name; the .dsc is the last.
    pub fn build(&self) -> Vec<(String, Vec<u8>)> {
        let stem = format!("{}_{}", self.name, self.version_without_epoch());
        let (name, content) = (format!("{stem}.tar.xz"), Compression::Xz.compress(&tar(&self.tree())));
        let binaries = self.binaries();
        let names: Vec<_> = binaries.iter().map(|(name, _)| name.as_str()).collect();
        let mut arches: Vec<_> = binaries.iter().map(|(_, arch)| arch.as_str()).collect();
        arches.sort_unstable();
        arches.dedup();
        let list =
            binaries.iter().map(|(name, arch)| format!("\n {name} deb misc optional arch={arch}")).collect::<Vec<_>>().concat();
        let mut fields = vec![
            ("Format", "3.0 (native)".to_owned()),
            ("Source", self.name.clone()),
            ("Binary", names.join(", ")),
            ("Architecture", arches.join(" ")),
            ("Version", self.version.clone()),
            ("Maintainer", MAINTAINER.to_owned()),
            ("Standards-Version", "4.7.0".to_owned()),
        ];
        fields.extend(self.fields.iter().map(|(name, value)| (name.as_str(), value.clone())));
        let line = |digest: String| format!("\n {digest} {} {name}", content.len());
        fields.push(("Package-List", list));
        fields.push(("Checksums-Sha256", line(hexadecimal(&Sha256::digest(&content)))));
        fields.push(("Files", line(hexadecimal(&Md5::digest(&content)))));
        let dsc = fields
            .iter()
            .map(|(name, value)| format!("{name}:{}{value}\n", if value.starts_with('\n') { "" } else { " " }))
            .collect::<Vec<_>>()
            .concat();
        vec![(name, content), (format!("{stem}.dsc"), dsc.into_bytes())]
    }

    /// Writes the source package into a folder, which is made if need be, and gives the path of the .dsc.
    pub fn write_to(&self, folder: &Path) -> PathBuf {
        fs_err::create_dir_all(folder).expect("a test's folder can be made");
        let mut path = PathBuf::new();
        for (name, content) in self.build() {
            path = folder.join(name);
            fs_err::write(&path, content).expect("a test's folder is writable");
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dpkg_source_unpacks_it() {
        let folder = tempfile::tempdir().unwrap();
        let dsc = Dsc::new("tool", "1:2.0").binary("tool", "any").binary("tool-doc", "all").file("src/main.c", b"int x;\n");
        let path = dsc.write_to(folder.path());
        assert_eq!(path.file_name().unwrap(), "tool_2.0.dsc");
        #[expect(clippy::disallowed_types, reason = "the package is read back by the tool that users have")]
        let output = std::process::Command::new("dpkg-source")
            .args(["--require-strong-checksums", "-x", "tool_2.0.dsc", "out"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(fs_err::read(folder.path().join("out/src/main.c")).unwrap(), b"int x;\n");
        assert!(fs_err::read_to_string(folder.path().join("out/debian/control")).unwrap().contains("Package: tool-doc"));
    }
}
