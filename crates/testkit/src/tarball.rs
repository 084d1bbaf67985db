//! Tar archives with the same bytes each time: fixed times, numeric owner 0, sorted entries.

use std::collections::BTreeMap;
use std::io::Write as _;

/// The time that every file of a fixture bears.
const TIME: u64 = 1_700_000_000;

/// How a member of a package is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Xz,
    Zstd,
}

impl Compression {
    /// What a compressed file's name ends with: `.xz`.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
        }
    }

    pub fn compress(self, bytes: &[u8]) -> Vec<u8> {
        const WRITES: &str = "writing to memory does not fail";
        match self {
            Self::None => bytes.to_vec(),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(bytes).expect(WRITES);
                encoder.finish().expect(WRITES)
            }
            Self::Xz => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
                encoder.write_all(bytes).expect(WRITES);
                encoder.finish().expect(WRITES)
            }
            Self::Zstd => zstd::encode_all(bytes, 1).expect(WRITES),
        }
    }
}

/// A tar archive of one entry that no archiver would make: its name is written as it is, and its type is that byte (`0` of a file,
/// `4` of a block device; see tar(5)).
pub fn tar_of(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    const WRITES: &str = "writing to memory does not fail";
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(tar::EntryType::new(kind));
    header.set_size(content.len() as u64);
    header.set_cksum();
    let mut archive = tar::Builder::new(Vec::new());
    archive.append(&header, content).expect(WRITES);
    archive.into_inner().expect(WRITES)
}

/// One entry of a tar archive.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    Folder,
    File { content: Vec<u8>, mode: u32 },
    Link { target: String },
}

/// A tar archive of the entries and of the folders above them. Names are written as they are: `./usr/bin/x`.
pub(crate) fn tar(entries: &BTreeMap<String, Entry>) -> Vec<u8> {
    let mut all = entries.clone();
    for path in entries.keys() {
        for (end, _) in path.match_indices('/') {
            all.entry(path[..end].to_owned()).or_insert(Entry::Folder);
        }
    }
    let mut archive = tar::Builder::new(Vec::new());
    for (path, entry) in &all {
        match entry {
            Entry::Folder => append(&mut archive, &format!("{path}/"), tar::EntryType::Directory, 0o755, "", b""),
            Entry::File { content, mode } => append(&mut archive, path, tar::EntryType::Regular, *mode, "", content),
            Entry::Link { target } => append(&mut archive, path, tar::EntryType::Symlink, 0o777, target, b""),
        }
    }
    archive.into_inner().expect("writing to memory does not fail")
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, kind: tar::EntryType, mode: u32, target: &str, content: &[u8]) {
    const WRITES: &str = "writing to memory does not fail";
    if path.len() > 100 {
        let name = [path.as_bytes(), b"\0"].concat();
        let header = header("././@LongLink", tar::EntryType::GNULongName, 0o644, "", name.len());
        archive.append(&header, name.as_slice()).expect(WRITES);
    }
    let header = header(path, kind, mode, target, content.len());
    archive.append(&header, content).expect(WRITES);
}

/// The header's name field is filled by hand, since the tar crate drops the leading `./` that Debian's archives have.
fn header(path: &str, kind: tar::EntryType, mode: u32, target: &str, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_mtime(TIME);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size as u64);
    header.set_username("root").expect("it is short");
    header.set_groupname("root").expect("it is short");
    let name = &path.as_bytes()[..path.len().min(100)];
    header.as_gnu_mut().expect("it was made so").name[..name.len()].copy_from_slice(name);
    if !target.is_empty() {
        header.set_link_name_literal(target).expect("targets of fixtures are short");
    }
    header.set_cksum();
    header
}

/// Hexadecimal digits, lower case.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to memory does not fail");
        text
    })
}
