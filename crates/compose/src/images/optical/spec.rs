//! What a configuration says of ISO images: nothing here depends on the day or the number of a compose.

use serde::{Deserialize, Serialize};

use super::names::IsoNames;

/// The ISO image, or set of images, of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct IsoSpec {
    /// The variant's UID.
    pub variant: String,
    /// `src` for the tree of sources.
    pub arch: String,
    pub names: IsoNames,
    /// Bytes of files that one disc holds.
    pub capacity: u64,
    pub volume: VolumeSpec,
    pub failable: bool,
}

/// An ISO image of several variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExtraIsoSpec {
    /// The UID of the variant that the image belongs to, and that it holds too.
    pub variant: String,
    /// `src` for sources.
    pub arch: String,
    /// Its place among the extra images of the variant.
    pub number: usize,
    /// UIDs of the other variants on it.
    pub included: Vec<String>,
    pub names: IsoNames,
    /// Of its own name; none for that of an ordinary image.
    pub file_name: Option<String>,
    /// Of its own volume id; none for that of an ordinary image.
    pub volume_ids: Vec<String>,
    /// Whether the variants' extra files are on it too.
    pub inherits_extra_files: bool,
    /// In bytes; none where the variant's limit holds.
    pub max_size: Option<u64>,
    pub volume: VolumeSpec,
    pub failable: bool,
}

/// How a volume is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VolumeSpec {
    /// By xorriso, and not by genisoimage.
    pub xorriso: bool,
    /// The tool's own where there is none.
    pub iso_level: Option<u8>,
    /// A machine of its arch starts from it, if the tree has an installer.
    pub bootable: bool,
    /// For Apple's machines too, on ppc64le.
    pub hfs: bool,
    /// Files with several names are copied first.
    pub breaks_hardlinks: bool,
    pub jigdo: bool,
}

/// How large the images of a variant and an arch may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SizeLimit {
    /// In bytes.
    pub bytes: Option<u64>,
    /// Whether the compose fails by an image that is larger.
    pub is_strict: bool,
}
