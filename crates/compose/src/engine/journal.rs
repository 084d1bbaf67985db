//! Records: what a finished job leaves, so that neither a later run of this compose nor a later compose does it again.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::digest::Sha256;
use crate::finding::Finding;

use crate::layout::Layout;

use super::job::{JobId, Output, OutputFile};

/// Raised when records of before cannot be read any more.
pub(super) const FORMAT: u32 = 2;

/// A finished job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record<O = Box<RawValue>> {
    pub(super) format: u32,
    pub(super) job: JobId,
    pub(super) ingredients: Ingredients,
    /// Of `output`.
    pub(super) digest: Sha256,
    pub(super) output: O,
    pub(super) files: Vec<OutputFile>,
    pub(super) findings: Vec<Finding>,
    /// Seconds that the work took when it was really done.
    pub(super) duration: f64,
}

/// Everything on which a job's output depends. Its digest is the job's digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ingredients {
    pub(super) version: u32,
    pub(super) spec: Sha256,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) compose: Option<Sha256>,
    pub(super) inputs: BTreeMap<String, Sha256>,
    pub(super) tools: BTreeMap<String, String>,
}

impl Ingredients {
    pub(super) fn digest(&self) -> Sha256 {
        Sha256::of_value(self)
    }
}

impl Record {
    pub(super) fn read(path: &Path) -> Result<Option<Self>, String> {
        let text = match fs_err::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        serde_json::from_slice(&text).map(Some).map_err(|error| error.to_string())
    }
}

impl Record<()> {
    /// The record of an output.
    pub(super) fn with<O>(self, output: O) -> Record<O> {
        let Self { format, job, ingredients, digest, output: (), files, findings, duration } = self;
        Record { format, job, ingredients, digest, output, files, findings, duration }
    }
}

impl<O: Serialize> Record<O> {
    /// Puts it into its place, whole, before anybody acts on it. To sync the file that is given brings it and its name to the disk;
    /// a machine that dies before may leave an empty record, which is none: the job is done again.
    pub(super) fn write(&self, path: &Path) -> std::io::Result<fs_err::File> {
        put_in_place(path, |file| {
            let mut buffer = std::io::BufWriter::new(file);
            serde_json::to_writer(&mut buffer, self)?;
            buffer.flush()
        })
    }
}

/// What a finished job of a compose gave, if it has finished and the record can be read.
pub fn recorded_output<T: Output>(layout: &Layout, job: &str) -> Option<T> {
    let record = Record::read(&layout.job_record(job)).ok().flatten()?;
    serde_json::from_str(record.output.get()).ok()
}

/// Writes a file so that after any crash it has its old content or its new one.
pub fn write_durably(path: &Path, content: &[u8]) -> std::io::Result<()> {
    write_durably_with(path, |file| file.write_all(content))
}

/// The same for a file that is written piece by piece.
pub fn write_durably_with(
    path: &Path,
    write: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>,
) -> std::io::Result<()> {
    put_in_place(path, |file| {
        let mut buffer = std::io::BufWriter::new(&mut *file);
        write(&mut buffer)?;
        buffer.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()
    })?;
    fs_err::File::open(path.parent().unwrap_or(path))?.sync_all()
}

/// Writes a file beside its place, and moves it there.
fn put_in_place(path: &Path, write: impl FnOnce(&mut fs_err::File) -> std::io::Result<()>) -> std::io::Result<fs_err::File> {
    let folder = path.parent().expect("files of a compose lie in a folder");
    let mut name = path.file_name().expect("a file has a name").to_owned();
    name.push(".new");
    let new = folder.join(name);
    let mut file = match fs_err::File::create(&new) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            fs_err::create_dir_all(folder)?;
            fs_err::File::create(&new)?
        }
        created => created?,
    };
    write(&mut file)?;
    fs_err::rename(&new, path)?;
    Ok(file)
}
