//! A raw disk as the files that virtual machines and clouds take, by qemu-img(1); what it makes up is replaced.

use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::ids::Ids;
use crate::compression::{Compression, Packer};
use crate::config::schema::images::DiskFormat;
use crate::images::{ImageError, blocking};
use crate::tools::{Command, Runner};

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

/// The content's id is random; a description in text, in the file's first sectors, has it.
fn settle_vmdk(file: &Path, ids: &Ids) -> std::io::Result<()> {
    let file = fs_err::OpenOptions::new().read(true).write(true).open(file)?;
    let mut start = vec![0; 64 << 10];
    let count = file.file().read_at(&mut start, 0)?;
    let (place, text) = settled_description(&start[..count], &ids.digits("vmdk", 8))
        .ok_or_else(|| std::io::Error::other("the VMDK has no description with a CID"))?;
    file.file().write_all_at(&text, place as u64)
}

/// A description from its CID on, with another one, and where that begins. The CID has up to eight digits, and zeros follow the text.
fn settled_description(start: &[u8], cid: &str) -> Option<(usize, Vec<u8>)> {
    let mark = b"\nCID=";
    let place = memchr::memmem::find(start, mark)? + mark.len();
    let text = &start[place..];
    let digits = text.iter().position(|byte| !byte.is_ascii_hexdigit())?;
    let end = text.iter().position(|byte| *byte == 0)?;
    let settled = [cid.as_bytes(), text.get(digits..end)?].concat();
    let is_free = text.get(end..settled.len().max(end))?.iter().all(|byte| *byte == 0);
    ((1..=cid.len()).contains(&digits) && is_free).then_some((place, settled))
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
        let settled = |cid: &str| {
            let start = [format!("KDMV\n# Disk\nCID={cid}\nparentCID=ffffffff\n").into_bytes(), vec![0; 16]].concat();
            let (place, text) = settled_description(&start, "01234567")?;
            Some(String::from_utf8([&start[..place], &text].concat()).unwrap())
        };
        let wanted = "KDMV\n# Disk\nCID=01234567\nparentCID=ffffffff\n";
        assert_eq!(settled("89abcdef").as_deref(), Some(wanted));
        assert_eq!(settled("9").as_deref(), Some(wanted));
        assert_eq!(settled(""), None);
        assert_eq!(settled_description(b"nothing", "01234567"), None);
    }
}
