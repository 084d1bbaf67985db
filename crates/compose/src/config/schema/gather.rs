//! `[gather]`: how packages are selected.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How packages are selected, starting from the seeds of a variant and following dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Gather {
    /// Whether recommended packages are selected too, where neither a variant, an override nor `recommends-of` says otherwise.
    #[serde(default)]
    pub recommends: bool,
    /// Exceptions: whether the Recommends of these packages are followed. `recommends-of = { task-desktop = true }`.
    #[serde(default)]
    pub recommends_of: BTreeMap<String, bool>,
    /// Which package to take where several provide a virtual one: `providers = { mail-transport-agent = "postfix" }`.
    #[serde(default)]
    pub providers: BTreeMap<String, String>,
    /// Which source packages the repositories hold, where a variant does not say otherwise.
    #[serde(default)]
    pub sources: Sources,
}

/// Which source packages a repository holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Sources {
    /// No source packages.
    None,
    /// The sources of the selected packages that come from overlays.
    #[default]
    Own,
    /// The sources of all selected packages, and those that these were built using.
    All,
}
