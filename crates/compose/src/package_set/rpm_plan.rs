//! Jobs of the phase pkgset in composes of RPM packages.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use charmer_packages::rpm::comps::Comps;
use serde::{Deserialize, Serialize};

use crate::config::RpmConfig;
use crate::digest::Sha256;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::init::CompsFiles;
use crate::layout::Layout;
use crate::services::Services;

use super::download::Downloader;
use super::lock::{LockedRepository, LockedRpm, RpmLock};
use super::rpm_set::locked::{KeptPackages, chosen, misnamed};
use super::rpm_set::mirror::{MirrorError, mirror_locked, mirror_metadata, mirror_packages};
use super::rpm_set::old_packages::OldPackages;
use super::rpm_set::{Asked, Choice, Chosen, RpmSet, RpmSetError, WantedOfArch, choose, collect};

/// Where a package set comes from.
#[derive(Debug, Clone)]
pub enum RpmSource {
    /// The repositories, with what must stay as it was.
    Repositories { keep: Option<Arc<RpmLock>> },
    /// A lock, and no repository's metadata. An exact one holds nothing that the compose does not need.
    Lock { lock: Arc<RpmLock>, exact: bool },
}

impl RpmSource {
    /// The lock that everything comes from.
    pub fn lock(&self) -> Option<&Arc<RpmLock>> {
        match self {
            Self::Repositories { .. } => None,
            Self::Lock { lock, .. } => Some(lock),
        }
    }
}

/// What helps when a lock and what it names have come apart.
const STALE_LOCK: &str = "only the files that the lock names by digest are taken: run `charmer lock` to bring it up to date";
/// What helps when a package that is to stay is nowhere.
const GONE: &str = "what is locked stays; let the package move with `charmer lock CONFIG --update NAME`";

/// Where the metadata of repositories of servers was brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirrored {
    /// Folders relative to the compose's folder, by URL.
    folders: BTreeMap<String, String>,
    files: Vec<OutputFile>,
}

impl Output for Mirrored {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

impl Mirrored {
    /// The folder of a repository of a server.
    pub fn folder(&self, layout: &Layout, url: &str) -> Option<PathBuf> {
        self.folders.get(url).map(|folder| layout.path(folder))
    }

    fn all(&self, layout: &Layout) -> BTreeMap<String, PathBuf> {
        self.folders.iter().map(|(url, folder)| (url.clone(), layout.path(folder))).collect()
    }
}

pub fn is_remote(place: &str) -> bool {
    place.starts_with("http://") || place.starts_with("https://")
}

/// Where a repository of a server is brought, relative to the compose's folder.
fn mirror_folder(url: &str) -> String {
    format!("work/global/repositories/{}", Sha256::of(url.as_bytes()).short())
}

/// Adds the job that brings the metadata of repositories of servers here, if there are any that are read. A lock says which state of
/// them is read.
pub fn plan_mirrors(
    graph: &mut Graph,
    config: &RpmConfig,
    source: &RpmSource,
    services: &Arc<Services>,
    compose_id: &str,
) -> Option<Handle<Mirrored>> {
    let of_set = config.package_set.arches.values().flat_map(|arch| &arch.repositories).filter(|_| source.lock().is_none());
    let trees = config.variants.iter().flat_map(|variant| variant.trees.values());
    let places = of_set.chain(trees.flat_map(|tree| &tree.gather.lookasides));
    let pinned = |url: &String| (url.clone(), source.lock().and_then(|lock| lock.repository(url)).cloned());
    let urls: BTreeMap<String, Option<LockedRepository>> = places.filter(|place| is_remote(place)).map(pinned).collect();
    if urls.is_empty() {
        return None;
    }
    let job = Job::named("index", Phase::Pkgset, "").spec(&urls).of_compose(compose_id).network().estimate(5.0);
    let services = services.clone();
    Some(graph.add(job, (), move |context, ()| {
        let (services, urls) = (services.clone(), urls.clone());
        async move { mirror_all(&context, &services, &urls).await }
    }))
}

async fn mirror_all(
    context: &JobContext,
    services: &Services,
    urls: &BTreeMap<String, Option<LockedRepository>>,
) -> Result<Mirrored, JobError> {
    let cache = services.open_cache()?;
    let mut mirrored = Mirrored { folders: BTreeMap::new(), files: Vec::new() };
    for (url, pinned) in urls {
        let folder = mirror_folder(url);
        let path = context.layout.path(&folder);
        fs_err::create_dir_all(path.join("repodata"))?;
        let bring = async |downloader: &Downloader| match pinned {
            Some(locked) => mirror_locked(url.trim_end_matches('/'), &path, locked, &cache, downloader).await,
            None => mirror_metadata(url.trim_end_matches('/'), &path, &cache, downloader).await,
        };
        services.download(context, bring).await?;
        let repomd = format!("{folder}/repodata/repomd.xml");
        let (sha256, size) = Sha256::of_file(&context.layout.path(&repomd))?;
        mirrored.files.push(OutputFile { path: repomd, size, sha256 });
        mirrored.folders.insert(url.clone(), folder);
    }
    Ok(mirrored)
}

/// Adds the job that reads the package set. It is done in each run; what follows is done again only when packages are others.
pub fn plan(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    source: &RpmSource,
    services: &Arc<Services>,
    comps: Handle<CompsFiles>,
    mirrored: Option<Handle<Mirrored>>,
) -> Handle<RpmSet> {
    let job = Job::new(Phase::Pkgset, "").spec(&config.package_set).weight(Weight::new(2, 512)).estimate(5.0);
    let is_remote = source.lock().is_some_and(|lock| lock.packages.iter().any(|package| is_remote(&package.repository)));
    let job = if mirrored.is_some() || is_remote { job.network().writes_much() } else { job };
    let reading = Reading { config: config.clone(), services: services.clone(), source: source.clone() };
    match source {
        RpmSource::Lock { .. } => graph.add_held(job, (), move |context, ()| {
            let reading = reading.clone();
            async move { reading.read_locked(&context).await }
        }),
        RpmSource::Repositories { .. } => {
            let inputs = (comps, mirrored.into_iter().collect::<Vec<_>>());
            graph.add_held(job, inputs, move |context, (comps, mirrored)| {
                let reading = reading.clone();
                async move {
                    let folders = mirrored.first().map(|mirrored| mirrored.all(&context.layout)).unwrap_or_default();
                    reading.read_repositories(&context, comps, folders).await
                }
            })
        }
    }
}

/// What a package set is read with.
#[derive(Debug, Clone)]
struct Reading {
    config: Arc<RpmConfig>,
    services: Arc<Services>,
    source: RpmSource,
}

impl Reading {
    async fn read_repositories(
        &self,
        context: &JobContext,
        comps: Arc<CompsFiles>,
        folders: BTreeMap<String, PathBuf>,
    ) -> Result<RpmSet, JobError> {
        let keep = match &self.source {
            RpmSource::Repositories { keep: Some(lock) } => Some(KeptPackages::new(lock.clone())),
            RpmSource::Repositories { keep: None } | RpmSource::Lock { .. } => None,
        };
        let mut choice = self.choose(context, &comps, &folders, keep.clone()).await?;
        if let Some(keep) = keep.filter(|_| !choice.unlisted.is_empty()) {
            let unlisted = std::mem::take(&mut choice.unlisted);
            self.bring(context, &chosen(&unlisted, &folders), &folders).await.map_err(|error| error.hint(GONE))?;
            let places = folders.clone();
            let read = move || keep.with_unlisted(&unlisted, &places).map_err(|error| JobError::from(error).hint(GONE));
            let keep = context.clone().blocking(read).await?;
            choice = self.choose(context, &comps, &folders, Some(keep)).await?;
            if !choice.unlisted.is_empty() {
                let other =
                    |locked: &LockedRpm| format!("{}: {} is another file than the lock has", locked.repository, locked.file.path);
                let lines: Vec<String> = choice.unlisted.iter().map(other).collect();
                return Err(JobError::new(lines.join("\n")).hint(GONE));
            }
        }
        let Choice { packages, repositories, .. } = choice;
        self.bring(context, &packages, &folders).await?;
        let set = self.read_set(context, packages).await?;
        Ok(RpmSet { repositories, ..set })
    }

    /// Every package must be the one that the lock names.
    async fn read_locked(&self, context: &JobContext) -> Result<RpmSet, JobError> {
        let Some(lock) = self.source.lock() else { return Err(JobError::new("there is no lock")) };
        let remote = lock.repositories.iter().filter(|repository| is_remote(&repository.place));
        let folder = |place: &String| (place.clone(), context.layout.path(&mirror_folder(place)));
        let folders: BTreeMap<String, PathBuf> = remote.map(|repository| folder(&repository.place)).collect();
        let packages = chosen(&lock.packages, &folders);
        self.bring(context, &packages, &folders).await.map_err(|error| error.hint(STALE_LOCK))?;
        let set = self.read_set(context, packages).await.map_err(|error| error.hint(STALE_LOCK))?;
        match misnamed(&set, lock).as_slice() {
            [] => Ok(set),
            wrong => Err(JobError::new(wrong.join("\n")).hint(STALE_LOCK)),
        }
    }

    async fn choose(
        &self,
        context: &JobContext,
        comps: &Arc<CompsFiles>,
        folders: &BTreeMap<String, PathBuf>,
        keep: Option<KeptPackages>,
    ) -> Result<Choice, JobError> {
        let (of_job, config, comps, folders) = (context.clone(), self.config.clone(), comps.clone(), folders.clone());
        context.clone().blocking(move || choose_packages(&of_job, &config, &comps, &folders, keep.as_ref())).await
    }

    /// Brings files of packages from servers.
    async fn bring(&self, context: &JobContext, chosen: &Chosen, folders: &BTreeMap<String, PathBuf>) -> Result<(), JobError> {
        let old = self.services.old_compose.clone().filter(|_| !folders.is_empty());
        let read = move || Ok(old.as_deref().map(OldPackages::read).unwrap_or_default());
        let old = Arc::new(context.blocking(read).await?);
        for (url, folder) in folders {
            let packages: Vec<&Asked> = chosen.values().flatten().filter(|asked| asked.folder == *folder).collect();
            if packages.is_empty() {
                continue;
            }
            let cache = self.services.open_cache()?;
            let url = url.trim_end_matches('/');
            self.services
                .download(context, async |downloader| mirror_packages(url, folder, &packages, &old, &cache, downloader).await)
                .await?;
        }
        Ok(())
    }

    async fn read_set(&self, context: &JobContext, chosen: Chosen) -> Result<RpmSet, JobError> {
        let (of_job, config) = (context.clone(), self.config.clone());
        context.clone().blocking(move || read_set(&of_job, &config, chosen)).await
    }
}

fn choose_packages(
    context: &JobContext,
    config: &RpmConfig,
    comps: &CompsFiles,
    folders: &BTreeMap<String, PathBuf>,
    keep: Option<&KeptPackages>,
) -> Result<Choice, JobError> {
    let mut wanted = BTreeMap::new();
    for (arch, spec) in &config.package_set.arches {
        wanted.insert(arch.clone(), WantedOfArch { spec, comps: read_comps(context, comps.of_arch(arch))? });
    }
    Ok(choose(&config.package_set, &wanted, folders, keep)?)
}

fn read_set(context: &JobContext, config: &RpmConfig, chosen: Chosen) -> Result<RpmSet, JobError> {
    let set = collect(&config.package_set, chosen, config.repositories.checksum)?;
    let path = context.layout.path("logs/global/excluding-arch.global.log");
    fs_err::create_dir_all(path.parent().unwrap_or(&path))?;
    let lines = set.excluded.iter().fold(String::new(), |text, line| text + "[INFO    ] " + line + "\n");
    crate::files::write_whole(&path, lines.as_bytes())?;
    context.message(format!("{} packages", set.packages.len()));
    Ok(set)
}

/// The groups in one of the compose's comps files.
pub fn read_comps(context: &JobContext, file: Option<&crate::engine::OutputFile>) -> Result<Option<Comps>, JobError> {
    let Some(file) = file else { return Ok(None) };
    let path = context.layout.path(&file.path);
    Comps::parse(&fs_err::read(&path)?).map(Some).map_err(|error| JobError::new(format!("{}: {error}", path.display())))
}

impl From<MirrorError> for JobError {
    fn from(error: MirrorError) -> Self {
        match error {
            MirrorError::Fetch(errors) => errors.into(),
            error => Self::caused(&error),
        }
    }
}

impl From<RpmSetError> for JobError {
    fn from(error: RpmSetError) -> Self {
        let hint = match &error {
            RpmSetError::Repository { .. } | RpmSetError::NoRepository(_) | RpmSetError::Remote(_) => {
                Some("see pkgset_repos in the configuration")
            }
            RpmSetError::Other { .. } | RpmSetError::Contradiction { .. } => {
                Some("make the metadata of the repository anew, or take one of the packages away")
            }
            _ => None,
        };
        let job_error = Self::caused(&error);
        match hint {
            Some(hint) => job_error.hint(hint),
            None => job_error,
        }
    }
}
