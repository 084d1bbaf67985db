//! The summary at the end of a compose: what was made, what was found, what failed and why, and where it all is. Pure.

use std::path::PathBuf;

use charmer_compose::digest::Sha256;
use charmer_compose::engine::event::Status;
use charmer_compose::engine::job::JobId;
use charmer_compose::engine::scheduler::FailedJob;
use charmer_compose::finding::{Finding, Severity};

use crate::paint::{Paint, Tone};
use crate::progress::lines::{failure_details, finding_text};
use crate::text::{count, duration, harmless, pad, size};

/// Findings that the summary lists; `compose/metadata/findings.json` has all.
const FINDINGS: usize = 20;
/// Of a SHA-256 in hexadecimal.
const SHORT_DIGEST: usize = 12;

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Summary {
    pub compose_id: String,
    pub status: Status,
    /// The compose's folder.
    pub root: PathBuf,
    /// Seconds of this run.
    pub duration: f64,
    pub artifacts: Vec<Artifact>,
    pub findings: Vec<Finding>,
    pub failures: Vec<FailedJob>,
    /// Jobs that were not done, each with the one whose output it misses.
    pub skipped: Vec<(JobId, JobId)>,
    /// Jobs that were never started, because the run ended before.
    pub not_started: Vec<JobId>,
    /// Archives that are taken without a signature.
    pub trusted_archives: Vec<String>,
    /// Archives that have changed since their indexes were read.
    pub moved_archives: Vec<String>,
    /// Repositories and checksums are signed.
    pub signed: bool,
}

/// Something that the compose ships.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// `container Base.amd64`, `repository Server`.
    pub name: String,
    /// Relative to the compose's folder.
    pub path: String,
    pub size: u64,
    /// None for a folder.
    pub sha256: Option<Sha256>,
    /// Seconds that it took; none if it was not made anew.
    pub duration: Option<f64>,
}

impl Summary {
    /// The whole summary.
    pub fn text(&self, paint: Paint) -> String {
        let sections = [
            artifact_table(&self.artifacts, paint),
            self.finding_section(paint),
            self.failure_section(paint),
            self.left_out_section(paint),
            self.note_section(paint),
            vec![self.ending(paint)],
        ];
        let sections = sections.into_iter().filter(|section| !section.is_empty()).map(|section| section.join("\n") + "\n");
        sections.collect::<Vec<_>>().join("\n")
    }

    /// The status, the time, and where the compose is; with what to do next if it is not whole. A resume goes on with the configuration
    /// that the compose began with, so what is amiss there takes another compose.
    pub fn ending(&self, paint: Paint) -> String {
        let tone = match self.status {
            Status::Finished => Tone::Good,
            Status::FinishedIncomplete | Status::Terminated | Status::Started => Tone::Warning,
            Status::Doomed => Tone::Bad,
        };
        let root = harmless(&self.root.display().to_string());
        let next = match self.status {
            Status::Finished | Status::FinishedIncomplete => format!(": {root}"),
            Status::Started | Status::Terminated => format!("; go on with: charmer resume {}", quoted(&root)),
            Status::Doomed => {
                let target = self.root.parent().map_or_else(String::new, |target| harmless(&target.display().to_string()));
                format!(
                    "\n  if the cause lies outside (network, tool, disk), mend it and go on with: charmer resume {}\n  if the \
                     configuration is changed, compose again with: --old-composes {} (what was done is reused)",
                    quoted(&root),
                    quoted(&target)
                )
            }
        };
        format!(
            "{} is {} after {}{next}",
            harmless(&self.compose_id),
            paint.text(tone, self.status.word()),
            duration(self.duration)
        )
    }

    fn finding_section(&self, paint: Paint) -> Vec<String> {
        let mut findings: Vec<&Finding> = self.findings.iter().filter(|finding| finding.severity != Severity::Off).collect();
        if findings.is_empty() {
            return Vec::new();
        }
        findings.sort_by(|left, right| right.severity.cmp(&left.severity).then_with(|| left.cmp(right)));
        let fatal = findings.iter().filter(|finding| finding.severity == Severity::Fatal).count();
        let counts = [(fatal, "fatal finding"), (findings.len() - fatal, "warning")];
        let heads: Vec<String> =
            counts.iter().filter(|(number, _)| *number > 0).map(|(number, noun)| count(*number, noun)).collect();
        let mut lines = vec![paint.text(Tone::Strong, &heads.join(", "))];
        for finding in findings.iter().take(FINDINGS) {
            let (tone, word) =
                if finding.severity == Severity::Fatal { (Tone::Bad, "fatal  ") } else { (Tone::Warning, "warning") };
            lines.push(format!("  {} {}", paint.text(tone, word), finding_text(finding)));
            lines.extend(finding.hint.iter().map(|hint| format!("          hint: {}", harmless(hint))));
        }
        if findings.len() > FINDINGS {
            lines.push(format!("  and {} more in compose/metadata/findings.json", findings.len() - FINDINGS));
        }
        lines
    }

    fn failure_section(&self, paint: Paint) -> Vec<String> {
        if self.failures.is_empty() {
            return Vec::new();
        }
        let mut lines = vec![paint.text(Tone::Strong, &format!("{} failed", count(self.failures.len(), "job")))];
        for failed in &self.failures {
            let allowed = if failed.failable { " (allowed to fail)" } else { "" };
            lines.push(format!("  {}{allowed}", paint.text(Tone::Bad, &harmless(failed.job.as_str()))));
            lines.extend(failure_details(&failed.failure).into_iter().map(|line| format!("    {line}")));
        }
        lines
    }

    fn left_out_section(&self, paint: Paint) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.skipped.is_empty() {
            lines.push(paint.text(Tone::Strong, &format!("{} skipped", count(self.skipped.len(), "job"))));
            lines.extend(self.skipped.iter().map(|(job, because)| {
                format!("  {}, because {} is not there", harmless(job.as_str()), harmless(because.as_str()))
            }));
        }
        if !self.not_started.is_empty() {
            lines.push(paint.text(Tone::Strong, &format!("{} not started", count(self.not_started.len(), "job"))));
        }
        lines
    }

    fn note_section(&self, paint: Paint) -> Vec<String> {
        let notes = [
            (&self.trusted_archives, "taken without a signature, as the configuration says"),
            (&self.moved_archives, "changed since the package set was fixed; the next lock will differ"),
        ];
        let notes = notes.into_iter().filter(|(archives, _)| !archives.is_empty()).map(|(archives, what)| {
            let names: Vec<String> = archives.iter().map(|name| harmless(name)).collect();
            format!("{} {what}: {}", paint.text(Tone::Warning, "note:"), names.join(", "))
        });
        let unsigned =
            (!self.signed).then(|| format!("{} repositories and checksums are not signed", paint.text(Tone::Warning, "note:")));
        notes.chain(unsigned).collect()
    }
}

/// A folder's name as a shell takes it.
fn quoted(name: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+:~@".contains(character);
    if name.chars().all(plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

fn artifact_table(artifacts: &[Artifact], paint: Paint) -> Vec<String> {
    if artifacts.is_empty() {
        return Vec::new();
    }
    let rows: Vec<[String; 5]> = artifacts.iter().map(artifact_row).collect();
    let head = ["artifact", "size", "sha256", "time", "file"].map(str::to_owned);
    let widths: Vec<usize> = (0..head.len())
        .map(|column| std::iter::once(&head).chain(&rows).map(|row| console::measure_text_width(&row[column])).max().unwrap_or(0))
        .collect();
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            // Numbers stand under each other.
            1 | 3 => format!("{cell:>width$}"),
            _ => pad(cell, width),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = paint.text(Tone::Strong, &line(&head));
    std::iter::once(head).chain(rows.iter().map(line)).collect()
}

fn artifact_row(artifact: &Artifact) -> [String; 5] {
    let digest = artifact.sha256.map(|digest| digest.to_string()[..SHORT_DIGEST].to_owned());
    let time = artifact.duration.map_or_else(|| "reused".to_owned(), duration);
    [harmless(&artifact.name), size(artifact.size), digest.unwrap_or_else(|| "-".to_owned()), time, harmless(&artifact.path)]
}

#[cfg(test)]
mod tests {
    use charmer_compose::engine::error::FailureReport;

    use super::*;

    fn finding(severity: Severity, subject: &str) -> Finding {
        Finding {
            check: "closure".into(),
            severity,
            scope: "Server.amd64".into(),
            subject: subject.into(),
            message: "needs nothing-has-this, which no archive has".into(),
            hint: None,
        }
    }

    fn summary() -> Summary {
        let artifact = |name: &str, path: &str, size, duration| Artifact {
            name: name.into(),
            path: path.into(),
            size,
            sha256: path.ends_with("tar").then(|| Sha256::of(path.as_bytes())),
            duration,
        };
        Summary {
            compose_id: "harbour-13.1-20261123.t.0".into(),
            status: Status::FinishedIncomplete,
            root: "/srv/composes/harbour-13.1-20261123.t.0".into(),
            duration: 372.4,
            artifacts: vec![
                artifact("repository Base", "compose/Base/repository", 123_456_789, Some(4.25)),
                artifact("container Base.amd64", "compose/Base/amd64/images/harbour.tar", 61_234_567, None),
            ],
            findings: vec![
                finding(Severity::Warn, "\u{1b}[2Jevil"),
                finding(Severity::Fatal, "worse"),
                finding(Severity::Off, "unseen"),
            ],
            failures: vec![FailedJob {
                job: "live:Server.amd64".into(),
                failable: true,
                failure: FailureReport {
                    message: "xorriso exited with status 32".into(),
                    command: Some("xorriso -as mkisofs -o harbour.iso tree".into()),
                    output: vec!["xorriso : FAILURE : no space left".into()],
                    log: Some("/srv/composes/harbour-13.1-20261123.t.0/logs/jobs/live:Server.amd64.log".into()),
                    hint: None,
                },
            }],
            skipped: vec![("test:Server.amd64.live".into(), "live:Server.amd64".into())],
            not_started: Vec::new(),
            trusted_archives: vec!["own".into()],
            moved_archives: vec!["debian trixie".into()],
            signed: false,
        }
    }

    #[test]
    fn the_summary_says_what_was_made_and_what_was_not() {
        insta::assert_snapshot!(summary().text(Paint { colour: false }));
    }

    #[test]
    fn only_the_first_findings_are_listed_and_the_worst_come_first() {
        let findings = (0..30).map(|number| finding(Severity::Warn, &format!("p{number:02}")));
        let mut summary = Summary { findings: findings.collect(), ..summary() };
        summary.findings.push(finding(Severity::Fatal, "worse"));
        let lines = summary.finding_section(Paint { colour: false });
        assert_eq!(lines.len(), 1 + FINDINGS + 1);
        assert!(lines[1].contains("fatal   Server.amd64: closure: worse"), "{lines:?}");
        assert_eq!(lines.last().unwrap(), "  and 11 more in compose/metadata/findings.json");
    }

    #[test]
    fn a_compose_that_is_not_whole_says_how_to_go_on() {
        let summary = Summary { status: Status::Doomed, root: "/srv/my composes/a".into(), ..summary() };
        let lines = summary.ending(Paint { colour: false });
        assert!(lines.contains(" is DOOMED after 6:12\n"), "{lines}");
        assert!(lines.contains(" go on with: charmer resume '/srv/my composes/a'\n"), "{lines}");
        assert!(lines.contains(" compose again with: --old-composes '/srv/my composes' ("), "{lines}");
    }
}
