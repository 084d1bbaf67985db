//! One push: the blobs that the registry does not have, the manifests, and at last the tag. OCI Distribution Specification, "Push".

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::{Client, Reference, RegistryOperation};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio_util::io::ReaderStream;

use super::archive::{Blob, OciArchive};
use super::credentials::{self, NoCredentials};
use crate::digest::Sha256;

const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const CONNECT: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(120);

/// How a registry is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RegistrySettings {
    /// A file of logins; without one the usual ones are looked through.
    pub auth_file: Option<PathBuf>,
    /// Certificates of its authority, as PEM, besides those that the machine trusts.
    pub ca: Option<PathBuf>,
    /// Without TLS.
    pub http: bool,
}

/// An image that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    pub reference: String,
    /// What the tag stands for: an image, or the index of several.
    pub digest: Sha256,
    /// Of the layers and configurations, in bytes.
    pub size: u64,
}

/// Why an image could not be pushed.
#[derive(Debug, thiserror::Error)]
pub(super) enum PushError {
    #[error("{0}")]
    Login(#[from] NoCredentials),
    /// `fs_err` names the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("the certificates in {} cannot be read", .0.display())]
    Certificate(PathBuf),
    #[error("{registry}: {source}")]
    Registry { registry: String, source: OciDistributionError },
}

impl PushError {
    /// It may go well the next time.
    pub(super) fn is_transient(&self) -> bool {
        let Self::Registry { source, .. } = self else { return false };
        match source {
            OciDistributionError::RequestError(error) => {
                error.status().is_none_or(|status| status.is_server_error()) && !error.is_builder()
            }
            OciDistributionError::ServerError { code, .. } => *code >= 500 || *code == 429,
            _ => false,
        }
    }

    pub(super) fn is_refused_login(&self) -> bool {
        let Self::Registry { source, .. } = self else { return false };
        let is_code = |code: u16| matches!(code, 401 | 403);
        match source {
            OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => true,
            OciDistributionError::ServerError { code, .. } => is_code(*code),
            OciDistributionError::RequestError(error) => error.status().is_some_and(|status| is_code(status.as_u16())),
            _ => false,
        }
    }
}

/// Pushes the images of one set, of different platforms, under one tag. `logins` are files that may have one. `progress` hears how many bytes are there.
pub(super) async fn push(
    images: &[OciArchive],
    reference: &Reference,
    settings: &RegistrySettings,
    logins: &[PathBuf],
    progress: impl Fn(u64),
) -> Result<Pushed, PushError> {
    let failed = |source| PushError::Registry { registry: reference.registry().to_owned(), source };
    let client = client(reference, settings)?;
    let login = credentials::find(reference, settings.auth_file.as_deref(), logins)?;
    client.auth(reference, &login, RegistryOperation::Push).await.map_err(failed)?;
    let mut done = 0;
    for image in images {
        for blob in &image.blobs {
            if !client.blob_exists(reference, &blob.digest).await.map_err(failed)? {
                push_blob(&client, reference, &image.path, blob).await?;
            }
            done += blob.size;
            progress(done);
        }
        let by_digest = reference.clone_with_digest(image.digest());
        push_manifest(&client, &by_digest, image.manifest.clone(), &image.manifest_type).await?;
    }
    let (manifest, kind) = match images {
        [image] => (image.manifest.clone(), image.manifest_type.as_str()),
        images => (index_of(images), INDEX_TYPE),
    };
    let digest = Sha256::of(&manifest);
    push_manifest(&client, reference, manifest, kind).await?;
    Ok(Pushed { reference: reference.to_string(), digest, size: done })
}

fn client(reference: &Reference, settings: &RegistrySettings) -> Result<Client, PushError> {
    // Whoever comes first installs it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let registry = reference.resolve_registry().to_owned();
    let protocol = if settings.http { ClientProtocol::HttpsExcept(vec![registry.clone()]) } else { ClientProtocol::Https };
    let config = ClientConfig {
        protocol,
        extra_root_certificates: settings.ca.as_deref().map(certificates).transpose()?.unwrap_or_default(),
        connect_timeout: Some(CONNECT),
        read_timeout: Some(SILENCE),
        user_agent: concat!("charmer/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    Client::try_from(config).map_err(|source| PushError::Registry { registry, source })
}

/// The certificates of a PEM file, each for itself.
fn certificates(file: &Path) -> Result<Vec<Certificate>, PushError> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = fs_err::read_to_string(file)?;
    let certificates: Vec<_> = text
        .split_inclusive(END)
        .filter_map(|part| part.find("-----BEGIN CERTIFICATE-----").filter(|_| part.ends_with(END)).map(|start| &part[start..]))
        .map(|pem| Certificate { encoding: CertificateEncoding::Pem, data: pem.as_bytes().to_vec() })
        .collect();
    if certificates.is_empty() { Err(PushError::Certificate(file.to_owned())) } else { Ok(certificates) }
}

async fn push_blob(client: &Client, reference: &Reference, archive: &Path, blob: &Blob) -> Result<(), PushError> {
    let mut file = fs_err::tokio::File::open(archive).await?;
    file.seek(SeekFrom::Start(blob.offset)).await?;
    let bytes = ReaderStream::with_capacity(file.take(blob.size), 1 << 20);
    let bytes = futures_util::StreamExt::map(bytes, |chunk| chunk.map_err(OciDistributionError::from));
    let pushed = client.push_blob_stream(reference, bytes, &blob.digest, Some(blob.size)).await;
    pushed.map(drop).map_err(|source| PushError::Registry { registry: reference.registry().to_owned(), source })
}

async fn push_manifest(client: &Client, reference: &Reference, bytes: Vec<u8>, kind: &str) -> Result<(), PushError> {
    let kind = kind.parse().map_err(|_| std::io::Error::other(format!("{kind} is no media type")))?;
    let pushed = client.push_manifest_raw(reference, bytes, kind).await;
    pushed.map(drop).map_err(|source| PushError::Registry { registry: reference.registry().to_owned(), source })
}

/// The document by which a client finds the image for its platform. OCI Image Format Specification, "Image Index".
fn index_of(images: &[OciArchive]) -> Vec<u8> {
    let entry = |image: &OciArchive| {
        let platform = &image.platform;
        let mut described = serde_json::json!({ "architecture": platform.architecture, "os": platform.os });
        if let Some(variant) = &platform.variant {
            described["variant"] = variant.as_str().into();
        }
        serde_json::json!({
            "mediaType": image.manifest_type,
            "digest": image.digest(),
            "size": image.manifest.len(),
            "platform": described,
        })
    };
    let manifests: Vec<_> = images.iter().map(entry).collect();
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": manifests });
    index.to_string().into_bytes()
}
