//! Why something could not be fetched.

use std::io;
use std::path::PathBuf;

use super::cpio::CpioError;
use super::{ScmSource, ScmSpec, Wanted};
use crate::package_set::rpm_file::RpmFileProblem;
use crate::tools::ToolError;

#[derive(Debug, thiserror::Error)]
#[error("{what}: {problem}")]
pub struct ScmError {
    /// What was to be fetched, and from where.
    pub what: String,
    pub problem: ScmProblem,
}

#[derive(Debug, thiserror::Error)]
pub enum ScmProblem {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error(transparent)]
    Tool(#[from] Box<ToolError>),
    #[error("the compose stops")]
    Cancelled,
    #[error("there is nothing of that name")]
    NothingFound,
    #[error("No package matching {0} in the package set.")]
    NotComposed(String),
    #[error("there is no package '{0}'")]
    NoPackage(String),
    #[error("the link '{}' leads to nothing in there", .0.display())]
    LostLink(PathBuf),
    #[error("links lead in a circle at '{}'", .0.display())]
    LinkCircle(PathBuf),
    #[error("'{}' is neither a file nor a folder", .0.display())]
    SpecialFile(PathBuf),
    #[error("there are more than {0} files and folders in it")]
    TooManyFiles(usize),
    #[error("{}: {problem}", package.display())]
    Package { package: PathBuf, problem: PackageProblem },
}

/// Why a package could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum PackageProblem {
    #[error(transparent)]
    Header(#[from] RpmFileProblem),
    #[error(transparent)]
    Payload(#[from] CpioError),
}

impl From<ToolError> for ScmProblem {
    fn from(error: ToolError) -> Self {
        Self::Tool(Box::new(error))
    }
}

impl ScmError {
    pub(crate) fn new(spec: &ScmSpec, problem: ScmProblem) -> Self {
        let (Wanted::Files(paths) | Wanted::Folders(paths)) = &spec.wanted;
        let paths = paths.join(", ");
        let what = match &spec.source {
            ScmSource::File { .. } => paths,
            ScmSource::Git { repository, branch, .. } => format!("{paths} of {repository} at {branch}"),
            ScmSource::Rpm { packages, .. } | ScmSource::ComposedRpm { packages } => {
                format!("{paths} of the package {}", packages.join(", "))
            }
        };
        Self { what, problem }
    }
}
