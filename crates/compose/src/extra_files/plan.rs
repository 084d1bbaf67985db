//! Jobs of the phase extra-files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::RpmConfig;
use crate::digest::Sha256;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::metadata::extra_files::ExtraFileRecord;
use crate::package_set::rpm_set::RpmSet;
use crate::repositories::rpm_trees::{RepositoryPlace, TreeKind};
use crate::scm::{ComposedPackage, Fetching, ScmSource};

use super::{ExtraFileSpec, ExtraFilesError, ExtraFilesSpec, LIST_NAME, add_to_tree, fetch_extra_files};

/// The jobs by variant and arch; those of images of several variants by `VARIANT.NUMBER` and arch.
pub type ExtraFileJobs = BTreeMap<(String, String), Handle<AddedFiles>>;

/// The extra files of a tree, or of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddedFiles {
    /// The folder with nothing else, relative to the compose's folder.
    pub fetched: String,
    /// The tree that they are in; none for those of an image.
    pub tree: Option<String>,
    /// With paths in the tree.
    pub records: Vec<ExtraFileRecord>,
    files: Vec<OutputFile>,
}

impl AddedFiles {
    /// Their paths in the tree, and that of the list of them.
    pub fn paths(&self) -> Vec<String> {
        self.records.iter().map(|record| record.file.clone()).chain([LIST_NAME.to_owned()]).collect()
    }
}

impl Output for AddedFiles {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// Adds a job for each tree and each image that has extra files.
pub fn plan(graph: &mut Graph, config: &Arc<RpmConfig>, set: Handle<RpmSet>, compose_id: &str) -> ExtraFileJobs {
    let mut jobs = ExtraFileJobs::new();
    if !config.is_skipped(Phase::ExtraFiles) {
        for variant in config.variants.iter().filter(|variant| !variant.identity.is_empty) {
            for (arch, spec) in &variant.extra_files {
                let kind = if arch == "src" { TreeKind::Source } else { TreeKind::Binary };
                let tree = RepositoryPlace::of(&variant.identity, kind, arch).tree;
                let place = Place { fetched: format!("work/{arch}/{}/extra-files", variant.uid()), tree: Some(tree) };
                let key = (variant.uid().to_owned(), arch.clone());
                jobs.insert(key.clone(), plan_one(graph, config, set, &key, place, spec, compose_id));
            }
        }
    }
    if !config.is_skipped(Phase::ExtraIsos) {
        for extra in config.extra_isos.iter().filter(|extra| !extra.files.files.is_empty()) {
            let (arch, scope) = (&extra.spec.arch, format!("{}.{}", extra.spec.variant, extra.spec.number));
            let place = Place { fetched: format!("work/{arch}/{scope}/extra-iso-extra-files"), tree: None };
            let key = (scope, arch.clone());
            jobs.insert(key.clone(), plan_one(graph, config, set, &key, place, &extra.files, compose_id));
        }
    }
    jobs
}

/// Where files go.
#[derive(Debug, Clone, Serialize)]
struct Place {
    fetched: String,
    tree: Option<String>,
}

fn plan_one(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    set: Handle<RpmSet>,
    (scope, arch): &(String, String),
    place: Place,
    spec: &ExtraFilesSpec,
    compose_id: &str,
) -> Handle<AddedFiles> {
    // What is fetched lies outside of the compose, and may be something else in the next one.
    let job = Job::new(Phase::ExtraFiles, format!("{scope}.{arch}"))
        .spec(&(&place, spec, &config.media_checksums.kinds))
        .of_compose(compose_id)
        .weight(Weight::new(1, 64));
    let is_from_set = |file: &ExtraFileSpec| matches!(file.scm.source, ScmSource::ComposedRpm { .. });
    let needs_set = spec.files.iter().any(is_from_set);
    let (spec, config, arch) = (spec.clone(), config.clone(), arch.clone());
    let work = move |context: JobContext, set: Option<Arc<RpmSet>>| {
        let (spec, config, place, arch) = (spec.clone(), config.clone(), place.clone(), arch.clone());
        async move { add_files(&context, &config, &spec, &place, &arch, set.as_deref()).await }
    };
    if needs_set {
        graph.add(job, set, move |context, set| work(context, Some(set)))
    } else {
        graph.add(job, (), move |context, ()| work(context, None))
    }
}

async fn add_files(
    context: &JobContext,
    config: &RpmConfig,
    spec: &ExtraFilesSpec,
    place: &Place,
    arch: &str,
    set: Option<&RpmSet>,
) -> Result<AddedFiles, JobError> {
    let clones = context.work().join("unpacked");
    let composed: Vec<ComposedPackage<'_>> = set.map(|set| composed_packages(set, arch)).unwrap_or_default();
    let fetching = Fetching { runner: &context.runner, work: &clones, composed: &composed };
    // An image takes them from a folder that holds the list of them too, as a tree does.
    let folder = context.layout.path(&place.fetched);
    let (fetched, target) = match &place.tree {
        Some(tree) => (folder, context.layout.path(tree)),
        None => (context.work().join("fetched"), folder),
    };
    fetch_extra_files(spec, &fetching, &fetched).await?;
    let kinds = config.media_checksums.kinds.clone();
    let records = context.blocking(move || Ok(add_to_tree(&fetched, &target, &kinds)?)).await?;
    let listed = records.iter().map(|record| record.file.as_str());
    let in_tree = place.tree.iter().flat_map(|tree| {
        let files = records.iter().map(|record| record.file.as_str()).chain([LIST_NAME]);
        files.map(move |file| format!("{tree}/{file}"))
    });
    let in_work = listed.map(|file| format!("{}/{file}", place.fetched));
    let files = in_tree.chain(in_work).map(|path| {
        let (sha256, size) = Sha256::of_file(&context.layout.path(&path))?;
        Ok(OutputFile { path, size, sha256 })
    });
    let files = files.collect::<Result<_, JobError>>()?;
    Ok(AddedFiles { fetched: place.fetched.clone(), tree: place.tree.clone(), records, files })
}

/// The packages of the set out of which some extra files come.
pub fn packages_taken(config: &RpmConfig, set: &RpmSet) -> BTreeSet<u32> {
    let of_trees = config.variants.iter().flat_map(|variant| &variant.extra_files);
    let of_isos = config.extra_isos.iter().map(|extra| (&extra.spec.arch, &extra.files));
    let mut taken = BTreeSet::new();
    for (arch, spec) in of_trees.chain(of_isos) {
        for file in &spec.files {
            let ScmSource::ComposedRpm { packages: patterns } = &file.scm.source else { continue };
            let is_taken = |number: &u32| {
                let package = set.package(*number);
                crate::scm::is_taken(patterns, package.name(), package.arch())
            };
            taken.extend(numbers_for(set, arch).into_iter().filter(is_taken));
        }
    }
    taken
}

/// The packages of the set for an arch; those of any arch for sources.
fn numbers_for(set: &RpmSet, arch: &str) -> Vec<u32> {
    set.arches.get(arch).cloned().unwrap_or_else(|| {
        let all: BTreeSet<u32> = set.arches.values().flatten().copied().collect();
        all.into_iter().collect()
    })
}

fn composed_packages<'a>(set: &'a RpmSet, arch: &str) -> Vec<ComposedPackage<'a>> {
    let composed = |number: u32| {
        let package = &set.packages[number as usize];
        ComposedPackage { name: package.package.name(), arch: package.package.arch(), path: &package.path }
    };
    numbers_for(set, arch).into_iter().map(composed).collect()
}

impl From<ExtraFilesError> for JobError {
    fn from(error: ExtraFilesError) -> Self {
        Self::caused(&error).hint("see extra_files in the configuration")
    }
}
