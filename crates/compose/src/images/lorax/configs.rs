//! Configurations of boot loaders: made to look for the tree's own volume, and to start the installer with a kickstart.
//!
//! The EFI boot loader has its own copy in a FAT image. It is replaced there by mtools, which write into the image as it is:
//! mounting one takes root, and guestmount, which Pungi uses, starts a virtual machine for each file.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use regex::{Captures, Regex};

use super::LoraxError;
use crate::files::write_whole;
use crate::tools::{Command, Runner};

/// Where boot loaders have their configurations.
const CONFIGS: [&str; 5] =
    ["isolinux/isolinux.cfg", "etc/yaboot.conf", "ppc/ppc64/yaboot.conf", "EFI/BOOT/BOOTX64.conf", "EFI/BOOT/grub.cfg"];
const EFI_IMAGE: &str = "images/efiboot.img";

/// Fits all configurations of a tree, and the copies in its EFI image.
pub(super) async fn fit_configs(runner: &Runner, tree: &Path, volume_id: &str, has_kickstart: bool) -> Result<(), LoraxError> {
    let mut changed = Vec::new();
    for path in CONFIGS {
        let file = tree.join(path);
        let Some(bytes) = read_if_there(&file)? else { continue };
        // They are text for people, but what is no UTF-8 must come through as it is.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let fitted = fitted(&text, volume_id, has_kickstart, path.ends_with("yaboot.conf"));
        if fitted != text {
            let mode = fs_err::metadata(&file)?.permissions();
            write_whole(&file, fitted.as_bytes())?;
            fs_err::set_permissions(&file, mode)?;
            changed.push(path);
        }
    }
    let image = tree.join(EFI_IMAGE);
    if image.is_file() {
        for path in changed.into_iter().filter(|path| path.starts_with("EFI/")) {
            replace_in_image(runner, &image, &tree.join(path), path).await?;
        }
    }
    Ok(())
}

/// Replaces a file of a FAT image, if the image has it.
async fn replace_in_image(runner: &Runner, image: &Path, file: &Path, path: &str) -> Result<(), LoraxError> {
    let place = format!("::/{path}");
    // mdir ends with 1 where there is no such file.
    let listing = Command::new("mdir").arg("-i").arg(image).args(["-b", &place]).success(&[0, 1]);
    if runner.run(&listing).await?.status == 0 {
        let copy = Command::new("mcopy").args(["-o", "-m", "-i"]).arg(image).arg(file).arg(&place);
        runner.run(&copy).await?;
    }
    Ok(())
}

/// A configuration that names this volume and, if there is one, the kickstart on it.
fn fitted(text: &str, volume_id: &str, has_kickstart: bool, is_yaboot: bool) -> String {
    // A kernel's command line cannot have blanks in a word; yaboot takes away one backslash itself.
    let escaped = volume_id.replace(' ', if is_yaboot { r"\\x20" } else { r"\x20" });
    let kickstart = if has_kickstart { format!(" inst.ks=hd:LABEL={escaped}:/ks.cfg") } else { String::new() };
    let labels = Regex::new(r":(CDLABEL|LABEL)=[^ \n]*").expect("it is a regular expression");
    let text = labels.replace_all(text, |found: &Captures<'_>| format!(":{}={escaped}{kickstart}", &found[1]));
    let searches = Regex::new(r"(search .* -l) '[^'\n]*'").expect("it is a regular expression");
    searches.replace_all(&text, |found: &Captures<'_>| format!("{} '{volume_id}'", &found[1])).into_owned()
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs_err::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// lorax runs as root and leaves files that a web server could not read.
pub(super) fn make_readable(file: &Path) -> io::Result<()> {
    let mode = fs_err::metadata(file)?.permissions().mode();
    let executable = if mode & 0o111 == 0 { 0 } else { 0o111 };
    fs_err::set_permissions(file, PermissionsExt::from_mode(mode | 0o444 | executable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_searches_name_the_volume() {
        let isolinux = "append initrd=initrd.img inst.stage2=hd:LABEL=old\\x20id quiet\n";
        let expected = "append initrd=initrd.img inst.stage2=hd:LABEL=H\\x201 quiet\n";
        assert_eq!(fitted(isolinux, "H 1", false, false), expected);
        let with_kickstart = "append initrd=initrd.img inst.stage2=hd:LABEL=H\\x201 inst.ks=hd:LABEL=H\\x201:/ks.cfg quiet\n";
        assert_eq!(fitted(isolinux, "H 1", true, false), with_kickstart);
        assert_eq!(fitted("root=live:CDLABEL=x\n", "H 1", false, true), "root=live:CDLABEL=H\\\\x201\n");
        let grub = "search --no-floppy --set=root -l 'old id'\nsearch -f '/x'\n";
        assert_eq!(fitted(grub, "H 1", true, false), "search --no-floppy --set=root -l 'H 1'\nsearch -f '/x'\n");
        assert_eq!(fitted("nothing\n", "H$1", true, false), "nothing\n");
    }
}
