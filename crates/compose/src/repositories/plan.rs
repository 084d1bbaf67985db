//! Jobs of the phase createrepo: sources of a variant, its repository, and what of it images of one arch are made from.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::config::resolved::Variant;
use crate::digest::Sha256;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::files::copy_tree;
use crate::gather::installer::{InstallerSelection, Installers, PlannedInstaller};
use crate::gather::plan::{ComposeDate, Selections};
use crate::gather::{MissingSource, Selection};
use crate::layout::Layout;
use crate::package_set::lock::{LockedPackage, LockedSource};
use crate::package_set::plan::{MissingFile, PackageFiles, fetch_files, fetch_packages, plan_packages};
use crate::package_set::udebs;
use crate::services::Services;

use super::write::write_signed;
use super::{AptRepositorySpec, Repository};

/// Generations of indexes that stay under their digests in a repository that is written again.
const BY_HASH_GENERATIONS: usize = 3;

/// What a variant's repository gives to the jobs behind it.
#[derive(Debug, Clone)]
pub struct VariantRepository {
    pub repository: Handle<Repository>,
    /// By arch.
    pub trees: BTreeMap<String, Handle<Option<Tree>>>,
    pub sources: Option<Handle<Option<SourcesComplete>>>,
    /// By arch: what the variant's installer is made of.
    pub installers: BTreeMap<String, Handle<Option<InstallerFiles>>>,
}

/// The part of a repository that images of one arch are made from. Two trees are equal when images of them are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    /// Relative to the compose's folder.
    pub path: String,
    pub suite: String,
    pub components: Vec<String>,
    /// Of the names, versions and digests of all packages.
    pub packages: Sha256,
    /// When the newest of them was built, in seconds since 1970.
    pub newest: i64,
}

impl Output for Tree {}

impl Output for Repository {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// What an installer of a variant on an arch is made of, with the files of it in the compose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InstallerFiles {
    pub selection: InstallerSelection,
    files: Vec<OutputFile>,
}

impl Output for InstallerFiles {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// Source files of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SourceFiles {
    files: Vec<OutputFile>,
    complete: Vec<Arc<LockedSource>>,
    missing: Vec<MissingFile>,
    unknown: Vec<MissingSource>,
}

impl Output for SourceFiles {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// Every source that the variant's policy asks for is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourcesComplete {
    pub sources: u64,
}

impl Output for SourcesComplete {}

/// Adds the jobs of all variants' repositories.
pub fn plan(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    selections: (&Selections, &Installers),
    date: Handle<ComposeDate>,
) -> BTreeMap<String, VariantRepository> {
    config
        .variants
        .iter()
        .map(|variant| (variant.name.clone(), plan_variant(graph, config, services, variant, selections, date)))
        .collect()
}

fn plan_variant(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    variant: &Variant,
    (selections, installers): (&Selections, &Installers),
    date: Handle<ComposeDate>,
) -> VariantRepository {
    let of_arch = |arch: &str| selections[&(variant.name.clone(), arch.to_owned())];
    let selected: Vec<_> = variant.arches.iter().map(|arch| of_arch(&arch.arch)).collect();
    let files = plan_packages(graph, config, services, &variant.name, selected.clone());
    let of_variant = installers.iter().filter(|((of, _), _)| *of == variant.name);
    let installers: BTreeMap<_, _> = of_variant
        .map(|((_, arch), installer)| {
            (arch.clone(), plan_installer_files(graph, config, services, (&variant.name, arch), *installer))
        })
        .collect();
    let sources = plan_sources(graph, config, services, variant, selected.clone());
    let spec = (variant, &config.release, &config.signing);
    let job = Job::new(Phase::Createrepo, &variant.name).spec(&spec).weight(Weight::new(2, 512)).estimate(10.0).writes_much();
    let (of_job, with, named) = (config.clone(), services.clone(), variant.clone());
    let udebs: Vec<_> = installers.values().copied().collect();
    let inputs = (selected, udebs, files, sources.files, date);
    let repository = graph.add(job, inputs, move |context, (selections, udebs, files, sources, date)| {
        let (config, services, variant) = (of_job.clone(), with.clone(), named.clone());
        async move {
            let packages = packages_by_arch(&selections, &udebs);
            write_repository(&context, &config, &services, &variant, packages, &files, &sources, *date).await
        }
    });
    let trees = variant
        .arches
        .iter()
        .map(|arch| (arch.arch.clone(), plan_tree(graph, &variant.name, &arch.arch, repository, files, of_arch(&arch.arch))));
    VariantRepository { repository, trees: trees.collect(), sources: sources.complete, installers }
}

/// The job that brings what an installer is made of into the compose. Where that may fail, the repository is there without udebs.
fn plan_installer_files(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    (variant, arch): (&str, &str),
    installer: PlannedInstaller,
) -> Handle<Option<InstallerFiles>> {
    let job = Job::named("fetch-installer", Phase::Fetch, format!("{variant}.{arch}"));
    let job = job.network().estimate(10.0).writes_much().failable(installer.failable);
    let (config, services) = (config.clone(), services.clone());
    graph.add_deliverable(job, installer.selection.required(), move |context, selection: InstallerSelection| {
        let (config, services) = (config.clone(), services.clone());
        async move {
            let packages = selection.packages().cloned().collect();
            let files = fetch_packages(&context, &config, &services, &packages).await?;
            Ok(InstallerFiles { selection, files })
        }
    })
}

fn plan_tree(
    graph: &mut Graph,
    variant: &str,
    arch: &str,
    repository: Handle<Repository>,
    files: Handle<PackageFiles>,
    selection: Handle<Option<Selection>>,
) -> Handle<Option<Tree>> {
    let job = Job::named("tree", Phase::Createrepo, format!("{variant}.{arch}")).weight(Weight::NONE).estimate(0.1);
    let arch = arch.to_owned();
    graph.add_deliverable(job, (repository, files, selection.required()), move |_, (repository, files, selection)| {
        let newest = files.newest.get(&arch).copied().unwrap_or_default();
        async move {
            let packages: Vec<_> =
                selection.packages.iter().map(|selected| (selected.package.id(), selected.package.file.sha256)).collect();
            let Repository { path, suite, components, .. } = (*repository).clone();
            Ok(Tree { path, suite, components, packages: Sha256::of_value(&packages), newest })
        }
    })
}

struct SourceJobs {
    files: Handle<SourceFiles>,
    complete: Option<Handle<Option<SourcesComplete>>>,
}

/// Sources that cannot be had leave a repository without them; whether that dooms the compose is a matter of its own.
fn plan_sources(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    variant: &Variant,
    selections: Vec<Handle<Option<Selection>>>,
) -> SourceJobs {
    let (of_job, with) = (config.clone(), services.clone());
    let job = Job::named("fetch-sources", Phase::Fetch, &variant.name).network().estimate(2.0).writes_much();
    let files = graph.add(job, selections, move |context, selections| {
        let (config, services) = (of_job.clone(), with.clone());
        async move {
            let selections: Vec<_> = selections.iter().filter_map(|selection| selection.as_ref().as_ref()).collect();
            fetch_sources(&context, &config, &services, &selections).await
        }
    });
    let wanted = variant.sources != crate::config::schema::gather::Sources::None;
    let complete = wanted.then(|| {
        let job = Job::named("sources", Phase::Createrepo, &variant.name)
            .failable(variant.sources_failable)
            .weight(Weight::NONE)
            .estimate(0.1);
        graph.add_deliverable(job, files, |_, files| async move {
            let unknown = files
                .unknown
                .iter()
                .map(|source| format!("{} {}, wanted by {}: no archive has it", source.name, source.version, source.wanted_by));
            let missing = files.missing.iter().map(|file| format!("{}: {}", file.path, file.reason));
            let lines: Vec<_> = unknown.chain(missing).collect();
            if lines.is_empty() {
                return Ok(SourcesComplete { sources: files.complete.len() as u64 });
            }
            Err(JobError::new(format!("{} sources or files of sources cannot be had:\n{}", lines.len(), lines.join("\n"))))
        })
    });
    SourceJobs { files, complete }
}

async fn fetch_sources(
    context: &JobContext,
    config: &Config,
    services: &Services,
    selections: &[&Selection],
) -> Result<SourceFiles, JobError> {
    let mut sources: Vec<_> = selections.iter().flat_map(|selection| selection.sources.iter().cloned()).collect();
    sources.sort();
    sources.dedup();
    let mut unknown: Vec<_> = selections.iter().flat_map(|selection| selection.missing_sources.iter().cloned()).collect();
    unknown.sort();
    // Each is wanted on every arch.
    unknown.dedup_by(|left, right| (&left.name, &left.version) == (&right.name, &right.version));
    let mut result = SourceFiles { files: Vec::new(), complete: Vec::new(), missing: Vec::new(), unknown };
    let all: Vec<_> = sources.iter().flat_map(|source| source.files.iter().map(|file| (source.archive.as_str(), file))).collect();
    if let Ok(files) = fetch_files(context, config, services, &all).await? {
        return Ok(SourceFiles { files, complete: sources, ..result });
    }
    // Something is missing: what is in the cache by now is not fetched again, and each source is judged by itself.
    for source in sources {
        let wanted: Vec<_> = source.files.iter().map(|file| (source.archive.as_str(), file)).collect();
        match fetch_files(context, config, services, &wanted).await? {
            Ok(files) => {
                result.files.extend(files);
                result.complete.push(source);
            }
            Err(missing) => result.missing.extend(missing),
        }
    }
    Ok(result)
}

#[expect(clippy::too_many_arguments, reason = "they are the inputs of the job, each a value of its own")]
async fn write_repository(
    context: &JobContext,
    config: &Config,
    services: &Services,
    variant: &Variant,
    packages: BTreeMap<String, Vec<Arc<LockedPackage>>>,
    _files: &PackageFiles,
    sources: &SourceFiles,
    date: ComposeDate,
) -> Result<Repository, JobError> {
    let spec = repository_spec(config, variant, &packages, sources, date);
    let root = context.layout.path(&spec.path);
    if fs_err::symlink_metadata(&root).is_ok() {
        fs_err::remove_dir_all(&root)?;
    }
    fs_err::create_dir_all(&root)?;
    let extra_files = copy_extra_files(variant, &context.layout, &spec.path)?;
    let mut repository = write_signed(context, services, spec, packages, sources.complete.clone()).await?;
    repository.size += extra_files.iter().map(|file| file.size).sum::<u64>();
    repository.files.extend(extra_files);
    Ok(repository)
}

/// The packages of systems and, where there are any, the udebs of installers.
fn packages_by_arch(
    selections: &[Arc<Option<Selection>>],
    installers: &[Arc<Option<InstallerFiles>>],
) -> BTreeMap<String, Vec<Arc<LockedPackage>>> {
    let present = selections.iter().filter_map(|selection| selection.as_ref().as_ref());
    let packages = |selection: &Selection| selection.packages.iter().map(|selected| selected.package.clone()).collect();
    let mut by_arch: BTreeMap<_, Vec<_>> = present.map(|selection| (selection.arch.clone(), packages(selection))).collect();
    for installer in installers.iter().filter_map(|installer| installer.as_ref().as_ref()) {
        if let Some(of_arch) = by_arch.get_mut(&installer.selection.udebs.arch) {
            of_arch.extend(installer.selection.udebs.packages.iter().map(|selected| selected.package.clone()));
        }
    }
    by_arch
}

fn repository_spec(
    config: &Config,
    variant: &Variant,
    packages: &BTreeMap<String, Vec<Arc<LockedPackage>>>,
    sources: &SourceFiles,
    date: ComposeDate,
) -> AptRepositorySpec {
    let of_packages = packages.values().flatten().map(|package| udebs::pool_component(&package.component).to_owned());
    let mut components: Vec<_> = of_packages.chain(sources.complete.iter().map(|source| source.component.clone())).collect();
    components.push("main".to_owned());
    components.sort();
    components.dedup();
    AptRepositorySpec {
        path: Layout::repository(&variant.name),
        date: date.0,
        components,
        arches: packages.keys().cloned().collect(),
        contents: variant.arches.iter().any(|arch| arch.contents),
        by_hash_generations: BY_HASH_GENERATIONS,
        ..named_after(config, variant)
    }
}

/// A repository with no place, no packages and no date, named after the release and a variant.
pub(crate) fn named_after(config: &Config, variant: &Variant) -> AptRepositorySpec {
    let release = &config.release;
    AptRepositorySpec {
        path: String::new(),
        suite: release.codename().to_owned(),
        codename: release.codename().to_owned(),
        version: release.version.clone(),
        origin: release.vendor().to_owned(),
        label: format!("{} {}", release.name, variant.title),
        description: release
            .description
            .clone()
            .unwrap_or_else(|| format!("{} {} {}", release.name, release.version, variant.title)),
        date: 0,
        components: Vec::new(),
        arches: Vec::new(),
        overlays: config.overlays(),
        contents: false,
        by_hash_generations: 0,
    }
}

/// Copies the variant's extra files beside its packages.
pub(crate) fn copy_extra_files(variant: &Variant, layout: &Layout, repository: &str) -> Result<Vec<OutputFile>, JobError> {
    let mut copied = Vec::new();
    for extra in &variant.extra_files {
        let to = PathBuf::from(repository).join(&extra.to);
        let paths = copy_tree(&extra.from, layout.root(), &to);
        let paths = paths.map_err(|error| JobError::caused(&error).hint("see [[extra-files]] in the configuration"))?;
        for path in paths {
            let (sha256, size) = Sha256::of_file(&layout.root().join(&path))?;
            copied.push(OutputFile { path: path.to_string_lossy().into_owned(), size, sha256 });
        }
    }
    Ok(copied)
}
