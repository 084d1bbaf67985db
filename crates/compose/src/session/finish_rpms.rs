//! What a compose of RPM packages shipped, and how each deliverable fared.

use crate::config::RpmConfig;
use crate::engine::scheduler::Outcome;
use crate::layout::Layout;
use crate::metadata::reports::DeliverableNotes;

use super::finish::Artifact;

/// What it ships, with how long each took.
pub(super) fn artifacts(_layout: &Layout, _config: &RpmConfig, _outcome: &Outcome) -> Vec<Artifact> {
    Vec::new()
}

/// What was tried, and what failed of it.
pub(super) fn deliverables(_layout: &Layout, _outcome: &Outcome) -> DeliverableNotes {
    DeliverableNotes::default()
}
