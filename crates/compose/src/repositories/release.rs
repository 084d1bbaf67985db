//! The Release file: what a suite is, and the size and digest of every index in it. Written, and read back.

use std::fmt::Write as _;

use super::{AptRepositorySpec, RepositoryError};
use crate::digest::Sha256;

/// An index file in one of its forms, as the Release file lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IndexFile {
    /// Relative to the Release file: `main/binary-amd64/Packages.xz`.
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) sha256: Sha256,
    /// Uncompressed indexes are listed, because clients verify what they unpacked, but do not lie in the repository.
    pub(super) shipped: bool,
}

/// The text of Release. `files` are sorted by path.
pub(super) fn release_text(spec: &AptRepositorySpec, files: &[IndexFile]) -> Result<String, RepositoryError> {
    let date = jiff::Timestamp::from_second(spec.date)
        .map_err(|_| RepositoryError::Name { what: "date", value: spec.date.to_string() })?
        .strftime("%a, %d %b %Y %H:%M:%S UTC")
        .to_string();
    let mut text = String::new();
    let mut field = |name: &str, value: &str| {
        if !value.trim().is_empty() {
            writeln!(text, "{name}: {}", value.trim()).expect("memory takes it");
        }
    };
    field("Origin", &spec.origin);
    field("Label", &spec.label);
    field("Suite", &spec.suite);
    field("Version", &spec.version);
    field("Codename", &spec.codename);
    field("Date", &date);
    field("Acquire-By-Hash", "yes");
    // Packages for all architectures stand in every architecture's index; clients need not look for one of their own.
    field("No-Support-for-Architecture-all", "Packages");
    field("Architectures", &spec.arches.join(" "));
    field("Components", &spec.components.join(" "));
    field("Description", &spec.description);
    text.push_str("SHA256:\n");
    for file in files {
        writeln!(text, " {} {:>8} {}", file.sha256, file.size, file.path).expect("memory takes it");
    }
    Ok(text)
}

/// The small Release file in each index folder, without which debian-installer takes the folder for missing.
pub(super) fn folder_release_text(spec: &AptRepositorySpec, component: &str, arch: &str) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: &str| {
        if !value.trim().is_empty() {
            writeln!(text, "{name}: {}", value.trim()).expect("memory takes it");
        }
    };
    field("Archive", &spec.suite);
    field("Origin", &spec.origin);
    field("Label", &spec.label);
    field("Version", &spec.version);
    field("Acquire-By-Hash", "yes");
    field("Component", component);
    field("Architecture", arch);
    text
}

/// The SHA256 section of a Release file. A line that cannot be understood is given as the error.
pub(super) fn listed_files(release: &str) -> Result<Vec<(String, u64, Sha256)>, String> {
    let section = super::stanza::field(release, "SHA256").ok_or("it has no SHA256 section")?;
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let (digest, size, path) = (words.next()?, words.next()?, words.next()?);
        let inside = path.split('/').all(|part| super::pool::check_part("path", part).is_ok());
        inside.then_some(())?;
        Some((path.to_owned(), size.parse().ok()?, digest.parse().ok()?))
    };
    let lines = section.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| parse(line).ok_or_else(|| format!("this line lists no file: '{}'", line.trim()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_files_are_read_back_and_paths_that_leave_the_folder_are_not() {
        let digest = Sha256::of(b"");
        let release = format!("Suite: x\nSHA256:\n {digest}        0 main/binary-amd64/Packages\nX: y\n");
        assert_eq!(listed_files(&release), Ok(vec![("main/binary-amd64/Packages".to_owned(), 0, digest)]));
        for bad in ["../Packages", "/etc/passwd", "main//x", ""] {
            assert!(listed_files(&format!("SHA256:\n {digest} 0 {bad}\n")).is_err(), "{bad}");
        }
    }
}
