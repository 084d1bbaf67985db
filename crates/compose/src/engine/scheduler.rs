//! Runs a graph: each job as soon as its inputs are there and the machine has room, the longest remaining path first.
//!
//! The scheduler is the only owner of the run's state. Jobs run as tasks that give it their result; what they share is read-only.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::digest::Sha256;
use crate::files::free_space;
use crate::finding::Finding;
use crate::layout::Layout;
use crate::parallel::drop_in_background;
use crate::tools::Runner;
use crate::tools::priority::Priority;

use super::context::JobContext;
use super::error::{FailureReport, JobError};
use super::event::{Event, Events, Finish, JobPlan, MissReason, Status};
use super::graph::{Graph, Node, NodeId, Produced, Values};
use super::job::{Job, JobId, Weight};
use super::job_log::JobLog;
use super::journal::{FORMAT, Ingredients, Record, write_durably};
use super::reuse;

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

struct Scheduler {
    graph: Arc<Graph>,
    settings: Arc<Settings>,
    events: Events,
    values: Arc<RwLock<Values>>,
    /// Of the outputs of jobs that have ended; none for what is absent.
    digests: Vec<Option<Sha256>>,
    waiting_for: Vec<usize>,
    dependents: Vec<Vec<NodeId>>,
    /// Seconds from a job's start to the end of the longest chain behind it.
    tails: Vec<f64>,
    estimates: Vec<f64>,
    ready: Vec<NodeId>,
    /// Jobs that have said that they wait for free space.
    short_of_space: HashSet<NodeId>,
    running: JoinSet<Result<Completed, Failed>>,
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

struct Completed {
    produced: Produced,
    /// A record that is not yet on the disk.
    record: Option<fs_err::File>,
    digest: Sha256,
    how: Finish,
    findings: Vec<Finding>,
    duration: Duration,
}

struct Failed {
    error: JobError,
    findings: Vec<Finding>,
    duration: Duration,
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
            tails,
            estimates,
            ready,
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

    async fn run_all(&mut self) {
        loop {
            self.start_ready_jobs();
            self.sync_records();
            tokio::select! {
                Some(ended) = self.running.join_next_with_id() => self.end(ended),
                Some(synced) = self.syncing.join_next() => self.end_sync(synced),
                else => return,
            }
        }
    }

    fn end(&mut self, ended: Result<(tokio::task::Id, Result<Completed, Failed>), tokio::task::JoinError>) {
        match ended {
            Ok((task, result)) => {
                let id = self.nodes_of_tasks.remove(&task).expect("every task belongs to a job");
                match result {
                    Ok(completed) => self.complete(id, completed),
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

    /// A record that the disk does not take would be missed by a resume.
    fn end_sync(&mut self, synced: Result<Vec<(NodeId, std::io::Error)>, tokio::task::JoinError>) {
        for (id, error) in synced.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())) {
            self.fail(id, Failed { error: error.into(), findings: Vec::new(), duration: Duration::ZERO });
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
            graph: self.graph.clone(),
            settings: self.settings.clone(),
            values: self.values.clone(),
            events: self.events.clone(),
        };
        let task = self.running.spawn(attempt.run());
        self.nodes_of_tasks.insert(task.id(), id);
    }

    fn complete(&mut self, id: NodeId, completed: Completed) {
        let job = self.graph.nodes[id].job.id.clone();
        self.events.send(Event::JobFinished {
            job: job.clone(),
            how: completed.how.clone(),
            duration: completed.duration.as_secs_f64(),
        });
        self.unsynced.extend(completed.record.map(|record| (id, record)));
        self.findings.extend(completed.findings.into_iter().map(|finding| (job.clone(), finding)));
        self.timings.push(JobTiming { job, how: completed.how, duration: completed.duration });
        self.digests[id] = Some(completed.digest);
        self.values.write().unwrap_or_else(PoisonError::into_inner).0[id] = Some(completed.produced.value);
        self.release_dependents(id);
    }

    fn fail(&mut self, id: NodeId, Failed { error, findings, duration }: Failed) {
        let node = &self.graph.nodes[id];
        let job = node.job.id.clone();
        if error.cancelled && self.settings.stop.cancel.is_cancelled() {
            self.started[id] = false;
            return;
        }
        let failable = node.job.failable;
        self.findings.extend(findings.into_iter().map(|finding| (job.clone(), finding)));
        let absent = node.absent.clone().filter(|_| failable);
        self.events.send(Event::JobFailed {
            job: job.clone(),
            failable,
            failure: (*error.report).clone(),
            duration: duration.as_secs_f64(),
        });
        self.failures.push(FailedJob { job, failable, failure: *error.report });
        match absent {
            Some(absent) => self.be_absent(id, absent),
            None => self.doomed = true,
        }
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
        self.release_dependents(id);
    }

    fn release_dependents(&mut self, id: NodeId) {
        for &dependent in &self.dependents[id] {
            self.waiting_for[dependent] -= 1;
            if self.waiting_for[dependent] == 0 {
                self.ready.push(dependent);
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

/// What there is to say against a job that writes much: a full disk would hurt more than this job.
fn lacking_space(settings: &Settings, job: &Job) -> Option<String> {
    let (root, wanted) = (settings.layout.root(), settings.limits.min_free);
    let free = if job.writes_much { free_space(root).ok()? } else { return None };
    (free < wanted).then(|| format!("{} has {} MiB free; {} MiB are to stay free", root.display(), free >> 20, wanted >> 20))
}

/// How long a job took when it was last done, here or in an older compose.
fn estimate(node: &Node, settings: &Settings) -> f64 {
    let places = std::iter::once(&settings.layout).chain(&settings.older);
    let mut records = places.filter_map(|place| Record::read(&place.job_record(node.job.id.as_str())).ok().flatten());
    records.next().map_or(node.job.estimate, |record| record.duration)
}

/// One job, from the look for an older output to its record.
struct Attempt {
    id: NodeId,
    ingredients: Ingredients,
    graph: Arc<Graph>,
    settings: Arc<Settings>,
    values: Arc<RwLock<Values>>,
    events: Events,
}

impl Attempt {
    fn node(&self) -> &Node {
        &self.graph.nodes[self.id]
    }

    async fn run(self) -> Result<Completed, Failed> {
        let reason = match self.find().await {
            Ok(completed) => return Ok(completed),
            Err(reason) => reason,
        };
        let job = self.node().job.id.clone();
        let started = Instant::now();
        let path = Layout::job_log(job.as_str());
        let log = JobLog::begin(self.settings.layout.path(&path), &job, &reason).map_err(|error| Failed {
            error: error.into(),
            findings: Vec::new(),
            duration: started.elapsed(),
        })?;
        self.events.send(Event::JobStarted { log: path, job, reason });
        let (worked, findings) = match self.missing_space() {
            Some(error) => (Err(error), Vec::new()),
            None => self.work_with_retries(&log).await,
        };
        let duration = started.elapsed();
        let produced = match worked {
            Ok(produced) => produced,
            Err(mut error) => {
                log.failed(&error.report, duration);
                error.report.log.get_or_insert_with(|| log.path().display().to_string());
                return Err(Failed { error, findings, duration });
            }
        };
        log.finished(&produced.files, duration);
        let digest = produced.digest.unwrap_or_else(|| self.ingredients.digest());
        let record = match &produced.json {
            None => None,
            Some(output) => match self.record(output.clone(), digest, &produced, &findings, duration) {
                Ok(record) => Some(record),
                Err(error) => return Err(Failed { error: error.into(), findings, duration }),
            },
        };
        let work = self.settings.layout.job_work(self.node().job.id.as_str());
        if fs_err::symlink_metadata(&work).is_ok() {
            // What is left there serves nobody; the next run would empty it as well.
            let _ = fs_err::remove_dir_all(work);
        }
        Ok(Completed { produced, record, digest, how: Finish::Done, findings, duration })
    }

    /// The output of an earlier run, or of an older compose.
    async fn find(&self) -> Result<Completed, MissReason> {
        let Some(restore) = &self.node().restore else { return Err(MissReason::Volatile) };
        let (settings, job, ingredients) = (self.settings.clone(), self.node().job.id.clone(), self.ingredients.clone());
        let search = move || reuse::find(&settings.layout, &settings.older, &job, &ingredients);
        let found = tokio::task::spawn_blocking(search).await;
        let hit = found.map_err(|panic| MissReason::Record { reason: panic.to_string() })??;
        let produced = restore(&hit.record.output).map_err(|error| MissReason::Record { reason: error.to_string() })?;
        let how = match &hit.from {
            None => Finish::Resumed,
            Some(from) => Finish::Reused { from: from.display().to_string() },
        };
        let keep = || hit.record.write(&self.settings.layout.job_record(hit.record.job.as_str()));
        let record = hit.from.is_some().then(keep).transpose();
        let record = record.map_err(|error| MissReason::Record { reason: error.to_string() })?;
        let (digest, findings) = (hit.record.digest, hit.record.findings);
        Ok(Completed { produced, record, digest, how, findings, duration: Duration::ZERO })
    }

    /// The work's result, and the findings of its last attempt.
    async fn work_with_retries(&self, log: &JobLog) -> (Result<Produced, JobError>, Vec<Finding>) {
        let mut attempt = 1;
        loop {
            let context = match self.context(log) {
                Ok(context) => context,
                Err(error) => return (Err(error.into()), Vec::new()),
            };
            let findings = context.findings.clone();
            let retried = context.clone();
            let work = {
                let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
                (self.node().work)(context, &values)
            };
            let worked = work.await;
            let findings = std::mem::take(&mut *findings.lock().unwrap_or_else(PoisonError::into_inner));
            let error = match worked {
                Err(error) if error.transient && attempt <= self.node().job.retries => error,
                worked => return (worked, findings),
            };
            let delay = Duration::from_secs(1 << attempt.min(6));
            retried.retried(attempt, error.report.message, delay);
            tokio::select! {
                () = tokio::time::sleep(delay) => attempt += 1,
                () = self.settings.stop.cancel.cancelled() => return (Err(JobError::cancelled()), findings),
            }
        }
    }

    /// Why a job should not even begin.
    fn missing_space(&self) -> Option<JobError> {
        let what = lacking_space(&self.settings, &self.node().job)?;
        Some(JobError::new(what).hint("make room, for example by removing old composes, and resume"))
    }

    /// What one attempt has; what an earlier one left is removed.
    fn context(&self, log: &JobLog) -> std::io::Result<JobContext> {
        let (layout, job) = (&self.settings.layout, &self.node().job.id);
        let work = layout.job_work(job.as_str());
        if fs_err::symlink_metadata(&work).is_ok() {
            fs_err::remove_dir_all(&work)?;
        }
        let cancel = self.settings.stop.cancel.clone();
        let mut runner = Runner::new(log.path().to_owned(), work.clone(), self.settings.path.clone(), cancel.clone());
        runner.kill = self.settings.stop.kill.clone();
        runner.timeout = self.settings.limits.command_timeout;
        runner.priority = self.settings.limits.priority;
        Ok(JobContext {
            job: job.clone(),
            layout: layout.clone(),
            work,
            runner,
            cancel,
            log: log.clone(),
            events: self.events.clone(),
            findings: Arc::new(Mutex::new(Vec::new())),
            last_progress: Arc::new(Mutex::new(None)),
        })
    }

    fn record(
        &self,
        output: String,
        digest: Sha256,
        produced: &Produced,
        findings: &[Finding],
        duration: Duration,
    ) -> std::io::Result<fs_err::File> {
        let record = Record {
            format: FORMAT,
            job: self.node().job.id.clone(),
            ingredients: self.ingredients.clone(),
            digest,
            output,
            files: produced.files.clone(),
            findings: findings.to_vec(),
            duration: duration.as_secs_f64(),
        };
        record.write(&self.settings.layout.job_record(record.job.as_str()))
    }
}
