//! Whether a lock fits a configuration of RPM packages, as far as the two and this machine's folders tell before a compose begins.
//! What depends on groups, and on what is in package files, is seen when the packages are gathered.
//!
//! Must not know: jobs.

use std::collections::{BTreeSet, HashSet};

use charmer_packages::Glob;

use crate::config::RpmConfig;
use crate::digest::Sha256;
use crate::package_set::lock::{LockedRpm, REPOMD, RpmLock};
use crate::package_set::rpm_plan::is_remote;
use crate::package_set::rpm_set::locked::local_folder;

use super::fit::Misfit;
use super::rpm::GatherSpec;

/// Looks at everything that a lock can lack. An `exact` lock comes from the configuration's repositories as they are.
pub fn check(lock: &RpmLock, config: &RpmConfig, exact: bool) -> Result<(), Misfit> {
    let refuse = |lines: Vec<String>| if lines.is_empty() { Ok(()) } else { Err(Misfit::new(lines)) };
    refuse(other_repositories(lock, config, exact))?;
    refuse(other_lookasides(lock, config))?;
    refuse(missing_names(lock, config))?;
    refuse(lock.packages.iter().filter_map(other_file).collect())
}

fn package_places(config: &RpmConfig) -> BTreeSet<&str> {
    config.package_set.arches.values().flat_map(|arch| &arch.repositories).map(String::as_str).collect()
}

fn lookaside_places(config: &RpmConfig) -> BTreeSet<&str> {
    let trees = config.variants.iter().flat_map(|variant| variant.trees.values());
    trees.flat_map(|tree| &tree.gather.lookasides).map(String::as_str).collect()
}

/// Repositories from which packages come and that are not configured, and those of the configuration that the lock was not made from.
fn other_repositories(lock: &RpmLock, config: &RpmConfig, exact: bool) -> Vec<String> {
    let (packages, lookasides) = (package_places(config), lookaside_places(config));
    let used: BTreeSet<&str> = lock.packages.iter().map(|package| package.repository.as_str()).collect();
    let surplus = used.into_iter().filter(|place| !packages.contains(place));
    let surplus = surplus.map(|place| format!("it takes packages from the repository {place}, which is not configured"));
    let is_absent = |place: &&&str| lock.repository(place).is_none();
    let absent = packages.iter().filter(|_| exact).chain(&lookasides).filter(is_absent);
    surplus.chain(absent.map(|place| format!("the lock was not made from the repository {place}"))).collect()
}

/// Lookaside repositories are read as they were; those of this machine must be so still.
fn other_lookasides(lock: &RpmLock, config: &RpmConfig) -> Vec<String> {
    let local = lookaside_places(config).into_iter().filter(|place| !is_remote(place));
    let is_other = |place: &&str| {
        let locked = lock.repository(place).and_then(|repository| repository.repomd.as_ref());
        let found = Sha256::of_file(&local_folder(place).join(REPOMD)).ok();
        locked.map(|file| file.sha256) != found.map(|(sha256, _)| sha256)
    };
    local.filter(is_other).map(|place| format!("the lookaside repository {place} has changed since it was locked")).collect()
}

/// Names of packages that the configuration asks for, apart from groups and lists, and that neither the lock has nor it was made without. Where
/// a lookaside repository may have them, only gathering tells.
fn missing_names(lock: &RpmLock, config: &RpmConfig) -> Vec<String> {
    let with_packages = config.variants.iter().filter(|variant| !variant.identity.is_empty);
    let specs = with_packages.flat_map(|variant| variant.trees.values()).map(|tree| &tree.gather);
    let names: BTreeSet<&String> = specs.filter(|spec| spec.lookasides.is_empty()).flat_map(asked_names).collect();
    let known: HashSet<String> = lock.packages.iter().flat_map(spellings).collect();
    let missing = lock.trees.iter().flat_map(|tree| &tree.missing);
    let missing: HashSet<&str> = missing.filter_map(|line| line.rsplit(' ').next()).collect();
    let absent = names.into_iter().filter(|name| !known.contains(name.as_str()) && !missing.contains(name.as_str()));
    absent.map(|name| format!("the package `{name}` is asked for, and not locked")).collect()
}

/// What one variant asks for by name on one arch, without patterns and what is filtered out again.
fn asked_names(spec: &GatherSpec) -> Vec<&String> {
    let is_name = |name: &&String| name.chars().all(|character| character.is_ascii_alphanumeric() || "+-._".contains(character));
    let filters: Vec<Glob> = spec.filters.iter().map(|pattern| Glob::lenient(pattern)).collect();
    let mut names: Vec<&String> = spec.additional.iter().collect();
    names.retain(|name| is_name(name) && !filters.iter().any(|filter| filter.matches(name)));
    names
}

/// All that a request can call a package.
fn spellings(package: &LockedRpm) -> Vec<String> {
    let LockedRpm { name, version, release, arch, .. } = package;
    let own = [format!("{name}-{version}"), format!("{name}-{version}-{release}"), format!("{name}-{version}-{release}.{arch}")];
    own.into_iter().chain([name.clone(), format!("{name}.{arch}")]).collect()
}

/// What is wrong with a package's file, if it is one of this machine.
fn other_file(package: &LockedRpm) -> Option<String> {
    if is_remote(&package.repository) {
        return None;
    }
    let path = local_folder(&package.repository).join(&package.file.path);
    let name = package.nevra();
    match fs_err::metadata(&path) {
        Ok(data) if data.len() == package.file.size => None,
        Ok(data) => Some(format!("{name}: {} has {} bytes, not {}", path.display(), data.len(), package.file.size)),
        Err(error) => Some(format!("{name}: {error}")),
    }
}
