//! OCI's documents and the archive that holds them: the image layout of one image.
//!
//! The documents are a few fields each, in the order in which they are written; see the OCI image format specification.
//! Must not know: root file systems, packages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ImageError;
use super::layer::Layer;
use crate::digest::Sha256;

const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// The image's configuration document.
#[derive(Debug, Serialize)]
pub(super) struct ImageConfig {
    /// RFC 3339.
    pub(super) created: String,
    #[serde(flatten)]
    pub(super) platform: Platform,
    pub(super) config: RuntimeConfig,
    pub(super) rootfs: RootfsDigests,
    pub(super) history: Vec<History>,
}

/// What the image runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Platform {
    pub(super) architecture: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) variant: Option<&'static str>,
    pub(super) os: &'static str,
}

/// Debian's names of architectures with OCI's words for them (which are Go's): architecture and variant.
const PLATFORMS: [(&str, &str, Option<&str>); 9] = [
    ("amd64", "amd64", None),
    ("arm64", "arm64", Some("v8")),
    ("armel", "arm", Some("v5")),
    ("armhf", "arm", Some("v7")),
    ("i386", "386", None),
    ("loong64", "loong64", None),
    ("ppc64el", "ppc64le", None),
    ("riscv64", "riscv64", None),
    ("s390x", "s390x", None),
];

impl Platform {
    pub(super) fn of_debian(arch: &str) -> Option<Self> {
        let (_, architecture, variant) = PLATFORMS.into_iter().find(|(debian, ..)| *debian == arch)?;
        Some(Self { architecture, variant, os: "linux" })
    }

    /// The architectures that OCI has words for, as Debian names them.
    pub(super) fn debian_arches() -> Vec<&'static str> {
        PLATFORMS.into_iter().map(|(debian, ..)| debian).collect()
    }
}

/// What the runtime does with the image.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RuntimeConfig {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) user: String,
    pub(super) env: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) entrypoint: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cmd: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) working_dir: String,
    pub(super) labels: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
pub(super) struct RootfsDigests {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) diff_ids: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct History {
    pub(super) created: String,
    pub(super) created_by: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u8,
    media_type: &'static str,
    manifests: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'static str,
    digest: String,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<Platform>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, &'a str>,
}

impl Descriptor<'_> {
    fn new(media_type: &'static str, digest: Sha256, size: u64) -> Self {
        Self { media_type, digest: oci_digest(digest), size, platform: None, annotations: BTreeMap::new() }
    }
}

/// A digest as OCI's documents write it.
pub(super) fn oci_digest(digest: Sha256) -> String {
    format!("sha256:{digest}")
}

/// Writes an archive of an image layout that holds one image. `reference` is the name the image has when it is loaded; the layers are
/// there as files, the lowest first.
pub(super) fn write_archive(
    config: &ImageConfig,
    reference: &str,
    layers: &[(Layer, PathBuf)],
    epoch: i64,
    output: &Path,
) -> Result<(), ImageError> {
    let config_blob = json(config);
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST_TYPE,
        config: Descriptor::new(CONFIG_TYPE, Sha256::of(&config_blob), config_blob.len() as u64),
        layers: layers.iter().map(|(layer, _)| Descriptor::new(LAYER_TYPE, layer.digest, layer.size)).collect(),
        annotations: &config.config.labels,
    };
    let layers: Vec<_> = layers.iter().map(|(layer, file)| (layer.digest, layer.size, file.clone())).collect();
    write_blobs(&config_blob, &json(&manifest), config.platform, reference, &layers, epoch, output)
}

/// The same of an image layout that another program has left in a folder, with one image in it: what that program made up, such as the
/// time at which it ran, is replaced, so that the same image is the same archive.
pub(super) fn write_archive_of_layout(
    folder: &Path,
    platform: Platform,
    created: &str,
    reference: &str,
    epoch: i64,
    output: &Path,
) -> Result<(), ImageError> {
    let index: FoundIndex = read_json(&folder.join("index.json"))?;
    let [manifest] = index.manifests.as_slice() else {
        let reason = "one image was expected in the layout";
        return Err(ImageError::Invalid { what: "image layout", value: folder.display().to_string(), reason });
    };
    let mut manifest: Value = read_json(&folder.join(blob_path(manifest.digest()?)))?;
    let found: FoundManifest = serde_json::from_value(manifest.clone()).map_err(std::io::Error::other)?;
    let mut config: Value = read_json(&folder.join(blob_path(found.config.digest()?)))?;
    config["architecture"] = platform.architecture.into();
    if let Some(variant) = platform.variant {
        config["variant"] = variant.into();
    }
    config["created"] = created.into();
    for step in config["history"].as_array_mut().into_iter().flatten() {
        step["created"] = created.into();
    }
    let config_blob = json(&config);
    manifest["config"]["digest"] = oci_digest(Sha256::of(&config_blob)).into();
    manifest["config"]["size"] = config_blob.len().into();
    let layer = |layer: &FoundDescriptor| {
        let digest = layer.digest()?;
        Ok((digest, layer.size, folder.join(blob_path(digest))))
    };
    let mut layers = found.layers.iter().map(layer).collect::<Result<Vec<_>, ImageError>>()?;
    // Two layers can have the same content: one file is enough.
    let mut seen = BTreeSet::new();
    layers.retain(|(digest, ..)| seen.insert(*digest));
    write_blobs(&config_blob, &json(&manifest), platform, reference, &layers, epoch, output)
}

/// As another program has written it.
#[derive(Deserialize)]
struct FoundIndex {
    manifests: Vec<FoundDescriptor>,
}

#[derive(Deserialize)]
struct FoundManifest {
    config: FoundDescriptor,
    layers: Vec<FoundDescriptor>,
}

#[derive(Deserialize)]
struct FoundDescriptor {
    digest: String,
    size: u64,
}

impl FoundDescriptor {
    fn digest(&self) -> Result<Sha256, ImageError> {
        let reason = "`sha256:` and 64 hexadecimal digits were expected";
        let invalid = || ImageError::Invalid { what: "digest", value: self.digest.clone(), reason };
        self.digest.strip_prefix("sha256:").and_then(|digits| digits.parse().ok()).ok_or_else(invalid)
    }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ImageError> {
    let invalid = |error| std::io::Error::other(format!("{}: {error}", path.display()));
    Ok(serde_json::from_slice(&fs_err::read(path)?).map_err(invalid)?)
}

/// Writes the archive of an image's documents and layers, each with digest and size.
fn write_blobs(
    config: &[u8],
    manifest: &[u8],
    platform: Platform,
    reference: &str,
    layers: &[(Sha256, u64, PathBuf)],
    epoch: i64,
    output: &Path,
) -> Result<(), ImageError> {
    let mut descriptor = Descriptor::new(MANIFEST_TYPE, Sha256::of(manifest), manifest.len() as u64);
    descriptor.platform = Some(platform);
    descriptor.annotations.insert("org.opencontainers.image.ref.name", reference);
    let index = json(&Index { schema_version: 2, media_type: INDEX_TYPE, manifests: vec![descriptor] });

    let mut archive = Archive { tar: tar::Builder::new(fs_err::File::create(output)?), epoch };
    // What points to the rest comes first: a reader of the stream knows what it will meet.
    archive.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    archive.file("index.json", &index)?;
    archive.folder("blobs/")?;
    archive.folder("blobs/sha256/")?;
    archive.file(&blob_path(Sha256::of(manifest)), manifest)?;
    archive.file(&blob_path(Sha256::of(config)), config)?;
    for (digest, size, file) in layers {
        archive.copy(&blob_path(*digest), *size, fs_err::File::open(file)?)?;
    }
    archive.tar.into_inner()?;
    Ok(())
}

/// Unpacks an archive that [`write_archive`] wrote into a new folder: the image layout itself. Gives the files' paths in it.
pub(crate) fn unpack_archive(archive: &Path, folder: &Path) -> std::io::Result<Vec<String>> {
    let mut archive = tar::Archive::new(fs_err::File::open(archive)?);
    let mut files = Vec::new();
    fs_err::create_dir(folder)?;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.to_string_lossy().into_owned();
        // Refuses what would lie outside of the folder.
        if !entry.unpack_in(folder)? {
            return Err(std::io::Error::other(format!("the archive has {path:?}, which leads out of it")));
        }
        if entry.header().entry_type().is_file() {
            files.push(path);
        }
    }
    Ok(files)
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("documents of strings and numbers serialise to JSON")
}

fn blob_path(digest: Sha256) -> String {
    format!("blobs/sha256/{digest}")
}

struct Archive {
    tar: tar::Builder<fs_err::File>,
    epoch: i64,
}

impl Archive {
    fn file(&mut self, path: &str, bytes: &[u8]) -> std::io::Result<()> {
        self.copy(path, bytes.len() as u64, bytes)
    }

    fn folder(&mut self, path: &str) -> std::io::Result<()> {
        let mut header = self.header(tar::EntryType::Directory, 0o755, 0);
        self.tar.append_data(&mut header, path, std::io::empty())
    }

    fn copy(&mut self, path: &str, size: u64, bytes: impl std::io::Read) -> std::io::Result<()> {
        let mut header = self.header(tar::EntryType::Regular, 0o644, size);
        self.tar.append_data(&mut header, path, bytes)
    }

    fn header(&self, kind: tar::EntryType, mode: u32, size: u64) -> tar::Header {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.epoch.unsigned_abs());
        header.set_size(size);
        header
    }
}
