//! ISO media: a folder of files becomes a volume that BIOS and EFI start, with the checksums by which it can be checked.
//!
//! Must not know: what is on the medium, besides the boot loader.

use std::ffi::OsString;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};

use super::boot_loader::{self, BootLoader, ELTORITO};
use super::{ImageError, RequiredProgram, blocking, program};
use crate::tools::{Command, Runner};

pub(super) const PROGRAMS: &[RequiredProgram] = &[
    program("xorriso", "xorriso"),
    program("grub-mkimage", "grub-common"),
    program(boot_loader::BIOS_MODULES, "grub-pc-bin"),
    program(boot_loader::EFI_MODULES, "grub-efi-amd64-bin"),
    program("mformat", "mtools"),
    program("mmd", "mtools"),
    program("mcopy", "mtools"),
    program("implantisomd5", "isomd5sum"),
    program("checkisomd5", "isomd5sum"),
];

/// The list of checksums on the medium, which live-boot and debian-installer read.
pub const MD5SUMS: &str = "md5sum.txt";

/// Where the primary volume descriptor, which is the 17th block, has what it leaves to applications.
const APPLICATION_USE: u64 = 16 * 2048 + 883;

/// ISO 9660's limit for the name of a volume.
const VOLUME_ID_LIMIT: usize = 32;

/// A volume id of any text: upper-case letters, digits and `_`, at most 32, as every reader of ISO 9660 takes it.
pub fn volume_id(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    text.chars().map(plain).take(VOLUME_ID_LIMIT).collect()
}

/// A volume id that begins with another and ends so, at most 32 long.
pub fn volume_id_with_end(start: &str, end: &str) -> String {
    let kept: String = start.chars().take(VOLUME_ID_LIMIT.saturating_sub(end.len())).collect();
    volume_id(&(kept + end))
}

/// Writes a volume, which BIOS and EFI start where there is a boot loader. Its files may have other names elsewhere, so they keep their
/// times: that of all files in the volume is `epoch`. Afterwards the folder holds also the list of checksums.
pub(super) async fn write_iso(
    runner: &Runner,
    volume_id: &str,
    boot_loader: Option<&BootLoader>,
    epoch: i64,
    medium: &Path,
    output: &Path,
) -> Result<(), ImageError> {
    let folder = medium.to_owned();
    blocking(move || write_checksums(&folder)).await?;
    let command = Command::new("xorriso")
        .args(["-no_rc", "-as", "mkisofs", "-r", "-J", "-joliet-long", "-iso-level", "3", "-V", volume_id, "-o"])
        .arg(output)
        .args(boot_loader.map(boot_options).unwrap_or_default())
        .arg("--set_all_file_dates")
        .arg(format!("={epoch}"))
        .arg(medium)
        .env("SOURCE_DATE_EPOCH", epoch.to_string());
    runner.run(&command).await?;
    // It writes into the volume's header: nothing may have a digest of the volume before.
    runner.run(&Command::new("implantisomd5").arg(output)).await?;
    Ok(())
}

/// What makes a volume one that BIOS and EFI start, from a disc (El Torito) and from a stick (the MBR's start code and EFI system
/// partition; El Torito's image for EFI is that same partition).
fn boot_options(boot_loader: &BootLoader) -> Vec<OsString> {
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    [
        words(&["-c", "boot/boot.cat", "-b", ELTORITO]),
        words(&["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info", "--grub2-mbr"]),
        vec![boot_loader.mbr.clone().into_os_string()],
        words(&["-append_partition", "2", "0xef"]),
        vec![boot_loader.efi_partition.clone().into_os_string()],
        words(&["-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot"]),
    ]
    .concat()
}

/// The checksum that is implanted in a volume's header, in the part that ISO 9660 leaves to applications.
pub(super) fn implanted_md5(iso: &Path) -> std::io::Result<Option<String>> {
    let mut file = fs_err::File::open(iso)?;
    file.seek(SeekFrom::Start(APPLICATION_USE))?;
    let mut text = Vec::new();
    file.take(512).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let digits = text.split(';').find_map(|part| part.strip_prefix("ISO MD5SUM = "));
    Ok(digits.map(|digits| digits.trim().to_owned()))
}

fn write_checksums(medium: &Path) -> Result<(), ImageError> {
    let mut paths = Vec::new();
    collect_paths(medium, &mut paths)?;
    let mut lines = Vec::new();
    for path in paths.iter().filter(|path| path.is_file()) {
        let name = path.strip_prefix(medium).expect("it was found in the medium").to_string_lossy();
        // xorriso writes the boot image's table into it.
        if name != ELTORITO {
            lines.push(format!("{}  ./{name}\n", md5_of_file(path)?));
        }
    }
    Ok(fs_err::write(medium.join(MD5SUMS), lines.concat())?)
}

/// Everything below a folder, sorted.
fn collect_paths(folder: &Path, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let entries = fs_err::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_unstable();
    for path in entries {
        if path.is_dir() {
            collect_paths(&path, paths)?;
        }
        paths.push(path);
    }
    Ok(())
}

fn md5_of_file(path: &Path) -> std::io::Result<String> {
    let mut file = fs_err::File::open(path)?;
    let mut hasher = Md5::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            let digits: Vec<_> = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
            return Ok(digits.concat());
        }
        hasher.update(&buffer[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_id_is_made_of_any_text() {
        assert_eq!(volume_id_with_end(&"A".repeat(32), "_12"), "A".repeat(29) + "_12");
        assert_eq!(volume_id("Harbour Linux 13.1 amd64 with a very long name"), "HARBOUR_LINUX_13_1_AMD64_WITH_A_");
    }
}
