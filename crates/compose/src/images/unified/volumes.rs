//! Which images there are to make: one of each arch, one of its debug packages, one of all sources; and which trees go on each.
//!
//! Must not know: what lies in the trees, but for their `.treeinfo`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::error::UnifiedError;
use super::finished::{FinishedCompose, Variant, read_if_there};
use crate::metadata::pungi_names::{VolumeIdRules, volume_id};
use crate::metadata::rpm_trees::plain_id;
use crate::metadata::treeinfo::{BootFiles, TreeInfo, TreeVariant};

/// The arch of sources.
const SOURCES: &str = "src";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Contents {
    Binary,
    Debug,
    Source,
}

/// An image to make.
#[derive(Debug, Clone)]
pub(super) struct Volume {
    pub contents: Contents,
    /// `src` for sources.
    pub arch: String,
    /// By the UID of the variant.
    pub members: BTreeMap<String, Member>,
}

/// What a variant has on an image.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub tree: PathBuf,
    pub treeinfo: TreeInfo,
    /// Where the variant has its copy of the image, by the arch that it is listed under; relative to the folder `compose`.
    pub image_folders: BTreeMap<String, String>,
}

/// The images of a compose; `arches` are those that are wanted, all if there are none. Trees without a `.treeinfo` are named in the
/// second list, and left out.
pub(super) fn volumes(finished: &FinishedCompose, arches: &[String]) -> Result<(Vec<Volume>, Vec<String>), UnifiedError> {
    let mut volumes: BTreeMap<(String, Contents), Volume> = BTreeMap::new();
    let mut passed_over = BTreeSet::new();
    for (uid, variant) in &finished.variants {
        for arch in variant.arches() {
            for contents in [Contents::Binary, Contents::Debug, Contents::Source] {
                let Some(place) = Place::of(variant, uid, arch, contents) else { continue };
                let Some(treeinfo) = read_treeinfo(&finished.shipped(place.described))? else {
                    passed_over.insert(format!("{uid}: the tree '{}' has no .treeinfo and is left out", place.described));
                    continue;
                };
                let volume_arch = if contents == Contents::Source { SOURCES } else { arch };
                let volume = volumes.entry((volume_arch.to_owned(), contents)).or_insert_with(|| Volume {
                    contents,
                    arch: volume_arch.to_owned(),
                    members: BTreeMap::new(),
                });
                let tree = finished.shipped(place.tree);
                let member = volume.members.entry(uid.clone());
                let member = member.or_insert_with(|| Member { tree, treeinfo, image_folders: BTreeMap::new() });
                member.image_folders.insert(arch.to_owned(), place.images);
            }
        }
    }
    let known: BTreeSet<&str> = volumes.keys().map(|(arch, _)| arch.as_str()).collect();
    if let Some(arch) = arches.iter().find(|arch| !known.contains(arch.as_str())) {
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(UnifiedError::UnknownArch { arch: arch.clone(), known });
    }
    let is_wanted = |volume: &Volume| arches.is_empty() || arches.contains(&volume.arch);
    Ok((volumes.into_values().filter(is_wanted).collect(), passed_over.into_iter().collect()))
}

/// Paths of a variant's part, relative to the folder `compose`.
struct Place<'a> {
    tree: &'a str,
    /// The tree whose `.treeinfo` tells of it: trees of debug packages have none.
    described: &'a str,
    images: String,
}

impl<'a> Place<'a> {
    /// None where the variant has no such part.
    fn of(variant: &'a Variant, uid: &str, arch: &str, contents: Contents) -> Option<Self> {
        let (part, images, usual) = match contents {
            Contents::Binary | Contents::Debug => ("os_tree", "isos", format!("{uid}/{arch}/iso")),
            Contents::Source => ("source_tree", "source_isos", format!("{uid}/source/iso")),
        };
        let described = variant.path(part, arch)?;
        let images = variant.path(images, arch).map_or(usual, str::to_owned);
        Some(match contents {
            Contents::Debug => {
                let (above, folder) = images.rsplit_once('/').unwrap_or((uid, &images));
                Self { tree: variant.path("debug_tree", arch)?, described, images: format!("{above}/debug/{folder}") }
            }
            Contents::Binary | Contents::Source => Self { tree: described, described, images },
        })
    }
}

/// None where there is none.
fn read_treeinfo(tree: &Path) -> Result<Option<TreeInfo>, UnifiedError> {
    let path = tree.join(".treeinfo");
    let Some(text) = read_if_there(&path)? else { return Ok(None) };
    Ok(Some(TreeInfo::read(&text).map_err(|source| UnifiedError::TreeInfo { path, source })?))
}

impl Volume {
    /// As names of files have it.
    fn label(&self) -> String {
        match self.contents {
            Contents::Binary => self.arch.clone(),
            Contents::Debug => format!("{}-debuginfo", self.arch),
            Contents::Source => "source".to_owned(),
        }
    }

    pub(super) fn file_name(&self, finished: &FinishedCompose) -> String {
        format!("{}-{}-dvd.iso", finished.compose.id, self.label())
    }

    /// productmd's word.
    pub(super) fn image_type(&self) -> &'static str {
        if self.contents == Contents::Debug { "dvd-debuginfo" } else { "dvd" }
    }

    pub(super) fn volume_id(&self, finished: &FinishedCompose) -> Result<String, UnifiedError> {
        let (usual, short) = if self.contents == Contents::Debug { (" debuginfo", "dbg") } else { ("", "") };
        let formats =
            [format!("{{release_short}} {{version}} {{arch}}{usual}"), format!("{{release_short}}{{version}}{{arch}}{short}")];
        let options = &finished.options;
        let rules = VolumeIdRules { formats: &formats, substitutions: &options.substitutions, restricted: options.restricted };
        let release = &finished.release;
        let values = [("release_short", &release.short), ("version", &release.version), ("arch", &self.arch)]
            .map(|(key, value)| (key, value.clone()));
        Ok(volume_id(rules, &values.into())?)
    }

    /// What the disc says of itself: the release of the first tree, and all variants, each in the folder of its UID.
    pub(super) fn treeinfo(&self, finished: &FinishedCompose) -> TreeInfo {
        let trees = || self.members.values().map(|member| &member.treeinfo);
        let mut merged = trees().next().cloned().unwrap_or_default();
        merged.arch.clone_from(&self.arch);
        merged.build_timestamp = trees().map(|tree| tree.build_timestamp).max().unwrap_or_default();
        merged.platforms = trees().flat_map(|tree| tree.platforms.iter().cloned()).collect();
        merged.variants = self.members.iter().map(|(uid, member)| variant_on_disc(uid, member, finished)).collect();
        // The files of an installer are those of the first tree that has one, and trees of debug packages have none.
        let boots = |tree: &&TreeInfo| !tree.boot.images.is_empty() || tree.boot.main_image.is_some();
        let installer = trees().find(boots).filter(|_| self.contents == Contents::Binary);
        merged.boot = installer.map_or_else(BootFiles::default, |tree| tree.boot.clone());
        merged.boot.checksums.retain(|path, _| !path.ends_with("repomd.xml"));
        merged
    }
}

/// A layered product's tree tells of its parent, so that the compose is asked what the variant is called.
fn variant_on_disc(uid: &str, member: &Member, finished: &FinishedCompose) -> TreeVariant {
    let variant = &finished.variants[uid];
    let own = member.treeinfo.variants.iter().find(|described| described.uid == uid);
    let in_folder = |addon: &TreeVariant| TreeVariant { packages: uid.to_owned(), repository: uid.to_owned(), ..addon.clone() };
    TreeVariant {
        id: plain_id(&variant.id),
        uid: uid.to_owned(),
        name: variant.name.clone(),
        kind: variant.kind.clone(),
        packages: uid.to_owned(),
        repository: uid.to_owned(),
        addons: own.map(|own| own.addons.iter().map(in_folder).collect()).unwrap_or_default(),
    }
}
