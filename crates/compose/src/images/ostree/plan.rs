//! Jobs of the phase ostree: trees, commits, and the repository of the compose.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::super::disk::deployment::Source as DeployedCommit;
use super::super::plan::{RootfsFile, described, phase_of, places_of, runner, scope_of};
use super::super::{BootcSpec, DiskSpec, ImageError, ImageKind, ImageSet, Rootfs, build_deployment, build_encapsulation};
use super::commit::{Commit, CommitSpec, commit};
use super::encapsulation;
use super::repository::{Source, collect, commit_files, make_delta, summarise};
use super::signature::{ED25519, GPG, detached_metadata};
use super::tree::make_tree;
use super::{REPOSITORY, check};
use crate::config::Config;
use crate::config::resolved::ImageSpec;
use crate::digest::Sha256;
use crate::ed25519::SecretKey;
use crate::engine::journal::write_durably;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::gather::plan::ComposeDate;
use crate::layout::Layout;
use crate::openpgp::{Signer, dearmored};
use crate::services::Services;
use crate::tools::Runner;

/// The job that makes the repository of the compose.
pub const OSTREE_REPOSITORY_JOB: &str = "ostree-repository";

/// A commit that has been planned.
#[derive(Debug, Clone)]
pub struct PlannedCommit {
    pub spec: ImageSpec,
    pub tag_ref: bool,
    /// With which the repository is signed, besides the compose's own key.
    pub ed25519_key: Option<PathBuf>,
    pub made: Handle<Option<MadeCommit>>,
}

/// A commit in a repository of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeCommit {
    pub variant: String,
    pub arch: String,
    /// The image's name in the configuration.
    pub name: String,
    pub commit: Commit,
    /// Relative to the compose's folder.
    pub repository: String,
    #[serde(flatten)]
    content: Content,
}

/// All that is below a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    files: Vec<OutputFile>,
    /// Those that are empty: ostree wants to see them.
    empty_folders: Vec<String>,
}

impl MadeCommit {
    /// Of all files in its repository, in bytes.
    pub fn size(&self) -> u64 {
        self.content.files.iter().map(|file| file.size).sum()
    }
}

impl Output for MadeCommit {
    fn files(&self) -> Vec<OutputFile> {
        self.content.files.clone()
    }

    fn folders(&self) -> Vec<String> {
        self.content.empty_folders.clone()
    }
}

/// The repository of the compose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OstreeRepository {
    /// Each with its variant and arch.
    pub commits: Vec<(String, String, Commit)>,
    #[serde(flatten)]
    content: Content,
}

impl Output for OstreeRepository {
    fn files(&self) -> Vec<OutputFile> {
        self.content.files.clone()
    }

    fn folders(&self) -> Vec<String> {
        self.content.empty_folders.clone()
    }
}

/// Adds the job that makes an OSTree tree of a root file system for the images that are made of it, of which there is one at least.
/// `scope` is the root file system's.
pub(in crate::images) fn plan_tree<'a>(
    graph: &mut Graph,
    scope: &str,
    images: impl Iterator<Item = &'a ImageSpec> + Clone,
    rootfs: Handle<Option<RootfsFile>>,
) -> Handle<Option<RootfsFile>> {
    let timeout = images.clone().map(|image| image.timeout).max().expect("it is made for an image");
    let job = Job::named("ostree-tree", Phase::Ostree, scope)
        .spec(&timeout)
        .tools(&["tar"])
        .weight(Weight::new(2, 1024))
        .estimate(30.0)
        .writes_much()
        .failable(images.into_iter().all(|image| image.failable));
    graph.add_deliverable(job, rootfs.required(), move |context, rootfs: RootfsFile| async move {
        let path = rootfs.file.path.replace(".rootfs.tar", ".ostree-tree.tar");
        let input = rootfs.unpacked_from(&context.layout);
        let output = context.layout.path(&path);
        let runner = Runner { timeout: timeout.duration(), ..context.runner.clone() };
        let (sha256, size) = make_tree(&runner, &input, context.work(), &output).await?;
        Ok(RootfsFile { file: OutputFile { path, size, sha256 }, ..rootfs })
    })
}

/// Adds the job that commits a tree.
pub(in crate::images) fn plan_commit(
    graph: &mut Graph,
    config: &Config,
    services: &Arc<Services>,
    image: &ImageSpec,
    (spec, ed25519_key): (CommitSpec, Option<PathBuf>),
    tree: Handle<Option<RootfsFile>>,
) -> PlannedCommit {
    let job = Job::new(Phase::Ostree, scope_of(image))
        .spec(&(&spec, &image.variant, &image.arch, &config.signing, &ed25519_key))
        .tools(&["ostree"])
        .weight(Weight::new(2, 1024))
        .estimate(20.0)
        .writes_much()
        .failable(image.failable);
    let (tag_ref, planned) = (spec.tag_ref, image.clone());
    let (services, image, keys) = (services.clone(), image.clone(), BTreeSet::from_iter(ed25519_key.clone()));
    let made = graph.add_deliverable(job, tree.required(), move |context, tree: RootfsFile| {
        let (services, image, spec, keys) = (services.clone(), image.clone(), spec.clone(), keys.clone());
        async move {
            let path = Layout::image_work(&image.variant, &image.arch, &format!("{}.repo", image.name));
            let repository = context.layout.path(&path);
            remove_if_there(&repository)?;
            fs_err::create_dir_all(&repository)?;
            let previous: Vec<_> = context.older.iter().map(|compose| compose.path(REPOSITORY)).collect();
            let (runner, input) = (runner(&context, &image), tree.unpacked_from(&context.layout));
            let commit = commit(&runner, &spec, &input, &previous, context.work(), &repository).await?;
            if commit.unchanged {
                context.message(format!("the tree is that of {}: no new commit", commit.checksum));
            }
            // Deltas hold the signatures that are there when they are made.
            let signers = Signers::open(&context, &services, &keys, input.epoch).await?;
            sign_commit(&context, &signers, &commit, &repository).await?;
            make_delta(&runner, &commit, &repository).await?;
            let content = content_of(&context, &path).await?;
            Ok(MadeCommit { variant: image.variant, arch: image.arch, name: image.name, commit, repository: path, content })
        }
    });
    PlannedCommit { spec: planned, tag_ref, ed25519_key, made }
}

/// Adds the job that makes a disk of a commit.
pub(in crate::images) fn plan_deployment(
    graph: &mut Graph,
    config: &Config,
    services: &Arc<Services>,
    image: &ImageSpec,
    disk: DiskSpec,
    (commit, tree): (Handle<Option<MadeCommit>>, Handle<Option<RootfsFile>>),
) -> Handle<Option<ImageSet>> {
    let programs: Vec<_> = disk.programs().iter().map(|program| program.program).collect();
    let job = Job::new(phase_of(image), scope_of(image))
        .spec(&(image, &disk, &config.signing))
        .tools(&programs)
        .weight(Weight::new(2, 1024))
        .estimate(60.0)
        .writes_much()
        .failable(image.failable);
    let (services, image) = (services.clone(), image.clone());
    graph.add_deliverable(job, (commit.required(), tree.required()), move |context, (made, tree): (MadeCommit, RootfsFile)| {
        let (services, image, disk) = (services.clone(), image.clone(), disk.clone());
        async move {
            let input = tree.unpacked_from(&context.layout);
            let source = DeployedCommit {
                repository: context.layout.path(&made.repository),
                reference: made.commit.reference.clone(),
                checksum: made.commit.checksum,
                key: write_key(&context, &services).await?,
            };
            let kind = ImageKind::Disk(Box::new(disk.clone()));
            let (paths, outputs) = places_of(&context, &image, &kind.file_extensions());
            let built = build_deployment(&runner(&context, &image), &disk, &source, &input, context.work(), &outputs).await?;
            described(&image, &kind, paths, built, (&input.installed, input.epoch))
        }
    })
}

/// Adds the job that puts a commit into a container.
pub(in crate::images) fn plan_encapsulation(
    graph: &mut Graph,
    image: &ImageSpec,
    bootc: BootcSpec,
    (commit, tree): (Handle<Option<MadeCommit>>, Handle<Option<RootfsFile>>),
) -> Handle<Option<ImageSet>> {
    let programs = encapsulation::PROGRAMS.iter().map(|program| program.program).collect::<Vec<_>>();
    let job = Job::new(phase_of(image), scope_of(image))
        .spec(&(image, &bootc))
        .tools(&programs)
        .weight(Weight::new(1, 1024))
        .estimate(60.0)
        .writes_much()
        .failable(image.failable);
    let image = image.clone();
    graph.add_deliverable(job, (commit.required(), tree.required()), move |context, (made, tree): (MadeCommit, RootfsFile)| {
        let (image, bootc) = (image.clone(), bootc.clone());
        async move {
            let input = tree.unpacked_from(&context.layout);
            let source =
                encapsulation::Source { repository: context.layout.path(&made.repository), checksum: made.commit.checksum };
            let kind = ImageKind::Bootc(Box::new(bootc.clone()));
            let (paths, outputs) = places_of(&context, &image, &kind.file_extensions());
            let built = build_encapsulation(&runner(&context, &image), &bootc, &source, &input, context.work(), &outputs).await?;
            described(&image, &kind, paths, built, (&input.installed, input.epoch))
        }
    })
}

/// The public key that commits are signed with, where ostree can read it. None when they are not signed.
async fn write_key(context: &JobContext, services: &Services) -> Result<Option<PathBuf>, JobError> {
    let Some(signer) = services.signer(context).await? else { return Ok(None) };
    let path = context.work().join("signing-key.asc");
    fs_err::write(&path, signer.certificate())?;
    Ok(Some(path))
}

/// Adds the job that makes the repository of all commits; none where there are none.
pub fn plan_repository(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    commits: &[PlannedCommit],
    date: Handle<ComposeDate>,
) -> Option<Handle<Option<OstreeRepository>>> {
    if commits.is_empty() {
        return None;
    }
    let tags: Vec<bool> = commits.iter().map(|commit| commit.tag_ref).collect();
    let keys: BTreeSet<PathBuf> = commits.iter().filter_map(|commit| commit.ed25519_key.clone()).collect();
    let job = Job::named(OSTREE_REPOSITORY_JOB, Phase::Ostree, "")
        .spec(&(&tags, &config.signing, &keys))
        .tools(&["ostree"])
        .estimate(10.0)
        .writes_much();
    let made: Vec<_> = commits.iter().map(|commit| commit.made).collect();
    let services = services.clone();
    Some(graph.add_deliverable(job, (made, date), move |context, (made, date)| {
        let (services, tags, keys) = (services.clone(), tags.clone(), keys.clone());
        async move {
            let made: Vec<(MadeCommit, bool)> =
                made.iter().zip(tags).filter_map(|(made, tag)| Some((made.as_ref().clone()?, tag))).collect();
            let path = context.layout.path(REPOSITORY);
            remove_if_there(&path)?;
            fs_err::create_dir_all(&path)?;
            let sources: Vec<_> = made
                .iter()
                .map(|(made, tag_ref)| Source {
                    commit: &made.commit,
                    tag_ref: *tag_ref,
                    repository: context.layout.path(&made.repository),
                })
                .collect();
            collect(&context.runner, &sources, &path).await?;
            let signers = Signers::open(&context, &services, &keys, date.0).await?;
            summarise(&context.runner, &path).await?;
            sign_summary(&context, &signers, &path).await?;
            check(&context.runner, &path).await?;
            let content = content_of(&context, REPOSITORY).await?;
            let commits = made.into_iter().map(|(made, _)| (made.variant, made.arch, made.commit)).collect();
            Ok(OstreeRepository { commits, content })
        }
    }))
}

/// All keys that sign the repository.
struct Signers {
    openpgp: Option<(Signer, SystemTime)>,
    ed25519: Vec<SecretKey>,
}

impl Signers {
    async fn open(context: &JobContext, services: &Services, keys: &BTreeSet<PathBuf>, epoch: i64) -> Result<Self, JobError> {
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(epoch.unsigned_abs());
        let openpgp = services.signer(context).await?.map(|signer| {
            let time = signer.time_for(date);
            (signer, time)
        });
        let ed25519: Result<Vec<_>, _> = keys.iter().map(|path| SecretKey::read(path)).collect();
        Ok(Self { openpgp, ed25519: ed25519.map_err(|error| JobError::caused(&error))? })
    }

    /// The signatures of some bytes as OSTree keeps them; none where nobody signs.
    async fn sign(&self, bytes: &[u8], context: &JobContext) -> Result<Option<Vec<u8>>, JobError> {
        let mut signatures = Vec::new();
        if let Some((signer, time)) = &self.openpgp {
            let armored = signer.detach_sign(bytes, *time, &context.runner).await?;
            signatures.push((GPG, vec![dearmored(&armored).map_err(|error| JobError::caused(&error))?]));
        }
        if !self.ed25519.is_empty() {
            signatures.push((ED25519, self.ed25519.iter().map(|key| key.sign(bytes)).collect()));
        }
        Ok((!signatures.is_empty()).then(|| detached_metadata(&signatures)))
    }
}

async fn sign_commit(context: &JobContext, signers: &Signers, commit: &Commit, repository: &Path) -> Result<(), JobError> {
    let [bytes, metadata] = commit_files(repository, &commit.checksum.to_string());
    if let Some(signatures) = signers.sign(&fs_err::read(bytes)?, context).await? {
        write_durably(&metadata, &signatures)?;
    }
    Ok(())
}

async fn sign_summary(context: &JobContext, signers: &Signers, repository: &Path) -> Result<(), JobError> {
    if let Some(signatures) = signers.sign(&fs_err::read(repository.join("summary"))?, context).await? {
        write_durably(&repository.join("summary.sig"), &signatures)?;
    }
    for (number, key) in (1..).zip(&signers.ed25519) {
        let end = if number == 1 { String::new() } else { format!("-{number}") };
        write_durably(&repository.join(format!("signing-key{end}.ed25519")), key.public().as_bytes())?;
    }
    Ok(())
}

async fn content_of(context: &JobContext, folder: &str) -> Result<Content, JobError> {
    let (layout, folder) = (context.layout.clone(), folder.to_owned());
    let work = move || {
        let mut content = Content { files: Vec::new(), empty_folders: Vec::new() };
        let mut waiting = vec![folder];
        while let Some(folder) = waiting.pop() {
            let mut is_empty = true;
            for entry in fs_err::read_dir(layout.path(&folder))? {
                let entry = entry?;
                let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
                is_empty = false;
                if entry.file_type()?.is_dir() {
                    waiting.push(path);
                } else {
                    let (sha256, size) = Sha256::of_file(&layout.path(&path))?;
                    content.files.push(OutputFile { path, size, sha256 });
                }
            }
            if is_empty {
                content.empty_folders.push(folder);
            }
        }
        content.files.sort();
        content.empty_folders.sort();
        Ok(content)
    };
    context.blocking(work).await
}

fn remove_if_there(folder: &Path) -> Result<(), ImageError> {
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

impl RootfsFile {
    /// As the input of what makes something of it.
    pub(in crate::images) fn unpacked_from(&self, layout: &Layout) -> Rootfs {
        let tar = layout.path(&self.file.path);
        Rootfs { tar, arch: self.arch.clone(), epoch: self.epoch, installed: self.installed.clone() }
    }
}
