//! The plan as text: phases, their jobs, what each needs, and how long it is expected to take.

use crate::paint::{Paint, Tone};
use crate::text::{count, duration, harmless, pad};

use super::Plan;

/// Names of needed jobs that fit on a line.
const NEEDS: usize = 4;

pub fn text(plan: &Plan, paint: Paint) -> String {
    let work: f64 = plan.jobs.iter().map(|job| job.estimate).sum();
    let mut lines = vec![format!(
        "{}: {}, about {} of work, {} on the critical path (*)",
        paint.text(Tone::Strong, &harmless(&plan.title)),
        count(plan.jobs.len(), "job"),
        duration(work),
        duration(plan.critical.seconds),
    )];
    let width = plan.jobs.iter().map(|job| console::measure_text_width(&harmless(job.job.as_str()))).max().unwrap_or(0);
    for (phase, jobs) in plan.phases() {
        let head = paint.text(Tone::Accent, phase.name());
        lines.push(format!("\n{head} {}", paint.text(Tone::Dim, &count(jobs.len(), "job"))));
        lines.extend(jobs.into_iter().map(|job| line(plan, job, width, paint)));
    }
    lines.join("\n") + "\n"
}

fn line(plan: &Plan, place: usize, width: usize, paint: Paint) -> String {
    let job = &plan.jobs[place];
    let critical = plan.critical.jobs.contains(&place);
    let mark = if critical { paint.text(Tone::Warning, "*") } else { " ".to_owned() };
    let name = pad(&harmless(job.job.as_str()), width);
    let name = if critical { paint.text(Tone::Strong, &name) } else { name };
    let allowed = if job.failable { "  may fail" } else { "" };
    let needs: Vec<String> = job.needs.iter().map(|needed| harmless(needed.as_str())).collect();
    let needs = match needs.len() {
        0 => String::new(),
        1..=NEEDS => format!("  needs {}", needs.join(", ")),
        more => format!("  needs {} and {} more", needs[..NEEDS].join(", "), more - NEEDS),
    };
    let line = format!("  {mark} {name} {:>7}{allowed}{}", duration(job.estimate), paint.text(Tone::Dim, &needs));
    line.trim_end().to_owned()
}
