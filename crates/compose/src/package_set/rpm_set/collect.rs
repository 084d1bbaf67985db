//! Repositories to the packages that a compose can take: all variants' request on each arch, then the headers of what it gives.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use charmer_packages::rpm::arch;
use charmer_packages::rpm::comps::Comps;
use charmer_packages::rpm::gather::{
    Flag, GatherError, GroupLine, Method, Options, PackageList, Repository, Request, gather, needs_file_lists,
};
use charmer_packages::rpm::header::Header;
use charmer_packages::rpm::package::{Checksum, Field, Package, PackageFile};

use super::arches::sort_into_arches;
use super::{ArchSpec, PackageSetSpec, RpmSet, SetPackage};
use crate::checksum::Algorithm;
use crate::package_set::rpm_file::{RpmFileError, find_rpms, read_rpms, stays_inside};
use crate::package_set::rpm_md::{RpmMetadataError, RpmRepository};
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
    /// Relative to it.
    pub location: String,
    pub checksum: Checksum,
    pub size: u64,
}

/// The package files that variants could take, by their names.
pub type Chosen = BTreeMap<String, Asked>;

/// Reads the repositories of all arches, and finds what variants could take of them. `folders` says where repositories of servers lie.
pub fn choose(
    spec: &PackageSetSpec,
    wanted: &BTreeMap<String, WantedOfArch<'_>>,
    folders: &BTreeMap<String, PathBuf>,
) -> Result<Chosen, RpmSetError> {
    let places: BTreeSet<&String> = spec.arches.values().flat_map(|arch| &arch.repositories).collect();
    let places: Vec<&String> = places.into_iter().collect();
    let read = crate::parallel::in_parallel(processors(), &places, |place| {
        read_repository(place, folders.get(*place).map(PathBuf::as_path))
    })?;
    let mut repositories: HashMap<&String, RpmRepository> = places.into_iter().zip(read).collect();
    read_file_lists(&mut repositories, wanted)?;
    let mut asked = BTreeMap::new();
    for (arch, wanted) in wanted {
        let of_arch: Vec<&RpmRepository> = wanted.spec.repositories.iter().map(|place| &repositories[place]).collect();
        ask(arch, wanted, &of_arch, &mut asked)?;
    }
    drop_in_background(repositories.into_values().collect::<Vec<_>>());
    Ok(asked)
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

/// Adds what all variants together need on an arch.
fn ask(tree: &str, wanted: &WantedOfArch<'_>, repositories: &[&RpmRepository], asked: &mut Chosen) -> Result<(), RpmSetError> {
    let mut views: Vec<Repository<'_>> = repositories.iter().map(|repository| view(repository)).collect();
    views.push(Repository { lookaside: false, packages: Vec::new(), comps: wanted.comps.as_ref() });
    let group = |id: &String| GroupLine { id: id.clone(), default: true, optional: true };
    let ids: BTreeSet<&String> = wanted.comps.iter().flat_map(|comps| comps.groups.iter().map(|group| &group.id)).collect();
    let names = wanted.spec.packages.iter().cloned().chain([SYSTEM_RELEASE.to_owned()]);
    let packages =
        PackageList { packages: names.collect(), groups: ids.into_iter().map(group).collect(), ..PackageList::default() };
    let request = Request { packages, prepopulate: wanted.spec.prepopulate.clone(), ..Request::default() };
    let failed = |source| RpmSetError::Request { arch: tree.to_owned(), source };
    let gathered = gather(&views, &request, &options(tree)).map_err(failed)?;
    let taken =
        gathered.packages.iter().map(|selected| &repositories[selected.place.repository].packages[selected.place.package]);
    check_copies(taken, repositories)?;
    for selected in gathered.packages.iter().filter(|selected| !selected.flags.contains(Flag::Lookaside)) {
        let repository = repositories[selected.place.repository];
        let package = &repository.packages[selected.place.package];
        let location = package.file.location.to_string();
        let name = location.rsplit('/').next().unwrap_or(&location).to_owned();
        let (checksum, size) = (package.file.checksum.clone(), package.file.size);
        let new = Asked { folder: repository.folder.clone(), location, checksum, size };
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

/// A package that is taken must be the same wherever it lies: which of two is meant, nobody could say.
fn check_copies<'a>(taken: impl Iterator<Item = &'a Package>, repositories: &[&'a RpmRepository]) -> Result<(), RpmSetError> {
    let name = |package: &'a Package| {
        let fields = [Field::Name, Field::Version, Field::Release, Field::Arch];
        (package.epoch, fields.map(|field| package.field(field)))
    };
    let taken: HashMap<_, &Package> = taken.map(|package| (name(package), package)).collect();
    let everywhere = || repositories.iter().flat_map(|&repository| repository.packages.iter().map(move |it| (repository, it)));
    let contradicts = |(_, package): &(&RpmRepository, &'a Package)| {
        taken.get(&name(package)).is_some_and(|known| is_other(&known.file, &package.file))
    };
    let Some((repository, other)) = everywhere().find(contradicts) else { return Ok(()) };
    let one = taken[&name(other)];
    let home = everywhere().find(|(_, package)| std::ptr::eq(*package, one)).map_or(repository, |(home, _)| home);
    Err(RpmSetError::Contradiction {
        name: one.nevra().to_string(),
        one: home.folder.join(&*one.file.location),
        other: repository.folder.join(&*other.file.location),
    })
}

/// By different algorithms only sizes can be compared.
fn is_other(one: &PackageFile, other: &PackageFile) -> bool {
    if one.checksum.algorithm == other.checksum.algorithm {
        one.checksum.digest != other.checksum.digest
    } else {
        one.size != other.size
    }
}

/// Reads the headers of all packages, and proves each file to be the one that was asked for.
fn read_packages(asked: Chosen, algorithm: Algorithm) -> Result<Vec<SetPackage>, RpmSetError> {
    let mut by_folder: BTreeMap<PathBuf, (Vec<String>, Vec<Checksum>)> = BTreeMap::new();
    for Asked { folder, location, checksum, .. } in asked.into_values() {
        let (locations, checksums) = by_folder.entry(folder).or_default();
        locations.push(location);
        checksums.push(checksum);
    }
    let mut packages = Vec::new();
    for (folder, (locations, checksums)) in by_folder {
        let headers = read_rpms(&folder, &locations, Some(algorithm), processors()).map_err(RpmSetError::Packages)?;
        for ((header, location), checksum) in headers.into_iter().zip(locations).zip(checksums) {
            let path = folder.join(location);
            check_digest(&header, &path, &checksum)?;
            packages.push(set_package(header, path));
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

fn set_package(header: Header, path: PathBuf) -> SetPackage {
    SetPackage {
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
