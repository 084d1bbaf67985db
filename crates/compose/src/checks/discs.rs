//! Whether the discs of a data ISO hold the selection: each is unpacked and its repository read as apt reads it.
//!
//! Must not know: how discs were filled.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use charmer_packages::deb::field;

use crate::compression::{Compression, decompress};
use crate::files::{open_regular, remove_folder};
use crate::finding::{Finding, Severity};
use crate::openpgp::Keyring;
use crate::package_set::lock::LockedPackage;
use crate::repositories::{TrustedKeys, verify_apt_repository};
use crate::tools::{Command, Runner, ToolError};

/// As much as an index of a whole archive has.
const INDEX_LIMIT: u64 = 1 << 30;

/// Unpacks a path of an ISO into a folder that the caller removes with [`remove_unpacked`].
pub async fn unpack(runner: &Runner, iso: &Path, path: &str, folder: &Path) -> Result<(), ToolError> {
    let command = Command::new("xorriso").args(["-no_rc", "-osirrox", "on", "-indev"]).arg(iso);
    runner.run(&command.args(["-extract", path]).arg(folder)).await?;
    Ok(())
}

/// Volumes have folders that nobody may write to, and so have copies of them.
pub fn remove_unpacked(folder: &Path) -> std::io::Result<()> {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        fs_err::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))?;
        for entry in fs_err::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    remove_folder(folder)
}

/// An unpacked disc.
#[derive(Debug)]
pub struct UnpackedDisc {
    pub folder: PathBuf,
    pub suite: String,
    /// The key that signed it, and the time at which it is believed; none if nothing is signed.
    pub keys: Option<(Keyring, SystemTime)>,
}

impl UnpackedDisc {
    /// What apt would stumble over.
    pub fn findings(&self, threads: usize) -> Vec<Finding> {
        let keys = self.keys.as_ref().map(|(keyring, at)| TrustedKeys { keyring, at: *at });
        verify_apt_repository(&self.folder, &self.suite, keys, threads)
    }
}

/// The packages that the indexes of an unpacked disc list, each as `name_version_arch`, sorted.
pub fn packages_on(disc: &Path) -> std::io::Result<Vec<String>> {
    let mut packages = Vec::new();
    for suite in fs_err::read_dir(disc.join("dists"))? {
        for component in folders_in(&suite?.path())? {
            for arch in folders_in(&component)? {
                let index = arch.join("Packages.xz");
                if index.is_file() {
                    packages.extend(listed_in(&index)?);
                }
            }
        }
    }
    packages.sort();
    Ok(packages)
}

fn folders_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        folders.extend(entry.file_type()?.is_dir().then(|| entry.path()));
    }
    Ok(folders)
}

fn listed_in(index: &Path) -> std::io::Result<Vec<String>> {
    let bytes = decompress(Compression::Xz, open_regular(index)?, INDEX_LIMIT).map_err(std::io::Error::other)?;
    let text = String::from_utf8_lossy(&bytes);
    let id = |stanza: &str| {
        let of = |name| field(stanza.as_bytes(), name).map(str::trim);
        Some(format!("{}_{}_{}", of("Package")?, of("Version")?, of("Architecture")?))
    };
    Ok(text.split("\n\n").filter_map(id).collect())
}

/// Compares what is on all discs with the selection: each package is on one of them, and nothing else is.
pub fn discs_equal_lock<'a>(
    on_discs: &[(String, Vec<String>)],
    selection: impl IntoIterator<Item = &'a LockedPackage>,
    severity: Severity,
    scope: &str,
) -> Vec<Finding> {
    // Of each package of the selection, how many discs it was found on.
    let mut found: BTreeMap<String, usize> = selection.into_iter().map(|package| (package.id(), 0)).collect();
    let finding = |subject: &str, message: String| Finding {
        check: "image-equals-lock".to_owned(),
        severity,
        scope: scope.to_owned(),
        subject: subject.to_owned(),
        message,
        hint: None,
    };
    let mut findings = Vec::new();
    for (disc, packages) in on_discs {
        for package in packages {
            match found.get_mut(package) {
                Some(count) => *count += 1,
                None => findings.push(finding(package, format!("{disc} holds {package}, which the lock does not have"))),
            }
        }
    }
    findings.extend(found.into_iter().filter(|(_, count)| *count != 1).map(|(package, count)| {
        let message = format!("{package} is on {count} discs, it should be on one");
        finding(&package, message)
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_on_no_disc_on_two_and_from_elsewhere_is_found() {
        let lock = ["a", "b", "c"].map(|name| LockedPackage::example(name, "1"));
        let discs = [
            ("1.iso".to_owned(), ["a_1_amd64", "b_1_amd64", "z_9_amd64"].map(str::to_owned).to_vec()),
            ("2.iso".to_owned(), vec!["b_1_amd64".to_owned()]),
        ];
        let findings = discs_equal_lock(&discs, &lock, Severity::Fatal, "Base.amd64");
        let messages: Vec<_> = findings.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "1.iso holds z_9_amd64, which the lock does not have",
                "b_1_amd64 is on 2 discs, it should be on one",
                "c_1_amd64 is on 0 discs, it should be on one",
            ]
        );
    }
}
