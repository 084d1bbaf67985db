//! A container for another arch than the machine's: installed by programs of that arch, which QEMU runs where the kernel is told so.

use std::process::Command;
use std::time::Duration;

use charmer_testkit::boot::Boot;

use super::{DEBIAN, Workshop, only_file, outcome, run};

const CONFIG: &str = r#"
[variants.Base]
arches = ["arm64"]
seeds = ["essential", "apt", "ca-certificates"]

[[images]]
variant = "Base"
kind = "container"
packages = ["ca-certificates"]
"#;

/// ELF's number for the processor of arm64, where a program's header has it.
const AARCH64: [u8; 2] = [0xb7, 0];

fn runs_its_programs() -> bool {
    let runs = outcome(Command::new("arch-test").arg("arm64")).0 == Some(0);
    if !runs {
        eprintln!("skipped: this machine runs no programs for arm64; docs/guides/root-file-systems.md says what to install");
    }
    runs
}

pub(super) fn is_made(workshop: &Workshop) {
    if !runs_its_programs() {
        return;
    }
    workshop.write_config("foreign.toml", &format!("{DEBIAN}{CONFIG}"));
    let compose = workshop.compose("foreign.toml", "foreign", &[], 0);
    let archive = only_file(&compose.path("Base/arm64/images"), ".oci.tar");
    let image = format!("oci-archive:{}", archive.display());
    assert_eq!(run(Command::new("skopeo").args(["inspect", "--format", "{{.Architecture}}", &image])).trim(), "arm64");

    let folder = workshop.new_folder("foreign-files");
    run(Command::new("skopeo").args(["copy", "--quiet", &image]).arg(format!("dir:{}", folder.display())));
    let manifest: serde_json::Value = serde_json::from_slice(&fs_err::read(folder.join("manifest.json")).unwrap()).unwrap();
    let layer = manifest["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    run(Command::new("tar")
        .arg("-xf")
        .arg(folder.join(layer))
        .arg("-C")
        .arg(&folder)
        .args(["usr/bin/true", "var/lib/dpkg/status"]));
    assert_eq!(fs_err::read(folder.join("usr/bin/true")).unwrap()[18..20], AARCH64);
    // Its package was configured: by a program for arm64.
    let status = fs_err::read_to_string(folder.join("var/lib/dpkg/status")).unwrap();
    assert!(status.contains("Package: ca-certificates\nStatus: install ok installed\n"), "{status}");
}

const BOOTABLE: &str = r#"
[variants.Server]
arches = ["arm64"]
seeds = ["essential", "apt", "linux-image-cloud-arm64", "systemd-sysv", "udev", "initramfs-tools", "login"]

[[images]]
variant = "Server"
kind = "tar"
packages = ["linux-image-cloud-arm64", "systemd-sysv", "udev", "initramfs-tools", "login"]
"#;

const BOOT_LIMIT: Duration = Duration::from_secs(900);

/// A whole system, with the initramfs that its programs made here, in a machine of its arch.
pub(super) fn starts(workshop: &Workshop) {
    if !runs_its_programs() {
        return;
    }
    workshop.write_config("foreign.toml", &format!("{DEBIAN}{BOOTABLE}"));
    let compose = workshop.compose("foreign.toml", "foreign", &[], 0);
    let archive = only_file(&compose.path("Server/arm64/images"), ".tar.xz");
    let (tree, root) = (workshop.new_folder("foreign-tree"), workshop.path("foreign.img"));
    run(Command::new("tar").arg("-xpf").arg(archive).arg("-C").arg(&tree));
    run(Command::new("mkfs.ext4").args(["-q", "-d"]).arg(&tree).arg(&root).arg("3G"));
    let boot = |start: &str| {
        let mut files = fs_err::read_dir(tree.join("boot")).unwrap().map(|entry| entry.unwrap().path());
        files.find(|file| file.file_name().unwrap().to_string_lossy().starts_with(start)).unwrap()
    };
    let mut machine = Boot::start_arm64(&boot("vmlinuz-"), &boot("initrd.img-"), &root).unwrap();
    machine.wait_for(" login:", BOOT_LIMIT).unwrap();
}
