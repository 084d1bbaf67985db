//! Findings: what checks, gather and the package set report about a compose, as data.
//!
//! A finding is never an error by itself: its severity decides whether it is shown, or ends the compose.

use serde::{Deserialize, Serialize};

/// What a finding means for the compose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Not reported.
    Off,
    /// Reported, in the summary and in `compose/metadata/findings.json`.
    Warn,
    /// Reported, and the compose is doomed (or the failable deliverable that it is about fails).
    Fatal,
}

/// One thing that somebody should know about this compose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// What found it: a check as `[checks]` names it (`installability`), or the kind of problem that the check is about
    /// (`unresolved-seed`). What `[checks]` does not name is always reported: `index`, `lock`, `archive-moved`, `repository`.
    pub check: String,
    pub severity: Severity,
    /// Where: `Server.amd64`, `Base`, or empty for the whole compose.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// What it is about: a package, a file, an image.
    pub subject: String,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
