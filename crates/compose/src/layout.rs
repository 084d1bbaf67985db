//! Every path of a compose tree, as pure functions: nothing here touches the disk.
//!
//! The tree is Pungi's: `COMPOSE_ID`, `STATUS`, `compose/` for what is shipped, `work/` for what is needed to go on, `logs/`.

use std::path::{Path, PathBuf};

/// The paths of one compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The tree at a folder, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The lock of a compose of RPM packages, relative to the compose's folder. What Pungi ships has no such file.
    pub const RPM_LOCK: &'static str = "logs/global/charmer.lock";

    /// A path that an output or the metadata names, relative to the compose's folder.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The file that holds nothing but the compose's name.
    pub fn compose_id(&self) -> PathBuf {
        self.root.join("COMPOSE_ID")
    }

    pub fn status(&self) -> PathBuf {
        self.root.join("STATUS")
    }

    pub fn metadata(&self) -> PathBuf {
        self.root.join("compose/metadata")
    }

    /// The journal.
    pub fn events(&self) -> PathBuf {
        self.root.join("logs/events.jsonl")
    }

    /// What every run of this compose says.
    pub fn global_log(&self) -> PathBuf {
        self.root.join("logs/global/charmer.log")
    }

    /// A job's log, relative to the compose's folder.
    pub fn job_log(job: &str) -> String {
        format!("logs/jobs/{}.log", file_name(job))
    }

    /// A job's own folder while it runs.
    pub fn job_work(&self, job: &str) -> PathBuf {
        self.root.join("work/jobs").join(file_name(job))
    }

    /// A job's record, written when it has succeeded.
    pub fn job_record(&self, job: &str) -> PathBuf {
        self.root.join("work/records").join(format!("{}.json", file_name(job)))
    }

    /// What the compose was started with: everything that `resume` needs.
    pub fn request(&self) -> PathBuf {
        self.root.join("work/global/request.json")
    }

    /// The lock that the compose is made from, if it is made from one.
    pub fn given_lock(&self) -> PathBuf {
        self.root.join("work/global/charmer.lock")
    }

    /// Held by the process that works on this compose.
    pub fn process_lock(&self) -> PathBuf {
        self.root.join("work/global/running")
    }

    /// A variant's repository, for all its arches; relative to the compose's folder.
    pub fn repository(variant: &str) -> String {
        format!("compose/{variant}/repository")
    }

    /// Where images of a kind are shipped: `iso` or `images`; relative to the compose's folder.
    pub fn image_folder(variant: &str, arch: &str, kind_folder: &str) -> String {
        format!("compose/{variant}/{arch}/{kind_folder}")
    }

    /// What a machine showed that was started with an image; relative to the compose's folder.
    pub fn boot_log(image: &str, firmware: &str, end: &str) -> String {
        format!("logs/boot/{image}.{firmware}.{end}")
    }

    /// A path of what is shipped as metadata name it: relative to the folder `compose`.
    pub fn shipped(path: &str) -> &str {
        path.strip_prefix("compose/").unwrap_or(path)
    }

    /// Where an image is made, under a name that does not change from compose to compose; relative to the compose's folder.
    pub fn image_work(variant: &str, arch: &str, file: &str) -> String {
        format!("work/images/{variant}/{arch}/{file}")
    }
}

/// A job's name as a file name. Kinds of jobs have no `_`, so that two names never become one; a colon would end a path for apt, scp
/// and make.
fn file_name(job: &str) -> String {
    job.replacen(':', "_", 1)
}
