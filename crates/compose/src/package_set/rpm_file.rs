//! Files of RPM packages: found in a folder, and each opened once to be read, digested and forgotten.
//!
//! A folder with anything unusable in it is refused as a whole, with all that is wrong. Must not know: repositories, which
//! packages are wanted.

use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use charmer_packages::rpm::header::{self, Header, HeaderError};
use charmer_packages::rpm::package::Checksum;

use crate::checksum::{Algorithm, Hasher};
use crate::files::open_regular;
use crate::parallel::in_parallel;

/// Read at once; most packages' headers fit, and small packages altogether.
const BUFFER: usize = 128 << 10;
/// Files that a thread takes at once.
const BATCH: usize = 32;
/// Folders below the given one; more are refused, as a mounted loop would never end.
const DEPTH: usize = 64;

#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub struct RpmFileError {
    pub path: PathBuf,
    pub problem: RpmFileProblem,
}

#[derive(Debug, thiserror::Error)]
pub enum RpmFileProblem {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("its name is not UTF-8")]
    NotUtf8,
    #[error("it is not a path that stays in the folder: empty parts, `.`, `..` and control characters are not allowed")]
    LeavesFolder,
    #[error("folders are nested deeper than {DEPTH}")]
    TooDeep,
    #[error("it changed while it was read")]
    Changed,
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// All files below a folder whose names end in `.rpm`, as sorted paths relative to it. Links to folders are not followed.
pub fn find_rpms(folder: &Path) -> Result<Vec<String>, RpmFileError> {
    let mut found = Vec::new();
    find_below(folder, "", 0, &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn find_below(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<String>) -> Result<(), RpmFileError> {
    let failed = |path: &Path, problem| RpmFileError { path: path.to_owned(), problem };
    if depth > DEPTH {
        return Err(failed(folder, RpmFileProblem::TooDeep));
    }
    for entry in fs_err::read_dir(folder).map_err(|error| failed(folder, error.into()))? {
        let entry = entry.map_err(|error| failed(folder, error.into()))?;
        let is_folder = entry.file_type().map_err(|error| failed(&entry.path(), error.into()))?.is_dir();
        let name = entry.file_name();
        if !is_folder && !name.as_encoded_bytes().ends_with(b".rpm") {
            continue;
        }
        let name = name.to_str().ok_or_else(|| failed(&entry.path(), RpmFileProblem::NotUtf8))?;
        let location = format!("{prefix}{name}");
        if is_folder {
            find_below(&entry.path(), &format!("{location}/"), depth + 1, found)?;
        } else if stays_inside(&location) {
            found.push(location);
        } else {
            return Err(failed(&entry.path(), RpmFileProblem::LeavesFolder));
        }
    }
    Ok(())
}

/// Whether a path from an index or a list stays in the folder that it is relative to.
pub fn stays_inside(location: &str) -> bool {
    !location.chars().any(char::is_control) && location.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// Reads files of a folder on several threads: their headers, and their checksums if an algorithm is given. The headers come in
/// the order of the locations, each with that in its record; otherwise all that is wrong, in that order too.
pub fn read_rpms(
    folder: &Path,
    locations: &[String],
    algorithm: Option<Algorithm>,
    threads: usize,
) -> Result<Vec<Header>, Vec<RpmFileError>> {
    let batches: Vec<&[String]> = locations.chunks(BATCH).collect();
    let read_batch = |batch: &&[String]| -> Result<Vec<Result<Header, RpmFileError>>, std::convert::Infallible> {
        let mut buffer = Vec::with_capacity(BUFFER);
        Ok(batch.iter().map(|location| read_located(folder, location, algorithm, &mut buffer)).collect())
    };
    let Ok(results) = in_parallel(threads, &batches, read_batch);
    let mut headers = Vec::with_capacity(locations.len());
    let mut errors = Vec::new();
    for result in results.into_iter().flatten() {
        match result {
            Ok(header) => headers.push(header),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(headers) } else { Err(errors) }
}

/// Reads one file.
pub fn read_rpm(path: &Path, algorithm: Option<Algorithm>) -> Result<Header, RpmFileError> {
    read_into(path, algorithm, &mut Vec::with_capacity(BUFFER)).map_err(|problem| RpmFileError { path: path.to_owned(), problem })
}

fn read_located(
    folder: &Path,
    location: &str,
    algorithm: Option<Algorithm>,
    buffer: &mut Vec<u8>,
) -> Result<Header, RpmFileError> {
    let path = folder.join(location);
    let read = if stays_inside(location) { read_into(&path, algorithm, buffer) } else { Err(RpmFileProblem::LeavesFolder) };
    let mut header = read.map_err(|problem| RpmFileError { path, problem })?;
    header.package.file.location = location.into();
    Ok(header)
}

fn read_into(path: &Path, algorithm: Option<Algorithm>, buffer: &mut Vec<u8>) -> Result<Header, RpmFileProblem> {
    let mut file = open_regular(path)?;
    let metadata = file.metadata()?;
    buffer.clear();
    let mut needed = if algorithm.is_some() { BUFFER as u64 } else { header::FIRST_READ };
    loop {
        // What a header claims to need is not believed beyond the size of its file.
        let more = needed.min(metadata.len()).saturating_sub(buffer.len() as u64);
        file.by_ref().take(more).read_to_end(buffer)?;
        needed = header::bytes_needed(buffer)?;
        if needed <= buffer.len() as u64 {
            break;
        }
        if buffer.len() as u64 >= metadata.len() || more == 0 {
            return Err(HeaderError::Truncated { needed, given: buffer.len() as u64 }.into());
        }
    }
    let mut header = header::read(buffer)?;
    if let Some(algorithm) = algorithm {
        let (digest, size) = digest_rest(&mut file, algorithm, buffer)?;
        if size != metadata.len() {
            return Err(RpmFileProblem::Changed);
        }
        header.package.file.checksum = Checksum { algorithm: algorithm.name().into(), digest: digest.into() };
    }
    header.package.file.size = metadata.len();
    header.package.file.time = u64::try_from(metadata.mtime()).unwrap_or(0);
    Ok(header)
}

/// The digest of what was read and of all that follows, and the size of both.
fn digest_rest(file: &mut fs_err::File, algorithm: Algorithm, buffer: &mut Vec<u8>) -> io::Result<(String, u64)> {
    let mut hasher = Hasher::new(algorithm);
    let mut size = 0;
    while !buffer.is_empty() {
        hasher.update(buffer);
        size += buffer.len() as u64;
        buffer.clear();
        file.by_ref().take(BUFFER as u64).read_to_end(buffer)?;
    }
    Ok((hasher.finish(), size))
}
