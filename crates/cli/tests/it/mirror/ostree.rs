//! An OSTree commit of Debian, deployed as its users deploy it, and started.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use charmer_testkit::boot::Boot;

use super::{Compose, DEBIAN, Workshop, run};

const BOOT_LIMIT: Duration = Duration::from_secs(600);
const BRANCH: &str = "harbour/13/amd64/server";

const CONFIG: &str = r#"
[variants.Server]
arches = ["amd64"]
seeds = ["essential", "apt", "linux-image-cloud-amd64", "systemd-sysv", "dracut", "ostree-boot", "ostree", "udev"]

[[images]]
variant = "Server"
kind = "ostree"
packages = ["linux-image-cloud-amd64", "systemd-sysv", "ostree", "udev"]
"#;

/// What the started system is asked, and answers in this order if it is what it should be: a package database, a deployment, an /etc
/// and a /var of its own, and a /usr that stays as it was shipped.
const QUESTION: &str = "dpkg-query -W ostree-boot; ostree admin status; touch /etc/x /var/x && ! touch /usr/x && readlink /usr/local && echo all is well";
const ANSWERS: [&str; 4] = ["ostree-boot\t", "harbour/13/amd64/server", "../var/usrlocal", "all is well"];

pub(super) fn starts(workshop: &Workshop) {
    workshop.write_config("ostree.toml", &format!("{DEBIAN}{CONFIG}"));
    let compose = workshop.compose("ostree.toml", "ostree", &[], 0);
    let sysroot = Sysroot(workshop.new_folder("sysroot"));
    deploy(&sysroot.0, &compose);
    let sysroot = &sysroot.0;
    let options = fs_err::read_to_string(only(&sysroot.join("boot/loader/entries"), "")).unwrap();
    let options = options.lines().find_map(|line| line.strip_prefix("options ")).unwrap().to_owned();
    let boot = only(&sysroot.join("boot/ostree"), "");
    let disk = workshop.path("disk.img");
    run(Command::new("truncate").args(["-s", "1500M"]).arg(&disk));
    run(Command::new("mkfs.ext4").args(["-q", "-d"]).arg(sysroot).arg(&disk));
    let command_line = format!("{options} systemd.run=\"/bin/sh -c '{QUESTION}'\"");
    let mut machine = Boot::start_kernel(&only(&boot, "vmlinuz"), &only(&boot, "initramfs"), &command_line, &disk).unwrap();
    // The kernel shows its command line, in which some of the answers' words are too.
    machine.wait_for("Finished ", BOOT_LIMIT).unwrap();
    machine.wait_for("kernel-command-line.serv", BOOT_LIMIT).unwrap();
    for answer in ANSWERS {
        machine.wait_for(answer, BOOT_LIMIT).unwrap();
    }
}

/// A folder that is the root of a disk.
struct Sysroot(PathBuf);

impl Drop for Sysroot {
    /// A deployment cannot be removed before it may be changed.
    fn drop(&mut self) {
        let script = "chattr -i \"$1\"/ostree/deploy/*/deploy/*.0";
        let _ = Command::new("sh").args(["-c", script, "sh"]).arg(&self.0).status();
    }
}

/// Deploys the commit below a folder.
fn deploy(sysroot: &Path, compose: &Compose) {
    let (root, repository) =
        (format!("--sysroot={}", sysroot.display()), format!("--repo={}", sysroot.join("ostree/repo").display()));
    let ostree = |words: &[&str]| run(Command::new("ostree").args(words));
    ostree(&["admin", "init-fs", "--modern", sysroot.to_str().unwrap()]);
    ostree(&["admin", "os-init", &root, "harbour"]);
    ostree(&["config", &repository, "set", "sysroot.bootloader", "none"]);
    ostree(&["pull-local", &repository, compose.path("ostree/repo").to_str().unwrap(), BRANCH]);
    let arguments = ["--karg=root=/dev/vda", "--karg=rw", "--karg=console=ttyS0"];
    ostree(&[&["admin", "deploy", &root, "--os=harbour"][..], &arguments, &[BRANCH]].concat());
}

/// The one entry of a folder whose name begins so.
fn only(folder: &Path, beginning: &str) -> PathBuf {
    let mut paths = fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(beginning);
    paths.find(is_it).unwrap_or_else(|| panic!("{} has no {beginning}", folder.display()))
}
