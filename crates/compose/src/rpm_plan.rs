//! The whole compose of RPM packages: from the frozen configuration to the graph of all jobs. Nothing is done here.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::RpmConfig;
use crate::engine::graph::NothingSelected;
use crate::engine::{Graph, Phase};
use crate::images::RequiredProgram;
use crate::metadata::ComposeRecord;
use crate::services::Services;

/// What a plan depends on, beside the configuration.
#[derive(Debug, Clone)]
pub struct RpmWanted {
    pub compose: ComposeRecord,
    /// As the environment gave it.
    pub source_date_epoch: Option<i64>,
    /// When the compose was started, in seconds since 1970.
    pub started: i64,
    /// Only these phases and what they need; all of them when empty.
    pub only: Vec<Phase>,
    pub skip: Vec<Phase>,
}

/// The graph of a compose.
pub fn plan(_config: &Arc<RpmConfig>, wanted: &RpmWanted, _services: &Arc<Services>) -> Result<Graph, NothingSelected> {
    let mut graph = Graph::default();
    graph.select(&wanted.only, &wanted.skip)?;
    Ok(graph)
}

/// The programs that jobs of the graph run.
pub fn required_programs(_graph: &Graph) -> BTreeSet<RequiredProgram> {
    BTreeSet::new()
}
