//! The configuration of RPM packages as it is written, one struct for each section.
//!
//! The comments on these fields are the reference manual: they are written for the person who writes a configuration.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::config::schema::policy::Limits;

/// A compose of RPM packages. Relative paths start at the folder of the configuration file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "charmer configuration of RPM packages")]
pub(super) struct Document {
    /// The kind of packages that the distribution is made of: `ecosystem = "rpm"`.
    #[expect(dead_code, reason = "it was read before, to tell which kind of configuration this is")]
    pub(super) ecosystem: Ecosystem,
    /// What is released.
    #[expect(dead_code, reason = "its keys are options, which are read as they are written")]
    pub(super) release: Release,
    /// What a layered product stands on.
    #[expect(dead_code, reason = "its keys are options, which are read as they are written")]
    #[serde(default)]
    pub(super) base_product: Option<BaseProduct>,
    /// Where packages come from.
    #[expect(dead_code, reason = "its keys are options, which are read as they are written")]
    #[serde(default)]
    pub(super) packages: Option<Packages>,
    /// The groups of packages.
    #[expect(dead_code, reason = "its keys are options, which are read as they are written")]
    #[serde(default)]
    pub(super) comps: Option<Comps>,
    /// Every other option that holds for all variants, under the name that Pungi has for it: `createrepo_checksum = "sha512"`.
    #[expect(dead_code, reason = "options are read as they are written")]
    #[serde(default)]
    options: Options,
    /// The parts of the distribution, by UID: `[variants.Server]`. That of one inside another begins with its parent's:
    /// `[variants.Server-optional]`.
    pub(super) variants: BTreeMap<String, Variant>,
    /// How much of the machine and the network a compose may take.
    #[serde(default)]
    pub(super) limits: Limits,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Ecosystem {
    /// RPM packages and their repositories.
    Rpm,
}

/// The identity of the distribution. It becomes the compose id, the names of files and media, and the head of every tree.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(dead_code, reason = "the keys are options, which are read as they are written")]
pub(super) struct Release {
    /// The full name, for people: `Harbour Linux`.
    name: String,
    /// The short name, for file names.
    short: String,
    /// The version: `1.0`.
    version: String,
    /// `ga`, `updates`, `updates-testing`, `fast`, `eus`, `aus`, `els`, `tus` or `e4s`; `ga` if it is not given.
    #[serde(default, rename = "type")]
    kind: Option<String>,
    /// Whether it is not meant for the public.
    #[serde(default)]
    internal: bool,
    /// The version that trees name, if it is another.
    #[serde(default)]
    treeinfo_version: Option<String>,
    /// What media call themselves, with `%(variant_name)s` and `%(arch)s` put in.
    #[serde(default)]
    media_description: Option<String>,
}

/// The product that a layered product stands on.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(dead_code, reason = "the keys are options, which are read as they are written")]
pub(super) struct BaseProduct {
    /// Its full name.
    name: String,
    /// Its short name.
    short: String,
    /// Its version.
    version: String,
    /// Its type of release; `ga` if it is not given.
    #[serde(default, rename = "type")]
    kind: Option<String>,
}

/// Where packages come from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(dead_code, reason = "the keys are options, which are read as they are written")]
pub(super) struct Packages {
    /// `repos` or `koji`; `repos` if it is not given.
    #[serde(default)]
    source: Option<String>,
    /// Folders or URLs of repositories: a list for all arches, or lists by arch with `"*"` for all of them:
    /// `repositories = { "*" = ["repo"], x86_64 = ["updates"] }`.
    #[serde(default)]
    repositories: Option<Places>,
}

/// Repositories for all arches, or by arch.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "they are read as they are written")]
pub(super) enum Places {
    All(Vec<String>),
    ByArch(BTreeMap<String, Vec<String>>),
}

/// The groups of packages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[expect(dead_code, reason = "the keys are options, which are read as they are written")]
pub(super) struct Comps {
    /// The comps file: a path, or a table that says where it comes from, such as
    /// `{ scm = "git", repo = "https://git.example/comps", file = "comps.xml" }`.
    file: FileSource,
    /// Whether environments that a variant does not list are taken out of its comps.
    #[serde(default = "yes")]
    filter_environments: bool,
}

const fn yes() -> bool {
    true
}

/// A path, or a table that says where a file comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is read as it is written")]
pub(super) enum FileSource {
    Path(String),
    Scm(Options),
}

/// A part of the distribution, with trees of its own or inside its parent's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Variant {
    /// The name, for people; the ID if it is not given.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// What it is. A variant inside another has to say.
    #[serde(default, rename = "type")]
    pub(super) kind: Option<VariantType>,
    /// The UID of the variant that this one is inside.
    #[serde(default)]
    pub(super) parent: Option<String>,
    /// The arches: `["x86_64", "aarch64"]`; those of the parent if they are not given.
    #[serde(default)]
    pub(super) arches: Option<Vec<String>>,
    /// The groups of comps, each a name or `{ name = "core", glob = false, default = true, uservisible = true }`.
    /// Without any the variant has all groups.
    #[serde(default)]
    pub(super) groups: Vec<Group>,
    /// The environments of comps, each a name or `{ name = "server", display-order = 10 }`.
    #[serde(default)]
    pub(super) environments: Vec<Environment>,
    /// The modules, each a name or `{ name = "perl:*", glob = true }`.
    #[serde(default)]
    pub(super) modules: Vec<Module>,
    /// The tags of Koji from which modules come.
    #[serde(default)]
    pub(super) koji_tags: Vec<String>,
    /// Packages that the installer has as well.
    #[serde(default)]
    pub(super) buildinstall_packages: Vec<String>,
    /// Whether it has no packages, on purpose.
    #[serde(default)]
    pub(super) empty: bool,
    /// Of a layered product: what it is a release of.
    #[serde(default)]
    pub(super) release: Option<VariantRelease>,
    /// Options of this variant on all arches, but not of its sources, under the names that Pungi has for them:
    /// `additional_packages = ["bash"]`. No patterns of variants are written.
    #[expect(dead_code, reason = "options are read as they are written")]
    #[serde(default)]
    options: Options,
    /// Options by arch: `[variants.Server.arch.x86_64]`, and `[variants.Server.arch.src]` for sources. Lists are added to those
    /// of all arches, other values stand in their place.
    #[expect(dead_code, reason = "options are read as they are written")]
    #[serde(default)]
    arch: BTreeMap<String, Options>,
}

/// What a variant is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum VariantType {
    /// It has trees of its own.
    Variant,
    /// It is in the trees of its parent.
    Addon,
    /// It has what else there is for its parent.
    Optional,
    /// A product that stands on its parent.
    LayeredProduct,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Group {
    Name(String),
    Table(GroupTable),
}

/// A group with what else is said of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct GroupTable {
    /// The ID in comps.
    pub(super) name: String,
    /// Whether the name is a pattern with `*` and `?`.
    #[serde(default)]
    pub(super) glob: bool,
    /// Whether it is installed where nobody chooses; comps says it if it is not given.
    #[serde(default)]
    pub(super) default: Option<bool>,
    /// Whether users see it; comps says it if it is not given.
    #[serde(default)]
    pub(super) uservisible: Option<bool>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Environment {
    Name(String),
    Table(EnvironmentTable),
}

/// An environment with what else is said of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct EnvironmentTable {
    /// The ID in comps.
    pub(super) name: String,
    /// Where it stands among others; comps says it if it is not given.
    #[serde(default)]
    #[schemars(range(min = -2_147_483_648_i64, max = 2_147_483_647_i64))]
    pub(super) display_order: Option<i64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Module {
    Name(String),
    Table(ModuleTable),
}

/// A module with what else is said of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct ModuleTable {
    /// The name, the stream and so on: `perl:5.30`.
    pub(super) name: String,
    /// Whether the name is a pattern with `*` and `?`.
    #[serde(default)]
    pub(super) glob: bool,
}

/// What a layered product is a release of.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct VariantRelease {
    /// The full name.
    pub(super) name: String,
    /// The short name.
    pub(super) short: String,
    /// The version.
    pub(super) version: String,
}

/// Options under Pungi's names. Pungi's own schema says what they hold, so this takes anything.
#[derive(Debug, Default)]
pub(super) struct Options;

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for Options {
    fn schema_name() -> Cow<'static, str> {
        "Options".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "description": "Options under Pungi's names.", "additionalProperties": true })
    }
}
