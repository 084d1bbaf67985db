//! Package sets and locks: a set that is what a lock says, and a choice that keeps what a lock has.
//!
//! Must not know: where a lock lies, why a package is in it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use charmer_packages::rpm::package::{Checksum, Package};

use super::collect::{Asked, Chosen, Offer, RpmSetError};
use super::{RpmSet, SetPackage};
use crate::checksum::Algorithm;
use crate::package_set::lock::{LockedFile, LockedRpm, RpmLock};
use crate::package_set::rpm_file::read_rpms;
use crate::package_set::rpm_md::RpmRepository;
use crate::parallel::processors;

/// The folder of a repository that is one of this machine.
pub fn local_folder(place: &str) -> &Path {
    Path::new(place.strip_prefix("file://").unwrap_or(place))
}

/// The packages of a lock as those that were asked for. `folders` says where repositories of servers lie.
pub fn chosen(packages: &[LockedRpm], folders: &BTreeMap<String, PathBuf>) -> Chosen {
    let mut places: HashMap<&str, (Arc<str>, PathBuf)> = HashMap::new();
    for package in packages {
        places.entry(&package.repository).or_insert_with(|| {
            let place = package.repository.as_str();
            (place.into(), folders.get(place).cloned().unwrap_or_else(|| local_folder(place).to_owned()))
        });
    }
    let asked = |package: &LockedRpm| {
        let (place, folder) = places[package.repository.as_str()].clone();
        let LockedFile { path, size, sha256 } = package.file.clone();
        let checksum = Checksum { algorithm: "sha256".into(), digest: sha256.to_string().into() };
        let asked = Asked { folder, place, location: path, checksum, size, was_requested: true };
        (package.file_name().to_owned(), vec![asked])
    };
    packages.iter().map(asked).collect()
}

/// Packages whose files are not what the lock says that they are: each with both.
pub fn misnamed(set: &RpmSet, lock: &RpmLock) -> Vec<String> {
    let locked: HashMap<&str, &LockedRpm> = lock.packages.iter().map(|locked| (locked.file_name(), locked)).collect();
    let wrong = |package: &SetPackage| {
        let locked = locked.get(package.file_name())?;
        let (found, said) = (Said::of(&package.package), Said::of_locked(locked));
        (found != said).then(|| format!("{}: it holds {found}, but the lock says {said}", package.path.display()))
    };
    set.packages.iter().filter_map(wrong).collect()
}

/// What a package is, and what it was built from.
#[derive(PartialEq, Eq)]
struct Said<'a> {
    nevra: String,
    source: &'a str,
}

impl<'a> Said<'a> {
    fn of(package: &'a Package) -> Self {
        Self { nevra: package.nevra().to_string(), source: if package.is_source() { "" } else { package.source_rpm() } }
    }

    fn of_locked(locked: &'a LockedRpm) -> Self {
        Self { nevra: locked.nevra(), source: &locked.source }
    }
}

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let source = if self.source.is_empty() { "a source package" } else { self.source };
        write!(formatter, "{} of {source}", self.nevra.escape_debug())
    }
}

/// What of a lock is to stay as it is, whatever repositories have by now.
#[derive(Debug, Clone)]
pub struct KeptPackages {
    lock: Arc<RpmLock>,
    /// Those that no repository lists any more, read from their files.
    read: Vec<Arc<RpmRepository>>,
}

impl KeptPackages {
    pub fn new(lock: Arc<RpmLock>) -> Self {
        Self { lock, read: Vec::new() }
    }

    /// The names of their files.
    pub(super) fn file_names(&self) -> HashSet<&str> {
        self.lock.packages.iter().map(LockedRpm::file_name).collect()
    }

    /// With packages that no repository lists, read from their files.
    pub fn with_unlisted(self, unlisted: &[LockedRpm], folders: &BTreeMap<String, PathBuf>) -> Result<Self, RpmSetError> {
        let mut by_place: BTreeMap<Arc<str>, (PathBuf, Vec<String>)> = BTreeMap::new();
        for Asked { folder, place, location, .. } in chosen(unlisted, folders).into_values().flatten() {
            by_place.entry(place).or_insert_with(|| (folder, Vec::new())).1.push(location);
        }
        let mut read = Vec::new();
        for (place, (folder, locations)) in by_place {
            let headers = read_rpms(&folder, &locations, Some(Algorithm::Sha256), processors()).map_err(RpmSetError::Packages)?;
            let packages = headers.into_iter().map(|header| header.package).collect();
            read.push(Arc::new(RpmRepository { folder, place, packages, ..RpmRepository::default() }));
        }
        Ok(Self { read, ..self })
    }

    /// The packages of the lock that no repository lists, of repositories that there are. The others may move: they come from nowhere.
    pub(super) fn unlisted<'a>(&'a self, repositories: impl Iterator<Item = &'a RpmRepository> + Clone) -> Vec<LockedRpm> {
        let places: HashSet<&str> = repositories.clone().map(|repository| &*repository.place).collect();
        let all = repositories.chain(self.read.iter().map(AsRef::as_ref));
        let locked = self.by_name();
        let listed = all.flat_map(|repository| &repository.packages).filter_map(|package| match standing(&locked, package) {
            Standing::Locked(locked) => Some(locked.file_name()),
            Standing::Free | Standing::Other => None,
        });
        let listed: HashSet<&str> = listed.collect();
        let is_unlisted =
            |package: &&LockedRpm| !listed.contains(package.file_name()) && places.contains(package.repository.as_str());
        self.lock.packages.iter().filter(is_unlisted).cloned().collect()
    }

    /// Takes away what has another version than a package of the same name and arch that is kept, and adds those that are kept and
    /// that none of these repositories offers.
    pub(super) fn hold_back<'a>(
        &'a self,
        offers: &mut Vec<Vec<Offer<'a>>>,
        repositories: impl Iterator<Item = &'a RpmRepository> + Clone,
    ) {
        let locked = self.by_name();
        let all = repositories.chain(self.read.iter().map(AsRef::as_ref));
        let elsewhere = all.flat_map(|repository| repository.packages.iter().map(move |package| (repository, package)));
        let mut kept: BTreeMap<&str, Offer<'a>> = BTreeMap::new();
        for offer in elsewhere {
            if let Standing::Locked(locked) = standing(&locked, offer.1) {
                let known = kept.entry(locked.file_name()).or_insert(offer);
                // The same file in several places comes from the one that the lock names.
                if *offer.0.place == *locked.repository {
                    *known = offer;
                }
            }
        }
        // What is kept in no place any more is held back by nothing.
        let names: HashSet<(&str, &str)> = kept.values().map(|(_, package)| (package.name(), package.arch())).collect();
        for of_repository in offers.iter_mut() {
            of_repository.retain(|(_, package)| match standing(&locked, package) {
                Standing::Locked(locked) => {
                    kept.remove(locked.file_name());
                    true
                }
                Standing::Other => !names.contains(&(package.name(), package.arch())),
                Standing::Free => true,
            });
        }
        offers.push(kept.into_values().collect());
    }

    fn by_name(&self) -> ByName<'_> {
        let mut by_name = ByName::new();
        for package in &self.lock.packages {
            by_name.entry((&package.name, &package.arch)).or_default().push(package);
        }
        by_name
    }
}

type ByName<'a> = HashMap<(&'a str, &'a str), Vec<&'a LockedRpm>>;

/// What a lock says of a package.
enum Standing<'a> {
    /// Nothing is locked of its name and arch.
    Free,
    Locked(&'a LockedRpm),
    /// Another version is.
    Other,
}

fn standing<'a>(locked: &ByName<'a>, package: &Package) -> Standing<'a> {
    let Some(of_name) = locked.get(&(package.name(), package.arch())) else { return Standing::Free };
    let checksum = &package.file.checksum;
    let is_same_file =
        |locked: &LockedRpm| &*checksum.algorithm != "sha256" || locked.file.sha256.to_string() == *checksum.digest;
    let is_it = |locked: &&&LockedRpm| {
        let evr = (package.epoch, package.version(), package.release());
        (locked.epoch, locked.version.as_str(), locked.release.as_str()) == evr && is_same_file(locked)
    };
    of_name.iter().find(is_it).map_or(Standing::Other, |locked| Standing::Locked(locked))
}
