//! Jobs of the phases pkgset and fetch: indexes, overlays or a lock into one package set; package files into the compose's work folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use charmer_packages::{Deb, Ecosystem as _, IndexError, IndexFile, IndexKind, Origin, PackageSet};
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::config::resolved::{Archive, DebMirror, Origin as ArchiveOrigin, Trust};
use crate::digest::Sha256;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::finding::{Finding, Severity};
use crate::gather::Selection;
use crate::services::Services;

use super::archive::{self, ArchiveSource};
use super::deb_file;
use super::download::{FetchFailure, Request};
use super::lock::{Lock, LockedIndex, LockedPackage};
use super::overlay::read_overlay;
use super::release::NORMAL_PRIORITY;
use super::udebs;
use super::unpacked::{Unpacked, UnpackedIndexes};
use crate::compression::{Compression, decompress};

/// Priority of what a lock holds, over all that archives may have.
const LOCKED_PRIORITY: i32 = 32_000;
/// An index's text is not read beyond this when nothing says how long it is.
const MAX_INDEX: u64 = 4 << 30;

/// The indexes of one archive, as they were when the compose began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Indexes {
    pub archive: String,
    /// What the lock says about them; empty for an overlay.
    pub locked: Vec<LockedIndex>,
    /// The newest of their dates, in seconds since 1970.
    pub date: Option<i64>,
    files: Vec<StoredIndex>,
}

/// One index file in the compose's work folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct StoredIndex {
    name: String,
    /// None for sources.
    arch: Option<String>,
    suite: String,
    component: String,
    priority: i32,
    compression: Compression,
    unpacked: Option<Unpacked>,
    file: OutputFile,
}

impl Output for Indexes {
    fn files(&self) -> Vec<OutputFile> {
        self.files.iter().map(|index| index.file.clone()).collect()
    }
}

/// Where a package set comes from.
#[derive(Debug, Clone)]
pub enum PackageSource {
    /// The archives, with what must stay as it was.
    Archives { keep: Option<Arc<Lock>> },
    /// A lock, and nothing else.
    Lock(Arc<Lock>),
}

/// The jobs that make the package set.
#[derive(Debug, Clone)]
pub struct PackageSetJobs {
    /// One for each archive; none when a lock is the source.
    pub indexes: Vec<Handle<Indexes>>,
    pub set: Handle<PackageSet>,
    /// Where installers are made: the udebs, which are a set of their own.
    pub udebs: Option<Handle<PackageSet>>,
}

/// Which of the packages of archives a set has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Members {
    Packages,
    Udebs,
}

impl Members {
    /// The words of the job that reads them.
    const fn job(self) -> &'static str {
        match self {
            Self::Packages => "pkgset",
            Self::Udebs => "udebs",
        }
    }

    fn have(self, component: &str) -> bool {
        udebs::are_in(component) == (self == Self::Udebs)
    }
}

/// Adds the jobs that fetch and read indexes, or read the lock. `compose_id` keeps what an older compose has read from being taken
/// for what the archives have now.
pub fn plan(
    graph: &mut Graph,
    config: &Arc<Config>,
    source: &PackageSource,
    services: &Arc<Services>,
    compose_id: &str,
) -> PackageSetJobs {
    let indexes = match source {
        PackageSource::Lock(_) => Vec::new(),
        PackageSource::Archives { .. } => {
            let archives = config.archives.iter();
            archives.map(|(name, archive)| plan_archive(graph, config, name, archive, services, compose_id)).collect()
        }
    };
    let mut plan_set = |members| match source {
        PackageSource::Lock(lock) => plan_locked(graph, config, lock, members),
        PackageSource::Archives { keep } => plan_read(graph, config, keep.as_ref(), services, &indexes, members),
    };
    let set = plan_set(Members::Packages);
    let udebs = config.makes_installers().then(|| plan_set(Members::Udebs));
    PackageSetJobs { indexes, set, udebs }
}

/// The job that reads a set out of a lock.
fn plan_locked(graph: &mut Graph, config: &Arc<Config>, lock: &Arc<Lock>, members: Members) -> Handle<PackageSet> {
    let (lock, config) = (lock.clone(), config.clone());
    let job = Job::named(members.job(), Phase::Pkgset, "").spec(&*lock).estimate(0.5);
    graph.add_derived(job, (), move |context, ()| {
        let (lock, config) = (lock.clone(), config.clone());
        async move { context.clone().blocking(move || read_set(locked_texts(&lock, &config, members, None), &context)).await }
    })
}

/// The job that reads a set out of indexes.
fn plan_read(
    graph: &mut Graph,
    config: &Arc<Config>,
    keep: Option<&Arc<Lock>>,
    services: &Services,
    indexes: &[Handle<Indexes>],
    members: Members,
) -> Handle<PackageSet> {
    let (keep, of_set) = (keep.cloned(), config.clone());
    let unpacked = UnpackedIndexes::of_cache(&services.cache);
    let job = Job::named(members.job(), Phase::Pkgset, "")
        .spec(&(&config.archives, keep.as_deref()))
        .weight(Weight::new(2, 600))
        .estimate(1.5);
    graph.add_derived(job, indexes.to_vec(), move |context, indexes| {
        let (keep, config, unpacked) = (keep.clone(), of_set.clone(), unpacked.clone());
        async move {
            let read = move || {
                let mut texts = unpack(&indexes, &context, &config, &unpacked, members)?;
                texts.extend(keep.iter().flat_map(|lock| locked_texts(lock, &config, members, Some(LOCKED_PRIORITY))));
                read_set(texts, &context)
            };
            tokio::task::spawn_blocking(read).await.map_err(|panic| JobError::caused(&panic))?
        }
    })
}

fn plan_archive(
    graph: &mut Graph,
    config: &Arc<Config>,
    name: &str,
    archive: &Archive,
    services: &Arc<Services>,
    compose_id: &str,
) -> Handle<Indexes> {
    let (udebs, udebs_failable) = (config.makes_installers(), config.installers().all(|image| image.failable));
    let job = Job::named("index", Phase::Pkgset, name).spec(archive).of_compose(compose_id);
    let (name, archive, services) = (name.to_owned(), archive.clone(), services.clone());
    match archive.origin.clone() {
        ArchiveOrigin::DebMirror(mirror) => {
            let sources = config.variants.iter().any(|variant| variant.sources == crate::config::schema::gather::Sources::All);
            graph.add(job.network().estimate(5.0), (), move |context, ()| {
                let (name, archive, mirror, services) = (name.clone(), archive.clone(), mirror.clone(), services.clone());
                async move {
                    let source = archive_source(&name, &archive, &mirror, &services)?;
                    let source = ArchiveSource { sources, udebs, udebs_failable, ..source };
                    fetch_archive(&context, &source, archive.priority, &services).await
                }
            })
        }
        ArchiveOrigin::Overlay { folder } => graph.add(job.weight(Weight::new(2, 256)), (), move |context, ()| {
            let (name, archive, folder) = (name.clone(), archive.clone(), folder.clone());
            async move { context.clone().blocking(move || read_own(&context, &name, &archive, &folder)).await }
        }),
    }
}

/// The source of an archive as the fetcher takes it.
pub(super) fn archive_source(
    name: &str,
    archive: &Archive,
    mirror: &DebMirror,
    services: &Services,
) -> Result<ArchiveSource, JobError> {
    let keyrings = match &mirror.trust {
        Trust::Keyring(path) => vec![path.clone()],
        Trust::Unchecked => Vec::new(),
    };
    Ok(ArchiveSource {
        name: name.to_owned(),
        base_url: services.base_url(mirror)?,
        suites: mirror.suites.clone(),
        components: mirror.components.clone(),
        arches: archive.arches.clone(),
        trusted: mirror.trust == Trust::Unchecked,
        keyrings,
        sources: false,
        udebs: false,
        udebs_failable: false,
        languages: Vec::new(),
        allow_expired: false,
    })
}

async fn fetch_archive(
    context: &JobContext,
    source: &ArchiveSource,
    priority: Option<i32>,
    services: &Services,
) -> Result<Indexes, JobError> {
    let cache = services.open_cache()?;
    let name = &source.name;
    let fetched = services
        .download(context, async |downloader| archive::fetch_indexes(source, &cache, downloader, services.now).await)
        .await?;
    let mut files = Vec::new();
    for index in &fetched {
        report_lacks(context, index);
        let priority = priority.unwrap_or_else(|| index.release.release.priority());
        for file in &index.files {
            let arch = match &file.kind {
                archive::IndexKind::Packages { arch } => Some(arch.clone()),
                archive::IndexKind::Sources => None,
                archive::IndexKind::Translation { .. } => continue,
            };
            let path = format!("work/indexes/{name}/{}/{}", index.suite, file.file.path);
            cache.link_to(file.file.sha256, &context.layout.path(&path))?;
            files.push(StoredIndex {
                name: format!("{}/{} of archive {name}", index.suite, file.file.path),
                arch,
                suite: index.suite.clone(),
                component: file.component.clone(),
                priority,
                compression: file.compression,
                unpacked: file.unpacked,
                file: OutputFile { path, size: file.file.size, sha256: file.file.sha256 },
            });
        }
    }
    let date = fetched.iter().map(|index| index.release.release.date).max();
    Ok(Indexes { archive: name.clone(), locked: fetched.iter().map(archive::FetchedIndex::locked).collect(), date, files })
}

/// People want to know that a mirror has not what its Release file lists: though the index was there in another compression, or though the
/// compose can do without the udebs in it.
fn report_lacks(context: &JobContext, index: &archive::FetchedIndex) {
    let passed_over = index
        .files
        .iter()
        .flat_map(|file| file.passed_over.iter().map(|error| (error, format!("{error}; {} was read instead", file.file.path))));
    let lacking =
        index.lacking.iter().map(|error| (error, format!("{error}; the compose goes on without the installer's packages of it")));
    for (error, message) in passed_over.chain(lacking) {
        context.finding(Finding {
            check: "index".to_owned(),
            severity: Severity::Warn,
            scope: String::new(),
            subject: format!("{} {}", index.archive, index.suite),
            message,
            hint: archive::mirror_hint(error).map(str::to_owned),
        });
    }
}

fn read_own(context: &JobContext, name: &str, archive: &Archive, folder: &Path) -> Result<Indexes, JobError> {
    let overlay = read_overlay(folder).map_err(|error| JobError::caused(&error))?;
    let binaries = archive.arches.iter().map(|arch| (Some(arch.clone()), overlay.packages_text(arch)));
    let mut files = Vec::new();
    for (arch, text) in binaries.chain([(None, overlay.sources_text())]) {
        let file_name = arch.as_ref().map_or_else(|| "Sources".to_owned(), |arch| format!("Packages-{arch}"));
        let path = format!("work/indexes/{name}/{file_name}");
        let place = context.layout.path(&path);
        fs_err::create_dir_all(place.parent().unwrap_or(&place))?;
        crate::files::write_whole(&place, &text)?;
        let (size, sha256) = (text.len() as u64, Sha256::of(&text));
        files.push(StoredIndex {
            name: format!("{file_name} of overlay {}", folder.display()),
            arch,
            suite: String::new(),
            component: "main".to_owned(),
            priority: archive.priority.unwrap_or(NORMAL_PRIORITY),
            compression: Compression::None,
            unpacked: Some(Unpacked { size, sha256 }),
            file: OutputFile { path, size, sha256 },
        });
    }
    Ok(Indexes { archive: name.to_owned(), locked: Vec::new(), date: None, files })
}

/// Reads all index files, each on a thread of its own: unpacking them is what takes the time.
fn unpack(
    indexes: &[Arc<Indexes>],
    context: &JobContext,
    config: &Config,
    unpacked: &UnpackedIndexes,
    members: Members,
) -> Result<Vec<IndexFile>, JobError> {
    let read = |archive: &str, index: &StoredIndex| -> Result<IndexFile, JobError> {
        let text = unpack_one(index, context, unpacked)?;
        let origin = Origin {
            archive: archive.to_owned(),
            suite: index.suite.clone(),
            component: index.component.clone(),
            priority: index.priority,
            lookaside: config.archives.get(archive).is_some_and(|archive| archive.lookaside),
        };
        let kind = index.arch.clone().map_or(IndexKind::Sources, |arch| IndexKind::Binaries { arch });
        Ok(IndexFile { name: index.name.clone(), kind, origin, text })
    };
    std::thread::scope(|scope| {
        let each = indexes.iter().flat_map(|indexes| indexes.files.iter().map(move |file| (&indexes.archive, file)));
        let each = each.filter(|(_, file)| members.have(&file.component));
        let threads: Vec<_> = each.map(|(archive, file)| scope.spawn(move || read(archive, file))).collect();
        let join =
            |thread: std::thread::ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        threads.into_iter().map(join).collect()
    })
}

fn unpack_one(index: &StoredIndex, context: &JobContext, unpacked: &UnpackedIndexes) -> Result<Vec<u8>, JobError> {
    let wanted = index.unpacked.filter(|_| index.compression != Compression::None);
    if let Some(text) = wanted.and_then(|wanted| unpacked.get(&index.name, &wanted)) {
        return Ok(text);
    }
    let file = fs_err::File::open(context.layout.path(&index.file.path))?;
    let text = decompress(index.compression, file, index.unpacked.map_or(MAX_INDEX, |unpacked| unpacked.size))
        .map_err(|error| JobError::new(format!("{}: {error}", index.name)))?;
    if let Some(wanted) = wanted {
        let (unpacked, name, text) = (unpacked.clone(), index.name.clone(), text.clone());
        // The compose has what it needs and does not wait for this; the next one is only slower without it.
        std::thread::spawn(move || unpacked.keep(&name, &wanted, &text));
    }
    Ok(text)
}

/// A lock's packages as indexes: one for each archive, component and arch.
fn locked_texts(lock: &Lock, config: &Config, members: Members, priority: Option<i32>) -> Vec<IndexFile> {
    let mut binaries: BTreeMap<(&str, &str, bool, &str), Vec<u8>> = BTreeMap::new();
    for package in lock.packages.iter().filter(|package| members.have(&package.component)) {
        let arches = config.arches().into_iter().filter(|arch| *package.arch == *"all" || *package.arch == **arch);
        for arch in arches {
            let text = binaries.entry((&package.archive, &package.component, package.lookaside, arch)).or_default();
            text.extend(package.stanza.as_bytes());
            text.push(b'\n');
        }
    }
    let mut sources: BTreeMap<(&str, &str), Vec<u8>> = BTreeMap::new();
    for source in lock.sources.iter().filter(|source| members.have(&source.component)) {
        let text = sources.entry((&source.archive, &source.component)).or_default();
        text.extend(source.stanza.as_bytes());
        text.push(b'\n');
    }
    let origin = |archive: &str, component: &str, lookaside| Origin {
        archive: archive.to_owned(),
        suite: String::new(),
        component: component.to_owned(),
        priority: priority.or(config.archives.get(archive).and_then(|archive| archive.priority)).unwrap_or(NORMAL_PRIORITY),
        lookaside: lookaside || config.archives.get(archive).is_some_and(|archive| archive.lookaside),
    };
    let name = |archive: &str| format!("packages of archive {archive} in the lock");
    let binaries = binaries.into_iter().map(|((archive, component, lookaside, arch), text)| IndexFile {
        name: name(archive),
        kind: IndexKind::Binaries { arch: arch.to_owned() },
        origin: origin(archive, component, lookaside),
        text,
    });
    let sources = sources.into_iter().map(|((archive, component), text)| IndexFile {
        name: name(archive),
        kind: IndexKind::Sources,
        origin: origin(archive, component, false),
        text,
    });
    binaries.chain(sources).collect()
}

/// A lock's packages as a set. What of them cannot be read is told by the job that reads them.
pub fn locked_set(lock: &Lock, config: &Config) -> Result<PackageSet, IndexError> {
    Ok(Deb.read(locked_texts(lock, config, Members::Packages, None))?.0)
}

/// A lock's udebs as a set.
pub fn locked_udebs(lock: &Lock, config: &Config) -> Result<PackageSet, IndexError> {
    Ok(Deb.read(locked_texts(lock, config, Members::Udebs, None))?.0)
}

fn read_set(texts: Vec<IndexFile>, context: &JobContext) -> Result<PackageSet, JobError> {
    let (set, problems) = Deb.read(texts).map_err(|error| JobError::caused(&error))?;
    for problem in problems {
        context.finding(Finding {
            check: "index".to_owned(),
            severity: Severity::Warn,
            scope: String::new(),
            subject: problem.package.clone(),
            message: problem.to_string(),
            hint: None,
        });
    }
    Ok(set)
}

/// Package files of one variant, in the compose's work folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackageFiles {
    files: Vec<OutputFile>,
    /// By arch: when the newest package of the selection was built, in seconds since 1970.
    pub newest: BTreeMap<String, i64>,
}

impl Output for PackageFiles {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// Where a package's file lies in the compose's work folder.
pub fn stored_path(sha256: &Sha256) -> String {
    let digits = sha256.to_string();
    format!("work/packages/{}/{digits}", &digits[..2])
}

/// Adds the job that brings the package files of a variant's selections into the compose.
pub fn plan_packages(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    variant: &str,
    selections: Vec<Handle<Option<Selection>>>,
) -> Handle<PackageFiles> {
    let (config, services) = (config.clone(), services.clone());
    graph.add(Job::new(Phase::Fetch, variant).network().estimate(20.0).writes_much(), selections, move |context, selections| {
        let (config, services) = (config.clone(), services.clone());
        async move {
            let packages =
                |selection: &Selection| selection.packages.iter().map(|selected| selected.package.clone()).collect::<Vec<_>>();
            let selections: Vec<&Selection> = selections.iter().filter_map(|selection| selection.as_ref().as_ref()).collect();
            let all: BTreeSet<Arc<LockedPackage>> = selections.iter().flat_map(|selection| packages(selection)).collect();
            let files = fetch_packages(&context, &config, &services, &all).await?;
            let newest = selections.iter().map(|selection| Ok((selection.arch.clone(), newest(&context, &packages(selection))?)));
            let newest = newest.collect::<Result<_, JobError>>()?;
            Ok(PackageFiles { files, newest })
        }
    })
}

/// Brings files of packages into the compose; all of them, or none is enough.
pub async fn fetch_packages(
    context: &JobContext,
    config: &Config,
    services: &Services,
    packages: &BTreeSet<Arc<LockedPackage>>,
) -> Result<Vec<OutputFile>, JobError> {
    let wanted: Vec<_> = packages.iter().map(|package| (&*package.archive, &package.file)).collect();
    fetch_files(context, config, services, &wanted).await?.map_err(missing_files)
}

/// When the newest of some packages was built.
fn newest(context: &JobContext, packages: &[Arc<LockedPackage>]) -> Result<i64, JobError> {
    let built = |package: &Arc<LockedPackage>| {
        deb_file::built(&context.layout.path(&stored_path(&package.file.sha256))).map_err(|error| JobError::caused(&error))
    };
    packages.iter().map(built).try_fold(0, |newest, built| Ok(newest.max(built?)))
}

/// A file that could not be had.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MissingFile {
    pub path: String,
    pub reason: String,
}

fn missing_files(missing: Vec<MissingFile>) -> JobError {
    let lines: Vec<_> = missing.iter().map(|file| format!("{}: {}", file.path, file.reason)).collect();
    let what = if lines.len() == 1 { "1 package file".to_owned() } else { format!("{} package files", lines.len()) };
    JobError::new(format!("{what} cannot be had:\n{}", lines.join("\n")))
        .hint("if the archive has moved on, make a new lock; if the mirror is at fault, resume later")
}

/// Brings files of archives into the cache and links them into the compose. What cannot be had is the inner error.
pub async fn fetch_files(
    context: &JobContext,
    config: &Config,
    services: &Services,
    wanted: &[(&str, &super::lock::LockedFile)],
) -> Result<Result<Vec<OutputFile>, Vec<MissingFile>>, JobError> {
    let cache = services.open_cache()?;
    let mut requests = Vec::new();
    let mut bases: BTreeMap<&str, String> = BTreeMap::new();
    for (archive, file) in wanted {
        if !bases.contains_key(archive) {
            bases.insert(archive, archive_base(config, services, archive)?);
        }
        requests.push(Request {
            urls: vec![Request::url(&bases[archive], &file.path)],
            size: file.size,
            proof: file.sha256.into(),
        });
    }
    let fetched =
        services.download(context, async |downloader| Ok::<_, JobError>(downloader.fetch_all(&requests, &cache).await)).await?;
    if let Err(errors) = fetched {
        if let Some(FetchFailure::NoRoom(what)) = errors.first().map(|error| &error.cause) {
            return Err(JobError::new(what.clone()).hint("make room, for example with `charmer prune`, and resume"));
        }
        return Ok(Err(errors
            .into_iter()
            .map(|error| MissingFile { path: error.url.clone(), reason: error.cause.to_string() })
            .collect()));
    }
    let layout = context.layout.clone();
    let files: Vec<OutputFile> = wanted
        .iter()
        .map(|(_, file)| OutputFile { path: stored_path(&file.sha256), size: file.size, sha256: file.sha256 })
        .collect();
    let linked = files.clone();
    context
        .blocking(move || {
            linked.iter().try_for_each(|file| cache.link_to(file.sha256, &layout.path(&file.path)).map(drop))?;
            Ok(())
        })
        .await?;
    Ok(Ok(files))
}

fn archive_base(config: &Config, services: &Services, name: &str) -> Result<String, JobError> {
    let archive = config.archives.get(name).ok_or_else(|| {
        JobError::new(format!("the lock takes packages from the archive '{name}', which the configuration does not have"))
            .hint("make a new lock with `charmer lock`")
    })?;
    match &archive.origin {
        ArchiveOrigin::DebMirror(mirror) => services.base_url(mirror),
        ArchiveOrigin::Overlay { folder } => Ok(file_url(folder)),
    }
}

fn file_url(folder: &Path) -> String {
    let absolute = folder.to_string_lossy();
    format!("file://{}", Request::url("", absolute.trim_start_matches('/')))
}

impl From<archive::ArchiveError> for JobError {
    fn from(error: archive::ArchiveError) -> Self {
        let failure = Self::caused(&error);
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}
