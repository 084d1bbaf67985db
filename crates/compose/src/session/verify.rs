//! `charmer verify`: reads a finished compose back: repositories as a client would, images against their checksums and the lock.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

use tokio_util::sync::CancellationToken;

use crate::checks::image::{image_equals_lock, installed_in_image};
use crate::config::{Config, Configuration};
use crate::digest::Sha256;
use crate::engine::journal::recorded_output;
use crate::engine::{Output as _, OutputFile};
use crate::files::{open_regular, read_regular};
use crate::finding::{Finding, Severity};
use crate::gather::plan::LockFile;
use crate::images::ostree::plan::{OSTREE_REPOSITORY_JOB, OstreeRepository};
use crate::layout::Layout;
use crate::metadata::plan::{MetadataFiles, ShippedFolder, image_folder_job};
use crate::openpgp::{Keyring, verify_detached};
use crate::package_set::lock::{Lock, LockError};
use crate::repositories::{Repository, TrustedKeys, verify_apt_repository};
use crate::tools::Runner;

use super::Surroundings;
use super::request::{Request, RequestError};
use super::verify_rpms::verify_rpms;

/// What was looked at, and what was found.
#[derive(Debug, Clone)]
pub struct Verified {
    /// `lock`, `repository Base`, an image's path.
    pub looked_at: Vec<String>,
    pub findings: Vec<Finding>,
}

/// Why a compose was not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("stopped before all was verified")]
    Stopped,
}

/// Verifies everything that the compose's records say it ships. Nothing is written to the compose.
pub async fn verify(layout: &Layout, surroundings: &Surroundings, cancel: CancellationToken) -> Result<Verified, VerifyError> {
    // The programs that read images run in folders of their own.
    let layout = &Layout::new(fs_err::canonicalize(layout.root())?);
    let mut verified = Verified { looked_at: Vec::new(), findings: Vec::new() };
    match Request::read(layout)?.config {
        Configuration::Deb(config) => verify_debs(layout, &config, surroundings, &cancel, &mut verified).await?,
        Configuration::Rpm(config) => verify_rpms(layout, &config, surroundings, &cancel, &mut verified).await?,
    }
    Ok(verified)
}

pub(super) fn go_on(cancel: &CancellationToken) -> Result<(), VerifyError> {
    if cancel.is_cancelled() { Err(VerifyError::Stopped) } else { Ok(()) }
}

async fn verify_debs(
    layout: &Layout,
    config: &Config,
    surroundings: &Surroundings,
    cancel: &CancellationToken,
    verified: &mut Verified,
) -> Result<(), VerifyError> {
    let lock = verify_lock(layout, verified, Lock::read);
    let keyring = published_key(layout, config);
    for variant in &config.variants {
        let Some(repository) = recorded_output::<Repository>(layout, &format!("createrepo:{}", variant.name)) else { continue };
        go_on(cancel)?;
        let keys = keyring.as_ref().map(|keyring| TrustedKeys { keyring, at: surroundings.now });
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut findings = verify_apt_repository(&layout.path(&repository.path), &repository.suite, keys, threads);
        for finding in &mut findings {
            finding.scope.clone_from(&variant.name);
        }
        verified.findings.extend(findings);
        verified.findings.extend(extra_files(&repository).filter_map(|file| changed(layout, file)));
        verified.looked_at.push(format!("repository {}", variant.name));
    }
    let folders: BTreeSet<String> = config.images.iter().map(image_folder_job).collect();
    for folder in folders.iter().filter_map(|job| recorded_output::<ShippedFolder>(layout, job)) {
        verify_folder(layout, &folder, keyring.as_ref(), surroundings.now, verified);
        for shipped in &folder.images {
            verify_image(layout, shipped, lock.as_ref(), surroundings, cancel, verified).await?;
            verified.findings.extend(folder.files_about(shipped).filter_map(|file| changed(layout, file)));
            go_on(cancel)?;
        }
    }
    if let Some(ostree) = recorded_output::<OstreeRepository>(layout, OSTREE_REPOSITORY_JOB) {
        go_on(cancel)?;
        verified.findings.extend(ostree.files().iter().filter_map(|file| changed(layout, file)));
        verified.looked_at.push("ostree".to_owned());
    }
    if let Some(metadata) = recorded_output::<MetadataFiles>(layout, "metadata") {
        verified.findings.extend(metadata.files().iter().filter_map(|file| changed(layout, file)));
        verified.looked_at.push("metadata".to_owned());
    }
    Ok(())
}

/// What a repository holds beside packages and their indexes, of which nothing in it knows the digests.
fn extra_files(repository: &Repository) -> impl Iterator<Item = &OutputFile> {
    let is_extra = |file: &&OutputFile| {
        let path = file.path.strip_prefix(&repository.path).unwrap_or(&file.path).trim_start_matches('/');
        !path.starts_with("dists/") && !path.starts_with("pool/")
    };
    repository.files.iter().filter(is_extra)
}

/// The most that is read of lists and locks, in bytes: twenty times what those of 100,000 packages have.
const TEXT_LIMIT: u64 = 1 << 30;

const SIGNATURE_LIMIT: u64 = 1 << 20;

/// Reads a text of the compose, which anybody may have put something else in the place of.
pub(super) fn read_text(path: &Path) -> std::io::Result<String> {
    let bytes = read_regular(path, TEXT_LIMIT)?;
    String::from_utf8(bytes).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
}

/// A file that is not what the compose's records say.
pub(super) fn changed(layout: &Layout, file: &OutputFile) -> Option<Finding> {
    let read = || {
        let opened = open_regular(&layout.path(&file.path))?;
        // More than it should have need not be read.
        Sha256::of_reader(&mut opened.take(file.size.saturating_add(1)))
    };
    match read() {
        Ok((sha256, _)) if sha256 == file.sha256 => None,
        Ok(_) => Some(finding("files", &file.path, "it was changed after it was made".to_owned())),
        Err(error) => Some(finding("files", &file.path, error.to_string())),
    }
}

pub(super) fn finding(check: &str, subject: &str, message: String) -> Finding {
    Finding {
        check: check.to_owned(),
        severity: Severity::Fatal,
        scope: String::new(),
        subject: subject.to_owned(),
        message,
        hint: None,
    }
}

/// The compose's lock, if it is there as it was written.
pub(super) fn verify_lock<T>(
    layout: &Layout,
    verified: &mut Verified,
    read: impl FnOnce(&str, &str) -> Result<T, LockError>,
) -> Option<T> {
    let recorded = recorded_output::<LockFile>(layout, "lock")?;
    verified.looked_at.push("lock".to_owned());
    let path = layout.path(&recorded.file.path);
    let text = match read_text(&path) {
        Ok(text) if Sha256::of(text.as_bytes()) == recorded.file.sha256 => text,
        Ok(_) => {
            verified.findings.push(finding(
                "lock",
                &recorded.file.path,
                "it is not the lock that the compose was made from".to_owned(),
            ));
            return None;
        }
        Err(error) => {
            verified.findings.push(finding("lock", &recorded.file.path, error.to_string()));
            return None;
        }
    };
    read(&text, &recorded.file.path)
        .map_err(|error| verified.findings.push(finding("lock", &recorded.file.path, error.to_string())))
        .ok()
}

/// The public key that the compose was signed with, as it was published beside the repositories.
fn published_key(layout: &Layout, config: &Config) -> Option<Keyring> {
    config.signing.as_ref()?;
    Keyring::read([layout.metadata().join("signing-key.asc")]).ok()
}

/// The checksum files of a folder of images, and their signatures.
fn verify_folder(layout: &Layout, folder: &ShippedFolder, keyring: Option<&Keyring>, at: SystemTime, verified: &mut Verified) {
    for file in folder.checksum_files() {
        match (read_regular(&layout.path(&file.path), file.size), keyring) {
            (Err(error), _) => verified.findings.push(finding("checksums", &file.path, error.to_string())),
            (Ok(text), _) if Sha256::of(&text) != file.sha256 => {
                verified.findings.push(finding("checksums", &file.path, "it was changed after it was made".to_owned()));
            }
            (Ok(text), Some(keyring)) => {
                let signature = read_regular(&layout.path(&folder.signature_of(file)), SIGNATURE_LIMIT);
                let result = signature.map_err(|error| error.to_string());
                let result = result
                    .and_then(|signature| verify_detached(keyring, &text, &signature, at).map_err(|error| error.to_string()));
                if let Err(reason) = result {
                    verified.findings.push(finding("signatures", &file.path, reason));
                }
            }
            (Ok(_), None) => {}
        }
    }
}

async fn verify_image(
    layout: &Layout,
    shipped: &crate::metadata::plan::ShippedImage,
    lock: Option<&Lock>,
    surroundings: &Surroundings,
    cancel: &CancellationToken,
    verified: &mut Verified,
) -> std::io::Result<()> {
    verified.looked_at.push(shipped.path.clone());
    let path = layout.path(&shipped.path);
    match Sha256::of_file(&path) {
        Err(error) => {
            verified.findings.push(finding("checksums", &shipped.path, error.to_string()));
            return Ok(());
        }
        Ok((sha256, _)) if sha256 != shipped.image.sha256 => {
            verified.findings.push(finding(
                "checksums",
                &shipped.path,
                format!("its SHA-256 is {sha256}, not {}", shipped.image.sha256),
            ));
            return Ok(());
        }
        Ok(_) => {}
    }
    let Some(lock) = lock else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let runner = Runner::new(folder.path().join("log"), folder.path().to_owned(), surroundings.path.clone(), cancel.clone());
    match installed_in_image(&runner, &shipped.image.kind, &path, folder.path()).await {
        Err(error) => verified.findings.push(finding("image-equals-lock", &shipped.path, error.to_string())),
        Ok(installed) => {
            let scope = format!("{}.{}", shipped.image.variant, shipped.image.arch);
            let packages = lock.packages.iter().map(AsRef::as_ref);
            verified.findings.extend(image_equals_lock(&installed, packages, Severity::Fatal, &scope, &shipped.path));
        }
    }
    Ok(())
}
