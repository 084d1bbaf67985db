//! What a compose was asked to be: everything that a resumed run needs to build the same plan again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::Configuration;
use crate::engine::Part;
use crate::layout::Layout;
use crate::metadata::ComposeRecord;

/// Written to `work/global/request.json` before anything runs, and never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Request {
    pub compose: ComposeRecord,
    /// Media are marked as supported.
    pub supported: bool,
    /// Seconds since 1970.
    pub started: i64,
    pub config: Configuration,
    pub packages: PackageOrigin,
    /// The lock may hold nothing that the compose does not need.
    #[serde(default)]
    pub exact_lock: bool,
    #[serde(flatten)]
    pub part: Part,
    /// `SOURCE_DATE_EPOCH` as the environment gave it.
    pub source_date_epoch: Option<i64>,
    /// Folders in which older composes lie.
    pub old_composes: Vec<PathBuf>,
    /// The finished compose among them that deltas of packages are made against: the same one after a resume.
    #[serde(default)]
    pub delta_base: Option<PathBuf>,
    pub latest_link: LatestLink,
    /// Programs that are told what happens.
    pub notification_scripts: Vec<String>,
}

/// Whether, when and under which name a link leads to the compose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LatestLink {
    /// Whether there is to be one at all.
    pub wanted: bool,
    /// Only when the compose ends with one of these words; with any that is good if there are none.
    pub statuses: Vec<String>,
    /// How much of the version stands in its name; see [`latest_link`](crate::metadata::pungi_names::latest_link).
    pub components: i64,
}

impl Default for LatestLink {
    fn default() -> Self {
        Self { wanted: true, statuses: Vec::new(), components: -1 }
    }
}

/// Where a compose takes its package set from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackageOrigin {
    /// The archives' indexes, as they are when the compose starts.
    Archives,
    /// A lock, copied to `work/global/charmer.lock`.
    Lock,
}

impl Request {
    pub fn read(layout: &Layout) -> Result<Self, RequestError> {
        let path = layout.request();
        let text = fs_err::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => RequestError::NoCompose(layout.root().to_owned()),
            _ => RequestError::Unreadable { path: path.clone(), reason: error.to_string() },
        })?;
        serde_json::from_slice(&text).map_err(|error| RequestError::Unreadable { path, reason: error.to_string() })
    }
}

/// There is no compose to go on with.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RequestError {
    #[error("{} is not a compose that charmer started: it has no work/global/request.json", .0.display())]
    NoCompose(PathBuf),
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
}
