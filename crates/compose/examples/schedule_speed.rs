//! Measures the scheduler on synthetic plans: how near a run comes to its critical path, and what the engine itself costs.
//!
//! usage: schedule_speed [JOBS [RUNS]]
#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use charmer_compose::engine::event::{Event, EventLog, read_journal};
use charmer_compose::engine::scheduler::{Limits, Settings, Stop, run};
use charmer_compose::engine::{Graph, Handle, Job, Output, Phase, Weight};
use charmer_compose::layout::Layout;
use charmer_compose::tools::priority::Priority;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Made(u64);

impl Output for Made {}

/// How jobs of a synthetic plan are.
#[derive(Clone, Copy)]
enum Kind {
    /// Nothing is done, and nothing kept on disk.
    Empty,
    /// Nothing is done, and a record is kept as for every job.
    Recorded,
    /// From 2 to 200 ms of waiting, and a record.
    Waiting,
}

/// The same numbers each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap_or_default()
    }
}

/// Jobs of which each needs up to three of the 200 before it.
fn plan(jobs: usize, kind: Kind) -> Graph {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    let mut graph = Graph::default();
    let mut made: Vec<Handle<Made>> = Vec::new();
    for number in 0..jobs {
        let inputs = (0..dice.below(4).min(made.len())).map(|_| made[made.len() - 1 - dice.below(made.len().min(200))]).collect();
        let wait = Duration::from_micros(2_000 + dice.below(198_000) as u64);
        let job = Job::new(Phase::Gather, number.to_string()).weight(Weight::new(1, 1)).estimate(wait.as_secs_f64());
        let work = move || async move {
            if matches!(kind, Kind::Waiting) {
                tokio::time::sleep(wait).await;
            }
            Ok(Made(number as u64))
        };
        let inputs: Vec<_> = inputs;
        made.push(match kind {
            Kind::Empty => graph.add_volatile(job, inputs, move |_, _| work()),
            Kind::Recorded | Kind::Waiting => graph.add(job, inputs, move |_, _| work()),
        });
    }
    graph
}

fn settings(root: &Path, slots: usize) -> Settings {
    Settings {
        compose_id: "bench-1-20260101.0".into(),
        version: "0".into(),
        resumed: false,
        layout: Layout::new(root),
        older: Vec::new(),
        limits: Limits {
            jobs: slots,
            machine: Weight::new(u32::try_from(slots).unwrap_or(u32::MAX), slots as u64),
            network: 1,
            command_timeout: Duration::from_secs(60),
            min_free: 0,
            priority: Priority::default(),
        },
        tools: [].into(),
        path: "/usr/bin:/bin".into(),
        stop: Stop::default(),
    }
}

/// Seconds of the run and of its critical path: the longest chain of jobs, by what the journal says each took.
async fn measure(folder: &Path, jobs: usize, kind: Kind) -> (f64, f64) {
    let settings = settings(folder, jobs);
    let journal = settings.layout.events();
    fs_err::create_dir_all(journal.parent().expect("it lies in a folder")).expect("the folder can be made");
    let (log, events) = EventLog::open(&journal, |_| {}).expect("the journal can be written");
    let graph = plan(jobs, kind);
    let started = Instant::now();
    run(graph, settings, &events, |_| Ok(())).await.expect("the run ends");
    let seconds = started.elapsed().as_secs_f64();
    log.close().expect("the journal is whole");
    (seconds, critical_path(&journal))
}

fn critical_path(journal: &Path) -> f64 {
    let mut needs = Vec::new();
    let mut took = HashMap::new();
    for entry in read_journal(journal).expect("the journal can be read") {
        match entry.event {
            Event::RunStarted { jobs, .. } => needs = jobs,
            Event::JobFinished { job, duration, .. } => drop(took.insert(job, duration)),
            _ => {}
        }
    }
    // Each job stands after those that it needs.
    let mut ends: HashMap<_, f64> = HashMap::new();
    for job in &needs {
        let start = job.needs.iter().filter_map(|needed| ends.get(needed)).copied().fold(0.0, f64::max);
        ends.insert(&job.job, start + took.get(&job.job).copied().unwrap_or_default());
    }
    ends.into_values().fold(0.0, f64::max)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() {
    let mut numbers = std::env::args().skip(1).map(|word| word.parse().expect("numbers are expected"));
    let (jobs, runs) = (numbers.next().unwrap_or(2_000), numbers.next().unwrap_or(5));
    // All are removed at the end: some file systems are slow for seconds after many files have gone.
    let folder = tempfile::tempdir().expect("there is room for temporary files");
    let mut number = 0;
    let mut next = || {
        number += 1;
        folder.path().join(number.to_string())
    };
    println!("| plan of {jobs} jobs | time | |\n|---|---|---|");
    for (kind, name) in
        [(Kind::Empty, "nothing is done, nothing kept"), (Kind::Recorded, "nothing is done, a record is kept of each")]
    {
        let mut times = Vec::new();
        for _ in 0..runs {
            times.push(measure(&next(), jobs, kind).await.0);
        }
        let seconds = median(times);
        println!("| {name} | {seconds:.3} s | {:.0} µs a job |", seconds / jobs as f64 * 1e6);
    }
    let mut measured = Vec::new();
    for _ in 0..runs {
        let (seconds, path) = measure(&next(), jobs, Kind::Waiting).await;
        measured.push((seconds / path, seconds, path));
    }
    measured.sort_by(|left, right| left.0.total_cmp(&right.0));
    let (ratio, seconds, path) = measured[measured.len() / 2];
    println!("| 2 to 200 ms of waiting, a record of each | {seconds:.3} s | {ratio:.3} times the critical path of {path:.3} s |");
}
