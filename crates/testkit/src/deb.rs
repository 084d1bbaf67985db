//! Real binary packages from a few lines of text, without dpkg-deb, and with the same bytes each time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};

use crate::tarball::{Compression, Entry, hexadecimal, tar};

const MAINTAINER: &str = "Fixture Maker <fixtures@example.invalid>";

/// A binary package to be.
#[derive(Debug, Clone)]
pub struct Deb {
    /// In the order in which they are written.
    fields: Vec<(String, String)>,
    data: BTreeMap<String, Entry>,
    control: BTreeMap<String, Entry>,
    compression: Compression,
}

impl Deb {
    pub fn new(name: &str, version: &str, arch: &str) -> Self {
        let fields = [("Package", name), ("Version", version), ("Architecture", arch)];
        Self {
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            data: BTreeMap::new(),
            control: BTreeMap::new(),
            compression: Compression::Xz,
        }
    }

    /// Sets a control field. In a value of several lines each line but the first begins with a space.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        match self.fields.iter_mut().find(|(field, _)| field == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// A file that the package installs, readable by all.
    #[must_use]
    pub fn file(self, path: &str, content: &[u8]) -> Self {
        self.entry(path, Entry::File { content: content.to_vec(), mode: 0o644 })
    }

    /// A program that the package installs.
    #[must_use]
    pub fn program(self, path: &str, content: &[u8]) -> Self {
        self.entry(path, Entry::File { content: content.to_vec(), mode: 0o755 })
    }

    /// A symbolic link that the package installs.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        self.entry(path, Entry::Link { target: target.to_owned() })
    }

    /// An empty folder that the package installs.
    #[must_use]
    pub fn folder(self, path: &str) -> Self {
        self.entry(path, Entry::Folder)
    }

    fn entry(mut self, path: &str, entry: Entry) -> Self {
        self.data.insert(format!("./{}", path.trim_matches('/')), entry);
        self
    }

    /// `preinst`, `postinst`, `prerm`, `postrm` or `config`.
    #[must_use]
    pub fn maintainer_script(mut self, name: &str, script: &str) -> Self {
        self.control.insert(format!("./{name}"), Entry::File { content: script.into(), mode: 0o755 });
        self
    }

    /// How both archives in the package are compressed; xz without this.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// `name_version_arch.deb`, without the version's epoch.
    pub fn file_name(&self) -> String {
        let version = self.get("Version").unwrap_or_default();
        let version = version.split_once(':').map_or(version, |(_, version)| version);
        format!("{}_{version}_{}.deb", self.get("Package").unwrap_or_default(), self.get("Architecture").unwrap_or_default())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }

    /// The control file's text.
    pub fn control_text(&self) -> String {
        let mut fields = self.fields.clone();
        let mut default = |name: &str, value: String| {
            if !fields.iter().any(|(field, _)| field == name) {
                fields.push((name.to_owned(), value));
            }
        };
        default("Maintainer", MAINTAINER.into());
        default("Installed-Size", self.installed_size().to_string());
        default("Description", format!("fixture {}\n It does nothing.", self.get("Package").unwrap_or_default()));
        fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<Vec<_>>().concat()
    }

    /// In KiB, each entry rounded up to one.
    fn installed_size(&self) -> usize {
        let size = |entry: &Entry| match entry {
            Entry::File { content, .. } => content.len().div_ceil(1024),
            Entry::Folder | Entry::Link { .. } => 1,
        };
        self.data.values().map(size).sum()
    }

    fn md5sums(&self) -> String {
        let mut text = String::new();
        for (path, entry) in &self.data {
            if let Entry::File { content, .. } = entry {
                writeln!(text, "{}  {}", hexadecimal(&Md5::digest(content)), &path[2..]).expect("memory takes it");
            }
        }
        text
    }

    /// The package's bytes.
    pub fn build(&self) -> Vec<u8> {
        let mut control = self.control.clone();
        let mut add = |name: &str, content: String| {
            control.insert(name.to_owned(), Entry::File { content: content.into(), mode: 0o644 });
        };
        add("./control", self.control_text());
        if !self.data.is_empty() {
            add("./md5sums", self.md5sums());
        }
        let mut data = self.data.clone();
        data.insert(".".into(), Entry::Folder);
        let member =
            |name: &str, entries| (format!("{name}.tar{}", self.compression.suffix()), self.compression.compress(&tar(entries)));
        ar(&[("debian-binary".into(), b"2.0\n".to_vec()), member("control", &control), member("data", &data)])
    }

    /// Writes the package into a folder, which is made if need be, and gives the file's path.
    pub fn write_to(&self, folder: &Path) -> PathBuf {
        fs_err::create_dir_all(folder).expect("a test's folder can be made");
        let path = folder.join(self.file_name());
        fs_err::write(&path, self.build()).expect("a test's folder is writable");
        path
    }
}

/// An ar archive of the members, in their order. Tests make broken packages of it.
pub fn ar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let header = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 1_700_000_000, 0, 0, "100644", content.len());
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(content);
        if content.len() % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

/// Packages from control stanzas, one package each, separated by empty lines. Only `Package` is needed: version 1.0 and
/// architecture all go without saying. `Files` holds paths to install, each with its own path as content.
pub fn debs_from_text(text: &str, folder: &Path) -> Vec<PathBuf> {
    stanzas(text).into_iter().map(|fields| deb_from_fields(&fields).write_to(folder)).collect()
}

fn deb_from_fields(fields: &[(String, String)]) -> Deb {
    let get = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
    let name = get("Package").expect("each stanza of a fixture names its package");
    let mut deb = Deb::new(name, get("Version").unwrap_or("1.0"), get("Architecture").unwrap_or("all"));
    for path in get("Files").unwrap_or_default().split_whitespace() {
        deb = deb.file(path, format!("{path}\n").as_bytes());
    }
    fields.iter().filter(|(field, _)| field != "Files").fold(deb, |deb, (field, value)| deb.field(field, value))
}

fn stanzas(text: &str) -> Vec<Vec<(String, String)>> {
    let mut stanzas = vec![Vec::new()];
    for line in text.lines() {
        let stanza: &mut Vec<(String, String)> = stanzas.last_mut().expect("there is always one");
        if line.trim().is_empty() {
            stanzas.push(Vec::new());
        } else if line.starts_with([' ', '\t']) {
            let (_, value) = stanza.last_mut().expect("a continuation line of a fixture follows a field");
            value.push('\n');
            value.push_str(line);
        } else {
            let (field, value) = line.split_once(':').expect("each line of a fixture is `Field: value`");
            stanza.push((field.to_owned(), value.trim().to_owned()));
        }
    }
    stanzas.retain(|stanza| !stanza.is_empty());
    stanzas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_types, reason = "the packages are read back by the tools that users have")]
    fn output(program: &str, arguments: &[&str]) -> String {
        let output = std::process::Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn dpkg_deb_reads_every_compression() {
        let folder = tempfile::tempdir().unwrap();
        for compression in [Compression::None, Compression::Gzip, Compression::Xz, Compression::Zstd] {
            let long = format!("/usr/share/{}", "long/".repeat(30));
            let path = Deb::new("tool", "1:2.0-1", "amd64")
                .field("Depends", "libc6 (>= 2.36)")
                .field("Description", "a tool\n Of two\n .\n paragraphs.")
                .program("/usr/bin/tool", b"#!/bin/sh\n")
                .link("/usr/bin/other", "tool")
                .file(&format!("{long}file"), b"x")
                .maintainer_script("postinst", "#!/bin/sh\n")
                .compression(compression)
                .write_to(folder.path());
            assert_eq!(path.file_name().unwrap(), "tool_2.0-1_amd64.deb");
            let path = path.to_str().unwrap();
            assert_eq!(output("dpkg-deb", &["-f", path, "Depends"]), "libc6 (>= 2.36)\n");
            assert_eq!(output("dpkg-deb", &["-f", path, "Version", "Installed-Size"]), "Version: 1:2.0-1\nInstalled-Size: 3\n");
            let content = output("dpkg-deb", &["-c", path]);
            for line in ["./usr/bin/other -> tool", &format!(".{long}file"), "-rwxr-xr-x root/root", " ./usr/bin/\n"] {
                assert!(content.contains(line), "{line} in {content}");
            }
            assert!(output("dpkg-deb", &["-I", path]).contains("postinst"));
        }
    }

    #[test]
    fn stanzas_become_packages_that_apt_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let text = "
Package: one
Depends: two (>= 2)
Files: /usr/share/one/a /etc/one

Package: two
Version: 2.1
Architecture: arm64
Description: second
 It has two lines.
";
        let paths = debs_from_text(text, folder.path());
        let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["one_1.0_all.deb", "two_2.1_arm64.deb"]);
        let index = output("apt-ftparchive", &["packages", folder.path().to_str().unwrap()]);
        for line in
            ["Package: one\n", "Depends: two (>= 2)\n", "Architecture: arm64\n", "Description: second\n It has two lines.\n"]
        {
            assert!(index.contains(line), "{line} in {index}");
        }
        assert!(output("dpkg-deb", &["-c", paths[0].to_str().unwrap()]).contains("./usr/share/one/a"));
    }

    #[test]
    fn the_same_text_gives_the_same_bytes() {
        let deb = Deb::new("one", "1", "all").file("/a", b"b");
        assert_eq!(deb.build(), deb.clone().build());
    }
}
