//! An apt archive behind signed indexes: its Release files, verified, and the index files that they list.
//!
//! Must not know: how indexes are parsed, which packages are wanted, variants.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::SystemTime;

use tokio::task::JoinSet;

use crate::compression::{Compression, DecompressError, decompress};
use crate::digest::Sha256;
use crate::openpgp::{self, Fingerprint, Keyring, KeyringError, Verified, VerifyError};
use crate::package_set::cache::Cache;
use crate::package_set::download::{Downloader, FetchError, FetchFailure, Fresh, Request};
use crate::package_set::lock::{LockedFile, LockedIndex};
use crate::package_set::release::{Release, ReleaseError};
use crate::package_set::udebs;
use crate::package_set::unpacked::Unpacked;

/// Debian's InRelease has 140 kB.
const MAX_RELEASE_SIZE: u64 = 32 << 20;
/// What an index may unpack to when its Release file does not say.
const MAX_UNPACKED_SIZE: u64 = 2 << 30;

/// Where packages are fetched from, as the configuration gives it, with the mirror found.
#[derive(Debug, Clone)]
pub struct ArchiveSource {
    /// Its name in the configuration.
    pub name: String,
    /// What `dists/` and `pool/` lie in.
    pub base_url: String,
    pub suites: Vec<String>,
    pub components: Vec<String>,
    pub arches: Vec<String>,
    pub keyrings: Vec<PathBuf>,
    /// No signature is asked for. An InRelease file is read without looking at its signature.
    pub trusted: bool,
    /// `Sources` are fetched too.
    pub sources: bool,
    /// The indexes of udebs are fetched where a suite has them.
    pub udebs: bool,
    /// One of those that the mirror has not as the suite lists it is told and left out.
    pub udebs_failable: bool,
    /// Translations that are fetched where a suite has them: `en`.
    pub languages: Vec<String>,
    /// A suite whose `Valid-Until` is over is taken all the same, as from a snapshot.
    pub allow_expired: bool,
}

/// A suite's verified Release file.
#[derive(Debug, Clone)]
pub struct VerifiedRelease {
    pub url: String,
    /// Of the InRelease (or Release) file.
    pub sha256: Sha256,
    /// Who signed it; empty for a trusted archive.
    pub signers: Vec<Fingerprint>,
    pub release: Release,
}

/// A suite's Release file with the index files that were asked for.
#[derive(Debug, Clone)]
pub struct FetchedIndex {
    pub archive: String,
    pub suite: String,
    pub trusted: bool,
    pub release: VerifiedRelease,
    pub files: Vec<IndexFile>,
    /// Why indexes of udebs are not among them that may be missing.
    pub lacking: Vec<FetchError>,
}

/// What an index file holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum IndexKind {
    Packages { arch: String },
    Sources,
    Translation { language: String },
}

/// An index file in the cache.
#[derive(Debug, Clone)]
pub struct IndexFile {
    pub kind: IndexKind,
    pub component: String,
    /// As the Release file names it.
    pub file: LockedFile,
    pub compression: Compression,
    /// What the Release file says about it when unpacked.
    pub unpacked: Option<Unpacked>,
    pub cached: PathBuf,
    /// Better compressed forms of it that the Release file lists, and why the mirror did not give them.
    pub passed_over: Vec<FetchError>,
}

/// Why an archive's indexes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    #[error("archive '{0}' has no keyring to verify it with, and is not trusted")]
    NoKeyring(String),
    #[error("{url}: neither InRelease nor Release is there; is the suite's name right?")]
    NoRelease { url: String },
    #[error("{url}: the suite is not signed: it has neither InRelease nor Release.gpg")]
    Unsigned { url: String },
    #[error("{url}: {source}")]
    NotVerified { url: String, source: VerifyError },
    #[error("{url}: {source}")]
    Release { url: String, source: ReleaseError },
    #[error("{url}: the suite expired: it was valid until {until}")]
    Expired { url: String, until: jiff::Timestamp },
    #[error("{url}: the suite has no component '{component}'; it has {}", has.join(", "))]
    NoComponent { url: String, component: String, has: Vec<String> },
    #[error("{url}: the suite has no architecture '{arch}'; it has {}", has.join(", "))]
    NoArchitecture { url: String, arch: String, has: Vec<String> },
    #[error("{url}: the suite does not list '{path}'")]
    NotListed { url: String, path: String },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Fetch(Vec<FetchError>),
    #[error("index {path}: {source}")]
    Unpack { path: String, source: DecompressError },
    #[error("the cache cannot be used: {0}")]
    Cache(#[from] std::io::Error),
}

impl ArchiveError {
    /// What to do about it, where that is not plain from the message.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Keyring(KeyringError::Unreadable { .. }) => {
                Some("install the package that holds the keyring; for Debian it is debian-archive-keyring")
            }
            Self::NoKeyring(_) => Some("name the file with the archive's keys as `keyring`, or say `trusted = true`"),
            Self::NotVerified { source: VerifyError::NoGoodSignature(_), .. } => {
                Some("a newer keyring package may hold the key; compare its fingerprint with the one that the archive publishes")
            }
            Self::Unsigned { .. } => Some("an archive of your own that nobody signs can be taken with `trusted = true`"),
            Self::Expired { .. } => Some("the mirror is no longer updated, or the clock of this machine is wrong"),
            Self::Fetch(errors) => errors.iter().find_map(mirror_hint),
            _ => None,
        }
    }
}

/// What to do about an index that the mirror did not give.
pub fn mirror_hint(error: &FetchError) -> Option<&'static str> {
    error.is_stale().then_some("the mirror is being updated or mixes states of the archive; try again later, or another mirror")
}

/// A suite whose Release file is another one than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseMoved {
    pub archive: String,
    pub suite: String,
    /// The dates as the Release files give them.
    pub before: String,
    pub now: String,
}

/// Fetches and verifies the Release file of each suite, then all index files that the source asks for.
///
/// `now` judges signatures and `Valid-Until`.
pub async fn fetch_indexes(
    source: &ArchiveSource,
    cache: &Cache,
    downloader: &Downloader,
    now: SystemTime,
) -> Result<Vec<FetchedIndex>, ArchiveError> {
    let keyring = read_keyring(source)?;
    let mut suites = Vec::new();
    let mut listed = Vec::new();
    for suite in &source.suites {
        let release = fetch_release(source, suite, &keyring, cache, downloader, now).await?;
        let indexes = select_indexes(source, &release)?;
        suites.push((suite.clone(), release, indexes.len()));
        listed.extend(indexes);
    }
    let mut outcomes = fetch_listed(listed, cache, downloader).await?.into_iter();
    let fetched = suites.into_iter().map(|(suite, release, count)| {
        let (mut files, mut lacking) = (Vec::new(), Vec::new());
        for outcome in outcomes.by_ref().take(count) {
            match outcome {
                Ok(file) => files.push(file),
                Err(failures) => lacking.extend(failures),
            }
        }
        FetchedIndex { archive: source.name.clone(), suite, trusted: source.trusted, release, files, lacking }
    });
    Ok(fetched.collect())
}

/// Fetches the Release files again; those that are not the ones of before moved under the compose.
pub async fn release_moved(
    source: &ArchiveSource,
    before: &[LockedIndex],
    cache: &Cache,
    downloader: &Downloader,
    now: SystemTime,
) -> Result<Vec<ReleaseMoved>, ArchiveError> {
    let keyring = read_keyring(source)?;
    let mut moved = Vec::new();
    for index in before.iter().filter(|index| index.archive == source.name) {
        let release = fetch_release(source, &index.suite, &keyring, cache, downloader, now).await?;
        if release.sha256 != index.release_sha256 {
            let (archive, suite) = (index.archive.clone(), index.suite.clone());
            moved.push(ReleaseMoved { archive, suite, before: index.date.clone(), now: release.release.date_text });
        }
    }
    Ok(moved)
}

impl FetchedIndex {
    /// What the lock says about it.
    pub fn locked(&self) -> LockedIndex {
        let mut files: Vec<LockedFile> = self.files.iter().map(|file| file.file.clone()).collect();
        files.sort();
        LockedIndex {
            archive: self.archive.clone(),
            suite: self.suite.clone(),
            release_sha256: self.release.sha256,
            date: self.release.release.date_text.clone(),
            version: self.release.release.version.clone(),
            trusted: self.trusted,
            files,
        }
    }
}

impl IndexFile {
    /// The index as text. No more is unpacked than the signed Release file allows.
    pub fn decompressed(&self) -> Result<Vec<u8>, ArchiveError> {
        let file = fs_err::File::open(&self.cached)?;
        let limit = self.unpacked.map_or(MAX_UNPACKED_SIZE, |unpacked| unpacked.size);
        decompress(self.compression, file, limit).map_err(|source| ArchiveError::Unpack { path: self.file.path.clone(), source })
    }
}

fn read_keyring(source: &ArchiveSource) -> Result<Keyring, ArchiveError> {
    if source.trusted {
        return Ok(Keyring::default());
    }
    if source.keyrings.is_empty() {
        return Err(ArchiveError::NoKeyring(source.name.clone()));
    }
    Ok(Keyring::read(&source.keyrings)?)
}

async fn fetch_release(
    source: &ArchiveSource,
    suite: &str,
    keyring: &Keyring,
    cache: &Cache,
    downloader: &Downloader,
    now: SystemTime,
) -> Result<VerifiedRelease, ArchiveError> {
    let folder = Request::url(&source.base_url, &format!("dists/{suite}"));
    let inline_url = format!("{folder}/InRelease");
    let believed = match fetch_optional(downloader, &inline_url, cache).await? {
        Some(inline) => believe_inline(source, inline_url, inline, keyring, now)?,
        None => believe_detached(source, &folder, keyring, cache, downloader, now).await?,
    };
    let Believed { url, files, text, signers } = believed;
    let release = Release::parse(&text).map_err(|source| ArchiveError::Release { url: url.clone(), source })?;
    if let Some(until) = release.valid_until.filter(|until| !source.allow_expired && seconds(now) > *until) {
        return Err(ArchiveError::Expired { url, until: jiff::Timestamp::from_second(until).unwrap_or_default() });
    }
    for file in &files {
        file.remember(cache)?;
    }
    Ok(VerifiedRelease { url, sha256: files[0].sha256, signers, release })
}

/// A Release file's text, and the files by which it is believed: first the one that holds it.
struct Believed {
    url: String,
    files: Vec<Fresh>,
    text: Vec<u8>,
    signers: Vec<Fingerprint>,
}

fn believe_inline(
    source: &ArchiveSource,
    url: String,
    inline: Fresh,
    keyring: &Keyring,
    now: SystemTime,
) -> Result<Believed, ArchiveError> {
    let verified = if source.trusted {
        openpgp::text_without_verifying(&inline.bytes).map(|text| Verified { text, signers: Vec::new() })
    } else {
        openpgp::verify_inline(keyring, &inline.bytes, now)
    };
    let Verified { text, signers } = verified.map_err(|source| ArchiveError::NotVerified { url: url.clone(), source })?;
    Ok(Believed { url, files: vec![inline], text, signers })
}

async fn believe_detached(
    source: &ArchiveSource,
    folder: &str,
    keyring: &Keyring,
    cache: &Cache,
    downloader: &Downloader,
    now: SystemTime,
) -> Result<Believed, ArchiveError> {
    let url = format!("{folder}/Release");
    let missing = || ArchiveError::NoRelease { url: folder.to_owned() };
    let release = fetch_optional(downloader, &url, cache).await?.ok_or_else(missing)?;
    if source.trusted {
        return Ok(Believed { url, text: release.bytes.clone(), files: vec![release], signers: Vec::new() });
    }
    let unsigned = || ArchiveError::Unsigned { url: folder.to_owned() };
    let signature = fetch_optional(downloader, &format!("{folder}/Release.gpg"), cache).await?.ok_or_else(unsigned)?;
    let verified = openpgp::verify_detached(keyring, &release.bytes, &signature.bytes, now);
    let Verified { text, signers } = verified.map_err(|source| ArchiveError::NotVerified { url: url.clone(), source })?;
    Ok(Believed { url, files: vec![release, signature], text, signers })
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Fetches a file that an archive may be without.
async fn fetch_optional(downloader: &Downloader, url: &str, cache: &Cache) -> Result<Option<Fresh>, ArchiveError> {
    match downloader.fetch_fresh(url, MAX_RELEASE_SIZE, cache).await {
        Ok(fresh) => Ok(Some(fresh)),
        Err(FetchError { cause: FetchFailure::Missing, .. }) => Ok(None),
        Err(error) => Err(ArchiveError::Fetch(vec![error])),
    }
}

/// An index that a Release file lists, not fetched yet.
#[derive(Debug, Clone)]
struct ListedIndex {
    kind: IndexKind,
    component: String,
    /// Where the Release file lies.
    folder: String,
    by_hash: bool,
    /// The same index in several compressions, the best first.
    forms: Vec<(LockedFile, Compression)>,
    unpacked: Option<Unpacked>,
    /// The compose goes on without it.
    failable: bool,
}

impl ListedIndex {
    /// Fetches the best of its forms that the mirror has as the Release file lists it.
    async fn fetch(self, cache: &Cache, downloader: &Downloader) -> Result<IndexFile, Vec<FetchError>> {
        let mut passed_over = Vec::new();
        for (file, compression) in &self.forms {
            match downloader.fetch_all(&[self.request(file)], cache).await {
                Ok(mut files) => {
                    let cached = files.pop().expect("one request gives one file").path;
                    let (file, compression) = (file.clone(), *compression);
                    let Self { kind, component, unpacked, .. } = self;
                    return Ok(IndexFile { kind, component, file, compression, unpacked, cached, passed_over });
                }
                Err(errors) => {
                    let may_have_another = errors.iter().all(FetchError::is_about_the_file);
                    passed_over.extend(errors);
                    if !may_have_another {
                        break;
                    }
                }
            }
        }
        Err(passed_over)
    }

    /// By digest first: that name cannot have another content than the Release file says, whatever else the mirror mixes up.
    fn request(&self, file: &LockedFile) -> Request {
        let mut urls = vec![Request::url(&self.folder, &file.path)];
        if self.by_hash {
            let (index_folder, _) = file.path.rsplit_once('/').unwrap_or_default();
            urls.insert(0, Request::url(&self.folder, &format!("{index_folder}/by-hash/SHA256/{}", file.sha256)));
        }
        Request { urls, size: file.size, proof: file.sha256.into() }
    }
}

/// Fetches all of them at once; what becomes of them is in the same order. All failures are given, not only the first: as the error where
/// one of them may not fail.
async fn fetch_listed(
    listed: Vec<ListedIndex>,
    cache: &Cache,
    downloader: &Downloader,
) -> Result<Vec<Result<IndexFile, Vec<FetchError>>>, ArchiveError> {
    let mut fetching = JoinSet::new();
    for (number, index) in listed.into_iter().enumerate() {
        let (cache, downloader) = (cache.clone(), downloader.clone());
        let failable = index.failable;
        fetching.spawn(async move { (number, (failable, index.fetch(&cache, &downloader).await)) });
    }
    let fetched: BTreeMap<usize, _> = fetching.join_all().await.into_iter().collect();
    let (mut outcomes, mut errors) = (Vec::new(), Vec::new());
    for (failable, outcome) in fetched.into_values() {
        match outcome {
            Err(failures) if !failable => errors.extend(failures),
            outcome => outcomes.push(outcome),
        }
    }
    if errors.is_empty() { Ok(outcomes) } else { Err(ArchiveError::Fetch(errors)) }
}

/// The indexes that the source asks for, each in all compressions that the Release file lists.
fn select_indexes(source: &ArchiveSource, release: &VerifiedRelease) -> Result<Vec<ListedIndex>, ArchiveError> {
    let (url, suite) = (&release.url, &release.release);
    for arch in &source.arches {
        if !suite.has_architecture(arch) {
            let (arch, has) = (arch.clone(), suite.architectures.clone());
            return Err(ArchiveError::NoArchitecture { url: url.clone(), arch, has });
        }
    }
    let reads_all = !suite.all_in_each_arch && suite.has_architecture("all");
    let mut selected = Vec::new();
    for component in &source.components {
        if !suite.has_component(component) {
            let (component, has) = (component.clone(), suite.components.clone());
            return Err(ArchiveError::NoComponent { url: url.clone(), component, has });
        }
        let mut arches: BTreeSet<&str> = source.arches.iter().map(String::as_str).collect();
        if reads_all && !list_index(suite, &packages_path(component, "all")).is_empty() {
            arches.insert("all");
        }
        for arch in &arches {
            let kind = IndexKind::Packages { arch: (*arch).to_owned() };
            selected.push((kind, component.clone(), packages_path(component, arch), true));
        }
        for arch in source.arches.iter().filter(|_| source.udebs) {
            let (kind, component) = (IndexKind::Packages { arch: arch.clone() }, udebs::of_component(component));
            let path = packages_path(&component, arch);
            selected.push((kind, component, path, false));
        }
        if source.sources {
            selected.push((IndexKind::Sources, component.clone(), format!("{component}/source/Sources"), true));
        }
        for language in &source.languages {
            let kind = IndexKind::Translation { language: language.clone() };
            selected.push((kind, component.clone(), format!("{component}/i18n/Translation-{language}"), false));
        }
    }
    let folder = url.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut indexes = Vec::new();
    for (kind, component, path, required) in selected {
        let forms = list_index(suite, &path);
        if !forms.is_empty() {
            let unpacked = suite.files.get(&path).map(|plain| Unpacked { size: plain.size, sha256: plain.sha256 });
            let folder = folder.to_owned();
            let failable = source.udebs_failable && udebs::are_in(&component);
            indexes.push(ListedIndex { kind, component, folder, by_hash: suite.acquire_by_hash, forms, unpacked, failable });
        } else if required {
            return Err(ArchiveError::NotListed { url: url.clone(), path });
        }
    }
    Ok(indexes)
}

/// Where a suite has the index of a component's packages for an arch, without the suffix of its compression.
pub fn packages_path(component: &str, arch: &str) -> String {
    format!("{component}/binary-{arch}/Packages")
}

/// The index's files, in the order in which their compressions are preferred.
fn list_index(suite: &Release, path: &str) -> Vec<(LockedFile, Compression)> {
    let form = |compression: Compression| {
        let file = suite.files.get(&format!("{path}{}", compression.suffix()))?;
        Some((file.clone(), compression))
    };
    Compression::ALL.into_iter().filter_map(form).collect()
}
