//! Why an ISO image could not be made.

use std::path::PathBuf;

use crate::metadata::pungi_names::NameError;
use crate::repositories::rpm_md::RpmMdError;
use crate::tools::ToolError;

/// Why an ISO image could not be made.
#[derive(Debug, thiserror::Error)]
pub enum IsoError {
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// `fs_err` names the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("an image cannot be called '{}': the name must be that of a file in its folder, and must not begin with a dot", .0.escape_debug())]
    FileName(String),
    #[error("several discs of a set would be called '{0}': let image_name_format have {{disc_num}}")]
    SameName(String),
    #[error("'{}' cannot be on an ISO image: a path there is text without control characters", .0.display().to_string().escape_debug())]
    Path(PathBuf),
    #[error("File is larger than media size: {path} has {size} bytes, a disc holds {capacity}")]
    LargerThanMedia { path: String, size: u64, capacity: u64 },
    #[error(transparent)]
    Repository(#[from] RpmMdError),
    #[error("Unknown arch: {0}")]
    UnknownArch(String),
    #[error("lorax's file '{}' is needed to start ppc machines: install lorax's templates", .0.display())]
    NoTemplate(PathBuf),
    #[error("'{}' is needed to make a bootable image with xorriso", .0.display())]
    NoBootIso(PathBuf),
    #[error("'{path}' cannot be put on the image: a folder on the way there is a link")]
    LeadsAway { path: String },
    #[error("'{}' is no ISO 9660 volume", .0.display())]
    NotAnIso(PathBuf),
}
