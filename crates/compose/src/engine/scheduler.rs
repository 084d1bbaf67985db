//! Runs a graph: each job as soon as its inputs are there and the machine has room, the longest remaining path first.
//!
//! The scheduler is the only owner of the run's state. Jobs run as tasks that give it their result; what they share is read-only.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::digest::Sha256;
use crate::finding::Finding;
use crate::layout::Layout;
use crate::parallel::drop_in_background;
use crate::tools::priority::Priority;

use super::attempt::{Attempt, Completed, Ended, Failed, lacking_space};
use super::error::{FailureReport, JobError};
use super::event::{Event, Events, Finish, JobPlan, MissReason, Status};
use super::graph::{Graph, Node, NodeId, Values};
use super::job::{JobId, Weight};
use super::journal::{Ingredients, Record, write_durably};
use super::reuse::{self, Proved};

/// What a run may take of the machine.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Jobs at once.
    pub jobs: usize,
    /// Cores and memory for all jobs together; a job that wants more than all of it runs alone.
    pub machine: Weight,
    /// Jobs that use the network at once.
    pub network: usize,
    /// For each command that names no limit of its own.
    pub command_timeout: Duration,
    /// Bytes of the compose's file system: with less free than this, no job begins that writes much.
    pub min_free: u64,
    /// Of each command.
    pub priority: Priority,
}

/// Where and how a graph is run.
#[derive(Debug, Clone)]
pub struct Settings {
    pub compose_id: String,
    pub version: String,
    pub resumed: bool,
    pub layout: Layout,
    /// Older composes whose outputs may be used again, the preferred first.
    pub older: Vec<Layout>,
    pub limits: Limits,
    /// The version of each program that shapes outputs.
    pub tools: BTreeMap<String, String>,
    /// `PATH` for commands.
    pub path: OsString,
    pub stop: Stop,
}

/// How a run is stopped from outside.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Nothing new begins, and what runs is asked to end.
    pub cancel: CancellationToken,
    /// What does not end when it is asked is killed at once.
    pub kill: CancellationToken,
}

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    pub status: Status,
    pub failures: Vec<FailedJob>,
    /// Of all jobs, also of those that were not done again.
    pub findings: Vec<(JobId, Finding)>,
    pub timings: Vec<JobTiming>,
    /// Jobs that were not done, each with the one whose output it misses.
    pub skipped: Vec<(JobId, JobId)>,
    /// Jobs that were never started, because the run ended before.
    pub not_started: Vec<JobId>,
    pub duration: Duration,
}

impl Outcome {
    /// Every job of the run, however it ended.
    pub fn jobs(&self) -> impl Iterator<Item = &JobId> {
        let failed = self.failures.iter().map(|failed| &failed.job);
        let skipped = self.skipped.iter().map(|(job, _)| job);
        self.timings.iter().map(|timing| &timing.job).chain(failed).chain(skipped).chain(&self.not_started)
    }
}

#[derive(Debug, Clone)]
pub struct FailedJob {
    pub job: JobId,
    pub failable: bool,
    pub failure: FailureReport,
}

#[derive(Debug, Clone)]
pub struct JobTiming {
    pub job: JobId,
    pub how: Finish,
    pub duration: Duration,
}

/// Runs every job of the graph that was not left out, and writes STATUS. `finish` does what is left when all jobs have ended, before
/// anybody reads the final state.
pub async fn run<T>(
    graph: Graph,
    settings: Settings,
    events: &Events,
    finish: impl FnOnce(&Outcome) -> std::io::Result<T>,
) -> std::io::Result<(Outcome, T)> {
    let started = Instant::now();
    let mut scheduler = Scheduler::new(graph, settings, events.clone());
    scheduler.announce();
    set_status(&scheduler.settings.layout, Status::Started, events)?;
    scheduler.prove_ahead();
    scheduler.run_all().await;
    let (status, settings) = (scheduler.final_status(), scheduler.settings.clone());
    let outcome = scheduler.outcome(status, started.elapsed());
    let finished = finish(&outcome)?;
    set_status(&settings.layout, status, events)?;
    events.send(Event::RunFinished { status, duration: outcome.duration.as_secs_f64() });
    events.sync();
    Ok((outcome, finished))
}

fn set_status(layout: &Layout, status: Status, events: &Events) -> std::io::Result<()> {
    write_durably(&layout.status(), format!("{}\n", status.word()).as_bytes())?;
    events.send(Event::StatusChanged { status });
    events.sync();
    Ok(())
}

/// Lets the last jobs wait for all others, whose values they need not read.
fn hold_back_last(graph: &Graph, waiting_for: &mut [usize], dependents: &mut [Vec<NodeId>]) {
    let is_there = |id: &NodeId| !graph.nodes[*id].pruned;
    let (last, others): (Vec<_>, Vec<_>) = (0..graph.nodes.len()).filter(is_there).partition(|id| graph.nodes[*id].job.last);
    for id in last {
        for &other in others.iter().filter(|other| !graph.nodes[id].inputs.contains(other)) {
            waiting_for[id] += 1;
            dependents[other].push(id);
        }
    }
}

/// Values of jobs that need so much memory, in MiB, take time to free.
const LARGE: u64 = 256;

struct Scheduler {
    graph: Arc<Graph>,
    settings: Arc<Settings>,
    events: Events,
    values: Arc<RwLock<Values>>,
    /// Of the outputs of jobs that have ended; none for what is absent.
    digests: Vec<Option<Sha256>>,
    waiting_for: Vec<usize>,
    dependents: Vec<Vec<NodeId>>,
    /// How many of them have not ended.
    readers: Vec<usize>,
    proved: Arc<Proved>,
    /// Seconds from a job's start to the end of the longest chain behind it.
    tails: Vec<f64>,
    estimates: Vec<f64>,
    ready: Vec<NodeId>,
    /// Why jobs have to be done that have been looked for already.
    reasons: HashMap<NodeId, MissReason>,
    /// Jobs whose value is known from an earlier run and was not made, because nobody has had to read it.
    unread: BTreeMap<NodeId, Completed>,
    /// Those of them that are made now, with the jobs that wait to read them.
    demanded: HashMap<NodeId, Vec<NodeId>>,
    /// Jobs that have said that they wait for free space.
    short_of_space: HashSet<NodeId>,
    running: JoinSet<Result<Ended, Failed>>,
    nodes_of_tasks: HashMap<tokio::task::Id, NodeId>,
    /// Records that are in their places and not yet on the disk.
    unsynced: Vec<(NodeId, fs_err::File)>,
    /// The one task that syncs records, if it runs: those that could not be.
    syncing: JoinSet<Vec<(NodeId, std::io::Error)>>,
    started: Vec<bool>,
    failures: Vec<FailedJob>,
    skipped: Vec<(JobId, JobId)>,
    findings: Vec<(JobId, Finding)>,
    timings: Vec<JobTiming>,
    doomed: bool,
}

impl Scheduler {
    fn new(graph: Graph, settings: Settings, events: Events) -> Self {
        let count = graph.nodes.len();
        let mut values = Values(vec![None; count]);
        let mut waiting_for = vec![0; count];
        let mut dependents = vec![Vec::new(); count];
        for (id, node) in graph.nodes.iter().enumerate() {
            if node.pruned {
                values.0[id].clone_from(&node.absent);
                continue;
            }
            for &input in node.inputs.iter().filter(|&&input| !graph.nodes[input].pruned) {
                waiting_for[id] += 1;
                dependents[input].push(id);
            }
        }
        let readers = dependents.iter().map(Vec::len).collect();
        hold_back_last(&graph, &mut waiting_for, &mut dependents);
        let estimates: Vec<f64> = graph.nodes.iter().map(|node| estimate(node, &settings)).collect();
        let mut tails = estimates.clone();
        for id in (0..count).rev() {
            let longest = dependents[id].iter().map(|&dependent| tails[dependent]).fold(0.0, f64::max);
            tails[id] += longest;
        }
        let ready = (0..count).filter(|&id| !graph.nodes[id].pruned && waiting_for[id] == 0).collect();
        Self {
            started: graph.nodes.iter().map(|node| node.pruned).collect(),
            graph: Arc::new(graph),
            settings: Arc::new(settings),
            events,
            values: Arc::new(RwLock::new(values)),
            digests: vec![None; count],
            waiting_for,
            dependents,
            readers,
            proved: Arc::default(),
            tails,
            estimates,
            ready,
            reasons: HashMap::new(),
            unread: BTreeMap::new(),
            demanded: HashMap::new(),
            short_of_space: HashSet::new(),
            running: JoinSet::new(),
            nodes_of_tasks: HashMap::new(),
            unsynced: Vec::new(),
            syncing: JoinSet::new(),
            failures: Vec::new(),
            skipped: Vec::new(),
            findings: Vec::new(),
            timings: Vec::new(),
            doomed: false,
        }
    }

    fn announce(&self) {
        let estimates: HashMap<&JobId, f64> =
            self.graph.nodes.iter().zip(&self.estimates).map(|(node, &estimate)| (&node.job.id, estimate)).collect();
        let jobs = self.graph.jobs().into_iter().map(|planned| JobPlan {
            job: planned.job.id.clone(),
            phase: planned.job.phase,
            scope: planned.job.scope.clone(),
            needs: planned.needs.into_iter().cloned().collect(),
            failable: planned.job.failable,
            estimate: estimates[&planned.job.id],
        });
        self.events.send(Event::RunStarted {
            compose_id: self.settings.compose_id.clone(),
            version: self.settings.version.clone(),
            resumed: self.settings.resumed,
            programs: self.settings.tools.clone(),
            jobs: jobs.collect(),
        });
    }

    fn prove_ahead(&self) {
        if self.settings.resumed {
            let jobs = self.graph.jobs().into_iter().map(|planned| planned.job.id.clone()).collect();
            reuse::prove_ahead(&self.settings.layout, jobs, &self.proved, &self.settings.stop.cancel);
        }
    }

    async fn run_all(&mut self) {
        loop {
            self.start_ready_jobs();
            self.sync_records();
            tokio::select! {
                Some(ended) = self.running.join_next_with_id() => self.end(ended),
                Some(synced) = self.syncing.join_next() => self.end_sync(synced),
                else => break,
            }
        }
        for (id, completed) in std::mem::take(&mut self.unread) {
            self.tell_of(id, completed);
        }
    }

    fn end(&mut self, ended: Result<(tokio::task::Id, Result<Ended, Failed>), tokio::task::JoinError>) {
        match ended {
            Ok((task, result)) => {
                let id = self.nodes_of_tasks.remove(&task).expect("every task belongs to a job");
                match result {
                    Ok(Ended::Completed(completed)) => self.complete(id, *completed),
                    Ok(Ended::Lacking(reason)) => self.make_inputs(id, reason),
                    Err(failed) => self.fail(id, failed),
                }
            }
            Err(panic) => {
                let id = self.nodes_of_tasks.remove(&panic.id()).expect("every task belongs to a job");
                let error = JobError::new(format!("internal error: {panic}"))
                    .hint("this is a bug in charmer; please report it with the job's log");
                self.fail(id, Failed { error, findings: Vec::new(), duration: Duration::ZERO });
            }
        }
    }

    /// Brings records to the disk while jobs go on: all that have come since the last time, since a disk takes many as fast as one.
    fn sync_records(&mut self) {
        if self.unsynced.is_empty() || !self.syncing.is_empty() {
            return;
        }
        let records = std::mem::take(&mut self.unsynced);
        let sync = move || records.into_iter().filter_map(|(id, record)| Some((id, record.sync_all().err()?))).collect();
        self.syncing.spawn_blocking(sync);
    }

    /// A record that the disk does not take would be missed by a resume. Its job has ended, and others have read its output: whether
    /// it may fail is no question any more.
    fn end_sync(&mut self, synced: Result<Vec<(NodeId, std::io::Error)>, tokio::task::JoinError>) {
        for (id, error) in synced.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())) {
            self.report(id, JobError::from(error), false, Duration::ZERO);
            self.doomed = true;
        }
    }

    fn start_ready_jobs(&mut self) {
        if self.doomed || self.settings.stop.cancel.is_cancelled() {
            return;
        }
        self.ready.sort_by(|&left, &right| self.tails[right].total_cmp(&self.tails[left]).then(left.cmp(&right)));
        let mut position = 0;
        while position < self.ready.len() {
            let id = self.ready[position];
            let missing = (self.graph.nodes[id].missing_input)(&self.values.read().unwrap_or_else(PoisonError::into_inner));
            if let Some(missing) = missing {
                self.ready.remove(position);
                self.skip(id, missing);
                // What depends on it may have become ready, with a longer tail than what stands here.
                return self.start_ready_jobs();
            } else if self.has_room_for(id) && !self.waits_for_space(id) {
                self.ready.remove(position);
                self.start(id);
            } else {
                position += 1;
            }
        }
    }

    fn has_room_for(&self, id: NodeId) -> bool {
        let limits = &self.settings.limits;
        let wanted = &self.graph.nodes[id].job;
        let running = || self.nodes_of_tasks.values().map(|&id| &self.graph.nodes[id].job);
        let cores: u32 = running().map(|job| job.weight.cores).sum();
        let memory: u64 = running().map(|job| job.weight.memory).sum();
        let fits = cores + wanted.weight.cores <= limits.machine.cores && memory + wanted.weight.memory <= limits.machine.memory;
        let network = !wanted.network || running().filter(|job| job.network).count() < limits.network;
        let counted = running().filter(|job| job.weight != Weight::NONE).count();
        wanted.weight == Weight::NONE || (counted < limits.jobs && network && (fits || counted == 0))
    }

    /// Whether a job that writes much should wait for what others will free when they end. When nothing runs any more, waiting is
    /// of no use: it fails and says why.
    fn waits_for_space(&mut self, id: NodeId) -> bool {
        if self.nodes_of_tasks.is_empty() {
            return false;
        }
        let job = &self.graph.nodes[id].job;
        let Some(what) = lacking_space(&self.settings, job) else { return false };
        if self.short_of_space.insert(id) {
            let text = format!("{what}: it waits until other jobs have ended");
            self.events.send(Event::JobMessage { job: job.id.clone(), text });
        }
        true
    }

    fn start(&mut self, id: NodeId) {
        self.started[id] = true;
        let node = &self.graph.nodes[id];
        let named = node.inputs.iter().map(|&input| (self.graph.nodes[input].job.id.to_string(), self.digests[input]));
        let absent = Sha256::of(b"absent");
        let version = |tool: &&str| ((*tool).to_owned(), self.settings.tools.get(*tool).cloned().unwrap_or_default());
        let ingredients = Ingredients {
            version: node.job.version,
            spec: node.job.spec,
            compose: node.job.compose,
            inputs: named.map(|(name, digest)| (name, digest.unwrap_or(absent))).collect(),
            tools: node.job.tools.iter().map(version).collect(),
        };
        let attempt = Attempt {
            id,
            ingredients,
            reason: self.reasons.remove(&id),
            graph: self.graph.clone(),
            settings: self.settings.clone(),
            values: self.values.clone(),
            events: self.events.clone(),
            proved: self.proved.clone(),
        };
        let task = self.running.spawn(attempt.run());
        self.nodes_of_tasks.insert(task.id(), id);
    }

    fn complete(&mut self, id: NodeId, mut completed: Completed) {
        self.unsynced.extend(completed.record.take().map(|record| (id, record)));
        self.digests[id] = Some(completed.digest);
        let Some(value) = completed.produced.value.take() else {
            self.unread.insert(id, completed);
            return self.release(&self.dependents[id].clone());
        };
        self.values.write().unwrap_or_else(PoisonError::into_inner).0[id] = Some(value);
        self.tell_of(id, completed);
        let readers = self.demanded.remove(&id).unwrap_or_else(|| self.dependents[id].clone());
        self.release(&readers);
        self.let_go_of_inputs(id);
    }

    /// Lets a job that has to be done wait for those of its inputs that were not made so far.
    fn make_inputs(&mut self, id: NodeId, reason: MissReason) {
        self.reasons.insert(id, reason);
        self.started[id] = false;
        let graph = self.graph.clone();
        for &input in &graph.nodes[id].inputs {
            if self.unread.remove(&input).is_some() {
                self.reasons.insert(input, MissReason::Volatile);
                self.started[input] = false;
                self.ready.push(input);
                self.demanded.insert(input, Vec::new());
            }
            if let Some(readers) = self.demanded.get_mut(&input) {
                readers.push(id);
                self.waiting_for[id] += 1;
            }
        }
        if self.waiting_for[id] == 0 {
            // They have been made meanwhile, for others.
            self.ready.push(id);
        }
    }

    fn tell_of(&mut self, id: NodeId, completed: Completed) {
        let job = self.graph.nodes[id].job.id.clone();
        self.events.send(Event::JobFinished {
            job: job.clone(),
            how: completed.how.clone(),
            duration: completed.duration.as_secs_f64(),
        });
        self.findings.extend(completed.findings.into_iter().map(|finding| (job.clone(), finding)));
        self.timings.push(JobTiming { job, how: completed.how, duration: completed.duration });
    }

    fn fail(&mut self, id: NodeId, Failed { error, findings, duration }: Failed) {
        if error.cancelled && self.settings.stop.cancel.is_cancelled() {
            self.started[id] = false;
            return;
        }
        let node = &self.graph.nodes[id];
        let (job, failable) = (node.job.id.clone(), node.job.failable);
        let absent = node.absent.clone().filter(|_| failable);
        self.findings.extend(findings.into_iter().map(|finding| (job.clone(), finding)));
        self.report(id, error, failable, duration);
        match absent {
            Some(absent) => self.be_absent(id, absent),
            None => self.doomed = true,
        }
    }

    fn report(&mut self, id: NodeId, error: JobError, failable: bool, duration: Duration) {
        let job = self.graph.nodes[id].job.id.clone();
        let (failure, duration) = (*error.report, duration.as_secs_f64());
        self.events.send(Event::JobFailed { job: job.clone(), failable, failure: failure.clone(), duration });
        self.failures.push(FailedJob { job, failable, failure });
    }

    fn skip(&mut self, id: NodeId, missing: NodeId) {
        self.started[id] = true;
        let because = self.graph.nodes[missing].job.id.clone();
        let job = self.graph.nodes[id].job.id.clone();
        self.skipped.push((job.clone(), because.clone()));
        self.events.send(Event::JobSkipped { job, because });
        let absent = self.graph.nodes[id].absent.clone().expect("only a job whose output may be absent requires an input");
        self.be_absent(id, absent);
    }

    fn be_absent(&mut self, id: NodeId, absent: super::graph::AnyValue) {
        self.values.write().unwrap_or_else(PoisonError::into_inner).0[id] = Some(absent);
        self.release(&self.dependents[id].clone());
        self.let_go_of_inputs(id);
    }

    /// A value is held for as long as somebody will read it: a package set takes more memory than all that comes after it.
    fn let_go_of_inputs(&mut self, id: NodeId) {
        let graph = self.graph.clone();
        for &input in graph.nodes[id].inputs.iter().filter(|&&input| !graph.nodes[input].pruned) {
            self.readers[input] -= 1;
            if self.readers[input] > 0 {
                continue;
            }
            let value = self.values.write().unwrap_or_else(PoisonError::into_inner).0[input].take();
            if graph.nodes[input].job.weight.memory >= LARGE {
                drop_in_background(value);
            }
            if let Some(completed) = self.unread.remove(&input) {
                self.tell_of(input, completed);
                self.let_go_of_inputs(input);
            }
        }
    }

    /// Tells jobs that one input more is there.
    fn release(&mut self, readers: &[NodeId]) {
        for &reader in readers {
            self.waiting_for[reader] -= 1;
            if self.waiting_for[reader] == 0 {
                self.ready.push(reader);
            }
        }
    }

    fn final_status(&self) -> Status {
        if self.doomed {
            Status::Doomed
        } else if self.started.contains(&false) {
            Status::Terminated
        } else if self.failures.is_empty() {
            Status::Finished
        } else {
            Status::FinishedIncomplete
        }
    }

    fn outcome(self, status: Status, duration: Duration) -> Outcome {
        let unstarted = self.graph.nodes.iter().zip(&self.started).filter(|(_, started)| !**started);
        let not_started = unstarted.map(|(node, _)| node.job.id.clone()).collect();
        drop_in_background(self.values);
        Outcome {
            status,
            not_started,
            failures: self.failures,
            skipped: self.skipped,
            findings: self.findings,
            timings: self.timings,
            duration,
        }
    }
}

/// How long a job took when it was last done, here or in an older compose.
fn estimate(node: &Node, settings: &Settings) -> f64 {
    let places = std::iter::once(&settings.layout).chain(&settings.older);
    let mut records = places.filter_map(|place| Record::read(&place.job_record(node.job.id.as_str())).ok().flatten());
    records.next().map_or(node.job.estimate, |record| record.duration)
}
