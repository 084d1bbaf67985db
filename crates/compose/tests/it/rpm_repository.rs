//! Written rpm-md, compared with what createrepo_c writes of the same files, and read by dnf.
#![expect(clippy::disallowed_types, reason = "tests ask createrepo_c, rpm and dnf themselves")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use charmer_compose::checksum::Algorithm;
use charmer_compose::compression::{Compression, decompress};
use charmer_compose::package_set::rpm_file::{RpmFileProblem, find_rpms, read_rpms};
use charmer_compose::repositories::rpm_md::{
    ExtraFile, Groups, ListedPackage, RpmMdError, RpmMdSpec, WrittenRpmMd, write_rpm_md,
};
use charmer_packages::rpm::header::Header;
use charmer_packages::rpm::repodata::write::Tags;
use charmer_testkit::rpm_file::{EQUAL, LESS, Rpm, SCRIPT_PRE};
use charmer_testkit::rpm_world;
use tempfile::TempDir;

const DATE: u64 = 1_767_225_600;

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output().expect("scripts/install-packages was run");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn spec(checksum: Algorithm, compression: Compression) -> RpmMdSpec {
    RpmMdSpec {
        checksum,
        compression,
        unique_names: true,
        date: DATE,
        tags: Tags::default(),
        groups: None,
        extras: Vec::new(),
        threads: 2,
    }
}

fn listed(headers: &[Header]) -> Vec<ListedPackage<'_>> {
    headers.iter().map(|header| ListedPackage { package: &header.package, location: &header.package.file.location }).collect()
}

fn read(folder: &Path, algorithm: Algorithm) -> Vec<Header> {
    read_rpms(folder, &find_rpms(folder).unwrap(), Some(algorithm), 2).unwrap()
}

/// The content of an index that was written.
fn unpacked(repository: &Path, written: &WrittenRpmMd, kind: &str) -> String {
    let file = written.files.iter().find(|file| file.kind == kind).unwrap();
    text_of(&repository.join(&file.location))
}

fn text_of(path: &Path) -> String {
    let packed = fs_err::read(path).unwrap();
    let compression = Compression::of_name(path.to_str().unwrap());
    String::from_utf8(decompress(compression, &packed[..], 1 << 30).unwrap()).unwrap()
}

fn createrepo(folder: &Path, target: &Path, options: &[&str]) -> BTreeMap<&'static str, String> {
    fs_err::create_dir_all(target).unwrap();
    let target_text = target.to_str().unwrap();
    let arguments = ["--quiet", "--no-database", "--simple-md-filenames", "--outputdir", target_text];
    output("createrepo_c", &[&arguments, options, &[folder.to_str().unwrap()]].concat());
    let index = |name| (name, text_of(&target.join(format!("repodata/{name}.xml.gz"))));
    ["primary", "filelists", "other"].map(index).into()
}

fn assert_equals_createrepo(folder: &Path, algorithm: Algorithm) {
    let scratch = TempDir::new().unwrap();
    let theirs = createrepo(folder, &scratch.path().join("theirs"), &["--checksum", algorithm.name()]);
    let headers = read(folder, algorithm);
    let ours = scratch.path().join("ours");
    let written = write_rpm_md(&ours, &listed(&headers), &spec(algorithm, Compression::Gzip)).unwrap();
    for (kind, their_text) in theirs {
        let our_text = unpacked(&ours, &written, kind);
        for (number, (our_line, their_line)) in our_text.lines().zip(their_text.lines()).enumerate() {
            assert_eq!(our_line, their_line, "{kind}, line {}", number + 1);
        }
        assert_eq!(our_text, their_text, "{kind}");
    }
}

/// Packages with everything that createrepo_c has a rule for.
fn odd_packages(folder: &Path) {
    let mut rpm = Rpm::new("odd", "1.0", "1", "x86_64");
    rpm.epoch = Some(3);
    rpm.description = "a < b & \"c\" > d\r\n\tindented".into();
    for (name, flags, version) in [
        ("odd", EQUAL, "3:1.0-1"),
        ("/usr/bin/own", 0, ""),
        ("bare", EQUAL, ""),
        ("strange", EQUAL | LESS, "1:2-3"),
        ("config(odd)", EQUAL, "bad:1.0-1"),
    ] {
        rpm.provides.add(name, flags, version);
    }
    for (name, flags, version) in [
        ("odd", EQUAL, "3:1.0-1"),
        ("odd", EQUAL, "3:1.0-2"),
        ("/usr/bin/listed", 0, ""),
        ("/usr/share/listed", 0, ""),
        ("/usr/bin/own", 0, ""),
        ("libc.so.6(GLIBC_2.4)(64bit)", 0, ""),
        ("libc.so.6(GLIBC_2.34)(64bit)", SCRIPT_PRE, ""),
        ("libc.so.6()(64bit)", 0, ""),
        ("rpmlib(PayloadIsXz)", EQUAL | LESS, "5.2-1"),
        ("twice", SCRIPT_PRE, ""),
        ("twice", 0, ""),
        ("twice", 0, ""),
        ("twice", SCRIPT_PRE, ""),
        ("interpreted", 1 << 8, ""),
        ("posttrans", 1 << 5, ""),
        ("all", 6, "1"),
        ("quoted\"&<>", 0, ""),
        ("weak", 1 << 19, ""),
        ("(a or (b and c >= 1))", 1 << 27, ""),
    ] {
        rpm.requires.add(name, flags, version);
    }
    rpm.recommends.add_text("helpful >= 2");
    rpm.suggests.add_text("(x if y)");
    rpm.supplements.add_text("other");
    rpm.enhances.add_text("more = 1:0");
    rpm.conflicts.add_text("foe < 2~rc1");
    rpm.obsoletes.add_text("old <= 0:9");
    rpm.files = [
        "/usr/bin/listed",
        "/usr/share/listed",
        "/etc/odd/",
        "/etc/odd/conf & more",
        "%ghost /var/log/odd.log",
        "/usr/lib/sendmail",
        "/usr/lib/sendmail.d/",
        "/opt/x/bin/tool",
        "/usr/share/cabin/file",
    ]
    .map(str::to_owned)
    .into();
    let times = [90, 90, 90, 89, 80, 80, 70, 60, 50, 40, 30];
    rpm.changelogs =
        times.iter().map(|time| (1_600_000_000 + time, format!("A <a@b> - {time}  "), "- changed\n- & more".into())).collect();
    rpm.write_to(folder);
    let mut source = Rpm::new("odd", "1.0", "1", "src");
    source.files = vec!["odd.spec".into()];
    source.exclusive_arch = vec!["x86_64".into()];
    source.write_to(folder);
    Rpm::new("empty", "0", "0", "noarch").write_to(folder);
}

#[test]
fn every_index_is_what_createrepo_c_writes() {
    let folder = TempDir::new().unwrap();
    let packages = folder.path().join("Packages");
    for subfolder in ["b", "a/deep"] {
        fs_err::create_dir_all(packages.join(subfolder)).unwrap();
    }
    odd_packages(&packages.join("b"));
    rpm_world::from_packages_index(&rpm_world::synthetic_index(700), 700, "x86_64", &packages.join("a/deep"));
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        assert_equals_createrepo(folder.path(), algorithm);
    }
}

#[test]
fn generated_packages_are_read_by_rpm() {
    let folder = TempDir::new().unwrap();
    odd_packages(folder.path());
    rpm_world::from_packages_index(&rpm_world::synthetic_index(20), 20, "x86_64", folder.path());
    let query = |name: &str, format: &str| {
        output("rpm", &["-qp", "--nosignature", "--qf", format, folder.path().join(name).to_str().unwrap()])
    };
    assert_eq!(query("odd-1.0-1.x86_64.rpm", "%{NEVRA} %{SOURCERPM} [%{FILENAMES},]").matches(',').count(), 9);
    assert_eq!(
        query("pkg3-1.3-4.noarch.rpm", "%{NAME} [%{REQUIRENAME}%{REQUIREFLAGS:depflags}%{REQUIREVERSION} ]"),
        "pkg3 pkg0>=1.1-1 pkg0>=1.2-1 pkg0>=1.3-1 rpmlib(CompressedFileNames)<=3.0.4-1 "
    );
    assert_eq!(query("odd-1.0-1.src.rpm", "%{SOURCEPACKAGE}"), "1");
}

/// The packages of the recorded composes, where they are at hand.
fn golden_repositories() -> Option<(TempDir, PathBuf)> {
    let archive = crate::shared_golden()?.join("compose/repo.tar.xz");
    let folder = TempDir::new().unwrap();
    output("tar", &["-xf", archive.to_str().unwrap(), "-C", folder.path().to_str().unwrap()]);
    let root = folder.path().join("repo");
    Some((folder, root))
}

#[test]
fn the_golden_packages_have_the_metadata_that_came_with_them() {
    let Some((_keep, root)) = golden_repositories() else { return };
    let scratch = TempDir::new().unwrap();
    for name in ["harbour", "base", "updates"] {
        let folder = root.join(name);
        let headers = read(&folder, Algorithm::Sha256);
        let target = scratch.path().join(name);
        let written = write_rpm_md(&target, &listed(&headers), &spec(Algorithm::Sha256, Compression::Gzip)).unwrap();
        for kind in ["primary", "filelists", "other"] {
            let expected = text_of(&folder.join(format!("repodata/{kind}.xml.gz")));
            assert!(unpacked(&target, &written, kind) == expected, "{name}: {kind}");
        }
    }
}

fn dnf(repository: &Path, arguments: &[&str]) -> String {
    let root = TempDir::new().unwrap();
    let path = |name: &str| {
        let path = root.path().join(name);
        fs_err::create_dir_all(&path).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let settings = [
        format!("--installroot={}", path("root")),
        format!("--setopt=cachedir={}", path("cache")),
        format!("--setopt=logdir={}", path("log")),
        // The plugin offers what other runs have installed.
        "--disableplugin=local".to_owned(),
        "--setopt=reposdir=/dev/null".to_owned(),
        "--releasever=1".to_owned(),
        "--quiet".to_owned(),
        format!("--repofrompath=ours,file://{}", repository.display()),
        "--repo=ours".to_owned(),
        "--nogpgcheck".to_owned(),
    ];
    let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
    output("dnf", &[&settings, arguments].concat())
}

const COMPS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
  <group>
    <id>core</id>
    <name>The Core</name>
    <description/>
    <uservisible>true</uservisible>
    <packagelist><packagereq type="mandatory">pkg7</packagereq></packagelist>
  </group>
</comps>
"#;

#[test]
fn dnf_reads_every_compression_and_every_extra_file() {
    let folder = TempDir::new().unwrap();
    rpm_world::from_packages_index(&rpm_world::synthetic_index(600), 600, "x86_64", folder.path());
    let headers = read(folder.path(), Algorithm::Sha256);
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd, Compression::None] {
        let mut spec = spec(Algorithm::Sha256, compression);
        spec.tags.distro.push((Some("cpe:/o:harbour:linux:1".into()), "Harbour 1".into()));
        spec.groups = Some(Groups { name: "comps.xml".into(), content: COMPS.into(), compression: Compression::Xz });
        spec.extras.push(ExtraFile {
            kind: "productid".into(),
            name: "productid".into(),
            content: b"certificate".to_vec(),
            compression: Compression::Gzip,
            checksum: Algorithm::Sha256,
            plain_copy: true,
        });
        let written = write_rpm_md(folder.path(), &listed(&headers), &spec).unwrap();
        let kinds: Vec<&str> = written.files.iter().map(|file| file.kind.as_str()).collect();
        assert_eq!(kinds, ["primary", "filelists", "other", "group", "group_xz", "productid"]);
        assert_eq!(fs_err::read(folder.path().join("repodata/productid")).unwrap(), b"certificate");
        let names = dnf(folder.path(), &["repoquery", "--qf", "%{name} %{arch}", "--whatprovides", "virtual17"]);
        assert_eq!(names.lines().collect::<Vec<_>>(), ["pkg17 x86_64", "pkg517 x86_64"], "{compression}");
        assert_eq!(dnf(folder.path(), &["repoquery", "-q", "--file", "/usr/share/doc/pkg9/copyright"]), "pkg9-0:1.9-3.noarch\n");
        assert!(dnf(folder.path(), &["group", "info", "core"]).contains("pkg7"), "{compression}");
        // Nothing of the one before is left.
        let left = fs_err::read_dir(folder.path().join("repodata")).unwrap().count();
        assert_eq!(left, written.files.len() + 2, "{compression}");
    }
}

#[test]
fn the_same_records_give_the_same_bytes_on_any_number_of_threads() {
    let folder = TempDir::new().unwrap();
    rpm_world::from_packages_index(&rpm_world::synthetic_index(900), 900, "x86_64", folder.path());
    let headers = read(folder.path(), Algorithm::Sha256);
    for compression in [Compression::Gzip, Compression::Xz, Compression::Zstd] {
        let digests: Vec<_> = [1, 3]
            .map(|threads| {
                let target = TempDir::new().unwrap();
                let spec = RpmMdSpec { threads, ..spec(Algorithm::Sha256, compression) };
                let mut shuffled = listed(&headers);
                shuffled.reverse();
                write_rpm_md(target.path(), &shuffled, &spec).unwrap().repomd
            })
            .into();
        assert_eq!(digests[0], digests[1], "{compression}");
    }
}

#[test]
fn a_location_that_leaves_the_repository_is_refused() {
    let folder = TempDir::new().unwrap();
    Rpm::new("tool", "1", "1", "noarch").write_to(folder.path());
    let headers = read(folder.path(), Algorithm::Sha256);
    for location in ["../tool.rpm", "/tool.rpm", "a//tool.rpm", "a\nb.rpm", ""] {
        let packages = [ListedPackage { package: &headers[0].package, location }];
        let error = write_rpm_md(folder.path(), &packages, &spec(Algorithm::Sha256, Compression::Gzip)).unwrap_err();
        assert!(matches!(error, RpmMdError::Location { .. }), "{error}");
    }
    let error = write_rpm_md(folder.path(), &listed(&headers), &spec(Algorithm::Sha512, Compression::Gzip)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the sha512 checksum of tool-1-1.noarch.rpm is not known: its sha256 one is; read the file again with sha512"
    );
}

#[test]
fn all_broken_files_of_a_folder_are_named() {
    let folder = TempDir::new().unwrap();
    let good = Rpm::new("good", "1", "1", "noarch").build();
    fs_err::write(folder.path().join("a-short.rpm"), &good[..good.len() / 2]).unwrap();
    fs_err::write(folder.path().join("b-text.rpm"), "no package").unwrap();
    fs_err::write(folder.path().join("c-good.rpm"), &good).unwrap();
    fs_err::write(folder.path().join("d-empty.rpm"), "").unwrap();
    let locations = [find_rpms(folder.path()).unwrap(), vec!["../out.rpm".into()]].concat();
    let errors = read_rpms(folder.path(), &locations, None, 2).unwrap_err();
    let texts: Vec<String> = errors.iter().map(|error| error.problem.to_string()).collect();
    assert!(texts[0].starts_with("it ends inside its headers: "), "{texts:?}");
    assert_eq!(texts[1], "it does not begin as RPM files do");
    assert_eq!(texts[2], "it ends inside its headers: 112 bytes are needed and there are 0");
    assert!(matches!(errors[3].problem, RpmFileProblem::LeavesFolder));
    assert_eq!(errors.len(), 4);
}
