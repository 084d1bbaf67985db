//! `images.json`: every image of a compose.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ComposeRecord, PRODUCTMD_VERSION, document};

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ImageRecord {
    /// As Debian names it, when it is an image of Debian packages.
    pub arch: String,
    pub bootable: bool,
    /// Hexadecimal digests by kind: `sha256`.
    pub checksums: BTreeMap<String, String>,
    pub disc_count: u32,
    pub disc_number: u32,
    /// `ociarchive` of a container, `iso` of a live system.
    pub format: String,
    /// Of an ISO whose media check value is implanted.
    pub implant_md5: Option<String>,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Relative to the compose's `compose` folder.
    pub path: String,
    pub size: u64,
    /// What the image is of: the variant, or a name of its own.
    pub subvariant: String,
    /// `container` or `live`.
    #[serde(rename = "type")]
    pub image_type: String,
    pub volume_id: Option<String>,
}

/// productmd's type and format for an image kind of the configuration; none for a kind that it has no word for.
///
/// Type, format, architecture and subvariant together name an image: productmd refuses a file in which two images share all
/// four and differ in content.
pub fn productmd_kind(kind: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        "container" => Some(("container", "ociarchive")),
        "live" => Some(("live", "iso")),
        _ => None,
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    compose: &'a ComposeRecord,
    images: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a ImageRecord>>>,
}

/// The text of `images.json`. Each image comes with its variant's uid.
pub fn images_json(compose: &ComposeRecord, images: &[(String, ImageRecord)]) -> String {
    let mut by_variant: BTreeMap<&str, BTreeMap<&str, Vec<&ImageRecord>>> = BTreeMap::new();
    for (variant, image) in images {
        by_variant.entry(variant).or_default().entry(&image.arch).or_default().push(image);
    }
    for images in by_variant.values_mut().flat_map(BTreeMap::values_mut) {
        images.sort_by(|left, right| left.path.cmp(&right.path));
    }
    document("productmd.images", PRODUCTMD_VERSION, &Payload { compose, images: by_variant })
}
