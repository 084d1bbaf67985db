//! Repositories: from a variant's selected packages to a repository that clients of the ecosystem read.
//!
//! Must not know: why a package was selected, images, phases.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;

/// A written repository of one variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// Relative to the compose's folder: `compose/Server/repository`.
    pub path: String,
    pub suite: String,
    pub components: Vec<String>,
    pub arches: Vec<String>,
    /// Of its top index (InRelease, or Release when it is not signed).
    pub sha256: Sha256,
    pub packages: u64,
    pub sources: u64,
    /// Bytes of all files in it.
    pub size: u64,
}
