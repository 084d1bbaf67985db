//! What is known of a run from its events: which jobs wait, run, or have ended, how fast bytes arrive, how long it may still take.
//!
//! Pure: the clock is in the entries. Also made from a journal, for `charmer status`.

use std::collections::{HashMap, VecDeque};

use charmer_compose::engine::event::{Entry, Event, Finish, JobPlan, Status, Unit};
use charmer_compose::engine::job::{JobId, Phase};
use charmer_compose::finding::Severity;

use crate::critical_path::{Chain, longest_chain, needs};

/// The rate of a transfer is that of its last seconds.
const RATE_WINDOW: f64 = 12.0;

/// A run, as far as its events tell.
#[derive(Debug, Clone, Default)]
pub struct Run {
    pub compose_id: String,
    /// In the order of the plan.
    pub jobs: Vec<JobState>,
    /// Seconds since 1970.
    pub started: f64,
    pub status: Option<Status>,
    /// Seconds that the run took, once it is over.
    pub duration: Option<f64>,
    pub warnings: usize,
    pub fatal_findings: usize,
    places: HashMap<JobId, usize>,
    needs: Vec<Vec<usize>>,
}

/// A job of the run.
#[derive(Debug, Clone)]
pub struct JobState {
    pub plan: JobPlan,
    pub state: State,
    pub transfer: Option<Transfer>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum State {
    Waiting,
    Running { since: f64 },
    Done { how: Finish, duration: f64 },
    Failed { failable: bool, message: String, duration: f64 },
    Skipped { because: JobId },
}

impl State {
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. } | Self::Skipped { .. })
    }
}

/// How far a running job is.
#[derive(Debug, Clone)]
pub struct Transfer {
    pub done: u64,
    pub total: u64,
    pub unit: Unit,
    samples: VecDeque<(f64, u64)>,
}

impl Transfer {
    /// Units per second, once there is something to measure.
    pub fn rate(&self) -> Option<f64> {
        let (&(start, before), &(end, after)) = (self.samples.front()?, self.samples.back()?);
        (end - start >= 0.5 && after > before).then(|| (after - before) as f64 / (end - start))
    }

    /// Seconds until it is done, at its rate.
    pub fn remaining(&self) -> Option<f64> {
        self.rate().map(|rate| self.total.saturating_sub(self.done) as f64 / rate)
    }
}

/// Jobs of one phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseCount {
    pub phase: Phase,
    pub running: usize,
    pub ended: usize,
    pub failed: usize,
    pub total: usize,
}

impl Run {
    /// Takes in the next entry.
    pub fn apply(&mut self, entry: &Entry) {
        let now = seconds_of(entry);
        match &entry.event {
            Event::RunStarted { compose_id, jobs, .. } => self.begin(compose_id, jobs, now),
            Event::StatusChanged { status } => self.status = Some(*status),
            Event::JobStarted { job, .. } => self.change(job, State::Running { since: now }),
            Event::Progress { job, done, total, unit } => self.progress(job, *done, *total, *unit, now),
            // What an attempt that failed had transferred says nothing about the next one.
            Event::JobRetried { job, .. } => self.forget_transfer(job),
            Event::JobMessage { .. } => {}
            Event::Finding { finding, .. } => match finding.severity {
                Severity::Off => {}
                Severity::Warn => self.warnings += 1,
                Severity::Fatal => self.fatal_findings += 1,
            },
            Event::JobFinished { job, how, duration } => {
                self.change(job, State::Done { how: how.clone(), duration: *duration });
            }
            Event::JobFailed { job, failable, failure, duration } => {
                let message = failure.message.clone();
                self.change(job, State::Failed { failable: *failable, message, duration: *duration });
            }
            Event::JobSkipped { job, because } => self.change(job, State::Skipped { because: because.clone() }),
            Event::RunFinished { status, duration } => {
                self.status = Some(*status);
                self.duration = Some(*duration);
            }
        }
    }

    fn begin(&mut self, compose_id: &str, jobs: &[JobPlan], now: f64) {
        let state = |plan: &JobPlan| JobState { plan: plan.clone(), state: State::Waiting, transfer: None };
        *self = Self {
            compose_id: compose_id.to_owned(),
            places: jobs.iter().enumerate().map(|(place, plan)| (plan.job.clone(), place)).collect(),
            needs: needs(jobs),
            jobs: jobs.iter().map(state).collect(),
            started: now,
            ..Self::default()
        };
    }

    fn job(&mut self, job: &JobId) -> Option<&mut JobState> {
        self.places.get(job).map(|&place| &mut self.jobs[place])
    }

    fn change(&mut self, job: &JobId, state: State) {
        if let Some(job) = self.job(job) {
            job.state = state;
            job.transfer = None;
        }
    }

    fn forget_transfer(&mut self, job: &JobId) {
        if let Some(job) = self.job(job) {
            job.transfer = None;
        }
    }

    fn progress(&mut self, job: &JobId, done: u64, total: u64, unit: Unit, now: f64) {
        let Some(job) = self.job(job) else { return };
        let mut samples =
            job.transfer.take().filter(|transfer| transfer.unit == unit).map_or_else(VecDeque::new, |old| old.samples);
        samples.push_back((now, done));
        while samples.len() > 2 && now - samples[0].0 > RATE_WINDOW {
            samples.pop_front();
        }
        job.transfer = Some(Transfer { done, total, unit, samples });
    }

    pub fn running(&self) -> impl Iterator<Item = (&JobState, f64)> {
        self.jobs.iter().filter_map(|job| match job.state {
            State::Running { since } => Some((job, since)),
            _ => None,
        })
    }

    pub fn ended(&self) -> usize {
        self.jobs.iter().filter(|job| job.state.has_ended()).count()
    }

    /// The phases that have jobs, in their order.
    pub fn phases(&self) -> Vec<PhaseCount> {
        let counts = Phase::ALL.into_iter().map(|phase| {
            let jobs = || self.jobs.iter().filter(move |job| job.plan.phase == phase);
            PhaseCount {
                phase,
                running: jobs().filter(|job| matches!(job.state, State::Running { .. })).count(),
                ended: jobs().filter(|job| job.state.has_ended()).count(),
                failed: jobs().filter(|job| matches!(job.state, State::Failed { .. })).count(),
                total: jobs().count(),
            }
        });
        counts.filter(|count| count.total > 0).collect()
    }

    /// What is left of the critical path: jobs that have ended take no time any more, running ones what is left of their estimate, or
    /// of their transfer where that tells better.
    pub fn remaining(&self, now: f64) -> Chain {
        let seconds: Vec<f64> = self.jobs.iter().map(|job| remaining_seconds(job, now)).collect();
        let mut chain = longest_chain(&self.needs, &seconds);
        chain.jobs.retain(|&job| !self.jobs[job].state.has_ended());
        chain
    }
}

fn remaining_seconds(job: &JobState, now: f64) -> f64 {
    match job.state {
        State::Waiting => job.plan.estimate,
        State::Running { since } => {
            let left = job.transfer.as_ref().and_then(Transfer::remaining);
            left.unwrap_or_else(|| (job.plan.estimate - (now - since)).max(0.0))
        }
        State::Done { .. } | State::Failed { .. } | State::Skipped { .. } => 0.0,
    }
}

/// An entry's time in seconds since 1970.
pub fn seconds_of(entry: &Entry) -> f64 {
    entry.time.parse::<jiff::Timestamp>().map_or(0.0, |time| time.as_millisecond() as f64 / 1000.0)
}
