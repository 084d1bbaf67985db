//! Installers: media with debian-installer and a variant's repository, looked at as debian-installer and its tools look at them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use charmer_testkit::archive::SUITE;
use charmer_testkit::deb::Deb;

use super::harbour::{Compose, Harbour, output_of};

/// Real udebs differ from these in what is in them. The second kernel is an older one.
const UDEBS: &str = "
Package: kernel-image-6.12.7-amd64-di
Version: 6.12.7-1
Architecture: amd64
Kernel-Version: 6.12.7-amd64

Package: cdrom-core-modules-6.12.7-amd64-di
Version: 6.12.7-1
Architecture: amd64
Kernel-Version: 6.12.7-amd64
Depends: kernel-image-6.12.7-amd64-di
Files: /lib/modules/6.12.7-amd64/kernel/drivers/cdrom/cdrom.ko

Package: kernel-image-6.12.5-amd64-di
Version: 6.12.5-1
Architecture: amd64
Kernel-Version: 6.12.5-amd64

Package: cdrom-detect
Depends: hw-detect, cdebconf-udeb
Files: /usr/lib/finish-install.d/15cdrom-detect

Package: cdrom-retriever
Provides: retriever
Depends: cdrom-detect

Package: load-cdrom
Installer-Menu-Item: 1600
Depends: cdrom-retriever, anna

Package: hw-detect

Package: anna

Package: cdebconf-udeb

Package: partman-base
";

const STATUS: &str = "Package: kernel-image-6.12.7-amd64-di
Status: install ok unpacked
Version: 6.12.7-1

Package: anna
Status: install ok unpacked
Version: 1.0

Package: download-installer
Status: install ok unpacked
Version: 1.0

";

const IMAGES: &str = "usr/lib/debian-installer/images/13/amd64/text/debian-installer/amd64";

/// The fixture with an installer of Base; its package of kernel and initrd says with which Linux it was built, if it says so.
fn with_installer(built_using: Option<&str>) -> Harbour {
    let mut harbour = Harbour::new();
    harbour.source_date_epoch = Some("1717372800");
    harbour.add("Package: linux-image-quay\nArchitecture: any\n\nPackage: grub-pc\nArchitecture: any\n");
    harbour.archive.add_udebs(UDEBS).unwrap();
    let netboot = Deb::new("debian-installer-13-netboot-amd64", "20250803", "all")
        .field("Provides", "debian-installer-netboot, debian-installer-netboot-amd64")
        .file(&format!("{IMAGES}/linux"), &kernel())
        .file(&format!("{IMAGES}/initrd.gz"), &initrd(&harbour));
    let netboot = match built_using {
        Some(version) => netboot.field("Built-Using", &format!("anna (= 1.0), linux (= {version}), zlib (= 1.3)")),
        None => netboot,
    };
    netboot.write_to(&harbour.archive.folder.join("pool"));
    harbour.publish("2024-06-01");
    let seeds = "\"harbour-release\", \"linux-image-quay\", \"grub-pc\"]\n\n[variants.Server]";
    harbour.edit("\"harbour-release\"]\n\n[variants.Server]", seeds);
    let image = "[[images]]\nkind = \"installer\"\nvariant = \"Base\"\narches = [\"amd64\"]\npackages = [\"harbour-release\"]\n";
    harbour.edit("[limits]", &format!("{image}preseed = \"d-i netcfg/get_hostname string buoy\"\n\n[limits]"));
    harbour
}

/// As large as makes a medium that checkisomd5 can check: it divides one into twenty parts.
fn kernel() -> Vec<u8> {
    b"a kernel".repeat(400_000)
}

/// As debian-installer's is: a packed archive with a database of its packages.
fn initrd(harbour: &Harbour) -> Vec<u8> {
    let root = harbour.path("initrd");
    fs_err::create_dir_all(root.join("var/lib/dpkg")).unwrap();
    fs_err::write(root.join("var/lib/dpkg/status"), STATUS).unwrap();
    fs_err::write(root.join("init"), "#!/bin/sh\n").unwrap();
    let packed = format!(
        "cd {} && find . -mindepth 1 -printf '%P\\n' | cpio -o -H newc --quiet | gzip -9n > ../initrd.gz",
        root.display()
    );
    output_of("sh", &["-c", &packed]);
    fs_err::read(harbour.path("initrd.gz")).unwrap()
}

/// The medium as a folder.
fn unpacked(harbour: &Harbour, compose: &Compose) -> PathBuf {
    let (folder, iso) = (harbour.path("medium"), iso(compose));
    output_of("xorriso", &["-osirrox", "on", "-indev", iso.to_str().unwrap(), "-extract", "/", folder.to_str().unwrap()]);
    folder
}

fn iso(compose: &Compose) -> PathBuf {
    let name = format!("{}-Base-amd64-installer.iso", compose.id());
    compose.path("compose/Base/amd64/iso").join(name)
}

/// What Linux makes of an initrd: its archives one after the other, each over the ones before.
fn files_of_initrd(initrd: &Path) -> BTreeMap<String, Vec<u8>> {
    let bytes = output_bytes("gzip", &["--decompress", "--stdout", initrd.to_str().unwrap()]);
    let number = |at: usize, field: usize| {
        let digits = std::str::from_utf8(&bytes[at + 6 + 8 * field..][..8]).unwrap();
        usize::from_str_radix(digits, 16).unwrap()
    };
    let (mut files, mut at) = (BTreeMap::new(), 0);
    while at < bytes.len() {
        if bytes[at] == 0 {
            at += 1;
            continue;
        }
        assert_eq!(&bytes[at..at + 6], b"070701", "at {at}");
        let (size, name_size) = (number(at, 6), number(at, 11));
        let name = String::from_utf8(bytes[at + 110..][..name_size - 1].to_vec()).unwrap();
        let start = (at + 110 + name_size).next_multiple_of(4);
        files.insert(name, bytes[start..start + size].to_vec());
        at = (start + size).next_multiple_of(4);
    }
    files
}

#[expect(clippy::disallowed_types, reason = "results are read by the programs that users have")]
fn output_bytes(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = std::process::Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn a_medium_has_all_that_debian_installer_looks_for() {
    let harbour = with_installer(Some("6.12.7-1"));
    let (ran, compose) = harbour.compose(&[]);
    let medium = unpacked(&harbour, &compose);
    let read = |name: &str| fs_err::read_to_string(medium.join(name)).unwrap_or_else(|error| panic!("{error}: {ran}"));
    assert_eq!(read(".disk/info"), "Harbour Linux 13.1 Base amd64 - installer 20240603\n");
    assert_eq!((read(".disk/base_installable").as_str(), read(".disk/base_components").as_str()), ("", "main\n"));
    assert_eq!((read(".disk/base_include").as_str(), read(".disk/cd_type").as_str()), ("harbour-release\n", "full_cd/single\n"));
    assert!(fs_err::read(medium.join("install.amd/vmlinuz")).unwrap() == kernel());

    // cdrom-retriever takes the components of Release and looks for this index of each.
    let release = read("dists/quay/Release");
    assert!(release.contains("\nComponents: main\n") && release.contains(" main/debian-installer/binary-amd64/Packages.gz\n"));
    let index = medium.join("dists/quay/main/debian-installer/binary-amd64/Packages.gz");
    let index = output_of("gzip", &["--decompress", "--stdout", index.to_str().unwrap()]);
    let udebs: Vec<_> = index.lines().filter_map(|line| line.strip_prefix("Package: ")).collect();
    let expected = [
        "anna",
        "cdebconf-udeb",
        "cdrom-core-modules-6.12.7-amd64-di",
        "cdrom-detect",
        "cdrom-retriever",
        "hw-detect",
        "kernel-image-6.12.7-amd64-di",
        "load-cdrom",
        "partman-base",
    ];
    assert_eq!(udebs, expected, "the other kernel's are left out");
    let files: Vec<_> = index.lines().filter_map(|line| line.strip_prefix("Filename: ")).collect();
    assert!(files.contains(&"pool/main/p/partman-base/partman-base_1.0_all.udeb"), "{files:?}");
    assert!(files.iter().all(|file| medium.join(file).is_file()), "{files:?}");
    let packages = output_of("xz", &["-dc", medium.join("dists/quay/main/binary-amd64/Packages.xz").to_str().unwrap()]);
    assert!(
        packages.contains("Package: grub-pc\n") && !packages.contains("netboot") && !packages.contains("udeb\n"),
        "{packages}"
    );
    output_of("sh", &["-c", &format!("cd {} && md5sum --quiet --check md5sum.txt", medium.display())]);

    let initrd = files_of_initrd(&medium.join("install.amd/initrd.gz"));
    let text = |name: &str| String::from_utf8(initrd[name].clone()).unwrap();
    assert_eq!(text("init"), "#!/bin/sh\n", "what the initrd had is there");
    assert_eq!(text("preseed.cfg"), "d-i base-installer/debootstrap_script string sid\nd-i netcfg/get_hostname string buoy\n");
    assert!(initrd.contains_key("lib/modules/6.12.7-amd64/kernel/drivers/cdrom/cdrom.ko"));
    assert!(initrd.contains_key("usr/lib/finish-install.d/15cdrom-detect"));
    let status = text("var/lib/dpkg/status");
    let entries: Vec<_> = status.lines().filter_map(|line| line.strip_prefix("Package: ")).collect();
    assert!(!entries.contains(&"download-installer"), "it would ask for a mirror: {entries:?}");
    let added = "Package: load-cdrom\nStatus: install ok unpacked\nVersion: 1.0\n";
    assert!(status.contains(added) && status.contains("Installer-Menu-Item: 1600\n"), "{status}");
    assert_eq!(entries.iter().filter(|name| **name == "anna").count(), 1, "{entries:?}");

    // The key in the initrd is the one by which the medium is believed.
    let keyring = harbour.path("archive.gpg");
    fs_err::write(&keyring, &initrd["usr/share/keyrings/archive.gpg"]).unwrap();
    assert_eq!(initrd["usr/share/keyrings/archive.gpg"], initrd["usr/share/keyrings/archive.pgp"]);
    output_of("gpgv", &["--keyring", keyring.to_str().unwrap(), medium.join("dists/quay/InRelease").to_str().unwrap()]);

    // The variant's own repository has the udebs too, for those who install over the network.
    let published = compose.path("compose/Base/repository/dists/quay/main/debian-installer/binary-amd64/Packages.xz");
    assert!(published.is_file());
    assert!(!compose.path("compose/Server/repository/dists/quay/main/debian-installer").exists());
    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    let installer = images.as_array().unwrap().iter().find(|image| image["type"] == "netinst").unwrap();
    assert_eq!((&installer["format"], &installer["bootable"]), (&"iso".into(), &true.into()));
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(verified.code, 0, "{verified}");
}

#[test]
fn its_lock_makes_it_again_to_the_byte_and_has_its_udebs() {
    let harbour = with_installer(Some("6.12.7-1"));
    let (_, first) = harbour.compose(&[]);
    let lock = first.path("compose/metadata/charmer.lock");
    let text = fs_err::read_to_string(&lock).unwrap();
    for package in ["debian-installer-13-netboot-amd64", "partman-base", "load-cdrom"] {
        assert!(text.contains(&format!("Package: {package}\n")), "{package}: {text}");
    }
    let (_, again) = harbour.compose(&["--offline", "--lock", lock.to_str().unwrap()]);
    assert!(fs_err::read(iso(&first)).unwrap() == fs_err::read(iso(&again)).unwrap());
    assert_eq!(harbour.charmer(&["lock", "harbour.toml"]).code, 0);
    let (_, locked) = harbour.compose(&["--locked"]);
    assert!(iso(&locked).is_file());
}

#[test]
fn a_kernel_that_the_modules_are_not_for_ends_it_before_anything_is_fetched() {
    let harbour = with_installer(Some("6.12.9-1"));
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    for words in [
        "debian-installer-13-netboot-amd64 20250803 starts linux 6.12.9-1",
        "modules are for 6.12.5-amd64 (linux 6.12.5-1) and 6.12.7-amd64 (linux 6.12.7-1)",
        "No kernel modules were found",
        "between two states",
    ] {
        assert!(ran.stdout.contains(words) || ran.stderr.contains(words), "{words}: {ran}");
    }
    let fetched = harbour.server().paths();
    assert!(!fetched.iter().any(|path| path.contains("netboot") || path.contains("udebs/")), "{fetched:?}");
}

#[test]
fn an_initrd_of_another_kernel_is_found_where_its_package_does_not_say_so() {
    let harbour = with_installer(None);
    harbour.archive.remove("kernel-image").ok();
    for entry in fs_err::read_dir(harbour.archive.folder.join("udebs")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains("6.12.7-amd64") {
            fs_err::remove_file(path).unwrap();
        }
    }
    harbour.publish("2024-06-01");
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    let words = "the installer starts the kernel 6.12.7-amd64, and its modules are for 6.12.5-amd64";
    assert!(ran.stdout.contains(words) || ran.stderr.contains(words), "{ran}");
}

#[test]
fn packages_whose_links_lead_out_of_them_are_refused() {
    let harbour = with_installer(Some("6.12.7-1"));
    let outside = harbour.path("outside");
    fs_err::create_dir(&outside).unwrap();
    let udebs = harbour.archive.folder.join("udebs");
    let strange = Deb::new("load-cdrom", "2.0", "all").link("var", outside.to_str().unwrap()).write_to(&udebs);
    fs_err::rename(&strange, strange.with_extension("udeb")).unwrap();
    harbour.publish("2024-06-01");
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stdout.contains("the udeb load-cdrom has links where files are expected"), "{ran}");
    assert_eq!(fs_err::read_dir(&outside).unwrap().count(), 0);

    fs_err::write(outside.join("secret"), "of this machine").unwrap();
    fs_err::remove_file(strange.with_extension("udeb")).unwrap();
    let netboot = Deb::new("debian-installer-13-netboot-amd64", "20250804", "all")
        .field("Provides", "debian-installer-netboot-amd64")
        .link(&format!("{IMAGES}/linux"), outside.join("secret").to_str().unwrap())
        .file(&format!("{IMAGES}/initrd.gz"), &initrd(&harbour));
    netboot.write_to(&harbour.archive.folder.join("pool"));
    harbour.publish("2024-06-01");
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stdout.contains("has no kernel and initrd of debian-installer"), "{ran}");
}

#[test]
fn a_variant_that_no_machine_would_start_from_is_refused_and_one_that_may_fail_leaves_the_rest() {
    let harbour = with_installer(Some("6.12.7-1"));
    harbour.edit("\"linux-image-quay\", \"grub-pc\"]", "\"linux-image-quay\"]");
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    assert!(
        ran.stderr.contains("no boot loader: add `grub-pc`") || ran.stdout.contains("no boot loader: add `grub-pc`"),
        "{ran}"
    );

    let failable = "[[failable]]\nvariants = [\"Base\"]\narches = [\"amd64\"]\nkinds = [\"installer\"]\n\n[limits]";
    harbour.edit("[limits]", failable);
    let (ran, compose) = harbour.compose_into("composes", &[], 3);
    assert!(compose.path("compose/Base/repository/dists/quay/InRelease").is_file(), "{ran}");
    assert!(!compose.path("compose/Base/repository/dists/quay/main/debian-installer").exists());
}

#[test]
fn udebs_that_the_mirror_has_not_as_it_lists_them_end_what_needs_them_alone() {
    let harbour = with_installer(Some("6.12.7-1"));
    harbour.server().remove_all(&format!("/dists/{SUITE}/main/debian-installer/"));
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stderr.contains("debian-installer/binary-amd64/Packages"), "{ran}");

    harbour.edit("[limits]", "[[failable]]\nkinds = [\"installer\"]\n\n[limits]");
    let (ran, compose) = harbour.compose_into("composes", &[], 3);
    assert!(ran.stdout.contains("goes on without the installer's packages of it"), "{ran}");
    assert!(ran.stdout.contains("no installer's packages (udebs) of a kernel for amd64"), "{ran}");
    let deliverables = compose.json("compose/metadata/deliverables.json");
    assert_eq!(deliverables["failed"]["installer"], serde_json::json!([["Base", "amd64", null]]), "{deliverables}");
    let reason = deliverables["reasons"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("installer:Base.amd64: the archives have no installer's packages"), "{reason}");
    assert!(compose.path("compose/Base/repository/dists/quay/InRelease").is_file(), "{ran}");
}

#[test]
fn a_live_system_that_installs_itself_has_what_the_installed_one_starts_from() {
    let harbour = Harbour::bootable(&[("live", "calamares = true\n"), ("live", "name = \"plain\"\n")]);
    let (_, compose) = harbour.compose(&[]);
    let kernels_in = |name: &str| {
        let iso = compose.path("compose/Base/amd64/iso").join(format!("{}-Base-amd64-{name}.iso", compose.id()));
        let squashfs = harbour.text(&format!("{name}.squashfs"));
        let from = ["-osirrox", "on", "-indev", iso.to_str().unwrap(), "-extract", "/live/filesystem.squashfs", &squashfs];
        output_of("xorriso", &from);
        let listed = output_of("unsquashfs", &["-l", &squashfs]);
        listed.lines().filter(|line| line.contains("/boot/vmlinuz")).count()
    };
    assert_eq!((kernels_in("live"), kernels_in("plain")), (1, 0));
    let images = &compose.json("compose/metadata/images.json")["payload"]["images"]["Base"]["amd64"];
    assert_eq!(images.as_array().unwrap().len(), 3);
}
