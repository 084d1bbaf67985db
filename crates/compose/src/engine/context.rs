//! What a running job may touch: its log, its own work folder, its findings and progress, and the sign that the compose stops.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::finding::{Finding, Severity};
use crate::layout::Layout;
use crate::tools::Runner;

use super::event::{Event, Events, Unit};
use super::job_log::JobLog;
use super::{JobError, JobId};

/// Between two progress events of one job.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// Handed to a job's work.
#[derive(Debug, Clone)]
pub struct JobContext {
    pub job: JobId,
    pub layout: Layout,
    /// Older composes of the same release from which outputs may be taken, the newest first.
    pub older: Vec<Layout>,
    pub(super) work: PathBuf,
    pub runner: Runner,
    pub cancel: CancellationToken,
    pub(super) log: JobLog,
    pub(super) events: Events,
    pub(super) findings: Arc<Mutex<Vec<Finding>>>,
    pub(super) last_progress: Arc<Mutex<Option<Instant>>>,
}

impl JobContext {
    /// A folder of its own, empty when the job starts and gone when it has succeeded. It is made when it is first asked for: most
    /// jobs need none, and folders that come and go are what a file system does slowest.
    pub fn work(&self) -> &Path {
        // What cannot be made is told by whoever wants to use it.
        let _ = fs_err::create_dir_all(&self.work);
        &self.work
    }

    /// Reports a finding; it becomes part of the job's record, and is there again when the job is reused.
    pub fn finding(&self, finding: Finding) {
        self.log.finding(&finding);
        self.events.send(Event::Finding { job: self.job.clone(), finding: finding.clone() });
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
    }

    /// Reports findings; the fatal ones are the job's failure.
    pub fn report(&self, findings: Vec<Finding>) -> Result<(), JobError> {
        /// More lines than these are not read; the job's log has all.
        const SHOWN: usize = 20;
        let line = |finding: &Finding| {
            let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
            format!("{}: {}{hint}", finding.subject, finding.message)
        };
        let fatal = findings.iter().filter(|finding| finding.severity == Severity::Fatal);
        // What holds for several arches is said once.
        let mut said = BTreeSet::new();
        let mut lines: Vec<_> = fatal.map(line).filter(|line| said.insert(line.clone())).collect();
        for finding in findings {
            self.finding(finding);
        }
        if lines.is_empty() {
            return Ok(());
        }
        let more = lines.len().saturating_sub(SHOWN);
        lines.truncate(SHOWN);
        if more > 0 {
            lines.push(format!("and {more} more, all in the log"));
        }
        Err(JobError::new(lines.join("\n")))
    }

    /// Says something that people may want to see while the job runs.
    pub fn message(&self, text: impl Into<String>) {
        let text = text.into();
        self.log.say(&text);
        self.events.send(Event::JobMessage { job: self.job.clone(), text });
    }

    /// Writes something into the log for those who look there.
    pub fn note(&self, text: &str) {
        self.log.say(text);
    }

    /// Says that something was tried again.
    pub fn retried(&self, attempt: u32, reason: impl Into<String>, delay: Duration) {
        let reason = reason.into();
        self.log.retry(attempt, &reason, delay);
        let event = Event::JobRetried { job: self.job.clone(), attempt, reason, delay: delay.as_secs_f64() };
        self.events.send(event);
    }

    /// Says how far the job is. Calls that follow each other closely are dropped, but for the one that ends.
    pub fn progress(&self, done: u64, total: u64, unit: Unit) {
        let mut last = self.last_progress.lock().unwrap_or_else(PoisonError::into_inner);
        if done < total && last.is_some_and(|last| last.elapsed() < PROGRESS_INTERVAL) {
            return;
        }
        *last = Some(Instant::now());
        self.events.send(Event::Progress { job: self.job.clone(), done, total, unit });
    }

    /// Runs work that keeps a core busy, or blocks, apart from the threads that conduct.
    pub async fn blocking<T, F>(&self, work: F) -> Result<T, JobError>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T, JobError> + Send + 'static,
    {
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(panic) => Err(JobError::new(format!("internal error: {panic}"))
                .hint("this is a bug in charmer; please report it with the job's log")),
        }
    }
}
