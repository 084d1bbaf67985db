//! A compose's folder: made once under a name that nobody has, and worked on by one process at a time.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::engine::journal::write_durably;
use crate::layout::Layout;
use crate::metadata::ComposeRecord;

/// The sign that a process works on a compose. The kernel takes it away when the process ends, however it ends.
#[derive(Debug)]
pub struct ProcessLock {
    _file: fs_err::File,
}

/// Why a process may not work on a compose.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("another charmer works on {}", .0.display())]
    Busy(PathBuf),
    #[error("the target folder {} is not there", .0.display())]
    NoTarget(PathBuf),
    #[error("there is a compose in {} already: go on with it by `charmer resume`", .0.display())]
    Taken(PathBuf),
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl ProcessLock {
    pub fn take(layout: &Layout) -> Result<Self, FolderError> {
        let path = layout.process_lock();
        fs_err::create_dir_all(path.parent().expect("the lock lies in a folder"))?;
        let file = fs_err::OpenOptions::new().create(true).append(true).open(&path)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(FolderError::Busy(layout.root().to_owned())),
            Err(error) => Err(FolderError::Io(error.into())),
        }
    }

    /// Whether a process works on the compose now. The kernel lets go of the lock with the process, however that ends.
    pub fn is_held(layout: &Layout) -> std::io::Result<bool> {
        let file = match fs_err::File::open(layout.process_lock()) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        // A shared lock is refused while the compose holds its exclusive one, and two who only look do not disturb each other.
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// Where a new compose is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a folder of its own in this one, under the first number of the day that is free.
    In(PathBuf),
    /// In this very folder.
    At(PathBuf),
}

impl Place {
    /// A folder on the file system that the compose will be on. That of the compose itself is made when all else is in order.
    pub fn folder(&self) -> &Path {
        match self {
            Self::In(target) => target,
            Self::At(folder) => folder.ancestors().find(|above| above.is_dir()).unwrap_or(folder),
        }
    }
}

/// Makes the folder of a new compose, whose id begins with `prefix`, and puts id and number into the record.
pub fn create(place: &Place, prefix: &str, record: &mut ComposeRecord) -> Result<(Layout, ProcessLock), FolderError> {
    match place {
        Place::In(target) => create_in(target, prefix, record),
        Place::At(folder) => {
            fs_err::create_dir_all(folder)?;
            record.id = format!("{prefix}{}", record.respin);
            begin(Layout::new(fs_err::canonicalize(folder)?), record)
        }
    }
}

fn create_in(target: &Path, prefix: &str, record: &mut ComposeRecord) -> Result<(Layout, ProcessLock), FolderError> {
    if !fs_err::metadata(target).is_ok_and(|data| data.is_dir()) {
        return Err(FolderError::NoTarget(target.to_owned()));
    }
    for respin in 0.. {
        let id = format!("{prefix}{respin}");
        let root = fs_err::canonicalize(target)?.join(&id);
        match fs_err::create_dir(&root) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(error.into()),
        }
        (record.id, record.respin) = (id, respin);
        return begin(Layout::new(root), record);
    }
    unreachable!("a number of the day is free")
}

fn begin(layout: Layout, record: &ComposeRecord) -> Result<(Layout, ProcessLock), FolderError> {
    let lock = ProcessLock::take(&layout)?;
    if fs_err::metadata(layout.request()).is_ok() {
        return Err(FolderError::Taken(layout.root().to_owned()));
    }
    write_durably(&layout.compose_id(), record.id.as_bytes())?;
    Ok((layout, lock))
}

/// The composes of a release in some folders, the newest first, without the one at `but`. A folder may also be a compose itself.
pub fn older_composes(folders: &[PathBuf], short: &str, but: &Path) -> Vec<Layout> {
    let in_folder = |folder: &PathBuf| {
        let entries = fs_err::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let mut found: Vec<_> = entries.filter(|entry| !entry.path().is_symlink()).map(|entry| entry.path()).collect();
        found.push(folder.clone());
        found
    };
    let is_compose = |root: &PathBuf| {
        let id = fs_err::read_to_string(root.join("COMPOSE_ID")).unwrap_or_default();
        root != but && id.starts_with(&format!("{short}-"))
    };
    let mut composes: Vec<_> =
        folders.iter().flat_map(in_folder).filter_map(|root| fs_err::canonicalize(root).ok()).filter(is_compose).collect();
    let started = |root: &PathBuf| fs_err::metadata(root.join("COMPOSE_ID")).and_then(|data| data.modified()).ok();
    composes.sort_by_key(|root| std::cmp::Reverse((started(root), root.clone())));
    composes.dedup();
    composes.truncate(KEPT_FOR_REUSE);
    composes.into_iter().map(Layout::new).collect()
}

/// More older composes than these are not searched: what the newest lack, others hardly have.
const KEPT_FOR_REUSE: usize = 8;
