//! Checksum files beside the images: `SHA256SUMS` and its like, as `sha256sum --check` reads them. A detached signature of each lies beside it,
//! under its name with [`SIGNATURE_SUFFIX`], as with Debian's own images.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::path::Path;

use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

/// What the name of a signature has after the name of the file that it signs.
pub const SIGNATURE_SUFFIX: &str = ".sign";

/// A kind of checksum, and of the file that holds those of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ChecksumKind {
    /// `MD5SUMS`; against accidents only.
    Md5,
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
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The file that holds checksums of this kind.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5SUMS",
            Self::Sha256 => "SHA256SUMS",
            Self::Sha512 => "SHA512SUMS",
        }
    }
}

/// Hexadecimal digests of one file.
pub type Checksums = BTreeMap<ChecksumKind, String>;

/// All wanted checksums of a file, which is read once.
pub fn checksums_of_file(path: &Path, kinds: &BTreeSet<ChecksumKind>) -> io::Result<Checksums> {
    let mut hashers: Vec<(ChecksumKind, Hasher)> = kinds.iter().map(|kind| (*kind, Hasher::new(*kind))).collect();
    let mut file = fs_err::File::open(path)?;
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        for (_, hasher) in &mut hashers {
            hasher.update(&buffer[..count]);
        }
    }
    Ok(hashers.into_iter().map(|(kind, hasher)| (kind, hasher.finish())).collect())
}

enum Hasher {
    Md5(Md5),
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn new(kind: ChecksumKind) -> Self {
        match kind {
            ChecksumKind::Md5 => Self::Md5(Md5::new()),
            ChecksumKind::Sha256 => Self::Sha256(Sha256::new()),
            ChecksumKind::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(bytes),
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
        let kinds = BTreeSet::from([ChecksumKind::Md5, ChecksumKind::Sha256, ChecksumKind::Sha512]);
        let mut files = BTreeMap::new();
        for name in ["harbour-13.1.iso", "a name", "back\\slash", "line\nend", "empty"] {
            let path = folder.path().join(name);
            fs_err::write(&path, if name == "empty" { "" } else { name }).unwrap();
            files.insert(name.to_owned(), checksums_of_file(&path, &kinds).unwrap());
        }
        let texts = checksum_files(&files);
        assert_eq!(texts.len(), 3);
        for (name, text) in texts {
            fs_err::write(folder.path().join(name), text).unwrap();
            let tool = name.to_lowercase().replace("sums", "sum");
            check(folder.path(), &tool, name, true);
        }
        fs_err::write(folder.path().join("harbour-13.1.iso"), "other").unwrap();
        check(folder.path(), "sha256sum", "SHA256SUMS", false);
    }

    #[expect(clippy::disallowed_types, reason = "the checksums are read back by the tools that users have")]
    fn check(folder: &Path, tool: &str, name: &str, well: bool) {
        let output = std::process::Command::new(tool).args(["--check", "--strict", name]).current_dir(folder).output().unwrap();
        assert_eq!(output.status.success(), well, "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
