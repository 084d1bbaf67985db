//! Files that are read before a compose begins, because what it is depends on them: wherever an option takes them from.
//!
//! Must not know: what the files say.

use std::path::{Path, PathBuf};

use super::git::References;
use super::resolve::Surroundings;
use super::resolve::scm::{ScmSpecError, file_spec};
use super::value::Value;
use crate::scm::{ScmError, ScmSource, Wanted};

/// A file that can be read. One that was fetched is gone when this is.
#[derive(Debug)]
pub(super) struct EarlyFile {
    pub path: PathBuf,
    /// As messages call it.
    pub name: String,
    _fetched: Option<tempfile::TempDir>,
}

/// Why it cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EarlyFileError {
    #[error(transparent)]
    Spec(#[from] ScmSpecError),
    #[error("{option}: it is one file")]
    NoFile { option: String },
    #[error("{option}: {source}")]
    Fetch { option: String, source: ScmError },
    #[error("{option}: only a path and scm `file` can be read where nothing is fetched")]
    NothingToFetchWith { option: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The file that an option names: a path, or an `scm_dict`.
pub(super) fn early_file(
    option: &str,
    value: &Value,
    surroundings: &Surroundings,
    references: Option<&mut (dyn References + '_)>,
) -> Result<EarlyFile, EarlyFileError> {
    let spec = file_spec(option, value, surroundings)?;
    let named = |option: &str| option.to_owned();
    let wanted = match &spec.wanted {
        Wanted::Files(files) => files.first(),
        Wanted::Folders(_) => None,
    };
    let wanted = wanted.ok_or_else(|| EarlyFileError::NoFile { option: named(option) })?;
    if let ScmSource::File { folder } = &spec.source {
        let path = folder.join(wanted);
        return Ok(EarlyFile { name: path.to_string_lossy().into_owned(), path, _fetched: None });
    }
    let references = references.ok_or_else(|| EarlyFileError::NothingToFetchWith { option: named(option) })?;
    let folder = tempfile::tempdir()?;
    let path =
        references.fetch(&spec, folder.path()).map_err(|source| EarlyFileError::Fetch { option: named(option), source })?;
    let name = Path::new(wanted).file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(EarlyFile { path, name, _fetched: Some(folder) })
}
