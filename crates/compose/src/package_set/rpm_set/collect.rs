//! Repositories to the packages that a compose can take: all variants' request on each arch, then the headers of what it gives.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use charmer_packages::rpm::arch;
use charmer_packages::rpm::comps::Comps;
use charmer_packages::rpm::gather::{
    Flag, GatherError, GroupLine, Method, Options, PackageList, Repository, Request, gather, needs_file_lists,
};
use charmer_packages::rpm::header::Header;
use charmer_packages::rpm::package::{Checksum, Package};

use super::arches::sort_into_arches;
use super::locked::KeptPackages;
use super::{ArchSpec, PackageSetSpec, RpmSet, SetPackage};
use crate::checksum::Algorithm;
use crate::files::set_modified;
use crate::package_set::lock::{LockedRepository, LockedRpm};
use crate::package_set::rpm_file::{RpmFileError, find_rpms, read_rpms, stays_inside};
use crate::package_set::rpm_md::{RpmMetadataError, RpmRepository};
use crate::package_set::rpm_plan::is_remote;
use crate::parallel::{drop_in_background, processors};

/// What all variants ask for is a package of this name too.
const SYSTEM_RELEASE: &str = "system-release";

/// Why there is no package set.
#[derive(Debug, thiserror::Error)]
pub enum RpmSetError {
    #[error("the repository {place}: {source}")]
    Repository { place: String, source: Box<RpmMetadataError> },
    #[error("the repository {0} has neither metadata nor packages")]
    NoRepository(String),
    #[error("the repository {0} cannot be read: only file, http and https are known")]
    Remote(String),
    #[error("the repository {repository} names the package '{location}', which would not lie inside it")]
    Location { repository: String, location: String },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Packages(Vec<RpmFileError>),
    #[error("{}: it is not the package that its repository names: its {} checksum differs", path.display(), checksum.algorithm)]
    Other { path: PathBuf, checksum: Checksum },
    #[error("there are two packages {name} with different content: {} and {}", one.display(), other.display())]
    Contradiction { name: String, one: PathBuf, other: PathBuf },
    #[error("{arch}: {source}")]
    Request { arch: String, source: GatherError },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What is known of an arch besides its spec: the groups of all variants.
#[derive(Debug)]
pub struct WantedOfArch<'a> {
    pub spec: &'a ArchSpec,
    pub comps: Option<Comps>,
}

/// A package file that was asked for.
#[derive(Debug)]
pub struct Asked {
    /// Where its repository was read.
    pub folder: PathBuf,
    /// The repository, as the configuration has it.
    pub place: Arc<str>,
    /// Relative to it.
    pub location: String,
    pub checksum: Checksum,
    pub size: u64,
}

/// The package files that variants could take, by their names.
pub type Chosen = BTreeMap<String, Asked>;

/// What variants could take, and where it comes from.
#[derive(Debug, Default)]
pub struct Choice {
    pub packages: Chosen,
    pub repositories: Vec<LockedRepository>,
    /// Packages that are to be kept although no repository lists them. If there are any, nothing was chosen: it is to be asked again
    /// with what they are.
    pub unlisted: Vec<LockedRpm>,
}

/// A package, with the repository that offers it.
pub(super) type Offer<'a> = (&'a RpmRepository, &'a Package);

/// Reads the repositories of all arches, and finds what variants could take of them. `folders` says where repositories of servers lie.
/// What is kept of a lock hides other versions of it.
pub fn choose(
    spec: &PackageSetSpec,
    wanted: &BTreeMap<String, WantedOfArch<'_>>,
    folders: &BTreeMap<String, PathBuf>,
    keep: Option<&KeptPackages>,
) -> Result<Choice, RpmSetError> {
    let places: BTreeSet<&String> = spec.arches.values().flat_map(|arch| &arch.repositories).collect();
    let places: Vec<&String> = places.into_iter().collect();
    let read = crate::parallel::in_parallel(processors(), &places, |place| {
        read_repository(place, folders.get(*place).map(PathBuf::as_path))
    })?;
    let mut repositories: HashMap<&String, RpmRepository> = places.into_iter().zip(read).collect();
    read_file_lists(&mut repositories, wanted)?;
    let mut choice = Choice::default();
    if let Some(keep) = keep {
        choice.unlisted = keep.unlisted(repositories.values());
    }
    if choice.unlisted.is_empty() {
        for (arch, wanted) in wanted {
            let mut offers: Vec<Vec<Offer<'_>>> =
                wanted.spec.repositories.iter().map(|place| repositories[place].offers()).collect();
            if let Some(keep) = keep {
                keep.hold_back(&mut offers, repositories.values());
            }
            let comps = wanted.spec.repositories.iter().map(|place| repositories[place].comps.as_ref()).collect();
            ask(arch, wanted, &offers, comps, &mut choice.packages)?;
        }
        choice.repositories = repositories.values().map(RpmRepository::locked).collect::<Result<_, _>>()?;
        choice.repositories.sort();
    }
    drop_in_background(repositories.into_values().collect::<Vec<_>>());
    Ok(choice)
}

/// Reads the headers of what was chosen.
pub fn collect(spec: &PackageSetSpec, chosen: Chosen, algorithm: Algorithm) -> Result<RpmSet, RpmSetError> {
    Ok(sort_into_arches(read_packages(chosen, algorithm)?, spec))
}

fn read_repository(place: &str, mirrored: Option<&Path>) -> Result<RpmRepository, RpmSetError> {
    let folder = match (mirrored, place.split_once("://")) {
        (Some(folder), _) => folder,
        (None, None) => Path::new(place),
        (None, Some(("file", path))) => Path::new(path),
        (None, Some(_)) => return Err(RpmSetError::Remote(place.to_owned())),
    };
    let repository = if folder.join("repodata/repomd.xml").is_file() {
        let failed = |source| RpmSetError::Repository { place: place.to_owned(), source: Box::new(source) };
        RpmRepository::read(folder).map_err(failed)?
    } else {
        of_plain_folder(place, folder)?
    };
    let repository = RpmRepository { place: place.into(), ..repository };
    let outside = repository.packages.iter().map(|package| &*package.file.location).find(|location| !stays_inside(location));
    match outside {
        Some(location) => Err(RpmSetError::Location { repository: place.to_owned(), location: location.to_owned() }),
        None => Ok(repository),
    }
}

/// A folder of packages without metadata.
fn of_plain_folder(place: &str, folder: &Path) -> Result<RpmRepository, RpmSetError> {
    if !folder.is_dir() {
        return Err(RpmSetError::NoRepository(place.to_owned()));
    }
    let locations = find_rpms(folder).map_err(|error| RpmSetError::Packages(vec![error]))?;
    if locations.is_empty() {
        return Err(RpmSetError::NoRepository(place.to_owned()));
    }
    let headers = read_rpms(folder, &locations, Some(Algorithm::Sha256), processors()).map_err(RpmSetError::Packages)?;
    let packages = headers.into_iter().map(|header| header.package).collect();
    Ok(RpmRepository { folder: folder.to_owned(), packages, ..RpmRepository::default() })
}

/// Puts whole lists of files in where the outcome can depend on them.
fn read_file_lists(
    repositories: &mut HashMap<&String, RpmRepository>,
    wanted: &BTreeMap<String, WantedOfArch<'_>>,
) -> Result<(), RpmSetError> {
    for (arch, wanted) in wanted {
        let views: Vec<Repository<'_>> = wanted.spec.repositories.iter().map(|place| view(&repositories[place])).collect();
        if !needs_file_lists(&views, &options(arch)) {
            continue;
        }
        for place in &wanted.spec.repositories {
            let repository = repositories.get_mut(place).expect("all repositories were read");
            if repository.repomd.data.contains_key("filelists") {
                let failed = |source| RpmSetError::Repository { place: place.clone(), source: Box::new(source) };
                repository.read_file_lists().map_err(failed)?;
            }
        }
    }
    Ok(())
}

fn view(repository: &RpmRepository) -> Repository<'_> {
    Repository { lookaside: false, packages: repository.packages.iter().collect(), comps: repository.comps.as_ref() }
}

fn options(tree: &str) -> Options {
    Options {
        arch: arch::of_tree(tree).to_owned(),
        fulltree: true,
        selfhosting: true,
        multilib: vec![Method::All],
        ..Options::default()
    }
}

impl RpmRepository {
    fn offers(&self) -> Vec<Offer<'_>> {
        self.packages.iter().map(|package| (self, package)).collect()
    }
}

/// Adds what all variants together need on an arch.
fn ask(
    tree: &str,
    wanted: &WantedOfArch<'_>,
    offers: &[Vec<Offer<'_>>],
    comps: Vec<Option<&Comps>>,
    asked: &mut Chosen,
) -> Result<(), RpmSetError> {
    let all_comps = comps.into_iter().chain(std::iter::repeat(None));
    let views = offers.iter().zip(all_comps).map(|(offers, comps)| {
        let packages = offers.iter().map(|(_, package)| *package).collect();
        Repository { lookaside: false, packages, comps }
    });
    let mut views: Vec<Repository<'_>> = views.collect();
    views.push(Repository { lookaside: false, packages: Vec::new(), comps: wanted.comps.as_ref() });
    let group = |id: &String| GroupLine { id: id.clone(), default: true, optional: true };
    let ids: BTreeSet<&String> = wanted.comps.iter().flat_map(|comps| comps.groups.iter().map(|group| &group.id)).collect();
    let names = wanted.spec.packages.iter().cloned().chain([SYSTEM_RELEASE.to_owned()]);
    let packages =
        PackageList { packages: names.collect(), groups: ids.into_iter().map(group).collect(), ..PackageList::default() };
    let request = Request { packages, prepopulate: wanted.spec.prepopulate.clone(), ..Request::default() };
    let failed = |source| RpmSetError::Request { arch: tree.to_owned(), source };
    let gathered = gather(&views, &request, &options(tree)).map_err(failed)?;
    for selected in gathered.packages.iter().filter(|selected| !selected.flags.contains(Flag::Lookaside)) {
        let (repository, package) = offers[selected.place.repository][selected.place.package];
        let location = package.file.location.to_string();
        let name = location.rsplit('/').next().unwrap_or(&location).to_owned();
        let (checksum, size) = (package.file.checksum.clone(), package.file.size);
        let (folder, place) = (repository.folder.clone(), repository.place.clone());
        let new = Asked { folder, place, location, checksum, size };
        match asked.get(&name) {
            Some(known) if known.checksum.algorithm == new.checksum.algorithm && known.checksum != new.checksum => {
                let path = |asked: &Asked| asked.folder.join(&asked.location);
                return Err(RpmSetError::Contradiction { one: path(known), other: path(&new), name });
            }
            Some(_) => {}
            None => drop(asked.insert(name, new)),
        }
    }
    Ok(())
}

/// Reads the headers of all packages, and proves each file to be the one that was asked for.
fn read_packages(asked: Chosen, algorithm: Algorithm) -> Result<Vec<SetPackage>, RpmSetError> {
    let mut by_folder: BTreeMap<PathBuf, Vec<Asked>> = BTreeMap::new();
    for asked in asked.into_values() {
        by_folder.entry(asked.folder.clone()).or_default().push(asked);
    }
    let mut packages = Vec::new();
    for (folder, asked) in by_folder {
        let locations: Vec<String> = asked.iter().map(|asked| asked.location.clone()).collect();
        let headers = read_rpms(&folder, &locations, Some(algorithm), processors()).map_err(RpmSetError::Packages)?;
        for (mut header, asked) in headers.into_iter().zip(asked) {
            let path = folder.join(&asked.location);
            check_digest(&header, &path, &asked.checksum)?;
            if is_remote(&asked.place) {
                date_as_built(&mut header, &path)?;
            }
            packages.push(set_package(header, path, asked));
        }
    }
    packages.sort_unstable_by(|one, other| one.file_name().cmp(other.file_name()));
    Ok(packages)
}

/// By another algorithm than the one that is computed anyhow, a file is only read once more if it must be.
fn check_digest(header: &Header, path: &Path, expected: &Checksum) -> Result<(), RpmSetError> {
    let found = &header.package.file.checksum;
    let is_right = if found.algorithm == expected.algorithm {
        found.digest == expected.digest
    } else {
        // Repositories of old call SHA-1 just so.
        let name = if &*expected.algorithm == "sha" { "sha1" } else { &*expected.algorithm };
        match name.parse::<Algorithm>() {
            Ok(algorithm) => algorithm.of_file(path)?.as_str() == &*expected.digest,
            // What nobody can compute any more proves nothing.
            Err(_) => true,
        }
    };
    if is_right { Ok(()) } else { Err(RpmSetError::Other { path: path.to_owned(), checksum: expected.clone() }) }
}

/// When a package was fetched is no property of it, and what is made of it shall not depend on that.
fn date_as_built(header: &mut Header, path: &Path) -> std::io::Result<()> {
    let package = &mut header.package;
    if package.file.time == package.build_time {
        return Ok(());
    }
    package.file.time = package.build_time;
    match set_modified(path, i64::try_from(package.build_time).unwrap_or(0)) {
        // A cache may be somebody else's.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

fn set_package(header: Header, path: PathBuf, asked: Asked) -> SetPackage {
    let sha256 = |checksum: &Checksum| (&*checksum.algorithm == "sha256").then(|| checksum.digest.parse().ok()).flatten();
    SetPackage {
        repository: asked.place,
        sha256: sha256(&header.package.file.checksum).or_else(|| sha256(&asked.checksum)),
        sigkey: header.signing_keys.first().map(|key| short_id(&key.to_string())),
        exclude_arch: header.exclude_arch,
        exclusive_arch: header.exclusive_arch,
        package: header.package,
        path,
    }
}

/// A key as metadata names it: by its last eight digits.
fn short_id(key: &str) -> String {
    key.get(key.len().saturating_sub(8)..).unwrap_or(key).to_owned()
}
