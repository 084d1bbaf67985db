//! Writes an apt repository so that no client ever sees a half state: first what nobody looks at yet, then the names.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Repository;
use super::by_hash;
use super::details::{PackageDetails, PackageReader};
use super::index::{Index, IndexInput};
use super::pool::{Pool, PoolCollision, check_part};
use super::release::{IndexFile, release_text};
use crate::compression::{Compression, compress_gz, compress_xz};
use crate::digest::Sha256;
use crate::engine::OutputFile;
use crate::files;
use crate::package_set::lock::{LockedPackage, LockedSource};
use crate::package_set::udebs;
use crate::parallel::in_parallel;

/// As Debian's own archive has them.
const XZ_PRESET: u32 = 6;
const GZIP_LEVEL: u32 = 9;

/// What an apt repository is, apart from its packages.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AptRepositorySpec {
    /// Relative to the compose's folder: `compose/Server/repository`.
    pub path: String,
    /// `stable`; when it is not the codename, it becomes a second name of the codename's folder.
    pub suite: String,
    /// The folder under `dists`, and so the word in a client's sources.
    pub codename: String,
    /// Empty: the field is left out; so for the next three.
    pub version: String,
    pub origin: String,
    pub label: String,
    pub description: String,
    /// Seconds since 1970: of the Release file, and of all index files.
    pub date: i64,
    /// Each has its indexes, with packages or without. All packages must be of one of them.
    pub components: Vec<String>,
    /// Architectures of machines; `all` is none.
    pub arches: Vec<String>,
    /// The archives that are folders of own packages. What stands for their packages in the lock has whole descriptions; in the
    /// repository these are in Translation-en, as those of other packages are.
    pub overlays: BTreeSet<String>,
    /// Write Contents indexes.
    pub contents: bool,
    /// How many generations of each index stay under their digests, this one counted; none: indexes have their names only.
    pub by_hash_generations: usize,
}

impl AptRepositorySpec {
    /// Clients may ask for indexes by their digests.
    pub(super) const fn has_by_hash(&self) -> bool {
        self.by_hash_generations > 0
    }
}

/// Why a repository was not written.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error("the {what} '{value}' cannot be part of a path in a repository")]
    Name { what: &'static str, value: String },
    #[error("the date {0} is beyond what a Release file can say")]
    Date(i64),
    #[error("there are packages for the architecture '{0}', which the repository does not have")]
    Architecture(String),
    #[error("the field '{field}' of the Release file holds a line end: '{value}'")]
    Line { field: &'static str, value: String },
    #[error("{owner} is of component '{component}', which the repository does not have")]
    Component { owner: String, component: String },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Collisions(Vec<PoolCollision>),
    #[error("the repository already holds another file at '{path}' than the one of {owner}")]
    Occupied { path: String, owner: String },
    #[error("the file '{path}' of {owner} is not there: {reason}")]
    FileMissing { owner: String, path: String, reason: String },
    #[error("the package file of {package} cannot be read: {source}")]
    Unreadable { package: String, source: io::Error },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A repository that is all there but for its names: clients still see the state before it.
#[derive(Debug)]
pub struct StagedRepository {
    dists: PathBuf,
    spec: AptRepositorySpec,
    release: String,
    files: Vec<IndexFile>,
    repository: Repository,
}

/// The two signatures of a Release file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSignatures {
    /// The Release file signed in the cleartext signature framework: InRelease.
    pub clear_signed: Vec<u8>,
    /// An armored detached signature: Release.gpg.
    pub detached: Vec<u8>,
}

/// Writes pool and indexes of a repository below the compose's folder, under names that no client asks for yet.
///
/// `packages` are those of each architecture, packages for all architectures among them. `threads` has no influence on the
/// bytes.
pub fn stage_apt_repository(
    compose: &Path,
    spec: &AptRepositorySpec,
    packages: &BTreeMap<String, Vec<Arc<LockedPackage>>>,
    sources: &[Arc<LockedSource>],
    reader: PackageReader<'_>,
    threads: usize,
) -> Result<StagedRepository, RepositoryError> {
    check(spec, packages, sources)?;
    let root = compose.join(&spec.path);
    let dists = root.join("dists").join(&spec.codename);
    let pool = Pool::plan(packages.values().flatten().map(AsRef::as_ref), sources.iter().map(AsRef::as_ref))?;
    pool.link(&root, reader.file)?;
    let details = PackageDetails::read(packages.values().flatten().map(AsRef::as_ref), spec, reader, threads)?;
    let files = write_indexes(&dists, &IndexInput { spec, packages, sources, details: &details }, threads)?;
    let release = release_text(spec, &files)?;
    let dists_path = format!("{}/dists/{}", spec.path, spec.codename);
    let shipped = files.iter().filter(|file| file.shipped);
    let by_hash = |file: &IndexFile| spec.has_by_hash().then(|| by_hash::path_by_hash(&file.path, &file.sha256));
    let indexes = shipped.flat_map(|file| by_hash(file).into_iter().chain([file.path.clone()]).map(move |path| (path, file)));
    let indexes =
        indexes.map(|(path, file)| OutputFile { path: format!("{dists_path}/{path}"), size: file.size, sha256: file.sha256 });
    let repository = Repository {
        files: pool.files(&spec.path).chain(indexes).collect(),
        path: spec.path.clone(),
        suite: spec.codename.clone(),
        components: spec.components.clone(),
        arches: spec.arches.clone(),
        sha256: Sha256::of(release.as_bytes()),
        packages: count(packages.values().flatten()),
        sources: count(sources.iter()),
        size: pool.size() + files.iter().filter(|file| file.shipped).map(|file| file.size).sum::<u64>(),
    };
    Ok(StagedRepository { dists, spec: spec.clone(), release, files, repository })
}

impl StagedRepository {
    /// The text to be signed.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Makes the staged state the one that clients see. Without signatures they have to be told to trust it.
    pub fn publish(mut self, signatures: Option<&ReleaseSignatures>) -> Result<Repository, RepositoryError> {
        for file in self.files.iter().filter(|file| file.shipped) {
            let by_hash = self.dists.join(by_hash::path_by_hash(&file.path, &file.sha256));
            files::link_over(&by_hash, &self.dists.join(&file.path))?;
        }
        // The suite's other name comes before what it leads to is new: it only ever leads to one whole state.
        self.name_suite()?;
        let release = std::mem::take(&mut self.release);
        self.write("Release", release.as_bytes())?;
        let mut written = release.len();
        if let Some(signatures) = signatures {
            self.write("Release.gpg", &signatures.detached)?;
            self.write("InRelease", &signatures.clear_signed)?;
            written += signatures.detached.len() + signatures.clear_signed.len();
            self.repository.sha256 = Sha256::of(&signatures.clear_signed);
        } else {
            // An InRelease file of an earlier state would be preferred to our Release file.
            files::remove_if_there(&self.dists.join("InRelease"))?;
            files::remove_if_there(&self.dists.join("Release.gpg"))?;
        }
        if self.spec.has_by_hash() {
            by_hash::prune(&self.dists, &self.files, self.spec.by_hash_generations)?;
        } else {
            by_hash::remove(&self.dists, &self.files)?;
        }
        self.repository.size += written as u64;
        Ok(self.repository)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        files::write_whole_dated(&self.dists.join(name), bytes, Some(self.spec.date))?;
        let path = format!("{}/dists/{}/{name}", self.spec.path, self.spec.codename);
        self.repository.files.push(OutputFile { path, size: bytes.len() as u64, sha256: Sha256::of(bytes) });
        Ok(())
    }

    fn name_suite(&self) -> io::Result<()> {
        if self.spec.suite == self.spec.codename {
            return Ok(());
        }
        let link = self.dists.with_file_name(&self.spec.suite);
        if fs_err::read_link(&link).is_ok_and(|target| target == Path::new(&self.spec.codename)) {
            return Ok(());
        }
        let partial = self.dists.with_file_name(format!(".{}.partial", self.spec.suite));
        files::remove_if_there(&partial)?;
        fs_err::os::unix::fs::symlink(&self.spec.codename, &partial)?;
        fs_err::rename(&partial, &link)
    }
}

/// Everything that would break a line or leave a folder, before anything is written.
fn check(
    spec: &AptRepositorySpec,
    packages: &BTreeMap<String, Vec<Arc<LockedPackage>>>,
    sources: &[Arc<LockedSource>],
) -> Result<(), RepositoryError> {
    check_part("suite", &spec.suite)?;
    check_part("codename", &spec.codename)?;
    spec.components.iter().try_for_each(|component| check_part("component", component))?;
    spec.arches.iter().try_for_each(|arch| check_part("architecture", arch))?;
    let lines =
        [("Origin", &spec.origin), ("Label", &spec.label), ("Version", &spec.version), ("Description", &spec.description)];
    if let Some((field, value)) = lines.into_iter().find(|(_, value)| value.contains(['\n', '\r'])) {
        return Err(RepositoryError::Line { field, value: value.clone() });
    }
    let of_packages = packages.values().flatten().map(|package| (package.id(), udebs::pool_component(&package.component)));
    let of_sources =
        sources.iter().map(|source| (format!("{}_{}_source", source.name, source.version), source.component.as_str()));
    match of_packages.chain(of_sources).find(|(_, component)| !spec.components.iter().any(|known| known == component)) {
        Some((owner, component)) => Err(RepositoryError::Component { owner, component: component.to_owned() }),
        None => Ok(()),
    }
}

/// Writes every index under its digests, and gives all their forms, sorted by path.
fn write_indexes(dists: &Path, input: &IndexInput<'_>, threads: usize) -> Result<Vec<IndexFile>, RepositoryError> {
    let indexes = Index::all(input);
    let forms = in_parallel(threads, &indexes, |index| make_forms(index, input))?;
    let mut files = Vec::new();
    // One after the other: two indexes of one folder may well be the same file, such as the empty ones.
    for (file, bytes) in forms.into_iter().flatten() {
        if file.shipped {
            by_hash::write(dists, &file, &bytes, input.spec.date)?;
        }
        files.push(file);
    }
    files.sort();
    Ok(files)
}

/// An index in all its forms, with the bytes of those that lie in the repository.
fn make_forms(index: &Index<'_>, input: &IndexInput<'_>) -> Result<Vec<(IndexFile, Vec<u8>)>, RepositoryError> {
    let text = index.text(input)?;
    let describe = |form: Compression, bytes: &[u8], shipped| IndexFile {
        path: index.path() + form.suffix(),
        size: bytes.len() as u64,
        sha256: Sha256::of(bytes),
        shipped,
    };
    let mut made = Vec::new();
    for form in index.forms() {
        let bytes = match form {
            Compression::Xz => compress_xz(&text, XZ_PRESET)?,
            Compression::Gzip => compress_gz(&text, GZIP_LEVEL)?,
            Compression::Zstd | Compression::None => text.clone(),
        };
        made.push((describe(*form, &bytes, true), bytes));
    }
    if !index.forms().contains(&Compression::None) {
        made.push((describe(Compression::None, &text, false), Vec::new()));
    }
    Ok(made)
}

fn count<T: Ord>(items: impl Iterator<Item = T>) -> u64 {
    items.collect::<BTreeSet<_>>().len() as u64
}
