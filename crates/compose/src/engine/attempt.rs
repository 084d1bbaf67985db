//! One job of a run, from its start to its result: reuse, attempts, log and record.
//!
//! Must not know: which job runs when.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::digest::Sha256;
use crate::files::free_space;
use crate::finding::Finding;
use crate::layout::Layout;
use crate::tools::Runner;

use super::context::JobContext;
use super::error::JobError;
use super::event::{Event, Events, Finish, MissReason};
use super::graph::{Graph, Keep, Node, NodeId, Produced, Values};
use super::job::Job;
use super::job_log::JobLog;
use super::journal::{FORMAT, Ingredients, Record};
use super::reuse::{self, Proved};
use super::scheduler::Settings;

/// What a job gave that is done.
pub(super) struct Completed {
    pub(super) produced: Produced,
    /// A record that is not yet on the disk.
    pub(super) record: Option<fs_err::File>,
    pub(super) digest: Sha256,
    pub(super) how: Finish,
    pub(super) findings: Vec<Finding>,
    pub(super) duration: Duration,
}

/// How an attempt ended that did not fail.
pub(super) enum Ended {
    Completed(Box<Completed>),
    /// It has to be done, for a reason, and values that it reads are not made yet.
    Lacking(MissReason),
}

/// Why a job gave nothing.
pub(super) struct Failed {
    pub(super) error: JobError,
    pub(super) findings: Vec<Finding>,
    pub(super) duration: Duration,
}

/// What there is to say against a job that writes much: a full disk would hurt more than this job.
pub(super) fn lacking_space(settings: &Settings, job: &Job) -> Option<String> {
    let (root, wanted) = (settings.layout.root(), settings.limits.min_free);
    let free = if job.writes_much { free_space(root).ok()? } else { return None };
    (free < wanted).then(|| format!("{} has {} MiB free; {} MiB are to stay free", root.display(), free >> 20, wanted >> 20))
}

/// One job, from the look for an older output to its record.
pub(super) struct Attempt {
    pub(super) id: NodeId,
    pub(super) ingredients: Ingredients,
    /// Why it has to be done, if that is known already.
    pub(super) reason: Option<MissReason>,
    pub(super) graph: Arc<Graph>,
    pub(super) settings: Arc<Settings>,
    pub(super) values: Arc<RwLock<Values>>,
    pub(super) events: Events,
    pub(super) proved: Arc<Proved>,
}

impl Attempt {
    fn node(&self) -> &Node {
        &self.graph.nodes[self.id]
    }

    pub(super) async fn run(self) -> Result<Ended, Failed> {
        let reason = match self.reason.clone() {
            Some(reason) => reason,
            None => match self.find().await {
                Ok(completed) => return Ok(Ended::Completed(completed.into())),
                Err(reason) => reason,
            },
        };
        if self.lacks_values() {
            return Ok(Ended::Lacking(reason));
        }
        self.work(reason).await.map(|completed| Ended::Completed(completed.into()))
    }

    fn lacks_values(&self) -> bool {
        let values = self.values.read().unwrap_or_else(PoisonError::into_inner);
        self.node().inputs.iter().any(|&input| values.0[input].is_none())
    }

    async fn work(self, reason: MissReason) -> Result<Completed, Failed> {
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
        let digest = produced.digest.unwrap_or_else(|| Sha256::of_value(&self.ingredients.digest()));
        let record = match produced.keep.map(|keep| self.keep(keep, digest, &produced, &findings, duration)).transpose() {
            Ok(record) => record,
            Err(error) => return Err(Failed { error: error.into(), findings, duration }),
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
        let proved = self.proved.clone();
        let search = move || reuse::find(&settings.layout, &settings.older, &job, &ingredients, &proved);
        let found = tokio::task::spawn_blocking(search).await;
        let hit = found.map_err(|panic| MissReason::Record { reason: panic.to_string() })??;
        let produced = restore(hit.record.output.get()).map_err(|error| MissReason::Record { reason: error.to_string() })?;
        reuse::make_folders(&self.settings.layout, &produced.folders)?;
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
            older: self.settings.older.clone(),
            work,
            runner,
            cancel,
            log: log.clone(),
            events: self.events.clone(),
            findings: Arc::new(Mutex::new(Vec::new())),
            last_progress: Arc::new(Mutex::new(None)),
        })
    }

    fn keep(
        &self,
        keep: Keep,
        digest: Sha256,
        produced: &Produced,
        findings: &[Finding],
        duration: Duration,
    ) -> std::io::Result<fs_err::File> {
        let job = self.node().job.id.clone();
        let path = self.settings.layout.job_record(job.as_str());
        let record = Record {
            format: FORMAT,
            job,
            ingredients: self.ingredients.clone(),
            digest,
            output: (),
            files: produced.files.clone(),
            findings: findings.to_vec(),
            duration: duration.as_secs_f64(),
        };
        keep(produced.value.as_ref().expect("work gives a value"), record, &path)
    }
}
