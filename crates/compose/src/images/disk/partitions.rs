//! The disk itself: a GPT by sfdisk, and file systems copied to their places.
//!
//! Must not know: what is in the file systems.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use serde::Deserialize;

use super::ids::Ids;
use super::{GIB, MIB, filesystem};
use crate::config::schema::images::DiskFilesystem;
use crate::images::{ImageError, blocking};
use crate::tools::{Command, Runner};

const SECTOR: u64 = 512;
/// UEFI specification, section 5.3.3, and the UAPI group's Discoverable Partitions Specification.
const BIOS_TYPE: &str = "21686148-6449-6E6F-744E-656564454649";
const EFI_TYPE: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
const ROOT_AMD64_TYPE: &str = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
/// As other programs name root file systems.
const LINUX_TYPE: &str = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
/// The same in the partition table that PCs had before.
const LINUX_MBR_TYPE: &str = "83";

/// What a partition is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartitionKind {
    /// The part of GRUB that the first sector starts.
    Bios,
    Efi,
    Root,
}

impl PartitionKind {
    const fn type_uuid(self) -> &'static str {
        match self {
            Self::Bios => BIOS_TYPE,
            Self::Efi => EFI_TYPE,
            Self::Root => ROOT_AMD64_TYPE,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bios => "bios",
            Self::Efi => "efi",
            Self::Root => "root",
        }
    }
}

/// A partition; places and sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Partition {
    pub(super) kind: PartitionKind,
    pub(super) start: u64,
    pub(super) size: u64,
}

/// The partitions of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// Of the disk, in bytes.
    pub(super) size: u64,
    /// In their order on the disk; the root is the last, so that it can grow.
    pub(super) partitions: Vec<Partition>,
}

impl Table {
    /// Of a disk for a root file system with so much content. `efi` is the size of the EFI system partition.
    pub(super) fn new(
        size: Option<u64>,
        bios: bool,
        efi: Option<u64>,
        filesystem: DiskFilesystem,
        content: u64,
    ) -> Result<Self, ImageError> {
        let before = [bios.then_some((PartitionKind::Bios, MIB)), efi.map(|size| (PartitionKind::Efi, size))];
        let mut start = MIB;
        let mut partitions = Vec::new();
        for (kind, size) in before.into_iter().flatten() {
            partitions.push(Partition { kind, start, size });
            start += size.next_multiple_of(MIB);
        }
        // The last MiB has the second copy of the table.
        let size_for = |root: u64| (start + root).next_multiple_of(MIB) + MIB;
        let disk = size.map_or_else(|| size_for(filesystem::comfortable(content)).next_multiple_of(GIB), |size| size / MIB * MIB);
        let smallest = size_for(filesystem::smallest(filesystem, content));
        if disk < smallest {
            return Err(ImageError::DiskTooSmall { size: disk, smallest });
        }
        partitions.push(Partition { kind: PartitionKind::Root, start, size: disk - MIB - start });
        Ok(Self { size: disk, partitions })
    }

    pub(super) fn of_kind(&self, kind: PartitionKind) -> Option<&Partition> {
        self.partitions.iter().find(|partition| partition.kind == kind)
    }

    /// The input of sfdisk(8).
    fn script(&self, ids: &Ids) -> String {
        let line = |partition: &Partition| {
            let (kind, name) = (partition.kind.type_uuid(), partition.kind.name());
            let (start, size) = (partition.start / SECTOR, partition.size / SECTOR);
            format!("start={start}, size={size}, type={kind}, uuid={}, name=\"{name}\"\n", ids.uuid(name))
        };
        let lines: String = self.partitions.iter().map(line).collect();
        format!("label: gpt\nlabel-id: {}\nunit: sectors\nsector-size: {SECTOR}\n\n{lines}", ids.uuid("disk"))
    }
}

/// What comes into a partition.
#[derive(Debug)]
pub(super) enum PartitionContent {
    Nothing,
    /// A file of its size.
    Image(PathBuf),
}

/// Makes the disk at `disk`, which is sparse.
pub(super) async fn write(
    runner: &Runner,
    table: &Table,
    ids: &Ids,
    contents: &[PartitionContent],
    disk: &Path,
) -> Result<(), ImageError> {
    fs_err::File::create(disk)?.file().set_len(table.size)?;
    let partition =
        Command::new("sfdisk").args(["--quiet", "--no-reread", "--no-tell-kernel"]).arg(disk).input(table.script(ids));
    runner.run(&partition).await?;
    for (partition, content) in table.partitions.iter().zip(contents) {
        if let PartitionContent::Image(image) = content {
            let (image, disk, start, size) = (image.clone(), disk.to_owned(), partition.start, partition.size);
            blocking(move || Ok(copy_part(&image, (0, size), &disk, start)?)).await?;
        }
    }
    Ok(())
}

/// Copies a part of a file to a place in another, but for what is nothing but zeros.
pub(super) fn copy_part(from: &Path, (start, size): (u64, u64), to: &Path, place: u64) -> std::io::Result<()> {
    let source = fs_err::File::open(from)?;
    let target = fs_err::OpenOptions::new().write(true).create(true).truncate(false).open(to)?;
    let end = place + size;
    if target.metadata()?.len() < end {
        target.file().set_len(end)?;
    }
    let mut buffer = vec![0; 1 << 16];
    let mut at = start;
    while let Some(data) = next_data(source.file(), at, start + size)? {
        at = data;
        let count = usize::try_from((start + size - at).min(buffer.len() as u64)).expect("it is no larger than the buffer");
        source.file().read_exact_at(&mut buffer[..count], at)?;
        for (number, block) in buffer[..count].chunks(4096).enumerate() {
            if block.iter().any(|byte| *byte != 0) {
                target.file().write_all_at(block, place + (at - start) + number as u64 * 4096)?;
            }
        }
        at += count as u64;
    }
    Ok(())
}

/// Where a file has data again, in whole blocks; none before `end`.
fn next_data(file: &std::fs::File, at: u64, end: u64) -> std::io::Result<Option<u64>> {
    if at >= end {
        return Ok(None);
    }
    match seek(file, SeekFrom::Data(at)) {
        Ok(found) => Ok(Some(found / 4096 * 4096).map(|found| found.max(at)).filter(|found| *found < end)),
        Err(Errno::NXIO) => Ok(None),
        // The file system knows no holes.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(Some(at)),
        Err(error) => Err(error.into()),
    }
}

/// Where the root file system of a raw disk is: its first byte, and its size.
pub(super) async fn find_root(runner: &Runner, disk: &Path) -> Result<(u64, u64), ImageError> {
    let listed = runner.run(&Command::new("sfdisk").arg("--json").arg(disk)).await?;
    let unreadable = |reason: String| std::io::Error::other(format!("{}: {reason}", disk.display()));
    let listed: Listed = serde_json::from_slice(&listed.stdout).map_err(|error| unreadable(error.to_string()))?;
    let partitions = listed.partitiontable.partitions;
    let of_kind =
        |kind: &str| partitions.iter().filter(|partition| partition.kind == kind).max_by_key(|partition| partition.size);
    let root = [ROOT_AMD64_TYPE, LINUX_TYPE, LINUX_MBR_TYPE].into_iter().find_map(of_kind);
    let root = root.ok_or_else(|| unreadable("it has no partition for a root file system".to_owned()))?;
    Ok((root.start.saturating_mul(SECTOR), root.size.saturating_mul(SECTOR)))
}

#[derive(Deserialize)]
struct Listed {
    partitiontable: ListedTable,
}

#[derive(Deserialize)]
struct ListedTable {
    partitions: Vec<ListedPartition>,
}

#[derive(Deserialize)]
struct ListedPartition {
    start: u64,
    size: u64,
    #[serde(rename = "type")]
    kind: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_last_and_the_disk_is_of_whole_gibibytes() {
        let table = Table::new(None, true, Some(64 * MIB), DiskFilesystem::Ext4, 900 * MIB).unwrap();
        assert_eq!(table.size, 2 * GIB);
        let kinds: Vec<_> = table.partitions.iter().map(|partition| partition.kind).collect();
        assert_eq!(kinds, [PartitionKind::Bios, PartitionKind::Efi, PartitionKind::Root]);
        let root = table.of_kind(PartitionKind::Root).unwrap();
        assert_eq!((root.start, root.start + root.size), (66 * MIB, 2 * GIB - MIB));
    }

    #[test]
    fn what_does_not_fit_is_told_before_it_is_made() {
        let too_small =
            |filesystem, content| Table::new(Some(256 * MIB), true, None, filesystem, content).unwrap_err().to_string();
        let error = too_small(DiskFilesystem::Ext4, 900 * MIB);
        assert!(error.contains("`size`") && error.contains("268435456"), "{error}");
        // mkfs.xfs refuses to make it, however little comes into it.
        assert!(too_small(DiskFilesystem::Xfs, MIB).contains("its content needs 317718528"));
    }

    #[test]
    fn holes_stay_holes_and_all_else_is_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let source = fs_err::File::create(&from).unwrap();
        source.file().set_len(40 * MIB).unwrap();
        for (place, text) in [(0, "first"), (3 * MIB + 4090, "across a block"), (40 * MIB - 4, "last")] {
            source.file().write_all_at(text.as_bytes(), place).unwrap();
        }
        copy_part(&from, (0, 40 * MIB), &to, MIB).unwrap();
        let copied = fs_err::read(&to).unwrap();
        assert_eq!(copied.len() as u64, 41 * MIB);
        assert_eq!(copied[1 << 20..], fs_err::read(&from).unwrap());
        use std::os::unix::fs::MetadataExt as _;
        assert!(fs_err::metadata(&to).unwrap().blocks() * 512 < MIB);
        // And back from there.
        let back = folder.path().join("back");
        copy_part(&to, (MIB, 40 * MIB), &back, 0).unwrap();
        assert_eq!(fs_err::read(&back).unwrap(), fs_err::read(&from).unwrap());
    }
}
