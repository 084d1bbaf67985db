//! Removes what a judgement says: a compose goes in one step, by its name, so that none is ever left half under it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::files::{remove_folder, remove_if_there};
use crate::package_set::cache::Cache;
use crate::session::folder::{FolderError, ProcessLock};

use super::{JudgedCompose, Judgement, Verdict};

/// What the names of folders begin with that are being removed.
pub(super) const REMOVING: &str = ".charmer-removing-";

/// What was done.
#[derive(Debug, Default)]
pub struct Removed {
    pub composes: usize,
    pub files: usize,
    /// Composes run that use the cache, so that it was left as it is.
    pub cache_in_use: bool,
    /// What could not be removed, in sentences without a full stop.
    pub failures: Vec<String>,
}

/// Removes what goes; what fails is told of, and the rest is gone on with.
pub fn remove(judgement: &Judgement, cache: Option<&Path>) -> Removed {
    let mut removed = Removed::default();
    for folder in &judgement.half_removed {
        removed.note(remove_folder(folder).map_err(|error| error.to_string()));
    }
    for compose in judgement.composes.iter().filter(|compose| matches!(compose.verdict, Verdict::Remove(_))) {
        let done = remove_compose(compose).map_err(|error| format!("{}: {error}", compose.id));
        removed.composes += usize::from(removed.note(done));
    }
    if let Some(cache) = cache.filter(|_| !judgement.cache.files.is_empty()) {
        match Cache::use_alone(cache) {
            Ok(Some(_lock)) => remove_files(&judgement.cache.files, &mut removed),
            Ok(None) => removed.cache_in_use = true,
            Err(error) => drop(removed.note(Err(error.to_string()))),
        }
    }
    removed
}

impl Removed {
    /// Whether it was done.
    fn note(&mut self, done: Result<(), String>) -> bool {
        done.map_err(|failure| self.failures.push(failure)).is_ok()
    }
}

/// A process that would go on with the compose finds it locked, and then gone.
fn remove_compose(compose: &JudgedCompose) -> Result<(), FolderError> {
    let _lock = ProcessLock::take(&compose.layout)?;
    let root = compose.layout.root();
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    let removing = root.with_file_name(format!("{REMOVING}{name}"));
    fs_err::rename(root, &removing)?;
    Ok(remove_folder(&removing)?)
}

/// Files, and folders with all that is in them; but for those that have been given to a compose since they were judged, or are those of one that could not be removed.
fn remove_files(files: &[PathBuf], removed: &mut Removed) {
    for file in files {
        let done = match fs_err::symlink_metadata(file) {
            Ok(data) if data.is_dir() => remove_folder(file),
            Ok(data) if data.nlink() == 1 => remove_if_there(file),
            _ => continue,
        };
        let done = done.map_err(|error| error.to_string());
        removed.files += usize::from(removed.note(done));
    }
}
