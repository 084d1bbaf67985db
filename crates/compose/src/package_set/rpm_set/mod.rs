//! The package set of a compose of RPM packages: every package that some variant could take, read once, and which of them
//! each arch has.
//!
//! ```text
//! repositories ──► request ──► headers ──► signatures, exclusions ──► RpmSet
//! ```
//!
//! Must not know: which variant takes what.

mod arches;
mod collect;
pub mod locked;
pub mod mirror;
pub mod old_packages;
mod signatures;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use charmer_packages::rpm::package::Package;
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::engine::graph::Held;
use crate::package_set::lock::LockedRepository;

pub use collect::{Asked, Choice, Chosen, RpmSetError, WantedOfArch, choose, collect};
pub use signatures::{SigningKeys, UnsignedPackages};

/// Where packages come from, and what of them is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackageSetSpec {
    /// By tree arch.
    pub arches: BTreeMap<String, ArchSpec>,
    /// `noarch` among the arches that a package says it is only for counts.
    pub exclusive_arch_considers_noarch: bool,
    /// A package for any arch is only for those that its source is for.
    pub noarch_inherits_exclusive_arch: bool,
    pub signing_keys: SigningKeys,
}

/// Where the packages of one arch come from, and what all variants together ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ArchSpec {
    /// Folders or URLs of repositories.
    pub repositories: Vec<String>,
    /// Some variant has packages of the second word size.
    pub multilib: bool,
    /// Names and patterns.
    pub packages: Vec<String>,
    /// `name.arch` each.
    pub prepopulate: Vec<String>,
    /// Some variant is gathered by a solver, which looks at all that a requirement could be met with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub alternatives: bool,
}

/// All packages of a compose.
#[derive(Debug)]
pub struct RpmSet {
    /// Sorted by file name.
    pub packages: Vec<SetPackage>,
    /// Which of them each tree arch has, sorted; sources too.
    pub arches: BTreeMap<String, Vec<u32>>,
    /// What was kept from an arch although it would run there, in Pungi's words.
    pub excluded: Vec<String>,
    /// Where they come from; empty if a lock said so. It is no part of what tells two sets apart.
    pub repositories: Vec<LockedRepository>,
}

/// A package and its file.
#[derive(Debug)]
pub struct SetPackage {
    pub package: Package,
    pub path: PathBuf,
    /// The repository that it is of, as the configuration has it. The package's location is relative to it.
    pub repository: Arc<str>,
    /// Of the file, if it became known when that was proven.
    pub sha256: Option<Sha256>,
    /// The key that signed it, of those that the configuration prefers.
    pub sigkey: Option<String>,
    /// No key signed it that the configuration lists, and that is not allowed.
    pub is_unsigned: bool,
    exclude_arch: Vec<String>,
    exclusive_arch: Vec<String>,
}

impl SetPackage {
    pub fn file_name(&self) -> &str {
        let location = &*self.package.file.location;
        location.rsplit_once('/').map_or(location, |(_, name)| name)
    }
}

impl Held for RpmSet {
    fn digest(&self) -> Sha256 {
        let of_package = |package: &SetPackage| {
            // What one configuration allows another may not: a selection of it must not be used again.
            let sign = if package.is_unsigned { " unsigned" } else { "" };
            format!("{} {}{sign}", package.file_name(), package.package.file.checksum.digest)
        };
        Sha256::of_value(&(self.packages.iter().map(of_package).collect::<Vec<_>>(), &self.arches))
    }
}

impl RpmSet {
    /// The number of the package that has a file name.
    pub fn find(&self, name: &str) -> Option<u32> {
        let found = self.packages.binary_search_by(|package| package.file_name().cmp(name)).ok()?;
        u32::try_from(found).ok()
    }

    pub fn package(&self, number: u32) -> &Package {
        &self.packages[number as usize].package
    }

    /// Refuses those of some packages that must not be in a compose as they are signed.
    pub fn check_signatures(&self, numbers: impl IntoIterator<Item = u32>, keys: &SigningKeys) -> Result<(), UnsignedPackages> {
        let packages = numbers.into_iter().map(|number| &self.packages[number as usize]);
        let release =
            |SetPackage { package, .. }: &SetPackage| format!("{}-{}-{}", package.name(), package.version(), package.release());
        let unsigned: BTreeSet<String> = packages.filter(|package| package.is_unsigned).map(release).collect();
        if unsigned.is_empty() { Ok(()) } else { Err(keys.refusal(unsigned)) }
    }

    /// The packages of an arch, with their numbers.
    pub fn of_arch(&self, arch: &str) -> &[u32] {
        self.arches.get(arch).map(Vec::as_slice).unwrap_or_default()
    }
}
