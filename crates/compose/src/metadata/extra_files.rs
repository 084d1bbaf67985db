//! `extra_files.json`: the files of trees that come from neither packages nor images; once for the compose, and in each tree.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ComposeRecord, OWN_VERSION, PRODUCTMD_VERSION, document, json};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct ExtraFileRecord {
    /// Hexadecimal digests by kind: `sha256`.
    pub checksums: BTreeMap<String, String>,
    /// Relative to the compose's `compose` folder, or in a tree's own file to the tree.
    pub file: String,
    pub size: u64,
}

/// Where files stand: the variant's uid and the architecture of the tree.
pub type ExtraFiles = BTreeMap<String, BTreeMap<String, Vec<ExtraFileRecord>>>;

#[derive(Serialize)]
struct Payload<'a> {
    compose: &'a ComposeRecord,
    extra_files: &'a ExtraFiles,
}

/// The text of the compose's `extra_files.json`. Files stand in the order in which they were copied.
pub fn extra_files_json(compose: &ComposeRecord, extra_files: &ExtraFiles) -> String {
    document("productmd.extra_files", PRODUCTMD_VERSION, &Payload { compose, extra_files })
}

#[derive(Serialize)]
struct TreeFile<'a> {
    data: &'a [ExtraFileRecord],
    header: TreeHeader,
}

#[derive(Serialize)]
struct TreeHeader {
    version: &'static str,
}

/// The text of a tree's `extra_files.json`.
pub fn tree_extra_files_json(files: &[ExtraFileRecord]) -> String {
    json(&TreeFile { data: files, header: TreeHeader { version: OWN_VERSION } })
}
