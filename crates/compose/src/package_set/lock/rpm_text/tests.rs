use proptest::prelude::*;

use super::*;
use crate::digest::Sha256;

fn package(name: &str, version: &str, arch: &str) -> LockedRpm {
    let path = format!("Packages/{name}-{version}-1.{arch}.rpm");
    LockedRpm {
        name: name.into(),
        epoch: u32::from(name == "bash"),
        version: version.into(),
        release: "1".into(),
        arch: arch.into(),
        source: if arch == "src" { String::new() } else { format!("{name}-{version}-1.src.rpm") },
        repository: "/srv/my repository".into(),
        file: LockedFile { path, size: 12, sha256: Sha256::of(version.as_bytes()) },
        sigkey: (name == "bash").then(|| "0123abcd".into()),
    }
}

fn lock() -> RpmLock {
    let file = |path: &str| LockedFile { path: path.into(), size: 99, sha256: Sha256::of(path.as_bytes()) };
    RpmLock {
        repositories: vec![
            LockedRepository { place: "/srv/my repository".into(), repomd: None, files: Vec::new() },
            LockedRepository {
                place: "http://example.org/os".into(),
                repomd: Some(file(REPOMD)),
                files: vec![file("repodata/primary.xml.gz")],
            },
        ],
        packages: vec![package("bash", "5.2", "src"), package("bash", "5.2", "x86_64"), package("lax", "1~rc1", "noarch")],
        trees: vec![LockedTree {
            tree: "Server.x86_64".into(),
            missing: vec!["No package matches pattern lux*".into()],
            unresolved: vec!["lax.noarch requires (a if b)".into()],
        }],
    }
}

#[test]
fn text_is_made_to_be_read_and_reads_back() {
    let text = lock().write();
    let (repomd, primary, digest) = (Sha256::of(REPOMD.as_bytes()), Sha256::of(b"repodata/primary.xml.gz"), Sha256::of(b"5.2"));
    let expected = format!(
        "\
Charmer-Lock: 1
Ecosystem: rpm

Repository: /srv/my repository

Repository: http://example.org/os
Repomd-Sha256: {repomd}
Repomd-Size: 99
Files:
 {primary} 99 repodata/primary.xml.gz

Package: bash
Epoch: 1
Version: 5.2
Release: 1
Architecture: src
Sha256: {digest}
Size: 12
Repository: /srv/my repository
Path: Packages/bash-5.2-1.src.rpm
Sigkey: 0123abcd

Package: bash
"
    );
    assert!(text.starts_with(&expected), "{text}");
    let ending =
        "\n\nTree: Server.x86_64\nMissing:\n No package matches pattern lux*\nUnresolved:\n lax.noarch requires (a if b)\n";
    assert!(text.ends_with(ending), "{text}");
    assert_eq!(RpmLock::read(&text, "lock"), Ok(lock()));
    assert_eq!(lock().packages[1].nevra(), "bash-1:5.2-1.x86_64");
    assert_eq!((lock().packages[0].source_name(), lock().packages[2].source_name()), ("bash", "lax"));
}

#[test]
fn edited_locks_are_refused_with_the_line() {
    let twice = lock().write().split_once("\n\nPackage: lax").unwrap().1.split_once("\n\n").unwrap().0.to_owned();
    for (from, to, expected) in [
        ("Ecosystem: rpm", "Ecosystem: deb", "lock:2: it is a lock of deb packages, not of rpm packages"),
        ("Ecosystem: rpm", "Ecosystem: rpm\nDate: 1", "lock:3: 'Date' is not a field of Charmer-Lock entries"),
        (" 99 repodata/", " 99 ../", "lock:10: path '../primary.xml.gz' is not a plain relative path"),
        ("Repomd-Size: 99", "Repomd-Size: 99999999999", "Repomd-Size 99999999999 is not the size of such a file"),
        ("\nRelease: 1", "\nRelease: 1\u{7}", "lock:15: Release '1\\u{7}' is not one word"),
        ("\nEpoch: 1", "\nEpoch: 5000000000", "lock:13: Epoch: number too large to fit in target type"),
        ("\nPath: Packages/bash", "\nPath: Packages/../../bash", "is not a plain relative path"),
        ("\nPath: Packages/bash", "\nPath: /bash", "is not a plain relative path"),
        ("\nPath: Packages/bash-5.2-1.src.rpm", "\nPath: Packages/bash", "the path 'Packages/bash' does not end in .rpm"),
        ("\nSize: 12\n", "\nSize: 99999999999999\n", "Size 99999999999999 is not the size of such a file"),
        ("\nSize: 12\n", "\nSize: 0\n", "Size 0 is not the size of such a file"),
        ("\nRepository: http://example.org/os", "\nRepository: http://\u{1b}[2J", "has control characters"),
        ("\nRepository: http://example.org/os", "\nRepository: /srv/my repository", "lock:6: repository /srv/my repository is"),
        ("1\nArchitecture: noarch", "1\nArchitecture: noarch\nArchitecture: src", "Architecture is there twice"),
        ("\nTree:", "\nPackage: laxTWICE\n\nTree:", "package file lax-1~rc1-1.noarch.rpm is there twice, first in line 35"),
        (" No package", " \u{8}", "Missing has control characters"),
        ("\n\nTree", "\n\nBush", "an entry begins with Repository, Package or Tree, not with Bush"),
        ("Repository: /srv/my repository\n\nRepo", "Repo", "the lock has no entry of the repository /srv/my repository"),
    ] {
        let text = lock().write();
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, &to.replace("TWICE", &twice), 1);
        let error = RpmLock::read(&changed, "lock").map_err(|error| error.to_string()).unwrap_err();
        assert!(error.contains(expected), "{from:?} -> {to:?}: {error}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "(Charmer-Lock: 1\nEcosystem: rpm\n\n)?((Package|Repository|Tree|Files|Missing|Size|Path| )?:?[ a-z0-9/.:]{0,9}\n?){0,20}") {
        let _ = RpmLock::read(&text, "lock");
    }
}
