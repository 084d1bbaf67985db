//! GRUB on a disk, as grub-install leaves it on a machine: modules, core images and a first menu in /boot/grub, and what the firmware
//! starts. With Debian's signed shim and GRUB in the root file system, Secure Boot starts it too.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::ids::Ids;
use super::partitions::{PartitionKind, Table};
use super::{BootFiles, DiskSpec, files};
use crate::config::schema::images::{DiskFilesystem, Firmware};
use crate::images::ImageError;
use crate::images::boot_loader::quote;
use crate::images::tree::{copy_out, put};
use crate::tools::{Command, Runner};

const SCRIPT: &str = include_str!("grub.sh");
/// In namespaces of its own.
const ENTER: &str = r#"exec chroot "$1" /bin/sh -s "$2" "$3" $4"#;

/// The signed programs that packages bring, and what they are called on the disk.
const SIGNED: [(&str, &str); 3] = [
    ("usr/lib/shim/shimx64.efi.signed", "EFI/BOOT/BOOTX64.EFI"),
    ("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "EFI/BOOT/grubx64.efi"),
    ("usr/lib/shim/mmx64.efi.signed", "EFI/BOOT/mmx64.efi"),
];
const CORE: &str = "boot/grub/i386-pc/core.img";
const START: &str = "boot/grub/i386-pc/boot.img";
const EFI_CORE: &str = "boot/grub/x86_64-efi/core.efi";

/// Where GRUB's first sector has the sector that it starts, as 64 bits, and what it does with the number of the drive.
/// The source of GRUB: include/grub/i386/pc/boot.h.
const KERNEL_SECTOR: usize = 0x5c;
const DRIVE_CHECK: usize = 0x66;
/// The part of the first sector that is code; behind it are the disk's partitions.
const CODE: usize = 440;
/// Where the core image's first sector says which one is next, as 64 bits.
const NEXT_SECTOR: usize = 512 - 12;

/// What comes before the entries of a menu: it is shown on the screen and on the serial line.
pub(super) const PREAMBLE: &str = "set default=0\nset timeout=1\nif serial --unit=0 --speed=115200; then\n  terminal_input console serial\n  \
                                   terminal_output console serial\nfi\n";

/// Puts it into the root file system, with a menu.
pub(super) async fn install(
    runner: &Runner,
    spec: &DiskSpec,
    ids: &Ids,
    menu: &str,
    tree: &Path,
    work: &Path,
) -> Result<BootFiles, ImageError> {
    let module = match spec.filesystem {
        DiskFilesystem::Ext4 => "ext2",
        DiskFilesystem::Btrfs => "btrfs",
        DiskFilesystem::Xfs => "xfs",
    };
    let platforms = [(Firmware::Bios, "i386-pc"), (Firmware::Uefi, "x86_64-efi")];
    let platforms: Vec<_> = platforms.into_iter().filter_map(|(firmware, name)| spec.has(firmware).then_some(name)).collect();
    let enter = Command::new("sh")
        .args(["-c", ENTER, "sh"])
        .arg(tree)
        .args([&ids.root(), module, &platforms.join(" ")])
        .input(SCRIPT)
        .contained();
    runner.run(&enter).await?;
    put(tree, "boot/grub/grub.cfg", menu)?;
    let out = work.join("boot-files");
    fs_err::create_dir(&out)?;
    let mut boot = BootFiles::default();
    if spec.has(Firmware::Bios) {
        let read = |path: &str, name: &str| {
            let copied = out.join(name);
            copy_out(tree, path, &copied)?;
            fs_err::read(copied)
        };
        boot.bios = Some((read(START, "boot.img")?, read(CORE, "core.img")?));
    }
    if spec.has(Firmware::Uefi) {
        // What is signed cannot read OSTree's menu.
        let signed: &[_] = if spec.deployment.is_some() { &[] } else { &SIGNED };
        boot.efi = efi_files(ids, signed, tree, &out)?;
    }
    Ok(boot)
}

/// The signed programs where all are there; otherwise the one that was made here.
fn efi_files(
    ids: &Ids,
    signed: &[(&str, &str)],
    tree: &Path,
    out: &Path,
) -> Result<Vec<(String, std::path::PathBuf)>, ImageError> {
    let mut files = Vec::new();
    for (from, to) in signed {
        let copied = out.join(to.rsplit('/').next().unwrap_or(to));
        match copy_out(tree, from, &copied) {
            Ok(()) => files.push(((*to).to_owned(), copied)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
            Err(error) => return Err(error.into()),
        }
    }
    if files.len() < SIGNED.len() {
        let core = out.join("core.efi");
        copy_out(tree, EFI_CORE, &core)?;
        return Ok(vec![("EFI/BOOT/BOOTX64.EFI".to_owned(), core)]);
    }
    let vendor = vendor_of(&fs_err::read(out.join("grubx64.efi"))?);
    let config = out.join("grub.cfg");
    let text = format!("search.fs_uuid {} root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n", ids.root());
    fs_err::write(&config, text)?;
    files.push((format!("EFI/{vendor}/grub.cfg"), config));
    Ok(files)
}

/// The folder in which a signed GRUB looks for its configuration: it is built in, as no other may be signed.
fn vendor_of(grub: &[u8]) -> String {
    let mark = b"/EFI/";
    let vendor = |place: usize| {
        let name = &grub[place + mark.len()..];
        let end = name.iter().position(|byte| !byte.is_ascii_lowercase())?;
        let is_one = end > 0 && name[end] == 0;
        is_one.then(|| String::from_utf8_lossy(&name[..end]).into_owned())
    };
    memchr::memmem::find_iter(grub, mark).find_map(vendor).unwrap_or_else(|| "debian".to_owned())
}

/// The menu until the machine writes its own.
pub(super) fn menu(spec: &DiskSpec, ids: &Ids, version: &str) -> String {
    let (root, arguments) = (ids.root(), files::kernel_arguments(spec));
    let entry = |suffix: &str, more: &str| {
        let title = quote(&format!("{}{suffix}", spec.title));
        format!(
            "menuentry {title} {{\n  linux /boot/vmlinuz-{version} root=UUID={root} ro {arguments}{more}\n  initrd /boot/initrd.img-{version}\n}}\n"
        )
    };
    format!("{PREAMBLE}search --no-floppy --fs-uuid --set=root {root}\n{}{}", entry("", ""), entry(" (recovery)", " single"))
}

/// Writes the code of the first sector, and the core image into its partition, each told where the next is.
pub(super) fn write_bios_code(table: &Table, code: &[u8], core: &[u8], disk: &Path) -> Result<(), ImageError> {
    let partition = table.of_kind(PartitionKind::Bios).expect("a disk for BIOS has its partition");
    let unusable = |what: &str| std::io::Error::other(format!("GRUB's {what} is not of the size that is expected"));
    if code.len() < CODE {
        return Err(unusable("boot.img").into());
    }
    if core.len() < 1024 || core.len() as u64 > partition.size {
        return Err(unusable("core.img").into());
    }
    let sector = partition.start / 512;
    let (mut code, mut core) = (code[..CODE].to_vec(), core.to_vec());
    code[KERNEL_SECTOR..KERNEL_SECTOR + 8].copy_from_slice(&sector.to_le_bytes());
    // Some firmware says that the drive is a floppy: two instructions that do nothing let GRUB correct it.
    code[DRIVE_CHECK..DRIVE_CHECK + 2].copy_from_slice(&[0x90, 0x90]);
    core[NEXT_SECTOR..NEXT_SECTOR + 8].copy_from_slice(&(sector + 1).to_le_bytes());
    let file = fs_err::OpenOptions::new().write(true).open(disk)?;
    file.file().write_all_at(&code, 0)?;
    file.file().write_all_at(&core, partition.start)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn each_part_of_grub_is_told_where_the_next_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("disk");
        fs_err::File::create(&disk).unwrap();
        let table = Table::new(None, true, None, DiskFilesystem::Ext4, 0).unwrap();
        write_bios_code(&table, &[1; 512], &vec![2; 30_000], &disk).unwrap();
        let written = fs_err::read(&disk).unwrap();
        assert_eq!(written[..KERNEL_SECTOR], [1; KERNEL_SECTOR]);
        assert_eq!(written[KERNEL_SECTOR..DRIVE_CHECK + 2], [0, 8, 0, 0, 0, 0, 0, 0, 1, 1, 0x90, 0x90]);
        assert_eq!(written[CODE - 1..=CODE], [1, 0], "the disk's own numbers follow");
        let core = &written[1 << 20..];
        assert_eq!(core[NEXT_SECTOR - 1..512], [2, 1, 8, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2]);
        assert!(write_bios_code(&table, &[1; 512], &vec![2; 2 << 20], &disk).is_err());
    }

    #[test]
    fn the_menu_quotes_its_title_and_names_the_root() {
        let ids = Ids::of("x", 0);
        let menu = menu(&example(), &ids, "6.12-amd64");
        assert!(menu.contains("menuentry 'Harbour'\\''s 13.1' {\n"), "{menu}");
        let line =
            format!("linux /boot/vmlinuz-6.12-amd64 root=UUID={} ro console=tty0 console=ttyS0,115200 quiet\n", ids.root());
        assert!(menu.contains(&line), "{menu}");
    }

    #[test]
    fn a_signed_grub_says_where_it_looks() {
        assert_eq!(vendor_of(b"x/EFI/BOOT\0/EFI/quay\0"), "quay");
        assert_eq!(vendor_of(b"nothing"), "debian");
    }
}
