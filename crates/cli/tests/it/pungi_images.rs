//! Options of ISO images.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use charmer_testkit::fake_tools::write_fake_lorax;
use charmer_testkit::rpm_file::Rpm;

use super::pungi_distribution::{Distribution, names};

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
