//! Images of a finished compose, each of all variants of an arch: what `pungi-create-unified-isos` makes.
//!
//! ```text
//! FinishedCompose ──► volumes (trees by image) ──► prepare ──► optical::make ──► ship (iso folders, checksum files, images.json)
//! ```
//!
//! Nothing of the compose changes before all images are there. Must not know: how the compose was made, and by whom.

mod error;
mod finished;
mod repository;
mod ship;
mod volumes;

use std::collections::BTreeMap;
use std::path::Path;

use crate::images::optical::{Disc, Places, UnifiedMedium, UnifiedTree, blocking, make, prepare_unified};
use crate::metadata::media;
use crate::tools::Runner;
use ship::MadeVolume;
use volumes::{Volume, volumes};

pub use error::UnifiedError;
pub use finished::FinishedCompose;

/// Which images are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// `src` for that of sources; all that there are if there are none.
    pub arches: Vec<String>,
    /// In seconds since 1970; that of the newest tree on an image if there is none.
    pub date: Option<i64>,
}

/// What was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unified {
    /// Paths of the images in the folder `compose`: each variant has the image under its own.
    pub images: Vec<String>,
    /// What should be looked at, in one sentence each.
    pub warnings: Vec<String>,
}

/// Makes the images, and adds them to the compose. `work` is an empty folder on the compose's file system.
pub async fn unify(runner: &Runner, finished: &FinishedCompose, wanted: &Wanted, work: &Path) -> Result<Unified, UnifiedError> {
    let (volumes, mut warnings) = volumes(finished, &wanted.arches)?;
    if !finished.has_options {
        warnings.push(
            "the compose has no logs/global/config-dump.global.log: names and checksum files may be others than its own"
                .to_owned(),
        );
    }
    ship::refuse_doubles(finished, &volumes)?;
    let mut made = Vec::new();
    for volume in volumes {
        made.extend(make_volume(runner, finished, volume, wanted.date, work).await?);
    }
    if made.is_empty() {
        return Err(UnifiedError::NoPackages);
    }
    let finished = finished.clone();
    let images = blocking(move || ship::ship(&finished, &made)).await?;
    Ok(Unified { images, warnings })
}

/// None where there are no packages.
async fn make_volume(
    runner: &Runner,
    finished: &FinishedCompose,
    volume: Volume,
    date: Option<i64>,
    work: &Path,
) -> Result<Option<MadeVolume>, UnifiedError> {
    let folder = work.join(volume.file_name(finished));
    let prepared = {
        let (finished, volume, folder) = (finished.clone(), volume.clone(), folder.join("disc"));
        blocking(move || prepare(&finished, &volume, date, &folder)).await?
    };
    let Some((disc, date)) = prepared else { return Ok(None) };
    let places = Places {
        images: folder.join("iso"),
        jigdo: folder.join("jigdo"),
        lorax_templates: None,
        is_supported: finished.compose.is_final == Some(true),
        date,
        checksums: finished.options.media_checksums.kinds.clone(),
    };
    let iso = make(runner, &finished.options.volume, disc, &places).await?;
    Ok(Some(MadeVolume { volume, iso }))
}

/// Writes what only this disc has into a folder, and decides what lies on it; with its date. None where there are no packages.
fn prepare(
    finished: &FinishedCompose,
    volume: &Volume,
    date: Option<i64>,
    folder: &Path,
) -> Result<Option<(Disc, i64)>, UnifiedError> {
    let mut trees = BTreeMap::new();
    for (uid, member) in &volume.members {
        trees.insert(uid.clone(), UnifiedTree::read(&member.tree)?);
    }
    if trees.values().all(|tree| tree.packages().is_empty()) {
        return Ok(None);
    }
    let mut treeinfo = volume.treeinfo(finished);
    let date = date.unwrap_or(treeinfo.build_timestamp);
    for (uid, tree) in &trees {
        let (root, rules) = (&volume.members[uid].tree, &finished.options.repositories);
        let repomd = repository::write_repository(root, tree, &folder.join(uid), rules, date)?;
        treeinfo.boot.checksums.insert(format!("{uid}/repodata/repomd.xml"), format!("sha256:{repomd}"));
    }
    let base = treeinfo.base_product.as_ref().map(|base| (base.name.as_str(), base.version.as_str()));
    let medium = UnifiedMedium {
        file_name: &volume.file_name(finished),
        volume_id: &volume.volume_id(finished)?,
        treeinfo: &treeinfo,
        timestamp: &date.to_string(),
        description: &media::medium_description((&treeinfo.release.name, &treeinfo.release.version), base),
        trees: &trees,
        work: folder,
    };
    Ok(Some((prepare_unified(&medium)?, date)))
}
