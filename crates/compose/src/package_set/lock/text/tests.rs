use proptest::prelude::*;

use super::*;
use crate::package_set::lock::Change;

fn package(name: &str, version: &str, arch: &str) -> LockedPackage {
    let file = LockedFile { path: format!("pool/{name}_{version}_{arch}.deb"), size: 12, sha256: Sha256::of(version.as_bytes()) };
    let stanza = format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {arch}\nTag: a,\n b\n\tc\nFilename: {}\nSize: 12\nSHA256: {}\n",
        file.path, file.sha256
    );
    LockedPackage {
        name: name.into(),
        version: version.into(),
        arch: arch.into(),
        source: format!("{name}-source"),
        source_version: version.into(),
        archive: "debian".into(),
        component: "main".into(),
        file,
        stanza,
        lookaside: name.ends_with('x'),
    }
}

fn source(name: &str, version: &str) -> LockedSource {
    let sha256 = Sha256::of(name.as_bytes());
    let stanza = format!("Package: {name}\nVersion: {version}\nChecksums-Sha256:\n {sha256} 5 {name}.dsc\nDirectory: pool\n");
    LockedSource {
        name: name.into(),
        version: version.into(),
        archive: "debian".into(),
        component: "main".into(),
        files: vec![LockedFile { path: format!("pool/{name}.dsc"), size: 5, sha256 }],
        stanza,
    }
}

fn lock() -> Lock {
    let file = LockedFile { path: "main/binary-amd64/Packages.xz".into(), size: 99, sha256: Sha256::of(b"index") };
    Lock {
        ecosystem: "deb".into(),
        date: 1_763_000_000,
        indexes: vec![LockedIndex {
            archive: "debian".into(),
            suite: "trixie".into(),
            release_sha256: Sha256::of(b"release"),
            date: "Sat, 15 Nov 2025 09:13:20 UTC".into(),
            version: String::new(),
            trusted: true,
            files: vec![file],
        }],
        packages: vec![Arc::new(package("bash", "5.2-1", "amd64")), Arc::new(package("lax", "1:1~rc1", "all"))],
        sources: vec![Arc::new(source("bash", "5.2-1"))],
    }
}

#[test]
fn text_is_made_to_be_read_and_reads_back() {
    let text = lock().write();
    let beginning = format!(
        "\
Charmer-Lock: 1
Ecosystem: deb
Date: 2025-11-13T02:13:20Z

Index: debian
Suite: trixie
Release-Sha256: {}
Date: Sat, 15 Nov 2025 09:13:20 UTC
Version:
Trusted: yes
Files:
 {} 99 main/binary-amd64/Packages.xz

Package: bash
Version: 5.2-1
Architecture: amd64
",
        Sha256::of(b"release"),
        Sha256::of(b"index")
    );
    assert!(text.starts_with(&beginning), "{text}");
    assert!(
        text.contains("\nStanza:\n Package: bash\n Version: 5.2-1\n Architecture: amd64\n Tag: a,\n  b\n \tc\n Filename:"),
        "{text}"
    );
    assert_eq!(Lock::read(&text, "lock"), Ok(lock()));
}

#[test]
fn one_package_that_moves_changes_its_own_lines_only() {
    let mut moved = lock();
    moved.packages[0] = Arc::new(package("bash", "5.2-2", "amd64"));
    let (old, new) = (lock().write(), moved.write());
    let differing: Vec<_> = old.lines().zip(new.lines()).filter(|(old, new)| old != new).map(|(old, _)| old).collect();
    assert_eq!(old.lines().count(), new.lines().count());
    assert_eq!(differing.len(), 7, "{differing:?}");
    let reversed = Lock { packages: moved.packages.iter().rev().cloned().collect(), ..moved.clone() };
    assert_eq!(reversed.write(), new);
}

/// The error for the lock's text with one piece of it replaced.
fn error(from: &str, to: &str) -> String {
    let text = lock().write();
    assert!(text.contains(from), "{from}");
    Lock::read(&text.replacen(from, to, 1), "lock").map_err(|error| error.to_string()).unwrap_err()
}

#[test]
fn edited_locks_are_refused_with_the_line() {
    let digest = Sha256::of(b"5.2-1").to_string();
    let twice = lock().write().split_once("\n\nPackage: bash").unwrap().1.split_once("\n\n").unwrap().0.to_owned();
    for (from, to, expected) in [
        ("Charmer-Lock: 1", "Charmer-Lock: 2", "lock:1: it is a lock of form 2, and this charmer reads form 1 only"),
        ("Charmer-Lock: 1", "Lock: 1", "lock:1: it does not begin with Charmer-Lock: it is not a lock of charmer"),
        ("Ecosystem: deb", "Ecosystem: apk", "lock:2: Ecosystem is 'apk', neither deb nor rpm"),
        ("Date: 2025", "Date: once 2025", "lock:3: Date 'once 2025-11-13T02:13:20Z' is not of the form 2026-01-31T12:00:00Z"),
        ("Suite: trixie", "Suit: trixie", "lock:5: this entry has no Suite"),
        ("Trusted: yes", "Trusted: yes\nColour: red", "lock:11: 'Colour' is not a field of Index entries"),
        ("Trusted: yes", "Trusted: maybe", "lock:10: Trusted 'maybe' is neither yes nor no"),
        ("Trusted: yes", "Trusted: yes\n  no", "lock:11: Trusted has one line only"),
        ("Trusted: yes", "Suite: sid", "lock:10: Suite is there twice, first in line 6"),
        (" 99 main/", " 99 ../", "lock:12: path '../binary-amd64/Packages.xz' is not a plain relative path"),
        (" 99 main/", " 99 /", "lock:12: path '/binary-amd64/Packages.xz' is not a plain relative path"),
        (" 99 main", " many main", "lock:12: 'many' is not a size"),
        ("\nPackage: bash", "\nPaket: bash", "lock:14: an entry begins with Index, Package or Source-Package, not with Paket"),
        ("\nVersion: 5.2-1", "\nVersion: 5.2 1", "lock:15: Version '5.2 1' is not one word"),
        ("\nVersion: 5.2-1", "\nVersion: 5.2-9", "lock:26: the Stanza says Version '5.2-1', but the lock says '5.2-9'"),
        (
            "\nArchitecture: amd64",
            "\nArchitecture: arm64",
            "lock:27: the Stanza says Architecture 'amd64', but the lock says 'arm64'",
        ),
        ("\nSize: 12", "\nSize: 13", "lock:32: the Stanza says Size '12', but the lock says '13'"),
        ("\nSize: 12", "\nSize: -12", "lock:18: Size: invalid digit found in string"),
        ("\n Package: bash\n", "\n", "lock:24: the Stanza has no Package"),
        ("\n Tag: a,", "\n \n Tag: a,", "lock:28: an empty line in a Stanza, which is one entry of an index"),
        (" Tag: a,", " SHA256: 00", "lock:28: the Stanza says SHA256 '00', but the lock says 'DIGEST'"),
        (" 5 pool/bash.dsc", " 6 pool/bash.dsc", "Checksums-Sha256 of the Stanza and Files of the lock differ"),
        (
            "\n\nPackage: lax",
            "\n\nPackage: bashTWICE\n\nPackage: lax",
            "lock:35: package bash 5.2-1 amd64 is there twice, first in line 14",
        ),
        ("\n\nSource-Package", "\n\n lost\n\nSource-Package", "an indented line that belongs to no field"),
    ] {
        let error = error(from, &to.replace("TWICE", &twice));
        assert!(error.contains(&expected.replace("DIGEST", &digest)), "{from} -> {to}: {error}");
    }
    let error = error(&digest, "0123");
    assert_eq!(error, "lock:17: Sha256: '0123' is not a SHA-256 digest: 64 hexadecimal digits are expected");
    assert_eq!(Lock::read("", "lock").unwrap_err().line, 1);
}

#[test]
fn one_file_cannot_have_two_digests() {
    let mut lock = lock();
    let mut other = package("bash", "5.2-1", "amd64");
    other.name = "bash2".into();
    other.file.sha256 = Sha256::of(b"other");
    other.stanza = other.stanza.replace("Package: bash", "Package: bash2");
    other.stanza = other.stanza.replace(&Sha256::of(b"5.2-1").to_string(), &other.file.sha256.to_string());
    lock.packages.push(Arc::new(other));
    let error = Lock::read(&lock.write(), "lock").unwrap_err().to_string();
    assert!(error.ends_with("pool/bash_5.2-1_amd64.deb has another SHA-256 than in the entry of line 14"), "{error}");
}

#[test]
fn diff_says_what_came_went_and_changed() {
    let mut new = lock();
    let mut other = package("lax", "1:1~rc1", "all");
    other.file.sha256 = Sha256::of(b"other");
    new.packages =
        vec![Arc::new(package("bash", "5.2-2", "amd64")), Arc::new(package("bash", "5.2-2", "arm64")), Arc::new(other)];
    new.sources.clear();
    let lines: Vec<_> = Lock::diff(&lock(), &new).iter().map(ToString::to_string).collect();
    let expected = [
        "changed bash:amd64 5.2-1 -> 5.2-2",
        "added bash:arm64 5.2-2",
        "removed bash:source 5.2-1",
        "changed lax:all 1:1~rc1: same version, other content",
    ];
    assert_eq!(lines, expected);
    assert_eq!(Lock::diff(&new, &new), []);
    assert!(matches!(Lock::diff(&new, &lock())[1].change, Change::Removed { .. }));
}

fn any_file() -> impl Strategy<Value = LockedFile> {
    ("[a-z0-9+ ~%]{1,9}(/[^/\\p{Cc}.][^/\\p{Cc}]{0,9}){0,3}", any::<u64>(), any::<[u8; 32]>())
        .prop_map(|(path, size, sha256)| LockedFile { path, size, sha256: Sha256::from_bytes(sha256) })
}

/// Index entries may hold anything that is not an empty line.
fn any_stanza() -> impl Strategy<Value = String> {
    proptest::collection::vec("[^\n]*[^\\s]", 0..6).prop_map(|lines| lines.into_iter().map(|line| line + "\n").collect())
}

prop_compose! {
    fn any_package()(name in "[a-z0-9+.-]{2,6}", version in "[0-9][A-Za-z0-9.+~:-]{0,5}", arch in "amd64|arm64|all", file in any_file(),
            stanza in any_stanza(), lookaside in any::<bool>()) -> LockedPackage {
        let source = (name.clone(), version.clone());
        LockedPackage { name, version, arch: arch.into(), source: source.0, source_version: source.1, archive: "a".into(), component: "b/c".into(),
            file, stanza, lookaside }
    }
}

prop_compose! {
    fn any_index()(suite in "[a-z/-]{1,9}", date in "[^\n]{0,20}", version in "[^\n]{0,9}", trusted in any::<bool>(),
            files in proptest::collection::vec(any_file(), 0..4), release in any::<[u8; 32]>()) -> LockedIndex {
        LockedIndex { archive: "a".into(), suite, release_sha256: Sha256::from_bytes(release), date, version, trusted, files }
    }
}

proptest! {
    /// With `rpm`, whose stanzas are not looked into, so that they may be anything.
    #[test]
    fn every_lock_reads_back(packages in proptest::collection::vec(any_package(), 0..5), index in any_index(), date in -9_999_999_999..99_999_999_999_i64) {
        let mut packages: Vec<_> = packages.into_iter().map(Arc::new).collect();
        packages.sort();
        packages.dedup_by(|left, right| left.id() == right.id() || left.file.path == right.file.path);
        let mut paths = std::collections::BTreeSet::new();
        packages.retain(|package| paths.insert(package.file.path.clone()));
        let lock = Lock { ecosystem: "rpm".into(), date, indexes: vec![index], packages, sources: vec![] };
        let text = lock.write();
        prop_assert_eq!(Lock::read(&text, "lock"), Ok(lock), "{}", text);
    }

    #[test]
    fn no_text_panics(text in "((Charmer-Lock: 1\nEcosystem: deb\nDate: 1\n\n)?(Package|Index|Source-Package|Files|Stanza|Size|Date| )?:?[ a-z0-9/.:]{0,9}\n?){0,20}") {
        let _ = Lock::read(&text, "lock");
    }
}
