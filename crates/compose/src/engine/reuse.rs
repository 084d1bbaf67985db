//! Whether a job's output is already there: from an earlier run of this compose, or in an older compose. Each miss has a reason.

use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::files::{link_or_copy, remove_if_there};
use crate::layout::Layout;

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
pub(super) fn find(here: &Layout, older: &[Layout], job: &JobId, ingredients: &Ingredients) -> Result<Hit, MissReason> {
    let mut reason = MissReason::New;
    for place in std::iter::once(here).chain(older) {
        match look(place, job, ingredients).and_then(|record| take_files(place, here, record)) {
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
fn take_files(place: &Layout, here: &Layout, record: Record) -> Result<Record, MissReason> {
    for file in &record.files {
        let source = place.path(&file.path);
        let whole = is_relative(&file.path) && is_whole(&source, file);
        let taken = whole && (place == here || take_file(&source, &here.path(&file.path)).is_ok());
        if !taken {
            return Err(MissReason::File { path: file.path.clone() });
        }
    }
    Ok(record)
}

fn take_file(source: &Path, destination: &Path) -> std::io::Result<()> {
    fs_err::create_dir_all(destination.parent().unwrap_or(destination))?;
    remove_if_there(destination)?;
    link_or_copy(source, destination)
}

fn is_relative(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

fn is_whole(path: &Path, file: &OutputFile) -> bool {
    fs_err::symlink_metadata(path).is_ok_and(|data| data.is_file() && data.len() == file.size)
        && Sha256::of_file(path).is_ok_and(|(digest, _)| digest == file.sha256)
}
