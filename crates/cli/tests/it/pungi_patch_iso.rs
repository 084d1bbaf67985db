//! `pungi-patch-iso`, as Pungi's callers call it.

use super::{Charmer, charmer, output};

#[test]
fn files_of_folders_are_put_on_a_copy_of_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = |path: &str| folder.path().join(path);
    for (name, content) in [("tree/kept.txt", "kept"), ("tree/replaced.txt", "old"), ("over/replaced.txt", "new")] {
        fs_err::create_dir_all(path(name).parent().unwrap()).unwrap();
        fs_err::write(path(name), content).unwrap();
    }
    output(folder.path(), "xorrisofs", &["-quiet", "-r", "-J", "-V", "Harbour 1", "-o", "source.iso", "tree"]);
    let run = |arguments: &[&str]| Charmer { folder: Some(folder.path()), ..Charmer::default() }.run(arguments);

    let ran = run(&["pungi-patch-iso", "--supported", "true", "target.iso", "source.iso", "over"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("--force-arch"), "{}", ran.stderr);
    output(folder.path(), "xorriso", &["-no_rc", "-osirrox", "on", "-indev", "target.iso", "-extract", "/", "got"]);
    assert_eq!(fs_err::read_to_string(path("got/kept.txt")).unwrap(), "kept");
    assert_eq!(fs_err::read_to_string(path("got/replaced.txt")).unwrap(), "new");
    assert!(output(folder.path(), "isoinfo", &["-d", "-i", "target.iso"]).contains("Volume id: Harbour 1\n"));
    assert!(output(folder.path(), "checkisomd5", &["--md5sumonly", "--verbose", "target.iso"]).contains("Supported ISO: yes"));

    let absent = run(&["pungi-patch-iso", "other.iso", "absent.iso", "over"]);
    assert_eq!(absent.code, 1);
    assert!(absent.stderr.contains("absent.iso") && !path("other.iso").exists(), "{}", absent.stderr);
}

#[test]
fn without_folders_it_says_so() {
    assert_eq!(charmer(&["pungi-patch-iso", "target.iso", "source.iso"]).code, 2);
}
