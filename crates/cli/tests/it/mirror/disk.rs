//! Disks of Debian as clouds and machines have them: they start, grow, do what a cloud tells them, and pass Secure Boot.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use charmer_testkit::boot::{Boot, Firmware};

use super::{Compose, DEBIAN, Workshop, backend, only_file, run};

const BOOT_LIMIT: Duration = Duration::from_secs(900);

const CONFIG: &str = r#"
[variants.Cloud]
arches = ["amd64"]
seeds = [
  "essential", "apt", "linux-image-cloud-amd64", "systemd-sysv", "udev", "initramfs-tools", "login", "passwd",
  "cloud-init", "cloud-guest-utils", "grub2-common", "grub-pc-bin", "grub-efi-amd64-bin", "grub-efi-amd64-signed", "shim-signed",
]

[[images]]
variant = "Cloud"
kind = "disk"
cloud-init = true
boot-test = { firmware = ["secure-boot"] }
packages = [
  "linux-image-cloud-amd64", "systemd-sysv", "udev", "initramfs-tools", "login", "grub-efi-amd64-signed", "shim-signed",
]
"#;

/// The password of root is `quay`.
const SMALL: &str = r#"
[variants.Cloud]
arches = ["amd64"]
seeds = [
  "essential", "apt", "linux-image-cloud-amd64", "systemd-sysv", "udev", "initramfs-tools", "login", "passwd",
  "cloud-guest-utils", "systemd-boot", "systemd-boot-efi", "btrfs-progs",
]

[[images]]
variant = "Cloud"
kind = "disk"
name = "small"
boot-loader = "systemd-boot"
filesystem = "btrfs"
root-password = "$6$pier$xlOcAbwNvRsz70JwdpUg/hZlAxGBItemzcY/yliLNrLNHXONcjOu.w5u.37j3WhbJ06g7FUaGKgg5q83oJHH/1"
packages = ["linux-image-cloud-amd64", "systemd-sysv", "udev", "initramfs-tools", "login", "passwd"]
"#;

/// What the cloud tells its new machine; the answer is on the console, and is not in what was told.
const USER_DATA: &str = "#cloud-config\nhostname: buoy\nruncmd:\n  - [sh, -c, 'echo \"my name is $(hostname), root has $(df -m --output=size / | tail -1) MiB\" >/dev/console']\n";

pub(super) fn start(workshop: &Workshop) {
    workshop.write_config("disk.toml", &format!("{DEBIAN}{CONFIG}"));
    let compose = workshop.compose("disk.toml", "disk", &[], 0);
    passed_secure_boot(&compose);
    grows_and_asks_its_cloud(workshop, &compose);
}

fn disk(compose: &Compose, name: &str) -> PathBuf {
    only_file(&compose.path("Cloud/amd64/images"), &format!("-{name}.qcow2"))
}

/// By BIOS, on a disk of 8 GiB, beside one with a NoCloud seed.
fn grows_and_asks_its_cloud(workshop: &Workshop, compose: &Compose) {
    let larger = workshop.path("larger.qcow2");
    let arguments = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"];
    run(Command::new("qemu-img").args(arguments).arg(disk(compose, "disk")).arg(&larger).arg("8G"));
    let mut machine = Boot::start_disk(&larger, Some(&seed(workshop)), Firmware::Bios).unwrap();
    machine.wait_for("my name is buoy, root has ", BOOT_LIMIT).unwrap();
    let size = machine.wait_for_line(BOOT_LIMIT).unwrap();
    let mebibytes: u64 = size.split_whitespace().next().unwrap().parse().unwrap_or_else(|_| panic!("no size: {size}"));
    assert!((7000..8192).contains(&mebibytes), "{size}");
}

/// A disk that cloud-init's data source NoCloud takes: by the label of its file system.
fn seed(workshop: &Workshop) -> PathBuf {
    let (folder, seed) = (workshop.new_folder("seed"), workshop.path("seed.iso"));
    fs_err::write(folder.join("meta-data"), "instance-id: buoy-1\n").unwrap();
    fs_err::write(folder.join("user-data"), USER_DATA).unwrap();
    run(Command::new("xorriso").args(["-as", "mkisofs", "-quiet", "-J", "-r", "-V", "cidata", "-o"]).arg(&seed).arg(folder));
    seed
}

/// The firmware started Debian's shim, shim GRUB, and GRUB a kernel, each by its signature, before the disk was shipped.
fn passed_secure_boot(compose: &Compose) {
    let images: serde_json::Value = serde_json::from_str(&compose.read("metadata/images.json")).unwrap();
    let disks = images["payload"]["images"]["Cloud"]["amd64"].as_array().unwrap();
    let tested = disks.iter().find_map(|disk| disk.get("boot_tests")).expect("one of them was started");
    let read = |what: &str| fs_err::read(compose.root.join(tested[0][what].as_str().unwrap())).unwrap();
    let console = String::from_utf8_lossy(&read("console")).into_owned();
    assert!(console.contains("Secure boot enabled"), "{console}");
    assert!(read("screenshot").starts_with(b"\x89PNG"));
}

pub(super) fn starts_by_systemd_boot(workshop: &Workshop) {
    workshop.write_config("small.toml", &format!("{DEBIAN}{SMALL}"));
    let compose = workshop.compose("small.toml", "small", &[], 0);
    let mut machine = Boot::start_disk(&disk(&compose, "small"), None, Firmware::Uefi).unwrap();
    machine.wait_for("harbour login:", BOOT_LIMIT).unwrap();
    machine.type_line("root").unwrap();
    machine.wait_for("Password:", BOOT_LIMIT).unwrap();
    machine.type_line("quay").unwrap();
    machine.wait_for("root@harbour:~#", BOOT_LIMIT).unwrap();
    machine
        .type_line("until findmnt /boot/efi; do sleep 1; done; findmnt -no FSTYPE /; findmnt -no FSTYPE /boot/efi; bootctl list | grep source: && echo i''t works")
        .unwrap();
    for answer in ["btrfs", "vfat", "loader/entries/linux-"] {
        machine.wait_for(answer, BOOT_LIMIT).unwrap();
    }
    machine.wait_for("it works", BOOT_LIMIT).unwrap();
}

const XFS: &str = r#"
[variants.Cloud]
arches = ["amd64"]
seeds = [
  "essential", "apt", "linux-image-cloud-amd64", "systemd-sysv", "udev", "initramfs-tools", "login", "passwd",
  "cloud-guest-utils", "grub2-common", "grub-pc-bin", "grub-efi-amd64-bin", "xfsprogs",
]

[[images]]
variant = "Cloud"
kind = "disk"
filesystem = "xfs"
root-password = "$6$pier$xlOcAbwNvRsz70JwdpUg/hZlAxGBItemzcY/yliLNrLNHXONcjOu.w5u.37j3WhbJ06g7FUaGKgg5q83oJHH/1"
packages = ["linux-image-cloud-amd64", "systemd-sysv", "udev", "initramfs-tools", "login", "passwd"]
"#;

/// perl has two names.
const XFS_QUESTION: &str = "findmnt -no FSTYPE /; df -h --output=size /; echo hard links: $(stat -c %h /usr/bin/perl); touch /var/x && echo all is we''ll";

/// By GRUB, which reads it too; then it grows to 6 GiB, and has what a list of files would have lost.
pub(super) fn starts_with_xfs(workshop: &Workshop) {
    workshop.write_config("xfs.toml", &format!("{DEBIAN}{XFS}"));
    let path =
        backend::programs_of(workshop, "forky", "xfsprogs", &["/usr/sbin/mkfs.xfs", "/usr/sbin/xfs_db", "/usr/sbin/xfs_repair"]);
    let compose = workshop.compose_with("xfs.toml", "xfs", &[], &path);
    let larger = workshop.path("larger.qcow2");
    let arguments = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"];
    run(Command::new("qemu-img").args(arguments).arg(disk(&compose, "disk")).arg(&larger).arg("6G"));
    let mut machine = Boot::start_disk(&larger, None, Firmware::Bios).unwrap();
    for (prompt, line) in [("harbour login:", "root"), ("Password:", "quay"), ("root@harbour:~#", XFS_QUESTION)] {
        machine.wait_for(prompt, BOOT_LIMIT).unwrap();
        machine.type_line(line).unwrap();
    }
    for answer in ["xfs", "5.9G", "hard links: 2", "all is well"] {
        machine.wait_for(answer, BOOT_LIMIT).unwrap();
    }
}
