//! Tells how much of a finished compose's time was charmer's own, and not spent waiting for the network or for tools.
//!
//! It is an upper bound: the time in which no job fetched or ran a command, and all that jobs with commands took beside these, as if
//! none of it had gone by while something else was waited for. Logs give the durations of commands to a tenth of a second.
//!
//! usage: `own_share COMPOSE`
#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use charmer_compose::engine::Phase;
use charmer_compose::engine::event::{Event, read_journal};
use charmer_compose::layout::Layout;

/// A job that ran, in seconds since the run began.
struct Ran {
    start: f64,
    end: f64,
    /// What of it was spent in the network or in commands.
    waited: f64,
}

fn main() {
    let compose = PathBuf::from(std::env::args().nth(1).expect("the folder of a compose is expected"));
    let layout = Layout::new(&compose);
    let (wall, jobs) = read(&layout, &compose);
    let waits: Vec<&Ran> = jobs.iter().filter(|job| job.waited > 0.0).collect();
    let beside: f64 = waits.iter().map(|job| job.end - job.start - job.waited).sum();
    let own = wall - covered(waits.iter().map(|job| (job.start, job.end)).collect()) + beside;
    println!("| jobs | wall | own, at most | share |\n|---|---|---|---|");
    println!("| {} | {wall:.2} s | {own:.2} s | {:.1} % |", jobs.len(), 100.0 * own / wall);
}

/// The length of the last run, and its jobs.
fn read(layout: &Layout, compose: &Path) -> (f64, Vec<Ran>) {
    let (mut began, mut ended) = (0.0, 0.0);
    let (mut phases, mut starts, mut jobs) = (HashMap::new(), HashMap::new(), Vec::new());
    for entry in read_journal(&layout.events()).expect("the journal can be read") {
        let time: jiff::Timestamp = entry.time.parse().expect("entries have times");
        let time = time.as_duration().as_secs_f64();
        match entry.event {
            Event::RunStarted { jobs: planned, .. } => {
                began = time;
                jobs.clear();
                phases = planned.into_iter().map(|job| (job.job, job.phase)).collect();
            }
            Event::JobStarted { job, log, .. } => drop(starts.insert(job, (time, log))),
            Event::JobFinished { job, duration, .. } => {
                let Some((start, log)) = starts.remove(&job) else { continue };
                let is_network = phases.get(&job) == Some(&Phase::Fetch) || job.as_str().starts_with("index:");
                let waited = if is_network { duration } else { commands(&compose.join(log)).min(duration) };
                jobs.push(Ran { start: start - began, end: start - began + duration, waited });
            }
            Event::RunFinished { .. } => ended = time,
            _ => {}
        }
    }
    (ended - began, jobs)
}

/// The seconds of all commands that a log tells of, from lines such as `# exit status 0 after 1.2 s`.
fn commands(log: &Path) -> f64 {
    let text = fs_err::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut is_command = false;
    let mut seconds = 0.0;
    for line in text.lines() {
        is_command |= line.starts_with("$ ");
        let took = line.strip_prefix("# ").and_then(|line| line.strip_suffix(" s")?.rsplit_once(" after "));
        if let Some(took) = took.filter(|_| is_command) {
            seconds += took.1.parse().unwrap_or(0.0);
            is_command = false;
        }
    }
    seconds
}

/// How long at least one of the spans lasts.
fn covered(mut spans: Vec<(f64, f64)>) -> f64 {
    spans.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (mut sum, mut until) = (0.0, 0.0_f64);
    for (start, end) in spans {
        sum += (end - start.max(until)).max(0.0);
        until = until.max(end);
    }
    sum
}
