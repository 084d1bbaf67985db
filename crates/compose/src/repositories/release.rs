//! The Release file: what a suite is, and the size and digest of every index in it.

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
        .map_err(|_| RepositoryError::Date(spec.date))?
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
    field("Acquire-By-Hash", if spec.has_by_hash() { "yes" } else { "" });
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
    field("Acquire-By-Hash", if spec.has_by_hash() { "yes" } else { "" });
    field("Component", component);
    field("Architecture", arch);
    text
}
