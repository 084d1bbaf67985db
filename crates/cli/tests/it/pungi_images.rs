//! Options of ISO images.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use charmer_testkit::fake_tools::write_fake_lorax;
use charmer_testkit::rpm_file::Rpm;

use super::output;
use super::pungi_distribution::{Distribution, VARIANTS, names};

/// In memory where there is a disk in memory, as that is another file system than that of the compose.
fn another_disk() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

#[test]
fn isos_lie_on_another_disk_behind_links() {
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("one", &Rpm::new("pond", "1", "1", "x86_64"));
    distribution.add("one", &Rpm::new("pond", "1", "1", "src"));
    fs_err::create_dir(distribution.path("tools")).unwrap();
    write_fake_lorax(&distribution.path("tools")).unwrap();
    let large = another_disk();
    distribution.configure(&format!(
        "pkgset_repos = {{'*': ['one']}}\nsymlink_isos_to = '{}'\ncreateiso_skip = []\ncreateiso_use_xorrisofs = True\n\
         buildinstall_method = 'lorax'\ncreate_jigdo = True",
        large.path().display()
    ));
    for number in 0..2 {
        let ran = distribution.compose(&["--old-composes", "composes"]);
        assert_eq!(ran.code, 0, "{ran}");
        let compose = distribution.newest();
        let id = compose.file_name().unwrap().to_str().unwrap();
        assert!(id.ends_with(&format!(".{number}")), "{id}");
        for (folder, expected) in
            [("compose/Server/x86_64/iso", &["boot.iso", "dvd1.iso"][..]), ("compose/Server/source/iso", &["dvd1.iso"])]
        {
            let link = compose.join(folder);
            let target = large.path().join(id).join(folder);
            assert_eq!(fs_err::read_link(&link).unwrap(), target);
            let isos = names(&target, ".iso");
            let endings: Vec<&str> = isos.iter().map(|name| name.rsplit('-').next().unwrap()).collect();
            assert_eq!(endings, expected);
            for name in &isos {
                let metadata = fs_err::metadata(link.join(name)).unwrap();
                assert_eq!(metadata.dev(), fs_err::metadata(large.path()).unwrap().dev(), "{name}");
                assert!(metadata.nlink() > 1, "{name} is there once, where it was made and where it is shipped");
            }
        }
        let images = fs_err::read_to_string(compose.join("compose/metadata/images.json")).unwrap();
        assert_eq!(images.matches("\"path\": \"Server/").count(), 3, "{images}");
        assert_eq!(names(&compose.join("compose/Server/x86_64/jigdo"), ".template").len(), 1);
        assert!(ran.stderr.contains("FINISHED"), "{ran}");
        if number == 1 {
            let calls = fs_err::read_to_string(distribution.path("tools/calls")).unwrap();
            assert_eq!(calls.lines().filter(|line| line.contains("--product")).count(), 1, "the second compose reuses: {calls}");
        }
        // What an earlier process left is taken as it is.
        fs_err::remove_file(compose.join("STATUS")).unwrap();
        let again = distribution.charmer(&["resume", compose.to_str().unwrap()]);
        assert_eq!(again.code, 0, "{again}");
    }
}

#[test]
fn isos_are_made_anew_where_the_configuration_wants_it() {
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("one", &Rpm::new("pond", "1", "1", "x86_64"));
    let options = "pkgset_repos = {'*': ['one']}\ncreateiso_skip = []\ncreateiso_use_xorrisofs = True\n\
                   image_volid_formats = ['{release_short} {variant}']\n";
    let made = |more: &str| {
        distribution.configure(&format!("{options}{more}"));
        let ran = distribution.compose(&["--old-composes", "composes"]);
        assert_eq!(ran.code, 0, "{ran}");
        let events = fs_err::read_to_string(distribution.newest().join("logs/events.jsonl")).unwrap();
        let events = events.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let is_start = |event: &serde_json::Value| event["event"] == "job-started" && event["job"] == "createiso:Server.x86_64";
        events.filter(is_start).count()
    };
    assert_eq!([made(""), made(""), made("createiso_allow_reuse = False")], [1, 0, 1]);
}

/// Everything on an image, in a folder.
fn extracted(image: &Path, folder: &Path) -> std::path::PathBuf {
    let got = folder.join("got");
    let image = format!("stdio:{}", image.display());
    output(folder, "xorriso", &["-no_rc", "-osirrox", "on", "-indev", &image, "-extract", "/", got.to_str().unwrap()]);
    got
}

fn variant(id: &str, attributes: &str, arch: &str, group: &str, more: &str) -> String {
    let group = if group.is_empty() { String::new() } else { format!("<groups><group>{group}</group></groups>") };
    let kind = if attributes.contains("type=") { "" } else { "type=\"variant\"" };
    format!("<variant id=\"{id}\" name=\"{id}\" {kind} {attributes}><arches><arch>{arch}</arch></arches>{group}{more}</variant>")
}

#[test]
fn images_of_several_variants_name_those_that_are_not_on_the_arch() {
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("one", &Rpm::new("pond", "1", "1", "x86_64"));
    let variants = [
        variant("Server", "", "x86_64", "core", ""),
        variant("Mainframe", "has_optional=\"true\"", "s390x", "core", ""),
        variant("Blank", "is_empty=\"true\"", "x86_64", "", ""),
    ];
    fs_err::write(distribution.path("variants.xml"), format!("<variants>{}</variants>", variants.concat())).unwrap();
    let isos = "[{'include_variants': ['Mainframe', 'Mainframe-optional'], 'filename': 'all.iso', 'skip_src': True}]";
    let files = "[('^Blank$', {'*': [{'scm': 'file', 'repo': '', 'file': 'comps.xml'}]})]";
    distribution.configure(&format!(
        "pkgset_repos = {{'*': ['one']}}\ncreateiso_use_xorrisofs = True\nskip_phases = ['createiso']\ntreeinfo_version = '9'\n\
         extra_isos = {{'^Server$': {isos}}}\nextra_files = {files}"
    ));
    let ran = distribution.compose(&[]);
    assert_eq!(ran.code, 0, "{ran}");
    let compose = distribution.newest().join("compose");
    let folder = tempfile::tempdir().unwrap();
    let disc = extracted(&compose.join("Server/x86_64/iso/all.iso"), folder.path());
    let treeinfo = fs_err::read_to_string(disc.join(".treeinfo")).unwrap();
    for line in ["[variant-Mainframe]", "[variant-Mainframe-optional]", "variants = Mainframe,Server,optional", "version = 9"] {
        assert!(treeinfo.lines().any(|found| found == line), "{line} is not in {treeinfo}");
    }
    assert!(disc.join("Server/Packages/pond-1-1.x86_64.rpm").is_file() && !disc.join("Mainframe").exists());
    let discinfo = fs_err::read_to_string(disc.join(".discinfo")).unwrap();
    assert_eq!(discinfo.lines().nth(1), Some("Meadow 1"), "media have the release's own version");
    // Empty variants get no files, but the option is set, and so there is a list.
    assert!(!compose.join("Blank").exists());
    let listed = fs_err::read_to_string(compose.join("metadata/extra_files.json")).unwrap();
    assert!(listed.contains("\"extra_files\": {}"), "{listed}");
}

#[test]
fn empty_folders_of_a_tree_are_on_its_image() {
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("one", &Rpm::new("pond", "1", "1", "x86_64"));
    let variants = [
        variant("Tools", "type=\"addon\"", "x86_64", "core", ""),
        variant("Server", "", "x86_64", "none", "<variants><ref id=\"Tools\"/></variants>"),
    ];
    fs_err::write(distribution.path("variants.xml"), format!("<variants>{}</variants>", variants.concat())).unwrap();
    for tool in ["createiso_use_xorrisofs = True", ""] {
        let options = "pkgset_repos = {'*': ['one']}\ncreateiso_skip = [('^Server$', {'src': True})]\n";
        distribution.configure(&format!("{options}{tool}"));
        let ran = distribution.compose(&[]);
        assert_eq!(ran.code, 0, "{ran}");
        let isos = distribution.newest().join("compose/Server/x86_64/iso");
        let folder = tempfile::tempdir().unwrap();
        let disc = extracted(&isos.join(&names(&isos, ".iso")[0]), folder.path());
        assert!(disc.join("addons/Tools/pond-1-1.x86_64.rpm").is_file());
        let inside: Vec<_> = fs_err::read_dir(disc.join("Packages")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(inside.iter().all(|name| name == "TRANS.TBL"), "{inside:?}");
    }
}

#[test]
fn without_repositories_there_are_trees_and_images_of_them() {
    let distribution = Distribution::new(&["pond"], "");
    let mut pond = Rpm::new("pond", "1", "1", "x86_64");
    pond.requires.add_text("moon");
    distribution.add("one", &pond);
    let options = "pkgset_repos = {'*': ['one']}\ncreateiso_skip = []\ncreateiso_use_xorrisofs = True\n\
                   repoclosure_strictness = [('^.*$', {'*': 'fatal'})]\ncheck_deps = False";
    distribution.configure(&format!("{options}\nskip_phases = ['createrepo', 'image_checksum']"));
    let ran = distribution.compose(&[]);
    assert_eq!(ran.code, 0, "there is no repository whose closure could be checked: {ran}");
    let compose = distribution.newest();
    let tree = compose.join("compose/Server/x86_64/os");
    assert_eq!(names(&tree.join("Packages"), ".rpm"), ["pond-1-1.x86_64.rpm"]);
    assert!(tree.join(".treeinfo").exists() && !tree.join("repodata").exists());
    let isos = compose.join("compose/Server/x86_64/iso");
    let image = isos.join(&names(&isos, ".iso")[0]);
    let listed = output(&isos, "xorriso", &["-indev", image.to_str().unwrap(), "-find", "/"]);
    assert!(listed.contains("pond-1-1.x86_64.rpm") && !listed.contains("repodata"), "{listed}");
    assert_eq!(names(&isos, "SUM").len(), 6, "checksums cannot be skipped");
    let rpms = fs_err::read_to_string(compose.join("compose/metadata/rpms.json")).unwrap();
    assert!(rpms.contains("pond-0:1-1.x86_64"), "{rpms}");
}

#[test]
fn images_without_any_checksum_are_refused_before_they_are_made() {
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("one", &Rpm::new("pond", "1", "1", "x86_64"));
    let options = "pkgset_repos = {'*': ['one']}\nmedia_checksums = []";
    distribution.configure(&format!("{options}\ncreateiso_skip = []"));
    let ran = distribution.compose(&[]);
    assert!(ran.code == 1 && ran.stderr.contains("media_checksums: images.json needs at least one checksum"), "{ran}");
    assert_eq!(fs_err::read_dir(distribution.path("composes")).unwrap().count(), 0);
    distribution.configure(options);
    assert_eq!(distribution.compose(&[]).code, 0, "without images none is needed");
}

#[test]
fn images_of_several_variants_that_could_not_be_made_leave_no_folder() {
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("one", &Rpm::new("pond", "1", "1", "x86_64"));
    let server = VARIANTS.replace("type=\"variant\"", "type=\"variant\" is_empty=\"true\"");
    let client = "<variant id=\"Client\" name=\"Client\" type=\"variant\"><arches><arch>x86_64</arch></arches>\
                  <groups><group>core</group></groups></variant></variants>";
    fs_err::write(distribution.path("variants.xml"), server.replace("</variants>", client)).unwrap();
    distribution.configure(
        "pkgset_repos = {'*': ['one']}\nextra_isos = {'^Server$': [{'include_variants': ['Client'], 'skip_src': True, \
         'failable_arches': ['x86_64'], 'volid': 'a volume id of {arch} that is much too long'}]}",
    );
    let ran = distribution.compose(&[]);
    assert!(ran.code == 0 && ran.stderr.contains("FINISHED_INCOMPLETE"), "{ran}");
    let compose = distribution.newest().join("compose");
    assert!(!compose.join("Server").exists());
    let info = fs_err::read_to_string(compose.join("metadata/composeinfo.json")).unwrap();
    assert!(info.contains("\"Client/x86_64/os\"") && !info.contains("isos"), "{info}");
}
