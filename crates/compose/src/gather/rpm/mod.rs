//! Which packages of the set each variant has on each arch.
//!
//! ```text
//! GatherSpec + comps ──► request ──► packages::rpm::gather or [`nodeps`] ──► RpmSelection ──► [`trim`] ──► shares
//! ```
//!
//! Must not know: where package files lie, repositories that are written.

mod comps_packages;
mod hybrid;
mod nodeps;
mod order;
mod request;
pub mod trim;

use std::collections::{BTreeMap, BTreeSet};

use charmer_packages::rpm::gather::{GatherError, Role};
use serde::{Deserialize, Serialize};

use crate::engine::Output;

pub use order::{LookasideCycle, gather_order};
pub use request::{GatherInputs, GatheredTree, Lookaside, gather_tree};

/// What holds for all variants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GatherRules {
    pub greedy: GreedyRule,
    /// Of variants; others have their own ways.
    pub fulltree: bool,
    pub selfhosting: bool,
    /// A requirement that nothing meets dooms the compose.
    pub check_deps: bool,
    /// So does a group's package that is nowhere.
    pub require_comps_packages: bool,
}

/// How many of several providers are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GreedyRule {
    None,
    All,
    Build,
}

/// What one variant takes on one arch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GatherSpec {
    /// In the order in which they are asked.
    pub sources: Vec<(GatherSource, GatherMethod)>,
    /// Names and patterns, besides those of groups.
    pub additional: Vec<String>,
    /// Names and patterns of what is never taken.
    pub filters: Vec<String>,
    /// How packages of the second word size are chosen.
    pub multilib: Vec<String>,
    pub multilib_whitelist: Vec<String>,
    pub multilib_blacklist: Vec<String>,
    /// `name.arch` each.
    pub prepopulate: Vec<String>,
    /// Folders or URLs of repositories whose packages satisfy requirements, and are not taken.
    pub lookasides: Vec<String>,
}

/// Where names of packages come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatherSource {
    Comps,
    /// Arches by name; none stands for any.
    Json(BTreeMap<String, Vec<Option<String>>>),
}

impl GatherSource {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Comps => "comps",
            Self::Json(_) => "json",
        }
    }
}

/// What is done with the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GatherMethod {
    Deps,
    Nodeps,
    /// All sources of a variant together, by a solver.
    Hybrid,
}

/// What a variant has on an arch, before it is compared with its relatives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RpmSelection {
    /// In the order in which they were selected.
    pub packages: Vec<SelectedRpm>,
    /// Packages of lookaside repositories that are not the compose's.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub elsewhere: BTreeSet<Elsewhere>,
    /// What packages require in vain, by `name.arch`.
    pub unresolved: BTreeMap<String, Vec<String>>,
    /// Names and patterns that match nothing.
    pub missing: Vec<String>,
    /// Names asked for by the method nodeps that no package has. Nobody is warned of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<String>,
}

impl Output for RpmSelection {}

/// A package that somebody else ships, and which is asked for or needed here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Elsewhere {
    pub role: RpmRole,
    pub name: String,
    pub arch: String,
}

/// A package of the set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SelectedRpm {
    /// The name of its file, which no other package of the set has. With the flag `lookaside` it is another variant's.
    pub file: String,
    pub role: RpmRole,
    /// Comma separated.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub flags: String,
    /// Why it was selected first.
    pub because: String,
}

impl SelectedRpm {
    pub fn has_flag(&self, flag: &str) -> bool {
        self.flags.split(',').any(|own| own == flag)
    }
}

/// What a package is in a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RpmRole {
    Binary,
    Debug,
    Source,
}

impl From<Role> for RpmRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Binary => Self::Binary,
            Role::Debug => Self::Debug,
            Role::Source => Self::Source,
        }
    }
}

/// Why nothing could be selected.
#[derive(Debug, thiserror::Error)]
pub enum RpmGatherError {
    #[error(transparent)]
    Solver(#[from] GatherError),
    #[error(transparent)]
    Multilib(#[from] charmer_packages::rpm::gather::UnknownMethod),
    /// In Pungi's words, as the next.
    #[error("Packages mentioned in comps do not exist for {variant}.{arch}: {packages}")]
    MissingOfComps { variant: String, arch: String, packages: String },
    /// In the words that tools look for.
    #[error("{}\nUnresolved dependencies detected", lines.join("\n"))]
    Unresolved { lines: Vec<String> },
}
