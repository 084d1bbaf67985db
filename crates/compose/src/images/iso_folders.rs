//! Folders of ISO images that are not on the compose's disk: each is a link to the same place below a folder elsewhere.
//!
//! The folder that images are made in is one of them, so that what is shipped is a second name there and no second file. Must not
//! know: which images there are.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::engine::JobError;
use crate::layout::Layout;

/// Where images are made; relative to the compose's folder.
const WORK: &str = "work/images";

/// Where the folders of images of all composes really are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IsoFolders {
    /// In here each compose has a folder of its name. None: in the composes themselves.
    pub elsewhere: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum IsoFolderError {
    #[error(transparent)]
    Io(#[from] io::Error),
    /// In Pungi's words.
    #[error("Symlink pointing to '{}' expected: {}", target.display(), path.display())]
    NoLink { target: PathBuf, path: PathBuf },
}

impl IsoFolders {
    /// Makes the folder that images are made in. It must be there before anything else puts a folder of its own in its place.
    pub fn make_work(&self, layout: &Layout, compose_id: &str) -> Result<(), IsoFolderError> {
        if self.elsewhere.is_some() { self.make(layout, compose_id, WORK) } else { Ok(()) }
    }

    /// Makes a folder of images, given relative to the compose's folder.
    pub fn make(&self, layout: &Layout, compose_id: &str, folder: &str) -> Result<(), IsoFolderError> {
        let path = layout.path(folder);
        let Some(elsewhere) = &self.elsewhere else { return Ok(fs_err::create_dir_all(path)?) };
        let target = elsewhere.join(compose_id).join(folder);
        fs_err::create_dir_all(&target)?;
        fs_err::create_dir_all(path.parent().unwrap_or(layout.root()))?;
        match fs_err::os::unix::fs::symlink(&target, &path) {
            // An earlier run made it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => leads_to(&path, &target),
            result => Ok(result?),
        }
    }
}

fn leads_to(path: &Path, target: &Path) -> Result<(), IsoFolderError> {
    if fs_err::read_link(path).is_ok_and(|found| found == target) {
        return Ok(());
    }
    Err(IsoFolderError::NoLink { target: target.to_owned(), path: path.to_owned() })
}

impl From<IsoFolderError> for JobError {
    fn from(error: IsoFolderError) -> Self {
        Self::caused(&error).hint("see symlink_isos_to in the configuration")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_made_once_and_nothing_else_is_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::new(folder.path().join("compose"));
        let folders = IsoFolders { elsewhere: Some(folder.path().join("large")) };
        for _ in 0..2 {
            folders.make(&layout, "A-1", "compose/S/x86_64/iso").unwrap();
        }
        fs_err::write(layout.path("compose/S/x86_64/iso/a"), "a").unwrap();
        assert!(folder.path().join("large/A-1/compose/S/x86_64/iso/a").is_file());
        fs_err::create_dir_all(layout.path("compose/S/source/iso")).unwrap();
        let error = folders.make(&layout, "A-1", "compose/S/source/iso").unwrap_err().to_string();
        assert!(error.starts_with("Symlink pointing to '") && error.ends_with("compose/S/source/iso"), "{error}");
        let other = IsoFolders { elsewhere: Some(folder.path().join("other")) };
        assert!(other.make(&layout, "A-1", "compose/S/x86_64/iso").is_err());
    }
}
