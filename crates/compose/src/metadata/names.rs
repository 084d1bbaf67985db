//! The names of a compose: its type, id and label, by the rules that Pungi and productmd have.

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

/// The beginning that all ids of composes of one release, date and type share; a number of the day follows: `harbour-13.1-20261123.n.0`.
///
/// `date` is `YYYYMMDD`.
pub fn compose_id_prefix(release: ReleaseName<'_>, date: &str, compose_type: ComposeType) -> String {
    format!("{release}-{date}{}.", compose_type.suffix())
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

#[cfg(test)]
mod tests {
    use super::*;

    const HARBOUR: ReleaseName<'_> = ReleaseName { short: "harbour", version: "13.1", release_type: "ga" };

    #[test]
    fn ids_are_those_that_pungi_makes() {
        let prefix = |compose_type| compose_id_prefix(HARBOUR, "20261123", compose_type);
        assert_eq!(prefix(ComposeType::Production), "harbour-13.1-20261123.");
        assert_eq!(prefix(ComposeType::Nightly), "harbour-13.1-20261123.n.");
        assert_eq!(prefix(ComposeType::Test), "harbour-13.1-20261123.t.");
        assert_eq!(prefix(ComposeType::Ci), "harbour-13.1-20261123.ci.");
        assert_eq!(prefix(ComposeType::Development), "harbour-13.1-20261123.d.");
        let updates = ReleaseName { release_type: "updates", ..HARBOUR };
        assert_eq!(compose_id_prefix(updates, "20261123", ComposeType::Nightly), "harbour-13.1-updates-20261123.n.");
    }

    #[test]
    fn labels_are_read_and_ordered_by_milestone_and_number() {
        let label = |text: &str| text.parse::<Label>().unwrap();
        assert!(label("Beta-2.0") < label("RC-1.9") && label("RC-1.9") < label("RC-1.10"));
        for bad in ["RC", "RC-1", "rc-1.0", "RC-1.0.1", "RC-1.x", "GA-1.0", "RC-+1.0", "RC-01.0", "RC-.1", ""] {
            assert!(bad.parse::<Label>().is_err(), "{bad}");
        }
    }
}
