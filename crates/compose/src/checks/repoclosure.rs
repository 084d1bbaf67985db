//! Whether everything that packages of a repository require is provided, in it or in the repositories that it builds upon: what
//! `dnf repoclosure` tells.
//!
//! As there, this says nothing about whether packages can be installed together: a requirement is met when any package of any
//! version provides it. Rich requirements count as met when one of the packages in them is there, whichever its operators say, but
//! for `with` and `without`. Must not know: where repositories lie.

mod providers;

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use charmer_packages::rpm::dependency::{Dependency, Rich};
use charmer_packages::rpm::package::Package;
use charmer_packages::rpm::version::compare_parts;

use providers::Providers;

/// The packages of a repository, and its id for messages.
#[derive(Debug, Clone)]
pub struct ClosureRepository<'a> {
    pub id: &'a str,
    pub packages: Vec<&'a Package>,
}

/// A package, and what it requires in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnresolvedPackage {
    pub package: String,
    pub repository: String,
    /// Sorted.
    pub requirements: Vec<String>,
}

/// What a check found; displayed as `dnf repoclosure` prints it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepoClosure {
    /// By name, version and arch.
    pub unresolved: Vec<UnresolvedPackage>,
}

impl RepoClosure {
    pub fn is_closed(&self) -> bool {
        self.unresolved.is_empty()
    }

    /// The line that says how much is wrong; none if nothing is.
    pub fn error(&self) -> Option<String> {
        let packages = self.unresolved.len();
        let requirements: usize = self.unresolved.iter().map(|package| package.requirements.len()).sum();
        (packages > 0)
            .then(|| format!("Repoclosure ended with unresolved dependencies ({requirements}) across {packages} packages."))
    }
}

impl fmt::Display for RepoClosure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for UnresolvedPackage { package, repository, requirements } in &self.unresolved {
            writeln!(formatter, "package: {package} from {repository}")?;
            writeln!(formatter, "  unresolved deps ({}):", requirements.len())?;
            for requirement in requirements {
                writeln!(formatter, "    {requirement}")?;
            }
        }
        match self.error() {
            Some(error) => writeln!(formatter, "Error: {error}"),
            None => Ok(()),
        }
    }
}

/// Checks the packages of one repository that are of the given arches. Only packages of these arches count as providers.
pub fn repoclosure(checked: &ClosureRepository<'_>, others: &[ClosureRepository<'_>], arches: &[&str]) -> RepoClosure {
    let of_arches = |package: &&Package| arches.contains(&package.arch());
    let to_check: Vec<&Package> = checked.packages.iter().copied().filter(of_arches).collect();
    let available = others.iter().flat_map(|repository| repository.packages.iter().copied().filter(of_arches));
    let available: Vec<&Package> = to_check.iter().copied().chain(available).collect();
    let providers = Providers::new(&available, to_check.iter().copied());

    let mut answers: HashMap<Dependency<'_>, bool> = HashMap::new();
    let mut unresolved: Vec<(&Package, BTreeSet<String>)> = Vec::new();
    for package in to_check {
        let mut missing = BTreeSet::new();
        for relation in package.requires() {
            let dependency = relation.dependency;
            let met = dependency.name.starts_with("rpmlib(")
                || *answers.entry(dependency).or_insert_with(|| !providers.of(&dependency).is_empty());
            if !met {
                missing.insert(printed(&dependency));
            }
        }
        if !missing.is_empty() {
            unresolved.push((package, missing));
        }
    }
    unresolved.sort_by(|(left, _), (right, _)| {
        let by_version = || left.evr().compare(&right.evr()).then_with(|| compare_parts(left.arch(), right.arch()));
        left.name().cmp(right.name()).then_with(by_version)
    });
    let finding = |(package, missing): (&Package, BTreeSet<String>)| UnresolvedPackage {
        package: package.nevra().to_string(),
        repository: checked.id.to_owned(),
        requirements: missing.into_iter().collect(),
    };
    RepoClosure { unresolved: unresolved.into_iter().map(finding).collect() }
}

/// Rich requirements without the parentheses that say nothing.
fn printed(dependency: &Dependency<'_>) -> String {
    match dependency.is_rich().then(|| Rich::parse(dependency.name)) {
        Some(Ok(rich)) => rich.to_string(),
        _ => dependency.to_string(),
    }
}
