//! The example's own packages: its script builds the same ones each time, and its sources can be built by anybody.

#![expect(clippy::disallowed_types, reason = "the script and Debian's own tools are run as a user runs them")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use charmer_compose::package_set::deb_file::contents;
use charmer_compose::package_set::overlay::{Overlay, read_overlay};

const KEY: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nnot a real one\n-----END PGP PUBLIC KEY BLOCK-----\n";

fn build(folder: &Path, key: &Path, mask: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/harbour/build-packages");
    let line = r#"umask "$0" && exec "$@""#;
    Command::new("sh").args(["-c", line, mask]).args([&script, folder, key]).output().unwrap()
}

/// The packages that the script builds with a key of this text.
fn built(folder: &Path, key: &str, mask: &str) -> Overlay {
    let key_file = folder.join("key.asc");
    fs_err::write(&key_file, key).unwrap();
    let output = build(&folder.join("debs"), &key_file, mask);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    read_overlay(&folder.join("debs")).unwrap()
}

#[test]
fn they_hold_what_they_promise_and_are_the_same_each_time() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let overlay = built(folders[0].path(), KEY, "022");
    assert_eq!(built(folders[1].path(), KEY, "077"), overlay);
    let names: Vec<_> = overlay.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["harbour-keyring", "harbour-release"]);
    assert_eq!(overlay.sources.len(), 2);
    let debs = folders[0].path().join("debs");
    let paths: Vec<_> = overlay.packages.iter().flat_map(|package| contents(&debs.join(&package.file.path)).unwrap()).collect();
    for path in ["usr/share/keyrings/harbour-archive-keyring.asc", "usr/lib/harbour/os-release", "etc/harbour-release"] {
        assert!(paths.contains(&path.to_owned()), "{path} in {paths:?}");
    }
    let left: Vec<_> = fs_err::read_dir(folders[0].path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn their_sources_build_the_same_packages() {
    let folder = tempfile::tempdir().unwrap();
    let overlay = built(folder.path(), KEY, "022");
    for source in &overlay.sources {
        let dsc = folder.path().join("debs").join(&source.files[0].path);
        let tree: PathBuf = folder.path().join("rebuilt").join(&source.name);
        fs_err::create_dir_all(tree.parent().unwrap()).unwrap();
        let unpacked =
            Command::new("dpkg-source").arg("--require-strong-checksums").arg("-x").arg(dsc).arg(&tree).output().unwrap();
        assert!(unpacked.status.success(), "{}", String::from_utf8_lossy(&unpacked.stderr));
        let rebuilt =
            Command::new("dpkg-buildpackage").args(["-us", "-uc", "--build=binary", "-d"]).current_dir(&tree).output().unwrap();
        assert!(rebuilt.status.success(), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    }
    let digests =
        |overlay: Overlay| overlay.packages.into_iter().map(|package| (package.name, package.file.sha256)).collect::<Vec<_>>();
    let rebuilt = read_overlay(&folder.path().join("rebuilt")).unwrap();
    assert_eq!(digests(rebuilt), digests(overlay));
}

#[test]
fn a_key_that_is_not_a_public_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.asc");
    for text in ["", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n", &format!("{KEY}-----BEGIN PGP PRIVATE KEY BLOCK-----\n")] {
        fs_err::write(&key, text).unwrap();
        let output = build(&folder.path().join("debs"), &key, "022");
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("is not an armoured OpenPGP public key"));
        assert!(!folder.path().join("debs").exists());
    }
}
