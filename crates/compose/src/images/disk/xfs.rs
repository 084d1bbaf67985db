//! XFS as a root file system: filled from a folder by mkfs.xfs(8), which is able to since xfsprogs 6.17, and read by xfs_db(8).
//!
//! Must not know: boot loaders, partitions.

use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use crate::images::{ImageError, RequiredProgram, blocking, program};
use crate::tools::{Command, Runner};

/// What makes it.
const MKFS: &str = "mkfs.xfs";
/// What reads it.
const DB: &str = "xfs_db";
pub(crate) const PROGRAMS: &[RequiredProgram] =
    &[program(MKFS, "xfsprogs"), program(DB, "xfsprogs"), program("xfs_repair", "xfsprogs")];

/// The first that takes a folder with its hard links and extended attributes.
const OLDEST: (u32, u32) = (6, 17);

/// It refuses to make smaller ones, in bytes.
pub(super) const SMALLEST: u64 = 300 << 20;

/// Features that the GRUB of Debian 12 and 13, or the kernel of Debian 12, cannot read: those that xfsprogs has in `lts_6.1.conf`.
const OLDER: [&str; 6] = ["-m", "rmapbt=0", "-i", "nrext64=0,exchange=0", "-n", "parent=0"];

/// Makes it in a file, of a folder in which nothing is newer than `epoch`.
pub(super) async fn make(runner: &Runner, uuid: &str, tree: &Path, epoch: i64, image: &Path) -> Result<(), ImageError> {
    let devices = tree.join("dev");
    blocking(move || Ok(remove_devices(&devices)?)).await?;
    // A comma in the folder's path would end it.
    let make = Command::new(MKFS)
        .args(["-q", "-f", "-L", "root", "-m", &format!("uuid={uuid}")])
        .args(OLDER)
        .args(["-p", "."])
        .arg(image)
        .folder(tree)
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .env("DETERMINISTIC_SEED", "1");
    runner.run(&make).await?;
    runner.run(&Command::new("xfs_repair").arg("-n").arg(image)).await?;
    Ok(())
}

/// mkfs.xfs opens what it copies, devices too, and fails where this machine has not what one stands for. The started system makes its own.
fn remove_devices(folder: &Path) -> std::io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_char_device() || kind.is_block_device() {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Copies one file of it, by its path without a slash before it, into a new folder of `work`. Gives the file's content.
pub(super) async fn read_file(runner: &Runner, image: &Path, path: &str, work: &Path) -> Result<Vec<u8>, ImageError> {
    let folder = work.join("dumped");
    fs_err::create_dir(&folder)?;
    // Its commands know no quotation marks.
    let dump = Command::new(DB).args(["-r", "-c", &format!("rdump -s /{path} .")]).arg(image).folder(&folder);
    runner.run(&dump).await?;
    let name = Path::new(path).file_name().unwrap_or_default();
    let bytes = crate::files::read_regular(&folder.join(name), 1 << 30)?;
    fs_err::remove_dir_all(folder)?;
    Ok(bytes)
}

/// mkfs.xfs is new enough.
pub(crate) async fn check_version(runner: &Runner) -> Result<(), ImageError> {
    let said = runner.run(&Command::new(MKFS).arg("-V")).await?.text();
    match version(&said) {
        Some(version) if version >= OLDEST => Ok(()),
        _ => {
            let (program, oldest) = (MKFS, format!("{}.{}", OLDEST.0, OLDEST.1));
            Err(ImageError::OldProgram { program, oldest, said: said.trim().to_owned() })
        }
    }
}

/// Of `mkfs.xfs version 6.17.0`.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.split_whitespace().last()?.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("mkfs.xfs version 7.2.0\n"), Some((7, 2)));
        assert!(version("mkfs.xfs version 6.9.1").unwrap() < OLDEST && version("mkfs.xfs version 6.17.0-rc1").unwrap() >= OLDEST);
        assert_eq!(version("mkfs.xfs"), None);
    }
}
