//! EFI system partitions: FAT file systems, made of files without mounting anything.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{ImageError, RequiredProgram, program};
use crate::tools::{Command, Runner};

pub(super) const PROGRAMS: &[RequiredProgram] =
    &[program("mkfs.vfat", "dosfstools"), program("mmd", "mtools"), program("mcopy", "mtools")];

const MIB: u64 = 1 << 20;
/// For boot loaders alone, with room for what firmware vendors put beside them.
const SMALLEST: u64 = 64 * MIB;

/// What a partition on a disk should have for these files, with room for as many again: a newer kernel comes before the older one goes.
pub(super) fn size_for(files: &[(String, PathBuf)]) -> std::io::Result<u64> {
    let sizes: std::io::Result<Vec<u64>> = files.iter().map(|(_, file)| Ok(fs_err::metadata(file)?.len())).collect();
    Ok((sizes?.into_iter().sum::<u64>() * 3).next_multiple_of(16 * MIB).max(SMALLEST))
}

/// Makes a FAT32 file system of `size` bytes with files by their paths. `serial` is eight hexadecimal digits.
pub(super) async fn make(
    runner: &Runner,
    files: &[(String, PathBuf)],
    size: u64,
    serial: String,
    epoch: i64,
    image: &Path,
) -> Result<(), ImageError> {
    fs_err::File::create(image)?.file().set_len(size)?;
    let date = epoch.to_string();
    let mtools = |name: &str| Command::new(name).arg("-i").arg(image).env("SOURCE_DATE_EPOCH", &date);
    // mformat would put a partition table into it, which GRUB and others stumble over.
    // The first option sets a serial number too, which the other one then replaces.
    let make = Command::new("mkfs.vfat").args(["--invariant", "-i", &serial, "-F", "32", "-n", "EFI"]).arg(image);
    runner.run(&make).await?;
    let folders: BTreeSet<String> = files.iter().flat_map(|(path, _)| folders_of(path)).collect();
    runner.run(&mtools("mmd").args(folders.iter().map(|folder| format!("::/{folder}")))).await?;
    for (path, file) in files {
        runner.run(&mtools("mcopy").arg(file).arg(format!("::/{path}"))).await?;
    }
    Ok(())
}

/// The folders that a path lies in, the outermost first.
fn folders_of(path: &str) -> impl Iterator<Item = String> + '_ {
    path.match_indices('/').map(|(end, _)| path[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_has_room_for_what_comes_beside_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, size: u64| {
            fs_err::File::create(folder.path().join(name)).unwrap().file().set_len(size).unwrap();
            (name.to_owned(), folder.path().join(name))
        };
        assert_eq!(size_for(&[file("a", 1)]).unwrap(), 64 * MIB);
        assert_eq!(size_for(&[file("a", 1), file("b", 100 * MIB)]).unwrap(), 304 * MIB);
        assert_eq!(folders_of("EFI/BOOT/BOOTX64.EFI").collect::<Vec<_>>(), ["EFI", "EFI/BOOT"]);
    }
}
