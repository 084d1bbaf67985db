//! `ostree.json`: the OSTree commits of a compose.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{ComposeRecord, OWN_VERSION, document};
use crate::images::ostree::commit::Commit;

/// A commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OstreeRecord {
    /// The branch.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The commit's checksum, by which it can be fetched.
    pub commit: String,
    /// Its metadata `version`.
    pub version: String,
    /// The commit of the branch in the compose before, from which there is a delta; null if there was none.
    pub parent: Option<String>,
    /// The tree has not changed: the commit is that of the compose before.
    pub unchanged: bool,
}

#[derive(Serialize)]
struct Payload<'a> {
    compose: &'a ComposeRecord,
    commits: BTreeMap<&'a str, BTreeMap<&'a str, Vec<OstreeRecord>>>,
}

/// The text of `ostree.json`, of commits with their variants and arches.
pub fn ostree_json(compose: &ComposeRecord, commits: &[(String, String, Commit)]) -> String {
    let mut by_variant: BTreeMap<&str, BTreeMap<&str, Vec<OstreeRecord>>> = BTreeMap::new();
    for (variant, arch, commit) in commits {
        let commit = commit.clone();
        by_variant.entry(variant).or_default().entry(arch).or_default().push(OstreeRecord {
            reference: commit.reference,
            commit: commit.checksum.to_string(),
            version: commit.version,
            parent: commit.parent.map(|parent| parent.to_string()),
            unchanged: commit.unchanged,
        });
    }
    document("charmer.ostree", OWN_VERSION, &Payload { compose, commits: by_variant })
}
