//! Whether an image holds exactly what the lock says, by the package database in the image itself.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::discs;
use crate::compression::{Compression, unpacking};
use crate::files::open_regular;
use crate::finding::{Finding, Severity};
use crate::images::{ImageError, NETBOOT_SQUASHFS, STATUS, StatusError, disk, installed_in_status, live, ostree, read_status};
use crate::package_set::lock::LockedPackage;
use crate::tools::{Command, Runner, ToolError};

/// An image's documents are a few kilobytes.
const DOCUMENT_LIMIT: u64 = 4 << 20;

/// Why the package database of an image could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableImage {
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// `fs_err` names the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error("{} is no OCI archive: {reason}", path.display())]
    NotOci { path: PathBuf, reason: String },
}

/// The packages installed in an OCI archive, each as `name_version_arch`, sorted.
pub fn installed_in_oci_archive(archive: &Path) -> Result<Vec<String>, UnreadableImage> {
    let index: Index = document(archive, "index.json")?;
    let [manifest] = index.manifests.as_slice() else {
        let reason = format!("it has {} images, 1 is expected", index.manifests.len());
        return Err(UnreadableImage::NotOci { path: archive.to_owned(), reason });
    };
    let manifest: Manifest = document(archive, &manifest.blob_path())?;
    // What a later layer has hides what an earlier one has.
    for layer in manifest.layers.iter().rev() {
        if let Some(status) = status_of_layer(archive, &layer.blob_path())? {
            return Ok(installed_in_status(&status)?);
        }
    }
    Err(StatusError::NoDatabase(archive.to_owned()).into())
}

/// The packages in an image of some kind.
pub async fn installed_in_image(runner: &Runner, kind: &str, image: &Path, work: &Path) -> Result<Vec<String>, UnreadableImage> {
    match kind {
        "live" => match image.extension().and_then(|end| end.to_str()) {
            Some("squashfs") => installed_in_squashfs(runner, image).await,
            Some("tar") => installed_in_netboot(runner, image, work).await,
            _ => installed_in_live_iso(runner, image, work).await,
        },
        "data-iso" | "installer" => on_data_iso(runner, image, work).await,
        "disk" => Ok(installed_in_status(&disk::package_database(runner, image, work).await?)?),
        "squashfs" => installed_in_squashfs(runner, image).await,
        "tar" | "wsl" | "lxc" => {
            let image = image.to_owned();
            match tokio::task::spawn_blocking(move || installed_in_packed(&image)).await {
                Ok(installed) => installed,
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            }
        }
        _ => installed_in_oci_archive(image),
    }
}

/// The packages on a disc, by its indexes.
async fn on_data_iso(runner: &Runner, iso: &Path, work: &Path) -> Result<Vec<String>, UnreadableImage> {
    let folder = work.join("disc");
    discs::unpack(runner, iso, "/dists", &folder.join("dists")).await?;
    let packages = discs::packages_on(&folder)?;
    discs::remove_unpacked(&folder)?;
    Ok(packages)
}

/// The packages installed in the squashfs of a live ISO. `work` is a folder with room for the squashfs, which is removed again.
pub async fn installed_in_live_iso(runner: &Runner, iso: &Path, work: &Path) -> Result<Vec<String>, UnreadableImage> {
    let squashfs = work.join("filesystem.squashfs");
    let extract = Command::new("xorriso")
        .args(["-no_rc", "-osirrox", "on", "-indev"])
        .arg(iso)
        .args(["-extract", &format!("/{}", live::SQUASHFS)])
        .arg(&squashfs);
    runner.run(&extract).await?;
    let installed = installed_in_squashfs(runner, &squashfs).await;
    fs_err::remove_file(squashfs)?;
    installed
}

/// The packages installed in the squashfs among the files for a start over the network.
async fn installed_in_netboot(runner: &Runner, archive: &Path, work: &Path) -> Result<Vec<String>, UnreadableImage> {
    let extract =
        Command::new("tar").arg("--extract").arg("--file").arg(archive).arg("--directory").arg(work).arg(NETBOOT_SQUASHFS);
    runner.run(&extract).await?;
    let squashfs = work.join(NETBOOT_SQUASHFS);
    let installed = installed_in_squashfs(runner, &squashfs).await;
    fs_err::remove_file(squashfs)?;
    installed
}

async fn installed_in_squashfs(runner: &Runner, squashfs: &Path) -> Result<Vec<String>, UnreadableImage> {
    let status = runner.run(&Command::new("unsquashfs").arg("-cat").arg(squashfs).arg(STATUS)).await?.stdout;
    Ok(installed_in_status(&status)?)
}

/// The packages installed in a packed tar file of a root file system, which may lie in a folder `rootfs`.
pub fn installed_in_packed(image: &Path) -> Result<Vec<String>, UnreadableImage> {
    let reader = std::io::BufReader::with_capacity(1 << 20, open_regular(image)?);
    let mut archive = tar::Archive::new(unpacking(compression_of(image)?, reader)?);
    for entry in archive.entries()? {
        let entry = entry?;
        let path = entry.path()?.into_owned();
        if path.strip_prefix("rootfs").unwrap_or(&path) == Path::new(STATUS) {
            return Ok(installed_in_status(&read_status(entry, image)?)?);
        }
    }
    Err(StatusError::NoDatabase(image.to_owned()).into())
}

/// By its first bytes: a name says it for some.
fn compression_of(file: &Path) -> std::io::Result<Compression> {
    let mut start = [0; 6];
    let count = open_regular(file)?.take(start.len() as u64).read(&mut start)?;
    Ok(match &start[..count] {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0xfd, b'7', b'z', b'X', b'Z', 0] => Compression::Xz,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        _ => Compression::None,
    })
}

/// Compares an image's packages with those of the lock: a package that the lock does not have, or has in another version, is a
/// finding. `scope` is the variant and arch, `image` the image's path in the compose.
pub fn image_equals_lock<'a>(
    installed: &[String],
    lock: impl IntoIterator<Item = &'a LockedPackage>,
    severity: Severity,
    scope: &str,
    image: &str,
) -> Vec<Finding> {
    let mut locked: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for package in lock.into_iter().filter(|package| !package.lookaside) {
        locked.entry((&package.name, &package.arch)).or_default().push(&package.version);
    }
    let finding = |package: &String| {
        let mut parts = package.splitn(3, '_');
        let (name, version, arch) = (parts.next()?, parts.next()?, parts.next()?);
        let message = match locked.get(&(name, arch)) {
            Some(versions) if versions.contains(&version) => return None,
            Some(versions) => format!("{image} holds {name} {version} ({arch}), the lock has {}", versions.join(", ")),
            None => format!("{image} holds {name} {version} ({arch}), which the lock does not have"),
        };
        Some(Finding {
            check: "image-equals-lock".to_owned(),
            severity,
            scope: scope.to_owned(),
            subject: package.clone(),
            message,
            hint: None,
        })
    };
    installed.iter().filter_map(finding).collect()
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

impl Descriptor {
    fn blob_path(&self) -> String {
        format!("blobs/{}", self.digest.replacen(':', "/", 1))
    }
}

fn document<T: for<'de> Deserialize<'de>>(archive: &Path, path: &str) -> Result<T, UnreadableImage> {
    let not_oci = |reason: String| UnreadableImage::NotOci { path: archive.to_owned(), reason };
    let bytes = in_archive(archive, path, |entry| {
        let mut bytes = Vec::new();
        entry.take(DOCUMENT_LIMIT).read_to_end(&mut bytes)?;
        Ok(bytes)
    })?;
    let bytes = bytes.ok_or_else(|| not_oci(format!("it has no '{path}'")))?;
    serde_json::from_slice(&bytes).map_err(|error| not_oci(format!("'{path}': {error}")))
}

fn status_of_layer(archive: &Path, blob: &str) -> Result<Option<Vec<u8>>, UnreadableImage> {
    let found = in_archive(archive, blob, |entry| {
        let mut layer = tar::Archive::new(flate2::read::GzDecoder::new(entry));
        for file in layer.entries()? {
            let file = file?;
            if [STATUS, ostree::tree::STATUS].iter().any(|status| file.path().is_ok_and(|path| path.as_os_str() == *status)) {
                return Ok(Some(read_status(file, archive)?));
            }
        }
        Ok(None)
    })?;
    found.ok_or_else(|| UnreadableImage::NotOci { path: archive.to_owned(), reason: format!("it has no '{blob}'") })
}

/// What `read` makes of one file of a tar archive, if it has that file.
fn in_archive<T>(
    archive: &Path,
    path: &str,
    read: impl FnOnce(&mut dyn Read) -> Result<T, UnreadableImage>,
) -> Result<Option<T>, UnreadableImage> {
    let mut archive = tar::Archive::new(open_regular(archive)?);
    for entry in archive.entries_with_seek()? {
        let mut entry = entry?;
        if entry.path()?.as_os_str() == path {
            return read(&mut entry).map(Some);
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locked(name: &str, version: &str, lookaside: bool) -> LockedPackage {
        LockedPackage { lookaside, ..LockedPackage::example(name, version) }
    }

    #[test]
    fn other_versions_and_strangers_are_found() {
        let lock = [locked("acl", "2.3-1", false), locked("bash", "5.2", false), locked("zsh", "5.9", true)];
        let installed = ["acl_2.3-1_amd64", "bash_5.1_amd64", "zsh_5.9_amd64"].map(str::to_owned);
        let findings = image_equals_lock(&installed, &lock, Severity::Fatal, "Base.amd64", "base.oci.tar");
        let messages: Vec<_> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "base.oci.tar holds bash 5.1 (amd64), the lock has 5.2",
                "base.oci.tar holds zsh 5.9 (amd64), which the lock does not have"
            ]
        );
    }
}
