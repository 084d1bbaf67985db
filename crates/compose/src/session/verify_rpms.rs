//! `charmer verify` of a compose of RPM packages: every package file against the lock, repositories and `rpms.json` against what is
//! there, and what the records say of all other files.
//!
//! Everything that is read may have been changed by anybody: paths must stay in the compose.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use charmer_packages::rpm::package::Package;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use super::verify::read_text;
use super::verify::{Verified, VerifyError, changed, finding, go_on, verify_lock};
use super::verify_isos::verify_isos;
use crate::config::RpmConfig;
use crate::digest::Sha256;
use crate::engine::Output;
use crate::engine::journal::recorded_output;
use crate::extra_files::plan::AddedFiles;
use crate::finding::Finding;
use crate::layout::Layout;
use crate::metadata::checksums::{ChecksumKind, Checksums, checksums_of_file};
use crate::metadata::rpm_plan::{DescribedTree, WrittenFiles};
use crate::package_set::lock::{LockedRpm, RpmLock};
use crate::package_set::rpm_file::find_rpms;
use crate::package_set::rpm_md::RpmRepository;
use crate::parallel::{in_parallel, processors};
use crate::repositories::rpm_plan::RpmRepositories;
use crate::repositories::rpm_trees::{RepositoryPlace, TreeKind};

const RPMS: &str = "compose/metadata/rpms.json";

/// Verifies everything that the compose's records say it ships.
pub(super) async fn verify_rpms(
    layout: &Layout,
    config: &RpmConfig,
    surroundings: &Surroundings,
    cancel: &CancellationToken,
    verified: &mut Verified,
) -> Result<(), VerifyError> {
    let lock = verify_lock(layout, verified, RpmLock::read);
    let repositories = composed_repositories(layout, config);
    let files = PackageFiles::read(layout, &repositories, config, cancel, verified)?;
    verify_packages(&files, lock.as_ref(), verified);
    for (scope, place) in &repositories {
        go_on(cancel)?;
        verified.findings.extend(verify_repository(layout, scope, place, &files));
        verified.looked_at.push(format!("repository {scope}"));
    }
    verified.findings.extend(strangers(layout, config, &files));
    verified.findings.extend(verify_list(layout, &files));
    verify_records(layout, config, verified);
    verify_isos(layout, config, lock.as_ref(), surroundings, cancel, verified).await
}

/// The repositories that were composed, with what they are called here.
fn composed_repositories(layout: &Layout, config: &RpmConfig) -> Vec<(String, RepositoryPlace)> {
    let mut composed = Vec::new();
    for variant in config.variants.iter().filter(|variant| !variant.identity.is_empty) {
        let is_there =
            |arch: &str| recorded_output::<RpmRepositories>(layout, &format!("createrepo:{}.{arch}", variant.uid())).is_some();
        let place = |kind, arch: &str, what: &str| {
            let place = RepositoryPlace::of(&variant.identity, kind, arch);
            (format!("{}.{arch}{what}", variant.uid()), place)
        };
        for arch in variant.trees.keys().filter(|arch| is_there(arch)) {
            composed.push(place(TreeKind::Binary, arch, ""));
            composed.push(place(TreeKind::Debug, arch, " debug"));
        }
        if is_there("src") {
            composed.push(place(TreeKind::Source, "src", ""));
        }
    }
    composed
}

/// The package files of all repositories, by paths relative to the compose's folder.
struct PackageFiles {
    checksums: BTreeMap<String, Checksums>,
}

impl PackageFiles {
    /// Reads each file once, by however many names it is there.
    fn read(
        layout: &Layout,
        repositories: &[(String, RepositoryPlace)],
        config: &RpmConfig,
        cancel: &CancellationToken,
        verified: &mut Verified,
    ) -> Result<Self, VerifyError> {
        let mut by_file: BTreeMap<(u64, u64), (PathBuf, Vec<String>)> = BTreeMap::new();
        for (_, place) in repositories {
            let folder = if place.packages.is_empty() { String::new() } else { format!("/{}", place.packages) };
            let folder = format!("{}{folder}", place.repository);
            let found = find_rpms(&layout.path(&folder)).unwrap_or_else(|error| {
                verified.findings.push(finding("packages", &folder, error.to_string()));
                Vec::new()
            });
            for path in found.into_iter().map(|name| format!("{folder}/{name}")) {
                let absolute = layout.path(&path);
                match fs_err::metadata(&absolute) {
                    Ok(data) => by_file.entry((data.dev(), data.ino())).or_insert((absolute, Vec::new())).1.push(path),
                    Err(error) => verified.findings.push(finding("packages", &path, error.to_string())),
                }
            }
        }
        let own = config.repositories.checksum.name();
        let kinds = [ChecksumKind::Sha1, ChecksumKind::Sha256, ChecksumKind::Sha512].into_iter();
        let kinds: BTreeSet<_> = kinds.filter(|kind| *kind == ChecksumKind::Sha256 || kind.name() == own).collect();
        let files: Vec<_> = by_file.into_values().collect();
        let read = in_parallel(processors(), &files, |(path, _)| {
            go_on(cancel)?;
            Ok::<_, VerifyError>(checksums_of_file(path, &kinds))
        })?;
        let mut checksums = BTreeMap::new();
        for ((_, paths), read) in files.into_iter().zip(read) {
            match read {
                Ok(read) => checksums.extend(paths.into_iter().map(|path| (path, read.clone()))),
                Err(error) => verified.findings.push(finding("packages", &paths[0], error.to_string())),
            }
        }
        Ok(Self { checksums })
    }

    fn sha256(&self, path: &str) -> Option<Sha256> {
        self.checksums.get(path)?.get(&ChecksumKind::Sha256)?.parse().ok()
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Every file of a package is the one that the lock has. The lock may have more: installers are made of a whole arch.
fn verify_packages(files: &PackageFiles, lock: Option<&RpmLock>, verified: &mut Verified) {
    let Some(lock) = lock else { return };
    let locked: BTreeMap<&str, &LockedRpm> = lock.packages.iter().map(|package| (package.file_name(), package)).collect();
    for path in files.checksums.keys() {
        let problem = match (locked.get(file_name(path)), files.sha256(path)) {
            (None, _) => "the lock has no such package".to_owned(),
            (Some(package), Some(sha256)) if package.file.sha256 == sha256 => continue,
            (Some(package), _) => format!("its SHA-256 is not {}, which the lock has", package.file.sha256),
        };
        verified.findings.push(finding("package-equals-lock", path, problem));
    }
}

/// Lists exactly the packages that are there, with their checksums. A file that is not the lock's is told of already.
fn verify_repository(layout: &Layout, scope: &str, place: &RepositoryPlace, files: &PackageFiles) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut add = |subject: &str, message: &str| {
        findings.push(Finding { scope: scope.to_owned(), ..finding("repodata", subject, message.to_owned()) });
    };
    let repository = match RpmRepository::read(&layout.path(&place.repository)) {
        Ok(repository) => repository,
        Err(error) => {
            add(&place.repository, &error.to_string());
            return findings;
        }
    };
    let path = |package: &Package| format!("{}/{}", place.repository, package.file.location);
    let mut listed = BTreeSet::new();
    for package in &repository.packages {
        let path = path(package);
        match files.checksums.get(&path) {
            None => add(&path, "the repository lists it, and it is not there"),
            Some(found) if !is_listed_right(package, found) => add(&path, "it is not the file that the repository lists"),
            Some(_) => {}
        }
        if !listed.insert(path.clone()) {
            add(&path, "the repository lists it twice");
        }
    }
    let folder = if place.packages.is_empty() { String::new() } else { format!("{}/", place.packages) };
    let folder = format!("{}/{folder}", place.repository);
    let there = files.checksums.keys().filter(|path| path.starts_with(&folder));
    there.filter(|path| !listed.contains(*path)).for_each(|path| add(path, "the repository does not list it"));
    findings
}

fn is_listed_right(package: &Package, found: &Checksums) -> bool {
    let checksum = &package.file.checksum;
    found.iter().any(|(kind, digest)| kind.name() == &*checksum.algorithm && **digest == *checksum.digest)
}

/// Packages that lie in the compose outside of the folders of repositories.
fn strangers(layout: &Layout, config: &RpmConfig, files: &PackageFiles) -> Vec<Finding> {
    let found = match find_rpms(&layout.path("compose")) {
        Ok(found) => found,
        Err(error) => return vec![finding("packages", "compose", error.to_string())],
    };
    let added = config.variants.iter().flat_map(|variant| {
        let arches = variant.extra_files.keys();
        arches.filter_map(|arch| recorded_output::<AddedFiles>(layout, &format!("extra-files:{}.{arch}", variant.uid())))
    });
    let added: BTreeSet<String> = added.flat_map(|added| added.files()).map(|file| file.path).collect();
    let found = found.into_iter().map(|path| format!("compose/{path}"));
    let strangers = found.filter(|path| !files.checksums.contains_key(path) && !added.contains(path));
    strangers.map(|path| finding("packages", &path, "it is in no repository".to_owned())).collect()
}

/// What `rpms.json` lists: variant, arch, source package, package.
type Listed = BTreeMap<String, BTreeMap<String, BTreeMap<String, BTreeMap<String, ListedRpm>>>>;

#[derive(Deserialize)]
struct RpmList {
    payload: RpmListPayload,
}

#[derive(Deserialize)]
struct RpmListPayload {
    rpms: Listed,
}

#[derive(Deserialize)]
struct ListedRpm {
    path: String,
}

/// `rpms.json` names exactly the packages that are there.
fn verify_list(layout: &Layout, files: &PackageFiles) -> Vec<Finding> {
    if recorded_output::<WrittenFiles>(layout, "rpms").is_none() {
        return Vec::new();
    }
    let text = read_text(&layout.path(RPMS)).map_err(|error| error.to_string());
    let list = text.and_then(|text| serde_json::from_str::<RpmList>(&text).map_err(|error| error.to_string()));
    let listed: BTreeSet<String> = match list {
        Ok(list) => {
            let arches = list.payload.rpms.into_values().flat_map(BTreeMap::into_values);
            let packages = arches.flat_map(BTreeMap::into_values).flat_map(BTreeMap::into_values);
            packages.map(|package| format!("compose/{}", package.path)).collect()
        }
        Err(error) => return vec![finding("metadata", RPMS, error)],
    };
    let absent = listed.iter().filter(|path| !files.checksums.contains_key(*path));
    let absent = absent.map(|path| finding("metadata", path, "rpms.json lists it, and it is in no repository".to_owned()));
    let unlisted = files.checksums.keys().filter(|path| !listed.contains(*path));
    absent.chain(unlisted.map(|path| finding("metadata", path, "rpms.json does not list it".to_owned()))).collect()
}

/// Files of which only the records of the jobs that wrote them know the digests. Images may have come to the compose since: what
/// lists those is compared with them instead.
fn verify_records(layout: &Layout, config: &RpmConfig, verified: &mut Verified) {
    let mut files = Vec::new();
    for variant in &config.variants {
        for arch in variant.trees.keys().map(String::as_str).chain(["src"]) {
            let scope = format!("{}.{arch}", variant.uid());
            files.extend(recorded_files::<RpmRepositories>(layout, &format!("createrepo:{scope}")));
            files.extend(recorded_files::<DescribedTree>(layout, &format!("tree:{scope}")));
            files.extend(recorded_files::<AddedFiles>(layout, &format!("extra-files:{scope}")));
        }
    }
    for job in ["rpms", "modules", "composeinfo", "extra-files-list"] {
        files.extend(recorded_files::<WrittenFiles>(layout, job));
    }
    files.retain(|file| file.path.starts_with("compose/") && file.path != super::verify_isos::IMAGES);
    verified.findings.extend(files.iter().filter_map(|file| changed(layout, file)));
    verified.looked_at.push("metadata".to_owned());
}

fn recorded_files<T: Output>(layout: &Layout, job: &str) -> Vec<crate::engine::OutputFile> {
    recorded_output::<T>(layout, job).map(|output| output.files()).unwrap_or_default()
}
