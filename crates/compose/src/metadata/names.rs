//! The names of a compose: its type, id, label and volume ids, by the rules that Pungi and productmd have.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a compose is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ComposeType {
    Test,
    Ci,
    Nightly,
    Production,
    Development,
}

impl ComposeType {
    pub const ALL: [Self; 5] = [Self::Test, Self::Ci, Self::Nightly, Self::Production, Self::Development];

    /// What stands after the date in a compose id.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Production => "",
            Self::Nightly => ".n",
            Self::Test => ".t",
            Self::Ci => ".ci",
            Self::Development => ".d",
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Nightly => "nightly",
            Self::Test => "test",
            Self::Ci => "ci",
            Self::Development => "development",
        }
    }
}

impl fmt::Display for ComposeType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The text names no type of compose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no type of compose: there are test, ci, nightly, production, development")]
pub struct UnknownComposeType(pub String);

impl FromStr for ComposeType {
    type Err = UnknownComposeType;

    fn from_str(text: &str) -> Result<Self, UnknownComposeType> {
        Self::ALL.into_iter().find(|known| known.name() == text).ok_or_else(|| UnknownComposeType(text.to_owned()))
    }
}

/// A release as ids of composes name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseName<'a> {
    pub short: &'a str,
    pub version: &'a str,
    /// `ga`, `updates` and so on: `ga` stands in no id.
    pub release_type: &'a str,
}

impl fmt::Display for ReleaseName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.short, self.version)?;
        if self.release_type == "ga" { Ok(()) } else { write!(formatter, "-{}", self.release_type) }
    }
}

/// The beginning that all ids of composes of one release, date and type share; a number of the day follows.
///
/// `date` is `YYYYMMDD`. `base` is the product that a layered product stands on.
pub fn compose_id_prefix(
    release: ReleaseName<'_>,
    base: Option<ReleaseName<'_>>,
    date: &str,
    compose_type: ComposeType,
) -> String {
    let base = base.map(|base| format!("-{base}")).unwrap_or_default();
    format!("{release}{base}-{date}{}.", compose_type.suffix())
}

/// `harbour-13.1-20261123.n.0`
pub fn compose_id(
    release: ReleaseName<'_>,
    base: Option<ReleaseName<'_>>,
    date: &str,
    compose_type: ComposeType,
    respin: u32,
) -> String {
    compose_id_prefix(release, base, date, compose_type) + &respin.to_string()
}

/// The milestones that labels name, in the order in which a release passes them.
pub const MILESTONES: [&str; 10] =
    ["EA", "DevelPhaseExit", "InternalAlpha", "Alpha", "InternalSnapshot", "Beta", "Snapshot", "RC", "Update", "SecurityFix"];

/// A label such as `RC-1.0`: a milestone, and which try at it. Labels are ordered as a release passes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label {
    milestone: usize,
    major: u32,
    minor: u32,
}

/// The text is no label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no label of a compose: MILESTONE-MAJOR.MINOR is expected, such as RC-1.0, with a milestone out of {milestones}", milestones = MILESTONES.join(", "))]
pub struct InvalidLabel(pub String);

impl Label {
    pub fn milestone(&self) -> &'static str {
        MILESTONES[self.milestone]
    }

    /// `RC-1` of `RC-1.0`.
    pub fn major_version(&self) -> String {
        format!("{}-{}", self.milestone(), self.major)
    }

    /// Whether composes of this milestone can be released as they are.
    pub fn is_supported_milestone(&self) -> bool {
        matches!(self.milestone(), "RC" | "Update" | "SecurityFix")
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}.{}", self.milestone(), self.major, self.minor)
    }
}

impl FromStr for Label {
    type Err = InvalidLabel;

    fn from_str(text: &str) -> Result<Self, InvalidLabel> {
        let number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
        let parse = || {
            let (milestone, version) = text.split_once('-')?;
            let (major, minor) = version.split_once('.')?;
            let milestone = MILESTONES.iter().position(|known| *known == milestone)?;
            Some(Self { milestone, major: number(major)?, minor: number(minor)? })
        };
        // A number with zeros before it would not be written back as it was read.
        parse().filter(|label| label.to_string() == text).ok_or_else(|| InvalidLabel(text.chars().take(80).collect()))
    }
}

/// What ISO 9660 has room for.
pub const VOLUME_ID_LIMIT: usize = 32;

/// Why there is no volume id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VolumeIdError {
    #[error("the volume id format '{format}' names '{key}', which is not known; there are {known}")]
    UnknownKey { format: String, key: String, known: String },
    #[error("the volume id format '{0}' has a brace without its other one")]
    UnclosedBrace(String),
    #[error("no volume id fits into {VOLUME_ID_LIMIT} bytes, the formats give: {}", .0.join(", "))]
    TooLong(Vec<String>),
}

/// The first of the formats whose result fits. `{key}` in a format stands for the key's value; substitutions, in their order,
/// then shorten words that are too long.
pub fn volume_id(
    formats: &[String],
    values: &BTreeMap<&str, String>,
    substitutions: &[(String, String)],
) -> Result<String, VolumeIdError> {
    let mut too_long = Vec::new();
    for format in formats {
        let expanded = expand(format, values)?;
        let id = substitutions.iter().fold(expanded, |id, (from, to)| id.replace(from, to));
        if id.len() <= VOLUME_ID_LIMIT {
            return Ok(id);
        }
        too_long.push(id);
    }
    Err(VolumeIdError::TooLong(too_long))
}

fn expand(format: &str, values: &BTreeMap<&str, String>) -> Result<String, VolumeIdError> {
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('{') {
        let (key, after) = after.split_once('}').ok_or_else(|| VolumeIdError::UnclosedBrace(format.to_owned()))?;
        let value = values.get(key).ok_or_else(|| VolumeIdError::UnknownKey {
            format: format.to_owned(),
            key: key.to_owned(),
            known: values.keys().copied().collect::<Vec<_>>().join(", "),
        })?;
        text.extend([before, value]);
        rest = after;
    }
    Ok(text + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HARBOUR: ReleaseName<'_> = ReleaseName { short: "harbour", version: "13.1", release_type: "ga" };

    #[test]
    fn ids_are_those_that_pungi_makes() {
        let id = |compose_type| compose_id(HARBOUR, None, "20261123", compose_type, 2);
        assert_eq!(id(ComposeType::Production), "harbour-13.1-20261123.2");
        assert_eq!(id(ComposeType::Nightly), "harbour-13.1-20261123.n.2");
        assert_eq!(id(ComposeType::Test), "harbour-13.1-20261123.t.2");
        assert_eq!(id(ComposeType::Ci), "harbour-13.1-20261123.ci.2");
        assert_eq!(id(ComposeType::Development), "harbour-13.1-20261123.d.2");
        let updates = ReleaseName { release_type: "updates", ..HARBOUR };
        let base = ReleaseName { short: "deb", version: "13", release_type: "ga" };
        let id = compose_id(updates, Some(base), "20261123", ComposeType::Nightly, 0);
        assert_eq!(id, "harbour-13.1-updates-deb-13-20261123.n.0");
    }

    #[test]
    fn labels_are_read_and_ordered_by_milestone_and_number() {
        let label = |text: &str| text.parse::<Label>().unwrap();
        assert!(label("Beta-2.0") < label("RC-1.9") && label("RC-1.9") < label("RC-1.10"));
        assert_eq!(label("RC-1.10").major_version(), "RC-1");
        for bad in ["RC", "RC-1", "rc-1.0", "RC-1.0.1", "RC-1.x", "GA-1.0", "RC-+1.0", "RC-01.0", "RC-.1", ""] {
            assert!(bad.parse::<Label>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_first_volume_id_that_fits_is_taken_after_substitution() {
        let values = BTreeMap::from([("short", "harbour".into()), ("variant", "Supplementary".into()), ("arch", "amd64".into())]);
        let formats = ["{short}-13.1-{variant}-{arch}-dvd-one".to_owned(), "{short} {variant}".to_owned()];
        assert_eq!(volume_id(&formats, &values, &[]).unwrap(), "harbour Supplementary");
        let shorter = [("Supplementary".to_owned(), "Supp".to_owned())];
        assert_eq!(volume_id(&formats, &values, &shorter).unwrap(), "harbour-13.1-Supp-amd64-dvd-one");
        assert!(matches!(volume_id(&formats[..1], &values, &[]), Err(VolumeIdError::TooLong(ids)) if ids.len() == 1));
        let unknown = volume_id(&["{date}".to_owned()], &values, &[]).unwrap_err();
        assert!(unknown.to_string().contains("'date'") && unknown.to_string().contains("variant"), "{unknown}");
    }
}
