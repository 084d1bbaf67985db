//! Files that a root file system has because it lies on this disk.

use std::collections::BTreeMap;

use super::DiskSpec;
use super::ids::Ids;
use crate::config::schema::images::{BootLoader, DiskFilesystem, Firmware};
use crate::images::Overlay;

/// The screen and the serial line get the kernel's messages and a login; the last is where the system reports.
const CONSOLES: &str = "console=tty0 console=ttyS0,115200";

/// A system whose firmware has started it needs the partition for updates alone: it starts without, and waits for slow machines to find it.
const EFI_OPTIONS: &str = "umask=0077,nofail,x-systemd.device-timeout=10min";

/// The root partition grows before its file system does, which systemd sees to; a disk of the same size is left as it is.
const GROW: &str = "[Service]\nExecStartPre=-/bin/sh -c 'root=$$(findmnt -nvo SOURCE /) && growpart /dev/$$(lsblk -ndo PKNAME \"$$root\") \
                    $$(cat /sys/class/block/$${root##*/}/partition)'\n";

/// All of them, and the password of root.
pub(super) fn overlay(spec: &DiskSpec, ids: &Ids) -> Overlay {
    let mut files = BTreeMap::new();
    let mut add = |path: &str, text: String| drop(files.insert(path.to_owned(), text));
    add("etc/fstab", fstab(spec, ids));
    let grow = match spec.deployment {
        None => GROW.to_owned(),
        // The root is read-only there; /var lies in the same file system and is not.
        Some(_) => GROW.replace("SOURCE /)", "SOURCE /sysroot)") + "ExecStart=\nExecStart=/usr/lib/systemd/systemd-growfs /var\n",
    };
    add("etc/systemd/system/systemd-growfs-root.service.d/partition.conf", grow);
    if let Some(hostname) = &spec.hostname {
        add("etc/hostname", format!("{hostname}\n"));
        add("etc/hosts", format!("127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n::1\tlocalhost ip6-localhost\n"));
    }
    match spec.boot_loader {
        BootLoader::Grub if spec.deployment.is_some() => {}
        // For the menu that the machine writes when it gets a new kernel.
        BootLoader::Grub => add("etc/default/grub.d/50-disk.cfg", grub_defaults(spec)),
        BootLoader::SystemdBoot => {
            add("etc/kernel/entry-token", format!("{}\n", super::systemd_boot::TOKEN));
            add("etc/kernel/cmdline", format!("root=UUID={} ro {}\n", ids.root(), kernel_arguments(spec)));
        }
    }
    Overlay { files, root_password: spec.root_password.clone() }
}

/// What the kernel is started with, besides the root file system.
pub(super) fn kernel_arguments(spec: &DiskSpec) -> String {
    [&[CONSOLES.to_owned()], spec.boot_parameters.as_slice()].concat().join(" ")
}

fn fstab(spec: &DiskSpec, ids: &Ids) -> String {
    let (root, name) = (ids.root(), spec.filesystem.name());
    // Whoever has a second file system named here has it checked after the root; btrfs and XFS are not checked at all.
    let (options, pass) = match spec.filesystem {
        // What started it has checked it, and mounted it as it is to be.
        _ if spec.deployment.is_some() => ("defaults,x-systemd.growfs", 0),
        DiskFilesystem::Ext4 => ("errors=remount-ro,x-systemd.growfs", 1),
        DiskFilesystem::Btrfs | DiskFilesystem::Xfs => ("defaults,x-systemd.growfs", 0),
    };
    let root = format!("UUID={root} / {name} {options} 0 {pass}\n");
    let efi = spec.has(Firmware::Uefi).then(|| format!("UUID={} /boot/efi vfat {EFI_OPTIONS} 0 2\n", ids.fat_uuid()));
    root + &efi.unwrap_or_default()
}

fn grub_defaults(spec: &DiskSpec) -> String {
    let arguments = kernel_arguments(spec);
    format!(
        "GRUB_TIMEOUT=1\nGRUB_CMDLINE_LINUX_DEFAULT=\"\"\nGRUB_CMDLINE_LINUX=\"{arguments}\"\nGRUB_TERMINAL=\"console serial\"\n\
         GRUB_SERIAL_COMMAND=\"serial --unit=0 --speed=115200\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::super::example;
    use super::*;

    #[test]
    fn a_machine_finds_its_file_systems_and_writes_the_same_menu_again() {
        let (spec, ids) = (example(), Ids::of("x", 0));
        let files = overlay(&spec, &ids).files;
        let fstab = &files["etc/fstab"];
        assert!(fstab.starts_with(&format!("UUID={} / ext4 errors=remount-ro,x-systemd.growfs 0 1\n", ids.root())), "{fstab}");
        assert!(fstab.contains(&format!("UUID={} /boot/efi vfat ", ids.fat_uuid())), "{fstab}");
        let defaults = &files["etc/default/grub.d/50-disk.cfg"];
        assert!(defaults.contains("GRUB_CMDLINE_LINUX=\"console=tty0 console=ttyS0,115200 quiet\"\n"), "{defaults}");
        assert_eq!(files["etc/hostname"], "quay\n");
        assert!(GROW.contains("\"$$root\") $$(cat"), "{GROW}");
    }

    #[test]
    fn a_disk_for_bios_has_no_efi_partition_and_a_cloud_names_its_machines() {
        let spec = DiskSpec { firmware: vec![Firmware::Bios], hostname: None, cloud_init: true, ..example() };
        let files = overlay(&spec, &Ids::of("x", 0)).files;
        assert!(!files["etc/fstab"].contains("vfat") && !files.contains_key("etc/hostname"));
    }
}
