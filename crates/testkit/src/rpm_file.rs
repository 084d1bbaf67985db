//! RPM files made byte by byte, without rpmbuild and with the same bytes each time: a lead, two headers, an empty payload.
//!
//! `rpm -qp` reads them; they install nothing, as the files that they list are not in them.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::tarball::hexadecimal;

/// Names, flags and versions of one kind of dependency.
#[derive(Debug, Clone, Default)]
pub struct Dependencies(Vec<(String, u32, String)>);

pub const LESS: u32 = 2;
pub const GREATER: u32 = 4;
pub const EQUAL: u32 = 8;
/// `Requires(pre)`.
pub const SCRIPT_PRE: u32 = 1 << 9;

impl Dependencies {
    pub fn add(&mut self, name: &str, flags: u32, version: &str) {
        self.0.push((name.to_owned(), flags, version.to_owned()));
    }

    /// `name`, or `name >= version`.
    pub fn add_text(&mut self, text: &str) {
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            [name, sign, version] if !name.starts_with('(') => {
                let bit = |character| match character {
                    '<' => LESS,
                    '>' => GREATER,
                    _ => EQUAL,
                };
                self.add(name, sign.chars().map(bit).fold(0, |flags, bit| flags | bit), version);
            }
            _ => self.add(text, 0, ""),
        }
    }
}

/// A package to be.
#[derive(Debug, Clone, Default)]
pub struct Rpm {
    pub name: String,
    pub epoch: Option<u32>,
    pub version: String,
    pub release: String,
    pub arch: String,
    /// File name of the source package; a package without one is a source package.
    pub source_rpm: Option<String>,
    pub summary: String,
    pub description: String,
    pub provides: Dependencies,
    pub requires: Dependencies,
    pub conflicts: Dependencies,
    pub obsoletes: Dependencies,
    pub recommends: Dependencies,
    pub suggests: Dependencies,
    pub supplements: Dependencies,
    pub enhances: Dependencies,
    /// Paths; one with a slash at its end is a folder, one with `%ghost ` before it is not in the package.
    pub files: Vec<String>,
    /// Time, author and text, the newest first.
    pub changelogs: Vec<(u32, String, String)>,
    pub exclusive_arch: Vec<String>,
    /// The id of the key that is said to have signed it: there is a signature packet, but nobody made a signature.
    pub signing_key: Option<[u8; 8]>,
}

const BUILD_TIME: u32 = 1_700_000_000;

impl Rpm {
    pub fn new(name: &str, version: &str, release: &str, arch: &str) -> Rpm {
        Rpm {
            name: name.to_owned(),
            version: version.to_owned(),
            release: release.to_owned(),
            arch: arch.to_owned(),
            source_rpm: (arch != "src").then(|| format!("{name}-{version}-{release}.src.rpm")),
            summary: format!("fixture {name}"),
            description: format!("The fixture {name}\ndoes nothing."),
            ..Rpm::default()
        }
    }

    /// `name-version-release.arch.rpm`.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{}.{}.rpm", self.name, self.version, self.release, self.arch)
    }

    /// The package's bytes.
    pub fn build(&self) -> Vec<u8> {
        let header = self.header();
        let mut signature = HeaderBuilder::new(62);
        signature.string(273, &hexadecimal(&Sha256::digest(&header)));
        if let Some(key) = self.signing_key {
            let packet = [&[0x88, 17, 3, 5, 0, 0, 0, 0, 0][..], &key, &[1, 8]].concat();
            signature.entry(268, 7, packet.len(), 1, &packet);
        }
        signature.int32(1007, &[124]);
        let mut bytes = self.lead();
        bytes.extend(signature.finish());
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes.extend(header);
        bytes.extend(EMPTY_PAYLOAD);
        bytes
    }

    /// Writes the package into a folder and gives the file's path.
    pub fn write_to(&self, folder: &Path) -> PathBuf {
        let path = folder.join(self.file_name());
        fs_err::write(&path, self.build()).expect("a test's folder is writable");
        path
    }

    fn lead(&self) -> Vec<u8> {
        let kind = u8::from(self.source_rpm.is_none());
        let mut lead = vec![0xed, 0xab, 0xee, 0xdb, 3, 0, 0, kind, 0, 1];
        lead.extend(self.name.bytes().take(65));
        lead.resize(76, 0);
        lead.extend([0, 1, 0, 5]);
        lead.resize(96, 0);
        lead
    }

    fn header(&self) -> Vec<u8> {
        let mut header = HeaderBuilder::new(63);
        header.strings(100, &["C"]);
        header.string(1000, &self.name);
        header.string(1001, &self.version);
        header.string(1002, &self.release);
        if let Some(epoch) = self.epoch {
            header.int32(1003, &[epoch]);
        }
        header.international(1004, &self.summary);
        header.international(1005, &self.description);
        header.int32(1006, &[BUILD_TIME]);
        header.string(1007, "build.example.invalid");
        header.int32(1009, &[u32::try_from(self.files.len()).expect("a fixture has few files") * 10]);
        header.string(1014, "MIT & others");
        header.international(1016, "Unspecified");
        header.string(1020, "https://example.invalid/?a=1&b=2");
        header.string(1021, "linux");
        header.string(1022, if self.arch == "src" { "x86_64" } else { &self.arch });
        match &self.source_rpm {
            Some(source) => header.string(1044, source),
            None => header.int32(1106, &[1]),
        }
        header.strings(1061, &self.exclusive_arch);
        self.add_files(&mut header);
        for (dependencies, name, flags, version) in [
            (&self.provides, 1047, 1112, 1113),
            (&self.requires, 1049, 1048, 1050),
            (&self.conflicts, 1054, 1053, 1055),
            (&self.obsoletes, 1090, 1114, 1115),
            (&self.recommends, 5046, 5048, 5047),
            (&self.suggests, 5049, 5051, 5050),
            (&self.supplements, 5052, 5054, 5053),
            (&self.enhances, 5055, 5057, 5056),
        ] {
            header.strings(name, &dependencies.0.iter().map(|(name, ..)| name).collect::<Vec<_>>());
            header.int32(flags, &dependencies.0.iter().map(|(_, flags, _)| *flags).collect::<Vec<_>>());
            header.strings(version, &dependencies.0.iter().map(|(.., version)| version).collect::<Vec<_>>());
        }
        header.int32(1080, &self.changelogs.iter().map(|(time, ..)| *time).collect::<Vec<_>>());
        header.strings(1081, &self.changelogs.iter().map(|(_, author, _)| author).collect::<Vec<_>>());
        header.strings(1082, &self.changelogs.iter().map(|(.., text)| text).collect::<Vec<_>>());
        header.string(1124, "cpio");
        header.string(1125, "gzip");
        header.string(1126, "9");
        header.finish()
    }

    fn add_files(&self, header: &mut HeaderBuilder) {
        let mut directories: Vec<String> = Vec::new();
        let (mut names, mut indexes, mut modes, mut flags) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for listed in &self.files {
            let ghost = listed.strip_prefix("%ghost ");
            let path = ghost.unwrap_or(listed);
            let is_folder = path.ends_with('/');
            let path = path.trim_end_matches('/');
            let (directory, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
            let index = directories.iter().position(|known| known == directory).unwrap_or_else(|| {
                directories.push(directory.to_owned());
                directories.len() - 1
            });
            names.push(name);
            indexes.push(u32::try_from(index).expect("a fixture has few folders"));
            modes.push(if is_folder { 0o040_755 } else { 0o100_644 });
            flags.push(if ghost.is_some() { 1 << 6 } else { 0 });
        }
        let numbers: Vec<u32> = (1..).take(names.len()).collect();
        let same = |value: &'static str| vec![value; names.len()];
        header.int32(1028, &vec![10; names.len()]);
        header.int16(1030, &modes);
        header.int16(1033, &vec![0; names.len()]);
        header.int32(1034, &vec![BUILD_TIME; names.len()]);
        header.strings(1035, &same(""));
        header.strings(1036, &same(""));
        header.int32(1037, &flags);
        header.strings(1039, &same("root"));
        header.strings(1040, &same("root"));
        header.int32(1095, &vec![1; names.len()]);
        header.int32(1096, &numbers);
        header.strings(1097, &same(""));
        header.int32(1116, &indexes);
        header.strings(1117, &names);
        header.strings(1118, &directories);
    }
}

/// An RPM header in the making: tags with their data, and a region over all of them. Tests make broken headers of it.
#[derive(Debug)]
pub struct HeaderBuilder {
    region: u32,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    tag: u32,
    kind: u32,
    count: usize,
    /// What the data's place is a multiple of.
    width: usize,
    data: Vec<u8>,
}

impl HeaderBuilder {
    /// `region` is 62 for a signature header, 63 for a main one.
    pub fn new(region: u32) -> HeaderBuilder {
        HeaderBuilder { region, entries: Vec::new() }
    }

    /// A tag with any type, count and data. Without a count, none is added.
    pub fn entry(&mut self, tag: u32, kind: u32, count: usize, width: usize, data: &[u8]) {
        if count > 0 {
            self.entries.push(Entry { tag, kind, count, width, data: data.to_vec() });
        }
    }

    pub fn string(&mut self, tag: u32, value: &str) {
        self.entry(tag, 6, 1, 1, &[value.as_bytes(), b"\0"].concat());
    }

    pub fn international(&mut self, tag: u32, value: &str) {
        self.entry(tag, 9, 1, 1, &[value.as_bytes(), b"\0"].concat());
    }

    pub fn strings(&mut self, tag: u32, values: &[impl AsRef<str>]) {
        let data: Vec<u8> = values.iter().flat_map(|value| value.as_ref().bytes().chain([0])).collect();
        self.entry(tag, 8, values.len(), 1, &data);
    }

    pub fn int32(&mut self, tag: u32, values: &[u32]) {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
        self.entry(tag, 4, values.len(), 4, &data);
    }

    pub fn int16(&mut self, tag: u32, values: &[u16]) {
        let data: Vec<u8> = values.iter().flat_map(|value| value.to_be_bytes()).collect();
        self.entry(tag, 3, values.len(), 2, &data);
    }

    /// The header's bytes: tags and their data in the order of the tags' numbers, as rpm insists on.
    pub fn finish(mut self) -> Vec<u8> {
        self.entries.sort_by_key(|entry| entry.tag);
        let (mut table, mut data) = (Vec::new(), Vec::new());
        for entry in &self.entries {
            data.resize(data.len().next_multiple_of(entry.width), 0);
            table.push([entry.tag, entry.kind, length(data.len()), length(entry.count)]);
            data.extend_from_slice(&entry.data);
        }
        let count = table.len() + 1;
        table.insert(0, [self.region, 7, length(data.len()), 16]);
        let trailer = [self.region, 7, 0_u32.wrapping_sub(length(count * 16)), 16];
        data.extend(trailer.iter().flat_map(|number| number.to_be_bytes()));
        let mut bytes = vec![0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0];
        bytes.extend(length(count).to_be_bytes());
        bytes.extend(length(data.len()).to_be_bytes());
        bytes.extend(table.iter().flatten().flat_map(|number| number.to_be_bytes()));
        bytes.extend(data);
        bytes
    }
}

fn length(count: usize) -> u32 {
    u32::try_from(count).expect("fixtures are small")
}

/// `TRAILER!!!` of a cpio archive, compressed by `gzip -n`.
const EMPTY_PAYLOAD: [u8; 48] = [
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 51, 48, 55, 48, 55, 48, 52, 32, 14, 16, 171, 14, 29, 36, 193, 24, 33, 65, 142, 158, 62, 174,
    65, 138, 138, 138, 12, 64, 0, 0, 214, 233, 236, 53, 124, 0, 0, 0,
];
