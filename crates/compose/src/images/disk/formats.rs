//! A raw disk as the files that virtual machines and clouds take, by qemu-img(1); what it makes up is replaced.

use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::ids::Ids;
use crate::compression::{Compression, Packer};
use crate::config::schema::images::DiskFormat;
use crate::images::{ImageError, blocking};
use crate::tools::{Command, Runner};

/// Of a VMDK; qemu-img writes 10 KiB.
const MAX_DESCRIPTION: u64 = 1 << 20;
/// Seconds of a VHD's time are counted from the year 2000 on: Microsoft's "Virtual Hard Disk Image Format Specification".
const VHD_EPOCH: i64 = 946_684_800;

/// Writes a disk in a format.
pub(super) async fn write(
    runner: &Runner,
    format: DiskFormat,
    disk: &Path,
    ids: &Ids,
    epoch: i64,
    output: &Path,
) -> Result<(), ImageError> {
    let options: &[&str] = match format {
        DiskFormat::Raw => return copy_sparse(disk, output).await,
        DiskFormat::RawXz => return pack(disk, output).await,
        DiskFormat::Qcow2 => &["-c", "-O", "qcow2", "-o", "compression_type=zstd"],
        DiskFormat::Vmdk => &["-O", "vmdk", "-o", "subformat=streamOptimized,adapter_type=lsilogic"],
        DiskFormat::Vhd => &["-O", "vpc", "-o", "subformat=dynamic,force_size=on"],
    };
    let convert = Command::new("qemu-img").args(["convert", "-f", "raw"]).args(options).arg(disk).arg(output);
    runner.run(&convert).await?;
    let (ids, output) = (ids.clone(), output.to_owned());
    blocking(move || {
        match format {
            DiskFormat::Vmdk => settle_vmdk(&output, &ids)?,
            DiskFormat::Vhd => settle_vhd(&output, &ids, epoch)?,
            DiskFormat::Qcow2 | DiskFormat::Raw | DiskFormat::RawXz => {}
        }
        Ok(())
    })
    .await
}

/// Makes a raw disk of a file in another format, by the end of its name.
pub(super) async fn unpack(runner: &Runner, file: &Path, output: &Path) -> Result<(), ImageError> {
    let format = match file.extension().and_then(|end| end.to_str()) {
        Some("xz") => {
            let (file, output) = (file.to_owned(), output.to_owned());
            return blocking(move || Ok(unpack_xz(&file, &output)?)).await;
        }
        Some("qcow2") => "qcow2",
        Some("vmdk") => "vmdk",
        Some("vhd") => "vpc",
        _ => "raw",
    };
    runner.run(&Command::new("qemu-img").args(["convert", "-f", format, "-O", "raw"]).arg(file).arg(output)).await?;
    Ok(())
}

async fn copy_sparse(disk: &Path, output: &Path) -> Result<(), ImageError> {
    let (disk, output) = (disk.to_owned(), output.to_owned());
    blocking(move || {
        let size = fs_err::metadata(&disk)?.len();
        Ok(super::partitions::copy_part(&disk, (0, size), &output, 0)?)
    })
    .await
}

async fn pack(disk: &Path, output: &Path) -> Result<(), ImageError> {
    let (disk, output) = (disk.to_owned(), output.to_owned());
    blocking(move || {
        let mut packer = Packer::new(Compression::Xz, fs_err::File::create(output)?)?;
        std::io::copy(&mut fs_err::File::open(disk)?, &mut packer)?;
        packer.finish()?.sync_all()?;
        Ok(())
    })
    .await
}

fn unpack_xz(file: &Path, output: &Path) -> std::io::Result<()> {
    let mut reader = crate::compression::unpacking(Compression::Xz, std::io::BufReader::new(fs_err::File::open(file)?))?;
    let output = fs_err::File::create(output)?;
    let mut buffer = vec![0; 1 << 16];
    let mut place = 0;
    loop {
        let mut filled = 0;
        while filled < buffer.len() {
            match reader.read(&mut buffer[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        if filled == 0 {
            return output.file().set_len(place);
        }
        if buffer[..filled].iter().any(|byte| *byte != 0) {
            output.file().write_all_at(&buffer[..filled], place)?;
        }
        place += filled as u64;
    }
}

/// The content's id is random. A description in text has it, of which the header tells place and size in sectors ("Virtual Disk
/// Format 5.0", `SparseExtentHeader`).
fn settle_vmdk(file: &Path, ids: &Ids) -> std::io::Result<()> {
    let file = fs_err::OpenOptions::new().read(true).write(true).open(file)?;
    let mut header = [0; 44];
    file.file().read_exact_at(&mut header, 0)?;
    let sectors = |at: usize| header[at..at + 8].iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    let (place, size) = (sectors(28).saturating_mul(512), sectors(36).saturating_mul(512));
    let no_description = || std::io::Error::other("the VMDK has no description with a CID");
    if !header.starts_with(b"KDMV") || size > MAX_DESCRIPTION {
        return Err(no_description());
    }
    let mut description = vec![0; usize::try_from(size).unwrap_or_default()];
    file.file().read_exact_at(&mut description, place)?;
    let settled = settled_description(&description, &ids.digits("vmdk", 8)).ok_or_else(no_description)?;
    file.file().write_all_at(&settled, place)
}

/// A description with another CID. The CID has up to eight digits; where a longer one was there before, qemu-img leaves something of the
/// longer text behind the zero that ends it.
fn settled_description(description: &[u8], cid: &str) -> Option<Vec<u8>> {
    let text = description.split(|byte| *byte == 0).next()?;
    let (before, after) = std::str::from_utf8(text).ok()?.split_once("\nCID=")?;
    let digits = after.find(|character: char| !character.is_ascii_hexdigit())?;
    let mut settled = format!("{before}\nCID={cid}{}", &after[digits..]).into_bytes();
    if !(1..=cid.len()).contains(&digits) || settled.len() > description.len() {
        return None;
    }
    settled.resize(description.len(), 0);
    Some(settled)
}

/// Time, UUID and their checksum stand in the last sector and, the same, in the first.
fn settle_vhd(file: &Path, ids: &Ids, epoch: i64) -> std::io::Result<()> {
    let file = fs_err::OpenOptions::new().read(true).write(true).open(file)?;
    let last = file.metadata()?.len().saturating_sub(512);
    let mut footer = [0; 512];
    file.file().read_exact_at(&mut footer, last)?;
    if !footer.starts_with(b"conectix") {
        return Err(std::io::Error::other("the VHD has no footer"));
    }
    let time = u32::try_from(epoch - VHD_EPOCH).unwrap_or_default();
    footer[24..28].copy_from_slice(&time.to_be_bytes());
    let uuid = ids.uuid("vhd").replace('-', "");
    for (byte, digits) in footer[68..84].iter_mut().zip(uuid.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).unwrap_or_default(), 16).unwrap_or_default();
    }
    footer[64..68].fill(0);
    let sum: u32 = footer.iter().map(|byte| u32::from(*byte)).sum();
    footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
    file.file().write_all_at(&footer, last)?;
    file.file().write_all_at(&footer, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_gets_its_cid_also_where_there_was_a_shorter_one() {
        let wanted = "# Disk\nCID=01234567\nparentCID=ffffffff\n";
        let settled = |cid: &str, behind: &[u8]| {
            let mut description = [format!("# Disk\nCID={cid}\nparentCID=ffffffff\n").as_bytes(), behind].concat();
            description.resize(64, 0);
            settled_description(&description, "01234567")
        };
        let expected = [wanted.as_bytes(), &vec![0; 64 - wanted.len()]].concat();
        assert_eq!(settled("89abcdef", b""), Some(expected.clone()));
        assert_eq!(settled("9", b""), Some(expected.clone()));
        // What was written first had two digits more.
        assert_eq!(settled("9abcde", b"\0\n"), Some(expected));
        assert_eq!(settled("", b""), None);
        assert_eq!(settled_description(b"nothing", "01234567"), None);
        assert_eq!(settled_description(b"x\nCID=1\n", "01234567"), None, "there is no room");
    }
}
