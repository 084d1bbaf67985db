//! `debs.json`: every package of every repository, in the style of productmd's `rpms.json`: by variant, architecture and source
//! package.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ComposeRecord, OWN_VERSION, document};
use crate::digest::Sha256;

/// One file of a package in a compose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct DebRecord {
    pub category: DebCategory,
    /// Relative to the compose's `compose` folder.
    pub path: String,
    pub sha256: Sha256,
    pub size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DebCategory {
    /// A .deb file.
    Binary,
    /// The .dsc file of a source package.
    Source,
}

/// Where a package stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DebPlace {
    pub variant: String,
    /// The architecture of the repository: packages for all architectures stand under each that has them.
    pub arch: String,
    /// `name_version` of the source package.
    pub source: String,
    /// `name_version_arch`; `name_version_source` for a source package.
    pub package: String,
}

type ByPackage<'a> = BTreeMap<&'a str, &'a DebRecord>;

#[derive(Serialize)]
struct Payload<'a> {
    compose: &'a ComposeRecord,
    debs: BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a str, ByPackage<'a>>>>,
}

/// The text of `debs.json`.
pub fn debs_json(compose: &ComposeRecord, packages: &BTreeMap<DebPlace, DebRecord>) -> String {
    let mut debs: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, ByPackage<'_>>>> = BTreeMap::new();
    for (place, record) in packages {
        let variant = debs.entry(&place.variant).or_default();
        let source = variant.entry(&place.arch).or_default().entry(&place.source).or_default();
        source.insert(&place.package, record);
    }
    document("charmer.debs", OWN_VERSION, &Payload { compose, debs })
}
