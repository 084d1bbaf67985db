//! An image of several trees: the packages of each in a folder of its own, and everything else of them in one tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::discs::{Disc, on_disc};
use super::error::IsoError;
use super::graft::GraftPoints;
use super::names::sound;
use super::tree::TreeFiles;
use crate::metadata::media;
use crate::metadata::treeinfo::TreeInfo;

/// What the disc has of its own, or what lies in another place there.
const LEFT_OUT: [&str; 4] = [".treeinfo", ".discinfo", "media.repo", "extra_files.json"];
const METADATA: &str = "repodata";

/// Trees side by side, and what the disc says of them.
#[derive(Debug, Clone, Copy)]
pub struct UnifiedMedium<'a> {
    pub file_name: &'a str,
    pub volume_id: &'a str,
    /// Of the whole disc.
    pub treeinfo: &'a TreeInfo,
    pub timestamp: &'a str,
    pub description: &'a str,
    /// By the UID of the variant.
    pub trees: &'a BTreeMap<String, UnifiedTree>,
    /// The folder of what is made for the disc: `UID/repodata` of each tree is there.
    pub work: &'a Path,
}

/// The files of one variant's tree.
#[derive(Debug, Clone)]
pub struct UnifiedTree {
    files: TreeFiles,
}

impl UnifiedTree {
    pub fn read(root: &Path) -> Result<Self, IsoError> {
        Ok(Self { files: TreeFiles::read(root)? })
    }

    /// The packages by the names of their files, with their paths in the tree: those of an addon lie beside the others then.
    pub fn packages(&self) -> BTreeMap<&str, &str> {
        let packages = self.files.files.iter().filter(|file| file.is_package());
        packages.map(|file| (file_name(&file.path), file.path.as_str())).collect()
    }
}

/// Decides what lies on the disc. No machine starts from it: its volume id is not the one that the installer of a tree looks for.
pub fn prepare_unified(medium: &UnifiedMedium<'_>) -> Result<Disc, IsoError> {
    let mut graft = GraftPoints::default();
    // What two trees have at one path is that of the first variant: it is added last.
    for (uid, tree) in medium.trees.iter().rev() {
        for file in &tree.files.files {
            if file.is_package() {
                graft.add(format!("{uid}/{}", file_name(&file.path)), tree.files.source(file));
            } else if !is_left_out(&file.path) {
                graft.add(file.path.clone(), tree.files.source(file));
            }
        }
    }
    let arch = medium.treeinfo.arch.clone();
    Ok(Disc {
        file_name: sound(medium.file_name.to_owned())?,
        volume_id: medium.volume_id.to_owned(),
        number: 1,
        count: 1,
        bootable: false,
        graft,
        treeinfo: Some(TreeInfo { media: None, ..on_disc(medium.treeinfo, 1, 1) }),
        discinfo: media::discinfo(medium.timestamp, medium.description, &arch, media::Disc::All),
        media_repo: Some(media::media_repo(medium.description, Some(medium.timestamp))),
        work: medium.work.to_owned(),
        repository: None,
        tree: medium.work.to_owned(),
        boot_iso: PathBuf::new(),
        patched: Vec::new(),
        arch,
    })
}

fn is_left_out(path: &str) -> bool {
    LEFT_OUT.contains(&file_name(path)) || path.split('/').any(|part| part == METADATA)
}

fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}
