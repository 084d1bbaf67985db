//! Jobs that make images: for each a root file system, and the image of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::config::resolved::{ImageSpec, Variant};
use crate::config::schema::images as configured;
use crate::digest::Sha256;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::gather::plan::Selections;
use crate::layout::Layout;
use crate::repositories::plan::{Tree, VariantRepository};
use crate::services::Services;
use crate::tools::Runner;

use super::container::reference;
use super::data_iso::plan::plan_data_iso;
use super::live::{self, LiveLogin};
use super::medium::volume_id;
use super::{
    ComposedRepository, ContainerSpec, DiscPlace, Image, ImageError, ImageKind, ImageSet, JigdoFiles, LiveSpec, RequiredProgram,
    Rootfs, RootfsSpec, build, build_rootfs,
};
use super::{data_iso, rootfs};

/// An image that has been planned.
#[derive(Debug, Clone)]
pub struct PlannedImage {
    pub spec: ImageSpec,
    pub made: Handle<Option<ImageSet>>,
}

/// A root file system as a file of the compose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RootfsFile {
    file: OutputFile,
    arch: String,
    epoch: i64,
    installed: Vec<String>,
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
        self.0.iter().flat_map(|image| image.jigdo.as_ref().map(jigdo).into_iter().flatten().chain([own(image)])).collect()
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
) -> Vec<PlannedImage> {
    let planned = config.images.iter().map(|image| {
        let made = match recipe_of(config, image) {
            Recipe::OfRootfs(kind) => plan_of_rootfs(graph, config, services, repositories, (image, &kind), source_date_epoch),
            Recipe::OfPackages(data) => {
                let inputs = (repositories, selections);
                plan_data_iso(graph, config, services, inputs, (image, data), source_date_epoch)
            }
        };
        PlannedImage { spec: image.clone(), made }
    });
    planned.collect()
}

/// A root file system, and the image of it.
fn plan_of_rootfs(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    repositories: &BTreeMap<String, VariantRepository>,
    (image, kind): (&ImageSpec, &ImageKind),
    source_date_epoch: Option<i64>,
) -> Handle<Option<ImageSet>> {
    let trees: Vec<_> =
        variants_below(config, &image.variant).map(|variant| repositories[&variant.name].trees[&image.arch].required()).collect();
    let scope = scope_of(image);
    let rootfs = {
        let spec = (image, &config.release, &config.signing, source_date_epoch);
        let tools = ["mmdebstrap", "apt-get", "dpkg", "tar"];
        let job = Job::new(Phase::Rootfs, &scope)
            .spec(&spec)
            .tools(&tools)
            .weight(Weight::new(1, 1024))
            .estimate(60.0)
            .writes_much()
            .failable(image.failable);
        let (config, services, image, kind) = (config.clone(), services.clone(), image.clone(), kind.clone());
        graph.add_deliverable(job, trees, move |context, trees| {
            let (config, services, image, kind) = (config.clone(), services.clone(), image.clone(), kind.clone());
            async move { make_rootfs(&context, &config, &services, &image, &kind, &trees, source_date_epoch).await }
        })
    };
    let tools: Vec<_> = kind.own_programs().map(|program| program.program).filter(|program| !program.contains('/')).collect();
    let job = Job::new(phase_of(image), &scope)
        .spec(&(image, kind))
        .tools(&tools)
        .weight(match kind {
            // One stream is packed; it goes on beside a root file system that is being made.
            ImageKind::Container(_) => Weight::new(1, 1024),
            ImageKind::Live(_) => Weight::new(2, 1024),
        })
        .estimate(40.0)
        .writes_much()
        .failable(image.failable);
    let (image, kind) = (image.clone(), kind.clone());
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
    config: &Config,
    services: &Services,
    image: &ImageSpec,
    kind: &ImageKind,
    trees: &[Tree],
    source_date_epoch: Option<i64>,
) -> Result<RootfsFile, JobError> {
    let newest = trees.iter().map(|tree| tree.newest).max().unwrap_or_default();
    let needed =
        kind.required_packages().iter().map(|package| (*package).to_owned()).filter(|package| !image.packages.contains(package));
    let packages = image.packages.iter().cloned().chain(needed);
    let composed = |tree: &Tree| ComposedRepository {
        folder: context.layout.path(&tree.path),
        suite: tree.suite.clone(),
        components: tree.components.clone(),
    };
    let spec = RootfsSpec {
        repositories: trees.iter().map(composed).collect(),
        keyring: write_keyring(context, services).await?,
        arch: image.arch.clone(),
        base: image.base,
        packages: packages.collect(),
        files: match &image.kind {
            configured::ImageKind::Container(_) | configured::ImageKind::DataIso(_) => BTreeMap::new(),
            configured::ImageKind::Live(live) => {
                live::files(live.hostname.as_deref().unwrap_or(&config.release.short), live_login(live))
            }
        },
        root_password: match &image.kind {
            configured::ImageKind::Container(_) | configured::ImageKind::DataIso(_) => None,
            configured::ImageKind::Live(live) => live.root_password.clone(),
        },
        epoch: source_date_epoch.unwrap_or(newest),
    };
    let path = Layout::image_work(&image.variant, &image.arch, &format!("{}.rootfs.tar", image.name));
    let tar = context.layout.path(&path);
    fs_err::create_dir_all(tar.parent().unwrap_or(&tar))?;
    let rootfs = build_rootfs(&runner(context, image), &spec, &context.work().join("rootfs"), &tar).await?;
    let (sha256, size) = context.blocking(move || Ok(Sha256::of_file(&tar)?)).await?;
    Ok(RootfsFile {
        file: OutputFile { path, size, sha256 },
        arch: rootfs.arch,
        epoch: rootfs.epoch,
        installed: rootfs.installed,
    })
}

/// The public key that the composed repositories are signed with, where mmdebstrap can read it. None when they are not signed.
async fn write_keyring(context: &JobContext, services: &Services) -> Result<Option<PathBuf>, JobError> {
    fs_err::create_dir(context.work().join("rootfs"))?;
    let Some(signer) = services.signer(context).await? else { return Ok(None) };
    let path = context.work().join("keyring.asc");
    fs_err::write(&path, signer.certificate())?;
    Ok(Some(path))
}

const fn live_login(live: &configured::Live) -> LiveLogin {
    match live.login {
        configured::Login::Console => LiveLogin::Console,
        configured::Login::Accounts => LiveLogin::Accounts,
    }
}

async fn make_image(
    context: &JobContext,
    image: &ImageSpec,
    kind: &ImageKind,
    rootfs: &RootfsFile,
) -> Result<ImageSet, JobError> {
    let path = Layout::image_work(&image.variant, &image.arch, &format!("{}.{}", image.name, kind.file_extension()));
    let tar = context.layout.path(&rootfs.file.path);
    let input = Rootfs { tar, arch: rootfs.arch.clone(), epoch: rootfs.epoch, installed: rootfs.installed.clone() };
    let built = build(&runner(context, image), kind, &input, context.work(), &context.layout.path(&path)).await?;
    Ok(ImageSet(vec![Image {
        path,
        kind: kind.name().to_owned(),
        variant: image.variant.clone(),
        arch: image.arch.clone(),
        format: kind.file_extension().to_owned(),
        size: built.size,
        sha256: built.sha256,
        volume_id: kind.volume_id().map(str::to_owned),
        implanted_md5: kind.implanted_md5(&built.path)?,
        bootable: kind.bootable(),
        installed: input.installed,
        epoch: input.epoch,
        disc: DiscPlace::ONLY,
        jigdo: None,
    }]))
}

/// The job's runner, with the image's own limit for each program.
pub(super) fn runner(context: &JobContext, image: &ImageSpec) -> Runner {
    Runner { timeout: image.timeout.duration(), ..context.runner.clone() }
}

/// What an image is made of, with everything that the configuration leaves to charmer.
enum Recipe<'a> {
    OfRootfs(ImageKind),
    OfPackages(&'a configured::DataIso),
}

fn recipe_of<'a>(config: &Config, image: &'a ImageSpec) -> Recipe<'a> {
    let release = &config.release;
    Recipe::OfRootfs(match &image.kind {
        configured::ImageKind::DataIso(data) => return Recipe::OfPackages(data),
        configured::ImageKind::Container(container) => ImageKind::Container(Box::new(ContainerSpec {
            reference: reference(&image.variant, &release.version),
            title: format!("{} {}", release.name, image.variant),
            version: release.version.clone(),
            vendor: Some(release.vendor().to_owned()),
            url: release.url.clone(),
            labels: container.labels.clone(),
            entrypoint: container.entrypoint.clone(),
            command: container.cmd.clone(),
            environment: container.env.clone(),
            user: container.user.clone().unwrap_or_default(),
            working_folder: container.workdir.clone().unwrap_or_default(),
        })),
        configured::ImageKind::Live(live) => ImageKind::Live(LiveSpec {
            title: format!("{} {} {}", release.name, release.version, image.variant),
            volume_id: volume_id(&format!("{}-{}-{}", release.short, release.version, image.variant)),
            boot_parameters: live.boot_parameters.clone(),
        }),
    })
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
    let of_image = |image: &ImageSpec| {
        let scope = scope_of(image);
        let own = || match recipe_of(config, image) {
            Recipe::OfRootfs(kind) => kind.own_programs().collect::<Vec<_>>(),
            Recipe::OfPackages(data) => data_iso::programs(data.jigdo_url.is_some()).collect(),
        };
        let rootfs = jobs.contains(format!("{}:{scope}", Phase::Rootfs).as_str()).then_some(rootfs::PROGRAMS);
        let own = jobs.contains(format!("{}:{scope}", phase_of(image)).as_str()).then(own);
        rootfs.into_iter().flatten().copied().chain(own.into_iter().flatten()).collect::<Vec<_>>()
    };
    config.images.iter().flat_map(of_image).collect()
}

/// What the jobs of an image are named after.
pub(super) fn scope_of(image: &ImageSpec) -> String {
    format!("{}.{}.{}", image.variant, image.arch, image.name)
}

/// The phase of the job that makes an image.
pub const fn phase_of(image: &ImageSpec) -> Phase {
    match image.kind {
        configured::ImageKind::Container(_) => Phase::Container,
        configured::ImageKind::Live(_) => Phase::Live,
        configured::ImageKind::DataIso(_) => Phase::Createiso,
    }
}
