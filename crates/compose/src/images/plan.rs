//! Jobs that make images: for each a root file system, and the image of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::config::resolved::{ImageSpec, Variant};
use crate::config::schema::images::{self as configured, Backend};
use crate::config::schema::quantity::Timeout;
use crate::digest::Sha256;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::finding::Severity;
use crate::gather::plan::Selections;
use crate::layout::Layout;
use crate::repositories::plan::{Tree, VariantRepository};
use crate::services::Services;
use crate::tools::Runner;

use super::data_iso::plan::plan_data_iso;
use super::disk::backend::plan::plan_backend;
use super::installer::plan::plan_installer;
use super::ostree::plan::{MadeCommit, PlannedCommit};
use super::recipe::{Recipe, recipe_of};
use super::{
    BaseSet, BootRecord, BuiltImage, ComposedRepository, DiscPlace, Image, ImageError, ImageKind, ImageSet, JigdoFiles,
    RequiredProgram, RootfsSpec, ZSYNC, build, build_rootfs,
};
use super::{data_iso, installer, ostree, rootfs};

/// An image that has been planned.
#[derive(Debug, Clone)]
pub struct PlannedImage {
    pub spec: ImageSpec,
    pub made: Handle<Option<ImageSet>>,
}

/// What was planned: images, and commits, which are no files.
#[derive(Debug)]
pub struct PlannedForms {
    pub images: Vec<PlannedImage>,
    pub commits: Vec<PlannedCommit>,
}

impl PlannedForms {
    /// The commit of this name that an image is made of.
    fn commit(&self, image: &ImageSpec, name: &str) -> Handle<Option<MadeCommit>> {
        let planned = self.commits.iter().find(|planned| is_commit(&planned.spec, image, name));
        planned.expect("the configuration has it").made
    }
}

/// A root file system as a file of the compose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct RootfsFile {
    pub(super) file: OutputFile,
    pub(super) arch: String,
    pub(super) epoch: i64,
    pub(super) installed: Vec<String>,
}

impl Output for RootfsFile {
    fn files(&self) -> Vec<OutputFile> {
        vec![self.file.clone()]
    }
}

impl Output for ImageSet {
    fn files(&self) -> Vec<OutputFile> {
        let own = |image: &Image| OutputFile { path: image.path.clone(), size: image.size, sha256: image.sha256 };
        let jigdo = |jigdo: &JigdoFiles| [jigdo.description.clone(), jigdo.template.clone()];
        let kept = |test: &BootRecord| [test.console.clone()].into_iter().chain(test.screenshot.clone());
        let of_image = |image: &Image| {
            let jigdo = image.jigdo.as_ref().map(jigdo).into_iter().flatten();
            jigdo.chain(image.zsync.clone()).chain([own(image)]).chain(image.boot_tests.iter().flat_map(kept)).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(of_image).collect()
    }
}

/// Adds the jobs of all images.
pub fn plan(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    repositories: &BTreeMap<String, VariantRepository>,
    selections: &Selections,
    source_date_epoch: Option<i64>,
) -> PlannedForms {
    let (planned, of_images) = planned_rootfs(config);
    let planned = planned.into_iter();
    let rootfs: Vec<_> = planned
        .map(|rootfs| (rootfs.scope(), plan_rootfs(graph, config, services, repositories, rootfs, source_date_epoch)))
        .collect();
    let mut forms = PlannedForms { images: Vec::new(), commits: Vec::new() };
    let mut trees = Trees { config, of_images: of_images.clone(), planned: HashMap::new() };
    let of_rootfs =
        |number: Option<usize>| number.map(|number| rootfs[number].clone()).expect("it is made of a root file system");
    // Disks and containers are made of commits.
    for (image, &number) in config.images.iter().zip(&of_images) {
        if let Recipe::Commit(spec, key) = recipe_of(config, image) {
            let tree = trees.plan(graph, number, &of_rootfs(number));
            forms.commits.push(ostree::plan::plan_commit(graph, config, services, image, (spec, key), tree));
        }
    }
    for (image, &number) in config.images.iter().zip(&of_images) {
        let of_rootfs = || of_rootfs(number);
        let made = match recipe_of(config, image) {
            Recipe::OfRootfs(kind) if is_of_tree(image) => {
                let tree = trees.plan(graph, number, &of_rootfs());
                plan_of_rootfs(graph, image, *kind, tree)
            }
            Recipe::Deployment(disk, name) => {
                let tree = trees.plan(graph, number, &of_rootfs());
                ostree::plan::plan_deployment(graph, config, services, image, *disk, (forms.commit(image, name), tree))
            }
            Recipe::Encapsulation(bootc, name) => {
                let tree = trees.plan(graph, number, &of_rootfs());
                ostree::plan::plan_encapsulation(graph, image, *bootc, (forms.commit(image, name), tree))
            }
            Recipe::OfRootfs(kind) => plan_of_rootfs(graph, image, *kind, of_rootfs().1),
            Recipe::Backend(disk) => plan_backend(graph, config, services, repositories, (image, *disk), source_date_epoch),
            Recipe::OfPackages(data) => {
                let inputs = (repositories, selections);
                plan_data_iso(graph, config, services, inputs, (image, data), source_date_epoch)
            }
            Recipe::Installer(spec) => {
                let inputs = (repositories, selections);
                plan_installer(graph, config, services, inputs, (image, spec), source_date_epoch)
            }
            Recipe::Commit(..) => continue,
        };
        forms.images.push(PlannedImage { spec: image.clone(), made });
    }
    forms
}

/// The OSTree trees of a plan, one for each root file system of which there is one.
struct Trees<'a> {
    config: &'a Config,
    of_images: Vec<Option<usize>>,
    planned: HashMap<Option<usize>, Handle<Option<RootfsFile>>>,
}

impl Trees<'_> {
    fn plan(
        &mut self,
        graph: &mut Graph,
        number: Option<usize>,
        (scope, rootfs): &(String, Handle<Option<RootfsFile>>),
    ) -> Handle<Option<RootfsFile>> {
        let images = self.config.images.iter().zip(&self.of_images);
        let sharing = images.filter(|(image, of_image)| **of_image == number && is_of_tree(image)).map(|(image, _)| image);
        *self.planned.entry(number).or_insert_with(|| ostree::plan::plan_tree(graph, scope, sharing, *rootfs))
    }
}

/// Whether an image is made of an OSTree tree.
fn is_of_tree(image: &ImageSpec) -> bool {
    matches!(image.kind, configured::ImageKind::Ostree(_) | configured::ImageKind::Bootc(_)) || commit_of(image).is_some()
}

/// The name of the commit that an image is made of.
fn commit_of(image: &ImageSpec) -> Option<&str> {
    match &image.kind {
        configured::ImageKind::Disk(disk) => disk.ostree.as_deref(),
        configured::ImageKind::Bootc(bootc) => bootc.ostree.as_deref(),
        _ => None,
    }
}

/// Whether an image is the commit of this name that another is made of.
fn is_commit(image: &ImageSpec, made_of_it: &ImageSpec, name: &str) -> bool {
    let is_ostree = matches!(image.kind, configured::ImageKind::Ostree(_));
    is_ostree && image.name == name && image.variant == made_of_it.variant && image.arch == made_of_it.arch
}

/// A root file system that one image or several are made of.
#[derive(Debug, Clone, Serialize)]
struct PlannedRootfs {
    /// That of the first image that is made of it.
    name: String,
    variant: String,
    arch: String,
    base: BaseSet,
    /// Sorted, each once.
    packages: Vec<String>,
    timeout: Timeout,
    /// No image that must be there needs it.
    #[serde(skip)]
    failable: bool,
}

impl PlannedRootfs {
    fn of(image: &ImageSpec, required: &[&'static str]) -> Self {
        let required = required.iter().map(|package| (*package).to_owned());
        let packages: BTreeSet<String> = image.packages.iter().cloned().chain(required).collect();
        Self {
            name: image.name.clone(),
            variant: image.variant.clone(),
            arch: image.arch.clone(),
            base: image.base,
            packages: packages.into_iter().collect(),
            timeout: image.timeout,
            failable: image.failable,
        }
    }

    fn scope(&self) -> String {
        format!("{}.{}.{}", self.variant, self.arch, self.name)
    }
}

/// One for each list of packages that images of a variant on an arch are made of, and which of them is each image's; none for
/// images that are made of packages.
fn planned_rootfs(config: &Config) -> (Vec<PlannedRootfs>, Vec<Option<usize>>) {
    let mut planned: Vec<PlannedRootfs> = Vec::new();
    let mut numbers = HashMap::new();
    let of_image = |image: &ImageSpec| {
        let wanted = match recipe_of(config, image) {
            Recipe::OfRootfs(kind) => PlannedRootfs::of(image, &kind.required_packages()),
            Recipe::Commit(..) => PlannedRootfs::of(image, &packages_of_commit(config, image)),
            // Of commits are those below.
            Recipe::OfPackages(_)
            | Recipe::Installer(_)
            | Recipe::Backend(_)
            | Recipe::Deployment(..)
            | Recipe::Encapsulation(..) => return None,
        };
        let content = (wanted.variant.clone(), wanted.arch.clone(), wanted.base, wanted.packages.clone());
        let number = *numbers.entry(content).or_insert(planned.len());
        match planned.get_mut(number) {
            Some(rootfs) => {
                rootfs.failable &= wanted.failable;
                rootfs.timeout = rootfs.timeout.max(wanted.timeout);
            }
            None => planned.push(wanted),
        }
        Some(number)
    };
    let mut of_images: Vec<_> = config.images.iter().map(of_image).collect();
    for (position, made_of_it) in config.images.iter().enumerate() {
        if let Some(name) = commit_of(made_of_it) {
            let commit = config.images.iter().position(|image| is_commit(image, made_of_it, name));
            of_images[position] = commit.and_then(|commit| of_images[commit]);
        }
    }
    (planned, of_images)
}

/// What a commit needs, and what the disks need that are deployments of it.
fn packages_of_commit(config: &Config, commit: &ImageSpec) -> Vec<&'static str> {
    let of_disk = |disk: &ImageSpec| match recipe_of(config, disk) {
        Recipe::Deployment(spec, name) if is_commit(commit, disk, name) => spec.packages().collect(),
        _ => Vec::new(),
    };
    ostree::tree::PACKAGES.iter().copied().chain(config.images.iter().flat_map(of_disk)).collect()
}

fn plan_rootfs(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    repositories: &BTreeMap<String, VariantRepository>,
    rootfs: PlannedRootfs,
    source_date_epoch: Option<i64>,
) -> Handle<Option<RootfsFile>> {
    let below = variants_below(config, &rootfs.variant);
    let trees: Vec<_> = below.map(|variant| repositories[&variant.name].trees[&rootfs.arch].required()).collect();
    let job = Job::new(Phase::Rootfs, rootfs.scope())
        .spec(&(&rootfs, &config.signing, source_date_epoch))
        .tools(&["mmdebstrap", "apt-get", "dpkg", "tar"])
        .weight(Weight::new(1, 1024))
        .estimate(60.0)
        .writes_much()
        .failable(rootfs.failable);
    let services = services.clone();
    graph.add_deliverable(job, trees, move |context, trees| {
        let (services, rootfs) = (services.clone(), rootfs.clone());
        async move { make_rootfs(&context, &services, &rootfs, &trees, source_date_epoch).await }
    })
}

/// The image of a root file system.
fn plan_of_rootfs(
    graph: &mut Graph,
    image: &ImageSpec,
    kind: ImageKind,
    rootfs: Handle<Option<RootfsFile>>,
) -> Handle<Option<ImageSet>> {
    let programs = kind.own_programs();
    let tools: Vec<_> = programs.iter().map(|program| program.program).filter(|program| !program.contains('/')).collect();
    let job = Job::new(phase_of(image), scope_of(image))
        .spec(&(image, &kind))
        .tools(&tools)
        .weight(match kind {
            // One stream is packed; it goes on beside a root file system that is being made.
            ImageKind::Bootc(_) | ImageKind::Container(_) | ImageKind::Packed(_) => Weight::new(1, 1024),
            ImageKind::Live(_) | ImageKind::Disk(_) | ImageKind::Squashfs => Weight::new(2, 1024),
        })
        .estimate(40.0)
        .writes_much()
        .failable(image.failable);
    let image = image.clone();
    graph.add_deliverable(job, rootfs.required(), move |context, rootfs| {
        let (image, kind) = (image.clone(), kind.clone());
        async move { make_image(&context, &image, &kind, &rootfs).await }
    })
}

/// The variant and, for one that only adds to its parent, the parent and so on.
pub fn variants_below<'a>(config: &'a Config, variant: &str) -> impl Iterator<Item = &'a Variant> {
    let parent =
        |variant: &&'a Variant| variant.parent.as_deref().filter(|_| variant.optional).and_then(|parent| config.variant(parent));
    std::iter::successors(config.variant(variant), move |variant| parent(variant))
}

async fn make_rootfs(
    context: &JobContext,
    services: &Services,
    planned: &PlannedRootfs,
    trees: &[Tree],
    source_date_epoch: Option<i64>,
) -> Result<RootfsFile, JobError> {
    let newest = trees.iter().map(|tree| tree.newest).max().unwrap_or_default();
    let work = context.work().join("rootfs");
    fs_err::create_dir(&work)?;
    let spec = RootfsSpec {
        repositories: trees.iter().map(|tree| composed_in(&context.layout, tree)).collect(),
        keyring: write_keyring(context, services).await?,
        arch: planned.arch.clone(),
        base: planned.base,
        packages: planned.packages.clone(),
        epoch: source_date_epoch.unwrap_or(newest),
    };
    let path = Layout::image_work(&planned.variant, &planned.arch, &format!("{}.rootfs.tar", planned.name));
    let tar = context.layout.path(&path);
    fs_err::create_dir_all(tar.parent().unwrap_or(&tar))?;
    let runner = Runner { timeout: planned.timeout.duration(), ..context.runner.clone() };
    let rootfs = build_rootfs(&runner, &spec, &work, &tar).await?;
    let (sha256, size) = context.blocking(move || Ok(Sha256::of_file(&tar)?)).await?;
    Ok(RootfsFile {
        file: OutputFile { path, size, sha256 },
        arch: rootfs.arch,
        epoch: rootfs.epoch,
        installed: rootfs.installed,
    })
}

/// A composed repository as a program finds it on this machine.
pub(super) fn composed_in(layout: &Layout, tree: &Tree) -> ComposedRepository {
    ComposedRepository { folder: layout.path(&tree.path), suite: tree.suite.clone(), components: tree.components.clone() }
}

/// The public key that the composed repositories are signed with, where apt can read it. None when they are not signed.
pub(super) async fn write_keyring(context: &JobContext, services: &Services) -> Result<Option<PathBuf>, JobError> {
    let Some(signer) = services.signer(context).await? else { return Ok(None) };
    let path = context.work().join("keyring.asc");
    fs_err::write(&path, signer.certificate())?;
    Ok(Some(path))
}

async fn make_image(
    context: &JobContext,
    image: &ImageSpec,
    kind: &ImageKind,
    rootfs: &RootfsFile,
) -> Result<ImageSet, JobError> {
    let (paths, outputs) = places_of(context, image, &kind.file_extensions());
    let input = rootfs.unpacked_from(&context.layout);
    let built = build(&runner(context, image), kind, &input, context.work(), &outputs).await?;
    described(image, kind, paths, built, (&input.installed, input.epoch))
}

/// Where the files of an image are made: relative to the compose's folder, and on this machine.
pub(super) fn places_of(context: &JobContext, image: &ImageSpec, extensions: &[&str]) -> (Vec<String>, Vec<PathBuf>) {
    let path = |extension: &&str| Layout::image_work(&image.variant, &image.arch, &format!("{}.{extension}", image.name));
    let paths: Vec<_> = extensions.iter().map(path).collect();
    let outputs = paths.iter().map(|path| context.layout.path(path)).collect();
    (paths, outputs)
}

/// What is known of an image's files, in the order of their kind's extensions.
pub(super) fn described(
    image: &ImageSpec,
    kind: &ImageKind,
    paths: Vec<String>,
    built: Vec<BuiltImage>,
    (installed, epoch): (&[String], i64),
) -> Result<ImageSet, JobError> {
    let describe = |((path, extension), built): ((String, &str), BuiltImage)| {
        Ok(Image {
            path,
            kind: kind.name().to_owned(),
            variant: image.variant.clone(),
            arch: image.arch.clone(),
            format: extension.to_owned(),
            size: built.size,
            sha256: built.sha256,
            volume_id: kind.volume_id().filter(|_| extension == "iso").map(str::to_owned),
            implanted_md5: if extension == "iso" { kind.implanted_md5(&built.path)? } else { None },
            bootable: kind.bootable(),
            installed: installed.to_vec(),
            epoch,
            disc: DiscPlace::ONLY,
            jigdo: None,
            zsync: None,
            differs: kind.differs().map(str::to_owned),
            boot_tests: Vec::new(),
        })
    };
    let described = paths.into_iter().zip(kind.file_extensions()).zip(built).map(describe);
    let mut images = described.collect::<Result<Vec<_>, JobError>>()?;
    if let Some(zsync) = images.pop_if(|image| image.format == ZSYNC) {
        images[0].zsync = Some(OutputFile { path: zsync.path, size: zsync.size, sha256: zsync.sha256 });
    }
    Ok(ImageSet(images))
}

/// The job's runner, with the image's own limit for each program.
pub(super) fn runner(context: &JobContext, image: &ImageSpec) -> Runner {
    Runner { timeout: image.timeout.duration(), ..context.runner.clone() }
}

impl From<ImageError> for JobError {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Tool(error) => error.into(),
            ImageError::Cancelled => Self::cancelled(),
            error => Self::caused(&error),
        }
    }
}

/// The programs and files that the jobs of images need on this machine. Jobs that were left out need none.
pub fn required_programs(config: &Config, graph: &Graph) -> BTreeSet<RequiredProgram> {
    let jobs: BTreeSet<_> = graph.jobs().into_iter().map(|planned| planned.job.id.as_str()).collect();
    let is_planned = |phase: Phase, scope: &str| jobs.contains(format!("{phase}:{scope}").as_str());
    let of_image = |image: &ImageSpec| {
        let own = match recipe_of(config, image) {
            Recipe::OfRootfs(kind) => kind.own_programs(),
            Recipe::OfPackages(data) => data_iso::programs(data.jigdo_url.is_some()).collect(),
            Recipe::Installer(_) => installer::programs().collect(),
            Recipe::Deployment(disk, _) | Recipe::Backend(disk) => disk.programs(),
            Recipe::Encapsulation(..) => ostree::encapsulation::PROGRAMS.to_vec(),
            Recipe::Commit(..) => ostree::PROGRAMS.iter().chain(ostree::tree::PROGRAMS).copied().collect(),
        };
        if is_planned(phase_of(image), &scope_of(image)) { own } else { Vec::new() }
    };
    let any_rootfs = !rootfs_arches(config, graph).is_empty();
    let of_rootfs = any_rootfs.then_some(rootfs::PROGRAMS).into_iter().flatten().copied();
    config.images.iter().flat_map(of_image).chain(of_rootfs).collect()
}

/// The other programs that planned jobs have make disks, and the folders with their configurations.
pub fn planned_backends(config: &Config, graph: &Graph) -> BTreeSet<(Backend, PathBuf)> {
    let jobs: BTreeSet<_> = graph.jobs().into_iter().map(|planned| planned.job.id.as_str()).collect();
    let is_planned = |image: &&ImageSpec| jobs.contains(format!("{}:{}", phase_of(image), scope_of(image)).as_str());
    let of_image = |image: &ImageSpec| match &image.kind {
        configured::ImageKind::Disk(disk) => disk.backend.zip(disk.configuration.clone()),
        _ => None,
    };
    config.images.iter().filter(is_planned).filter_map(of_image).collect()
}

/// The arches whose programs the planned jobs run: those of root file systems.
pub fn rootfs_arches(config: &Config, graph: &Graph) -> BTreeSet<String> {
    let jobs: BTreeSet<_> = graph.jobs().into_iter().map(|planned| planned.job.id.as_str()).collect();
    let is_planned = |rootfs: &PlannedRootfs| jobs.contains(format!("{}:{}", Phase::Rootfs, rootfs.scope()).as_str());
    planned_rootfs(config).0.into_iter().filter(is_planned).map(|rootfs| rootfs.arch).collect()
}

/// The jobs that make each image of the configuration, in their order.
pub fn jobs_of(config: &Config) -> Vec<Vec<String>> {
    let (rootfs, of_images) = planned_rootfs(config);
    let jobs = |(image, number): (&ImageSpec, Option<usize>)| {
        let of_rootfs = number.map(|number| rootfs[number].scope());
        let tree = of_rootfs.as_ref().filter(|_| is_of_tree(image)).map(|scope| format!("ostree-tree:{scope}"));
        let commit = commit_of(image).map(|name| format!("{}:{}.{}.{name}", Phase::Ostree, image.variant, image.arch));
        let scope = scope_of(image);
        let boot = image.boot_test.as_ref().filter(|_| config.checks.boot != Severity::Off).map(|_| Phase::Boot);
        let own = [phase_of(image), Phase::Test].into_iter().chain(boot).map(|phase| format!("{phase}:{scope}"));
        let own = own.collect::<Vec<_>>();
        of_rootfs.map(|scope| format!("{}:{scope}", Phase::Rootfs)).into_iter().chain(tree).chain(commit).chain(own).collect()
    };
    config.images.iter().zip(of_images).map(jobs).collect()
}

/// What the jobs of an image are named after.
pub(crate) fn scope_of(image: &ImageSpec) -> String {
    format!("{}.{}.{}", image.variant, image.arch, image.name)
}

/// The phase of the job that makes an image.
pub const fn phase_of(image: &ImageSpec) -> Phase {
    match image.kind {
        configured::ImageKind::Container(_) | configured::ImageKind::Bootc(_) => Phase::Container,
        configured::ImageKind::Live(_) => Phase::Live,
        configured::ImageKind::DataIso(_) | configured::ImageKind::Installer(_) => Phase::Createiso,
        configured::ImageKind::Tar(_)
        | configured::ImageKind::Disk(_)
        | configured::ImageKind::Squashfs(_)
        | configured::ImageKind::Wsl(_)
        | configured::ImageKind::Lxc(_) => Phase::ImageBuild,
        configured::ImageKind::Ostree(_) => Phase::Ostree,
    }
}
