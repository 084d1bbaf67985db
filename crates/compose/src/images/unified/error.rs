//! Why no images of all variants could be made.

use std::path::PathBuf;

use crate::compression::DecompressError;
use crate::config::pungi::resolve::kept::KeptOptionsError;
use crate::images::optical::IsoError;
use crate::metadata::pungi_names::NameError;
use crate::metadata::python_format::FormatError;
use crate::metadata::treeinfo::TreeInfoError;
use crate::package_set::rpm_file::RpmFileError;
use crate::repositories::rpm_md::RpmMdError;

#[derive(Debug, thiserror::Error)]
pub enum UnifiedError {
    #[error("'{}' is no compose: it has no {missing}", .folder.display())]
    NoCompose { folder: PathBuf, missing: &'static str },
    #[error("'{}' has the status {status}: images are made of composes that are FINISHED or FINISHED_INCOMPLETE", .folder.display())]
    NotFinished { folder: PathBuf, status: String },
    #[error("the compose has no trees of the arch '{}': it has {known}", .arch.escape_debug())]
    UnknownArch { arch: String, known: String },
    #[error(
        "{variant} would have two images of the same variants for {arch}: there is '{known}' already, and images.json cannot tell them apart; \
         choose other arches"
    )]
    Double { arch: String, variant: String, known: String },
    #[error("the compose has no packages that an image could be made of")]
    NoPackages,
    #[error("'{}' is not what is expected there: {source}", .path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("'{}': '{}' is no {what}", .path.display(), .value.escape_debug())]
    Unsound { path: PathBuf, value: String, what: &'static str },
    #[error("'{}': {source}", .path.display())]
    TreeInfo { path: PathBuf, source: TreeInfoError },
    #[error("'{}': {reason}", .path.display())]
    Repository { path: PathBuf, reason: String },
    #[error("'{}': {source}", .path.display())]
    Packed { path: PathBuf, source: DecompressError },
    #[error("packages cannot be read:\n{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Packages(Vec<RpmFileError>),
    #[error("media_checksum_base_filename: {0}")]
    BaseName(#[from] FormatError),
    #[error(transparent)]
    Options(#[from] KeptOptionsError),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Written(#[from] RpmMdError),
    #[error(transparent)]
    Iso(#[from] IsoError),
    /// `fs_err` names the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}
