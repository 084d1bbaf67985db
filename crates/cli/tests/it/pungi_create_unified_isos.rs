//! `pungi-create-unified-isos` on composes that the program made before; its images are read back by the tools that users have.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::harbour::composes;
use super::native_rpm::Harbour;
use super::pungi_koji_golden::{Prepared, recorded};
use super::{Charmer, Ran, output};

/// Everything on an image, unpacked.
fn unpacked(image: &Path) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let image = format!("stdio:{}", image.display());
    output(folder.path(), "xorriso", &["-no_rc", "-osirrox", "on", "-indev", &image, "-extract", "/", "got"]);
    output(folder.path(), "chmod", &["-R", "u+w", "got"]);
    folder
}

/// The packages of a repository, as dnf reads it.
fn packages(repository: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir(folder.path().join("log")).unwrap();
    let inside = |name: &str| folder.path().join(name).display().to_string();
    let options = [
        "--releasever=1".to_owned(),
        format!("--installroot={}", inside("root")),
        format!("--setopt=cachedir={}", inside("cache")),
        format!("--setopt=logdir={}", inside("log")),
        // The plugin offers what other runs have installed.
        "--disableplugin=local".to_owned(),
        "--setopt=reposdir=/nonexistent".to_owned(),
        "--forcearch=x86_64".to_owned(),
        format!("--repofrompath=image,file://{}", repository.display()),
    ];
    let mut arguments: Vec<&str> = options.iter().map(String::as_str).collect();
    arguments.extend(["-q", "repoquery", "--qf", "%{location}\n"]);
    let mut names: Vec<String> = output(folder.path(), "dnf", &arguments).split_whitespace().map(str::to_owned).collect();
    names.sort();
    names
}

/// The names of the packages in a folder and those below it.
fn rpms_in(folder: &Path) -> Vec<String> {
    let found = output(folder, "find", &[".", "-name", "*.rpm", "-printf", "%f\n"]);
    let mut rpms: Vec<String> = found.lines().map(str::to_owned).collect();
    rpms.sort();
    rpms
}

fn images(compose: &Path) -> Value {
    let text = fs_err::read_to_string(compose.join("compose/metadata/images.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()["payload"]["images"].take()
}

/// A finished compose of two variants, on two arches.
fn composed() -> (Harbour, PathBuf) {
    let harbour = Harbour::new().with_packages();
    fs_err::create_dir(harbour.path("composes")).unwrap();
    let ran = harbour.charmer("compose examples/harbour-rpm.toml --target-dir composes");
    assert_eq!(ran.code, 0, "{ran}");
    let compose = harbour.path("composes/latest-Harbour-1").canonicalize().unwrap();
    (harbour, compose)
}

fn unify(harbour: &Harbour, compose: &Path, more: &str) -> Ran {
    harbour.charmer(format!("pungi-create-unified-isos {} {more}", compose.display()).trim_end())
}

/// As [`unify`], where it must fail with exit code 1 and change nothing.
fn refused(harbour: &Harbour, compose: &Path, more: &str, message: &str) {
    let before = fs_err::read_to_string(compose.join("compose/metadata/images.json")).ok();
    let ran = unify(harbour, compose, more);
    assert!(ran.code == 1 && ran.stdout.is_empty() && ran.stderr.contains(message), "{message}: {ran}");
    assert_eq!(fs_err::read_to_string(compose.join("compose/metadata/images.json")).ok(), before);
    assert_nothing_is_left(compose);
}

fn assert_nothing_is_left(compose: &Path) {
    let Ok(entries) = fs_err::read_dir(compose.join("work")) else { return };
    let names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.starts_with("unified_isos_")), "{names:?}");
}

#[test]
fn each_arch_gets_an_image_of_all_variants() {
    let (harbour, compose) = composed();
    let ran = unify(&harbour, &compose, "");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran}");
    let id = fs_err::read_to_string(compose.join("COMPOSE_ID")).unwrap();
    let mut expected = Vec::new();
    for variant in ["Server", "Server-optional"] {
        for arch in ["aarch64", "source", "x86_64"] {
            expected.push(format!("{variant}/{arch}/iso/{id}-{arch}-dvd.iso"));
        }
    }
    expected.sort();
    assert_eq!(ran.stdout.lines().collect::<Vec<_>>(), expected);
    assert_nothing_is_left(&compose);

    let folder = compose.join("compose/Server/x86_64/iso");
    let image = folder.join(format!("{id}-x86_64-dvd.iso"));
    let disc = unpacked(&image);
    let on_disc = |path: &str| disc.path().join("got").join(path);
    let read = |path: &str| fs_err::read_to_string(on_disc(path)).unwrap();
    let names =
        ["bash", "coreutils", "harbour-firmware", "harbour-release", "nginx"].map(|name| format!("{name}-1-1.x86_64.rpm"));
    assert_eq!(rpms_in(&on_disc("Server")), names);
    assert_eq!(packages(&on_disc("Server")), names);
    assert_eq!(packages(&on_disc("Server-optional")), ["htop-1-1.x86_64.rpm"]);
    assert!(read("Server/repodata/repomd.xml").contains("<data type=\"group\">"));
    assert!(!on_disc("Packages").exists() && !on_disc("repodata").exists());
    assert_eq!(read(".discinfo"), "1767225600\nHarbour Linux 1.0\nx86_64\nALL\n");
    assert!(read("media.repo").contains("name=Harbour Linux 1.0\nmediaid=1767225600\n"));
    let treeinfo = read(".treeinfo");
    for variant in ["Server", "Server-optional"] {
        let repomd = output(&on_disc(variant), "sha256sum", &["repodata/repomd.xml"]);
        let digest = repomd.split(' ').next().unwrap();
        assert!(treeinfo.contains(&format!("\n{variant}/repodata/repomd.xml = sha256:{digest}\n")), "{treeinfo}");
        let section = treeinfo.split(&format!("[variant-{variant}]")).nth(1).unwrap();
        assert!(section.contains(&format!("\npackages = {variant}\nrepository = {variant}\n")), "{treeinfo}");
    }

    output(&folder, "sha256sum", &["--check", "--strict", "SHA256SUM"]);
    assert!(output(&folder, "isoinfo", &["-d", "-i", image.to_str().unwrap()]).contains("Volume id: Harbour 1.0 x86_64\n"));
    let manifest = fs_err::read_to_string(folder.join(format!("{id}-x86_64-dvd.iso.manifest"))).unwrap();
    assert!(manifest.contains("\n/Server/nginx-1-1.x86_64.rpm\n"), "{manifest}");

    let sources = unpacked(&compose.join(format!("compose/Server/source/iso/{id}-source-dvd.iso")));
    assert!(rpms_in(&sources.path().join("got/Server")).contains(&"nginx-1-1.src.rpm".to_owned()));
}

#[test]
fn images_json_lists_them_besides_those_that_were_there() {
    let (harbour, compose) = composed();
    let before = images(&compose);
    assert_eq!(unify(&harbour, &compose, "").code, 0);
    let after = images(&compose);
    let of = |images: &Value, variant: &str, arch: &str| images[variant][arch].as_array().cloned().unwrap_or_default();
    let (old, new) = (of(&before, "Server", "x86_64"), of(&after, "Server", "x86_64"));
    assert_eq!((old.len(), new.len()), (1, 3), "an image of the arch and one of sources: {new:?}");
    assert!(new.contains(&old[0]));
    let unified = new.iter().find(|image| image["unified"] == true && image["arch"] == "x86_64").unwrap();
    let path = compose.join("compose").join(unified["path"].as_str().unwrap());
    let digest = output(&compose, "sha256sum", &[path.to_str().unwrap()]);
    for (key, value) in [
        ("additional_variants", json!(["Server-optional"])),
        ("subvariant", json!("Server")),
        ("type", json!("dvd")),
        ("format", json!("iso")),
        ("bootable", json!(false)),
        ("disc_number", json!(1)),
        ("volume_id", json!("Harbour 1.0 x86_64")),
        ("size", json!(fs_err::metadata(&path).unwrap().len())),
        ("mtime", json!(1_767_225_600)),
        ("checksums", json!({"sha256": digest.split(' ').next().unwrap()})),
    ] {
        assert_eq!(unified[key], value, "{key}");
    }
    let source = of(&after, "Server-optional", "aarch64").into_iter().find(|image| image["arch"] == "src").unwrap();
    assert!(source["path"].as_str().unwrap().starts_with("Server-optional/source/iso/"), "{source}");

    // Times on a volume have no fractions of seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(unify(&harbour, &compose, "").code, 0, "once more");
    assert_eq!(images(&compose), after, "the same images, each once");
}

#[test]
fn arches_are_chosen_by_name() {
    let (harbour, compose) = composed();
    let ran = unify(&harbour, &compose, "--arch aarch64 --arch src");
    assert_eq!(ran.code, 0, "{ran}");
    let has = |part: &str| ran.stdout.contains(part);
    assert!(has("-aarch64-dvd.iso") && has("-source-dvd.iso") && !has("-x86_64-dvd.iso"), "{ran}");
    refused(&harbour, &compose, "--arch riscv64", "no trees of the arch 'riscv64': it has aarch64, src, x86_64");
}

#[test]
fn what_is_no_finished_compose_is_refused() {
    let (harbour, compose) = composed();
    refused(&harbour, &harbour.path("examples"), "", "is no compose: it has no STATUS");
    for status in ["STARTED", "DOOMED", "TERMINATED", "odd"] {
        fs_err::write(compose.join("STATUS"), format!("{status}\n")).unwrap();
        refused(&harbour, &compose, "", &format!("has the status {status}: "));
    }
    fs_err::write(compose.join("STATUS"), "FINISHED_INCOMPLETE\n").unwrap();
    assert_eq!(unify(&harbour, &compose, "--arch src").code, 0);
    assert_eq!(Charmer::default().run(&["pungi-create-unified-isos"]).code, 2);
}

#[test]
fn a_compose_that_another_program_works_on_is_refused() {
    let (harbour, compose) = composed();
    let lock = fs_err::File::open(compose.join("work/global/running")).unwrap();
    lock.file().lock().unwrap();
    refused(&harbour, &compose, "", "another charmer works on ");
    drop(lock);
    assert_eq!(unify(&harbour, &compose, "--arch src").code, 0);
}

#[test]
fn metadata_that_lead_out_of_the_compose_are_refused() {
    let (harbour, compose) = composed();
    let spoil = |file: &str, from: &str, to: &str, message: &str| {
        let path = compose.join(file);
        let text = fs_err::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {text}");
        fs_err::write(&path, text.replace(from, to)).unwrap();
        refused(&harbour, &compose, "", message);
        fs_err::write(&path, text).unwrap();
    };
    let composeinfo = "compose/metadata/composeinfo.json";
    spoil(composeinfo, "\"Server/x86_64/os\"", "\"../../x86_64/os\"", "'../../x86_64/os' is no path that stays in the compose");
    spoil(composeinfo, "\"Server\": {", "\"..\": {", "'..' is no UID of a variant");
    spoil(
        composeinfo,
        "\"variants\"",
        "\"variant\"",
        "composeinfo.json' is not what is expected there: missing field `variants`",
    );
    spoil("compose/metadata/images.json", "\"images\"", "\"image\"", "missing field `images`");
    let treeinfo = "compose/Server/x86_64/os/.treeinfo";
    spoil(
        treeinfo,
        "packages = Packages",
        "packages = ../Packages",
        "[variant-Server] packages: the path '../Packages' leaves the tree",
    );
    spoil(treeinfo, "[tree]", "tree", ".treeinfo': line ");
    let ran = unify(&harbour, &compose, "");
    assert_eq!(ran.code, 0, "mended again: {ran}");
}

#[test]
fn a_tree_without_a_treeinfo_is_left_out_and_named() {
    let (harbour, compose) = composed();
    fs_err::remove_file(compose.join("compose/Server-optional/x86_64/os/.treeinfo")).unwrap();
    fs_err::remove_file(compose.join("logs/global/config-dump.global.log")).unwrap();
    let ran = unify(&harbour, &compose, "--arch x86_64");
    assert_eq!(ran.code, 0, "{ran}");
    assert!(ran.stderr.contains("Server-optional: the tree 'Server-optional/x86_64/os' has no .treeinfo"), "{ran}");
    assert!(ran.stderr.contains("config-dump.global.log"), "{ran}");
    assert!(ran.stdout.lines().count() == 1 && ran.stdout.starts_with("Server/x86_64/iso/"), "{ran}");
    let checksums = images(&compose)["Server"]["x86_64"][1]["checksums"].clone();
    let kinds: Vec<_> = checksums.as_object().unwrap().keys().cloned().collect();
    assert_eq!(kinds, ["md5", "sha1", "sha256"], "Pungi's own choice");
}

#[test]
fn other_files_of_trees_lie_in_one_tree_and_those_of_the_first_variant_win() {
    let (harbour, compose) = composed();
    let write = |path: &str, content: &str| {
        let path = compose.join("compose").join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, content).unwrap();
    };
    write("Server/x86_64/os/images/pxeboot/vmlinuz", "a kernel");
    write("Server/x86_64/os/images/boot.iso", "another image");
    write("Server/x86_64/os/GPL", "of Server");
    write("Server-optional/x86_64/os/GPL", "of Server-optional");
    write("Server-optional/x86_64/os/NOTES", "of Server-optional too");
    let treeinfo = compose.join("compose/Server/x86_64/os/.treeinfo");
    let text = fs_err::read_to_string(&treeinfo).unwrap();
    let boot = "[checksums]\nimages/boot.iso = sha256:00\nimages/pxeboot/vmlinuz = sha256:11\nrepodata/repomd.xml = sha256:22\n\n\
                [images-x86_64]\nboot.iso = images/boot.iso\nkernel = images/pxeboot/vmlinuz\n";
    fs_err::write(treeinfo, text + boot).unwrap();

    let ran = unify(&harbour, &compose, "--arch x86_64");
    assert_eq!(ran.code, 0, "{ran}");
    let disc = unpacked(&compose.join("compose").join(ran.stdout.lines().next().unwrap()));
    let read = |path: &str| fs_err::read_to_string(disc.path().join("got").join(path)).ok();
    assert_eq!(read("GPL").unwrap(), "of Server");
    assert_eq!(read("NOTES").unwrap(), "of Server-optional too");
    assert_eq!(read("images/pxeboot/vmlinuz").unwrap(), "a kernel");
    assert_eq!(read("images/boot.iso"), None);
    let merged = read(".treeinfo").unwrap();
    assert!(merged.contains("[images-x86_64]\nkernel = images/pxeboot/vmlinuz\n"), "{merged}");
    assert!(merged.contains("\nimages/pxeboot/vmlinuz = sha256:11\n"), "{merged}");
    assert!(!merged.contains("sha256:00") && !merged.contains("sha256:22"), "{merged}");
}

/// A recorded input, composed.
fn composed_as_recorded(prepared: &Prepared) -> PathBuf {
    let ran = Ran::of(prepared.command().output().unwrap());
    assert_eq!(ran.code, 0, "{ran}");
    composes(&prepared.target).remove(0)
}

/// The same, given images of all variants.
fn recorded_and_unified(prepared: &Prepared) -> PathBuf {
    let root = composed_as_recorded(prepared);
    let ran = super::charmer(&["pungi-create-unified-isos", root.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran}");
    root
}

#[test]
fn debug_packages_have_images_of_their_own_and_addons_lie_in_their_variant() {
    let Some(recorded) = recorded() else { return };
    let prepared = Prepared::new(recorded, "b-multi");
    let root = recorded_and_unified(&prepared);
    let id = fs_err::read_to_string(root.join("COMPOSE_ID")).unwrap();
    let shipped = |path: &str| root.join("compose").join(path);

    let debug = shipped(&format!("Server/x86_64/debug/iso/{id}-x86_64-debuginfo-dvd.iso"));
    let disc = unpacked(&debug);
    let on_disc = packages(&disc.path().join("got/Server"));
    assert!(!on_disc.is_empty() && on_disc.iter().all(|name| name.contains("-debug")), "{on_disc:?}");
    let listed = images(&root);
    let listed = listed["Server"]["x86_64"].as_array().unwrap();
    let record = listed.iter().find(|image| image["type"] == "dvd-debuginfo").unwrap();
    assert_eq!((&record["unified"], &record["arch"]), (&json!(true), &json!("x86_64")));
    // The tool finds fault with any image that is much smaller than a megabyte, so that the small composes above do not do.
    output(&root, "checkisomd5", &[debug.to_str().unwrap()]);
    output(debug.parent().unwrap(), "sha256sum", &["--check", "--strict", "SHA256SUM"]);

    let disc = unpacked(&shipped(&format!("Client/x86_64/iso/{id}-x86_64-dvd.iso")));
    let treeinfo = fs_err::read_to_string(disc.path().join("got/.treeinfo")).unwrap();
    let addon = treeinfo.split("[addon-Server-Clustering]").nth(1).unwrap();
    assert!(addon.contains("\npackages = Server\nparent = Server\nrepository = Server\n"), "{treeinfo}");
    let addons = rpms_in(&shipped("Server/x86_64/os/addons/Clustering"));
    let on_disc = packages(&disc.path().join("got/Server"));
    assert!(!addons.is_empty() && addons.iter().all(|name| on_disc.contains(name)), "{on_disc:?}");
}

#[test]
fn repositories_keep_certificates_and_are_written_as_the_compose_had_them() {
    let Some(recorded) = recorded() else { return };
    let prepared = Prepared::new(recorded, "h-options");
    let root = recorded_and_unified(&prepared);
    let id = fs_err::read_to_string(root.join("COMPOSE_ID")).unwrap();
    let disc = unpacked(&root.join(format!("compose/Server/x86_64/iso/{id}-x86_64-dvd.iso")));
    let (on_disc, in_tree) = (disc.path().join("got/Server/repodata"), root.join("compose/Server/x86_64/os/repodata"));
    let read = |folder: &Path, name: &str| fs_err::read_to_string(folder.join(name)).unwrap();
    assert_eq!(read(&on_disc, "productid"), read(&in_tree, "productid"));
    let kinds = |repomd: &str| repomd.matches("<data type=").count();
    let (new, old) = (read(&on_disc, "repomd.xml"), read(&in_tree, "repomd.xml"));
    assert_eq!(kinds(&new), kinds(&old));
    assert!(new.contains("<checksum type=\"sha512\">") && new.contains("comps-Server.x86_64.xml.xz"), "{new}");
    assert!(new.contains("<content>binary</content>"), "{new}");
}

/// The compose has an extra image of Server and Client on aarch64, which are all variants of that arch.
#[test]
fn an_image_that_would_be_listed_as_another_one_is_refused() {
    let Some(recorded) = recorded() else { return };
    let prepared = Prepared::new(recorded, "e-lookaside");
    let root = composed_as_recorded(&prepared);
    let before = images(&root);
    let ran = super::charmer(&["pungi-create-unified-isos", root.to_str().unwrap()]);
    assert!(ran.code == 1 && ran.stderr.contains("images.json cannot tell them apart"), "{ran}");
    assert!(ran.stderr.contains("for aarch64: there is 'Server/aarch64/iso/Combo-"), "{ran}");
    assert_eq!(images(&root), before);
    assert_nothing_is_left(&root);
    let ran = super::charmer(&["pungi-create-unified-isos", root.to_str().unwrap(), "--arch", "x86_64"]);
    assert_eq!(ran.code, 0, "{ran}");
}
