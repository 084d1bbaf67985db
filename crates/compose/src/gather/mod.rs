//! Gather: from the package set and a variant's seeds to its selection on one arch, and to the sources of it.
//!
//! The selection itself is made by the `packages` crate; here the configuration is turned into its request, and its answer into locked
//! packages, reasons and findings.
//!
//! Must not know: where files are, how repositories are written.

mod findings;
pub mod fit;
pub mod installer;
pub mod plan;
pub mod rpm;
pub mod rpm_fit;
pub mod rpm_lock;
pub mod rpm_plan;

mod seeds;
mod select;
pub mod why;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::Output;
use crate::package_set::lock::{LockedPackage, LockedSource};

pub use select::{Question, select};

/// What a variant holds on one arch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    pub variant: String,
    pub arch: String,
    /// Sorted by name, version, arch.
    pub packages: Vec<Selected>,
    /// What is needed from lookaside archives, sorted in the same way; no repository holds it.
    pub lookaside: Vec<Selected>,
    /// The sources that the variant's policy asks for, sorted by name and version.
    pub sources: Vec<Arc<LockedSource>>,
    /// Sources that should be there and that no archive has.
    pub missing_sources: Vec<MissingSource>,
}

impl Output for Selection {}

/// A package, and why it is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selected {
    pub package: Arc<LockedPackage>,
    pub reason: Reason,
}

/// Why a package is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The seed as the configuration has it.
    Seed(String),
    /// The configuration includes it as it is.
    Include(String),
    /// The variant's parent has it.
    Parent(String),
    /// Another package needs it.
    Dependency {
        /// `name_version_arch` of that package.
        of: String,
        /// `Depends`, `Recommends` and so on.
        field: String,
        /// The clause as that package has it: `mail-transport-agent | default-mta`.
        clause: String,
        /// What would have come first for the clause, and why it cannot be installed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        passed_over: Vec<PassedOver>,
    },
}

/// A package that was not taken because no system can install it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// `name_version_arch`.
    pub package: String,
    /// Why it cannot be installed.
    pub reason: String,
}

/// A source that no archive has in this version.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MissingSource {
    pub name: String,
    pub version: String,
    /// The first package that needs it, and the field in which it says so.
    pub wanted_by: String,
}
