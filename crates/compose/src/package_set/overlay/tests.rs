use std::os::unix::fs::symlink;
use std::sync::Arc;

use charmer_testkit::deb::{Deb, debs_from_text};
use charmer_testkit::dsc::Dsc;

use super::*;
use crate::digest::Sha256;
use crate::package_set::lock::{Lock, LockedPackage, LockedSource};

fn fixture() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    debs_from_text(
        "
Package: zebra
Architecture: amd64

Package: apple
Version: 1:2
Depends: zebra
Files: /usr/share/apple

Package: zebra
Architecture: arm64
",
        &folder.path().join("pool/a"),
    );
    Dsc::new("apple", "1:2").write_to(&folder.path().join("pool/a"));
    fs_err::write(folder.path().join("notes.changes"), "no package").unwrap();
    folder
}

#[expect(clippy::disallowed_types, reason = "what we write is compared with what the tools of users write")]
fn output(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = std::process::Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Stanzas as data: the lines of each, those of fields that only one program writes left out.
fn stanzas(text: &str) -> Vec<Vec<&str>> {
    let only_theirs = ["SHA1:", "SHA512:", "Description-md5:", "Checksums-Sha1:", "Checksums-Sha512:"];
    let mut stanzas: Vec<Vec<&str>> = text.trim_end().split("\n\n").map(|stanza| stanza.lines().collect()).collect();
    for stanza in &mut stanzas {
        let mut left_out = false;
        stanza.retain(|line| {
            left_out = if line.starts_with(' ') { left_out } else { only_theirs.iter().any(|name| line.starts_with(name)) };
            !left_out
        });
        stanza.sort_unstable();
    }
    stanzas.sort();
    stanzas
}

#[test]
fn indexes_say_what_apt_ftparchive_says() {
    let folder = fixture();
    let overlay = read_overlay(folder.path()).unwrap();
    let arches: Vec<_> = overlay.packages.iter().map(|package| (package.name.as_str(), package.arch.as_str())).collect();
    assert_eq!(arches, [("apple", "all"), ("zebra", "amd64"), ("zebra", "arm64")]);
    for arch in ["amd64", "arm64"] {
        let ours = String::from_utf8(overlay.packages_text(arch)).unwrap();
        let theirs = output("apt-ftparchive", &["--arch", arch, "packages", "pool"], folder.path());
        assert_eq!(stanzas(&ours), stanzas(&theirs), "{arch}");
        assert_eq!(ours.matches("Package: ").count(), 2);
    }
    let theirs = output("apt-ftparchive", &["sources", "pool"], folder.path());
    assert_eq!(stanzas(&String::from_utf8(overlay.sources_text()).unwrap()), stanzas(&theirs));
    assert_eq!(overlay.sources[0].files[0].path, "pool/a/apple_2.dsc");
}

#[test]
fn what_was_read_goes_into_a_lock_and_comes_back() {
    let overlay = read_overlay(fixture().path()).unwrap();
    let packages = overlay.packages.iter().cloned().map(|package| LockedPackage {
        source: package.name.clone(),
        source_version: package.version.clone(),
        name: package.name,
        version: package.version,
        arch: package.arch.into(),
        archive: "own".into(),
        component: "main".into(),
        file: package.file,
        stanza: package.stanza,
        lookaside: false,
    });
    let sources = overlay.sources.iter().cloned().map(|source| LockedSource {
        name: source.name,
        version: source.version,
        archive: "own".into(),
        component: "main".into(),
        files: source.files,
        stanza: source.stanza,
    });
    let lock = Lock {
        ecosystem: "deb".into(),
        date: 1_700_000_000,
        indexes: vec![],
        packages: packages.map(Arc::new).collect(),
        sources: sources.map(Arc::new).collect(),
    };
    assert_eq!(Lock::read(&lock.write(), "lock"), Ok(lock));
}

#[test]
fn all_that_is_wrong_is_named_at_once() {
    let folder = fixture();
    let at = |path: &str| folder.path().join(path);
    fs_err::write(at("broken.deb"), "no package").unwrap();
    fs_err::write(at("broken.dsc"), "Source: x\nVersion: 1\n").unwrap();
    Deb::new("apple", "1:2", "all").file("/other", b"content").write_to(&at("pool/b"));
    symlink("/etc", at("etc")).unwrap();
    symlink("/etc/hostname", at("out.deb")).unwrap();
    fs_err::write(at("line\nend.deb"), "").unwrap();
    let error = read_overlay(folder.path()).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.faults.len(), 6, "{text}");
    for part in [
        "broken.deb: it is not a Debian package",
        "broken.dsc: it has no Files",
        "pool/a/apple_2_all.deb and ",
        "etc: the link leads out",
        "out.deb: the link leads out",
        "end.deb: its name is not plain text",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let missing = read_overlay(&at("no-such-folder")).unwrap_err().to_string();
    assert!(missing.contains("no-such-folder"), "{missing}");
}

#[test]
fn the_same_package_twice_counts_once_and_links_within_are_fine() {
    let folder = fixture();
    fs_err::create_dir(folder.path().join("again")).unwrap();
    fs_err::copy(folder.path().join("pool/a/apple_2_all.deb"), folder.path().join("again/copy.deb")).unwrap();
    symlink("pool/a/zebra_1.0_amd64.deb", folder.path().join("link.deb")).unwrap();
    symlink("pool", folder.path().join("pool-again")).unwrap();
    symlink(".", folder.path().join("loop")).unwrap();
    let overlay = read_overlay(folder.path()).unwrap();
    assert_eq!(overlay.packages.len(), 3);
    let package = &overlay.packages[0];
    assert_eq!(package.file.path, "again/copy.deb");
    assert_eq!(Sha256::of_file(&folder.path().join(&package.file.path)).unwrap(), (package.file.sha256, package.file.size));
}
