//! `charmer status`: how far a compose is, from its journal.

use charmer_compose::engine::event::{Finish, Status, read_journal};
use charmer_compose::engine::job::JobId;
use serde::Serialize;

use crate::arguments::{MessageFormat, StatusArguments};
use crate::environment::Environment;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::paint::{Paint, Tone};
use crate::progress::run::{JobState, Run, State, seconds_of};
use crate::text::{count, duration, harmless, harmless_lines, rough_duration};

use super::existing::{Condition, Existing};

pub(super) fn status(arguments: &StatusArguments, environment: &Environment) -> Result<Exit, Failure> {
    let compose = Existing::read(&arguments.compose)?;
    let journal = read_journal(&compose.layout.events());
    // A compose that died before its first event has no journal yet.
    let entries =
        journal.or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(Vec::new()) } else { Err(error) })?;
    let mut run = Run::default();
    for entry in &entries {
        run.apply(entry);
    }
    let now = match compose.condition {
        Condition::Running => jiff::Timestamp::now().as_millisecond() as f64 / 1000.0,
        // What it did last is what is known of it.
        Condition::Died | Condition::Ended => entries.last().map_or(run.started, seconds_of),
    };
    output::print(&match arguments.format {
        MessageFormat::Human => text(&compose, &run, now, Paint { colour: environment.colour_stdout() }),
        MessageFormat::Json => json(&compose, &run, now),
    })?;
    Ok(Exit::Finished)
}

fn text(compose: &Existing, run: &Run, now: f64, paint: Paint) -> String {
    let mut lines = vec![headline(compose, run, now, paint)];
    let counts = run.phases().into_iter().map(|phase| format!("{} {}/{}", phase.phase, phase.ended, phase.total));
    let counts: Vec<String> = counts.collect();
    if !counts.is_empty() {
        lines.push(paint.text(Tone::Dim, &counts.join("  ")));
    }
    let verb = if compose.condition == Condition::Running { "running" } else { "was running" };
    for (job, since) in run.running() {
        lines.push(format!("{} {} for {}", paint.text(Tone::Accent, verb), name(job), rough_duration(now - since)));
    }
    for job in &run.jobs {
        match &job.state {
            State::Failed { failable, message, duration: seconds } => {
                let allowed = if *failable { " (allowed to fail)" } else { "" };
                let message = harmless_lines(message).join("\n  ");
                let failed = paint.text(Tone::Bad, "failed");
                lines.push(format!("{failed} {}{allowed} after {}: {message}", name(job), duration(*seconds)));
            }
            State::Skipped { because } => {
                let skipped = paint.text(Tone::Warning, "skipped");
                lines.push(format!("{skipped} {}, because {} is not there", name(job), harmless(because.as_str())));
            }
            State::Waiting | State::Running { .. } | State::Done { .. } => {}
        }
    }
    let waiting = run.jobs.iter().filter(|job| job.state == State::Waiting).count();
    if waiting > 0 {
        lines.push(count(waiting, "job") + " not started");
    }
    lines.join("\n") + "\n"
}

fn headline(compose: &Existing, run: &Run, now: f64, paint: Paint) -> String {
    let id = paint.text(Tone::Strong, &harmless(&compose.compose_id));
    let done = format!("{} of {} done", run.ended(), count(run.jobs.len(), "job"));
    let elapsed = run.duration.map_or_else(|| rough_duration(now - run.started), duration);
    match compose.condition {
        Condition::Running => {
            let left = rough_duration(run.remaining(now).seconds);
            format!("{id} is running: {done} in {elapsed}, about {left} left")
        }
        Condition::Died => {
            let folder = harmless(&compose.layout.root().display().to_string());
            format!("{id} died: {done}; resume with `charmer resume {folder}`")
        }
        Condition::Ended => format!("{id} is {} after {elapsed}: {done}", compose.words()),
    }
}

fn name(job: &JobState) -> String {
    harmless(job.plan.job.as_str())
}

/// What `charmer status --format json` prints.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct StatusDocument<'a> {
    compose_id: &'a str,
    /// The content of STATUS; null before the run has begun.
    status: Option<Status>,
    condition: Condition,
    /// Seconds of the last run.
    elapsed: f64,
    /// Seconds that the critical path may still take.
    remaining: f64,
    jobs: JobLists<'a>,
    findings: FindingCounts,
}

/// The jobs of the last run by their state.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct JobLists<'a> {
    running: Vec<&'a JobId>,
    /// Done in this run.
    done: Vec<&'a JobId>,
    /// Taken from an earlier run or from an older compose.
    reused: Vec<&'a JobId>,
    failed: Vec<&'a JobId>,
    /// Left out, because something that they need is not there.
    skipped: Vec<&'a JobId>,
    /// Not started.
    waiting: Vec<&'a JobId>,
}

/// Findings of the last run.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
struct FindingCounts {
    warn: usize,
    fatal: usize,
}

fn json(compose: &Existing, run: &Run, now: f64) -> String {
    let names = |chosen: fn(&State) -> bool| -> Vec<&JobId> {
        run.jobs.iter().filter(|job| chosen(&job.state)).map(|job| &job.plan.job).collect()
    };
    let document = StatusDocument {
        compose_id: &compose.compose_id,
        status: compose.status,
        condition: compose.condition,
        elapsed: run.duration.unwrap_or(now - run.started),
        remaining: run.remaining(now).seconds,
        jobs: JobLists {
            running: names(|state| matches!(state, State::Running { .. })),
            done: names(|state| matches!(state, State::Done { how: Finish::Done, .. })),
            reused: names(|state| matches!(state, State::Done { how: Finish::Resumed | Finish::Reused { .. }, .. })),
            failed: names(|state| matches!(state, State::Failed { .. })),
            skipped: names(|state| matches!(state, State::Skipped { .. })),
            waiting: names(|state| *state == State::Waiting),
        },
        findings: FindingCounts { warn: run.warnings, fatal: run.fatal_findings },
    };
    serde_json::to_string_pretty(&document).expect("documents serialise to JSON") + "\n"
}
