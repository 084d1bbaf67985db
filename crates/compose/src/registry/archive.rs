//! An OCI image in one archive file, as charmer writes it: its documents, and where its blobs lie in the file.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::digest::Sha256;
use crate::files::open_regular;

/// Documents are a few kilobytes.
const DOCUMENT_LIMIT: u64 = 4 << 20;

/// An image.
#[derive(Debug, Clone)]
pub(super) struct OciArchive {
    pub(super) path: PathBuf,
    pub(super) manifest: Vec<u8>,
    pub(super) manifest_type: String,
    pub(super) platform: Platform,
    /// The layers in their order, and the configuration.
    pub(super) blobs: Vec<Blob>,
}

/// A blob, by its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Blob {
    /// `sha256:` and digits.
    pub(super) digest: String,
    pub(super) offset: u64,
    pub(super) size: u64,
}

/// What the image runs on, in OCI's words.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Platform {
    pub(super) architecture: String,
    pub(super) os: String,
    pub(super) variant: Option<String>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    config: Descriptor,
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

impl OciArchive {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let places = places(path)?;
        let index: Index = serde_json::from_slice(&read(path, find(&places, path, "index.json")?)?)?;
        let [manifest] = index.manifests.as_slice() else { return Err(unfit(path, "it does not hold exactly one image")) };
        let bytes = read(path, manifest.place(&places, path)?)?;
        let Manifest { config, layers } = serde_json::from_slice(&bytes)?;
        let platform = serde_json::from_slice(&read(path, config.place(&places, path)?)?)?;
        let blob = |descriptor: &Descriptor| {
            let (offset, size) = descriptor.place(&places, path)?;
            Ok(Blob { digest: descriptor.digest.clone(), offset, size })
        };
        let blobs = layers.iter().chain([&config]).map(blob).collect::<std::io::Result<_>>()?;
        Ok(Self { path: path.to_owned(), manifest: bytes, manifest_type: manifest.media_type.clone(), platform, blobs })
    }

    /// The name of the image itself.
    pub(super) fn digest(&self) -> String {
        format!("sha256:{}", Sha256::of(&self.manifest))
    }
}

impl Descriptor {
    fn place(&self, places: &BTreeMap<String, (u64, u64)>, path: &Path) -> std::io::Result<(u64, u64)> {
        let place = find(places, path, &format!("blobs/{}", self.digest.replacen(':', "/", 1)))?;
        if place.1 == self.size {
            Ok(place)
        } else {
            Err(unfit(path, &format!("{} is not of the size that is said", self.digest)))
        }
    }
}

/// Where the files of the archive lie in it: offset and size.
fn places(path: &Path) -> std::io::Result<BTreeMap<String, (u64, u64)>> {
    let mut archive = tar::Archive::new(open_regular(path)?);
    let mut places = BTreeMap::new();
    for entry in archive.entries_with_seek()? {
        let entry = entry?;
        let name = entry.path()?.to_string_lossy().trim_start_matches("./").to_owned();
        places.insert(name, (entry.raw_file_position(), entry.size()));
    }
    Ok(places)
}

fn find(places: &BTreeMap<String, (u64, u64)>, path: &Path, name: &str) -> std::io::Result<(u64, u64)> {
    places.get(name).copied().ok_or_else(|| unfit(path, &format!("it has no {name}")))
}

fn read(path: &Path, (offset, size): (u64, u64)) -> std::io::Result<Vec<u8>> {
    if size > DOCUMENT_LIMIT {
        return Err(unfit(path, "a document in it is too large"));
    }
    let mut file = open_regular(path)?;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unfit(path: &Path, reason: &str) -> std::io::Error {
    std::io::Error::other(format!("{} is no OCI archive of charmer's: {reason}", path.display()))
}
