//! Images: what is made from a composed repository and boots, or runs, or is installed from.
//!
//! Must not know: archives, mirrors, the lock's origin; every package comes from the composed repository.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;

/// A finished image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Relative to the compose's folder.
    pub path: String,
    /// The kind as the configuration names it: `container`, `live`.
    pub kind: String,
    pub variant: String,
    pub arch: String,
    /// productmd's words for it: type `live`, format `iso`.
    pub format: String,
    pub size: u64,
    pub sha256: Sha256,
    pub volume_id: Option<String>,
    pub bootable: bool,
    /// `name=version` would not do for several arches: each is `name_version_arch`, sorted.
    pub installed: Vec<String>,
}
