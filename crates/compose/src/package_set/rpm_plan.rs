//! Jobs of the phase pkgset in composes of RPM packages.

use std::collections::{BTreeMap, BTreeSet};
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

use super::rpm_set::mirror::{MirrorError, mirror_metadata, mirror_packages};
use super::rpm_set::old_packages::OldPackages;
use super::rpm_set::{Asked, Chosen, RpmSet, RpmSetError, WantedOfArch, choose, collect};

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

/// Adds the job that brings the metadata of repositories of servers here, if there are any.
pub fn plan_mirrors(
    graph: &mut Graph,
    config: &RpmConfig,
    services: &Arc<Services>,
    compose_id: &str,
) -> Option<Handle<Mirrored>> {
    let of_set = config.package_set.arches.values().flat_map(|arch| &arch.repositories);
    let trees = config.variants.iter().flat_map(|variant| variant.trees.values());
    let places = of_set.chain(trees.flat_map(|tree| &tree.gather.lookasides));
    let is_remote = |place: &&String| place.starts_with("http://") || place.starts_with("https://");
    let urls: BTreeSet<String> = places.filter(is_remote).cloned().collect();
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

async fn mirror_all(context: &JobContext, services: &Services, urls: &BTreeSet<String>) -> Result<Mirrored, JobError> {
    let cache = services.open_cache()?;
    let mut mirrored = Mirrored { folders: BTreeMap::new(), files: Vec::new() };
    for url in urls {
        let folder = format!("work/global/repositories/{}", Sha256::of(url.as_bytes()).short());
        let path = context.layout.path(&folder);
        fs_err::create_dir_all(path.join("repodata"))?;
        services
            .download(context, async |downloader| mirror_metadata(url.trim_end_matches('/'), &path, &cache, downloader).await)
            .await?;
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
    services: &Arc<Services>,
    comps: Handle<CompsFiles>,
    mirrored: Option<Handle<Mirrored>>,
) -> Handle<RpmSet> {
    let job = Job::new(Phase::Pkgset, "").spec(&config.package_set).weight(Weight::new(2, 512)).estimate(5.0);
    let job = if mirrored.is_some() { job.network().writes_much() } else { job };
    let (config, services) = (config.clone(), services.clone());
    graph.add_held(job, (comps, mirrored.into_iter().collect::<Vec<_>>()), move |context, (comps, mirrored)| {
        let (config, services) = (config.clone(), services.clone());
        async move {
            let folders = mirrored.first().map(|mirrored| mirrored.all(&context.layout)).unwrap_or_default();
            let (of_job, to_choose, places) = (context.clone(), config.clone(), folders.clone());
            let chosen = context.blocking(move || choose_packages(&of_job, &to_choose, &comps, &places)).await?;
            let old = services.old_compose.clone();
            let read = move || Ok(old.as_deref().map(OldPackages::read).unwrap_or_default());
            let old = Arc::new(context.blocking(read).await?);
            for (url, folder) in &folders {
                let packages: Vec<&Asked> = chosen.values().flatten().filter(|asked| asked.folder == *folder).collect();
                let cache = services.open_cache()?;
                let url = url.trim_end_matches('/');
                services
                    .download(&context, async |downloader| {
                        mirror_packages(url, folder, &packages, &old, &cache, downloader).await
                    })
                    .await?;
            }
            context.clone().blocking(move || read_set(&context, &config, chosen)).await
        }
    })
}

fn choose_packages(
    context: &JobContext,
    config: &RpmConfig,
    comps: &CompsFiles,
    folders: &BTreeMap<String, PathBuf>,
) -> Result<Chosen, JobError> {
    let mut wanted = BTreeMap::new();
    for (arch, spec) in &config.package_set.arches {
        wanted.insert(arch.clone(), WantedOfArch { spec, comps: read_comps(context, comps.of_arch(arch))? });
    }
    Ok(choose(&config.package_set, &wanted, folders)?)
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
