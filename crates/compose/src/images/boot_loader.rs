//! GRUB for media that boot by BIOS and EFI: its two core images, the EFI system partition, and the menu.
//!
//! Must not know: what the menu starts.

use std::path::{Path, PathBuf};

use super::ImageError;
use crate::tools::{Command, Runner};

pub(super) const BIOS_MODULES: &str = "/usr/lib/grub/i386-pc";
pub(super) const EFI_MODULES: &str = "/usr/lib/grub/x86_64-efi";
/// The start code of discs for BIOS, on the medium.
pub(super) const ELTORITO: &str = "boot/grub/i386-pc/eltorito.img";
const CONFIG: &str = "boot/grub/grub.cfg";

/// What both core images can do before they read the menu: nothing can be loaded later, as no modules are on the medium.
const MODULES: [&str; 13] = [
    "iso9660",
    "part_msdos",
    "part_gpt",
    "search",
    "search_fs_file",
    "normal",
    "configfile",
    "linux",
    "serial",
    "terminal",
    "test",
    "echo",
    "all_video",
];
const MIB: u64 = 1 << 20;

/// What xorriso needs of the boot loader besides the files on the medium.
#[derive(Debug)]
pub(super) struct BootLoader {
    /// The start code for media that are disks.
    pub(super) mbr: PathBuf,
    /// The EFI system partition, which lies behind the volume.
    pub(super) efi_partition: PathBuf,
}

/// The programs of packages by which firmware that asks for signatures starts a medium: shim, and GRUB for media (`gcdx64.efi`), which
/// reads the same menu.
#[derive(Debug)]
pub(super) struct SignedLoader {
    pub(super) shim: PathBuf,
    pub(super) grub: PathBuf,
}

/// What a menu is put on a medium for.
#[derive(Debug)]
pub(super) struct Start<'a> {
    pub(super) menu: &'a str,
    /// A path that only this medium has; GRUB finds it by that, among all disks.
    pub(super) mark: &'a str,
    /// Without it EFI starts a GRUB that nobody signed.
    pub(super) signed: Option<&'a SignedLoader>,
    /// Seconds since 1970.
    pub(super) epoch: i64,
}

/// Puts GRUB and its menu on a medium.
pub(super) async fn install(runner: &Runner, start: &Start<'_>, medium: &Path, work: &Path) -> Result<BootLoader, ImageError> {
    let Start { menu, mark, signed, epoch } = *start;
    let early = work.join("early.cfg");
    fs_err::write(
        &early,
        format!("search --no-floppy --set=root --file /{mark}\nset prefix=($root)/boot/grub\nconfigfile /{CONFIG}\n"),
    )?;
    fs_err::create_dir_all(medium.join("boot/grub/i386-pc"))?;
    fs_err::write(medium.join(CONFIG), config(menu))?;

    let bios = work.join("core.img");
    runner.run(&make_core("i386-pc", &["biosdisk"], &early, &bios)).await?;
    let mut eltorito = fs_err::read(Path::new(BIOS_MODULES).join("cdboot.img"))?;
    eltorito.extend(fs_err::read(&bios)?);
    fs_err::write(medium.join(ELTORITO), eltorito)?;

    let efi_partition = work.join("efi.img");
    if let Some(SignedLoader { shim, grub }) = signed {
        make_efi_partition(runner, &[("BOOTX64.EFI", shim), ("grubx64.efi", grub)], epoch, &efi_partition).await?;
    } else {
        let efi = work.join("BOOTX64.EFI");
        runner.run(&make_core("x86_64-efi", &["fat", "efi_gop"], &early, &efi)).await?;
        make_efi_partition(runner, &[("BOOTX64.EFI", &efi)], epoch, &efi_partition).await?;
    }
    Ok(BootLoader { mbr: Path::new(BIOS_MODULES).join("boot_hybrid.img"), efi_partition })
}

fn make_core(platform: &str, modules: &[&str], early: &Path, output: &Path) -> Command {
    Command::new("grub-mkimage")
        .args(["-O", platform, "-p", "/boot/grub", "-c"])
        .arg(early)
        .arg("-o")
        .arg(output)
        .args(modules)
        .args(MODULES)
}

/// A FAT file system with the program that EFI firmware looks for on removable media, and what that starts.
async fn make_efi_partition(runner: &Runner, programs: &[(&str, &PathBuf)], epoch: i64, image: &Path) -> Result<(), ImageError> {
    let sizes: std::io::Result<Vec<u64>> = programs.iter().map(|(_, program)| Ok(fs_err::metadata(program)?.len())).collect();
    let needed = sizes?.into_iter().sum::<u64>() + MIB;
    fs_err::File::create(image)?.file().set_len(needed.next_multiple_of(MIB).max(4 * MIB))?;
    let date = epoch.to_string();
    let mtools = |name: &str| Command::new(name).arg("-i").arg(image).env("SOURCE_DATE_EPOCH", &date);
    // A fixed serial number: the default is the time.
    runner.run(&mtools("mformat").args(["-N", "12345678", "-v", "EFI", "::"])).await?;
    runner.run(&mtools("mmd").args(["::/EFI", "::/EFI/BOOT"])).await?;
    for (name, program) in programs {
        runner.run(&mtools("mcopy").arg(program).arg(format!("::/EFI/BOOT/{name}"))).await?;
    }
    Ok(())
}

/// The menu on the screen and, where there is one, on the first serial line.
fn config(menu: &str) -> String {
    let consoles =
        "if serial --unit=0 --speed=115200; then\n  terminal_input console serial\n  terminal_output console serial\nfi\n";
    format!("set default=0\nset timeout=3\n{consoles}{menu}")
}

/// A word of GRUB's configuration, quoted.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
