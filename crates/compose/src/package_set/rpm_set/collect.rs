//! Repositories to the packages that a compose can take: all variants' request on each arch, then the headers of what it gives.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use charmer_packages::rpm::arch;
use charmer_packages::rpm::comps::Comps;
use charmer_packages::rpm::gather::{
    Flag, GatherError, GroupLine, HybridRequest, Method, Options, PackageList, Place, Repository, Request, gather,
    needs_file_lists, reach,
};
use charmer_packages::rpm::header::Header;
use charmer_packages::rpm::package::{Checksum, Field, Package, PackageFile};

use super::arches::sort_into_arches;
use super::locked::KeptPackages;
use super::signatures::{SigningKeys, Verdict};
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
    /// A request took it; others are what could stand in its place.
    pub was_requested: bool,
}

/// The package files that variants could take, by their names. Of each there are several where repositories have files of one name
/// with different content and the configuration says which signature is the best.
pub type Chosen = BTreeMap<String, Vec<Asked>>;

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
    let may_differ = !spec.signing_keys.is_indifferent();
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
            ask(arch, wanted, &offers, comps, may_differ, &mut choice.packages)?;
        }
        if may_differ {
            let fixed = keep.map(KeptPackages::file_names).unwrap_or_default();
            let places = spec.arches.values().flat_map(|arch| &arch.repositories);
            add_copies(&mut choice.packages, places.map(|place| &repositories[place]), &fixed);
        }
        choice.repositories = repositories.values().map(RpmRepository::locked).collect::<Result<_, _>>()?;
        choice.repositories.sort();
    }
    drop_in_background(repositories.into_values().collect::<Vec<_>>());
    Ok(choice)
}

/// Reads the headers of what was chosen.
pub fn collect(spec: &PackageSetSpec, chosen: Chosen, algorithm: Algorithm) -> Result<RpmSet, RpmSetError> {
    Ok(sort_into_arches(read_packages(chosen, algorithm, &spec.signing_keys)?, spec))
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
    may_differ: bool,
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
    let mut places: Vec<Place> = gathered
        .packages
        .iter()
        .filter(|selected| !selected.flags.contains(Flag::Lookaside))
        .map(|selected| selected.place)
        .collect();
    if wanted.spec.alternatives {
        places.extend(alternatives(tree, wanted, &views).map_err(failed)?);
    }
    let taken: Vec<Offer<'_>> = places.into_iter().map(|place| offers[place.repository][place.package]).collect();
    if !may_differ {
        check_copies(&taken, offers)?;
    }
    for (repository, package) in taken {
        let (name, new) = named(repository, package, true);
        let known = asked.entry(name.clone()).or_default();
        let other =
            known.iter().find(|known| known.checksum.algorithm == new.checksum.algorithm && known.checksum != new.checksum);
        match (known.is_empty(), other) {
            (false, Some(other)) if !may_differ => {
                return Err(RpmSetError::Contradiction { one: other.path(), other: new.path(), name });
            }
            (true, _) | (false, Some(_)) => known.push(new),
            (false, None) => {}
        }
    }
    Ok(())
}

/// What a solver could take of an arch.
fn alternatives(tree: &str, wanted: &WantedOfArch<'_>, views: &[Repository<'_>]) -> Result<BTreeSet<Place>, GatherError> {
    let members = wanted.comps.iter().flat_map(|comps| &comps.groups).flat_map(|group| &group.packages);
    let request = HybridRequest {
        arch: arch::of_tree(tree).to_owned(),
        packages: members.map(|member| member.name.clone()).chain(wanted.spec.packages.iter().cloned()).collect(),
        prepopulate: wanted.spec.prepopulate.iter().cloned().collect(),
        multilib: vec![Method::All],
        ..HybridRequest::default()
    };
    reach(views, &request)
}

/// A package that is taken must be the same wherever it lies: which of two is meant, nobody could say.
fn check_copies(taken: &[Offer<'_>], offers: &[Vec<Offer<'_>>]) -> Result<(), RpmSetError> {
    fn name(package: &Package) -> (u32, [&str; 4]) {
        let fields = [Field::Name, Field::Version, Field::Release, Field::Arch];
        (package.epoch, fields.map(|field| package.field(field)))
    }
    let taken: HashMap<_, Offer<'_>> = taken.iter().map(|offer| (name(offer.1), *offer)).collect();
    let contradicts =
        |(_, package): &&Offer<'_>| taken.get(&name(package)).is_some_and(|(_, known)| is_other(&known.file, &package.file));
    let Some((repository, other)) = offers.iter().flatten().find(contradicts) else { return Ok(()) };
    let (home, one) = taken[&name(other)];
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

/// Adds what other repositories have under the names of what was asked for, or the same ones in other folders. Files of some names
/// are to stay what they are.
fn add_copies<'a>(asked: &mut Chosen, repositories: impl Iterator<Item = &'a RpmRepository>, fixed: &HashSet<&str>) {
    let mut seen = BTreeSet::new();
    for repository in repositories.filter(|repository| seen.insert(repository.folder.clone())) {
        for package in &repository.packages {
            let (name, copy) = named(repository, package, false);
            if let Some(known) = asked.get_mut(&name)
                && !fixed.contains(name.as_str())
                && !known.iter().any(|known| known.checksum == copy.checksum)
            {
                known.push(copy);
            }
        }
    }
}

/// A package of a repository by the name of its file.
fn named(repository: &RpmRepository, package: &Package, was_requested: bool) -> (String, Asked) {
    let location = package.file.location.to_string();
    let name = location.rsplit('/').next().unwrap_or(&location).to_owned();
    let (checksum, size) = (package.file.checksum.clone(), package.file.size);
    let (folder, place) = (repository.folder.clone(), repository.place.clone());
    (name, Asked { folder, place, location, checksum, size, was_requested })
}

impl Asked {
    fn path(&self) -> PathBuf {
        self.folder.join(&self.location)
    }
}

/// A package that was read, and what speaks for it: the least is the best.
struct Candidate {
    merit: (usize, bool, usize),
    package: SetPackage,
}

/// Reads the headers of all packages, proves each file to be the one that was asked for, and takes the best by its signature.
fn read_packages(asked: Chosen, algorithm: Algorithm, keys: &SigningKeys) -> Result<Vec<SetPackage>, RpmSetError> {
    let mut by_folder: BTreeMap<PathBuf, Vec<(usize, Asked)>> = BTreeMap::new();
    for copies in asked.into_values() {
        for (position, copy) in copies.into_iter().enumerate() {
            by_folder.entry(copy.folder.clone()).or_default().push((position, copy));
        }
    }
    let mut best: BTreeMap<String, Candidate> = BTreeMap::new();
    for (folder, copies) in by_folder {
        let locations: Vec<String> = copies.iter().map(|(_, copy)| copy.location.clone()).collect();
        let headers = read_rpms(&folder, &locations, Some(algorithm), processors()).map_err(RpmSetError::Packages)?;
        for (mut header, (position, copy)) in headers.into_iter().zip(copies) {
            let path = copy.path();
            check_digest(&header, &path, &copy.checksum)?;
            if is_remote(&copy.place) {
                date_as_built(&mut header, &path)?;
            }
            let verdict = keys.judge(&header.signing_keys);
            let merit = (verdict.rank, !copy.was_requested, position);
            let candidate = Candidate { merit, package: set_package(header, copy, path, verdict) };
            match best.entry(candidate.package.file_name().to_owned()) {
                Entry::Vacant(vacant) => drop(vacant.insert(candidate)),
                Entry::Occupied(mut known) => {
                    check_agreement(known.key(), known.get(), &candidate)?;
                    if candidate.merit < known.get().merit {
                        known.insert(candidate);
                    }
                }
            }
        }
    }
    Ok(best.into_values().map(|candidate| candidate.package).collect())
}

/// Two packages that were both asked for, and that signatures do not tell apart, must be one.
fn check_agreement(name: &str, one: &Candidate, other: &Candidate) -> Result<(), RpmSetError> {
    let checksum = |candidate: &Candidate| candidate.package.package.file.checksum.clone();
    // The second field is false for what was asked for.
    let (one_merit, other_merit) = ((one.merit.0, one.merit.1), (other.merit.0, other.merit.1));
    if one_merit == other_merit && !one.merit.1 && checksum(one) != checksum(other) {
        let path = |candidate: &Candidate| candidate.package.path.clone();
        return Err(RpmSetError::Contradiction { name: name.to_owned(), one: path(one), other: path(other) });
    }
    Ok(())
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

fn set_package(header: Header, asked: Asked, path: PathBuf, verdict: Verdict) -> SetPackage {
    let sha256 = |checksum: &Checksum| (&*checksum.algorithm == "sha256").then(|| checksum.digest.parse().ok()).flatten();
    SetPackage {
        repository: asked.place,
        sha256: sha256(&header.package.file.checksum).or_else(|| sha256(&asked.checksum)),
        sigkey: verdict.key,
        is_unsigned: !verdict.allowed,
        exclude_arch: header.exclude_arch,
        exclusive_arch: header.exclusive_arch,
        package: header.package,
        path,
    }
}
