//! Reading rpm-md: `repomd.xml` names the other files, `primary.xml` has a record of each package, `filelists.xml` its files.
//!
//! Documents come unpacked and are read as they come. What is of hostile shape is refused: paths that leave the repository,
//! entities, numbers that are none.

mod filelists;
mod primary;
mod repomd;

pub use filelists::read_filelists;
pub use primary::read_primary;
pub use repomd::{Data, Repomd, read_repomd};

use crate::rpm::xml::XmlProblem;

/// A path below the repository's folder, or what is wrong with it.
fn safe_location(location: &str) -> Result<&str, XmlProblem> {
    let is_safe = !location.is_empty()
        && !location.contains(['\0', '\n', '\\'])
        && location.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if is_safe { Ok(location) } else { Err(XmlProblem::Content(format!("the location `{location}` leaves the repository"))) }
}
