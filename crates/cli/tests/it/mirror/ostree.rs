//! An OSTree commit of Debian, and a disk of it: started, and asked whether it is what a deployment should be.

use std::process::Command;
use std::time::Duration;

use charmer_testkit::boot::{Boot, Firmware};

use super::{DEBIAN, Workshop, only_file, run};

const BOOT_LIMIT: Duration = Duration::from_secs(900);

/// The password of root is `quay`.
const CONFIG: &str = r#"
[variants.Server]
arches = ["amd64"]
seeds = [
  "essential", "apt", "linux-image-cloud-amd64", "systemd-sysv", "dracut", "ostree-boot", "ostree", "udev", "login", "passwd",
  "cloud-guest-utils", "grub2-common", "grub-pc-bin", "grub-efi-amd64-bin",
]

[[images]]
variant = "Server"
kind = "disk"
ostree = "ostree"
ostree-url = "https://example.org/ostree/repo"
root-password = "$6$pier$xlOcAbwNvRsz70JwdpUg/hZlAxGBItemzcY/yliLNrLNHXONcjOu.w5u.37j3WhbJ06g7FUaGKgg5q83oJHH/1"

[[images]]
variant = "Server"
kind = "ostree"
packages = ["linux-image-cloud-amd64", "systemd-sysv", "udev", "login"]
"#;

/// What the started system is asked, and answers in this order if it is what it should be: a package database, a deployment that
/// knows its remote, an /etc and a /var of its own, a /usr that stays as it was shipped, and a root that has grown to 6 GiB.
const QUESTION: &str = "dpkg-query -W ostree-boot; ostree admin status; touch /etc/x /var/x && ! touch /usr/x && readlink /usr/local; df -h --output=size /var; echo all is we''ll";
const ANSWERS: [&str; 6] = [
    "ostree-boot\t",
    "origin refspec: harbour:harbour/13/amd64/server",
    "Read-only file system",
    "../var/usrlocal",
    "5.9G",
    "all is well",
];

pub(super) fn starts(workshop: &Workshop) {
    workshop.write_config("ostree.toml", &format!("{DEBIAN}{CONFIG}"));
    let compose = workshop.compose("ostree.toml", "ostree", &[], 0);
    let disk = only_file(&compose.path("Server/amd64/images"), "-disk.qcow2");
    let larger = workshop.path("larger.qcow2");
    let arguments = ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"];
    run(Command::new("qemu-img").args(arguments).arg(disk).arg(&larger).arg("6G"));
    let mut machine = Boot::start_disk(&larger, None, Firmware::Bios).unwrap();
    for (prompt, line) in [("harbour login:", "root"), ("Password:", "quay"), ("root@harbour:~#", QUESTION)] {
        machine.wait_for(prompt, BOOT_LIMIT).unwrap();
        machine.type_line(line).unwrap();
    }
    for answer in ANSWERS {
        machine.wait_for(answer, BOOT_LIMIT).unwrap();
    }
}
