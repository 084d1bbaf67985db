//! What ISO images and their volumes are called.

use serde::{Deserialize, Serialize};

use super::error::IsoError;
use super::spec::{ExtraIsoSpec, IsoSpec};
use crate::metadata::ComposeRecord;
use crate::metadata::pungi_names::{
    NameError, VolumeIdRules, image_name, label_major_version, layered_product_compose_id, volume_id,
};
use crate::metadata::python_format::{Values, expand};

/// The rules for the names of a variant's images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct IsoNames {
    /// Of the file.
    pub image_name: String,
    /// The variant, or its parent where it is a layered product.
    pub shown_variant: String,
    pub layered_product: Option<LayeredProduct>,
    /// What stands for `dvd`.
    pub disc_type: String,
    /// Of volume ids, in the order in which they are tried.
    pub volume_ids: Vec<String>,
    /// Words in volume ids, and what stands for them.
    pub substitutions: Vec<(String, String)>,
    /// Volume ids have only letters, digits, underscores and dashes.
    pub restricted: bool,
    /// Of the product that volume ids are about.
    pub release_short: String,
    pub release_version: String,
    /// Of the product that a layered one stands on; empty where there is none.
    pub base_product_short: String,
    pub base_product_version: String,
}

/// A product of its own inside the compose of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LayeredProduct {
    pub short: String,
    pub version: String,
}

/// What names take from the compose. `release` is its short name and its version.
pub fn run_values(compose: &ComposeRecord, release: (&str, &str)) -> Values<'static> {
    // Python's word for nothing stands in names that want a label where there is none.
    let label = compose.label.as_deref().unwrap_or("None");
    let values = [
        ("compose_id", compose.id.as_str()),
        ("release_short", release.0),
        ("version", release.1),
        ("date", &compose.date),
        ("respin", &compose.respin.to_string()),
        ("type", compose.compose_type.name()),
        ("type_suffix", compose.compose_type.suffix()),
        ("label", label),
        ("label_major_version", label_major_version(label)),
    ];
    values.map(|(key, value)| (key, value.to_owned())).into()
}

impl IsoSpec {
    /// The file name of a disc.
    pub fn file_name(&self, disc: u32, run: &Values<'_>) -> Result<String, IsoError> {
        sound(self.names.image_name(&self.arch, disc, run)?)
    }

    pub fn volume_id(&self, run: &Values<'_>) -> Result<String, IsoError> {
        Ok(self.names.volume_id(&self.arch, &[], run)?)
    }
}

impl ExtraIsoSpec {
    pub fn file_name(&self, run: &Values<'_>) -> Result<String, IsoError> {
        let usual = self.names.image_name(&self.arch, 1, run)?;
        let Some(format) = &self.file_name else { return sound(usual) };
        let mut values = run.clone();
        values.extend([
            ("arch", self.arch.clone()),
            ("disc_type", self.names.disc_type.clone()),
            ("disc_num", "1".to_owned()),
            ("suffix", ".iso".to_owned()),
            ("filename", usual),
            ("variant", self.variant.clone()),
        ]);
        sound(expand(format, &values).map_err(NameError::ImageNameFormat)?)
    }

    pub fn volume_id(&self, run: &Values<'_>) -> Result<String, IsoError> {
        let usual = self.names.volume_id(&self.arch, &[], run)?;
        if self.volume_ids.is_empty() {
            return Ok(usual);
        }
        let mut run = run.clone();
        run.insert("volid", usual);
        Ok(self.names.volume_id(&self.arch, &self.volume_ids, &run)?)
    }
}

impl IsoNames {
    fn image_name(&self, arch: &str, disc: u32, run: &Values<'_>) -> Result<String, NameError> {
        self.numbered_image_name(arch, &disc.to_string(), run)
    }

    fn numbered_image_name(&self, arch: &str, disc: &str, run: &Values<'_>) -> Result<String, NameError> {
        let mut values = run.clone();
        if let Some(LayeredProduct { short, version }) = &self.layered_product {
            let value = |key: &str| run.get(key).map_or("", String::as_str);
            let day = format!("{}{}.{}", value("date"), value("type_suffix"), value("respin"));
            let release = (value("release_short"), value("version"));
            values.insert("compose_id", layered_product_compose_id((short, version), release, &day));
        }
        values.extend([
            ("variant", self.shown_variant.clone()),
            ("arch", arch.to_owned()),
            ("disc_type", self.disc_type.clone()),
            ("disc_num", disc.to_owned()),
            ("suffix", ".iso".to_owned()),
        ]);
        image_name(&self.image_name, &values)
    }

    /// The name of a boot medium, which has no number.
    pub fn boot_file_name(&self, arch: &str, run: &Values<'_>) -> Result<String, IsoError> {
        sound(self.numbered_image_name(arch, "", run)?)
    }

    /// Own formats take the place of the configuration's.
    pub(in crate::images) fn volume_id(&self, arch: &str, own_formats: &[String], run: &Values<'_>) -> Result<String, NameError> {
        let mut values = run.clone();
        values.extend([
            ("variant", self.shown_variant.clone()),
            ("arch", arch.to_owned()),
            ("disc_type", self.disc_type.clone()),
            ("release_short", self.release_short.clone()),
            ("version", self.release_version.clone()),
            ("base_product_short", self.base_product_short.clone()),
            ("base_product_version", self.base_product_version.clone()),
        ]);
        let formats = if own_formats.is_empty() { &self.volume_ids } else { own_formats };
        volume_id(VolumeIdRules { formats, substitutions: &self.substitutions, restricted: self.restricted }, &values)
    }
}

/// Formats are free text; what they give must be the name of a file in its folder.
pub(super) fn sound(name: String) -> Result<String, IsoError> {
    let is_sound = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0', '\n']);
    if is_sound { Ok(name) } else { Err(IsoError::FileName(name)) }
}
