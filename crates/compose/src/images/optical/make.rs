//! A disc becomes an image: the programs that write, finish and list it, and what is known of it then.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::boot_arguments::boot_arguments;
use super::discs::{Disc, OwnRepository};
use super::error::IsoError;
use super::graft::GraftPoints;
use super::mkisofs;
use super::spec::VolumeSpec;
use super::tree::TreeFiles;
use crate::digest::Sha256;
use crate::files::{partial_name, set_modified, write_whole_dated};
use crate::images::{RequiredProgram, medium, program};
use crate::metadata::checksums::{ChecksumKind, Checksums, checksums_of_file};
use crate::tools::{Command, Runner};

/// Where ISO 9660 has the name of a volume.
const VOLUME_ID: u64 = 16 * 2048 + 40;
const VOLUME_ID_LENGTH: usize = 32;

/// Where images go, and what is common to all of them.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder of the image and its manifest.
    pub images: PathBuf,
    /// The folder of jigdo's files.
    pub jigdo: PathBuf,
    /// The folder of lorax's templates, for ppc machines.
    pub lorax_templates: Option<PathBuf>,
    /// The image is of a release that is supported, which its media check tells.
    pub is_supported: bool,
    /// The time of the image and of the files made for it, in seconds since 1970.
    pub date: i64,
    /// What is computed while the finished image is read, besides SHA-256.
    pub checksums: BTreeSet<ChecksumKind>,
}

/// An image that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MadeIso {
    pub path: PathBuf,
    pub manifest: PathBuf,
    /// The description and the template.
    pub jigdo: Option<(PathBuf, PathBuf)>,
    pub size: u64,
    pub sha256: Sha256,
    pub checksums: Checksums,
    /// In seconds since 1970.
    pub mtime: i64,
    /// As it stands in the volume.
    pub volume_id: String,
    pub implanted_md5: Option<String>,
    pub disc_number: u32,
    pub disc_count: u32,
    pub bootable: bool,
}

/// The programs that write such volumes. `is_set` says that metadata of several discs may be needed.
pub fn required_programs(volume: &VolumeSpec, arch: &str, is_set: bool) -> Vec<RequiredProgram> {
    let mut programs = vec![program("implantisomd5", "isomd5sum")];
    if volume.xorriso {
        programs.extend([program("xorriso", "xorriso"), program("xorrisofs", "xorriso")]);
    } else {
        programs.extend([program("genisoimage", "genisoimage"), program("isoinfo", "genisoimage")]);
        programs.extend((volume.bootable && mkisofs::needs_isohybrid(arch)).then(|| program("isohybrid", "syslinux-utils")));
    }
    programs.extend(volume.jigdo.then(|| program("jigdo-file", "jigdo-file")));
    programs.extend(is_set.then(|| program("sqliterepo_c", "createrepo-c")));
    programs
}

/// Writes an image, its manifest and what jigdo needs. Each appears whole or not at all, the image last.
pub async fn make(runner: &Runner, volume: &VolumeSpec, disc: Disc, places: &Places) -> Result<MadeIso, IsoError> {
    let image = places.images.join(&disc.file_name);
    let staging = partial_name(&image)?;
    remove_folder(&staging)?;
    fs_err::create_dir_all(&staging)?;
    let made = in_staging(runner, volume, disc, places, &staging).await;
    let removed = remove_folder(&staging);
    let made = made?;
    removed?;
    Ok(made)
}

async fn in_staging(
    runner: &Runner,
    volume: &VolumeSpec,
    disc: Disc,
    places: &Places,
    staging: &Path,
) -> Result<MadeIso, IsoError> {
    if let Some(repository) = disc.repository {
        add_databases(runner, &disc.work, repository).await?;
    }
    let disc = {
        let (volume, date) = (volume.clone(), places.date);
        blocking(move || with_own_files(disc, &volume, date)).await?
    };
    write_volume(runner, volume, &disc, places, staging).await?;
    let name = &disc.file_name;
    let run = |command: Command| async move { runner.run(&command.folder(staging)).await };
    // It writes into the volume's header: nothing may have a checksum of the volume before.
    run(mkisofs::implant_command(name, places.is_supported)).await?;
    let listing = run(mkisofs::listing_command(volume, name)).await?;
    let manifest = mkisofs::manifest(volume, &listing.text());
    write_whole_dated(&staging.join(format!("{name}.manifest")), manifest.as_bytes(), Some(places.date))?;
    if volume.jigdo {
        let (jigdo, template) = jigdo_names(name);
        run(mkisofs::jigdo_command(name, &jigdo, &template, &disc.tree)).await?;
    }
    let (has_jigdo, places, staging) = (volume.jigdo, places.clone(), staging.to_owned());
    blocking(move || finish(&disc, has_jigdo, &places, &staging)).await
}

/// Makes the databases that older clients read instead of the indexes.
async fn add_databases(runner: &Runner, repository: &Path, own: OwnRepository) -> Result<(), IsoError> {
    runner.run(&mkisofs::databases_command(repository, own.checksum.name())).await?;
    let path = repository.join("repodata/repomd.xml");
    let repomd = with_times(&fs_err::read_to_string(&path)?, own.date);
    write_whole_dated(&path, repomd.as_bytes(), i64::try_from(own.date).ok())?;
    Ok(())
}

/// The tool notes when it made the databases; the date is as good, and the same each time.
fn with_times(repomd: &str, date: u64) -> String {
    let (start, end) = ("<timestamp>", "</timestamp>");
    let mut parts = repomd.split(start);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once(end) {
        Some((_, rest)) => format!("{text}{start}{date}{end}{rest}"),
        None => text + start + part,
    })
}

/// Writes what only this disc has into its work folder, and puts it on the disc.
fn with_own_files(mut disc: Disc, volume: &VolumeSpec, date: i64) -> Result<Disc, IsoError> {
    fs_err::create_dir_all(&disc.work)?;
    for (path, source) in std::mem::take(&mut disc.patched) {
        let copy = disc.work.join(&path);
        fs_err::create_dir_all(copy.parent().unwrap_or(&disc.work))?;
        fs_err::copy(&source, &copy)?;
    }
    if let Some(treeinfo) = &mut disc.treeinfo {
        if let Some(repository) = disc.repository {
            let path = "repodata/repomd.xml";
            let digest = repository.checksum.of(&fs_err::read(disc.work.join(path))?);
            treeinfo.boot.checksums.insert(path.to_owned(), format!("{}:{digest}", repository.checksum));
        }
        fs_err::write(disc.work.join(".treeinfo"), treeinfo.text())?;
    }
    fs_err::write(disc.work.join(".discinfo"), &disc.discinfo)?;
    if let Some(media_repo) = &disc.media_repo {
        fs_err::write(disc.work.join("media.repo"), media_repo)?;
    }
    let own = TreeFiles::read(&disc.work)?;
    own.files.iter().try_for_each(|file| set_modified(&own.source(file), date))?;
    own.folders().try_for_each(|folder| set_modified(&disc.work.join(folder), date))?;
    disc.graft.add_tree(&own, "");
    let empty = beside(&disc.work, "empty");
    if disc.graft.replace_folders(&empty) {
        // The tree's own folders have the time at which they were made.
        fs_err::create_dir_all(&empty)?;
        set_modified(&empty, date)?;
    }
    if volume.breaks_hardlinks {
        let copies = beside(&disc.work, "copies");
        remove_folder(&copies)?;
        break_hardlinks(&mut disc.graft, &copies)?;
    }
    Ok(disc)
}

/// Puts copies of files with several names in their place, below a folder.
fn break_hardlinks(graft: &mut GraftPoints, copies: &Path) -> Result<(), IsoError> {
    graft.replace_each(|path, file| {
        let metadata = fs_err::symlink_metadata(file)?;
        if !metadata.is_file() || metadata.nlink() < 2 {
            return Ok(None);
        }
        let copy = copies.join(path);
        fs_err::create_dir_all(copy.parent().unwrap_or(copies))?;
        fs_err::copy(file, &copy)?;
        set_modified(&copy, metadata.mtime())?;
        Ok(Some(copy))
    })
}

/// Writes the volume and makes it start from sticks.
async fn write_volume(
    runner: &Runner,
    volume: &VolumeSpec,
    disc: &Disc,
    places: &Places,
    staging: &Path,
) -> Result<(), IsoError> {
    let list = beside(&disc.work, "graft-points");
    write_whole_dated(&list, &disc.graft.list(), None)?;
    let run = |command: Command| async move { runner.run(&command.folder(staging)).await };
    if volume.xorriso && disc.bootable {
        if !disc.boot_iso.is_file() {
            return Err(IsoError::NoBootIso(disc.boot_iso.clone()));
        }
        let script = beside(&disc.work, "xorriso");
        write_whole_dated(&script, &mkisofs::replay_script(disc, &staging.join(&disc.file_name))?, None)?;
        run(mkisofs::replay_command(&script, places.date)).await?;
        return Ok(());
    }
    let boot =
        if disc.bootable { boot_arguments(&disc.arch, volume.hfs, places.lorax_templates.as_deref())? } else { Vec::new() };
    let command = mkisofs::volume_command(mkisofs::Volume {
        spec: volume,
        id: &disc.volume_id,
        arch: &disc.arch,
        boot_arguments: &boot,
        list: &list,
        output: &disc.file_name,
        date: places.date,
    })?;
    run(command).await?;
    if disc.bootable && mkisofs::needs_isohybrid(&disc.arch) {
        run(mkisofs::isohybrid_command(&disc.arch, &disc.file_name, places.date)).await?;
    }
    Ok(())
}

/// Reads the image once, and puts everything in its place.
fn finish(disc: &Disc, has_jigdo: bool, places: &Places, staging: &Path) -> Result<MadeIso, IsoError> {
    let name = &disc.file_name;
    let staged = staging.join(name);
    set_modified(&staged, places.date)?;
    let mut kinds = places.checksums.clone();
    kinds.insert(ChecksumKind::Sha256);
    let mut checksums = checksums_of_file(&staged, &kinds)?;
    let sha256 = checksums[&ChecksumKind::Sha256].parse().expect("it is a SHA-256 digest");
    checksums.retain(|kind, _| places.checksums.contains(kind));
    let put = |name: &str, folder: &Path| -> Result<PathBuf, IsoError> {
        let path = folder.join(name);
        fs_err::create_dir_all(folder)?;
        fs_err::rename(staging.join(name), &path)?;
        Ok(path)
    };
    let (jigdo, template) = jigdo_names(name);
    let jigdo = if has_jigdo { Some((put(&jigdo, &places.jigdo)?, put(&template, &places.jigdo)?)) } else { None };
    Ok(MadeIso {
        size: fs_err::metadata(&staged)?.len(),
        volume_id: written_volume_id(&staged)?,
        implanted_md5: medium::implanted_md5(&staged)?,
        manifest: put(&format!("{name}.manifest"), &places.images)?,
        path: put(name, &places.images)?,
        jigdo,
        sha256,
        checksums,
        mtime: places.date,
        disc_number: disc.number,
        disc_count: disc.count,
        bootable: disc.bootable,
    })
}

/// The volume id that an image has.
pub(super) fn written_volume_id(image: &Path) -> Result<String, IsoError> {
    let mut file = fs_err::File::open(image)?;
    file.seek(SeekFrom::Start(VOLUME_ID))?;
    let mut id = [0; VOLUME_ID_LENGTH];
    file.read_exact(&mut id).map_err(|_| IsoError::NotAnIso(image.to_owned()))?;
    Ok(String::from_utf8_lossy(&id).trim_end_matches([' ', '\0']).to_owned())
}

fn jigdo_names(name: &str) -> (String, String) {
    (format!("{name}.jigdo"), format!("{name}.template"))
}

/// A file or folder for one disc beside its work folder, where nothing gets on the disc.
fn beside(work: &Path, what: &str) -> PathBuf {
    let name = work.file_name().unwrap_or_default().to_string_lossy();
    work.with_file_name(format!("{name}-{what}"))
}

pub(super) fn remove_folder(folder: &Path) -> std::io::Result<()> {
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Runs work that copies and digests off the threads that drive the compose.
pub(in crate::images) async fn blocking<T: Send + 'static, E: Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, E> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_metadata_are_the_date() {
        let repomd = "<a><timestamp>1</timestamp><b/><timestamp>22</timestamp></a>";
        assert_eq!(with_times(repomd, 7), "<a><timestamp>7</timestamp><b/><timestamp>7</timestamp></a>");
        assert_eq!(with_times("<a/>", 7), "<a/>");
    }
}
