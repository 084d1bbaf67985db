//! Overlay folders: own .deb and .dsc files in any folders below one, read natively, as if they were an archive with an index.
//!
//! Files are read in parallel, each once. A folder with anything unusable in it is refused as a whole, with all that is wrong:
//! leaving a package out in silence would make another distribution. Must not know: how versions are chosen.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::deb_file::{self, DebFileError};
use super::dsc_file::{DscFileError, read_source_package};
use super::lock::LockedFile;

/// What an overlay folder holds. Packages are sorted by name, version and arch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overlay {
    pub packages: Vec<OverlayPackage>,
    pub sources: Vec<OverlaySource>,
}

/// One binary package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OverlayPackage {
    pub name: String,
    pub version: String,
    pub arch: String,
    /// Relative to the overlay folder.
    pub file: LockedFile,
    /// As an index has it: each line ends with a line end, the description is whole.
    pub stanza: String,
}

/// One source package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OverlaySource {
    pub name: String,
    pub version: String,
    /// Relative to the overlay folder; the .dsc first.
    pub files: Vec<LockedFile>,
    pub stanza: String,
}

/// An overlay folder that cannot be used, with all the reasons, sorted by file.
#[derive(Debug, thiserror::Error)]
pub struct OverlayError {
    pub folder: PathBuf,
    pub faults: Vec<OverlayFault>,
}

/// What is wrong with one file of an overlay.
#[derive(Debug, thiserror::Error)]
pub enum OverlayFault {
    #[error(transparent)]
    Read(#[from] io::Error),
    #[error("{}: its name is not plain text, and no index could hold it", .0.display())]
    Name(PathBuf),
    #[error("{}: the link leads out of the folder: copy what it leads to", .0.display())]
    Link(PathBuf),
    #[error("{}: it is not a file", .0.display())]
    NotAFile(PathBuf),
    #[error(transparent)]
    Deb(#[from] DebFileError),
    #[error(transparent)]
    Dsc(#[from] DscFileError),
    #[error("{package} is there twice with different content: {} and {}", .first.display(), .second.display())]
    Twice { package: String, first: PathBuf, second: PathBuf },
}

impl fmt::Display for OverlayError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "overlay {} cannot be used", self.folder.display())?;
        self.faults.iter().try_for_each(|fault| write!(formatter, "\n  {fault}"))
    }
}

/// Reads all packages below a folder.
pub fn read_overlay(folder: &Path) -> Result<Overlay, OverlayError> {
    let mut faults = Vec::new();
    let paths = find_packages(folder, &mut faults);
    let mut overlay = Gathered::default();
    for (path, found) in paths.iter().zip(read_all(folder, &paths)) {
        match found {
            Ok(Found::Package(package)) => overlay.package(package, path, &mut faults),
            Ok(Found::Source(source)) => overlay.source(source, path, &mut faults),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(overlay.finish()) } else { Err(OverlayError { folder: folder.to_owned(), faults }) }
}

impl Overlay {
    /// The Packages index of an arch, with the packages for all arches.
    pub fn packages_text(&self, arch: &str) -> Vec<u8> {
        let packages = self.packages.iter().filter(|package| [arch, "all"].contains(&package.arch.as_str()));
        index_text(packages.map(|package| package.stanza.as_str()))
    }

    /// The Sources index.
    pub fn sources_text(&self) -> Vec<u8> {
        index_text(self.sources.iter().map(|source| source.stanza.as_str()))
    }
}

fn index_text<'a>(stanzas: impl Iterator<Item = &'a str>) -> Vec<u8> {
    stanzas.flat_map(|stanza| [stanza, "\n"]).collect::<String>().into_bytes()
}

/// The .deb and .dsc files below a folder, sorted.
fn find_packages(folder: &Path, faults: &mut Vec<OverlayFault>) -> Vec<PathBuf> {
    let mut packages = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        if let Err(error) = list(folder, &inner, &mut folders, &mut packages, faults) {
            faults.push(error.into());
        }
    }
    packages.sort();
    packages
}

fn list(
    root: &Path,
    folder: &Path,
    folders: &mut Vec<PathBuf>,
    packages: &mut Vec<PathBuf>,
    faults: &mut Vec<OverlayFault>,
) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let (entry, path) = entry.map(|entry| (entry.file_type(), entry.path()))?;
        let kind = entry?;
        let is_package = path.extension().is_some_and(|extension| extension == "deb" || extension == "dsc");
        if kind.is_dir() {
            folders.push(path);
        } else if kind.is_symlink() && (is_package || path.is_dir()) && leaves(root, &path)? {
            faults.push(OverlayFault::Link(path));
        } else if is_package && !fs_err::metadata(&path)?.is_file() {
            faults.push(OverlayFault::NotAFile(path));
        } else if is_package {
            packages.push(path);
        }
        // Links to folders within the root need not be followed: what is in them is found anyway.
    }
    Ok(())
}

fn leaves(root: &Path, link: &Path) -> io::Result<bool> {
    Ok(!fs_err::canonicalize(link)?.starts_with(fs_err::canonicalize(root)?))
}

enum Found {
    Package(OverlayPackage),
    Source(OverlaySource),
}

/// Reads the files on all processors; results are in the order of the paths.
fn read_all(root: &Path, paths: &[PathBuf]) -> Vec<Result<Found, OverlayFault>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((number, path)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|n| Some((n, paths.get(n)?))) {
            done.push((number, read_one(root, path)));
        }
        done
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(paths.len());
    let mut results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

fn read_one(root: &Path, path: &Path) -> Result<Found, OverlayFault> {
    let relative = path.strip_prefix(root).ok().and_then(Path::to_str).filter(|text| !text.chars().any(char::is_control));
    let relative = relative.ok_or_else(|| OverlayFault::Name(path.to_owned()))?;
    if path.extension().is_some_and(|extension| extension == "dsc") {
        return read_source(root, path, relative).map(Found::Source);
    }
    let deb = deb_file::inspect(path)?;
    let stanza = deb.stanza(relative);
    let file = LockedFile { path: relative.to_owned(), size: deb.digests.size, sha256: deb.digests.sha256 };
    let deb_file::Control { name, version, arch, .. } = deb.control;
    Ok(Found::Package(OverlayPackage { name, version, arch, file, stanza }))
}

fn read_source(root: &Path, path: &Path, relative: &str) -> Result<OverlaySource, OverlayFault> {
    let source = read_source_package(path)?;
    let folder = relative.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut files = Vec::with_capacity(source.files.len());
    for file in &source.files {
        let beside = path.with_file_name(&file.name);
        if leaves(root, &beside)? {
            return Err(OverlayFault::Link(beside));
        }
        let path = if folder.is_empty() { file.name.clone() } else { format!("{folder}/{}", file.name) };
        files.push(LockedFile { path, size: file.size, sha256: file.sha256 });
    }
    // Flat archives write the folder so.
    let stanza = source.stanza(if folder.is_empty() { "." } else { folder });
    Ok(OverlaySource { name: source.name, version: source.version, files, stanza })
}

/// Packages by what identifies them, each with the path that it was found at first.
#[derive(Default)]
struct Gathered {
    packages: BTreeMap<(String, String, String), (OverlayPackage, PathBuf)>,
    sources: BTreeMap<(String, String), (OverlaySource, PathBuf)>,
}

impl Gathered {
    fn package(&mut self, package: OverlayPackage, path: &Path, faults: &mut Vec<OverlayFault>) {
        match self.packages.entry((package.name.clone(), package.version.clone(), package.arch.clone())) {
            Entry::Vacant(entry) => {
                entry.insert((package, path.to_owned()));
            }
            Entry::Occupied(entry) if entry.get().0.file.sha256 == package.file.sha256 => {}
            Entry::Occupied(entry) => {
                let OverlayPackage { name, version, arch, .. } = package;
                let (first, second) = (entry.get().1.clone(), path.to_owned());
                faults.push(OverlayFault::Twice { package: format!("{name} {version} {arch}"), first, second });
            }
        }
    }

    fn source(&mut self, source: OverlaySource, path: &Path, faults: &mut Vec<OverlayFault>) {
        let digests = |source: &OverlaySource| source.files.iter().map(|file| file.sha256).collect::<Vec<_>>();
        match self.sources.entry((source.name.clone(), source.version.clone())) {
            Entry::Vacant(entry) => {
                entry.insert((source, path.to_owned()));
            }
            Entry::Occupied(entry) if digests(&entry.get().0) == digests(&source) => {}
            Entry::Occupied(entry) => {
                let package = format!("source {} {}", source.name, source.version);
                let (first, second) = (entry.get().1.clone(), path.to_owned());
                faults.push(OverlayFault::Twice { package, first, second });
            }
        }
    }

    fn finish(self) -> Overlay {
        Overlay {
            packages: self.packages.into_values().map(|(package, _)| package).collect(),
            sources: self.sources.into_values().map(|(source, _)| source).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
