//! The plan for Graphviz: `charmer plan CONFIG --format dot | dot -Tpdf`.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::text::{duration, harmless};

use super::Plan;
use super::colours::{ink, tint};

pub fn graph(plan: &Plan) -> String {
    let critical: BTreeSet<(usize, usize)> = plan.critical_edges().collect();
    let mut text = String::from(
        "digraph plan {\n  rankdir=LR;\n  node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n  edge [color=\"#9aa5b5\"];\n",
    );
    let mut line = |line: String| writeln!(text, "  {line}").expect("a string can be written to");
    line(format!("label={};", quoted(&plan.title)));
    for (place, job) in plan.jobs.iter().enumerate() {
        let dashed = if job.failable { ", style=\"rounded,filled,dashed\"" } else { "" };
        let width = if plan.critical.jobs.contains(&place) { ", penwidth=2.5" } else { "" };
        let label = quoted(&format!("{}\n{}", job.job, duration(job.estimate)));
        let (fill, border) = (tint(job.phase), ink(job.phase));
        line(format!("{} [label={label}, fillcolor=\"{fill}\", color=\"{border}\"{dashed}{width}];", quoted(job.job.as_str())));
    }
    for (place, needs) in plan.needs.iter().enumerate() {
        for &needed in needs {
            let style = if critical.contains(&(needed, place)) { " [penwidth=2.5, color=\"#1b2430\"]" } else { "" };
            let (from, to) = (&plan.jobs[needed].job, &plan.jobs[place].job);
            line(format!("{} -> {}{style};", quoted(from.as_str()), quoted(to.as_str())));
        }
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    let lines = text.split('\n').map(|line| harmless(line).replace('\\', r"\\").replace('"', "\\\""));
    format!("\"{}\"", lines.collect::<Vec<_>>().join(r"\n"))
}
