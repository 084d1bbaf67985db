//! Repositories of servers, brought into folders: first their metadata, later the packages that were chosen.
//!
//! Must not know: which packages are chosen.

use std::path::Path;
use std::sync::Arc;

use charmer_packages::rpm::package::Checksum;
use charmer_packages::rpm::repodata::read::{Data, Repomd, read_repomd};
use charmer_packages::rpm::xml::XmlError;

use super::collect::Asked;
use super::old_packages::OldPackages;
use crate::digest::Sha256;
use crate::files::write_whole;
use crate::package_set::cache::Cache;
use crate::package_set::download::{Downloader, FetchError, Proof, Request};
use crate::package_set::lock::{LockedRepository, REPOMD};
use crate::package_set::rpm_file::stays_inside;
use crate::package_set::rpm_md::PARTS;
use crate::parallel::{blocking, in_parallel, processors};

const REPOMD_LIMIT: u64 = 4 << 20;

/// Why a repository could not be brought here.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Fetch(Vec<FetchError>),
    #[error("{url}: {source}")]
    Xml { url: String, source: XmlError },
    #[error(
        "{url}: it cannot be verified: its size and its SHA-256, SHA-512 or SHA-1 digest must be known, and there is {found}"
    )]
    NotVerifiable { url: String, found: String },
    #[error("{url}: it names '{location}', which would not lie inside it")]
    Outside { url: String, location: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Brings the metadata of a repository into a folder, where it can be read as any other repository.
pub async fn mirror_metadata(url: &str, folder: &Path, cache: &Cache, downloader: &Downloader) -> Result<(), MirrorError> {
    let repomd_url = Request::url(url, REPOMD);
    let fresh =
        downloader.fetch_fresh(&repomd_url, REPOMD_LIMIT, cache).await.map_err(|error| MirrorError::Fetch(vec![error]))?;
    let read = read_repomd(&mut &*fresh.bytes);
    let Repomd { data, .. } = read.map_err(|source| MirrorError::Xml { url: repomd_url, source })?;
    let parts = PARTS.iter().filter_map(|part| data.get(*part));
    let files = parts.map(|Data { location, checksum, size, .. }| (location.as_str(), checksum, size.unwrap_or(0)));
    fetch(url, folder, files, &Arc::default(), cache, downloader).await?;
    // Last, so that what it names is there.
    write_whole(&folder.join(REPOMD), &fresh.bytes)?;
    fresh.remember(cache)?;
    Ok(())
}

/// Brings the metadata of a repository into a folder as a lock has it, whatever the server has now. A repository without any brings
/// nothing.
pub async fn mirror_locked(
    url: &str,
    folder: &Path,
    locked: &LockedRepository,
    cache: &Cache,
    downloader: &Downloader,
) -> Result<(), MirrorError> {
    let files = || locked.files.iter().chain(&locked.repomd);
    let requests: Vec<_> = files()
        .map(|file| Request { urls: vec![Request::url(url, &file.path)], size: file.size, proof: file.sha256.into() })
        .collect();
    downloader.fetch_all(&requests, cache).await.map_err(MirrorError::Fetch)?;
    for file in files() {
        link(cache, file.sha256, &folder.join(&file.path))?;
    }
    Ok(())
}

/// Brings packages of a repository into its folder: those that an older compose has from there.
pub async fn mirror_packages(
    url: &str,
    folder: &Path,
    packages: &[&Asked],
    old: &Arc<OldPackages>,
    cache: &Cache,
    downloader: &Downloader,
) -> Result<(), MirrorError> {
    let files = packages.iter().map(|file| (file.location.as_str(), &file.checksum, file.size));
    fetch(url, folder, files, old, cache, downloader).await
}

/// Brings files into the cache, by size and digest, and links them into the folder.
async fn fetch(
    url: &str,
    folder: &Path,
    files: impl Iterator<Item = (&str, &Checksum, u64)>,
    old: &Arc<OldPackages>,
    cache: &Cache,
    downloader: &Downloader,
) -> Result<(), MirrorError> {
    let (mut locations, mut requests) = (Vec::new(), Vec::new());
    for (location, checksum, size) in files {
        if !stays_inside(location) {
            return Err(MirrorError::Outside { url: url.to_owned(), location: location.to_owned() });
        }
        let url = Request::url(url, location);
        let (Some(proof), 1..) = (Proof::read(&checksum.algorithm, &checksum.digest), size) else {
            return Err(MirrorError::NotVerifiable { url, found: format!("{size} bytes, {}", checksum.algorithm) });
        };
        locations.push(location);
        requests.push(Request { urls: vec![url], size, proof });
    }
    take_old(old, &locations, &requests, cache).await?;
    let files = downloader.fetch_all(&requests, cache).await.map_err(MirrorError::Fetch)?;
    for (location, file) in locations.into_iter().zip(files) {
        link(cache, file.sha256, &folder.join(location))?;
    }
    Ok(())
}

/// Fills the cache with what it lacks and an older compose has.
async fn take_old(old: &Arc<OldPackages>, locations: &[&str], requests: &[Request], cache: &Cache) -> Result<(), MirrorError> {
    let pairs = locations.iter().zip(requests);
    let files: Vec<_> = pairs.map(|(location, request)| ((*location).to_owned(), request.proof.clone(), request.size)).collect();
    let (old, cache) = (old.clone(), cache.clone());
    let take = move || {
        in_parallel(processors(), &files, |(location, proof, size)| {
            let cached = cache.known(proof).map_or(Ok(None), |sha256| cache.get(sha256, *size))?;
            if cached.is_none() {
                old.take(location, proof, *size, &cache);
            }
            Ok(())
        })
    };
    blocking(take).await.map(drop)
}

fn link(cache: &Cache, sha256: Sha256, file: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(file.parent().unwrap_or(file))?;
    cache.link_to(sha256, file).map(drop)
}
