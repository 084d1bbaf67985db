//! Jobs of the phases gather and lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use charmer_packages::PackageSet;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::config::resolved::Variant;
use crate::digest::Sha256;
use crate::engine::journal::write_durably_with;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::finding::{Finding, Severity};
use crate::package_set::lock::Lock;
use crate::package_set::plan::{Indexes, PackageSetJobs, PackageSource};

use super::installer::{InstallerSelection, Installers};
use super::{Question, Selection, seeds, select};

/// What helps when a lock lacks what the configuration asks for.
pub(super) const STALE_LOCK: &str = "only what the lock has can be selected: run `charmer lock` to bring it up to date";

/// The selection of each variant and arch.
pub type Selections = BTreeMap<(String, String), Handle<Option<Selection>>>;

/// Every seed selects something, or it has been reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct SeedsChecked;

impl Output for SeedsChecked {}

fn plan_seeds(graph: &mut Graph, config: &Arc<Config>, packages: &PackageSetJobs) -> Handle<SeedsChecked> {
    let from_lock = packages.indexes.is_empty();
    let of_job = config.clone();
    graph.add(
        Job::named("seeds", Phase::Gather, "").spec(&(&config.variants, &config.checks)),
        packages.set,
        move |context, set| {
            let config = of_job.clone();
            async move {
                let check = {
                    let context = context.clone();
                    move || context.report(seeds::check(&set, &config).map_err(|error| JobError::caused(&error))?)
                };
                let checked = context.blocking(check).await;
                checked.map_err(|error| if from_lock { error.hint(STALE_LOCK) } else { error })?;
                Ok(SeedsChecked)
            }
        },
    )
}

/// Adds a job for each variant and arch. A child's waits for its parent's.
pub fn plan(graph: &mut Graph, config: &Arc<Config>, packages: &PackageSetJobs) -> Selections {
    let from_lock = packages.indexes.is_empty();
    let checked = plan_seeds(graph, config, packages);
    let mut selections = Selections::new();
    for variant in &config.variants {
        for arch in &variant.arches {
            let name = arch.arch.clone();
            let parent: Vec<_> =
                variant.parent.iter().map(|parent| selections[&(parent.clone(), name.clone())].required()).collect();
            let spec = (variant, &config.checks, config.overlays());
            let job = Job::new(Phase::Gather, format!("{}.{name}", variant.name)).version(2).spec(&spec).failable(arch.failable);
            let (config, of_variant, of_job) = (config.clone(), variant.clone(), name.clone());
            let selection = graph.add_deliverable(job, (packages.set, checked, parent), move |context, (set, _, parent)| {
                let (config, variant, arch) = (config.clone(), of_variant.clone(), of_job.clone());
                async move {
                    let running = context.clone();
                    let work = move || gather(&running, &config, &variant, &arch, &set, parent.first(), from_lock);
                    let gathered = context.blocking(work).await;
                    gathered.map_err(|error| if from_lock { error.hint(STALE_LOCK) } else { error })
                }
            });
            selections.insert((variant.name.clone(), name), selection);
        }
    }
    selections
}

fn gather(
    context: &JobContext,
    config: &Config,
    variant: &Variant,
    arch: &str,
    set: &PackageSet,
    parent: Option<&Selection>,
    from_lock: bool,
) -> Result<Selection, JobError> {
    let arch = variant.arch(arch).expect("a job is planned for an arch that the variant has");
    let (selection, findings) =
        select(set, &Question::of(config, variant, arch, parent, from_lock)).map_err(|error| JobError::caused(&error))?;
    context.report(findings)?;
    Ok(selection)
}

/// The date that repositories carry, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComposeDate(pub i64);

impl Output for ComposeDate {}

/// Adds the job that says which date repositories carry: `SOURCE_DATE_EPOCH`, the lock's, or that of the newest index.
pub fn plan_date(
    graph: &mut Graph,
    packages: &PackageSetJobs,
    source: &PackageSource,
    source_date_epoch: Option<i64>,
    started: i64,
) -> Handle<ComposeDate> {
    let locked = match source {
        PackageSource::Lock(lock) => Some(lock.date),
        PackageSource::Archives { .. } => None,
    };
    let fixed = source_date_epoch.or(locked);
    let job = Job::named("date", Phase::Lock, "").spec(&fixed).weight(Weight::NONE).estimate(0.1);
    let job = if fixed.is_some() { job } else { job.of_compose(&started) };
    graph.add(job, packages.indexes.clone(), move |_, indexes| async move {
        let newest = indexes.iter().filter_map(|indexes| indexes.date).max();
        Ok(ComposeDate(fixed.or(newest).unwrap_or(started)))
    })
}

/// The lock as a file of the compose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LockFile {
    pub file: OutputFile,
    pub packages: u64,
    /// `archive suite` of what nobody verified.
    pub trusted: Vec<String>,
}

impl Output for LockFile {
    fn files(&self) -> Vec<OutputFile> {
        vec![self.file.clone()]
    }
}

/// Adds the job that makes the lock out of all selections. When the package set came from a lock, the new one has the same indexes
/// and date, and what it does not need of the old one is said.
pub fn plan_lock(
    graph: &mut Graph,
    config: &Arc<Config>,
    packages: &PackageSetJobs,
    (selections, installers): (&Selections, &Installers),
    date: Handle<ComposeDate>,
    source: &PackageSource,
) -> Handle<LockFile> {
    let given = match source {
        PackageSource::Lock(lock) => Some(lock.clone()),
        PackageSource::Archives { .. } => None,
    };
    let job = Job::new(Phase::Lock, "").spec(&(config.ecosystem, given.as_deref())).estimate(0.5);
    let selected: Vec<_> = selections.values().copied().collect();
    let installers: Vec<_> = installers.values().map(|installer| installer.selection).collect();
    let inputs = (packages.indexes.clone(), selected, installers, date);
    let ecosystem = config.ecosystem;
    graph.add(job, inputs, move |context, (indexes, selections, installers, date)| {
        let given = given.clone();
        async move {
            let installers: Vec<_> = installers.iter().filter_map(|installer| installer.as_ref().as_ref()).collect();
            let lock = make_lock(ecosystem.name(), &indexes, (&selections, &installers), given.as_deref(), *date);
            if let Some(given) = given.filter(|given| **given != lock) {
                complain(&context, &given, &lock);
            }
            let path = context.layout.metadata().join("charmer.lock");
            write_durably_with(&path, |file| lock.write_to(file))?;
            let (sha256, size) = Sha256::of_file(&path)?;
            let file = OutputFile { path: "compose/metadata/charmer.lock".into(), size, sha256 };
            let trusted =
                lock.indexes.iter().filter(|index| index.trusted).map(|index| format!("{} {}", index.archive, index.suite));
            Ok(LockFile { file, packages: lock.packages.len() as u64, trusted: trusted.collect() })
        }
    })
}

pub(super) fn make_lock(
    ecosystem: &str,
    indexes: &[Arc<Indexes>],
    (selections, installers): (&[Arc<Option<Selection>>], &[&InstallerSelection]),
    given: Option<&Lock>,
    date: ComposeDate,
) -> Lock {
    let selections: Vec<&Selection> = selections.iter().filter_map(|selection| selection.as_ref().as_ref()).collect();
    let mut packages: Vec<_> = selections
        .iter()
        .flat_map(|selection| selection.packages.iter().chain(&selection.lookaside))
        .map(|selected| selected.package.clone())
        .chain(installers.iter().flat_map(|installer| installer.packages().cloned()))
        .collect();
    packages.sort();
    packages.dedup();
    let mut sources: Vec<_> = selections.iter().flat_map(|selection| selection.sources.iter().cloned()).collect();
    sources.sort();
    sources.dedup();
    let mut locked: Vec<_> = indexes.iter().flat_map(|indexes| indexes.locked.iter().cloned()).collect();
    locked.sort();
    Lock {
        ecosystem: ecosystem.to_owned(),
        date: given.map_or(date.0, |given| given.date),
        indexes: given.map_or(locked, |given| given.indexes.clone()),
        packages,
        sources,
    }
}

/// The configuration needs another lock than the one it was given.
fn complain(context: &JobContext, given: &Lock, needed: &Lock) {
    let changes = Lock::diff(given, needed);
    let lines: Vec<_> = changes.iter().map(ToString::to_string).collect();
    context.finding(Finding {
        check: "lock".into(),
        severity: Severity::Warn,
        scope: String::new(),
        subject: "charmer.lock".into(),
        message: format!("the lock does not fit the configuration: {}", lines.join(", ")),
        hint: Some("run `charmer lock` to bring it up to date".into()),
    });
}
