//! Jobs of the phase gather in composes of RPM packages: selections, and what of them each variant has in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use charmer_packages::rpm::comps::Comps;
use charmer_packages::rpm::package::Package;

use crate::config::RpmConfig;
use crate::config::pungi::variants::Kind;
use crate::config::rpm::RpmVariant;
use crate::digest::Sha256;
use crate::engine::graph::Held;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Phase, Weight};
use crate::finding::{Finding, Severity};
use crate::init::CompsFiles;
use crate::package_set::lock::{LockedRepository, RpmLock};
use crate::package_set::rpm_md::RpmRepository;
use crate::package_set::rpm_plan::{Mirrored, RpmSource, read_comps};
use crate::package_set::rpm_set::RpmSet;
use crate::package_set::rpm_set::locked::local_folder;
use crate::repositories::rpm_trees::TreeKind;

use super::rpm::trim::{Files, Tree, trim};
use super::rpm::{
    GatherInputs, GatheredTree, Lookaside, LookasideCycle, RpmGatherError, RpmRole, RpmSelection, gather_order, gather_tree,
};
use super::rpm_lock::STALE_LOCK;

/// Selections by the UID of their variant and by arch.
pub type RpmSelections = BTreeMap<(String, String), Handle<RpmSelection>>;

/// What each variant has on each arch, as numbers of the package set.
#[derive(Debug)]
pub struct Shares {
    by_tree: BTreeMap<(String, String), BTreeMap<RpmRole, Vec<u32>>>,
    digest: Sha256,
}

impl Shares {
    /// Sorted by file name. Of sources, those of one arch; `src` stands for those of all arches.
    pub fn of(&self, uid: &str, kind: TreeKind, arch: &str) -> Vec<u32> {
        let role = match kind {
            TreeKind::Binary => RpmRole::Binary,
            TreeKind::Debug => RpmRole::Debug,
            TreeKind::Source => RpmRole::Source,
        };
        let is_meant = |(own_uid, own_arch): &(String, String)| own_uid == uid && (own_arch == arch || arch == "src");
        let meant = self.by_tree.iter().filter(|(tree, _)| is_meant(tree)).filter_map(|(_, roles)| roles.get(&role));
        let numbers: BTreeSet<u32> = meant.flatten().copied().collect();
        numbers.into_iter().collect()
    }
}

impl Held for Shares {
    fn digest(&self) -> Sha256 {
        self.digest
    }
}

/// Packages that satisfy requirements of one variant on one arch, and are not taken.
#[derive(Debug)]
pub struct Lookasides {
    repositories: Vec<RpmRepository>,
    set: Arc<RpmSet>,
    /// Of variants that are lookasides: their packages, with sources of all arches.
    variants: Vec<Vec<u32>>,
}

impl Lookasides {
    /// All packages but sources.
    pub fn binaries(&self) -> Vec<&Package> {
        let all = self.all().into_iter().flat_map(|lookaside| lookaside.packages);
        all.filter(|package| !package.is_source()).collect()
    }

    /// What a lock says of the repositories.
    pub fn locked(&self) -> std::io::Result<Vec<LockedRepository>> {
        self.repositories.iter().map(RpmRepository::locked).collect()
    }

    fn all(&self) -> Vec<Lookaside<'_>> {
        let of_repositories = self.repositories.iter().map(|repository| Lookaside {
            is_external: true,
            packages: repository.packages.iter().collect(),
            comps: repository.comps.as_ref(),
        });
        let of_variants = self.variants.iter().map(|numbers| Lookaside {
            is_external: false,
            packages: numbers.iter().map(|&number| self.set.package(number)).collect(),
            comps: None,
        });
        of_repositories.chain(of_variants).collect()
    }
}

impl Held for Lookasides {
    fn digest(&self) -> Sha256 {
        let of_package = |package: &Package| format!("{} {}", package.file.location, package.file.checksum.digest);
        let of_lookaside = |lookaside: Lookaside<'_>| {
            // Its groups and translations count as well.
            let comps = lookaside.comps.map(|comps| format!("{comps:?}"));
            (comps, lookaside.packages.into_iter().map(of_package).collect::<Vec<_>>())
        };
        Sha256::of_value(&self.all().into_iter().map(of_lookaside).collect::<Vec<_>>())
    }
}

/// What gathering gives to the jobs behind it.
#[derive(Debug)]
pub struct Gathered {
    pub selections: RpmSelections,
    pub lookasides: BTreeMap<(String, String), Handle<Lookasides>>,
    pub shares: Handle<Shares>,
}

/// Adds a job for each variant and arch, in an order in which each comes after what it builds upon, and the one that shares packages
/// between them.
pub fn plan(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    source: &RpmSource,
    set: Handle<RpmSet>,
    comps: Handle<CompsFiles>,
    mirrored: Option<Handle<Mirrored>>,
) -> Result<Gathered, LookasideCycle> {
    let with_packages = config.variants.iter().filter(|variant| !variant.identity.is_empty);
    let uids: Vec<String> = with_packages.map(|variant| variant.uid().to_owned()).collect();
    let (lock, selections, lookasides) = (source.lock(), BTreeMap::new(), BTreeMap::new());
    let mut gathered = GatherJobs { graph, config, lock, set, comps, mirrored, selections, lookasides };
    for kind in [Kind::Variant, Kind::Addon, Kind::LayeredProduct, Kind::Optional] {
        for uid in gather_order(&uids, &config.variant_lookasides)? {
            if let Some(variant) = config.variant(&uid).filter(|variant| variant.identity.kind == kind) {
                variant.trees.keys().for_each(|arch| gathered.plan_tree(variant, arch));
            }
        }
    }
    let GatherJobs { selections, lookasides, .. } = gathered;
    let shares = plan_shares(graph, config, set, &selections);
    Ok(Gathered { selections, lookasides, shares })
}

struct GatherJobs<'a> {
    graph: &'a mut Graph,
    config: &'a Arc<RpmConfig>,
    /// What everything comes from, if it comes from a lock.
    lock: Option<&'a Arc<RpmLock>>,
    set: Handle<RpmSet>,
    comps: Handle<CompsFiles>,
    mirrored: Option<Handle<Mirrored>>,
    selections: RpmSelections,
    lookasides: BTreeMap<(String, String), Handle<Lookasides>>,
}

impl GatherJobs<'_> {
    fn plan_tree(&mut self, variant: &RpmVariant, arch: &str) {
        let key = (variant.uid().to_owned(), arch.to_owned());
        let lookasides = self.plan_lookasides(variant, arch);
        let takes_sources = matches!(variant.identity.kind, Kind::Addon | Kind::LayeredProduct);
        let parent = variant.identity.parent.clone().filter(|_| takes_sources);
        let parent = parent.and_then(|parent| self.selections.get(&(parent, arch.to_owned())).copied());
        let relatives = relatives(self.config, variant, arch);
        let asked: Vec<_> =
            relatives.iter().map(|uid| self.config.variant(uid).map(|own| &own.trees[arch].gather.additional)).collect();
        let job = Job::new(Phase::Gather, format!("{}.{arch}", key.0))
            .spec(&(&self.config.gather, &variant.trees[arch].gather, variant.identity.kind, &relatives, asked))
            .weight(Weight::new(1, 128))
            .estimate(1.0);
        let (config, named, is_locked) = (self.config.clone(), key.clone(), self.lock.is_some());
        let inputs = (self.set, self.comps, parent.into_iter().collect::<Vec<_>>(), lookasides.into_iter().collect::<Vec<_>>());
        let selection = self.graph.add(job, inputs, move |context, (set, comps, parent, lookasides)| {
            let (config, (uid, arch), relatives) = (config.clone(), named.clone(), relatives.clone());
            async move {
                let work = move |context: &JobContext| {
                    let parent = parent.first().map(AsRef::as_ref);
                    let lookasides = lookasides.first().map(AsRef::as_ref);
                    select(context, &config, &set, &comps, (&uid, &arch), &relatives, parent, lookasides, is_locked)
                };
                context.clone().blocking(move || work(&context)).await
            }
        });
        self.selections.insert(key, selection);
    }

    /// Adds the job that reads what a variant builds upon, if there is anything.
    fn plan_lookasides(&mut self, variant: &RpmVariant, arch: &str) -> Option<Handle<Lookasides>> {
        let places = variant.trees[arch].gather.lookasides.clone();
        let uids = self.config.variant_lookasides.iter().filter(|(of, _)| of == variant.uid()).map(|(_, lookaside)| lookaside);
        let uids: Vec<&String> = uids.collect();
        if places.is_empty() && uids.is_empty() {
            return None;
        }
        // Sources are of no arch: those of every arch count.
        let of_variant = |uid: &&String| -> Vec<(bool, Handle<RpmSelection>)> {
            let own = self.selections.iter().filter(|((own, _), _)| own == *uid);
            own.map(|((_, own_arch), handle)| (own_arch == arch, *handle)).collect()
        };
        let of_variants: Vec<Vec<(bool, Handle<RpmSelection>)>> = uids.iter().map(of_variant).collect();
        let is_of_arch: Vec<Vec<bool>> = of_variants.iter().map(|own| own.iter().map(|(here, _)| *here).collect()).collect();
        let handles: Vec<Vec<_>> =
            of_variants.into_iter().map(|own| own.into_iter().map(|(_, handle)| handle).collect()).collect();
        let key = (variant.uid().to_owned(), arch.to_owned());
        let pinned = |place: &String| self.lock.and_then(|lock| lock.repository(place)).cloned();
        let pinned: BTreeMap<String, LockedRepository> =
            places.iter().filter_map(|place| Some((place.clone(), pinned(place)?))).collect();
        let job = Job::named("lookasides", Phase::Gather, format!("{}.{arch}", key.0))
            .spec(&(&places, uids, &pinned))
            .weight(Weight::new(1, 64));
        let mirrored: Vec<_> = self.mirrored.into_iter().collect();
        let handle = self.graph.add_held(job, (self.set, handles, mirrored), move |context, (set, selections, mirrored)| {
            let (places, is_of_arch, pinned) = (places.clone(), is_of_arch.clone(), pinned.clone());
            async move {
                let layout = context.layout.clone();
                let read = move || {
                    let folder = |place: &str| mirrored.first().and_then(|mirrored| mirrored.folder(&layout, place));
                    let read = |place: &String| read_lookaside(place, folder(place), pinned.get(place));
                    let repositories = places.iter().map(read).collect::<Result<_, JobError>>()?;
                    let pairs = selections.iter().zip(&is_of_arch);
                    let variants = pairs.map(|(selections, here)| numbers_of(&set, selections, here)).collect();
                    Ok(Lookasides { repositories, set, variants })
                };
                context.blocking(read).await
            }
        });
        self.lookasides.insert(key, handle);
        Some(handle)
    }
}

/// Where a lock says which state of it was believed, it must be that one.
fn read_lookaside(place: &str, mirrored: Option<PathBuf>, pinned: Option<&LockedRepository>) -> Result<RpmRepository, JobError> {
    let folder = mirrored.unwrap_or_else(|| local_folder(place).to_owned());
    let read = RpmRepository::read(&folder).map_err(|error| JobError::caused(&error))?;
    let mut repository = RpmRepository { place: place.into(), ..read };
    if pinned.is_some_and(|pinned| pinned.repomd != repository.repomd_file) {
        let message = format!("the lookaside repository {place} has changed since it was locked");
        return Err(JobError::new(message).hint(STALE_LOCK));
    }
    if repository.repomd.data.contains_key("filelists") {
        repository.read_file_lists().map_err(|error| JobError::caused(&error))?;
    }
    Ok(repository)
}

/// The packages of a variant for one arch, and its sources for all. What it builds upon of other variants is among them.
fn numbers_of(set: &RpmSet, selections: &[Arc<RpmSelection>], is_of_arch: &[bool]) -> Vec<u32> {
    let mut numbers = BTreeSet::new();
    for (selection, here) in selections.iter().zip(is_of_arch) {
        let meant = selection.packages.iter().filter(|rpm| *here || rpm.role == RpmRole::Source);
        numbers.extend(meant.filter_map(|rpm| set.find(&rpm.file)));
    }
    numbers.into_iter().collect()
}

/// Whose groups and packages a variant asks for too: its parent's, and an optional one those of its siblings.
fn relatives(config: &RpmConfig, variant: &RpmVariant, arch: &str) -> Vec<String> {
    let Some(parent) = &variant.identity.parent else { return Vec::new() };
    let mut relatives = vec![parent.clone()];
    if variant.identity.kind == Kind::Optional {
        let siblings = config.children(parent).filter(|sibling| {
            matches!(sibling.identity.kind, Kind::Addon | Kind::LayeredProduct) && sibling.trees.contains_key(arch)
        });
        relatives.extend(siblings.map(|sibling| sibling.uid().to_owned()));
    }
    relatives.retain(|uid| config.variant(uid).is_some_and(|relative| relative.trees.contains_key(arch)));
    relatives
}

#[expect(clippy::too_many_arguments, reason = "they are the inputs of the job, each a value of its own")]
fn select(
    context: &JobContext,
    config: &RpmConfig,
    set: &RpmSet,
    comps: &CompsFiles,
    (uid, arch): (&str, &str),
    relatives: &[String],
    parent: Option<&RpmSelection>,
    lookasides: Option<&Lookasides>,
    is_locked: bool,
) -> Result<RpmSelection, JobError> {
    let variant = config.variant(uid).ok_or_else(|| JobError::new(format!("there is no variant {uid}")))?;
    let own_comps = read_comps(context, comps.of(uid, arch))?;
    let comps_of_relatives: Vec<Option<Comps>> =
        relatives.iter().map(|relative| read_comps(context, comps.of(relative, arch))).collect::<Result<_, _>>()?;
    let additional = |relative: &String| config.variant(relative).map_or(&[][..], |own| &own.trees[arch].gather.additional);
    let inputs = GatherInputs {
        set,
        is_locked,
        variant: uid,
        kind: variant.identity.kind,
        arch,
        rules: &config.gather,
        spec: &variant.trees[arch].gather,
        comps: own_comps.as_ref(),
        relatives: comps_of_relatives.iter().map(Option::as_ref).zip(relatives.iter().map(additional)).collect(),
        parent_sources: parent.iter().flat_map(|parent| sources(parent)).collect(),
        lookasides: lookasides.map(Lookasides::all).unwrap_or_default(),
    };
    let GatheredTree { selection, choices, explanations } = gather_tree(&inputs)?;
    for choice in &choices {
        context.note(choice);
    }
    for (package, reasons) in &explanations {
        context.note(&format!("{package} {reasons}"));
    }
    check_signatures(context, config, set, &selection)?;
    inputs.check(&selection)?;
    let scope = format!("{uid}.{arch}");
    for (package, requirements) in &selection.unresolved {
        let message = match explanations.get(package) {
            Some(reasons) => reasons.clone(),
            None => format!("nothing provides {}", requirements.join(", ")),
        };
        context.finding(warning("unresolved", &scope, package, message));
    }
    for missing in &selection.missing {
        context.finding(warning("missing", &scope, uid, missing.clone()));
    }
    Ok(selection)
}

/// Says of each package that must not be in a compose as it is signed who signed it.
fn check_signatures(context: &JobContext, config: &RpmConfig, set: &RpmSet, selection: &RpmSelection) -> Result<(), JobError> {
    let numbers: Vec<u32> = selection.packages.iter().filter_map(|rpm| set.find(&rpm.file)).collect();
    let checked = set.check_signatures(numbers.iter().copied(), &config.package_set.signing_keys);
    let refused = numbers.iter().map(|&number| &set.packages[number as usize]).filter(|package| package.is_unsigned);
    for package in refused {
        let signed = package.sigkey.as_ref().map_or_else(|| "by nobody".to_owned(), |key| format!("by the key {key}"));
        context.message(format!("{} is signed {signed}", package.path.display()));
    }
    let hint = "sign the packages with one of sigkeys; None among sigkeys allows them as they are";
    checked.map_err(|error| JobError::caused(&error).hint(hint))
}

/// The names of source packages, also of those that are elsewhere.
fn sources(selection: &RpmSelection) -> impl Iterator<Item = &str> {
    let own = selection.packages.iter().filter(|rpm| rpm.role == RpmRole::Source);
    let own = own.map(|rpm| rpm.file.rsplitn(3, '-').nth(2).unwrap_or(&rpm.file));
    own.chain(selection.elsewhere.iter().filter(|rpm| rpm.role == RpmRole::Source).map(|rpm| rpm.name.as_str()))
}

fn warning(check: &str, scope: &str, subject: &str, message: String) -> Finding {
    Finding {
        check: check.to_owned(),
        severity: Severity::Warn,
        scope: scope.to_owned(),
        subject: subject.to_owned(),
        message,
        hint: None,
    }
}

/// Adds the job that settles which variant has which package. Nothing is put into a tree before all variants are gathered.
fn plan_shares(graph: &mut Graph, config: &Arc<RpmConfig>, set: Handle<RpmSet>, selections: &RpmSelections) -> Handle<Shares> {
    let (keys, handles): (Vec<_>, Vec<_>) = selections.iter().map(|(key, handle)| (key.clone(), *handle)).unzip();
    let job = Job::named("shares", Phase::Gather, "").spec(&keys).weight(Weight::new(1, 64));
    let config = config.clone();
    graph.add_held(job, (set, handles), move |context, (set, selections)| {
        let by_tree: BTreeMap<_, _> = keys.iter().cloned().zip(selections).collect();
        let config = config.clone();
        async move { context.blocking(move || Ok(share(&config, &set, &by_tree))).await }
    })
}

fn share(config: &RpmConfig, set: &RpmSet, selections: &BTreeMap<(String, String), Arc<RpmSelection>>) -> Shares {
    let numbers = |files: &Files| -> BTreeMap<RpmRole, Vec<u32>> {
        files.iter().map(|(role, files)| (*role, files.iter().filter_map(|file| set.find(file)).collect())).collect()
    };
    let mut trees = Vec::new();
    for ((uid, arch), selection) in selections {
        let Some(variant) = config.variant(uid) else { continue };
        let identity = &variant.identity;
        trees.push(Tree { uid, arch, kind: identity.kind, parent: identity.parent.as_deref(), selection });
    }
    let by_tree: BTreeMap<_, _> = trim(set, &trees).into_iter().map(|(tree, files)| (tree, numbers(&files))).collect();
    let names = |(tree, roles): (&(String, String), &BTreeMap<RpmRole, Vec<u32>>)| {
        let name = |number: &u32| set.packages[*number as usize].file_name().to_owned();
        let roles: Vec<_> = roles.iter().map(|(role, numbers)| (*role, numbers.iter().map(name).collect::<Vec<_>>())).collect();
        (tree.clone(), roles)
    };
    let digest = Sha256::of_value(&by_tree.iter().map(names).collect::<Vec<_>>());
    Shares { by_tree, digest }
}

impl From<RpmGatherError> for JobError {
    fn from(error: RpmGatherError) -> Self {
        let job_error = Self::caused(&error);
        match error {
            RpmGatherError::MissingOfComps { .. } => {
                job_error.hint("take them out of the groups, or turn off require_all_comps_packages")
            }
            _ => job_error,
        }
    }
}
