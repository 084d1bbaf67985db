//! `charmer prune`: which old composes and files of the cache would go by a policy, why, and their removal.
//!
//! First everything is judged, and only then something is removed. Nothing goes that a compose which stays still leads to: a
//! hard link keeps its own content, and what symbolic links lead to stays. What is not understood stays.
//!
//! Must not know: what is shown of it.

mod inventory;
mod judgement;
mod removal;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::engine::event::Status;
use crate::layout::Layout;

pub use judgement::judge;
pub use removal::{Removed, remove};

/// What is kept.
#[derive(Debug, Clone)]
pub struct Policy {
    /// How many of the newest finished composes of each release and type stay.
    pub keep: usize,
    /// How many of the newest composes of each release and type stay that came to no good end.
    pub keep_failed: usize,
    /// How long a file of the cache stays that no compose has been given; in which time a compose that begins may find it.
    pub unused: Duration,
    pub now: SystemTime,
}

/// What a policy means for a folder of composes and a cache.
#[derive(Debug)]
pub struct Judgement {
    /// By name.
    pub composes: Vec<JudgedCompose>,
    pub cache: JudgedCache,
    /// Folders that an earlier prune had begun to remove.
    pub half_removed: Vec<PathBuf>,
    /// What comes free on the disk, in bytes.
    pub freed: u64,
}

/// A compose, and what becomes of it.
#[derive(Debug)]
pub struct JudgedCompose {
    pub layout: Layout,
    pub id: String,
    /// None if it says none, or one that this charmer does not know.
    pub status: Option<Status>,
    pub verdict: Verdict,
}

/// Files of the cache that go.
#[derive(Debug, Default)]
pub struct JudgedCache {
    /// Among them folders with the logs of locks that failed.
    pub files: Vec<PathBuf>,
    /// In bytes.
    pub size: u64,
}

/// What becomes of a compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Keep(Kept),
    Remove(Outdated),
}

/// Why a compose stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is among the newest of its kind.
    Newest,
    /// A process works on it.
    Running,
    /// It has a label: it was made to be released.
    Labelled(String),
    /// A link beside it leads to it, such as the one to the latest.
    Link(String),
    /// Symbolic links of a compose that stays lead into it.
    UsedBy(String),
    /// Its name does not tell release, date and number.
    OddName,
    /// Another file system is mounted below it.
    Mounted(PathBuf),
}

/// Why a compose goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outdated {
    /// So many newer ones have finished.
    Finished,
    /// It did not finish, and so many newer ones did not either.
    Failed,
}
