//! ISO images of trees, written by the real tools and read back by others.
#![expect(clippy::disallowed_types, reason = "images are read back by the tools that users have")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use charmer_compose::checks::first_blocks::FirstBlocks;
use charmer_compose::checksum::Algorithm;
use charmer_compose::compression::Compression;
use charmer_compose::images::optical::patch::{Patch, patch};
use charmer_compose::images::optical::{
    Disc, ExtraIsoSpec, ExtraMedium, IncludedTree, IsoError, IsoNames, IsoSpec, MadeIso, Medium, Places, Prepared, TreeFiles,
    VolumeSpec, make, prepare_discs, prepare_extra,
};
use charmer_compose::metadata::checksums::ChecksumKind;
use charmer_compose::metadata::python_format::Values;
use charmer_compose::metadata::treeinfo::{BootFiles, TreeInfo, TreeVariant};
use charmer_compose::package_set::rpm_file::{find_rpms, read_rpms};
use charmer_compose::repositories::rpm_md::{ListedPackage, RpmMdSpec};
use charmer_compose::tools::Runner;
use charmer_packages::rpm::header::Header;
use charmer_packages::rpm::repodata::write::Tags;
use charmer_testkit::rpm_file::Rpm;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const DATE: i64 = 1_767_225_600;
const BOOT_LOADER: &str = "/usr/lib/ISOLINUX/isolinux.bin";

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output().expect("scripts/install-packages was run");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A tree, and places for images of it.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(TempDir::new().unwrap());
        for (path, size) in [
            // isomd5sum 1.2.3 finds its own checksums of images below 1 MB wrong.
            ("Packages/a-1-1.noarch.rpm", 1_200_000),
            ("Packages/b=2-1-1.noarch.rpm", 10),
            ("repodata/repomd.xml", 10),
            ("media.repo", 10),
            ("docs/it's here.txt", 10),
            ("lost+found/x", 1),
        ] {
            bench.write(&format!("tree/{path}"), &vec![b'x'; size]);
        }
        bench
    }

    /// With an installer in the tree.
    fn bootable() -> Self {
        let bench = Self::new();
        bench.write("tree/isolinux/isolinux.bin", &fs_err::read(BOOT_LOADER).unwrap());
        bench.write("tree/isolinux/isolinux.cfg", b"default linux\n");
        bench.write("tree/images/efiboot.img", &vec![b'e'; 65536]);
        let (tree, boot_iso) = (bench.path("tree"), bench.path("boot.iso"));
        let boot = ["-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4"];
        let mut arguments = vec!["-quiet", "-V", "SMALL", "-r", "-J", "-o", boot_iso.to_str().unwrap()];
        arguments.extend(boot);
        arguments.extend(["-boot-info-table", tree.to_str().unwrap()]);
        output("xorrisofs", &arguments);
        fs_err::rename(boot_iso, bench.path("tree/images/boot.iso")).unwrap();
        bench
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.path(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    }

    fn runner(&self) -> Runner {
        Runner::new(self.path("log"), self.0.path().to_owned(), "/usr/bin:/bin".into(), CancellationToken::new())
    }

    fn prepare(&self, spec: &IsoSpec, has_installer: bool) -> Prepared {
        self.try_prepare(spec, has_installer).unwrap()
    }

    fn try_prepare(&self, spec: &IsoSpec, has_installer: bool) -> Result<Prepared, IsoError> {
        let treeinfo = TreeInfo {
            arch: spec.arch.clone(),
            boot: BootFiles {
                checksums: [("images/boot.iso".to_owned(), "sha256:00".to_owned())].into(),
                images: [("x86_64".to_owned(), BTreeMap::from([("boot.iso".to_owned(), "images/boot.iso".to_owned())]))].into(),
                ..BootFiles::default()
            },
            ..TreeInfo::default()
        };
        let rpm_md = RpmMdSpec {
            checksum: Algorithm::Sha256,
            compression: Compression::Gzip,
            unique_names: true,
            date: DATE.unsigned_abs(),
            tags: Tags::default(),
            groups: None,
            extras: Vec::new(),
            threads: 1,
        };
        // Files that are no packages have no headers.
        let locations: Vec<String> =
            find_rpms(&self.path("tree")).unwrap().into_iter().filter(|path| path.contains("real")).collect();
        let headers = read_rpms(&self.path("tree"), &locations, Some(Algorithm::Sha256), 1).unwrap();
        let location = |header: &Header| header.package.file.location.to_string();
        let locations: Vec<String> = headers.iter().map(location).collect();
        let listed = headers.iter().zip(&locations);
        let packages: Vec<ListedPackage<'_>> =
            listed.map(|(header, location)| ListedPackage { package: &header.package, location }).collect();
        let medium = Medium {
            tree: &TreeFiles::read(&self.path("tree")).unwrap(),
            treeinfo: &treeinfo,
            timestamp: "1",
            description: "Harbour 1",
            extra_files: &[],
            packages: &packages,
            rpm_md: &rpm_md,
            has_installer,
        };
        prepare_discs(spec, &medium, &run(), &self.path("work"))
    }

    fn places(&self, images: &str) -> Places {
        Places {
            images: self.path(images),
            jigdo: self.path("jigdo"),
            lorax_templates: None,
            is_supported: true,
            date: DATE,
            checksums: BTreeSet::from([ChecksumKind::Md5]),
        }
    }

    async fn make(&self, volume: &VolumeSpec, disc: Disc, images: &str) -> MadeIso {
        make(&self.runner(), volume, disc, &self.places(images)).await.unwrap()
    }

    async fn make_one(&self, spec: &IsoSpec, has_installer: bool, images: &str) -> MadeIso {
        let [disc] = self.prepare(spec, has_installer).discs.try_into().unwrap();
        self.make(&spec.volume, disc, images).await
    }

    /// A file on an image.
    fn inside(&self, image: &MadeIso, path: &str) -> Vec<u8> {
        let target = self.path("extracted");
        let image = image.path.to_str().unwrap();
        output("xorriso", &["-no_rc", "-osirrox", "on", "-indev", image, "-extract", path, target.to_str().unwrap()]);
        let content = fs_err::read(&target).unwrap();
        fs_err::remove_file(target).unwrap();
        content
    }
}

fn run() -> Values<'static> {
    [("compose_id", "H-1"), ("release_short", "H"), ("version", "1")].map(|(key, value)| (key, value.to_owned())).into()
}

fn names() -> IsoNames {
    IsoNames {
        image_name: "{compose_id}-{variant}-{arch}-{disc_type}{disc_num}{suffix}".to_owned(),
        shown_variant: "Server".to_owned(),
        layered_product: None,
        disc_type: "dvd".to_owned(),
        volume_ids: vec!["{release_short}-{version} {variant}.{arch}".to_owned()],
        substitutions: Vec::new(),
        restricted: false,
        release_short: "H".to_owned(),
        release_version: "1".to_owned(),
        base_product_short: String::new(),
        base_product_version: String::new(),
    }
}

fn volume(xorriso: bool) -> VolumeSpec {
    VolumeSpec { xorriso, iso_level: Some(3), bootable: true, hfs: true, breaks_hardlinks: false, jigdo: false }
}

fn spec(xorriso: bool) -> IsoSpec {
    IsoSpec {
        variant: "Server".to_owned(),
        arch: "x86_64".to_owned(),
        names: names(),
        capacity: 4_700_000_000,
        volume: volume(xorriso),
        failable: false,
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const MANIFEST: &str = "/.discinfo\n/.treeinfo\n/Packages\n/Packages/a-1-1.noarch.rpm\n/Packages/b=2-1-1.noarch.rpm\n/docs\n\
                        /docs/it's here.txt\n/media.repo\n/repodata\n/repodata/repomd.xml\n";

#[tokio::test]
async fn both_tools_write_what_others_read() {
    let bench = Bench::new();
    for xorriso in [false, true] {
        let made = bench.make_one(&spec(xorriso), false, if xorriso { "xorriso" } else { "genisoimage" }).await;
        assert_eq!(fs_err::read_to_string(&made.manifest).unwrap(), MANIFEST);
        assert_eq!(made.volume_id, "H-1 Server.x86_64");
        let description = output("isoinfo", &["-d", "-i", text(&made.path)]);
        assert!(description.contains("Volume id: H-1 Server.x86_64\n") && description.contains("Joliet"), "{description}");
        output("checkisomd5", &[text(&made.path)]);
        let implanted = output("checkisomd5", &["--md5sumonly", text(&made.path)]);
        assert!(implanted.contains(made.implanted_md5.as_deref().unwrap()), "{implanted}");
        assert!(output("sha256sum", &[text(&made.path)]).starts_with(&made.sha256.to_string()));
        assert!(output("md5sum", &[text(&made.path)]).starts_with(&made.checksums[&ChecksumKind::Md5]));
        assert_eq!((made.size, made.bootable), (fs_err::metadata(&made.path).unwrap().len(), false));
        assert_eq!(bench.inside(&made, "/.discinfo"), b"1\nHarbour 1\nx86_64\n1\n");
        let treeinfo = String::from_utf8(bench.inside(&made, "/.treeinfo")).unwrap();
        assert!(treeinfo.contains("discnum = 1\ntotaldiscs = 1\n") && !treeinfo.contains("boot.iso"), "{treeinfo}");
        let left: Vec<String> = crate::golden::files(made.path.parent().unwrap());
        assert_eq!(left, ["H-1-Server-x86_64-dvd1.iso", "H-1-Server-x86_64-dvd1.iso.manifest"]);
    }
}

#[tokio::test]
async fn a_pc_starts_from_the_disc_and_from_a_stick() {
    for xorriso in [false, true] {
        let bench = Bench::bootable();
        let loader = fs_err::read(bench.path("tree/isolinux/isolinux.bin")).unwrap();
        let made = bench.make_one(&spec(xorriso), true, "images").await;
        let boot = output("xorriso", &["-no_rc", "-indev", text(&made.path), "-report_el_torito", "plain"]);
        assert!(boot.contains("BIOS  y") && boot.contains("/isolinux/isolinux.bin"), "{boot}");
        assert_eq!(boot.contains("UEFI  y"), !xorriso, "the small image of the test has none to take over: {boot}");
        assert!(made.bootable && FirstBlocks::read(&made.path).unwrap().is_startable());
        let manifest = fs_err::read_to_string(&made.manifest).unwrap();
        assert!(manifest.contains("/isolinux/boot.cat\n") && manifest.contains("/Packages/a-1-1.noarch.rpm\n"), "{manifest}");
        assert!(!manifest.contains("boot.iso"), "{manifest}");
        assert_eq!(fs_err::read(bench.path("tree/isolinux/isolinux.bin")).unwrap(), loader, "the tree's own file is as it was");
        assert_eq!(made.volume_id, "H-1 Server.x86_64");
        output("checkisomd5", &[text(&made.path)]);
        if !xorriso {
            let first = fs_err::read(&made.path).unwrap();
            assert_eq!(&first[0x1FE..0x200], b"\x55\xAA");
            assert_eq!(&first[0x200..0x208], b"EFI PART");
        }
    }
}

#[tokio::test]
async fn a_bootable_tree_that_is_too_large_stays_in_one_piece() {
    let bench = Bench::bootable();
    let prepared = bench.prepare(&IsoSpec { capacity: 4096, ..spec(false) }, true);
    assert_eq!(prepared.discs.len(), 1);
    let [warning] = &prepared.warnings[..] else { panic!("{:?}", prepared.warnings) };
    assert!(warning.contains("Server.x86_64 is not split because it is bootable"), "{warning}");
    assert_eq!(Bench::new().prepare(&IsoSpec { capacity: 1_204_224, ..spec(false) }, false).discs.len(), 2);
}

#[tokio::test]
async fn each_disc_of_a_set_is_a_repository_of_its_packages() {
    let bench = Bench::new();
    for name in ["real-a", "real-b"] {
        Rpm::new(name, "1", "1", "noarch").write_to(&bench.path("tree/Packages"));
    }
    let spec = IsoSpec { capacity: 1_204_224, ..spec(true) };
    let discs = bench.prepare(&spec, false).discs;
    let mut listed = Vec::new();
    for disc in discs {
        let made = bench.make(&spec.volume, disc, "images").await;
        let number = made.disc_number;
        assert_eq!(made.disc_count, 3);
        assert_eq!(bench.inside(&made, "/.discinfo"), format!("1\nHarbour 1\nx86_64\n{number}\n").as_bytes());
        let manifest = fs_err::read_to_string(&made.manifest).unwrap();
        let packages: Vec<&str> = manifest.lines().filter(|path| path.contains("/real-")).collect();
        assert_eq!(manifest.contains(".sqlite.bz2\n"), !packages.is_empty(), "{manifest}");
        listed.extend(packages.iter().map(|path| (*path).to_owned()));
        if packages.is_empty() {
            continue;
        }
        let repomd = bench.inside(&made, "/repodata/repomd.xml");
        let treeinfo = String::from_utf8(bench.inside(&made, "/.treeinfo")).unwrap();
        let checksum = format!("repodata/repomd.xml = sha256:{}\n", Algorithm::Sha256.of(&repomd));
        assert!(treeinfo.contains(&checksum), "{treeinfo}");
        let repomd = String::from_utf8(repomd).unwrap();
        assert_eq!(repomd.matches("<timestamp>1767225600<").count(), 6, "{repomd}");
    }
    assert_eq!(listed, ["/Packages/real-a-1-1.noarch.rpm", "/Packages/real-b-1-1.noarch.rpm"]);
}

#[test]
fn discs_of_a_set_need_names_of_their_own() {
    let bench = Bench::new();
    let mut spec = IsoSpec { capacity: 1_204_224, ..spec(false) };
    let names = |spec: &IsoSpec| -> Result<Vec<String>, IsoError> {
        Ok(bench.try_prepare(spec, false)?.discs.into_iter().map(|disc| disc.file_name).collect())
    };
    assert_eq!(names(&spec).unwrap(), ["H-1-Server-x86_64-dvd1.iso", "H-1-Server-x86_64-dvd2.iso"]);
    spec.names.image_name = "{variant}{suffix}".to_owned();
    let error = names(&spec).unwrap_err().to_string();
    assert_eq!(error, "several discs of a set would be called 'Server.iso': let image_name_format have {disc_num}");
}

#[tokio::test]
async fn the_same_tree_gives_the_same_image_by_xorriso() {
    let bench = Bench::new();
    let first = bench.make_one(&spec(true), false, "first").await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let second = bench.make_one(&spec(true), false, "second").await;
    assert_eq!(first.sha256, second.sha256);
}

#[tokio::test]
async fn jigdo_puts_the_image_together_again() {
    let bench = Bench::new();
    let mut spec = spec(false);
    spec.volume.jigdo = true;
    bench.write("tree/Packages/large-1-1.noarch.rpm", &(0..200_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>());
    let made = bench.make_one(&spec, false, "images").await;
    let (jigdo, template) = made.jigdo.unwrap();
    let rebuilt = bench.path("rebuilt.iso");
    let place = |option: &str, path: &Path| format!("--{option}={}", path.display());
    let tree = format!("{}//", bench.path("tree").display());
    output(
        "jigdo-file",
        &["make-image", &place("image", &rebuilt), &place("jigdo", &jigdo), &place("template", &template), &tree],
    );
    assert_eq!(fs_err::read(rebuilt).unwrap(), fs_err::read(&made.path).unwrap());
    let template = fs_err::metadata(template).unwrap().len();
    assert!(template < made.size / 2, "the template has not what the tree has: {template} of {}", made.size);
}

#[tokio::test]
async fn linked_packages_are_on_the_disc_and_files_with_two_names_are_copied() {
    let bench = Bench::new();
    bench.write("elsewhere/c-1-1.noarch.rpm", b"package c");
    std::os::unix::fs::symlink("../../elsewhere/c-1-1.noarch.rpm", bench.path("tree/Packages/c-1-1.noarch.rpm")).unwrap();
    fs_err::hard_link(bench.path("tree/media.repo"), bench.path("other-name")).unwrap();
    let mut spec = spec(false);
    spec.volume.breaks_hardlinks = true;
    let made = bench.make_one(&spec, false, "images").await;
    assert_eq!(bench.inside(&made, "/Packages/c-1-1.noarch.rpm"), b"package c");
    let list = fs_err::read_to_string(bench.path("work/H-1-Server-x86_64-dvd1.iso-graft-points")).unwrap();
    let copied: Vec<&str> = list.lines().filter(|line| line.contains("-copies/")).collect();
    assert_eq!(copied.len(), 1, "{list}");
    assert!(copied[0].starts_with("media.repo="), "{list}");
}

#[tokio::test]
async fn images_of_several_variants_are_made_side_by_side() {
    let bench = Bench::new();
    bench.write("client/Packages/d-1-1.noarch.rpm", b"d");
    bench.write("client/repodata/repomd.xml", b"r");
    let spec = |number| ExtraIsoSpec {
        variant: "Server".to_owned(),
        arch: "x86_64".to_owned(),
        number,
        included: vec!["Client".to_owned()],
        names: names(),
        file_name: Some("{filename}-{arch}.iso".to_owned()),
        volume_ids: vec!["Both {volid}".to_owned()],
        inherits_extra_files: false,
        max_size: None,
        volume: volume(true),
        failable: false,
    };
    let variant = |uid: &str| TreeVariant { id: uid.to_owned(), uid: uid.to_owned(), ..TreeVariant::default() };
    let (server, client) = (variant("Server"), variant("Client"));
    let folders = ["tree", "client", "tree/Packages", "client/Packages"].map(|path| bench.path(path));
    let trees = [
        IncludedTree { variant: &server, tree: &folders[0], packages: &folders[2], extra_files: None },
        IncludedTree { variant: &client, tree: &folders[1], packages: &folders[3], extra_files: None },
    ];
    let treeinfo = TreeInfo { variants: vec![server.clone()], arch: "x86_64".to_owned(), ..TreeInfo::default() };
    let medium = ExtraMedium {
        trees: &trees,
        treeinfo: Some(&treeinfo),
        timestamp: "1",
        description: "Harbour 1",
        extra_files: None,
        installer: None,
    };
    let discs = [0, 1].map(|number| prepare_extra(&spec(number), &medium, &run(), &bench.path("work")).unwrap());
    let [first, second] = discs;
    let volume = volume(true);
    let (first, second) = tokio::join!(bench.make(&volume, first, "first"), bench.make(&volume, second, "second"));
    assert_eq!(first.sha256, second.sha256);
    assert_eq!(first.volume_id, "Both H-1 Server.x86_64");
    assert_eq!(first.path.file_name().unwrap(), "H-1-Server-x86_64-dvd1.iso-x86_64.iso");
    let manifest = fs_err::read_to_string(&first.manifest).unwrap();
    assert!(manifest.contains("/Client/Packages/d-1-1.noarch.rpm\n/Client/repodata\n"), "{manifest}");
    let treeinfo = String::from_utf8(bench.inside(&first, "/.treeinfo")).unwrap();
    assert!(treeinfo.contains("packages = Client/Packages\nrepository = Client\n"), "{treeinfo}");
}

#[tokio::test]
async fn a_failed_image_leaves_nothing() {
    let bench = Bench::bootable();
    fs_err::write(bench.path("tree/isolinux/isolinux.bin"), "no loader").unwrap();
    let [disc] = bench.prepare(&spec(false), true).discs.try_into().unwrap();
    let error = make(&bench.runner(), &volume(false), disc, &bench.places("images")).await.unwrap_err();
    assert!(error.to_string().contains("isohybrid"), "{error}");
    assert_eq!(crate::golden::files(&bench.path("images")), Vec::<String>::new());
}

#[test]
fn names_from_formats_stay_in_their_folder() {
    for wrong in ["../{variant}{suffix}", "{variant}/x.iso", "", ".hidden", "a\nb"] {
        let mut spec = spec(false);
        spec.names.image_name = wrong.to_owned();
        let error = spec.file_name(1, &run()).unwrap_err().to_string();
        assert!(error.contains("must be that of a file in its folder"), "{error}");
    }
}

/// What a kickstart needs to be used: a configuration for each firmware, and the file system that EFI reads.
fn add_boot_configurations(bench: &Bench) {
    let line = b"append initrd=initrd.img inst.stage2=hd:LABEL=H-1\\x20Server.x86_64 quiet\n";
    bench.write("tree/isolinux/isolinux.cfg", line);
    bench.write("tree/EFI/BOOT/grub.cfg", line);
    let efi = bench.path("tree/images/efiboot.img");
    fs_err::write(&efi, vec![0; 1_474_560]).unwrap();
    output("mformat", &["-i", text(&efi), "-f", "1440", "::"]);
    output("mmd", &["-i", text(&efi), "::/EFI", "::/EFI/BOOT"]);
    output("mcopy", &["-i", text(&efi), text(&bench.path("tree/EFI/BOOT/grub.cfg")), "::/EFI/BOOT/grub.cfg"]);
}

#[tokio::test]
async fn a_patched_image_has_the_files_and_uses_the_kickstart() {
    let bench = Bench::bootable();
    add_boot_configurations(&bench);
    let made = bench.make_one(&spec(false), true, "images").await;
    bench.write("over/ks.cfg", b"lang en\n");
    bench.write("over/docs/new.txt", b"new");
    bench.write("over/media.repo", b"other");
    let wanted = Patch {
        source: made.path.clone(),
        target: bench.path("patched.iso"),
        folders: vec![bench.path("over")],
        is_supported: None,
        volume_id: None,
        arch: None,
        work: bench.path("patch"),
        date: DATE,
    };
    let patched = patch(&bench.runner(), &wanted).await.unwrap();
    assert_eq!((patched.volume_id.as_str(), patched.arch.as_deref()), ("H-1 Server.x86_64", Some("x86_64")));
    assert!(patched.is_supported && patched.bootable);
    let image = MadeIso { path: wanted.target.clone(), ..made };
    assert_eq!(bench.inside(&image, "/docs/new.txt"), b"new");
    assert_eq!(bench.inside(&image, "/media.repo"), b"other");
    let kickstart = "LABEL=H-1\\x20Server.x86_64 inst.ks=hd:LABEL=H-1\\x20Server.x86_64:/ks.cfg quiet";
    for path in ["/isolinux/isolinux.cfg", "/EFI/BOOT/grub.cfg"] {
        assert!(String::from_utf8(bench.inside(&image, path)).unwrap().contains(kickstart), "{path}");
    }
    bench.write("efi.img", &bench.inside(&image, "/images/efiboot.img"));
    let inner = output("mtype", &["-i", text(&bench.path("efi.img")), "::/EFI/BOOT/grub.cfg"]);
    assert!(inner.contains(kickstart), "{inner}");
    let boot = output("xorriso", &["-no_rc", "-indev", text(&image.path), "-report_el_torito", "plain"]);
    assert!(boot.contains("BIOS  y") && boot.contains("UEFI  y") && boot.contains("/isolinux/isolinux.bin"), "{boot}");
    assert!(output("checkisomd5", &["--md5sumonly", "--verbose", text(&image.path)]).contains("Supported ISO: yes"));
    output("checkisomd5", &[text(&image.path)]);
}

#[tokio::test]
async fn an_image_of_links_cannot_have_files_put_elsewhere() {
    let bench = Bench::new();
    fs_err::create_dir_all(bench.path("victim")).unwrap();
    std::os::unix::fs::symlink(bench.path("victim"), bench.path("tree/trap")).unwrap();
    let source = bench.path("hostile.iso");
    output("xorrisofs", &["-quiet", "-r", "-V", "X", "-o", text(&source), text(&bench.path("tree"))]);
    bench.write("over/trap/file", b"mine");
    let wanted = Patch {
        source,
        target: bench.path("patched.iso"),
        folders: vec![bench.path("over")],
        is_supported: None,
        volume_id: None,
        arch: None,
        work: bench.path("patch"),
        date: DATE,
    };
    let error = patch(&bench.runner(), &wanted).await.unwrap_err().to_string();
    assert_eq!(error, "'trap/file' cannot be put on the image: a folder on the way there is a link");
    assert_eq!(crate::golden::files(&bench.path("victim")), Vec::<String>::new());
}
