//! Jobs of the phases image-checksum and metadata in composes of RPM packages: trees say what they are, images get their names and
//! checksum files, and the compose its description.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use charmer_packages::rpm::package::Package;
use serde::{Deserialize, Serialize};

use crate::checks::rpm_plan::Closure;
use crate::config::RpmConfig;
use crate::digest::Sha256;
use crate::engine::journal::write_durably;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::extra_files::plan::{AddedFiles, ExtraFileJobs};
use crate::files::{set_modified, write_whole};
use crate::finding::{Finding, Severity};
use crate::gather::rpm_plan::Shares;
use crate::images::lorax::plan::BootJobs;
use crate::layout::Layout;
use crate::package_set::rpm_set::RpmSet;
use crate::repositories::rpm_extras::{ModuleStream, RepositoryExtras};
use crate::repositories::rpm_plan::{RpmRepositories, TreePackages, VariantTrees};
use crate::repositories::rpm_trees::{RepositoryPlace, TreeKind};

use super::ComposeRecord;
use super::extra_files::{ExtraFiles, extra_files_json};
use super::images::images_json;
use super::modules::{ModuleIdentity, ModulePlace, ModuleRecord, modules_json};
use super::rpm_composeinfo::rpm_composeinfo_json;
use super::rpm_isos::{ShippedIsos, listed_images};
use super::rpm_trees::{TreeDescription, describe};
use super::rpms::{RpmCategory, RpmPlace, RpmRecord, nevra, rpms_json};
use super::treeinfo::BootFiles;

/// The jobs that describe trees, by variant and arch.
pub type TreeJobs = BTreeMap<(String, String), Handle<DescribedTree>>;

/// A tree that says what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedTree {
    variant: String,
    arch: String,
    /// What tells its media from others', in seconds since 1970.
    pub timestamp: i64,
    boot: BootFiles,
    files: Vec<OutputFile>,
}

impl DescribedTree {
    pub fn describe(&self, config: &RpmConfig) -> Result<TreeDescription, JobError> {
        let variant =
            config.variant(&self.variant).ok_or_else(|| JobError::new(format!("there is no variant {}", self.variant)))?;
        Ok(describe(config, &variant.identity, &self.arch, self.timestamp, self.boot.clone())?)
    }

    /// Whether machines can start from it.
    pub fn has_installer(&self) -> bool {
        self.boot != BootFiles::default()
    }
}

impl Output for DescribedTree {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// Files of the compose's own folder of metadata, or of checksums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenFiles {
    pub files: Vec<OutputFile>,
}

impl Output for WrittenFiles {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// Adds a job for each tree that says what it is.
pub fn plan_trees(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    trees: &BTreeMap<String, VariantTrees>,
    boot: &BootJobs,
    source_date_epoch: Option<i64>,
    started: i64,
) -> TreeJobs {
    let mut jobs = TreeJobs::new();
    let own_trees = config.variants.iter().filter(|variant| !variant.is_addon());
    for variant in own_trees {
        let Some(own) = trees.get(variant.uid()) else { continue };
        let addons: Vec<_> = config.children(variant.uid()).filter(|child| child.is_addon()).collect();
        let in_tree = |arch: &str| -> Vec<Handle<TreePackages>> {
            let of = |trees: &VariantTrees| trees.arches.get(arch).map(|trees| trees.binary);
            let of = |trees: &VariantTrees| if arch == "src" { Some(trees.sources.packages) } else { of(trees) };
            let of_addons = addons.iter().filter_map(|addon| of(trees.get(addon.uid())?));
            of(own).into_iter().chain(of_addons).collect()
        };
        for arch in own.arches.keys().map(String::as_str).chain(["src"]) {
            let (uid, arch) = (variant.uid().to_owned(), arch.to_owned());
            let spec = (&config.release, &config.base_product, &variant.identity, source_date_epoch);
            let addons: Vec<_> = addons.iter().map(|addon| &addon.identity).collect();
            let job = Job::named("tree", Phase::Metadata, format!("{uid}.{arch}"))
                .spec(&(spec, addons))
                .weight(Weight::NONE)
                .estimate(0.1);
            let (of_job, key) = (config.clone(), (uid, arch));
            let named = key.clone();
            let media: Vec<_> = boot.get(&key).copied().into_iter().collect();
            let handle = graph.add(job, (in_tree(&key.1), media), move |context, (packages, media)| {
                let (config, (uid, arch)) = (of_job.clone(), named.clone());
                async move {
                    let newest = packages.iter().map(|packages| packages.newest()).max().filter(|newest| *newest > 0);
                    let timestamp = source_date_epoch.or(newest).unwrap_or(started);
                    let boot = media.first().and_then(|media| media.as_ref().as_ref()).map(|media| media.boot.clone());
                    let boot = boot.unwrap_or_default();
                    let tree = DescribedTree { variant: uid, arch, timestamp, boot, files: Vec::new() };
                    describe_tree(&context, &config, tree, &packages[0].place.tree)
                }
            });
            jobs.insert(key, handle);
        }
    }
    jobs
}

fn describe_tree(
    context: &JobContext,
    config: &RpmConfig,
    mut tree: DescribedTree,
    folder: &str,
) -> Result<DescribedTree, JobError> {
    for (name, text) in tree.describe(config)?.files() {
        let file = write_file(&context.layout, &format!("{folder}/{name}"), &text)?;
        // Images take over its time.
        set_modified(&context.layout.path(&file.path), tree.timestamp)?;
        tree.files.push(file);
    }
    Ok(tree)
}

pub(super) fn write_file(layout: &Layout, path: &str, text: &str) -> Result<OutputFile, JobError> {
    let absolute = layout.path(path);
    fs_err::create_dir_all(absolute.parent().unwrap_or(layout.root()))?;
    write_whole(&absolute, text.as_bytes())?;
    Ok(OutputFile { path: path.to_owned(), size: text.len() as u64, sha256: Sha256::of(text.as_bytes()) })
}

/// Adds the jobs that list packages and modules.
pub fn plan_packages(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    compose: &ComposeRecord,
    set: Handle<RpmSet>,
    shares: Handle<Shares>,
    extras: Handle<RepositoryExtras>,
    trees: &BTreeMap<String, VariantTrees>,
) -> Vec<Handle<WrittenFiles>> {
    let compose = &unlabelled(compose);
    let job = Job::named("rpms", Phase::Metadata, "").spec(&config.repositories.hashed_directories).of_compose(compose);
    let (of_job, record) = (config.clone(), compose.clone());
    let rpms = graph.add(job, (set, shares), move |context, (set, shares)| {
        let (config, record) = (of_job.clone(), record.clone());
        async move {
            let list = move |context: &JobContext| {
                let text = rpms_json(&record, &listed_rpms(context, &config, &set, &shares));
                Ok(WrittenFiles { files: vec![write_metadata(&context.layout, "rpms.json", &text)?] })
            };
            context.clone().blocking(move || list(&context)).await
        }
    });
    let modules = plan_modules(graph, config, compose, shares, extras, trees);
    vec![rpms, modules]
}

fn plan_modules(
    graph: &mut Graph,
    config: &RpmConfig,
    compose: &ComposeRecord,
    shares: Handle<Shares>,
    extras: Handle<RepositoryExtras>,
    trees: &BTreeMap<String, VariantTrees>,
) -> Handle<WrittenFiles> {
    let with_modules = trees.iter().filter(|(uid, _)| config.repository_files.extra_modules.contains_key(*uid));
    let (places, repositories): (Vec<_>, Vec<_>) = with_modules
        .flat_map(|(uid, trees)| trees.arches.iter().map(|(arch, trees)| ((uid.clone(), arch.clone()), trees.repositories)))
        .unzip();
    let job = Job::named("modules", Phase::Metadata, "").spec(&places).of_compose(compose).weight(Weight::NONE);
    let record = compose.clone();
    graph.add(job, (shares, extras, repositories), move |context, (_, extras, repositories)| {
        let trees = places.iter().zip(&repositories);
        let modules = trees.flat_map(|((uid, arch), repositories)| listed_modules(uid, arch, &extras, repositories)).collect();
        let text = modules_json(&record, &modules);
        async move { Ok(WrittenFiles { files: vec![write_metadata(&context.layout, "modules.json", &text)?] }) }
    })
}

/// The modules of a tree that come from the configuration; Koji knows nothing of them.
fn listed_modules(
    uid: &str,
    arch: &str,
    extras: &RepositoryExtras,
    repositories: &RpmRepositories,
) -> Vec<(ModulePlace, ModuleRecord)> {
    const KOJI_TAG: &str = "DUMMY";
    let file = repositories.modules().map(|path| path.strip_prefix("compose/").unwrap_or(path).to_owned());
    let listed = |module: &ModuleStream| {
        let ModuleStream { name, stream, version, context, packages } = module.clone();
        let parts = [&name, &stream, &version, &context].map(String::as_str);
        let identity = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(":");
        let place = ModulePlace { variant: uid.to_owned(), arch: arch.to_owned(), uid: identity.clone() };
        let metadata = ModuleIdentity { context, koji_tag: KOJI_TAG.to_owned(), name, stream, uid: identity, version };
        let modulemd_path = file.iter().map(|file| ("binary".to_owned(), file.clone())).collect();
        (place, ModuleRecord { metadata, modulemd_path, rpms: packages })
    };
    extras.modules(uid, arch).iter().map(listed).collect()
}

/// Only `composeinfo.json` has the label.
fn unlabelled(compose: &ComposeRecord) -> ComposeRecord {
    ComposeRecord { label: None, is_final: None, ..compose.clone() }
}

fn write_metadata(layout: &Layout, name: &str, text: &str) -> Result<OutputFile, JobError> {
    let path = format!("compose/metadata/{name}");
    fs_err::create_dir_all(layout.metadata())?;
    write_durably(&layout.path(&path), text.as_bytes())?;
    Ok(OutputFile { path, size: text.len() as u64, sha256: Sha256::of(text.as_bytes()) })
}

fn listed_rpms(context: &JobContext, config: &RpmConfig, set: &RpmSet, shares: &Shares) -> BTreeMap<RpmPlace, RpmRecord> {
    let sources: BTreeMap<&str, &Package> = set
        .packages
        .iter()
        .filter(|package| package.package.is_source())
        .map(|source| (source.file_name(), &source.package))
        .collect();
    let mut listed = BTreeMap::new();
    let mut guessed = BTreeSet::new();
    for variant in config.variants.iter().filter(|variant| !variant.identity.is_empty) {
        for arch in variant.trees.keys() {
            for (kind, category) in [
                (TreeKind::Binary, RpmCategory::Binary),
                (TreeKind::Debug, RpmCategory::Debug),
                (TreeKind::Source, RpmCategory::Source),
            ] {
                let place = RepositoryPlace::of(&variant.identity, kind, arch);
                for number in shares.of(variant.uid(), kind, arch) {
                    let member = &set.packages[number as usize];
                    let package = &member.package;
                    let own = own_nevra(package);
                    let source = if package.is_source() {
                        own.clone()
                    } else if let Some(source) = sources.get(package.source_rpm()) {
                        own_nevra(source)
                    } else {
                        let source = guessed_source(package);
                        guessed.insert((own.clone(), source.clone()));
                        source
                    };
                    let location = place.location(member.file_name(), config.repositories.hashed_directories);
                    let path = format!("{}/{location}", Layout::shipped(&place.repository));
                    let (variant, arch) = (variant.uid().to_owned(), arch.clone());
                    let sigkey = member.sigkey.as_ref().map(|key| key.to_lowercase());
                    listed.insert(RpmPlace { variant, arch, source, package: own }, RpmRecord { category, path, sigkey });
                }
            }
        }
    }
    for (package, source) in guessed {
        context.finding(Finding {
            check: "no-source".to_owned(),
            severity: Severity::Warn,
            scope: String::new(),
            message: format!("Package {package} has no SRPM available, guessing epoch: {source}.rpm"),
            subject: package,
            hint: None,
        });
    }
    listed
}

fn own_nevra(package: &Package) -> String {
    nevra(package.name(), package.epoch, package.version(), package.release(), package.arch())
}

/// The source of a package that is not in the set: its epoch is not known, but most often that of the package.
fn guessed_source(package: &Package) -> String {
    let name = package.source_rpm().strip_suffix(".rpm").unwrap_or(package.source_rpm());
    let parts = name.rsplit_once('.').and_then(|(rest, arch)| {
        let (rest, release) = rest.rsplit_once('-')?;
        let (name, version) = rest.rsplit_once('-')?;
        Some(nevra(name, package.epoch, version, release, arch))
    });
    parts.unwrap_or_else(|| name.to_owned())
}

/// What the description of the compose tells of.
#[derive(Debug)]
pub struct Described<'a> {
    pub verdict: Handle<Closure>,
    pub folders: Vec<Handle<ShippedIsos>>,
    pub extra_files: &'a ExtraFileJobs,
    pub trees: &'a BTreeMap<String, VariantTrees>,
}

/// Adds the jobs that describe the compose as a whole.
pub fn plan_compose(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    compose: &ComposeRecord,
    described: &Described<'_>,
) -> Handle<WrittenFiles> {
    plan_extra_files(graph, config, compose, described.extra_files);
    let job = Job::named("composeinfo", Phase::Metadata, "").of_compose(compose).spec(&(&config.release, &config.variants));
    let (of_job, record) = (config.clone(), compose.clone());
    let repositories = described.trees.values().flat_map(|trees| {
        trees.arches.values().map(|trees| trees.repositories).chain([trees.sources.repositories]).collect::<Vec<_>>()
    });
    let inputs = (described.verdict, described.folders.clone(), repositories.collect::<Vec<_>>());
    graph.add(job, inputs, move |context, (_, folders, _)| {
        let (config, record) = (of_job.clone(), record.clone());
        async move {
            let is_folder = |path: &str| context.layout.path(&format!("compose/{path}")).is_dir();
            let text = rpm_composeinfo_json(&config, &record, is_folder);
            let mut files = vec![write_metadata(&context.layout, "composeinfo.json", &text)?];
            let is_asked = [Phase::ExtraIsos, Phase::Buildinstall].into_iter().any(|phase| config.is_asked(phase));
            if !folders.is_empty() || !config.is_skipped(Phase::Createiso) || is_asked {
                let text = images_json(&unlabelled(&record), &listed_images(&config, &folders));
                files.push(write_metadata(&context.layout, "images.json", &text)?);
            }
            Ok(WrittenFiles { files })
        }
    })
}

fn plan_extra_files(graph: &mut Graph, config: &RpmConfig, compose: &ComposeRecord, jobs: &ExtraFileJobs) {
    // Those of images of several variants are in no tree.
    let of_trees: Vec<_> = jobs.iter().map(|(key, handle)| (key.clone(), *handle)).collect();
    let is_asked = config.is_asked(Phase::ExtraFiles);
    if of_trees.is_empty() && !is_asked {
        return;
    }
    let (keys, handles): (Vec<_>, Vec<_>) = of_trees.into_iter().unzip();
    let record = unlabelled(compose);
    let job = Job::named("extra-files-list", Phase::Metadata, "").of_compose(compose).weight(Weight::NONE);
    graph.add(job, handles, move |context, added: Vec<Arc<AddedFiles>>| {
        let (record, keys) = (record.clone(), keys.clone());
        async move {
            let mut listed = ExtraFiles::new();
            for ((variant, arch), added) in keys.into_iter().zip(added) {
                let Some(tree) = &added.tree else { continue };
                let records = crate::extra_files::in_compose(&added.records, Layout::shipped(tree));
                listed.entry(variant).or_default().insert(arch, records);
            }
            let text = extra_files_json(&record, &listed);
            let is_written = is_asked || !listed.is_empty();
            let files = if is_written { vec![write_metadata(&context.layout, "extra_files.json", &text)?] } else { Vec::new() };
            Ok(WrittenFiles { files })
        }
    });
}
