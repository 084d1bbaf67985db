//! systemd-boot on a disk, as bootctl and kernel-install leave it on a machine: kernel and initrd lie in the EFI system partition.
//! The layout: the UAPI group's Boot Loader Specification, type 1.

use std::path::Path;

use super::ids::Ids;
use super::{BootFiles, DiskSpec, files};
use crate::images::ImageError;
use crate::images::kernel::Kernel;
use crate::images::tree::copy_out;

/// What kernel-install calls this system's entries.
pub(super) const TOKEN: &str = "linux";
const PROGRAM: &str = "usr/lib/systemd/boot/efi/systemd-bootx64.efi";

pub(super) fn install(spec: &DiskSpec, ids: &Ids, kernel: &Kernel, tree: &Path, work: &Path) -> Result<BootFiles, ImageError> {
    let out = work.join("boot-files");
    fs_err::create_dir(&out)?;
    let text = |name: &str, text: String| -> Result<_, ImageError> {
        fs_err::write(out.join(name), text)?;
        Ok(out.join(name))
    };
    let program = out.join("systemd-boot.efi");
    copy_out(tree, PROGRAM, &program)?;
    let version = &kernel.version;
    let entry = format!(
        "title      {}\nversion    {version}\noptions    root=UUID={} ro {}\nlinux      /{TOKEN}/{version}/linux\ninitrd     /{TOKEN}/{version}/initrd.img\n",
        spec.title,
        ids.root(),
        files::kernel_arguments(spec)
    );
    let efi = vec![
        ("EFI/BOOT/BOOTX64.EFI".to_owned(), program.clone()),
        ("EFI/systemd/systemd-bootx64.efi".to_owned(), program),
        ("loader/loader.conf".to_owned(), text("loader.conf", "timeout 1\n".to_owned())?),
        // What tells bootctl and kernel-install that entries of type 1 belong here.
        ("loader/entries.srel".to_owned(), text("entries.srel", "type1\n".to_owned())?),
        (format!("loader/entries/{TOKEN}-{version}.conf"), text("entry.conf", entry)?),
        (format!("{TOKEN}/{version}/linux"), kernel.image.clone()),
        (format!("{TOKEN}/{version}/initrd.img"), kernel.initrd()?),
    ];
    Ok(BootFiles { bios: None, efi })
}
