//! An image of several variants: the packages and metadata of each in a folder of its own, and the installer of the first.

use std::path::{Path, PathBuf};

use super::discs::{Disc, on_disc, patched};
use super::error::IsoError;
use super::graft::GraftPoints;
use super::spec::ExtraIsoSpec;
use super::tree::TreeFiles;
use crate::metadata::media;
use crate::metadata::python_format::Values;
use crate::metadata::treeinfo::{GeneralNames, TreeInfo, TreeVariant};

/// Trees side by side, and what the disc says of them.
#[derive(Debug, Clone, Copy)]
pub struct ExtraMedium<'a> {
    /// The variant that the image belongs to first, then those that it includes. Folders that are not there hold nothing.
    pub trees: &'a [IncludedTree<'a>],
    /// Of the first variant's tree; there is none where that variant has no packages.
    pub treeinfo: Option<&'a TreeInfo>,
    pub timestamp: &'a str,
    pub description: &'a str,
    /// A folder of the image's own extra files.
    pub extra_files: Option<&'a Path>,
    /// What the installer's builder left for the first variant and this arch.
    pub installer: Option<&'a Path>,
}

/// A variant on an image of several.
#[derive(Debug, Clone, Copy)]
pub struct IncludedTree<'a> {
    pub variant: &'a TreeVariant,
    /// The folder that has its `repodata`.
    pub tree: &'a Path,
    /// The folder with its packages.
    pub packages: &'a Path,
    /// The folder with the variant's extra files alone.
    pub extra_files: Option<&'a Path>,
}

/// Decides what lies on an image of several variants. `work` is a folder for images of the arch; each has its own in it.
pub fn prepare_extra(spec: &ExtraIsoSpec, medium: &ExtraMedium<'_>, run: &Values<'_>, work: &Path) -> Result<Disc, IsoError> {
    let file_name = spec.file_name(run)?;
    let volume_id = spec.volume_id(run)?;
    let own_tree = medium.trees.first().map_or(Path::new(""), |included| included.tree);
    let bootable = spec.volume.bootable && medium.installer.is_some();
    let mut graft = GraftPoints::default();
    let mut to_patch = Vec::new();
    if let Some(installer) = medium.installer.filter(|_| bootable) {
        let files = TreeFiles::read(installer)?;
        graft.add_tree(&files, "");
        to_patch = patched(&files, "");
        // The tree has it with the right volume id.
        let efi = own_tree.join("images/efiboot.img");
        if efi.is_file() {
            graft.add("images/efiboot.img".to_owned(), efi);
        }
    }
    for included in medium.trees {
        let uid = &included.variant.uid;
        graft.add_tree(&TreeFiles::read(included.packages)?, &format!("{uid}/Packages/"));
        graft.add_tree(&TreeFiles::read(&included.tree.join("repodata"))?, &format!("{uid}/repodata/"));
        if let Some(extra_files) = included.extra_files.filter(|_| spec.inherits_extra_files) {
            graft.add_tree(&TreeFiles::read(extra_files)?, &format!("{uid}/"));
        }
    }
    if let Some(extra_files) = medium.extra_files {
        graft.add_tree(&TreeFiles::read(extra_files)?, "");
    }
    Ok(Disc {
        volume_id,
        arch: spec.arch.clone(),
        number: 1,
        count: 1,
        bootable,
        graft,
        treeinfo: medium.treeinfo.map(|treeinfo| of_several(treeinfo, medium.trees)),
        discinfo: media::discinfo(medium.timestamp, medium.description, &spec.arch, media::Disc::All),
        media_repo: Some(media::media_repo(medium.description, None)),
        work: work_folder(work, spec, &file_name),
        repository: None,
        tree: own_tree.to_owned(),
        boot_iso: own_tree.join("images/boot.iso"),
        patched: to_patch,
        file_name,
    })
}

/// Two images of a variant may have one name by mistake, but never one folder.
fn work_folder(work: &Path, spec: &ExtraIsoSpec, file_name: &str) -> PathBuf {
    work.join(format!("extra-{}-{}", spec.variant, spec.number)).join(file_name)
}

/// All variants are in a tree with a folder for each, be they on the arch or not. The first is there already, a layered product under
/// its parent's name.
fn of_several(treeinfo: &TreeInfo, trees: &[IncludedTree<'_>]) -> TreeInfo {
    let mut treeinfo = on_disc(treeinfo, 1, 1);
    treeinfo.general_names = GeneralNames::UidsOfFirst(treeinfo.variants.len());
    for included in trees.iter().skip(1) {
        if !treeinfo.variants.iter().any(|variant| variant.uid == included.variant.uid) {
            treeinfo.variants.push(TreeVariant { addons: Vec::new(), ..included.variant.clone() });
        }
    }
    for variant in &mut treeinfo.variants {
        variant.packages = format!("{}/Packages", variant.uid);
        variant.repository.clone_from(&variant.uid);
    }
    treeinfo
}
