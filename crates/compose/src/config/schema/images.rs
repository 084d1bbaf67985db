//! `[[images]]`: what is made from a variant's repository.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quantity::Timeout;
use super::variants::Seed;

/// An image, made from the composed repository of a variant and of its parents, and from nothing else.
// An unknown key is found by the check against the JSON schema: serde cannot refuse it where it flattens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(deny_unknown_fields)]
pub struct Image {
    /// The variant from whose repository it is made.
    pub variant: String,
    /// The arches for which it is made; without this all arches of the variant.
    #[serde(default)]
    pub arches: Option<Vec<String>>,
    /// A name, which tells images of the same variant and arch apart; without one it is the kind.
    #[serde(default)]
    pub name: Option<String>,
    /// What to install: packages, or `{ seed = "linux-image-amd64", arches = ["amd64"] }` for some arches only.
    pub packages: Vec<Seed>,
    /// Whether recommended packages are installed too; without this it is as for the variant.
    #[serde(default)]
    pub recommends: Option<bool>,
    /// How long it may take; without this as long as `limits.timeout` says.
    #[serde(default)]
    pub timeout: Option<Timeout>,
    /// The kind, and what only this kind has.
    #[serde(flatten)]
    pub kind: ImageKind,
}

/// The kinds of images, each with what only it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ImageKind {
    /// A container: an OCI image layout, and the same as one file.
    Container(Container),
    /// A system that boots from a hybrid ISO (BIOS and EFI) and runs from memory.
    Live(Live),
}

impl ImageKind {
    /// As the configuration and the metadata write it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Container(_) => "container",
            Self::Live(_) => "live",
        }
    }
}

/// What a container runs with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Container {
    /// The program that the container runs, with its first arguments.
    #[serde(default)]
    pub entrypoint: Vec<String>,
    /// The arguments where the user gives none; or, without an entrypoint, the program.
    #[serde(default)]
    pub cmd: Vec<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The user to run as: a name or number, with `:GROUP` if need be.
    #[serde(default)]
    pub user: Option<String>,
    /// The folder to start in.
    #[serde(default)]
    pub workdir: Option<String>,
    /// Labels, besides the org.opencontainers.image ones that charmer sets.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

/// How a live system boots and presents itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Live {
    /// Arguments for the kernel, besides those that the live system needs.
    #[serde(default)]
    pub boot_arguments: Vec<String>,
    /// How many seconds the boot menu waits.
    #[serde(default = "default_menu_seconds")]
    #[schemars(range(min = 0, max = 3600))]
    pub menu_seconds: u32,
    /// The host name; without one it is the release's short name.
    #[serde(default)]
    pub hostname: Option<String>,
    /// A user to log in as.
    #[serde(default)]
    pub user: Option<String>,
    /// The password of that user. Everybody who has the image can read it.
    #[serde(default)]
    pub password: Option<String>,
}

const fn default_menu_seconds() -> u32 {
    5
}
