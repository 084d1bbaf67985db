//! Repositories: from a variant's selected packages to a repository that clients of the ecosystem read.
//!
//! Must not know: why a package was selected, images, phases.
//!
//! An apt repository is written in two steps, between which the caller has its Release file signed: [`stage_apt_repository`]
//! writes what no client looks at yet (pool, indexes under their digests), [`StagedRepository::publish`] makes it visible.
//! [`verify_apt_repository`] reads one back as a client would.

mod apt;
mod by_hash;
mod contents;
pub mod createrepo_c;
mod details;
mod index;
pub mod modulemd;
pub mod plan;
mod pool;
pub mod product_id;
mod release;
pub mod rpm_extras;
pub mod rpm_md;
pub mod rpm_plan;
pub mod rpm_trees;
mod stanza;
mod translation;
mod verify;
pub(crate) mod write;

pub use apt::{AptRepositorySpec, ReleaseSignatures, RepositoryError, StagedRepository, stage_apt_repository};
pub use details::PackageReader;
pub use pool::{PoolCollision, package_path, source_folder};
pub use verify::{TrustedKeys, verify_apt_repository};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::engine::OutputFile;

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
    /// Every file that clients ask for, with paths relative to the compose's folder.
    pub files: Vec<OutputFile>,
}
