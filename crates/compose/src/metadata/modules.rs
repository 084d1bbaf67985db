//! `modules.json`: the modules of every tree, and which packages are theirs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{ComposeRecord, PRODUCTMD_VERSION, document};

/// One module in one tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleRecord {
    pub metadata: ModuleIdentity,
    /// The files that describe modules, relative to the compose's `compose` folder, by the category of the repository: `binary`.
    pub modulemd_path: BTreeMap<String, String>,
    /// Its packages, as `rpms.json` names them.
    pub rpms: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModuleIdentity {
    pub context: String,
    pub koji_tag: String,
    pub name: String,
    pub stream: String,
    /// `NAME:STREAM:VERSION:CONTEXT`
    pub uid: String,
    pub version: String,
}

/// Where a module stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ModulePlace {
    /// The variant's uid.
    pub variant: String,
    pub arch: String,
    /// `NAME:STREAM:VERSION:CONTEXT`
    pub uid: String,
}

#[derive(Serialize)]
struct Payload<'a> {
    compose: &'a ComposeRecord,
    modules: BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<&'a str, &'a ModuleRecord>>>,
}

/// The text of `modules.json`, which is written without modules too.
pub fn modules_json(compose: &ComposeRecord, modules: &BTreeMap<ModulePlace, ModuleRecord>) -> String {
    let mut by_variant: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, &ModuleRecord>>> = BTreeMap::new();
    for (place, record) in modules {
        by_variant.entry(&place.variant).or_default().entry(&place.arch).or_default().insert(&place.uid, record);
    }
    document("productmd.modules", PRODUCTMD_VERSION, &Payload { compose, modules: by_variant })
}
