//! The plan for programs. Fields are added, never changed or taken away, as long as `format` is the same.

use charmer_compose::engine::event::JobPlan;
use charmer_compose::engine::job::{JobId, Phase};
use serde::Serialize;

use super::Plan;

/// What `charmer plan --format json` prints.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PlanDocument<'a> {
    /// Raised when a field changes its meaning or goes away: 1.
    format: u32,
    /// The release that is composed.
    title: &'a str,
    /// The phases that have jobs, in their order.
    phases: Vec<PhaseSum>,
    /// Every job, each after those that it needs.
    jobs: &'a [JobPlan],
    critical_path: CriticalPath<'a>,
}

/// The jobs of one phase.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct PhaseSum {
    phase: Phase,
    /// How many.
    jobs: usize,
    /// Seconds of work.
    estimate: f64,
}

/// The chain of jobs that bounds how soon the compose can be ready.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct CriticalPath<'a> {
    seconds: f64,
    /// Each needs the one before.
    jobs: Vec<&'a JobId>,
}

pub fn document(plan: &Plan) -> String {
    let phases = plan.phases().into_iter().map(|(phase, jobs)| {
        let estimate = jobs.iter().map(|&job| plan.jobs[job].estimate).sum();
        PhaseSum { phase, jobs: jobs.len(), estimate }
    });
    let document = PlanDocument {
        format: 1,
        title: &plan.title,
        phases: phases.collect(),
        jobs: &plan.jobs,
        critical_path: CriticalPath {
            seconds: plan.critical.seconds,
            jobs: plan.critical.jobs.iter().map(|&job| &plan.jobs[job].job).collect(),
        },
    };
    serde_json::to_string_pretty(&document).expect("plans serialise to JSON") + "\n"
}
