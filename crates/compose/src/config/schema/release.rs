//! `[release]`: the identity of what is made.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The identity of the distribution. It becomes the compose id, the names of files, and the head of every repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Release {
    /// The full name, for people: `Harbour Linux`.
    pub name: String,
    /// The short name, for file names: letters and digits, in parts joined by `-`; it starts with a letter.
    pub short: String,
    /// The version, for file names: numbers joined by dots such as `13.1`, or letters and digits such as `sid`.
    pub version: String,
    /// The codename, which names the suite in repositories: `dists/quay`. Without one it is the short name.
    #[serde(default)]
    pub codename: Option<String>,
    /// One line about the distribution, for repositories and container labels.
    #[serde(default)]
    pub description: Option<String>,
    /// Who makes it. Without one it is the name.
    #[serde(default)]
    pub vendor: Option<String>,
    /// The web page of the distribution.
    #[serde(default)]
    pub url: Option<String>,
    /// Where to report problems.
    #[serde(default)]
    pub bug_url: Option<String>,
    /// The type of release, as composeinfo.json knows it.
    #[serde(default, rename = "type")]
    pub kind: ReleaseType,
}

impl Release {
    /// What names the suite in repositories.
    pub fn codename(&self) -> &str {
        self.codename.as_deref().unwrap_or(&self.short)
    }

    pub fn vendor(&self) -> &str {
        self.vendor.as_deref().unwrap_or(&self.name)
    }
}

/// Types of releases; the words are productmd's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReleaseType {
    /// A release that is generally available.
    #[default]
    Ga,
    /// Updates to a release.
    Updates,
    /// Updates that are still being tested.
    UpdatesTesting,
    /// A release that moves fast, without long support.
    Fast,
}

impl ReleaseType {
    /// productmd's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ga => "ga",
            Self::Updates => "updates",
            Self::UpdatesTesting => "updates-testing",
            Self::Fast => "fast",
        }
    }
}
