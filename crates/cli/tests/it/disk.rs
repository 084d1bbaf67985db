//! Disks as virtual machines have them: read by qemu-img, sfdisk, e2fsprogs, btrfs-progs and mtools.

use std::path::Path;

use super::harbour::{Compose, Harbour, output_of};

const FORMATS: [(&str, &str); 5] = [("raw", "raw"), ("raw.xz", "raw"), ("qcow2", "qcow2"), ("vmdk", "vmdk"), ("vhd", "vpc")];

const ALL_FORMATS: &str = "formats = [\"raw\", \"raw-xz\", \"qcow2\", \"vmdk\", \"vhd\"]\nsize = \"240 MiB\"\n\
                           boot-parameters = [\"quiet\"]\nhostname = \"pier\"\n";

fn disk_of(compose: &Compose, name: &str, extension: &str) -> String {
    let file = format!("{}-Base-amd64-{name}.{extension}", compose.id());
    compose.path("compose/Base/amd64/images").join(file).to_str().unwrap().to_owned()
}

/// A raw disk, and where its partitions begin.
struct Raw {
    path: String,
    table: serde_json::Value,
}

impl Raw {
    fn new(path: String) -> Self {
        let table = serde_json::from_str(&output_of("sfdisk", &["--json", &path])).unwrap();
        Self { path, table }
    }

    fn partition(&self, name: &str) -> &serde_json::Value {
        let partitions = self.table["partitiontable"]["partitions"].as_array().unwrap();
        partitions.iter().find(|partition| partition["name"] == name).unwrap_or_else(|| panic!("no {name}: {}", self.table))
    }

    fn offset(&self, name: &str) -> u64 {
        self.partition(name)["start"].as_u64().unwrap() * 512
    }

    /// A file of the ext4 root.
    fn read(&self, path: &str) -> String {
        self.ask(&format!("cat /{path}"))
    }

    /// What is known of a file or folder of the ext4 root.
    fn stat(&self, path: &str) -> String {
        self.ask(&format!("stat /{path}"))
    }

    fn ask(&self, question: &str) -> String {
        output_of("debugfs", &["-R", question, &format!("{}?offset={}", self.path, self.offset("root"))])
    }

    /// A file of the EFI system partition.
    fn efi(&self, path: &str) -> String {
        output_of("mtype", &["-i", &format!("{}@@{}", self.path, self.offset("efi")), &format!("::/{path}")])
    }
}

#[test]
fn every_format_is_the_same_disk_with_a_system_and_its_boot_loaders() {
    let harbour = Harbour::bootable(&[("disk", ALL_FORMATS)]);
    let (ran, compose) = harbour.compose(&[]);
    let raw = Raw::new(disk_of(&compose, "disk", "raw"));
    let bytes = fs_err::read(&raw.path).unwrap();
    assert_eq!(bytes.len(), 240 << 20);
    for (extension, format) in FORMATS {
        let (mut file, copy) = (disk_of(&compose, "disk", extension), harbour.text("copy.raw"));
        if extension == "raw.xz" {
            let unpacked = harbour.text("unpacked.raw");
            output_of("sh", &["-c", "xz -dc \"$1\" >\"$2\"", "sh", &file, &unpacked]);
            file = unpacked;
        }
        output_of("qemu-img", &["convert", "-f", format, "-O", "raw", &file, &copy]);
        assert!(fs_err::read(copy).unwrap() == bytes, "{extension} is another disk");
    }

    assert_eq!(raw.table["partitiontable"]["label"], "gpt");
    let types = ["bios", "efi", "root"].map(|name| raw.partition(name)["type"].as_str().unwrap().to_owned());
    assert_eq!(types[1], "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
    assert_eq!(types[2], "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709");
    output_of("e2fsck", &["-fn", &format!("{}?offset={}", raw.path, raw.offset("root"))]);
    let (efi, start, size) =
        (harbour.text("efi.img"), raw.partition("efi")["start"].to_string(), raw.partition("efi")["size"].to_string());
    output_of(
        "dd",
        &["status=none", &format!("if={}", raw.path), &format!("of={efi}"), &format!("skip={start}"), &format!("count={size}")],
    );
    output_of("fsck.vfat", &["-n", &efi]);
    let serial = output_of("blkid", &["--probe", "-o", "value", "-s", "UUID", &efi]);
    assert!(raw.read("etc/fstab").contains(&format!("UUID={} /boot/efi vfat ", serial.trim())), "{serial}");
    // What would be entries of a partition table in a disk's first sector.
    assert!(fs_err::read(&efi).unwrap()[446..510].iter().all(|byte| *byte == 0), "the EFI system partition has partitions");
    let fstab = raw.read("etc/fstab");
    let uuid = fstab.strip_prefix("UUID=").unwrap().split(' ').next().unwrap().to_owned();
    let blkid = output_of("blkid", &["--probe", "--offset", &raw.offset("root").to_string(), &raw.path]);
    assert!(blkid.contains(&format!(" UUID=\"{uuid}\"")) && blkid.contains("LABEL=\"root\""), "{blkid}");
    let menu = raw.read("boot/grub/grub.cfg");
    let line = format!("linux /boot/vmlinuz-6.12-quay root=UUID={uuid} ro console=tty0 console=ttyS0,115200 quiet\n");
    assert!(menu.contains(&line), "{menu}");
    assert_eq!(raw.read("etc/hostname"), "pier\n");
    // The fake core image tells what it was made with.
    let core = raw.efi("EFI/BOOT/BOOTX64.EFI");
    assert!(core.starts_with("x86_64-efi\n") && core.contains(&format!("search.fs_uuid {uuid} root\n")), "{core}");
    let start = usize::try_from(raw.offset("bios")).unwrap();
    assert!(bytes[start..].starts_with(b"i386-pc\n") && bytes.starts_with(b"i386-pc boot.img\n"));

    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    let mut kinds: Vec<_> = images
        .as_array()
        .unwrap()
        .iter()
        .map(|image| ["type", "format"].map(|key| image[key].as_str().unwrap()).join(" "))
        .collect();
    kinds.retain(|kind| !kind.starts_with("container"));
    kinds.sort();
    assert_eq!(kinds, ["qcow2 qcow2", "raw raw", "raw-xz raw.xz", "vmdk vmdk", "vpc vhd"]);
    assert!(harbour.mounts().is_empty(), "{:?}", harbour.mounts());
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(verified.code, 0, "{ran}{verified}");
}

#[test]
fn the_same_packages_give_the_same_disk_in_every_format() {
    let harbour = Harbour::bootable(&[("disk", ALL_FORMATS)]);
    let compose = |target: &str| {
        fs_err::create_dir(harbour.path(target)).unwrap();
        harbour.compose_into(target, &[], 0)
    };
    let ((_, first), (ran, second)) = (compose("first"), compose("second"));
    for (extension, _) in FORMATS {
        let read = |compose: &Compose| fs_err::read(disk_of(compose, "disk", extension)).unwrap();
        assert!(read(&first) == read(&second), "{extension} differs\n{ran}");
    }
}

#[test]
fn a_disk_for_uefi_alone_has_its_kernel_where_systemd_boot_looks() {
    let more = "boot-loader = \"systemd-boot\"\nformats = [\"raw\"]\nfilesystem = \"btrfs\"\ncloud-init = true\n";
    let harbour = Harbour::bootable(&[("disk", more)]);
    let (_, compose) = harbour.compose(&[]);
    let raw = Raw::new(disk_of(&compose, "disk", "raw"));
    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    let disk = images.as_array().unwrap().iter().find(|image| image["type"] == "raw").unwrap();
    assert_eq!(disk["differs"], "mkfs.btrfs makes up numbers and times");
    assert_eq!(raw.efi("EFI/BOOT/BOOTX64.EFI"), "systemd-boot\n");
    assert_eq!(raw.efi("linux/6.12-quay/linux"), "kernel\n");
    let entry = raw.efi("loader/entries/linux-6.12-quay.conf");
    assert!(entry.contains("linux      /linux/6.12-quay/linux\ninitrd     /linux/6.12-quay/initrd.img\n"), "{entry}");
    let root = harbour.text("root.img");
    let place = ["skip", "count"].map(|word| match word {
        "skip" => format!("skip={}", raw.partition("root")["start"]),
        _ => format!("count={}", raw.partition("root")["size"]),
    });
    output_of("dd", &["status=none", "conv=sparse", &format!("if={}", raw.path), &format!("of={root}"), &place[0], &place[1]]);
    output_of("btrfs", &["check", "--readonly", &root]);
    let restored = harbour.text("restored");
    fs_err::create_dir(&restored).unwrap();
    output_of("btrfs", &["restore", &root, &restored]);
    let read = |path: &str| fs_err::read_to_string(Path::new(&restored).join(path)).unwrap();
    assert!(read("etc/fstab").contains(" / btrfs defaults,x-systemd.growfs 0 0\n"));
    assert!(entry.contains(read("etc/kernel/cmdline").trim()), "{entry}");
    assert!(read("var/lib/dpkg/status").contains("Package: cloud-init\n"));
}

/// A disk of a commit has no packages of its own.
fn with_deployment() -> Harbour {
    let harbour = Harbour::bootable(&[("ostree", "")]);
    let disk = "kind = \"disk\"\nvariant = \"Base\"\narches = [\"amd64\"]\nostree = \"ostree\"\nformats = [\"raw\", \"qcow2\"]\n";
    let more = "ostree-url = \"https://example.org/repo\"\nroot-password = \"$6$pier$hash\"\nboot-parameters = [\"quiet\"]\n";
    harbour.edit("[limits]", &format!("[[images]]\n{disk}{more}[limits]"));
    harbour
}

#[test]
fn a_disk_of_a_commit_is_a_deployment_that_knows_where_updates_are() {
    let harbour = with_deployment();
    let (ran, compose) = harbour.compose(&[]);
    let raw = Raw::new(disk_of(&compose, "disk", "raw"));
    let commit = &compose.json("compose/metadata/ostree.json")["payload"]["commits"]["Base"]["amd64"][0]["commit"];
    let root = format!("ostree/deploy/harbour/deploy/{}.0", commit.as_str().unwrap());
    assert!(raw.read("boot/grub/grub.cfg").contains("syslinux_configfile /boot/loader/syslinux.cfg\n"));
    let menu = raw.read("boot/loader.1/syslinux.cfg");
    let blkid =
        output_of("blkid", &["--probe", "--offset", &raw.offset("root").to_string(), "-o", "value", "-s", "UUID", &raw.path]);
    let arguments =
        format!("APPEND root=UUID={} rw console=tty0 console=ttyS0,115200 quiet ostree=/ostree/boot.1/harbour/", blkid.trim());
    assert!(menu.contains(&arguments), "{menu}");
    let kernel = menu.lines().find_map(|line| line.trim().strip_prefix("KERNEL /")).unwrap();
    assert_eq!(raw.read(kernel), "kernel\n");
    assert!(raw.read(&format!("{root}/etc/shadow")).starts_with("root:$6$pier$hash:"));
    let repository = raw.read("ostree/repo/config");
    assert!(repository.contains("[remote \"harbour\"]\nurl=https://example.org/repo\n"), "{repository}");
    assert!(raw.stat("ostree/repo/harbour.trustedkeys.gpg").contains("Type: regular"), "{ran}");
    output_of("e2fsck", &["-fn", &format!("{}?offset={}", raw.path, raw.offset("root"))]);
    let root_folder =
        output_of("debugfs", &["-R", &format!("stat /{root}"), &format!("{}?offset={}", raw.path, raw.offset("root"))]);
    assert!(root_folder.contains("Flags: 0x80010"), "{root_folder}");
    assert!(harbour.mounts().is_empty(), "{:?}", harbour.mounts());
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(verified.code, 0, "{verified}");

    fs_err::create_dir(harbour.path("second")).unwrap();
    let (_, second) = harbour.compose_into("second", &[], 0);
    assert!(fs_err::read(disk_of(&second, "disk", "raw")).unwrap() == fs_err::read(&raw.path).unwrap(), "it differs");
}

#[test]
fn a_stranger_is_found_in_a_deployment_too() {
    let harbour = with_deployment();
    harbour.edit("[limits]", "[checks]\nimage-equals-lock = \"warn\"\n\n[limits]");
    harbour.tools.smuggle().unwrap();
    let (ran, _) = harbour.compose(&[]);
    assert!(ran.stdout.contains("disk.qcow2 holds stranger "), "{ran}");
}

#[test]
fn a_disk_that_cannot_be_made_says_why_and_leaves_nothing() {
    let harbour = Harbour::bootable(&[("disk", "size = \"100 MB\"\n")]);
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stderr.contains("see `size` of the image"), "{ran}");
    assert!(harbour.mounts().is_empty() && harbour.processes().is_empty());
}

#[test]
fn a_stranger_is_found_in_every_format() {
    let harbour = Harbour::bootable(&[("disk", ALL_FORMATS)]);
    harbour.edit("[limits]", "[checks]\nimage-equals-lock = \"warn\"\n\n[limits]");
    harbour.tools.smuggle().unwrap();
    let (ran, _) = harbour.compose(&[]);
    for (extension, _) in FORMATS {
        let end = format!("disk.{extension} holds stranger ");
        assert!(ran.stdout.contains(&end), "{extension}: {ran}");
    }
}

/// What mkfs.xfs is from 6.17 on, which Debian 12 and 13 do not have: `mirror/disk.rs` has the real one. The folder lies behind the
/// file system's magic number.
const MKFS_XFS: &str = r#"
test "$1" = -V && { echo "mkfs.xfs version 6.17.0"; exit; }
case "$*" in
"-q -f -L root -m uuid="????????-????-8???-????-????????????" -m rmapbt=0 -i nrext64=0,exchange=0 -n parent=0 -p . "/*/root.img) ;;
*) echo "what is $*?"; exit 4 ;;
esac
test "$DETERMINISTIC_SEED $SOURCE_DATE_EPOCH" = "1 1717372800" || exit 5
for image; do :; done
test -z "$(find . -type c)" || exit 6
{ printf XFSB; tar -c .; } | dd of="$image" conv=notrunc status=none
"#;

const XFS_DB: &str = r#"
test "$1 $2 $3" = "-r -c rdump -s /var/lib/dpkg/status ." || { echo "what is $*?"; exit 4; }
tail -c +5 "$4" | tar -xO ./var/lib/dpkg/status >status
"#;

const XFS_REPAIR: &str = r#"test "$1" = -n && test "$(head -c 4 "$2")" = XFSB"#;

fn with_xfs() -> Harbour {
    let harbour = Harbour::bootable(&[("disk", "filesystem = \"xfs\"\nformats = [\"raw\"]\n")]);
    for (name, script) in [("mkfs.xfs", MKFS_XFS), ("xfs_db", XFS_DB), ("xfs_repair", XFS_REPAIR)] {
        harbour.tool(name, script);
    }
    harbour
}

#[test]
fn a_disk_with_xfs_is_filled_from_the_tree_and_read_again() {
    let harbour = with_xfs();
    let (ran, compose) = harbour.compose(&[]);
    let raw = Raw::new(disk_of(&compose, "disk", "raw"));
    let script = "tail -c +$(($2 + 5)) \"$1\" | tar -xO ./etc/fstab";
    let fstab = output_of("sh", &["-c", script, "sh", &raw.path, &raw.offset("root").to_string()]);
    assert!(fstab.contains(" / xfs defaults,x-systemd.growfs 0 0\n"), "{fstab}");
    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    let disk = images.as_array().unwrap().iter().find(|image| image["type"] == "raw").unwrap();
    assert!(disk["differs"].as_str().unwrap().contains("mkfs.xfs"), "{disk}");
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(verified.code, 0, "{ran}{verified}");
}

#[test]
fn a_stranger_is_found_in_xfs_too() {
    let harbour = with_xfs();
    harbour.edit("[limits]", "[checks]\nimage-equals-lock = \"warn\"\n\n[limits]");
    harbour.tools.smuggle().unwrap();
    let (ran, _) = harbour.compose(&[]);
    assert!(ran.stdout.contains("disk.raw holds stranger "), "{ran}");
}

#[test]
fn an_older_mkfs_of_xfs_is_refused_before_anything_begins() {
    let harbour = with_xfs();
    harbour.tool("mkfs.xfs", "echo mkfs.xfs version 6.13.0");
    let ran = harbour.charmer(&["compose", "harbour.toml", "--target-dir", "composes"]);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(ran.stderr.contains("it says 'mkfs.xfs version 6.13.0', and 6.17 or later is needed"), "{ran}");
}
