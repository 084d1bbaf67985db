//! Jobs of the phases createiso and extra-isos in composes of RPM packages.
//!
//! Images are made under names that do not change from compose to compose, so that they can be used again; they get their own
//! names when they are shipped.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::RpmConfig;
use crate::digest::Sha256;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::extra_files::plan::{AddedFiles, ExtraFileJobs};
use crate::finding::{Finding, Severity};
use crate::images::lorax::plan::{BootJobs, BootMedia};
use crate::layout::Layout;
use crate::metadata::checksums::Checksums;
use crate::metadata::python_format::Values;
use crate::metadata::rpm_plan::{DescribedTree, TreeJobs};
use crate::metadata::rpm_trees::included_variant;
use crate::metadata::treeinfo::TreeVariant;
use crate::repositories::rpm_plan::{TreePackages, VariantTrees, rpm_md_spec};

use super::optical::{
    Disc, ExtraIsoSpec, ExtraMedium, IncludedTree, IsoError, IsoSpec, MadeIso, Medium, Places, TreeFiles, make, prepare_discs,
    prepare_extra,
};

/// An image that is planned.
#[derive(Debug, Clone)]
pub struct PlannedIso {
    pub spec: Spec,
    pub made: Handle<Option<Isos>>,
}

/// What image it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Spec {
    /// A tree, on one disc or more.
    Tree(IsoSpec),
    /// Several variants.
    Extra(ExtraIsoSpec),
}

impl Spec {
    /// The variant's UID.
    pub fn variant(&self) -> &str {
        match self {
            Self::Tree(spec) => &spec.variant,
            Self::Extra(spec) => &spec.variant,
        }
    }

    /// `src` for sources.
    pub fn arch(&self) -> &str {
        match self {
            Self::Tree(spec) => &spec.arch,
            Self::Extra(spec) => &spec.arch,
        }
    }

    /// The name that users see of one disc.
    pub fn file_name(&self, disc: u32, run: &Values<'_>) -> Result<String, IsoError> {
        match self {
            Self::Tree(spec) => spec.file_name(disc, run),
            Self::Extra(spec) => spec.file_name(run),
        }
    }

    pub const fn volume(&self) -> &super::optical::VolumeSpec {
        match self {
            Self::Tree(spec) => &spec.volume,
            Self::Extra(spec) => &spec.volume,
        }
    }

    pub const fn is_failable(&self) -> bool {
        match self {
            Self::Tree(spec) => spec.failable,
            Self::Extra(spec) => spec.failable,
        }
    }
}

/// What was made of one spec: no disc if the tree has no packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Isos {
    pub discs: Vec<Iso>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Iso {
    pub file: OutputFile,
    pub manifest: OutputFile,
    /// The description and the template.
    pub jigdo: Vec<OutputFile>,
    pub checksums: Checksums,
    /// In seconds since 1970.
    pub mtime: i64,
    pub volume_id: String,
    pub implanted_md5: Option<String>,
    pub disc_number: u32,
    pub disc_count: u32,
    pub bootable: bool,
}

impl Output for Isos {
    fn files(&self) -> Vec<OutputFile> {
        let of_disc = |disc: &Iso| [vec![disc.file.clone(), disc.manifest.clone()], disc.jigdo.clone()].concat();
        self.discs.iter().flat_map(of_disc).collect()
    }
}

/// What all images are made with.
#[derive(Debug)]
pub struct IsoInputs<'a> {
    pub config: &'a Arc<RpmConfig>,
    /// What names take from the compose.
    pub run: &'a Values<'static>,
    pub is_supported: bool,
    pub compose_id: &'a str,
    pub trees: &'a BTreeMap<String, VariantTrees>,
    pub descriptions: &'a TreeJobs,
    pub extra_files: &'a ExtraFileJobs,
    pub boot: &'a BootJobs,
}

/// Adds the jobs of all images of trees and of several variants.
pub fn plan(graph: &mut Graph, inputs: &IsoInputs<'_>) -> Vec<PlannedIso> {
    let config = inputs.config;
    let mut planned = Vec::new();
    if !config.is_skipped(Phase::Createiso) {
        for spec in config.isos.iter().filter(|spec| inputs.trees.contains_key(&spec.variant)) {
            planned.push(PlannedIso { made: plan_tree(graph, inputs, spec), spec: Spec::Tree(spec.clone()) });
        }
    }
    if !config.is_skipped(Phase::ExtraIsos) {
        for extra in &config.extra_isos {
            let spec = &extra.spec;
            planned.push(PlannedIso { made: plan_extra(graph, inputs, spec), spec: Spec::Extra(spec.clone()) });
        }
    }
    planned
}

/// The tree of one variant that an image takes.
#[derive(Debug, Clone)]
struct TreeInputs {
    packages: Handle<TreePackages>,
    /// Of the variant and of its addons, which lie in the same tree.
    all_packages: Vec<Handle<TreePackages>>,
    repositories: Vec<Handle<crate::repositories::rpm_plan::RpmRepositories>>,
    description: Handle<DescribedTree>,
    extra_files: Vec<Handle<AddedFiles>>,
}

impl IsoInputs<'_> {
    fn boot(&self, uid: &str, arch: &str) -> Option<Handle<Option<BootMedia>>> {
        self.boot.get(&(uid.to_owned(), arch.to_owned())).copied()
    }

    /// What lies in a variant's tree for an arch; nothing if the variant is not on the arch.
    fn tree(&self, uid: &str, arch: &str) -> Option<TreeInputs> {
        let of = |uid: &str| {
            let trees = self.trees.get(uid)?;
            if arch == "src" {
                return Some((trees.sources.packages, trees.sources.repositories));
            }
            trees.arches.get(arch).map(|trees| (trees.binary, trees.repositories))
        };
        let own = of(uid)?;
        let addons = self.config.children(uid).filter(|child| child.is_addon()).filter_map(|addon| of(addon.uid()));
        let (all_packages, repositories) = std::iter::once(own).chain(addons).unzip();
        Some(TreeInputs {
            packages: own.0,
            all_packages,
            repositories,
            description: *self.descriptions.get(&(uid.to_owned(), arch.to_owned()))?,
            extra_files: self.extra_files.get(&(uid.to_owned(), arch.to_owned())).copied().into_iter().collect(),
        })
    }
}

fn plan_tree(graph: &mut Graph, inputs: &IsoInputs<'_>, spec: &IsoSpec) -> Handle<Option<Isos>> {
    let tree = inputs.tree(&spec.variant, &spec.arch).expect("images are of trees that there are");
    let job = iso_job(Phase::Createiso, format!("{}.{}", spec.variant, spec.arch), inputs, &Spec::Tree(spec.clone()));
    let making = Making::new(inputs, &spec.variant, &spec.arch);
    let (spec, config) = (spec.clone(), inputs.config.clone());
    // Without its installer, an image that is to start machines is none.
    let boot: Vec<_> = inputs.boot(&spec.variant, &spec.arch).filter(|_| spec.volume.bootable).into_iter().collect();
    let boot: Vec<_> = boot.into_iter().map(Handle::required).collect();
    let handles = (tree.packages, tree.all_packages, tree.repositories, tree.description, tree.extra_files, boot);
    graph.add_deliverable(job, handles, move |context, (packages, all_packages, _, description, extra_files, _)| {
        let (making, spec, config) = (making.clone(), spec.clone(), config.clone());
        async move {
            if all_packages.iter().all(|packages| packages.packages.is_empty()) {
                context.finding(no_packages(&spec));
                return Ok(Isos { discs: Vec::new() });
            }
            let volume = spec.volume.clone();
            let (of_job, making_of_job) = (context.clone(), making.clone());
            let prepare = move || {
                let tree = TreeFiles::read(&of_job.layout.path(&packages.place.tree))?;
                let extra: Vec<String> = extra_files.iter().flat_map(|added| added.paths()).collect();
                let described = description.describe(&config)?;
                let medium = Medium {
                    tree: &tree,
                    treeinfo: &described.treeinfo,
                    timestamp: &described.timestamp.to_string(),
                    description: &described.description,
                    extra_files: &extra,
                    packages: &packages.listed(),
                    rpm_md: &rpm_md_spec(&config.repositories, description.timestamp),
                    has_installer: description.has_installer(),
                };
                let prepared = prepare_discs(&spec, &medium, &making_of_job.run, &making_of_job.work(&of_job.layout))?;
                prepared.warnings.iter().for_each(|warning| of_job.message(warning.clone()));
                Ok((prepared.discs, described.timestamp))
            };
            let (discs, date) = context.blocking(prepare).await?;
            making.make_all(&context, &volume, discs, date).await
        }
    })
}

fn plan_extra(graph: &mut Graph, inputs: &IsoInputs<'_>, spec: &ExtraIsoSpec) -> Handle<Option<Isos>> {
    let scope = format!("{}.{}.{}", spec.variant, spec.number, spec.arch);
    let job = iso_job(Phase::ExtraIsos, scope, inputs, &Spec::Extra(spec.clone()));
    let making = Making::new(inputs, &spec.variant, &spec.arch);
    let uids = std::iter::once(&spec.variant).chain(&spec.included);
    let variants = uids.filter_map(|uid| inputs.config.variant(uid)).map(|variant| &variant.identity);
    let (on_arch, elsewhere): (Vec<_>, Vec<_>) = variants
        .map(|variant| (included_variant(variant), inputs.tree(&variant.uid, &spec.arch)))
        .partition(|(_, tree)| tree.is_some());
    let trees: Vec<TreeInputs> = on_arch.iter().filter_map(|(_, tree)| tree.clone()).collect();
    let variants: Vec<TreeVariant> = on_arch.into_iter().chain(elsewhere).map(|(variant, _)| variant).collect();
    let own_files = inputs.extra_files.get(&(format!("{}.{}", spec.variant, spec.number), spec.arch.clone())).copied();
    let handles = (
        trees.iter().map(|tree| tree.packages).collect::<Vec<_>>(),
        trees.iter().flat_map(|tree| tree.repositories.clone()).collect::<Vec<_>>(),
        trees.iter().map(|tree| tree.description).collect::<Vec<_>>(),
        trees.iter().map(|tree| tree.extra_files.clone()).collect::<Vec<_>>(),
        own_files.into_iter().collect::<Vec<_>>(),
        inputs.boot(&spec.variant, &spec.arch).into_iter().collect::<Vec<_>>(),
    );
    let (spec, config) = (spec.clone(), inputs.config.clone());
    graph.add_deliverable(job, handles, move |context, (packages, _, descriptions, extra_files, own_files, boot)| {
        let (making, spec, config, variants) = (making.clone(), spec.clone(), config.clone(), variants.clone());
        async move {
            let volume = spec.volume.clone();
            let (of_job, making_of_job) = (context.clone(), making.clone());
            let prepare = move || {
                let layout = &of_job.layout;
                let described: Vec<_> =
                    descriptions.iter().map(|description| description.describe(&config)).collect::<Result<_, _>>()?;
                let folders = |index: usize| {
                    let place = &packages[index].place;
                    let repository = layout.path(&place.repository);
                    let extra = extra_files[index].first().map(|added| layout.path(&added.fetched));
                    (repository.join(&place.packages), repository, extra)
                };
                // A variant that is not on the arch is named though its tree is not there.
                let elsewhere = variants[packages.len()..].iter().map(|variant| {
                    let tree = layout.path(&format!("compose/{}/{}/os", variant.uid, spec.arch));
                    (tree.join("Packages"), tree, None)
                });
                let folders: Vec<_> = (0..packages.len()).map(folders).chain(elsewhere).collect();
                let pairs = folders.iter().zip(&variants);
                let trees: Vec<IncludedTree<'_>> = pairs
                    .map(|((packages, tree, extra), variant)| IncludedTree {
                        variant,
                        tree,
                        packages,
                        extra_files: extra.as_deref(),
                    })
                    .collect();
                let first = described.first().ok_or_else(|| JobError::new("none of its variants has packages"))?;
                let installer = boot.first().and_then(|boot| boot.as_ref().as_ref()).map(|boot| layout.path(&boot.output));
                let own_files = own_files.first().map(|added| layout.path(&added.fetched));
                let medium = ExtraMedium {
                    trees: &trees,
                    treeinfo: Some(&first.treeinfo),
                    timestamp: &first.timestamp.to_string(),
                    description: &first.description,
                    extra_files: own_files.as_deref(),
                    installer: installer.as_deref(),
                };
                let disc = prepare_extra(&spec, &medium, &making_of_job.run, &making_of_job.work(layout))?;
                Ok((vec![disc], first.timestamp))
            };
            let (discs, date) = context.blocking(prepare).await?;
            making.make_all(&context, &volume, discs, date).await
        }
    })
}

/// The job of an image. What its volume is called may depend on the compose; then it is made anew in each.
fn iso_job(phase: Phase, scope: String, inputs: &IsoInputs<'_>, spec: &Spec) -> Job {
    let volume_id = match spec {
        Spec::Tree(spec) => spec.volume_id(inputs.run),
        Spec::Extra(spec) => spec.volume_id(inputs.run),
    };
    let volume = match spec {
        Spec::Tree(spec) => &spec.volume,
        Spec::Extra(spec) => &spec.volume,
    };
    let checksums = &inputs.config.media_checksums.kinds;
    let tools: &[&'static str] = if volume.xorriso { &["xorriso", "implantisomd5"] } else { &["genisoimage", "implantisomd5"] };
    let job = Job::new(phase, scope);
    let is_anew = inputs.config.always_anew.contains(&phase);
    let job = if is_anew { job.of_compose(&inputs.compose_id) } else { job };
    job.spec(&(spec, volume_id.ok(), inputs.is_supported, checksums))
        .tools(tools)
        .failable(spec.is_failable())
        .weight(Weight::new(1, 64))
        .estimate(5.0)
        .writes_much()
}

fn no_packages(spec: &IsoSpec) -> Finding {
    Finding {
        check: "empty-tree".to_owned(),
        severity: Severity::Warn,
        scope: format!("{}.{}", spec.variant, spec.arch),
        subject: "iso".to_owned(),
        message: format!("No RPMs found for {}.{}, skipping ISO", spec.variant, spec.arch),
        hint: None,
    }
}

/// How images are made in this compose.
#[derive(Debug, Clone)]
struct Making {
    run: Values<'static>,
    /// What their names begin with: `Server-x86_64`.
    name: String,
    arch: String,
    places: Places,
}

impl Making {
    fn new(inputs: &IsoInputs<'_>, variant: &str, arch: &str) -> Self {
        let places = Places {
            images: Path::new("work/images").join(variant).join(arch),
            jigdo: Path::new("work/images").join(variant).join(arch),
            lorax_templates: None,
            is_supported: inputs.is_supported,
            date: 0,
            checksums: inputs.config.media_checksums.kinds.clone(),
        };
        Self { run: inputs.run.clone(), name: format!("{variant}-{arch}"), arch: arch.to_owned(), places }
    }

    /// The folder of what only one disc has, and of its list of files.
    fn work(&self, layout: &Layout) -> std::path::PathBuf {
        layout.path(&format!("work/{}/iso", if self.arch == "src" { "src" } else { &self.arch }))
    }

    async fn make_all(
        &self,
        context: &JobContext,
        volume: &super::optical::VolumeSpec,
        discs: Vec<Disc>,
        date: i64,
    ) -> Result<Isos, JobError> {
        let mut places = self.places.clone();
        places.images = context.layout.root().join(&places.images).join(context.job.as_str().replace(':', "_"));
        places.jigdo.clone_from(&places.images);
        places.date = date;
        let mut made = Vec::new();
        for mut disc in discs {
            if !volume.jigdo {
                disc.file_name = format!("{}-{}.iso", self.name, disc.number);
            }
            let iso = make(&context.runner, volume, disc, &places).await?;
            made.push(Iso::of(&context.layout, iso)?);
        }
        Ok(Isos { discs: made })
    }
}

impl Iso {
    fn of(layout: &Layout, made: MadeIso) -> Result<Self, JobError> {
        let relative = |path: &Path| {
            path.strip_prefix(layout.root())
                .map_err(|error| JobError::caused(&error))
                .map(|path| path.to_string_lossy().into_owned())
        };
        let digested = |path: &Path| -> Result<OutputFile, JobError> {
            let (sha256, size) = Sha256::of_file(path)?;
            Ok(OutputFile { path: relative(path)?, size, sha256 })
        };
        let jigdo: Vec<_> = made.jigdo.iter().flat_map(|(description, template)| [description, template]).collect();
        Ok(Self {
            file: OutputFile { path: relative(&made.path)?, size: made.size, sha256: made.sha256 },
            manifest: digested(&made.manifest)?,
            jigdo: jigdo.into_iter().map(|path| digested(path)).collect::<Result<_, _>>()?,
            checksums: made.checksums,
            mtime: made.mtime,
            volume_id: made.volume_id,
            implanted_md5: made.implanted_md5,
            disc_number: made.disc_number,
            disc_count: made.disc_count,
            bootable: made.bootable,
        })
    }
}

impl From<IsoError> for JobError {
    fn from(error: IsoError) -> Self {
        match error {
            IsoError::Tool(error) => error.into(),
            error => Self::caused(&error),
        }
    }
}
