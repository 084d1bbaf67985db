//! A job's log: why it ran, what it said and found, each command with its output, and how it ended. Every job that runs has one, and
//! what charmer itself says in it stands behind a `#`.
//!
//! Commands append to the same file by themselves (see [`crate::tools::runner`]).

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::finding::{Finding, Severity};

use super::error::FailureReport;
use super::event::MissReason;
use super::job::{JobId, OutputFile};

/// Files that are listed at the end; a repository has many more.
const FILES: usize = 20;

/// Where one job's log is. Cloning it costs nothing.
#[derive(Debug, Clone)]
pub struct JobLog {
    path: PathBuf,
    file: Arc<fs_err::File>,
}

impl JobLog {
    /// Begins a log, or goes on with that of an earlier run.
    pub(super) fn begin(path: PathBuf, job: &JobId, reason: &MissReason) -> std::io::Result<Self> {
        let open = || fs_err::OpenOptions::new().create(true).append(true).open(&path);
        let file = match open() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                fs_err::create_dir_all(path.parent().expect("logs lie in a folder"))?;
                open()?
            }
            opened => opened?,
        };
        let log = Self { file: Arc::new(file), path };
        log.append(&format!("{job} begins at {:.3} ({reason})", jiff::Timestamp::now()))?;
        Ok(log)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn finding(&self, finding: &Finding) {
        let word = match finding.severity {
            Severity::Off => return,
            Severity::Warn => "warning",
            Severity::Fatal => "fatal",
        };
        let hint = finding.hint.as_ref().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let parts = [&finding.scope, &finding.check, &finding.subject, &finding.message];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
        self.say(&format!("{word}: {}{hint}", parts.join(": ")));
    }

    pub(super) fn retry(&self, attempt: u32, reason: &str, delay: Duration) {
        self.say(&format!("attempt {attempt} failed, the next one is in {:.1} s: {reason}", delay.as_secs_f64()));
    }

    pub(super) fn finished(&self, files: &[OutputFile], duration: Duration) {
        for file in files.iter().take(FILES) {
            self.say(&format!("made {} ({} bytes, SHA-256 {})", file.path, file.size, file.sha256));
        }
        if files.len() > FILES {
            self.say(&format!("made {} more files", files.len() - FILES));
        }
        self.say(&format!("finished after {:.1} s\n", duration.as_secs_f64()));
    }

    pub(super) fn failed(&self, failure: &FailureReport, duration: Duration) {
        let hint = failure.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        self.say(&format!("failed after {:.1} s: {}{hint}\n", duration.as_secs_f64(), failure.message));
    }

    /// A full disk shows at the job's own files; its result does not depend on its log.
    pub(super) fn say(&self, text: &str) {
        let _ = self.append(text);
    }

    /// In one piece, since commands may be writing at the same time.
    fn append(&self, text: &str) -> std::io::Result<()> {
        let lines: String = text.lines().flat_map(|line| ["# ", line, "\n"]).collect();
        let end = if text.ends_with('\n') { "\n" } else { "" };
        (&*self.file).write_all((lines + end).as_bytes())
    }
}
