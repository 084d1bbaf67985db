//! Which ISO images there are as far as the configuration says: those of each tree, and those of several variants.

use super::super::pattern::PatternError;
use super::super::va::{VariantArch, for_variant};
use super::super::value::{Dict, Value};
use super::super::variants::{Kind, Variant, Variants};
use crate::images::optical::{ExtraIsoSpec, IsoNames, IsoSpec, LayeredProduct, SizeLimit, VolumeSpec};
use crate::metadata::pungi_names::{DEFAULT_IMAGE_NAME, major_version};

/// The arch of trees of sources.
const SOURCES: &str = "src";

/// Why there are no specs of images.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IsoConfigError {
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error("{option}: '{value}' is no size: a number is expected, which b, k, M or G may follow")]
    Size { option: &'static str, value: String },
    #[error("iso_size leaves no room: it must be larger than split_iso_reserve")]
    NoRoom,
    #[error("extra_isos of {variant}: there is no variant '{included}' to include")]
    UnknownVariant { variant: String, included: String },
}

/// An image of several variants, and the entries of its own extra files as the configuration has them.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtraIso {
    pub spec: ExtraIsoSpec,
    pub extra_files: Vec<Value>,
}

/// The images of trees, in the order of variants; sources last in each. Those of trees that turn out to have no packages are not made.
pub fn isos(values: &Dict, variants: &Variants) -> Result<Vec<IsoSpec>, IsoConfigError> {
    let options = Options::new(values)?;
    let capacity = capacity(values)?;
    let skip = VariantArch::new(values.get("createiso_skip"))?;
    let mut specs = Vec::new();
    for variant in variants.all.iter().filter(|variant| options.has_isos(variant)) {
        let names = options.names(variant)?;
        for arch in variant.arches.iter().map(String::as_str).chain([SOURCES]) {
            if is_exactly_true(&skip.get(Some(&variant.uid), arch)) {
                continue;
            }
            specs.push(IsoSpec {
                variant: variant.uid.clone(),
                arch: arch.to_owned(),
                names: names.clone(),
                capacity,
                volume: VolumeSpec { bootable: options.is_bootable(variant, arch), ..options.volume(variant, arch) },
                failable: texts(&options.failable.get(Some(&variant.uid), arch)).contains(&"iso"),
            });
        }
    }
    Ok(specs)
}

/// The images of several variants, in the order of variants, of the configuration, and of arches.
pub fn extra_isos(values: &Dict, variants: &Variants) -> Result<Vec<ExtraIso>, IsoConfigError> {
    let Some(configured) = values.get("extra_isos").and_then(Value::as_dict) else { return Ok(Vec::new()) };
    let options = Options::new(values)?;
    let mut isos = Vec::new();
    for variant in variants.all.iter().filter(|variant| variant.kind == Kind::Variant) {
        let blocks = for_variant(configured, &variant.uid)?;
        for (number, block) in blocks.iter().filter_map(Value::as_dict).enumerate() {
            for arch in extra_arches(block, variant) {
                isos.push(options.extra_iso(variants, variant, arch, number, block)?);
            }
        }
    }
    Ok(isos)
}

/// What boot media of a variant are called.
pub fn boot_names(values: &Dict, variant: &Variant) -> Result<IsoNames, PatternError> {
    let disc_type = entry(values.get("disc_types"), "boot").unwrap_or("boot").to_owned();
    Ok(IsoNames { disc_type, ..Options::new(values)?.names(variant)? })
}

/// How large the images that are listed under a variant and an arch may be.
pub fn size_limit(values: &Dict, uid: &str, arch: &str) -> Result<SizeLimit, PatternError> {
    let limits = VariantArch::new(values.get("createiso_max_size"))?.get(Some(uid), arch);
    let strictness = VariantArch::new(values.get("createiso_max_size_is_strict"))?.get(Some(uid), arch);
    Ok(SizeLimit { bytes: limits.first().and_then(whole), is_strict: strictness.iter().any(Value::is_truthy) })
}

/// Options of all images, read once.
struct Options<'a> {
    values: &'a Dict,
    levels: VariantArch,
    failable: VariantArch,
    buildinstall_skip: VariantArch,
}

impl<'a> Options<'a> {
    fn new(values: &'a Dict) -> Result<Self, PatternError> {
        let by_variant = |option: &str| VariantArch::new(values.get(option));
        Ok(Self {
            values,
            levels: by_variant("iso_level")?,
            failable: by_variant("failable_deliverables")?,
            buildinstall_skip: by_variant("buildinstall_skip")?,
        })
    }

    fn flag(&self, option: &str) -> bool {
        self.values.get(option).is_some_and(Value::is_truthy)
    }

    fn text(&self, option: &str) -> String {
        self.values.get(option).and_then(Value::as_text).unwrap_or_default().to_owned()
    }

    fn has_isos(&self, variant: &Variant) -> bool {
        let by_kind = match variant.kind {
            Kind::Variant | Kind::LayeredProduct => true,
            Kind::Optional => self.flag("create_optional_isos"),
            Kind::Addon => false,
        };
        by_kind && !variant.is_empty
    }

    fn is_bootable(&self, variant: &Variant, arch: &str) -> bool {
        let has_installer = self.flag("buildinstall_method") && variant.kind == Kind::Variant && arch != SOURCES;
        has_installer && !is_exactly_true(&self.buildinstall_skip.get(Some(&variant.uid), arch))
    }

    fn volume(&self, variant: &Variant, arch: &str) -> VolumeSpec {
        let level = match self.values.get("iso_level") {
            Some(Value::Int(level)) => level.to_i64(),
            _ => self.levels.get(Some(&variant.uid), arch).last().and_then(|level| whole(level)?.try_into().ok()),
        };
        VolumeSpec {
            xorriso: self.flag("createiso_use_xorrisofs"),
            iso_level: level.and_then(|level| level.try_into().ok()),
            bootable: false,
            hfs: self.flag("iso_hfs_ppc64le_compatible"),
            breaks_hardlinks: self.flag("createiso_break_hardlinks"),
            jigdo: self.flag("create_jigdo"),
        }
    }

    fn names(&self, variant: &Variant) -> Result<IsoNames, PatternError> {
        let image_name = match self.values.get("image_name_format") {
            Some(Value::Dict(formats)) => {
                for_variant(formats, &variant.uid)?.first().and_then(|format| Some(format.as_text()?.to_owned()))
            }
            format => format.and_then(|format| Some(format.as_text()?.to_owned())),
        };
        let product = variant.release.as_ref().filter(|_| variant.kind == Kind::LayeredProduct);
        let (release_version, base_product_version) = (self.text("release_version"), self.text("base_product_version"));
        let is_layered = product.is_some() || self.flag("base_product_name");
        let layered_formats = is_layered.then(|| self.values.get("image_volid_layered_product_formats")).flatten();
        let formats = [layered_formats, self.values.get("image_volid_formats")].into_iter().flatten();
        let common = IsoNames {
            image_name: image_name.unwrap_or_else(|| DEFAULT_IMAGE_NAME.to_owned()),
            shown_variant: variant.uid.clone(),
            layered_product: None,
            disc_type: entry(self.values.get("disc_types"), "dvd").unwrap_or("dvd").to_owned(),
            volume_ids: formats.flat_map(one_or_many).map(str::to_owned).collect(),
            substitutions: substitutions(self.values.get("volume_id_substitutions")),
            restricted: self.flag("restricted_volid"),
            release_short: self.text("release_short"),
            release_version,
            base_product_short: self.text("base_product_short"),
            base_product_version,
        };
        let Some(product) = product else { return Ok(common) };
        Ok(IsoNames {
            shown_variant: variant.parent.clone().unwrap_or_else(|| variant.uid.clone()),
            layered_product: Some(LayeredProduct { short: product.short.clone(), version: product.version.clone() }),
            base_product_version: major_version(&common.release_version).to_owned(),
            base_product_short: common.release_short,
            release_short: product.short.clone(),
            release_version: product.version.clone(),
            ..common
        })
    }

    fn extra_iso(
        &self,
        variants: &Variants,
        variant: &Variant,
        arch: &str,
        number: usize,
        block: &Dict,
    ) -> Result<ExtraIso, IsoConfigError> {
        let list = |key: &str| block.get(key).map(one_or_many).unwrap_or_default();
        let mut included = Vec::new();
        for uid in list("include_variants") {
            if variants.get(uid).is_some() {
                included.push(uid.to_owned());
            } else if !variants.excluded.iter().any(|excluded| excluded == uid) {
                return Err(IsoConfigError::UnknownVariant { variant: variant.uid.clone(), included: uid.to_owned() });
            }
        }
        let has_installer = self.flag("buildinstall_method") && arch != SOURCES;
        let spec = ExtraIsoSpec {
            variant: variant.uid.clone(),
            arch: arch.to_owned(),
            number,
            included,
            names: self.names(variant)?,
            file_name: block.get("filename").and_then(Value::as_text).map(str::to_owned),
            volume_ids: list("volid").into_iter().map(str::to_owned).collect(),
            inherits_extra_files: block.get("inherit_extra_files").is_some_and(Value::is_truthy),
            max_size: block.get("max_size").and_then(whole),
            volume: VolumeSpec { bootable: has_installer, breaks_hardlinks: false, ..self.volume(variant, arch) },
            failable: list("failable_arches").contains(&arch),
        };
        let extra_files = match block.get("extra_files") {
            Some(one @ Value::Dict(_)) => vec![one.clone()],
            several => several.and_then(Value::as_items).unwrap_or_default().to_vec(),
        };
        Ok(ExtraIso { spec, extra_files })
    }
}

/// The arches of an image of several variants, sorted; sources are among them unless they are left out.
fn extra_arches<'a>(block: &Dict, variant: &'a Variant) -> Vec<&'a str> {
    let wanted = block.get("arches").map(one_or_many).unwrap_or_default();
    let is_wanted = |arch: &&str| wanted.is_empty() || wanted.contains(arch);
    let mut arches: Vec<&str> = variant.arches.iter().map(String::as_str).filter(is_wanted).collect();
    if !block.get("skip_src").is_some_and(Value::is_truthy) {
        arches.push(SOURCES);
    }
    arches.sort_unstable();
    arches
}

/// What is left of a disc for files.
fn capacity(values: &Dict) -> Result<u64, IsoConfigError> {
    let (size, reserve) = (size(values, "iso_size")?, size(values, "split_iso_reserve")?);
    size.checked_sub(reserve).filter(|capacity| *capacity > 0).ok_or(IsoConfigError::NoRoom)
}

fn size(values: &Dict, option: &'static str) -> Result<u64, IsoConfigError> {
    let value = values.get(option).unwrap_or(&Value::None);
    let text = value.as_text().map(str::trim);
    let wrong = || IsoConfigError::Size { option, value: super::super::show::plain(value) };
    let Some(text) = text else { return whole(value).ok_or_else(wrong) };
    let units = [("b", 1), ("k", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)];
    let with_unit = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (digits, factor) = with_unit.unwrap_or((text, 1));
    digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)
}

fn is_exactly_true(values: &[Value]) -> bool {
    matches!(values, [value] if *value == Value::Bool(true))
}

/// A number that is not negative; what stands after its decimal point does not count.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number is checked; floats saturate")]
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => number.to_i64()?.try_into().ok(),
        Value::Float(number) => (*number >= 0.0).then_some(*number as u64),
        _ => None,
    }
}

fn texts(values: &[Value]) -> Vec<&str> {
    values.iter().filter_map(Value::as_text).collect()
}

fn one_or_many(value: &Value) -> Vec<&str> {
    value.as_items().map_or_else(|| value.as_text().into_iter().collect(), texts)
}

fn entry<'a>(dict: Option<&'a Value>, key: &str) -> Option<&'a str> {
    dict.and_then(Value::as_dict)?.get(key)?.as_text()
}

pub(super) fn substitutions(dict: Option<&Value>) -> Vec<(String, String)> {
    let pairs = dict.and_then(Value::as_dict).into_iter().flatten();
    pairs.filter_map(|(key, value)| Some((key.value().as_text()?.to_owned(), value.as_text()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::validate::from_json;
    use super::*;

    fn values(json: &serde_json::Value) -> Dict {
        from_json(json).as_dict().unwrap().clone()
    }

    fn capacity_of(iso_size: &serde_json::Value, reserve: &serde_json::Value) -> Result<u64, IsoConfigError> {
        capacity(&values(&json!({"iso_size": iso_size, "split_iso_reserve": reserve})))
    }

    #[test]
    fn sizes_have_units_of_1024() {
        assert_eq!(capacity_of(&json!("40k"), &json!("4k")), Ok(36 * 1024));
        assert_eq!(capacity_of(&json!("2G"), &json!(0)), Ok(2 << 30));
        assert_eq!(capacity_of(&json!("7b"), &json!("2")), Ok(5));
        assert_eq!(capacity_of(&json!(4_700_000_000_u64), &json!("10M")), Ok(4_689_514_240));
        assert_eq!(capacity_of(&json!("4k"), &json!("4k")), Err(IsoConfigError::NoRoom));
        for wrong in [json!("4x"), json!("k"), json!(-1), json!("99999999999G"), json!(null)] {
            assert!(matches!(capacity_of(&wrong, &json!(0)), Err(IsoConfigError::Size { .. })), "{wrong}");
        }
    }

    #[test]
    fn only_exactly_one_true_counts() {
        let of = |json: serde_json::Value| is_exactly_true(from_json(&json).as_items().unwrap());
        assert!(of(json!([true])));
        assert!(!of(json!([true, true])) && !of(json!([])) && !of(json!([false])));
    }

    #[test]
    fn limits_are_the_first_and_strict_by_any() {
        let values = values(&json!({
            "createiso_max_size": [["^S", {"*": 10}], ["^S$", {"x86_64": 20}]],
            "createiso_max_size_is_strict": [["^S", {"*": false}], ["^S$", {"x86_64": true}]],
        }));
        assert_eq!(size_limit(&values, "S", "x86_64"), Ok(SizeLimit { bytes: Some(10), is_strict: true }));
        assert_eq!(size_limit(&values, "S", "src"), Ok(SizeLimit { bytes: None, is_strict: false }));
    }
}
