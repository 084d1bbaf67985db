//! Each event in words: the lines that scroll by on a terminal, that CI logs keep, and that `logs/global/charmer.log` holds.

use std::collections::HashMap;

use charmer_compose::engine::error::FailureReport;
use charmer_compose::engine::event::{Entry, Event, Finish};
use charmer_compose::engine::job::JobId;
use charmer_compose::finding::{Finding, Severity};

use crate::paint::{Paint, Tone};
use crate::text::{count, duration, harmless, harmless_lines, pad};

/// Of what a failed command printed.
const OUTPUT_LINES: usize = 20;
/// The label's column; the longest labels are as wide.
const LABEL_WIDTH: usize = 9;

/// A line without its colours: what happened, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub tone: Tone,
    /// Empty on lines that belong to the one above.
    pub label: &'static str,
    pub text: String,
}

impl Line {
    pub fn new(tone: Tone, label: &'static str, text: impl Into<String>) -> Self {
        Self { tone, label, text: text.into() }
    }

    fn below(text: impl Into<String>) -> Self {
        Self::new(Tone::Plain, "", text)
    }

    /// The line as it is shown, the label in its colour and its column.
    pub fn show(&self, paint: Paint) -> String {
        let text = if self.tone == Tone::Dim { paint.text(Tone::Dim, &self.text) } else { self.text.clone() };
        format!("{} {text}", paint.text(self.tone, &pad(self.label, LABEL_WIDTH)))
    }
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detail {
    /// What a run does that does not go on with another: `composing`.
    pub verb: &'static str,
    /// The run's begin and end, and the starts of jobs: left out where a live display shows them.
    pub course: bool,
    /// Nothing but failures.
    pub only_failures: bool,
    /// What jobs say.
    pub messages: bool,
    /// Why jobs run although they may have run before.
    pub reasons: bool,
    /// How many findings of one job are shown; the summary and the reports have all.
    pub findings_per_job: usize,
}

impl Detail {
    /// For the log, which holds everything.
    pub const fn all(verb: &'static str) -> Self {
        Self { verb, course: true, only_failures: false, messages: true, reasons: true, findings_per_job: usize::MAX }
    }
}

/// Puts events into words.
#[derive(Debug)]
pub struct Narrator {
    detail: Detail,
    findings: HashMap<JobId, usize>,
}

impl Narrator {
    pub fn new(detail: Detail) -> Self {
        Self { detail, findings: HashMap::new() }
    }

    /// The lines of an entry; none for most progress.
    pub fn lines(&mut self, entry: &Entry) -> Vec<Line> {
        let mut lines = match &entry.event {
            Event::JobFailed { job, failable, failure, duration } => failure_lines(job, *failable, failure, *duration),
            _ if self.detail.only_failures => Vec::new(),
            Event::RunStarted { compose_id, version, resumed, jobs, programs } if self.detail.course => {
                let verb = if *resumed { "resuming" } else { self.detail.verb };
                let text = format!("{}: {}, charmer {}", harmless(compose_id), count(jobs.len(), "job"), harmless(version));
                let mut lines = vec![Line::new(Tone::Strong, verb, text)];
                if self.detail.messages && !programs.is_empty() {
                    let programs: Vec<_> =
                        programs.iter().map(|(name, version)| format!("{} {}", harmless(name), harmless(version))).collect();
                    lines.push(Line::new(Tone::Dim, "with", programs.join(", ")));
                }
                lines
            }
            Event::StatusChanged { status } if self.detail.course => vec![Line::new(Tone::Dim, "status", status.word())],
            Event::RunFinished { status, duration: seconds } if self.detail.course => {
                vec![Line::new(Tone::Strong, "ended", format!("{} after {}", status.word(), duration(*seconds)))]
            }
            Event::JobStarted { job, reason, .. } if self.detail.reasons => {
                vec![Line::new(
                    Tone::Accent,
                    "started",
                    format!("{} ({})", harmless(job.as_str()), harmless(&reason.to_string())),
                )]
            }
            Event::JobStarted { job, .. } if self.detail.course => {
                vec![Line::new(Tone::Accent, "started", harmless(job.as_str()))]
            }
            Event::JobMessage { job, text } if self.detail.messages => message_lines(job, text),
            Event::JobRetried { job, attempt, reason, delay } => {
                let text = format!("{} in {} after attempt {attempt}: ", harmless(job.as_str()), duration(*delay));
                vec![Line::new(Tone::Warning, "retrying", text + &harmless_lines(reason).join(" "))]
            }
            Event::Finding { job, finding } => self.finding_lines(job, finding),
            Event::JobFinished { job, how, duration } => vec![finish_line(job, how, *duration)],
            Event::JobSkipped { job, because } => {
                let text = format!("{}, because {} is not there", harmless(job.as_str()), harmless(because.as_str()));
                vec![Line::new(Tone::Warning, "skipped", text)]
            }
            Event::RunStarted { .. }
            | Event::StatusChanged { .. }
            | Event::RunFinished { .. }
            | Event::JobStarted { .. }
            | Event::JobMessage { .. }
            | Event::Progress { .. } => Vec::new(),
        };
        if let Event::JobFinished { job, .. } | Event::JobFailed { job, .. } = &entry.event {
            lines.extend(self.unshown_findings(job));
        }
        lines
    }

    fn finding_lines(&mut self, job: &JobId, finding: &Finding) -> Vec<Line> {
        let (tone, label) = match finding.severity {
            Severity::Off => return Vec::new(),
            Severity::Warn => (Tone::Warning, "warning"),
            Severity::Fatal => (Tone::Bad, "fatal"),
        };
        let seen = self.findings.entry(job.clone()).or_default();
        *seen += 1;
        if *seen > self.detail.findings_per_job {
            return Vec::new();
        }
        let mut lines = vec![Line::new(tone, label, finding_text(finding))];
        lines.extend(finding.hint.iter().map(|hint| Line::below(format!("hint: {}", harmless(hint)))));
        lines
    }

    fn unshown_findings(&mut self, job: &JobId) -> Option<Line> {
        let seen = self.findings.remove(job).unwrap_or_default();
        let unshown = seen.saturating_sub(self.detail.findings_per_job);
        let shown = !self.detail.only_failures && unshown > 0;
        let text =
            || format!("and {} of {}, all in logs/global/charmer.log", count(unshown, "more finding"), harmless(job.as_str()));
        shown.then(|| Line::below(text()))
    }
}

/// `Server.amd64: closure: foo: needs bar, which no archive has`.
pub fn finding_text(finding: &Finding) -> String {
    let parts = [&finding.scope, &finding.check, &finding.subject, &finding.message];
    parts.into_iter().filter(|part| !part.is_empty()).map(|part| harmless(part)).collect::<Vec<_>>().join(": ")
}

fn message_lines(job: &JobId, text: &str) -> Vec<Line> {
    let job = harmless(job.as_str());
    harmless_lines(text).into_iter().map(|line| Line::new(Tone::Dim, "note", format!("{job}: {line}"))).collect()
}

fn finish_line(job: &JobId, how: &Finish, seconds: f64) -> Line {
    let job = harmless(job.as_str());
    match how {
        Finish::Done => Line::new(Tone::Good, "finished", format!("{job} in {}", duration(seconds))),
        Finish::Resumed => Line::new(Tone::Good, "resumed", job),
        Finish::Reused { from } => Line::new(Tone::Good, "reused", format!("{job} from {}", harmless(from))),
    }
}

fn failure_lines(job: &JobId, failable: bool, failure: &FailureReport, seconds: f64) -> Vec<Line> {
    let allowed = if failable { "; it is allowed to fail, the compose goes on without it" } else { "" };
    let text = format!("{} after {}{allowed}", harmless(job.as_str()), duration(seconds));
    let mut lines = vec![Line::new(Tone::Bad, "failed", text)];
    lines.extend(failure_details(failure).into_iter().map(Line::below));
    lines
}

/// Everything about a failure: what went wrong, the command, the last lines that it printed, its log, and what to do.
pub fn failure_details(failure: &FailureReport) -> Vec<String> {
    let mut lines = harmless_lines(&failure.message);
    lines.extend(failure.command.iter().map(|command| format!("command: {}", harmless(command))));
    let output: Vec<String> = failure.output.iter().flat_map(|line| harmless_lines(line)).collect();
    lines.extend(output[output.len().saturating_sub(OUTPUT_LINES)..].iter().map(|line| format!("  | {line}")));
    lines.extend(failure.log.iter().map(|log| format!("log: {}", harmless(log))));
    lines.extend(failure.hint.iter().map(|hint| format!("hint: {}", harmless_lines(hint).join(" "))));
    lines
}
