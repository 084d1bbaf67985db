//! `[variants.NAME]`, and what changes variants: `[[overrides]]`, `[[extra-files]]`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::gather::Sources;

/// A part of the distribution with a repository of its own, for one arch or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Variant {
    /// The name for people, such as `Harbour Server`; without one it is the variant's name.
    #[serde(default)]
    pub title: Option<String>,
    /// The arches, as the ecosystem writes them: `["amd64", "arm64"]`.
    pub arches: Vec<String>,
    /// The variant that this one builds on. What the parent's repository holds satisfies dependencies here.
    #[serde(default)]
    pub parent: Option<String>,
    /// The repository adds to the parent's: packages that the parent has are not repeated. It needs a parent.
    #[serde(default)]
    pub optional: bool,
    /// What to select, with all that it depends on: a package (`bash`), a package of another arch (`libc6:i386`), a glob
    /// (`python3-*`), `essential`, a priority (`priority:required`), all packages of a source (`source:NAME`).
    /// `{ seed = "grub-pc", arches = ["amd64"] }` is a seed for some arches only.
    #[serde(default)]
    pub seeds: Vec<Seed>,
    /// Packages to add as they are, without what they depend on. The same words as for `seeds`.
    #[serde(default)]
    pub include: Vec<Seed>,
    /// Packages that are never selected, even where something depends on them: names or globs.
    #[serde(default)]
    pub exclude: Vec<Seed>,
    /// Whether recommended packages are selected too; without this it is as `gather.recommends` says.
    #[serde(default)]
    pub recommends: Option<bool>,
    /// Exceptions for packages, over those of `gather.recommends-of`.
    #[serde(default)]
    pub recommends_of: BTreeMap<String, bool>,
    /// Providers of virtual packages, over those of `gather.providers`.
    #[serde(default)]
    pub providers: BTreeMap<String, String>,
    /// Which source packages the repository holds; without this it is as `gather.sources` says.
    #[serde(default)]
    pub sources: Option<Sources>,
    /// Archives that are lookasides for this variant, besides those that are for all (`lookaside = true`).
    #[serde(default)]
    pub lookaside: Vec<String>,
    /// Writes the lists of all files in the packages (`Contents-ARCH`), which takes reading every package once.
    #[serde(default)]
    pub contents: bool,
}

/// A change to the variants and arches whose names match. Lists are added to what the variant has; other values replace it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Override {
    /// The variants that it changes: names or globs.
    #[serde(default = "everything")]
    pub variants: Vec<String>,
    /// The arches that it changes: names or globs.
    #[serde(default = "everything")]
    pub arches: Vec<String>,
    /// More seeds.
    #[serde(default)]
    pub seeds: Vec<String>,
    /// More packages to add as they are.
    #[serde(default)]
    pub include: Vec<String>,
    /// More packages that are never selected.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Whether recommended packages are selected too.
    #[serde(default)]
    pub recommends: Option<bool>,
    /// Exceptions for packages.
    #[serde(default)]
    pub recommends_of: BTreeMap<String, bool>,
    /// Providers of virtual packages.
    #[serde(default)]
    pub providers: BTreeMap<String, String>,
    /// Whether the lists of all files in the packages are written.
    #[serde(default)]
    pub contents: Option<bool>,
}

/// Files to put beside the packages: licences, release notes, the archive's public key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExtraFiles {
    /// A file, or a folder that is taken with everything in it.
    pub from: PathBuf,
    /// Where it goes, relative to the variant's repository; without this it keeps its name.
    #[serde(default)]
    pub to: Option<PathBuf>,
    /// The variants that get it: names or globs.
    #[serde(default = "everything")]
    pub variants: Vec<String>,
}

/// The pattern that matches every name.
pub(crate) fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}

/// A word that names packages: `"bash"`, or `{ seed = "grub-pc", arches = ["amd64"] }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    pub seed: String,
    /// `None` is every arch of the variant.
    pub arches: Option<Vec<String>>,
}

/// A seed for some arches.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct SeedOnArches {
    /// What to select.
    seed: String,
    /// The arches on which it is selected.
    arches: Vec<String>,
}

impl Seed {
    pub fn is_for(&self, arch: &str) -> bool {
        self.arches.as_ref().is_none_or(|arches| arches.iter().any(|own| own == arch))
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StringOrTable;

        impl<'de> Visitor<'de> for StringOrTable {
            type Value = Seed;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string, or a table with `seed` and `arches`")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Seed, E> {
                Ok(Seed { seed: text.to_owned(), arches: None })
            }

            fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Seed, M::Error> {
                let SeedOnArches { seed, arches } = Deserialize::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Seed { seed, arches: Some(arches) })
            }
        }

        deserializer.deserialize_any(StringOrTable)
    }
}

impl JsonSchema for Seed {
    fn schema_name() -> Cow<'static, str> {
        "Seed".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let on_arches = generator.subschema_for::<SeedOnArches>();
        json_schema!({ "anyOf": [{ "type": "string" }, on_arches] })
    }
}
