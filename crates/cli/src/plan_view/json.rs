//! The plan for programs. Fields are added, never changed or taken away, as long as `format` is the same.

use charmer_compose::engine::event::JobPlan;
use charmer_compose::engine::job::{JobId, Phase};
use serde::Serialize;

use super::Plan;

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Document<'a> {
    format: u32,
    title: &'a str,
    phases: Vec<PhaseSum>,
    jobs: &'a [JobPlan],
    critical_path: CriticalPath<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct PhaseSum {
    phase: Phase,
    jobs: usize,
    /// Seconds of work.
    estimate: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct CriticalPath<'a> {
    seconds: f64,
    jobs: Vec<&'a JobId>,
}

pub fn document(plan: &Plan) -> String {
    let phases = plan.phases().into_iter().map(|(phase, jobs)| {
        let estimate = jobs.iter().map(|&job| plan.jobs[job].estimate).sum();
        PhaseSum { phase, jobs: jobs.len(), estimate }
    });
    let document = Document {
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
