//! Checksum files beside the images: `SHA256SUMS` and its like, as `sha256sum --check` reads them. A detached signature of each lies beside it,
//! under its name with [`SIGNATURE_SUFFIX`], as with Debian's own images. [`TaggedFiles`] is the other common form, which names its kind
//! of checksum: `sha256sum --check` takes that as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha512};

use crate::files::open_regular;

/// What the name of a signature has after the name of the file that it signs.
pub const SIGNATURE_SUFFIX: &str = ".sign";

/// A kind of checksum, and of the file that holds those of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumKind {
    /// `MD5SUMS`; against accidents only.
    Md5,
    /// `SHA1SUMS`; against accidents only.
    Sha1,
    /// `SHA256SUMS`.
    Sha256,
    /// `SHA512SUMS`.
    Sha512,
}

impl ChecksumKind {
    /// As metadata names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The file that holds checksums of this kind.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5SUMS",
            Self::Sha1 => "SHA1SUMS",
            Self::Sha256 => "SHA256SUMS",
            Self::Sha512 => "SHA512SUMS",
        }
    }
}

/// Hexadecimal digests of one file.
pub type Checksums = BTreeMap<ChecksumKind, String>;

/// Read at once.
const PIECE: usize = 1 << 20;
/// Pieces that were read before the slowest checksum got to them.
const AHEAD: usize = 4;

/// All wanted checksums of a file, which is read once; each is computed on a thread of its own.
pub fn checksums_of_file(path: &Path, kinds: &BTreeSet<ChecksumKind>) -> io::Result<Checksums> {
    let mut file = open_regular(path)?;
    let mut piece = read_piece(&mut file)?;
    if piece.len() < PIECE {
        return Ok(kinds.iter().map(|kind| (*kind, checksum(*kind, [Arc::new(piece.clone())]))).collect());
    }
    std::thread::scope(|scope| {
        let start = |kind: &ChecksumKind| {
            let (kind, (sender, pieces)) = (*kind, sync_channel(AHEAD));
            (sender, scope.spawn(move || (kind, checksum(kind, pieces))))
        };
        let (senders, threads): (Vec<_>, Vec<_>) = kinds.iter().map(start).unzip();
        while !piece.is_empty() {
            let shared = Arc::new(piece);
            // A thread ends before its last piece only when it panics, which is seen below.
            for sender in &senders {
                drop(sender.send(shared.clone()));
            }
            piece = read_piece(&mut file)?;
        }
        drop(senders);
        Ok(threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect())
    })
}

fn read_piece(file: &mut fs_err::File) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(PIECE);
    file.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

fn checksum(kind: ChecksumKind, pieces: impl IntoIterator<Item = Arc<Vec<u8>>>) -> String {
    let mut hasher = Hasher::new(kind);
    pieces.into_iter().for_each(|piece| hasher.update(&piece));
    hasher.finish()
}

enum Hasher {
    Md5(Md5),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn new(kind: ChecksumKind) -> Self {
        match kind {
            ChecksumKind::Md5 => Self::Md5(Md5::new()),
            ChecksumKind::Sha1 => Self::Sha1(Sha1::new()),
            ChecksumKind::Sha256 => Self::Sha256(Sha256::new()),
            ChecksumKind::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> String {
        let hexadecimal = |bytes: &[u8]| {
            bytes.iter().fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").expect("memory takes it");
                text
            })
        };
        match self {
            Self::Md5(hasher) => hexadecimal(&hasher.finalize()),
            Self::Sha1(hasher) => hexadecimal(&hasher.finalize()),
            Self::Sha256(hasher) => hexadecimal(&hasher.finalize()),
            Self::Sha512(hasher) => hexadecimal(&hasher.finalize()),
        }
    }
}

/// The text of each checksum file of a folder, by the file's name. `files` are the checksums by file name.
pub fn checksum_files(files: &BTreeMap<String, Checksums>) -> BTreeMap<&'static str, String> {
    let mut texts: BTreeMap<&'static str, String> = BTreeMap::new();
    for (name, checksums) in files {
        for (kind, digest) in checksums {
            let text = texts.entry(kind.file_name()).or_default();
            let (mark, name) = escaped(name);
            writeln!(text, "{mark}{digest}  {name}").expect("memory takes it");
        }
    }
    texts
}

/// A file whose checksums are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecksummedFile {
    pub name: String,
    pub size: u64,
    pub checksums: Checksums,
}

/// Which files hold the checksums of a folder's files, each line with the kind of its checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaggedFiles<'a> {
    pub kinds: &'a BTreeSet<ChecksumKind>,
    /// One file, `CHECKSUM`, instead of one beside each file and one of each kind for all of them.
    pub one_file: bool,
    /// What the names of the folder's own checksum files begin with, without the dash that follows; may be empty.
    pub base_name: &'a str,
}

impl TaggedFiles<'_> {
    /// The text of each checksum file, by its name.
    pub fn texts(&self, files: &[ChecksummedFile]) -> BTreeMap<String, String> {
        let prefix = if self.base_name.is_empty() { String::new() } else { format!("{}-", self.base_name) };
        let mut sorted: Vec<&ChecksummedFile> = files.iter().collect();
        sorted.sort_by(|left, right| left.name.cmp(&right.name));
        let mut texts = BTreeMap::new();
        if sorted.is_empty() {
            return texts;
        }
        if self.one_file {
            texts.insert(format!("{prefix}CHECKSUM"), tagged_text(&sorted, self.kinds));
            return texts;
        }
        for kind in self.kinds {
            let (ending, kinds) = (format!("{}SUM", kind.name().to_uppercase()), BTreeSet::from([*kind]));
            for file in &sorted {
                texts.insert(format!("{}.{ending}", file.name), tagged_text(&[file], &kinds));
            }
            texts.insert(format!("{prefix}{ending}"), tagged_text(&sorted, &kinds));
        }
        texts
    }
}

/// For each file its size as a comment, and each of its checksums: `SHA256 (NAME) = DIGEST`.
fn tagged_text(files: &[&ChecksummedFile], kinds: &BTreeSet<ChecksumKind>) -> String {
    let mut text = String::new();
    for ChecksummedFile { name, size, checksums } in files {
        writeln!(text, "# {name}: {size} bytes").expect("memory takes it");
        for (kind, digest) in checksums.iter().filter(|(kind, _)| kinds.contains(kind)) {
            writeln!(text, "{} ({name}) = {digest}", kind.name().to_uppercase()).expect("memory takes it");
        }
    }
    text
}

/// Names that would break a line are written with escapes, which a mark at the beginning of the line announces.
fn escaped(name: &str) -> (&'static str, String) {
    if !name.contains(['\\', '\n', '\r']) {
        return ("", name.to_owned());
    }
    ("\\", name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tools_of_every_machine_take_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let kinds = BTreeSet::from([ChecksumKind::Md5, ChecksumKind::Sha1, ChecksumKind::Sha256, ChecksumKind::Sha512]);
        let mut files = BTreeMap::new();
        for name in ["harbour-13.1.iso", "a name", "back\\slash", "line\nend", "empty"] {
            let path = folder.path().join(name);
            fs_err::write(&path, if name == "empty" { "" } else { name }).unwrap();
            files.insert(name.to_owned(), checksums_of_file(&path, &kinds).unwrap());
        }
        let texts = checksum_files(&files);
        assert_eq!(texts.len(), 4);
        for (name, text) in texts {
            fs_err::write(folder.path().join(name), text).unwrap();
            let tool = name.to_lowercase().replace("sums", "sum");
            check(folder.path(), &tool, name, true);
        }
        fs_err::write(folder.path().join("harbour-13.1.iso"), "other").unwrap();
        check(folder.path(), "sha256sum", "SHA256SUMS", false);
    }

    #[test]
    fn tagged_files_are_taken_by_the_tools_too() {
        let folder = tempfile::tempdir().unwrap();
        let kinds = BTreeSet::from([ChecksumKind::Sha1, ChecksumKind::Sha512]);
        let files = ["b.iso", "a.iso"].map(|name| {
            let path = folder.path().join(name);
            fs_err::write(&path, name).unwrap();
            ChecksummedFile { name: name.to_owned(), size: 5, checksums: checksums_of_file(&path, &kinds).unwrap() }
        });
        let many = TaggedFiles { kinds: &kinds, one_file: false, base_name: "harbour-1" }.texts(&files);
        let names =
            ["a.iso.SHA1SUM", "a.iso.SHA512SUM", "b.iso.SHA1SUM", "b.iso.SHA512SUM", "harbour-1-SHA1SUM", "harbour-1-SHA512SUM"];
        assert_eq!(many.keys().collect::<Vec<_>>(), names);
        let one = TaggedFiles { kinds: &BTreeSet::from([ChecksumKind::Sha512]), one_file: true, base_name: "" }.texts(&files);
        assert_eq!(one.keys().collect::<Vec<_>>(), ["CHECKSUM"]);
        assert!(one["CHECKSUM"].starts_with("# a.iso: 5 bytes\nSHA512 (a.iso) = "), "{one:?}");
        assert_eq!(one["CHECKSUM"], many["harbour-1-SHA512SUM"]);
        for (name, text) in many.into_iter().chain(one) {
            fs_err::write(folder.path().join(&name), text).unwrap();
            let tool = if name.contains("SHA1") { "sha1sum" } else { "sha512sum" };
            check(folder.path(), tool, &name, true);
        }
    }

    #[expect(clippy::disallowed_types, reason = "the checksums are read back by the tools that users have")]
    fn check(folder: &Path, tool: &str, name: &str, well: bool) {
        let output = std::process::Command::new(tool).args(["--check", name]).current_dir(folder).output().unwrap();
        assert_eq!(output.status.success(), well, "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
