//! A compose that is there already, read from its folder: its name, its status, and whether a process still works on it.

use std::io;
use std::path::Path;

use charmer_compose::engine::event::Status;
use charmer_compose::layout::Layout;
use charmer_compose::session::folder::ProcessLock;
use serde::Serialize;

use crate::exit::Failure;

/// What `COMPOSE_ID` and `STATUS` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Existing {
    pub(super) layout: Layout,
    pub(super) compose_id: String,
    /// None before the run has begun, and for a word that this charmer does not know.
    pub(super) status: Option<Status>,
    pub(super) condition: Condition,
}

/// Whether somebody works on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Condition {
    /// A process works on it.
    Running,
    /// Its status is that of a running compose, but the process is gone.
    Died,
    /// Its status is final.
    Ended,
}

impl Existing {
    /// Reads a compose's folder; what has no `COMPOSE_ID` is none.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        Self::find(folder)?.ok_or_else(|| {
            Failure::usage(format!("{} is no compose: it has no COMPOSE_ID", folder.display()))
                .hint("`charmer list TARGET_DIR` shows the composes of a folder")
        })
    }

    pub(super) fn find(folder: &Path) -> io::Result<Option<Self>> {
        let layout = Layout::new(folder);
        let Some(compose_id) = read_if_there(&layout.compose_id())? else { return Ok(None) };
        let status = read_if_there(&layout.status())?.and_then(|word| Status::from_word(&word));
        let condition = if ProcessLock::is_held(&layout)? {
            Condition::Running
        } else if matches!(status, None | Some(Status::Started)) {
            Condition::Died
        } else {
            Condition::Ended
        };
        Ok(Some(Self { layout, compose_id: compose_id.trim().to_owned(), status, condition }))
    }

    /// `FINISHED`, `STARTED, running`, `died`.
    pub(super) fn words(&self) -> String {
        let status = self.status.map_or("no status", Status::word);
        match self.condition {
            Condition::Running => "running".to_owned(),
            Condition::Died => "died".to_owned(),
            Condition::Ended => status.to_owned(),
        }
    }
}

fn read_if_there(path: &Path) -> io::Result<Option<String>> {
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
