//! The plan before anything runs: as indented text, as JSON, for Graphviz, and as a picture. Pure.

use charmer_compose::engine::Graph;
use charmer_compose::engine::event::JobPlan;
use charmer_compose::engine::job::Phase;

use crate::arguments::PlanFormat;
use crate::critical_path::{Chain, longest_chain, needs};
use crate::paint::Paint;

pub mod dot;
pub mod json;
pub mod svg;
pub mod tree;

mod colours;
mod layered;

/// A compose's jobs and what follows from them.
#[derive(Debug, Clone)]
pub struct Plan {
    /// `harbour 13.1`.
    pub title: String,
    /// Each after those that it needs.
    pub jobs: Vec<JobPlan>,
    /// For each job the places of those that it needs.
    pub needs: Vec<Vec<usize>>,
    pub critical: Chain,
}

impl Plan {
    pub fn new(title: impl Into<String>, jobs: Vec<JobPlan>) -> Self {
        let needs = needs(&jobs);
        let seconds: Vec<f64> = jobs.iter().map(|job| job.estimate).collect();
        let critical = longest_chain(&needs, &seconds);
        Self { title: title.into(), jobs, needs, critical }
    }

    /// What is left of a graph after `--only` and `--skip`.
    pub fn of_graph(title: impl Into<String>, graph: &Graph) -> Self {
        let jobs = graph.jobs().into_iter().map(|planned| JobPlan {
            job: planned.job.id.clone(),
            phase: planned.job.phase,
            scope: planned.job.scope.clone(),
            needs: planned.needs.into_iter().cloned().collect(),
            failable: planned.job.failable,
            estimate: planned.job.estimate,
        });
        Self::new(title, jobs.collect())
    }

    /// The plan in a form; only the tree has colours.
    pub fn show(&self, format: PlanFormat, paint: Paint) -> String {
        match format {
            PlanFormat::Tree => tree::text(self, paint),
            PlanFormat::Json => json::document(self),
            PlanFormat::Dot => dot::graph(self),
            PlanFormat::Svg => svg::picture(self),
        }
    }

    /// The phases that have jobs, with the places of these.
    fn phases(&self) -> Vec<(Phase, Vec<usize>)> {
        let jobs_of = |phase| (0..self.jobs.len()).filter(|&job| self.jobs[job].phase == phase).collect();
        let phases = Phase::ALL.into_iter().map(|phase| (phase, jobs_of(phase)));
        phases.filter(|(_, jobs): &(_, Vec<usize>)| !jobs.is_empty()).collect()
    }

    /// The pairs of jobs that follow each other on the critical path.
    fn critical_edges(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.critical.jobs.windows(2).map(|pair| (pair[0], pair[1]))
    }
}

#[cfg(test)]
mod tests;
