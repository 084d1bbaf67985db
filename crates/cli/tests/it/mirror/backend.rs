//! Disks that other programs make of the composed repositories: mkosi of Debian 13, in a tree of its own, and kiwi of PyPI.

use std::path::Path;
use std::process::Command;

use super::{Compose, DEBIAN, PATH, Workshop, only_file, outcome, run};

/// What mkosi's own initrd wants is in the variant too.
const MKOSI: &str = r#"
[variants.Cloud]
arches = ["amd64"]
seeds = [
  "essential", "apt", "base-files", "linux-image-cloud-amd64", "systemd", "systemd-sysv", "systemd-boot", "systemd-boot-efi", "udev", "dbus",
  "login", "passwd", "bash", "less", "p11-kit", "lvm2", "kmod", "dmsetup", "libcryptsetup12", "btrfs-progs", "e2fsprogs", "erofs-utils",
  "dosfstools", "util-linux", "libfido2-1", "systemd-cryptsetup", "systemd-repart", "fping",
  "libtss2-esys-3.0.2-0t64", "libtss2-mu-4.0.1-0t64", "libtss2-rc0t64", "libtss2-tcti-device0t64",
]

[[images]]
variant = "Cloud"
kind = "disk"
backend = "mkosi"
configuration = "mkosi"
packages = ["fping"]
formats = ["qcow2"]
"#;

const MKOSI_CONF: &str = "
[Content]
Bootable=yes
Packages=linux-image-cloud-amd64,systemd,systemd-sysv,systemd-boot,udev,dbus,login,passwd,apt
KernelCommandLine=console=ttyS0,115200 systemd.firstboot=off
RootPassword=quay
Hostname=sealed
";

/// What runs a program where its own tree is the root, beside the folders of the machine that it needs.
const IN_TREE: &str = r#"#!/bin/sh
set -e
tree=@TREE@ workshop=@WORKSHOP@ place=$PWD
exec unshare --mount --propagation private sh -ec '
    tree=$1 workshop=$2 place=$3; shift 3
    mount --bind "$tree" "$tree"
    for folder in dev proc sys; do mount --rbind "/$folder" "$tree/$folder"; done
    mkdir -p "$tree$workshop" "$tree/old"
    mount --bind "$workshop" "$tree$workshop"
    cd "$tree"
    pivot_root . old
    umount -l old
    cd "$place" || cd /
    exec @PROGRAM@ "$@"
' sh "$tree" "$workshop" "$place" "$@"
"#;

/// Installs a package of another suite in a tree of its own. Gives a PATH with its programs before those of this machine.
pub(super) fn programs_of(workshop: &Workshop, suite: &str, package: &str, programs: &[&str]) -> String {
    let (tree, sources) = (workshop.path(&format!("{package}-tree")), workshop.path(&format!("{suite}.sources")));
    let text = format!(
        "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n",
        workshop.mirror
    );
    fs_err::write(&sources, text).unwrap();
    // What enters the tree leaves the machine's own behind by umount.
    let include = format!("--include={package},mount");
    // A mirror may stand still for longer than a suite that changes each day is valid.
    let options = ["--quiet", "--variant=apt", "--aptopt=Acquire::Check-Valid-Until \"false\"", &include, ""];
    run(Command::new("mmdebstrap").args(options).arg(&tree).arg(&sources));
    let bin = workshop.new_folder("bin");
    for program in programs {
        let text = IN_TREE.replace("@TREE@", tree.to_str().unwrap()).replace("@PROGRAM@", program);
        let text = text.replace("@WORKSHOP@", workshop.folder.path().to_str().unwrap());
        write_program(&bin.join(Path::new(program).file_name().unwrap()), &text);
    }
    format!("{}:{PATH}", bin.display())
}

pub(super) fn mkosi(workshop: &Workshop) {
    let path = programs_of(workshop, "trixie", "mkosi", &["/usr/bin/mkosi"]);
    fs_err::write(workshop.new_folder("mkosi").join("mkosi.conf"), MKOSI_CONF).unwrap();
    workshop.write_config("mkosi.toml", &format!("{DEBIAN}{MKOSI}"));

    let compose = workshop.compose_with("mkosi.toml", "mkosi-compose", &[], &path);
    assert!(in_disk(workshop, &compose, "/var/lib/dpkg/status").contains("\nPackage: fping\nStatus: install ok installed\n"));
    let sources = in_disk(workshop, &compose, "/etc/apt/sources.list.d/quay.sources");
    assert_eq!(sources.trim(), "# Where the system installs from is for its packages to say.");
}

const KIWI: &str = r#"
[variants.Cloud]
arches = ["amd64"]
seeds = [
  "essential", "apt", "linux-image-cloud-amd64", "systemd-sysv", "udev", "dracut", "login", "passwd", "fping", "xz-utils", "binutils",
  "grub2-common", "grub-pc-bin", "grub-efi-amd64-bin", "grub-efi-amd64-signed", "shim-signed", "ca-certificates",
]

[[images]]
variant = "Cloud"
kind = "disk"
backend = "kiwi"
configuration = "kiwi"
firmware = ["bios"]
packages = ["fping"]
formats = ["qcow2"]
"#;

/// Its repository is one that nobody has: it is replaced. kiwi mounts what it makes, and not every kernel has the file system of UEFI's
/// partition.
const KIWI_XML: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<image schemaversion="7.5" name="harbour">
  <description type="system">
    <author>Harbour</author>
    <contact>harbour@example.org</contact>
    <specification>A disk</specification>
  </description>
  <preferences>
    <version>13.1.0</version>
    <packagemanager>apt</packagemanager>
    <rpm-check-signatures>false</rpm-check-signatures>
    <type image="oem" filesystem="ext4" firmware="bios" kernelcmdline="console=ttyS0,115200">
      <oemconfig><oem-resize>false</oem-resize></oemconfig>
      <bootloader name="grub2" console="serial" timeout="1"/>
    </type>
  </preferences>
  <users>
    <user name="root" groups="root" home="/root" password="$6$pier$xlOcAbwNvRsz70JwdpUg/hZlAxGBItemzcY/yliLNrLNHXONcjOu.w5u.37j3WhbJ06g7FUaGKgg5q83oJHH/1"/>
  </users>
  <repository type="apt-deb" distribution="nowhere" components="main">
    <source path="https://nowhere.invalid/debian"/>
  </repository>
  <packages type="image">
    <package name="linux-image-cloud-amd64"/>
    <package name="systemd-sysv"/>
    <package name="udev"/>
    <package name="dracut"/>
    <package name="login"/>
    <package name="passwd"/>
    <package name="grub2-common"/>
    <package name="grub-pc-bin"/>
    <package name="grub-efi-amd64-bin"/>
    <package name="grub-efi-amd64-signed"/>
    <package name="shim-signed"/>
  </packages>
  <packages type="bootstrap">
    <package name="ca-certificates"/>
  </packages>
</image>
"#;

pub(super) fn kiwi(workshop: &Workshop) {
    let environment = workshop.path("kiwi-environment");
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment));
    let installed = outcome(Command::new(environment.join("bin/pip")).args(["install", "--quiet", "kiwi"]));
    if installed.0 != Some(0) {
        eprintln!("skipped: kiwi cannot be installed here: {}", installed.2);
        return;
    }
    fs_err::write(workshop.new_folder("kiwi").join("config.xml"), KIWI_XML).unwrap();
    workshop.write_config("kiwi.toml", &format!("{DEBIAN}{KIWI}"));
    let path = format!("{}:{PATH}", environment.join("bin").display());
    let compose = workshop.compose_with("kiwi.toml", "kiwi-compose", &[], &path);
    assert_eq!(loops_in(&compose.root), Vec::<String>::new());
    assert!(in_disk(workshop, &compose, "/var/lib/dpkg/status").contains("\nPackage: fping\nStatus: install ok installed\n"));
}

/// A file of the last partition of a compose's disk, which has ext4.
fn in_disk(workshop: &Workshop, compose: &Compose, path: &str) -> String {
    let (disk, raw) = (only_file(&compose.path("Cloud/amd64/images"), "-disk.qcow2"), workshop.path("disk.raw"));
    run(Command::new("qemu-img").args(["convert", "-O", "raw"]).arg(disk).arg(&raw));
    let table: serde_json::Value = serde_json::from_str(&run(Command::new("sfdisk").arg("--json").arg(&raw))).unwrap();
    let partitions = table["partitiontable"]["partitions"].as_array().unwrap();
    let place = format!("{}?offset={}", raw.display(), partitions.last().unwrap()["start"].as_u64().unwrap() * 512);
    run(Command::new("debugfs").arg("-R").arg(format!("cat {path}")).arg(place))
}

/// The loop devices of files in a folder.
fn loops_in(folder: &Path) -> Vec<String> {
    let listed = run(Command::new("losetup").args(["--list", "--noheadings", "--output", "BACK-FILE"]));
    listed.lines().filter(|file| Path::new(file.trim()).starts_with(folder)).map(str::to_owned).collect()
}

fn write_program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::write(path, text).unwrap();
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
