//! `composeinfo.json`: the release, the compose, its variants and where their parts lie.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{ComposeRecord, PRODUCTMD_VERSION, document};

/// The release that a compose is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ReleaseRecord {
    /// Not meant for the public.
    pub internal: bool,
    pub name: String,
    pub short: String,
    /// `ga`, `updates` and so on.
    #[serde(rename = "type")]
    pub release_type: String,
    pub version: String,
}

/// One variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct VariantRecord {
    pub arches: BTreeSet<String>,
    /// Letters and digits only. The uid of a variant inside another is `PARENT-ID`.
    pub id: String,
    pub name: String,
    /// Where its parts lie, relative to the compose's `compose` folder: by kind, then by architecture. An apt repository is one
    /// for all its architectures, so each of them has the same path.
    pub paths: BTreeMap<PathKind, BTreeMap<String, String>>,
    /// One of productmd's words. charmer writes `variant`, also for an optional one: its repository stands beside its parent's.
    #[serde(rename = "type")]
    pub variant_type: String,
    pub uid: String,
    /// The ids of the variants inside it. Left out when there are none.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub variants: BTreeSet<String>,
}

/// The parts of a variant that productmd knows and that a compose of Debian packages has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathKind {
    Images,
    Isos,
    Packages,
    Repository,
    SourceRepository,
}

#[derive(Serialize)]
struct Payload<'a> {
    compose: &'a ComposeRecord,
    release: &'a ReleaseRecord,
    variants: BTreeMap<&'a str, &'a VariantRecord>,
}

/// The text of `composeinfo.json`.
pub fn composeinfo_json(compose: &ComposeRecord, release: &ReleaseRecord, variants: &[VariantRecord]) -> String {
    let variants = variants.iter().map(|variant| (variant.uid.as_str(), variant)).collect();
    document("productmd.composeinfo", PRODUCTMD_VERSION, &Payload { compose, release, variants })
}
