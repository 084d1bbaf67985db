//! `rpms.json`: every RPM package of every tree, by variant, architecture and source package.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ComposeRecord, PRODUCTMD_VERSION, document};

/// One package in one tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RpmRecord {
    pub category: RpmCategory,
    /// Relative to the compose's `compose` folder.
    pub path: String,
    /// The key that signed it, in lowercase hexadecimal.
    pub sigkey: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RpmCategory {
    Binary,
    Debug,
    Source,
}

/// Where a package stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RpmPlace {
    /// The variant's uid.
    pub variant: String,
    /// The architecture of the tree, never `src`: a source package stands under each that has something of it.
    pub arch: String,
    /// See [`nevra`].
    pub source: String,
    /// See [`nevra`].
    pub package: String,
}

/// `bash-0:5.2.37-1.x86_64`: the epoch is always there.
pub fn nevra(name: &str, epoch: u32, version: &str, release: &str, arch: &str) -> String {
    format!("{name}-{epoch}:{version}-{release}.{arch}")
}

type ByPackage<'a> = BTreeMap<&'a str, &'a RpmRecord>;

#[derive(Serialize)]
struct Payload<'a> {
    compose: &'a ComposeRecord,
    rpms: BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a str, ByPackage<'a>>>>,
}

/// The text of `rpms.json`.
pub fn rpms_json(compose: &ComposeRecord, packages: &BTreeMap<RpmPlace, RpmRecord>) -> String {
    let mut rpms: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, ByPackage<'_>>>> = BTreeMap::new();
    for (place, record) in packages {
        let arches = rpms.entry(&place.variant).or_default();
        arches.entry(&place.arch).or_default().entry(&place.source).or_default().insert(&place.package, record);
    }
    document("productmd.rpms", PRODUCTMD_VERSION, &Payload { compose, rpms })
}
