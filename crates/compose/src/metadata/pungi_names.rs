//! The names that Pungi gives: volume ids, image names, the latest link, the versions of images; with its words when it cannot.

use super::names::{self, ComposeType, MILESTONES, ReleaseName};
use super::python_format::{FormatError, Values, expand, list_of_texts};

/// What ISO 9660 has room for.
const VOLUME_ID_LIMIT: usize = 32;

/// Why something has no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("Failed to create volume id: {0}")]
    VolumeIdFormat(FormatError),
    #[error("Could not create volume ID longer than 32 bytes, options are {}", list_of_texts(.0))]
    VolumeIdTooLong(Vec<String>),
    #[error("Volume ID must be less than 32 character: {0}")]
    VolumeIdCannotShrink(String),
    #[error("Failed to create image name: {0}")]
    ImageNameFormat(FormatError),
    #[error("Label in unknown format: {0}")]
    UnknownLabel(String),
    #[error("Unknown version generator '{0}'")]
    UnknownVersionGenerator(String),
}

/// How volume ids are made.
#[derive(Debug, Clone, Copy)]
pub struct VolumeIdRules<'a> {
    /// The first whose result fits is taken. Those for layered products come first where the release is layered.
    pub formats: &'a [String],
    /// Words and what stands for them; the longest are replaced first.
    pub substitutions: &'a [(String, String)],
    /// Only letters, digits and underscores; anything else becomes a dash.
    pub restricted: bool,
}

/// The volume id of an image.
pub fn volume_id(rules: VolumeIdRules<'_>, values: &Values<'_>) -> Result<String, NameError> {
    let mut substitutions: Vec<&(String, String)> = rules.substitutions.iter().collect();
    substitutions.sort_by_key(|(word, _)| std::cmp::Reverse(word.chars().count()));
    let mut too_long = Vec::new();
    for format in rules.formats {
        let expanded = expand(format, values).map_err(NameError::VolumeIdFormat)?;
        let id = substitutions.iter().fold(expanded, |id, (word, replacement)| id.replace(word, replacement));
        if id.chars().count() <= VOLUME_ID_LIMIT {
            return Ok(if rules.restricted { restricted(&id) } else { id });
        }
        too_long.push(id);
    }
    too_long.sort_by(|left, right| (left.chars().count(), left).cmp(&(right.chars().count(), right)));
    too_long.dedup();
    Err(NameError::VolumeIdTooLong(too_long))
}

fn restricted(id: &str) -> String {
    id.chars().map(|character| if character.is_alphanumeric() || character == '_' { character } else { '-' }).collect()
}

/// Makes a volume id that came from elsewhere fit.
pub fn squeezed_volume_id(id: &str) -> Result<String, NameError> {
    let mut squeezed = id.to_owned();
    for (word, replacement) in [("-", ""), (" ", ""), ("Supplementary", "Supp")] {
        if squeezed.chars().count() <= VOLUME_ID_LIMIT {
            break;
        }
        squeezed = squeezed.replace(word, replacement);
    }
    if squeezed.chars().count() <= VOLUME_ID_LIMIT { Ok(squeezed) } else { Err(NameError::VolumeIdCannotShrink(squeezed)) }
}

/// The form of image names where the configuration has none.
pub const DEFAULT_IMAGE_NAME: &str = "{compose_id}-{variant}-{arch}-{disc_type}{disc_num}{suffix}";

/// An image's file name. The arch of sources is called `source` there.
pub fn image_name(format: &str, values: &Values<'_>) -> Result<String, NameError> {
    let mut values = values.clone();
    if values.get("arch").is_some_and(|arch| arch == "src") {
        values.insert("arch", "source".to_owned());
    }
    expand(format, &values).map_err(NameError::ImageNameFormat)
}

/// The beginning of a compose's id, which the number of its kind and day follows. `base` is the product that a layered one stands on.
pub fn compose_id_prefix(
    release: ReleaseName<'_>,
    base: Option<ReleaseName<'_>>,
    date: &str,
    compose_type: ComposeType,
) -> String {
    match base {
        None => names::compose_id_prefix(release, date, compose_type),
        Some(base) => format!("{release}-{base}-{date}{}.", compose_type.suffix()),
    }
}

/// The id that a layered product inside another compose goes by.
pub fn layered_product_compose_id(product: (&str, &str), release: (&str, &str), date_type_respin: &str) -> String {
    let ((short, version), (release_short, release_version)) = (product, release);
    format!("{short}-{version}-{release_short}-{}-{date_type_respin}", major_version(release_version))
}

/// `8` of `8.5`.
pub fn major_version(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

/// Whether a text can be the version of a release: numbers with dots, or anything that does not begin with a digit.
pub fn is_release_version(version: &str) -> bool {
    match version.bytes().next() {
        None => false,
        Some(first) if first.is_ascii_digit() => {
            version.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
        }
        Some(_) => !version.contains('\n'),
    }
}

/// Whether a text is a label: a milestone and two numbers, `RC-1.0`.
pub fn check_label(label: &str) -> Result<(), NameError> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts = label.split_once('-').and_then(|(milestone, version)| Some((milestone, version.split_once('.')?)));
    match parts {
        Some((milestone, (major, minor))) if MILESTONES.contains(&milestone) && is_number(major) && is_number(minor) => Ok(()),
        _ => Err(NameError::UnknownLabel(label.to_owned())),
    }
}

/// `RC-1` of `RC-1.0`.
pub fn label_major_version(label: &str) -> &str {
    label.rsplit_once('.').map_or(label, |(major, _)| major)
}

/// The name of the link to the newest compose of a release. `components` says how much of the version stands in it: the first so many
/// parts; all but so many, but one at least, if it is negative; nothing if it is zero.
pub fn latest_link(short: &str, version: &str, components: i64, base_product: Option<(&str, &str)>) -> String {
    let parts: Vec<&str> = version.split('.').collect();
    let count = usize::try_from(components.unsigned_abs()).unwrap_or(usize::MAX);
    let shown = if components < 0 { parts.len().saturating_sub(count).max(1) } else { count.min(parts.len()) };
    let mut link = format!("latest-{short}");
    if shown > 0 {
        link.extend(["-", &parts[..shown].join(".")]);
    }
    if let Some((short, version)) = base_product {
        link.extend(["-", short, "-", version]);
    }
    link
}

/// What the versions and releases of images are made from.
#[derive(Debug, Clone, Copy)]
pub struct ImageVersions<'a> {
    pub release_version: &'a str,
    pub label: Option<&'a str>,
    pub date: &'a str,
    /// See `ComposeType::suffix`.
    pub type_suffix: &'a str,
    pub respin: u32,
}

impl ImageVersions<'_> {
    /// The release's version, with the milestone unless it is the last one.
    pub fn image_version(&self) -> String {
        let milestone = self.label.and_then(|label| label.split_once('-')).map(|(milestone, _)| milestone);
        match milestone {
            Some(milestone) if milestone != "RC" => format!("{}_{milestone}", self.release_version),
            _ => self.release_version.to_owned(),
        }
    }

    /// The label's version, or when and how often the compose was made.
    pub fn image_release(&self) -> String {
        match self.label.and_then(|label| label.split_once('-')) {
            Some((_, version)) => version.to_owned(),
            None => format!("{}{}.{}", self.date, self.type_suffix, self.respin),
        }
    }

    /// What stands for a word that begins with `!`; other words stand for themselves.
    pub fn resolve(&self, word: &str) -> Result<String, NameError> {
        let Self { release_version, date, respin, .. } = self;
        match word {
            "!RELEASE_FROM_LABEL_DATE_TYPE_RESPIN" => Ok(self.image_release()),
            "!RELEASE_FROM_DATE_RESPIN" => Ok(format!("{date}.{respin}")),
            "!OSTREE_VERSION_FROM_LABEL_DATE_TYPE_RESPIN" => Ok(format!("{}.{}", self.image_version(), self.image_release())),
            "!VERSION_FROM_VERSION_DATE_RESPIN" => Ok(format!("{release_version}.{date}.{respin}")),
            "!VERSION_FROM_VERSION" => Ok((*release_version).to_owned()),
            unknown if unknown.starts_with('!') => Err(NameError::UnknownVersionGenerator(unknown.to_owned())),
            plain => Ok(plain.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(pairs: &[(&'a str, &str)]) -> Values<'a> {
        pairs.iter().map(|(key, value)| (*key, (*value).to_owned())).collect()
    }

    #[test]
    fn the_first_volume_id_that_fits_counts_after_the_longest_words_are_replaced() {
        let formats = [
            "{release_short}-{version}-for-{base} {variant} {disc_type} {arch}".to_owned(),
            "%(release_short)s {arch}".to_owned(),
        ];
        let pair = |word: &str, replacement: &str| (word.to_owned(), replacement.to_owned());
        let substitutions = [pair("Stor", "X"), pair("Storage", "Sto"), pair("Harbour", "Hb")];
        let rules = VolumeIdRules { formats: &formats, substitutions: &substitutions, restricted: true };
        let mut known = values(&[
            ("release_short", "HS"),
            ("version", "3.2.1"),
            ("base", "Harbour-1"),
            ("variant", "Storage"),
            ("disc_type", "disc"),
            ("arch", "s390x"),
        ]);
        assert_eq!(volume_id(rules, &known).unwrap(), "HS-3-2-1-for-Hb-1-Sto-disc-s390x");
        known.insert("arch", "x86_64".to_owned());
        assert_eq!(volume_id(rules, &known).unwrap(), "HS-x86_64");
        let all_long = ["{variant} one that is far too long for it".to_owned(), "{arch} and another that is too long".to_owned()];
        let error = volume_id(VolumeIdRules { formats: &all_long, ..rules }, &known).unwrap_err();
        let expected = "Could not create volume ID longer than 32 bytes, options are \
                        ['Sto one that is far too long for it', 'x86_64 and another that is too long']";
        assert_eq!(error.to_string(), expected);
        let unknown = volume_id(VolumeIdRules { formats: &["{x}".to_owned()], ..rules }, &known).unwrap_err();
        assert_eq!(unknown.to_string(), "Failed to create volume id: unknown format element: 'x'");
    }

    #[test]
    fn volume_ids_from_elsewhere_are_squeezed() {
        assert_eq!(squeezed_volume_id("Harbour-1.0 x86_64").unwrap(), "Harbour-1.0 x86_64");
        assert_eq!(squeezed_volume_id("Harbour-1.0-rc Supplementary x86_64").unwrap(), "Harbour1.0rcSupplementaryx86_64");
        assert_eq!(squeezed_volume_id("Harbour-10.11 Supplementary ppc64le 1").unwrap(), "Harbour10.11Suppppc64le1");
        assert!(squeezed_volume_id(&"x".repeat(33)).is_err());
    }

    #[test]
    fn image_names_say_source_and_name_an_unknown_element() {
        let known = values(&[
            ("compose_id", "H-1"),
            ("variant", "S"),
            ("arch", "src"),
            ("disc_type", "dvd"),
            ("disc_num", "1"),
            ("suffix", ".iso"),
        ]);
        assert_eq!(image_name(DEFAULT_IMAGE_NAME, &known).unwrap(), "H-1-S-source-dvd1.iso");
        let error = image_name("%(x)s", &known).unwrap_err();
        assert_eq!(error.to_string(), "Failed to create image name: unknown format element: 'x'");
    }

    #[test]
    fn a_layered_compose_is_called_by_what_it_stands_on_too() {
        let name = |short, version, release_type| ReleaseName { short, version, release_type };
        let (storage, base) = (name("HS", "3.2.1", "updates"), name("Harbour", "1", "eus"));
        let prefix = |base| compose_id_prefix(storage, base, "20260102", ComposeType::Test);
        assert_eq!(prefix(Some(base)), "HS-3.2.1-updates-Harbour-1-eus-20260102.t.");
        assert_eq!(prefix(None), "HS-3.2.1-updates-20260102.t.");
        let product = layered_product_compose_id(("Atoll", "11.1"), ("HS", "3.2.1"), "20260102.t.0");
        assert_eq!(product, "Atoll-11.1-HS-3-20260102.t.0");
    }

    #[test]
    fn the_latest_link_has_as_much_of_the_version_as_is_wanted() {
        for (version, components, expected) in [
            ("26", -1, "latest-F-26"),
            ("8.5", -1, "latest-F-8"),
            ("8.5.1", 2, "latest-F-8.5"),
            ("8.5", 9, "latest-F-8.5"),
            ("8", 0, "latest-F"),
        ] {
            assert_eq!(latest_link("F", version, components, None), expected);
        }
        assert_eq!(latest_link("HS", "3.2.1", -1, Some(("Harbour", "1"))), "latest-HS-3.2-Harbour-1");
    }

    #[test]
    fn versions_of_images_come_from_the_label_or_the_date() {
        let with =
            |release_version, label| ImageVersions { release_version, label, date: "20170406", type_suffix: ".n", respin: 0 };
        for (versions, version, release) in [
            (with("Rawhide", None), "Rawhide", "20170406.n.0"),
            (with("26", Some("Alpha-1.6")), "26_Alpha", "1.6"),
            (with("25", Some("RC-20170407.0")), "25", "20170407.0"),
        ] {
            assert_eq!((versions.image_version().as_str(), versions.image_release().as_str()), (version, release));
        }
        let versions = with("26", Some("Alpha-1.6"));
        assert_eq!(versions.resolve("!OSTREE_VERSION_FROM_LABEL_DATE_TYPE_RESPIN").unwrap(), "26_Alpha.1.6");
        assert_eq!(versions.resolve("!RELEASE_FROM_DATE_RESPIN").unwrap(), "20170406.0");
        assert_eq!(versions.resolve("plain").unwrap(), "plain");
        assert_eq!(versions.resolve("!x").unwrap_err().to_string(), "Unknown version generator '!x'");
    }

    #[test]
    fn versions_and_labels_follow_productmd() {
        for (version, expected) in [("1", true), ("1.2.3", true), ("Rawhide", true), ("1.", false), ("1a", false), ("", false)] {
            assert_eq!(is_release_version(version), expected, "{version}");
        }
        assert!(check_label("RC-01.0").is_ok() && check_label("EA-1.2").is_ok());
        for bad in ["RC-1", "RC-1.0.1", "GA-1.0", "RC-1.", "RC"] {
            assert_eq!(check_label(bad).unwrap_err().to_string(), format!("Label in unknown format: {bad}"));
        }
        assert_eq!(label_major_version("RC-1.10"), "RC-1");
    }
}
