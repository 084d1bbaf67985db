//! The method hybrid: the request of all sources of a variant and arch together, what the solver answers, and what it says of it.

use std::collections::{BTreeMap, BTreeSet};

use charmer_packages::Glob;
use charmer_packages::rpm::arch;
use charmer_packages::rpm::comps::Comps;
use charmer_packages::rpm::gather::hybrid::{Broken, Choice, Objection};
use charmer_packages::rpm::gather::{HybridRequest, Place, Repository, Resolved, gather_hybrid};
use charmer_packages::rpm::package::Package;

use super::request::{GatherInputs, GatheredTree, selection};
use super::{GatherSource, RpmGatherError};

/// Packages of all kinds that groups have are asked for, as with the method nodeps.
pub(super) fn group_members<'c>(comps: impl Iterator<Item = &'c Comps>) -> impl Iterator<Item = &'c str> {
    comps.flat_map(|comps| &comps.groups).flat_map(|group| &group.packages).map(|member| member.name.as_str())
}

/// Selects by all sources at once.
pub(super) fn select(inputs: &GatherInputs<'_>) -> Result<GatheredTree, RpmGatherError> {
    let request = request(inputs)?;
    if request.packages.is_empty() && request.prepopulate.is_empty() {
        return Ok(GatheredTree::default());
    }
    let repositories = inputs.repositories();
    let resolved = gather_hybrid(&repositories, &request)?;
    Ok(in_words(&resolved, &repositories))
}

fn request(inputs: &GatherInputs<'_>) -> Result<HybridRequest, RpmGatherError> {
    let spec = inputs.spec;
    let mut request = HybridRequest { arch: arch::of_tree(inputs.arch).to_owned(), ..HybridRequest::default() };
    for (source, _) in &spec.sources {
        match source {
            GatherSource::Comps => {
                request.packages.extend(group_members(inputs.all_comps()).map(str::to_owned));
                request.packages.extend(inputs.additional().cloned());
                request.prepopulate.extend(spec.prepopulate.iter().cloned());
            }
            GatherSource::Json(names) => request.packages.extend(names.iter().flat_map(|(name, arches)| {
                arches.iter().map(move |arch| arch.as_ref().map_or_else(|| name.clone(), |arch| format!("{name}.{arch}")))
            })),
        }
    }
    // Of a name that is asked for and excluded, the exclusion counts.
    request.packages.retain(|name| !spec.filters.contains(name));
    request.excludes.extend(spec.filters.iter().cloned());
    request.multilib = spec.multilib.iter().map(|name| name.parse()).collect::<Result<_, _>>()?;
    let globs = |patterns: &[String]| patterns.iter().map(|pattern| Glob::lenient(pattern)).collect();
    request.multilib_whitelist = globs(&spec.multilib_whitelist);
    request.multilib_blacklist = globs(&spec.multilib_blacklist);
    Ok(request)
}

fn in_words(resolved: &Resolved, repositories: &[Repository<'_>]) -> GatheredTree {
    let package = |place: Place| repositories[place.repository].packages[place.package];
    let mut selection = selection(&resolved.gathered, repositories, |_| false);
    let rather_than: BTreeMap<&str, String> =
        resolved.choices.iter().map(|choice| (file_name(package(choice.taken)), passed_over(choice, package))).collect();
    for rpm in &mut selection.packages {
        if let Some(passed_over) = rather_than.get(rpm.file.as_str()).filter(|_| !rpm.has_flag("input")) {
            rpm.because = format!("{}; rather than {passed_over}", rpm.because);
        }
    }
    let line = |choice: &Choice| {
        let (of, taken) = (package(choice.of).nevra(), package(choice.taken).nevra());
        format!("{of} requires {}: takes {taken} rather than {}", choice.requirement, passed_over(choice, package))
    };
    let of = |place: Place| format!("{}.{}", package(place).name(), package(place).arch());
    let mut broken: BTreeMap<String, Vec<&Broken>> = BTreeMap::new();
    resolved.broken.iter().for_each(|one| broken.entry(of(one.package)).or_default().push(one));
    GatheredTree {
        selection,
        choices: resolved.choices.iter().map(line).collect(),
        explanations: broken.into_iter().map(|(name, all)| (name, explained(&all))).collect(),
    }
}

/// Packages of one name and arch may each have reasons of their own.
fn explained(broken: &[&Broken]) -> String {
    let reasons: BTreeSet<String> = broken.iter().map(|broken| broken.reasons.join("; ")).collect();
    let reasons = reasons.into_iter().collect::<Vec<_>>().join("; or ");
    let verdict = if broken.iter().all(|broken| broken.is_proven) { "cannot" } else { "may or may not" };
    format!("{verdict} be installed: {reasons}")
}

/// What would have done as well, and what speaks against it.
fn passed_over<'a>(choice: &Choice, package: impl Fn(Place) -> &'a Package) -> String {
    let text = |passed: &charmer_packages::rpm::gather::hybrid::PassedOver| {
        let nevra = package(passed.package).nevra();
        match passed.why {
            Objection::LessPreferred => nevra.to_string(),
            Objection::Uninstallable => format!("{nevra} (cannot be installed)"),
            Objection::Excluded => format!("{nevra} (excluded by what is needed besides)"),
            Objection::RulesOutOthers => format!("{nevra} (rules out what is needed besides)"),
        }
    };
    let mut all: Vec<String> = choice.passed_over.iter().map(text).collect();
    if choice.more > 0 {
        all.push(format!("{} more", choice.more));
    }
    all.join(", ")
}

fn file_name(package: &Package) -> &str {
    package.file.location.rsplit('/').next().unwrap_or(&package.file.location)
}
