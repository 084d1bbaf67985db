//! Which packages of Debian's index files can be installed: the question of `charmer installability`, without any compose.
//!
//! Must not know: configurations, and what is shown of the answer.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use charmer_packages::installability::verdicts;
use charmer_packages::{Deb, Ecosystem as _, IndexFile, IndexKind, Origin, PackageId};

use crate::compression::{Compression, DecompressError, decompress};
use crate::files::open_regular;

/// The most that an index may have when it is unpacked, in bytes: thirty times what Debian's largest has.
const LIMIT: u64 = 2 << 30;

/// Stands for the standard input.
const INPUT: &str = "-";

const CHECKED: &str = "checked";
const BACKGROUND: &str = "background";

/// What is asked. Index files are `Packages` files, plain or packed as their names say (`.xz`, `.zst`, `.gz`); `-` is the standard
/// input.
#[derive(Debug, Clone)]
pub struct Question {
    /// The arch of the system that packages are installed on, such as `amd64`.
    pub arch: String,
    /// Every version of every package in these is checked.
    pub checked: Vec<PathBuf>,
    /// What packages may need besides; nothing is said of these.
    pub background: Vec<PathBuf>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How many packages were checked.
    pub checked: usize,
    /// In the order of the index files.
    pub broken: Vec<BrokenPackage>,
    /// Entries that were passed over, in sentences without a full stop.
    pub problems: Vec<String>,
}

/// A package that cannot be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenPackage {
    /// Name, arch and version, as in other messages.
    pub package: String,
    /// Facts that together rule it out, in a sentence without a full stop.
    pub reason: String,
}

/// Why an index file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableIndex {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("'{}': {source}", path.display())]
    Packed { path: PathBuf, source: DecompressError },
    #[error(transparent)]
    Index(#[from] charmer_packages::IndexError),
}

/// Answers a question. What is checked counts as such also when the background has it too.
pub fn installability(question: &Question) -> Result<Answer, UnreadableIndex> {
    let checked = question.checked.iter().map(|path| (path, CHECKED));
    let all = checked.chain(question.background.iter().map(|path| (path, BACKGROUND)));
    let files = all.map(|(path, archive)| index_file(path, archive, &question.arch)).collect::<Result<Vec<_>, _>>()?;
    let (set, problems) = Deb.read(files)?;
    let is_checked = |id: &PackageId| set.origin(*id).archive == CHECKED;
    let (checked, background): (Vec<_>, Vec<_>) = set.ids().partition(is_checked);
    let broken = verdicts(&set, &question.arch, &checked, &background);
    let broken =
        broken.iter().map(|broken| BrokenPackage { package: set.describe(broken.package), reason: broken.describe(&set) });
    Ok(Answer { checked: checked.len(), broken: broken.collect(), problems: problems.iter().map(ToString::to_string).collect() })
}

fn index_file(path: &Path, archive: &str, arch: &str) -> Result<IndexFile, UnreadableIndex> {
    let name = path.display().to_string();
    let text = read(path, &name).map_err(|error| match error {
        ReadError::Io(error) => UnreadableIndex::Io(error),
        ReadError::Packed(source) => UnreadableIndex::Packed { path: path.to_owned(), source },
    })?;
    let origin = Origin {
        archive: archive.to_owned(),
        suite: String::new(),
        component: String::new(),
        priority: 500,
        lookaside: archive == BACKGROUND,
    };
    Ok(IndexFile { name, kind: IndexKind::Binaries { arch: arch.to_owned() }, origin, text })
}

enum ReadError {
    Io(io::Error),
    Packed(DecompressError),
}

fn read(path: &Path, name: &str) -> Result<Vec<u8>, ReadError> {
    if name == INPUT {
        let mut text = Vec::new();
        let read = io::stdin().lock().take(LIMIT.saturating_add(1)).read_to_end(&mut text).map_err(ReadError::Io)?;
        let is_whole = read as u64 <= LIMIT;
        return if is_whole { Ok(text) } else { Err(ReadError::Packed(DecompressError::TooLarge { limit: LIMIT })) };
    }
    let file = open_regular(path).map_err(ReadError::Io)?;
    decompress(Compression::of_name(name), file, LIMIT).map_err(ReadError::Packed)
}
