//! The root file system of a disk, made of a folder without mounting anything.
//!
//! Must not know: boot loaders, partitions.

use std::collections::HashSet;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use super::MIB;
use super::ids::Ids;
use super::partitions::copy_part;
use super::xfs;
use crate::config::schema::images::DiskFilesystem;
use crate::images::{ImageError, RequiredProgram, blocking, program};
use crate::tools::{Command, Runner};

/// What a file takes besides its content: an inode, a name, and what its last block has free.
const PER_FILE: u64 = 4096 + 512;

/// Flags of inodes: the kernel's documentation of ext4, "Index Nodes".
const EXTENTS: u32 = 0x8_0000;
const IMMUTABLE: u32 = 0x10;

const EXT4_PROGRAMS: &[RequiredProgram] = &[
    program("mkfs.ext4", "e2fsprogs"),
    program("dumpe2fs", "e2fsprogs"),
    program("debugfs", "e2fsprogs"),
    program("e2fsck", "e2fsprogs"),
];
const BTRFS_PROGRAMS: &[RequiredProgram] = &[program("mkfs.btrfs", "btrfs-progs"), program("btrfs", "btrfs-progs")];

pub(super) const fn programs(filesystem: DiskFilesystem) -> &'static [RequiredProgram] {
    match filesystem {
        DiskFilesystem::Ext4 => EXT4_PROGRAMS,
        DiskFilesystem::Btrfs => BTRFS_PROGRAMS,
        DiskFilesystem::Xfs => xfs::PROGRAMS,
    }
}

/// Gives everything in a folder times that are not after `epoch`, as nothing in the image was made later. Gives the room that a file
/// system of it needs, in bytes.
pub(super) fn settle(tree: &Path, epoch: i64) -> std::io::Result<u64> {
    let mut needed = 0;
    // A file of several names is there once: in a deployment most are.
    let mut counted = HashSet::new();
    let mut waiting = vec![tree.to_owned()];
    while let Some(path) = waiting.pop() {
        let data = fs_err::symlink_metadata(&path)?;
        let is_new = data.nlink() == 1 || data.is_dir() || counted.insert(data.ino());
        needed += PER_FILE + if data.is_file() && is_new { data.len() } else { 0 };
        if data.is_dir() {
            for entry in fs_err::read_dir(&path)? {
                waiting.push(entry?.path());
            }
        }
        let time = Timespec { tv_sec: data.mtime().min(epoch), tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| std::io::Error::other(format!("{}: {error}", path.display())))?;
    }
    Ok(needed)
}

/// A tree that becomes a file system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Contents<'a> {
    pub(super) tree: &'a Path,
    /// No file in it has a later time.
    pub(super) epoch: i64,
    /// A folder in which nobody may make or remove anything, with a slash before it. Only for ext4.
    pub(super) immutable: Option<&'a str>,
}

/// Makes the file system of `size` bytes at `image`.
pub(super) async fn make(
    runner: &Runner,
    filesystem: DiskFilesystem,
    ids: &Ids,
    contents: Contents<'_>,
    size: u64,
    image: &Path,
) -> Result<(), ImageError> {
    fs_err::File::create(image)?.file().set_len(size)?;
    match filesystem {
        DiskFilesystem::Ext4 => make_ext4(runner, ids, contents, image).await,
        DiskFilesystem::Btrfs => make_btrfs(runner, ids, contents.tree, image).await,
        DiskFilesystem::Xfs => xfs::make(runner, &ids.root(), contents.tree, contents.epoch, image).await,
    }
}

async fn make_ext4(runner: &Runner, ids: &Ids, contents: Contents<'_>, image: &Path) -> Result<(), ImageError> {
    let (uuid, Contents { tree, epoch, immutable }) = (ids.root(), contents);
    // Two features are left out which the GRUB and the fsck of older Debian releases cannot read.
    let make = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-L", "root", "-U", &uuid, "-m", "1", "-O", "^metadata_csum_seed,^orphan_file"])
        .args(["-E", &format!("hash_seed={uuid},lazy_itable_init=0,lazy_journal_init=0,root_owner=0:0"), "-d"])
        .arg(tree)
        .arg(image)
        .env("E2FSPROGS_FAKE_TIME", epoch.to_string());
    runner.run(&make).await?;
    let listed = runner.run(&Command::new("dumpe2fs").arg(image)).await?.text();
    // mkfs.ext4 takes over when the folder's inodes were changed, which was a moment ago.
    let times = used_inodes(&listed)?
        .into_iter()
        .flat_map(|inode| ["atime", "ctime"].map(|time| format!("set_inode_field <{inode}> {time} @{epoch}\n")));
    let flags = immutable.map(|folder| format!("set_inode_field {folder} flags {:#x}\n", EXTENTS | IMMUTABLE));
    let script: String = times.chain(flags).collect();
    // It repeats each line of its script.
    let set = Command::new("sh")
        .args(["-c", "exec debugfs -w -f /dev/stdin \"$1\" >/dev/null", "sh"])
        .arg(image)
        .input(script)
        .env("E2FSPROGS_FAKE_TIME", epoch.to_string());
    runner.run(&set).await?;
    runner.run(&Command::new("e2fsck").args(["-f", "-n"]).arg(image)).await?;
    Ok(())
}

/// The inodes that a file system has in use, by what dumpe2fs says of each group's free ones.
fn used_inodes(listed: &str) -> Result<Vec<u64>, ImageError> {
    let unreadable = || std::io::Error::other("dumpe2fs does not say which inodes are free");
    let count = listed.lines().find_map(|line| line.strip_prefix("Inode count:")).and_then(|count| count.trim().parse().ok());
    let count: u64 = count.ok_or_else(unreadable)?;
    let free = listed.lines().filter_map(|line| line.strip_prefix("  Free inodes: "));
    let mut used = Vec::new();
    let mut next = 1;
    for range in free.flat_map(|ranges| ranges.split(", ")).filter(|range| !range.trim().is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| unreadable());
        used.extend(next..number(first)?);
        next = number(last)? + 1;
    }
    used.extend(next..=count);
    Ok(used)
}

async fn make_btrfs(runner: &Runner, ids: &Ids, tree: &Path, image: &Path) -> Result<(), ImageError> {
    let make =
        Command::new("mkfs.btrfs").args(["--quiet", "--label", "root", "--uuid", &ids.root(), "--rootdir"]).arg(tree).arg(image);
    runner.run(&make).await?;
    runner.run(&Command::new("btrfs").args(["check", "--readonly"]).arg(image)).await?;
    Ok(())
}

/// A file of a root file system that has a place in a disk: its first byte, and its size.
pub(super) async fn read_file(
    runner: &Runner,
    disk: &Path,
    (offset, size): (u64, u64),
    path: &str,
    work: &Path,
) -> Result<Vec<u8>, ImageError> {
    match found_at(disk, offset)? {
        DiskFilesystem::Ext4 => {
            let mut place = disk.as_os_str().to_owned();
            place.push(format!("?offset={offset}"));
            Ok(runner.run(&Command::new("debugfs").arg("-R").arg(format!("cat /{path}")).arg(place)).await?.stdout)
        }
        DiskFilesystem::Btrfs => {
            let image = copy_root(disk, (offset, size), work).await?;
            let bytes = read_btrfs(runner, &image, path, work).await?;
            fs_err::remove_file(image)?;
            Ok(bytes)
        }
        DiskFilesystem::Xfs => {
            let image = copy_root(disk, (offset, size), work).await?;
            let bytes = xfs::read_file(runner, &image, path, work).await?;
            fs_err::remove_file(image)?;
            Ok(bytes)
        }
    }
}

/// A root file system in a file of its own, for programs that take no place within a file.
async fn copy_root(disk: &Path, place: (u64, u64), work: &Path) -> Result<PathBuf, ImageError> {
    let (from, image) = (disk.to_owned(), work.join("root.img"));
    let to = image.clone();
    blocking(move || Ok(copy_part(&from, place, &to, 0)?)).await?;
    Ok(image)
}

async fn read_btrfs(runner: &Runner, image: &Path, path: &str, work: &Path) -> Result<Vec<u8>, ImageError> {
    let folder = work.join("restored");
    fs_err::create_dir(&folder)?;
    let parts: Vec<_> = path.split('/').collect();
    // Each folder on the way, or more: `^/(|var(|/lib))$`.
    let pattern = format!("^/(|{}{}$", parts.join("(|/"), ")".repeat(parts.len()));
    let restore = Command::new("btrfs").args(["restore", "--path-regex", &pattern]).arg(image).arg(&folder);
    runner.run(&restore).await?;
    let bytes = crate::files::read_regular(&folder.join(path), 1 << 30)?;
    fs_err::remove_dir_all(folder)?;
    Ok(bytes)
}

/// The one OSTree deployment on a disk, without a slash before it; none where there is none. Only ext4 has them.
pub(super) async fn deployment(runner: &Runner, disk: &Path, (offset, _): (u64, u64)) -> Result<Option<String>, ImageError> {
    if found_at(disk, offset)? != DiskFilesystem::Ext4 {
        return Ok(None);
    }
    let mut folder = "ostree/deploy".to_owned();
    for next in ["/deploy", ""] {
        let mut place = disk.as_os_str().to_owned();
        place.push(format!("?offset={offset}"));
        let listed = runner.run(&Command::new("debugfs").arg("-R").arg(format!("ls -p \"/{folder}\"")).arg(place)).await?.text();
        let Some(entry) = folders(&listed).next() else { return Ok(None) };
        folder = format!("{folder}/{entry}{next}");
    }
    Ok(Some(folder))
}

/// The folders in what debugfs lists: `/inode/mode/uid/gid/name/size/`.
fn folders(listed: &str) -> impl Iterator<Item = &str> {
    listed.lines().filter_map(|line| {
        let parts: Vec<_> = line.split('/').collect();
        let (mode, name) = (parts.get(2)?, *parts.get(5)?);
        (mode.starts_with("04") && !name.starts_with('.')).then_some(name)
    })
}

/// By the magic numbers of their superblocks.
fn found_at(disk: &Path, offset: u64) -> std::io::Result<DiskFilesystem> {
    let file = fs_err::File::open(disk)?;
    let (mut ext4, mut btrfs, mut xfs) = ([0; 2], [0; 8], [0; 4]);
    file.file().read_exact_at(&mut ext4, offset.saturating_add(1024 + 56))?;
    file.file().read_exact_at(&mut btrfs, offset.saturating_add(0x10000 + 64))?;
    file.file().read_exact_at(&mut xfs, offset)?;
    match (&ext4, &btrfs, &xfs) {
        (_, b"_BHRfS_M", _) => Ok(DiskFilesystem::Btrfs),
        (_, _, b"XFSB") => Ok(DiskFilesystem::Xfs),
        ([0x53, 0xef], ..) => Ok(DiskFilesystem::Ext4),
        _ => Err(std::io::Error::other(format!("{}: the root partition has no file system that is known here", disk.display()))),
    }
}

/// What a file system of so much content wants: half as much again, for what is written before the partition grows.
pub(super) const fn comfortable(needed: u64) -> u64 {
    needed + needed / 2 + 512 * MIB
}

/// What it cannot do without, with its journal and tables.
pub(super) const fn smallest(filesystem: DiskFilesystem, needed: u64) -> u64 {
    let smallest = needed + needed / 20 + 128 * MIB;
    match filesystem {
        DiskFilesystem::Xfs if smallest < xfs::SMALLEST => xfs::SMALLEST,
        _ => smallest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_used_inodes_are_those_that_are_not_free() {
        let listed = "Inode count:              12\nFree inodes:              3\n  Free inodes: 4-6, 9\n  Free inodes: \n  Free inodes: 11\n";
        assert_eq!(used_inodes(listed).unwrap(), [1, 2, 3, 7, 8, 10, 12]);
        assert!(used_inodes("nothing").is_err());
    }

    #[test]
    fn folders_are_told_from_files_and_from_themselves() {
        let listed = "/2/040755/0/0/.//\n/2/040755/0/0/..//\n/13/100644/0/0/0abc.0.origin/30/\n/14/040755/0/0/0abc.0//\n";
        assert_eq!(folders(listed).collect::<Vec<_>>(), ["0abc.0"]);
    }

    #[test]
    fn nothing_in_a_tree_is_newer_than_its_packages() {
        let tree = tempfile::tempdir().unwrap();
        fs_err::write(tree.path().join("new"), [0; 5000]).unwrap();
        fs_err::os::unix::fs::symlink("nowhere", tree.path().join("link")).unwrap();
        fs_err::hard_link(tree.path().join("new"), tree.path().join("same")).unwrap();
        let needed = settle(tree.path(), 1_700_000_000).unwrap();
        assert_eq!(needed, 5000 + 4 * PER_FILE);
        for name in ["new", "link", "."] {
            let data = fs_err::symlink_metadata(tree.path().join(name)).unwrap();
            assert_eq!(data.mtime(), 1_700_000_000, "{name}");
        }
    }
}
