//! The request of one variant and arch, and what the solver answers.

use std::collections::{BTreeMap, BTreeSet};

use charmer_packages::Glob;
use charmer_packages::rpm::arch;
use charmer_packages::rpm::comps::Comps;
use charmer_packages::rpm::gather::{
    Gathered, Greedy, GroupLine, Options, PackageList, Place, Reason, Repository, Request, Selected, gather,
};
use charmer_packages::rpm::package::Package;

use super::{
    Elsewhere, GatherMethod, GatherRules, GatherSource, GatherSpec, GreedyRule, RpmGatherError, RpmSelection, SelectedRpm,
    hybrid, nodeps,
};
use crate::config::pungi::variants::Kind;
use crate::metadata::python_format::list_of_texts;
use crate::package_set::rpm_set::RpmSet;

/// Everything that a selection depends on.
#[derive(Debug, Clone)]
pub struct GatherInputs<'a> {
    pub set: &'a RpmSet,
    /// The set has only what a lock has: what selections take.
    pub is_locked: bool,
    /// The variant's UID.
    pub variant: &'a str,
    pub kind: Kind,
    /// The tree's.
    pub arch: &'a str,
    pub rules: &'a GatherRules,
    pub spec: &'a GatherSpec,
    pub comps: Option<&'a Comps>,
    /// The comps of the variants that this one completes, and what those ask for besides.
    pub relatives: Vec<(Option<&'a Comps>, &'a [String])>,
    /// Names of the parent's source packages; only where they are not to be completed.
    pub parent_sources: Vec<&'a str>,
    pub lookasides: Vec<Lookaside<'a>>,
}

/// Packages that satisfy requirements, and are not taken.
#[derive(Debug, Clone)]
pub struct Lookaside<'a> {
    /// Its packages are not those of the compose.
    pub is_external: bool,
    pub packages: Vec<&'a Package>,
    pub comps: Option<&'a Comps>,
}

/// What was selected, and what there is to say of it.
#[derive(Debug, Clone, Default)]
pub struct GatheredTree {
    pub selection: RpmSelection,
    /// Sentences that say where several packages would have done.
    pub choices: Vec<String>,
    /// Why a requested package is taken without all that it needs, by `name.arch`: `cannot be installed: ...`.
    pub explanations: BTreeMap<String, String>,
}

/// Selects the packages of one variant on one arch. What is unresolved is for [`GatherInputs::check`].
pub fn gather_tree(inputs: &GatherInputs<'_>) -> Result<GatheredTree, RpmGatherError> {
    inputs.check_comps_packages()?;
    if inputs.spec.sources.iter().any(|(_, method)| *method == GatherMethod::Hybrid) {
        return hybrid::select(inputs);
    }
    let mut selection = RpmSelection::default();
    for (source, method) in &inputs.spec.sources {
        let part = match method {
            GatherMethod::Nodeps => nodeps::select(inputs.set, inputs.set.of_arch(inputs.arch), &inputs.names(source)),
            GatherMethod::Deps | GatherMethod::Hybrid => inputs.solve(source)?,
        };
        merge(&mut selection, part);
    }
    Ok(GatheredTree { selection, ..GatheredTree::default() })
}

/// A package that several sources give is there once.
fn merge(selection: &mut RpmSelection, part: RpmSelection) {
    let known: BTreeSet<_> = selection.packages.iter().map(|rpm| (rpm.role, rpm.file.clone())).collect();
    selection.packages.extend(part.packages.into_iter().filter(|rpm| !known.contains(&(rpm.role, rpm.file.clone()))));
    selection.elsewhere.extend(part.elsewhere);
    selection.unresolved.extend(part.unresolved);
    selection.missing.extend(part.missing);
    selection.absent.extend(part.absent);
}

impl<'a> GatherInputs<'a> {
    /// An error if requirements are unresolved and have to be met.
    pub fn check(&self, selection: &RpmSelection) -> Result<(), RpmGatherError> {
        if !self.rules.check_deps || selection.unresolved.is_empty() {
            return Ok(());
        }
        let line = |(package, requirements): (&String, &Vec<String>)| {
            let (variant, arch, list) = (self.variant, self.arch, list_of_texts(requirements));
            format!("Unresolved dependencies for {variant}.{arch} in package {package}: {list}")
        };
        Err(RpmGatherError::Unresolved { lines: selection.unresolved.iter().map(line).collect() })
    }

    /// What a source names, for the method that follows no requirements.
    fn names(&self, source: &GatherSource) -> nodeps::Wanted {
        let mut wanted = nodeps::Wanted::default();
        match source {
            GatherSource::Json(names) => {
                for (name, arches) in names {
                    for arch in arches {
                        wanted.add(name, arch.as_deref());
                    }
                }
            }
            GatherSource::Comps => {
                hybrid::group_members(self.all_comps()).for_each(|name| wanted.add(name, Some(arch::of_tree(self.arch))));
                for name in self.additional() {
                    let (name, arch) = name_and_arch(name);
                    wanted.add(name, arch);
                }
            }
        }
        wanted
    }

    /// What is asked for besides groups, by the variant and by those that it completes.
    pub(super) fn additional(&self) -> impl Iterator<Item = &String> {
        self.spec.additional.iter().chain(self.relatives.iter().flat_map(|(_, additional)| *additional))
    }

    /// The comps of the variant and of those that it completes.
    pub(super) fn all_comps(&self) -> impl Iterator<Item = &'a Comps> {
        self.comps.into_iter().chain(self.relatives.iter().filter_map(|(comps, _)| *comps))
    }

    /// What there is to take from, and then what satisfies without being taken.
    pub(super) fn repositories(&self) -> Vec<Repository<'a>> {
        let set = self.set;
        let members: Vec<&Package> = set.of_arch(self.arch).iter().map(|&number| set.package(number)).collect();
        let mut repositories = vec![Repository { lookaside: false, packages: members, comps: self.comps }];
        let of_relatives = self.relatives.iter().filter_map(|(comps, _)| *comps);
        repositories.extend(of_relatives.map(|comps| Repository { lookaside: false, packages: Vec::new(), comps: Some(comps) }));
        repositories.extend(self.lookasides.iter().map(|lookaside| Repository {
            lookaside: true,
            packages: lookaside.packages.clone(),
            comps: lookaside.comps,
        }));
        repositories
    }

    fn solve(&self, source: &GatherSource) -> Result<RpmSelection, RpmGatherError> {
        let Some(request) = self.request(source) else { return Ok(RpmSelection::default()) };
        let repositories = self.repositories();
        let gathered = gather(&repositories, &request, &self.options()?)?;
        let first_lookaside = repositories.len() - self.lookasides.len();
        let is_external =
            |place: Place| place.repository >= first_lookaside && self.lookasides[place.repository - first_lookaside].is_external;
        Ok(selection(&gathered, &repositories, is_external))
    }

    /// Nothing, if nothing is asked for.
    fn request(&self, source: &GatherSource) -> Option<Request> {
        let mut packages = PackageList::default();
        let mut prepopulate = Vec::new();
        match source {
            GatherSource::Json(names) => {
                packages.packages.extend(names.iter().flat_map(|(name, arches)| {
                    arches.iter().map(move |arch| arch.as_ref().map_or_else(|| name.clone(), |arch| format!("{name}.{arch}")))
                }));
            }
            GatherSource::Comps => {
                let ids: BTreeSet<&String> =
                    self.all_comps().flat_map(|comps| comps.groups.iter().map(|group| &group.id)).collect();
                let line = |id: &String| GroupLine { id: id.clone(), default: true, optional: true };
                packages.groups = ids.into_iter().map(line).collect();
                packages.packages.extend(self.additional().cloned());
                packages.excludes.extend(self.spec.filters.iter().cloned());
                // Of a name that is asked for and excluded, the exclusion stands last.
                packages.packages.retain(|name| !self.spec.filters.contains(name));
                prepopulate.clone_from(&self.spec.prepopulate);
            }
        }
        if packages.packages.is_empty() && packages.groups.is_empty() && prepopulate.is_empty() {
            return None;
        }
        let globs = |patterns: &[String]| patterns.iter().map(|pattern| Glob::lenient(pattern)).collect();
        Some(Request {
            packages,
            fulltree_excludes: self.parent_sources.iter().map(|name| (*name).to_owned()).collect(),
            multilib_blacklist: globs(&self.spec.multilib_blacklist),
            multilib_whitelist: globs(&self.spec.multilib_whitelist),
            prepopulate,
        })
    }

    fn options(&self) -> Result<Options, RpmGatherError> {
        let (fulltree, selfhosting) = match self.kind {
            Kind::Variant => (self.rules.fulltree, self.rules.selfhosting),
            Kind::Addon | Kind::LayeredProduct => (true, false),
            Kind::Optional => (true, true),
        };
        Ok(Options {
            arch: arch::of_tree(self.arch).to_owned(),
            greedy: match self.rules.greedy {
                GreedyRule::None => Greedy::None,
                GreedyRule::All => Greedy::All,
                GreedyRule::Build => Greedy::Build,
            },
            fulltree,
            selfhosting,
            multilib: self.spec.multilib.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
            ..Options::default()
        })
    }
}

/// `zlib.i686` is a name and an arch if what stands behind the dot is one.
fn name_and_arch(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once('.') {
        Some((name, arch)) if arch == "noarch" || arch::is_source(arch) || arch::instruction_set(arch).is_some() => {
            (name, Some(arch))
        }
        _ => (text, None),
    }
}

/// Packages that are not the compose's are kept apart.
pub(super) fn selection(
    gathered: &Gathered,
    repositories: &[Repository<'_>],
    is_external: impl Fn(Place) -> bool,
) -> RpmSelection {
    let package = |place: Place| repositories[place.repository].packages[place.package];
    let (external, own): (Vec<&Selected>, Vec<&Selected>) =
        gathered.packages.iter().partition(|selected| is_external(selected.place));
    let elsewhere = external.into_iter().map(|selected| {
        let package = package(selected.place);
        Elsewhere { role: selected.role.into(), name: package.name().to_owned(), arch: package.arch().to_owned() }
    });
    let selected = own.into_iter().map(|selected| {
        let location = &package(selected.place).file.location;
        SelectedRpm {
            file: location.rsplit('/').next().unwrap_or(location).to_owned(),
            role: selected.role.into(),
            flags: selected.flags.to_string(),
            because: because(&selected.reason, package),
        }
    });
    let mut unresolved: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for broken in &gathered.unresolved {
        let of = package(broken.of);
        unresolved.entry(format!("{}.{}", of.name(), of.arch())).or_default().insert(broken.requirement.clone());
    }
    let missing = gathered.missing.iter().map(|pattern| format!("No package matches pattern {pattern}"));
    let prepopulate = gathered.missing_prepopulate.iter().map(|line| format!("Prepopulate: Doesn't match: {line}"));
    RpmSelection {
        packages: selected.collect(),
        elsewhere: elsewhere.collect(),
        unresolved: unresolved.into_iter().map(|(name, requirements)| (name, requirements.into_iter().collect())).collect(),
        missing: missing.chain(prepopulate).collect(),
        absent: Vec::new(),
    }
}

fn because<'a>(reason: &Reason, package: impl Fn(Place) -> &'a Package) -> String {
    let name = |place: Place| format!("{}.{}", package(place).name(), package(place).arch());
    match reason {
        Reason::Requested(text) => format!("{text} was requested"),
        Reason::Prepopulated => "it was in the prepopulate list".to_owned(),
        Reason::Conditional(place) => format!("a group has it come with {}", name(*place)),
        Reason::Requirement { of, text } => format!("{} requires {text}", name(*of)),
        Reason::SourceOf(place) => format!("{} was built from it", name(*place)),
        Reason::DebugOf(place) => format!("it helps to debug {}", name(*place)),
        Reason::Sibling(place) => format!("it was built together with {}", name(*place)),
        Reason::LangpackOf(place) => format!("it has translations for {}", name(*place)),
        Reason::MultilibOf(place) => format!("it is {} in the second word size", name(*place)),
    }
}
