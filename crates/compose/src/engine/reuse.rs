//! Whether a job's output is already there: from an earlier run of this compose, or in an older compose. Each miss has a reason.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::digest::Sha256;
use crate::files::{link_or_copy, remove_if_there};
use crate::layout::Layout;
use crate::parallel::processors;

use super::event::MissReason;
use super::job::{JobId, OutputFile};
use super::journal::{FORMAT, Ingredients, Record};

/// A record whose output can be used as it is.
pub(super) struct Hit {
    pub(super) record: Record,
    /// The older compose from which it came; `None` if it was made here.
    pub(super) from: Option<PathBuf>,
}

/// Looks for the output first here, then in the older composes in their order. The reason of a miss is that of the first place that
/// knows the job at all.
pub(super) fn find(
    here: &Layout,
    older: &[Layout],
    job: &JobId,
    ingredients: &Ingredients,
    proved: &Proved,
) -> Result<Hit, MissReason> {
    let mut reason = MissReason::New;
    for place in std::iter::once(here).chain(older) {
        match look(place, job, ingredients).and_then(|record| take_files(place, here, record, proved)) {
            Ok(record) => {
                let from = (place != here).then(|| place.root().to_owned());
                return Ok(Hit { record, from });
            }
            Err(miss) if reason == MissReason::New => reason = miss,
            Err(_) => {}
        }
    }
    Err(reason)
}

fn look(place: &Layout, job: &JobId, ingredients: &Ingredients) -> Result<Record, MissReason> {
    let record = Record::read(&place.job_record(job.as_str())).map_err(|reason| MissReason::Record { reason })?;
    let record = record.ok_or(MissReason::New)?;
    if record.format != FORMAT || record.ingredients.version != ingredients.version {
        return Err(MissReason::Charmer);
    }
    if record.digest != Sha256::of(record.output.get().as_bytes()) {
        return Err(MissReason::Record { reason: "its output does not have its digest".to_owned() });
    }
    compare(&record.ingredients, ingredients).map_or(Ok(record), Err)
}

/// Why outputs of two sets of ingredients differ.
fn compare(old: &Ingredients, new: &Ingredients) -> Option<MissReason> {
    if old == new {
        return None;
    }
    if old.spec != new.spec {
        return Some(MissReason::Configuration);
    }
    if old.inputs != new.inputs {
        let names = old.inputs.keys().chain(new.inputs.keys().filter(|name| !old.inputs.contains_key(*name)));
        let jobs = names.filter(|name| old.inputs.get(*name) != new.inputs.get(*name)).map(|name| JobId::from(name.as_str()));
        return Some(MissReason::Inputs { jobs: jobs.collect() });
    }
    if old.compose != new.compose {
        return Some(MissReason::Compose);
    }
    let programs = new.tools.iter().filter(|(name, version)| old.tools.get(*name) != Some(version));
    Some(MissReason::Tools { programs: programs.map(|(name, _)| name.clone()).collect() })
}

/// Makes sure that the files of a record are whole, and links those of an older compose into this one.
fn take_files(place: &Layout, here: &Layout, record: Record, proved: &Proved) -> Result<Record, MissReason> {
    for file in &record.files {
        let source = place.path(&file.path);
        let whole = is_relative(&file.path) && proved.is_whole(&source, file);
        let taken = whole && (place == here || take_file(&source, &here.path(&file.path), file, proved).is_ok());
        if !taken {
            return Err(MissReason::File { path: file.path.clone() });
        }
    }
    Ok(record)
}

/// Makes the empty folders of an output that is used as it is.
pub(super) fn make_folders(here: &Layout, folders: &[String]) -> Result<(), MissReason> {
    let made = |folder: &&String| is_relative(folder) && fs_err::create_dir_all(here.path(folder)).is_ok();
    match folders.iter().find(|folder| !made(folder)) {
        Some(folder) => Err(MissReason::File { path: folder.clone() }),
        None => Ok(()),
    }
}

/// Reads the files of finished jobs on all processors before anybody asks for them: a job is looked for only when those before it
/// have ended, and most of a resume's time is reading.
pub(super) fn prove_ahead(here: &Layout, jobs: Vec<JobId>, proved: &Arc<Proved>, stop: &CancellationToken) {
    let next = Arc::new((AtomicUsize::new(0), jobs));
    for _ in 0..processors() {
        let (here, next, proved, stop) = (here.clone(), next.clone(), proved.clone(), stop.clone());
        std::thread::spawn(move || {
            let (number, jobs) = &*next;
            while let Some(job) = jobs.get(number.fetch_add(1, Ordering::Relaxed)) {
                let record: Option<Record> = Record::read(&here.job_record(job.as_str())).ok().flatten();
                for file in record.iter().flat_map(|record| &record.files).filter(|file| is_relative(&file.path)) {
                    if stop.is_cancelled() {
                        return;
                    }
                    proved.is_whole(&here.path(&file.path), file);
                }
            }
        });
    }
}

fn take_file(source: &Path, destination: &Path, file: &OutputFile, proved: &Proved) -> std::io::Result<()> {
    fs_err::create_dir_all(destination.parent().unwrap_or(destination))?;
    remove_if_there(destination)?;
    link_or_copy(source, destination)?;
    // The link has changed its status.
    proved.note(&fs_err::symlink_metadata(destination)?, file.sha256);
    Ok(())
}

fn is_relative(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Files whose content was read and proved in this run. The outputs of several jobs are often one file under several names: packages,
/// images. One that is changed afterwards has another status.
#[derive(Debug, Default)]
pub(super) struct Proved(Mutex<HashMap<FileStatus, Digest>>);

/// None of a file that cannot be read. Who asks while another one reads the file waits for that.
type Digest = Arc<OnceLock<Option<Sha256>>>;

/// Device, inode, size, and when content and status changed, in seconds and nanoseconds since 1970: what stat(2) tells.
type FileStatus = (u64, u64, u64, (i64, i64), (i64, i64));

fn status_of(data: &Metadata) -> FileStatus {
    (data.dev(), data.ino(), data.len(), (data.mtime(), data.mtime_nsec()), (data.ctime(), data.ctime_nsec()))
}

impl Proved {
    fn is_whole(&self, path: &Path, file: &OutputFile) -> bool {
        let Ok(data) = fs_err::symlink_metadata(path) else { return false };
        if !data.is_file() || data.len() != file.size {
            return false;
        }
        let digest = self.files().entry(status_of(&data)).or_default().clone();
        *digest.get_or_init(|| Sha256::of_file(path).ok().map(|(digest, _)| digest)) == Some(file.sha256)
    }

    fn note(&self, data: &Metadata, digest: Sha256) {
        self.files().insert(status_of(data), Arc::new(Some(digest).into()));
    }

    fn files(&self) -> MutexGuard<'_, HashMap<FileStatus, Digest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
