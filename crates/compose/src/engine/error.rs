//! Why a job failed: what people need to see, and what the scheduler needs to decide.

use std::error::Error;

use serde::{Deserialize, Serialize};

use crate::tools::ToolError;
use crate::tools::runner::ToolFailure;

/// A job's failure.
#[derive(Debug, Clone)]
pub struct JobError {
    pub report: Box<FailureReport>,
    /// Trying again may help.
    pub transient: bool,
    /// The job was ended because the compose stops.
    pub cancelled: bool,
}

/// A failure as people and events see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FailureReport {
    /// What went wrong; several lines where there are several problems.
    pub message: String,
    /// The command line that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The last lines that the command printed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub output: Vec<String>,
    /// The job's whole log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl JobError {
    /// A failure that trying again does not mend.
    pub fn new(message: impl Into<String>) -> Self {
        let report = FailureReport { message: message.into(), command: None, output: Vec::new(), log: None, hint: None };
        Self { report: Box::new(report), transient: false, cancelled: false }
    }

    /// The same with its causes: `cannot write the index: No space left on device`.
    pub fn caused(error: &dyn Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        Self::new(message)
    }

    pub fn cancelled() -> Self {
        Self { cancelled: true, ..Self::new("ended because the compose stops") }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.report.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn transient(mut self) -> Self {
        self.transient = true;
        self
    }
}

impl From<ToolError> for JobError {
    fn from(error: ToolError) -> Self {
        let cancelled = matches!(error.cause, ToolFailure::Cancelled { .. });
        let report = FailureReport {
            message: error.cause.to_string(),
            command: Some(error.command),
            output: error.tail,
            log: Some(error.log.display().to_string()),
            hint: None,
        };
        Self { report: Box::new(report), transient: false, cancelled }
    }
}

impl From<std::io::Error> for JobError {
    fn from(error: std::io::Error) -> Self {
        Self::caused(&error)
    }
}
