//! RPM packages: which are meant, and what is taken out of them.
//!
//! A package is unpacked into a folder of its own. Whatever it says, nothing is written outside of that.

use std::collections::BTreeSet;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use charmer_packages::Glob;
use charmer_packages::rpm::{arch, header};

use super::cpio;
use super::error::PackageProblem;
use super::tree::{self, FolderCopy};
use super::{ComposedPackage, ScmProblem, Wanted};
use crate::compression::{Compression, unpacking};
use crate::package_set::rpm_file::RpmFileProblem;

/// How the payloads of each kind of compression begin.
const MAGIC: [(&[u8], Compression); 3] =
    [(b"\x1f\x8b", Compression::Gzip), (b"\xfd7zXZ\0", Compression::Xz), (b"\x28\xb5\x2f\xfd", Compression::Zstd)];

/// Packages by path or pattern.
pub(super) fn on_disk(folder: &Path, patterns: &[String]) -> Result<Vec<PathBuf>, ScmProblem> {
    let mut packages = Vec::new();
    for pattern in patterns {
        let found = tree::files_on_disk(folder, pattern)?;
        if found.is_empty() {
            return Err(ScmProblem::NoPackage(pattern.clone()));
        }
        packages.extend(found);
    }
    Ok(packages)
}

/// Binary packages of the compose by name, or name and arch.
pub(super) fn of_compose(composed: &[ComposedPackage<'_>], patterns: &[String]) -> Result<Vec<PathBuf>, ScmProblem> {
    let mut packages = Vec::new();
    for pattern in patterns {
        let glob = Glob::lenient(pattern);
        let matches = |package: &&ComposedPackage<'_>| is_meant(&glob, package.name, package.arch);
        let before = packages.len();
        packages.extend(composed.iter().filter(matches).map(|package| package.path.to_owned()));
        if packages.len() == before {
            return Err(ScmProblem::NotComposed(pattern.clone()));
        }
    }
    Ok(packages)
}

/// Whether a package of the compose is one of those that some patterns are for.
pub(crate) fn is_taken(patterns: &[String], name: &str, arch: &str) -> bool {
    patterns.iter().any(|pattern| is_meant(&Glob::lenient(pattern), name, arch))
}

fn is_meant(glob: &Glob, name: &str, arch: &str) -> bool {
    let is_named = glob.matches(name) || glob.matches(&format!("{name}.{arch}"));
    is_named && !arch::is_source(arch) && !is_debug_name(name)
}

fn is_debug_name(name: &str) -> bool {
    name.ends_with("-debuginfo") || name.ends_with("-debugsource") || name.contains("-debuginfo-")
}

/// Copies what is wanted out of each package. Later packages replace files of earlier ones.
pub(super) fn copy(packages: &[PathBuf], wanted: &Wanted, work: &Path, target: &Path) -> Result<BTreeSet<PathBuf>, ScmProblem> {
    fs_err::create_dir_all(work)?;
    let mut copied = BTreeSet::new();
    for package in packages {
        let folder = tempfile::Builder::new().prefix("package-").tempdir_in(work)?;
        unpack(package, folder.path()).map_err(|problem| ScmProblem::Package { package: package.clone(), problem })?;
        copied.extend(tree::copy(folder.path(), Path::new(""), wanted, FolderCopy::Whole, target)?);
    }
    Ok(copied)
}

/// Unpacks a package's payload into a folder.
fn unpack(package: &Path, folder: &Path) -> Result<(), PackageProblem> {
    let io_problem = |error| PackageProblem::Header(RpmFileProblem::Io(error));
    let mut file = fs_err::File::open(package).map_err(io_problem)?;
    let start = payload_start(&mut file)?;
    file.seek(SeekFrom::Start(start)).map_err(io_problem)?;
    let mut begin = [0; 6];
    let count = file.by_ref().take(begin.len() as u64).read(&mut begin).map_err(io_problem)?;
    let compression =
        MAGIC.iter().find(|(magic, _)| begin[..count].starts_with(magic)).map_or(Compression::None, |(_, kind)| *kind);
    file.seek(SeekFrom::Start(start)).map_err(io_problem)?;
    let payload = unpacking(compression, BufReader::new(file)).map_err(io_problem)?;
    Ok(cpio::unpack(payload, folder)?)
}

/// Where the payload begins.
fn payload_start(file: &mut fs_err::File) -> Result<u64, PackageProblem> {
    let mut bytes = Vec::new();
    let mut needed = header::FIRST_READ;
    loop {
        let more = needed.saturating_sub(bytes.len() as u64);
        let read = file.by_ref().take(more).read_to_end(&mut bytes).map_err(RpmFileProblem::Io)?;
        needed = header::bytes_needed(&bytes).map_err(RpmFileProblem::Header)?;
        if needed <= bytes.len() as u64 {
            return Ok(needed);
        }
        if read == 0 {
            let given = bytes.len() as u64;
            return Err(RpmFileProblem::Header(header::HeaderError::Truncated { needed, given }).into());
        }
    }
}
