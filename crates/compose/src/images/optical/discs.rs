//! The discs of a tree: which files lie on which, and the metadata that each has for itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::IsoError;
use super::graft::GraftPoints;
use super::spec::IsoSpec;
use super::split::{Piece, blocks, split};
use super::tree::{TreeFile, TreeFiles};
use crate::checksum::Algorithm;
use crate::metadata::media;
use crate::metadata::python_format::Values;
use crate::metadata::treeinfo::{GeneralNames, TreeInfo};
use crate::repositories::rpm_md::{ListedPackage, RpmMdSpec, write_rpm_md};

/// Files that mkisofs writes into: a disc gets copies of its own.
const PATCHED: [&str; 2] = ["isolinux/isolinux.bin", "images/boot.img"];
const BOOT_ISO: &str = "images/boot.iso";
const REPOMD: &str = "repodata/repomd.xml";
/// The metadata of a tree, which the discs of a set replace.
const METADATA: &str = "repodata/";

/// A tree, and what its discs say of it.
#[derive(Debug, Clone, Copy)]
pub struct Medium<'a> {
    pub tree: &'a TreeFiles,
    pub treeinfo: &'a TreeInfo,
    /// By which discs are told from those of another compose.
    pub timestamp: &'a str,
    pub description: &'a str,
    /// Paths in the tree of the extra files that the configuration names: each disc of a set has them, and `media.repo`.
    pub extra_files: &'a [String],
    /// The tree's own packages, of which each disc of a set has metadata.
    pub packages: &'a [ListedPackage<'a>],
    pub rpm_md: &'a RpmMdSpec,
    /// Whether the tree has an installer to start.
    pub has_installer: bool,
}

/// The discs of a tree.
#[derive(Debug, Clone)]
pub struct Prepared {
    pub discs: Vec<Disc>,
    /// What should be looked at, in one sentence each.
    pub warnings: Vec<String>,
}

/// A disc that is ready to be written.
#[derive(Debug, Clone)]
pub struct Disc {
    /// Of the image.
    pub file_name: String,
    pub volume_id: String,
    /// `src` for sources.
    pub arch: String,
    pub number: u32,
    pub count: u32,
    /// A machine starts from it.
    pub bootable: bool,
    pub(super) graft: GraftPoints,
    pub(super) treeinfo: Option<TreeInfo>,
    pub(super) discinfo: String,
    /// `media.repo`, where it is not the tree's.
    pub(super) media_repo: Option<String>,
    /// The folder of what only this disc has.
    pub(super) work: PathBuf,
    pub(super) repository: Option<OwnRepository>,
    /// The tree that jigdo finds files in.
    pub(super) tree: PathBuf,
    /// The tree's small image, from which xorriso takes how a machine starts.
    pub(super) boot_iso: PathBuf,
    /// Files to copy before they are patched, by their paths on the disc.
    pub(super) patched: Vec<(String, PathBuf)>,
}

/// The metadata of the packages on one disc of a set.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnRepository {
    pub checksum: Algorithm,
    pub date: u64,
}

/// Decides what lies on which disc. Metadata of the discs of a set is written below `work`, in a folder for each disc.
pub fn prepare_discs(spec: &IsoSpec, medium: &Medium<'_>, run: &Values<'_>, work: &Path) -> Result<Prepared, IsoError> {
    let bootable = spec.volume.bootable && medium.has_installer;
    let mut warnings = Vec::new();
    let sets = if bootable {
        warnings.extend(too_large_to_boot(spec, medium.tree));
        Vec::new()
    } else {
        contents(spec, medium)?
    };
    let count = u32::try_from(sets.len().max(1)).unwrap_or(u32::MAX);
    let volume_id = spec.volume_id(run)?;
    let mut discs = Vec::new();
    for number in 1..=count {
        let file_name = spec.file_name(number, run)?;
        if discs.iter().any(|disc: &Disc| disc.file_name == file_name) {
            return Err(IsoError::SameName(file_name));
        }
        let folder = work.join(&file_name);
        let mut disc = Disc {
            volume_id: volume_id.clone(),
            arch: spec.arch.clone(),
            number,
            count,
            bootable,
            graft: GraftPoints::default(),
            treeinfo: Some(on_disc(medium.treeinfo, number, count)),
            discinfo: media::discinfo(medium.timestamp, medium.description, &spec.arch, media::Disc::Number(number)),
            media_repo: None,
            work: folder,
            repository: None,
            tree: medium.tree.root.clone(),
            boot_iso: medium.tree.root.join(BOOT_ISO),
            patched: if bootable { patched(medium.tree, "") } else { Vec::new() },
            file_name,
        };
        if count == 1 {
            disc.graft.add_tree(medium.tree, "");
        } else {
            disc.fill(&sets[number as usize - 1], medium)?;
        }
        discs.push(disc);
    }
    Ok(Prepared { discs, warnings })
}

impl Disc {
    /// Puts one disc's share of the files on it, with metadata of the packages among them.
    fn fill(&mut self, files: &[&TreeFile], medium: &Medium<'_>) -> Result<(), IsoError> {
        for file in files {
            self.graft.add(file.path.clone(), medium.tree.source(file));
        }
        if let Some(treeinfo) = &mut self.treeinfo {
            treeinfo.boot.checksums.remove(REPOMD);
        }
        let paths: BTreeSet<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let packages: Vec<ListedPackage<'_>> =
            medium.packages.iter().filter(|package| paths.contains(package.location)).copied().collect();
        if packages.is_empty() {
            return Ok(());
        }
        fs_err::create_dir_all(&self.work)?;
        let spec = RpmMdSpec { groups: None, extras: Vec::new(), ..medium.rpm_md.clone() };
        write_rpm_md(&self.work, &packages, &spec)?;
        self.repository = Some(OwnRepository { checksum: spec.checksum, date: spec.date });
        Ok(())
    }
}

/// The files of each disc, without the tree's metadata: packages come after all others.
fn contents<'a>(spec: &IsoSpec, medium: &Medium<'a>) -> Result<Vec<Vec<&'a TreeFile>>, IsoError> {
    let extra: BTreeSet<&str> = medium.extra_files.iter().map(String::as_str).chain(["media.repo"]).collect();
    let files = || medium.tree.files.iter().filter(|file| !file.path.starts_with(METADATA));
    let files: Vec<&TreeFile> =
        files().filter(|file| !file.is_package()).chain(files().filter(|file| file.is_package())).collect();
    let piece = |file: &&'a TreeFile| Piece { path: &file.path, size: file.size, sticky: extra.contains(file.path.as_str()) };
    let pieces: Vec<Piece<'_>> = files.iter().map(piece).collect();
    let discs = split(&pieces, spec.capacity).map_err(|Piece { path, size, .. }| IsoError::LargerThanMedia {
        path: path.to_owned(),
        size,
        capacity: spec.capacity,
    })?;
    Ok(discs.into_iter().map(|disc| disc.into_iter().map(|number| files[number]).collect()).collect())
}

/// A machine could not start from a part of its files.
fn too_large_to_boot(spec: &IsoSpec, tree: &TreeFiles) -> Option<String> {
    let size: u64 = tree.files.iter().filter(|file| !file.path.starts_with(METADATA)).map(|file| blocks(file.size)).sum();
    (size > spec.capacity).then(|| {
        format!(
            "ISO for {}.{} is not split because it is bootable: its files take {size} bytes, a disc holds {}",
            spec.variant, spec.arch, spec.capacity
        )
    })
}

/// The files of a tree that mkisofs would write into, by their paths on the disc.
pub(super) fn patched(tree: &TreeFiles, below: &str) -> Vec<(String, PathBuf)> {
    let found = tree.files.iter().filter(|file| PATCHED.contains(&file.path.as_str()));
    found.map(|file| (format!("{below}{}", file.path), tree.source(file))).collect()
}

/// What a tree's `.treeinfo` says on a disc.
pub(super) fn on_disc(treeinfo: &TreeInfo, number: u32, count: u32) -> TreeInfo {
    let mut treeinfo = treeinfo.clone();
    treeinfo.media = Some((number, count));
    treeinfo.general_names = GeneralNames::Uids;
    treeinfo.main_variant = None;
    treeinfo.boot.checksums.remove(BOOT_ISO);
    for images in treeinfo.boot.images.values_mut() {
        images.remove("boot.iso");
    }
    treeinfo
}
