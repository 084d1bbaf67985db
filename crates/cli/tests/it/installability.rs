//! `charmer installability`: verdicts about index files, without any compose.

use std::path::Path;

use super::{Charmer, Ran};

const WORLD: &str = "
Package: base
Version: 1
Architecture: amd64

Package: mail
Version: 2
Architecture: all
Depends: base (>= 1), mta | mta-light

Package: exim
Version: 4
Architecture: amd64
Provides: mta
Conflicts: postfix

Package: postfix
Version: 3
Architecture: amd64
Provides: mta
Conflicts: exim

Package: torn
Version: 1
Architecture: amd64
Depends: exim, postfix

Package: old
Version: 1
Architecture: amd64
Depends: base (>= 2)
";

/// An index of the packages of a text, which have files too.
fn index(packages: &str) -> String {
    let stanzas = packages.trim().split("\n\n").enumerate();
    let file = |number: usize| format!("Filename: pool/{number}.deb\nSize: 1\nSHA256: {number:064x}");
    stanzas.map(|(number, stanza)| [stanza, &file(number), "\n"].join("\n")).collect()
}

fn ask(folder: &Path, words: &str) -> Ran {
    Charmer { folder: Some(folder), variables: &[] }.run(&words.split(' ').collect::<Vec<_>>())
}

#[test]
fn each_broken_package_is_a_line_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("Packages"), index(WORLD)).unwrap();
    let ran = ask(folder.path(), "installability --arch amd64 Packages");
    let torn = "torn_1_amd64: torn_1_amd64 Depends: exim, which only exim_4_amd64 could answer; torn_1_amd64 Depends: postfix, which only \
                postfix_3_amd64 could answer; exim_4_amd64 Conflicts: postfix, which postfix_3_amd64 is\n";
    let old = "old_1_amd64: old_1_amd64 Depends: base (>= 2), which nothing answers\n";
    assert_eq!((ran.code, ran.stdout.as_str()), (1, format!("{torn}{old}").as_str()), "{ran}");
    assert_eq!(ran.stderr, "2 of 6 packages cannot be installed on amd64\n");

    fs_err::write(folder.path().join("more"), index("Package: base\nVersion: 2\nArchitecture: amd64")).unwrap();
    let ran = ask(folder.path(), "installability --arch amd64 Packages --background more");
    assert_eq!((ran.code, ran.stdout.as_str()), (1, torn), "{ran}");

    let well = WORLD.split("Package: torn").next().unwrap();
    let packed = charmer_testkit::Compression::Xz.compress(index(well).as_bytes());
    fs_err::write(folder.path().join("Packages.xz"), packed).unwrap();
    let ran = ask(folder.path(), "installability --arch amd64 Packages.xz");
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran}");
}

#[test]
fn index_files_that_cannot_be_read_are_usage_errors() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::write(folder.path().join("bad.xz"), "no xz").unwrap();
    let odd = "Package: a\nVersion: 1:2:3 4\nArchitecture: amd64\n\nPackage: c\nVersion: 1\nArchitecture: amd64";
    fs_err::write(folder.path().join("odd"), index(odd)).unwrap();
    for (file, reason) in [("gone", "gone"), (".", "is no regular file"), ("bad.xz", "'bad.xz': it is not valid xz data")] {
        let ran = ask(folder.path(), &format!("installability --arch amd64 {file}"));
        assert!(ran.code == 2 && ran.stdout.is_empty() && ran.stderr.contains(reason), "{reason}: {ran}");
    }
    let ran = ask(folder.path(), "installability --arch amd64 odd");
    assert!(ran.code == 1 && ran.stderr.contains("warning: odd, line 1, a: ") && ran.stderr.contains("0 of 1 packages"), "{ran}");
}
