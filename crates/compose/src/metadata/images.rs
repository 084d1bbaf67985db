//! `images.json`: every image of a compose.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ComposeRecord, PRODUCTMD_VERSION, document};

/// One image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ImageRecord {
    /// The other variants that it holds, when it holds several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_variants: Option<Vec<String>>,
    /// As Debian names it, when it is an image of Debian packages.
    pub arch: String,
    /// How it was started before it was shipped: charmer's own, which other readers of productmd's metadata pass over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boot_tests: Vec<BootTestRecord>,
    pub bootable: bool,
    /// Hexadecimal digests by kind: `sha256`.
    pub checksums: BTreeMap<String, String>,
    pub disc_count: u32,
    /// Why another build of the same packages differs from it; only where one does. Charmer's own too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differs: Option<String>,
    pub disc_number: u32,
    /// `ociarchive` of a container, `iso` of a live system and of discs.
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
    /// `container`, `live` or `dvd`.
    #[serde(rename = "type")]
    pub image_type: String,
    /// It holds several variants.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unified: bool,
    pub volume_id: Option<String>,
}

/// How an image was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct BootTestRecord {
    /// `bios`, `uefi` or `secure-boot`.
    pub firmware: String,
    /// It showed what was waited for.
    pub passed: bool,
    /// Its serial console, relative to the folder that has `compose` and `logs` in it.
    pub console: String,
    /// Its screen, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screenshot: Option<String>,
}

/// An image and where it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImage {
    /// The variant's uid.
    pub variant: String,
    /// The architecture that has it: an image of sources stands under each that the sources are for.
    pub arch: String,
    pub image: ImageRecord,
}

/// productmd's type and format for an image kind of the configuration; none for a kind that it has no word for.
///
/// Type, format, architecture and subvariant together name an image: productmd refuses a file in which two images share all
/// four and differ in content.
pub fn productmd_kind(kind: &str, format: &str) -> Option<(&'static str, &'static str)> {
    match (kind, format) {
        ("container", _) => Some(("container", "ociarchive")),
        ("bootc", _) => Some(("bootable-container", "ociarchive")),
        ("live", "iso") => Some(("live", "iso")),
        ("installer", _) => Some(("netinst", "iso")),
        ("data-iso", _) => Some(("dvd", "iso")),
        ("tar", "tar.gz") => Some(("tar-gz", "tar.gz")),
        // A root file system that people import as a container.
        ("tar" | "lxc", _) => Some(("container", "tar.xz")),
        ("disk", "raw.xz") => Some(("raw-xz", "raw.xz")),
        ("disk", "raw") => Some(("raw", "raw")),
        ("disk", "vmdk") => Some(("vmdk", "vmdk")),
        ("disk", "vhd") => Some(("vpc", "vhd")),
        ("disk", _) => Some(("qcow2", "qcow2")),
        ("squashfs", _) | ("live", "squashfs") => Some(("liveimg-squashfs", "liveimg.squashfs")),
        ("wsl", _) => Some(("wsl2", "wsl")),
        _ => None,
    }
}

/// Whether images of this kind bear productmd's type alone. Others stand under a subvariant of their own, so that they are told from
/// those that have the same.
pub fn has_own_type(kind: &str) -> bool {
    kind != "lxc"
}

#[derive(Serialize)]
struct Payload<'a> {
    compose: &'a ComposeRecord,
    images: BTreeMap<&'a str, BTreeMap<&'a str, Vec<&'a ImageRecord>>>,
}

/// The text of `images.json`.
pub fn images_json(compose: &ComposeRecord, images: &[ListedImage]) -> String {
    let mut by_variant: BTreeMap<&str, BTreeMap<&str, Vec<&ImageRecord>>> = BTreeMap::new();
    for ListedImage { variant, arch, image } in images {
        by_variant.entry(variant).or_default().entry(arch).or_default().push(image);
    }
    for images in by_variant.values_mut().flat_map(BTreeMap::values_mut) {
        images.sort_by(|left, right| left.path.cmp(&right.path));
    }
    document("productmd.images", PRODUCTMD_VERSION, &Payload { compose, images: by_variant })
}
