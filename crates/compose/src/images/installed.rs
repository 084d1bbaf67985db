//! Which packages a root file system holds, by its own package database (`var/lib/dpkg/status`).
//!
//! Must not know: what was asked for; that comparison is a check.

use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The database's path in a root file system.
pub(crate) const STATUS: &str = "var/lib/dpkg/status";
/// A database of every package of Debian would be smaller.
const STATUS_LIMIT: u64 = 256 << 20;

/// Why a package database says nothing certain.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// `fs_err` names the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{} holds no package database ({STATUS})", .0.display())]
    NoDatabase(PathBuf),
    #[error("the package database of {} is over {} MiB", .0.display(), STATUS_LIMIT >> 20)]
    TooLarge(PathBuf),
    #[error("the package database has an entry without {field}, before byte {end}")]
    Incomplete { field: &'static str, end: usize },
    #[error("package '{package}' is not wholly installed, its status is '{status}'")]
    HalfInstalled { package: String, status: String },
}

/// The packages installed in a root file system's tar file, each as `name_version_arch`, sorted.
pub fn installed_in_tar(tar: &Path) -> Result<Vec<String>, StatusError> {
    let mut archive = tar::Archive::new(fs_err::File::open(tar)?);
    for entry in archive.entries_with_seek()? {
        let mut entry = entry?;
        if entry.path()?.strip_prefix("./").is_ok_and(|path| path == Path::new(STATUS)) {
            return installed_in_status(&read_status(&mut entry, tar)?);
        }
    }
    Err(StatusError::NoDatabase(tar.to_owned()))
}

/// The bytes of a database that is read from `origin`.
pub(crate) fn read_status(reader: impl std::io::Read, origin: &Path) -> Result<Vec<u8>, StatusError> {
    let mut status = Vec::new();
    reader.take(STATUS_LIMIT + 1).read_to_end(&mut status)?;
    if status.len() as u64 > STATUS_LIMIT {
        return Err(StatusError::TooLarge(origin.to_owned()));
    }
    Ok(status)
}

/// The packages that a database says are installed, each as `name_version_arch`, sorted. What was removed but for its
/// configuration files is not installed; what dpkg left half-way is an error.
pub fn installed_in_status(status: &[u8]) -> Result<Vec<String>, StatusError> {
    let mut installed = Vec::new();
    let mut entry = Entry::default();
    let mut end = 0;
    for line in status.split_inclusive(|&byte| byte == b'\n') {
        end += line.len();
        let line = line.trim_ascii_end();
        if line.is_empty() {
            installed.extend(std::mem::take(&mut entry).installed(end)?);
        } else {
            entry.read(line);
        }
    }
    installed.extend(entry.installed(end)?);
    installed.sort_unstable();
    Ok(installed)
}

/// The fields of one entry that matter here.
#[derive(Default)]
struct Entry {
    package: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    status: Option<String>,
}

impl Entry {
    fn read(&mut self, line: &[u8]) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { return };
        let field = match &line[..colon] {
            b"Package" => &mut self.package,
            b"Version" => &mut self.version,
            b"Architecture" => &mut self.architecture,
            b"Status" => &mut self.status,
            _ => return,
        };
        *field = Some(String::from_utf8_lossy(line[colon + 1..].trim_ascii()).into_owned());
    }

    fn installed(self, end: usize) -> Result<Option<String>, StatusError> {
        if self.package.is_none() && self.status.is_none() {
            return Ok(None);
        }
        let package = self.package.ok_or(StatusError::Incomplete { field: "Package", end })?;
        let status = self.status.ok_or(StatusError::Incomplete { field: "Status", end })?;
        match status.rsplit(' ').next() {
            Some("installed") => {}
            Some("config-files" | "not-installed") => return Ok(None),
            _ => return Err(StatusError::HalfInstalled { package, status }),
        }
        let version = self.version.ok_or(StatusError::Incomplete { field: "Version", end })?;
        let architecture = self.architecture.ok_or(StatusError::Incomplete { field: "Architecture", end })?;
        Ok(Some(format!("{package}_{version}_{architecture}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(package: &str, status: &str) -> String {
        format!(
            "Package: {package}\nStatus: {status}\nArchitecture: amd64\nDescription: one\n Version: no field\nVersion: 1:2-3\n"
        )
    }

    #[test]
    fn installed_and_held_packages_count_and_removed_ones_do_not() {
        let status = ["hold ok installed", "deinstall ok config-files", "install ok installed"]
            .iter()
            .zip(["zlib1g", "old", "acl"])
            .map(|(status, package)| entry(package, status))
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(installed_in_status(status.as_bytes()).unwrap(), ["acl_1:2-3_amd64", "zlib1g_1:2-3_amd64"]);
    }

    #[test]
    fn a_half_configured_package_is_an_error_that_names_it() {
        let error = installed_in_status(entry("acl", "install ok half-configured").as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "package 'acl' is not wholly installed, its status is 'install ok half-configured'");
    }

    #[test]
    fn an_entry_cut_short_is_an_error() {
        let error = installed_in_status(b"Package: acl\nStatus: install ok installed\n").unwrap_err();
        assert!(error.to_string().contains("without Version"), "{error}");
    }
}
