//! What repositories of RPM packages have by `createrepo_c`: databases, deltas, and what its own arguments ask for. They are read by
//! Python, which has readers of all its formats, and by dnf.
#![expect(clippy::disallowed_types, reason = "repositories are made and read by the tools that users have")]

use std::path::Path;
use std::process::Command;

use super::native_rpm::Harbour;

const OPTION: &str = "createrepo_checksum = \"sha512\"";
const TREE: &str = "compose/Server/x86_64/os";

/// The example with other options of its repositories.
fn harbour(options: &str) -> Harbour {
    let harbour = Harbour::new().with_packages();
    change(&harbour, OPTION, options);
    fs_err::create_dir(harbour.path("composes")).unwrap();
    harbour
}

fn change(harbour: &Harbour, written: &str, instead: &str) {
    let file = harbour.path("examples/harbour-rpm.toml");
    let text = fs_err::read_to_string(&file).unwrap();
    assert!(text.contains(written), "{text}");
    fs_err::write(file, text.replacen(written, instead, 1)).unwrap();
}

fn compose(harbour: &Harbour, more: &str) {
    let ran = harbour.charmer(&format!("compose examples/harbour-rpm.toml --target-dir composes{more}"));
    assert_eq!(ran.code, 0, "{ran}");
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("scripts/install-packages was run");
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What `repomd.xml` lists: kinds, and whether each file is what it says.
const LISTED: &str = r"
import hashlib, os, sys, xml.etree.ElementTree as tree
ns = '{http://linux.duke.edu/metadata/repo}'
for data in tree.parse(sys.argv[1] + '/repodata/repomd.xml').getroot().findall(ns + 'data'):
    path, checksum = os.path.join(sys.argv[1], data.find(ns + 'location').get('href')), data.find(ns + 'checksum')
    content = open(path, 'rb').read()
    assert hashlib.new(checksum.get('type'), content).hexdigest() == checksum.text, path
    print(data.get('type'), checksum.get('type'), os.path.splitext(path)[1], content[:4].hex())
";

fn listed(repository: &Path) -> Vec<String> {
    let text = output("python3", &["-c", LISTED, repository.to_str().unwrap()]);
    text.lines().map(str::to_owned).collect()
}

#[test]
fn databases_are_there_when_they_are_asked_for() {
    let harbour = harbour("createrepo_database = true");
    compose(&harbour, "");
    let repository = harbour.path("composes/latest-Harbour-1").join(TREE);
    let listed = listed(&repository);
    let kinds: Vec<&str> = listed.iter().map(|line| line.split(' ').next().unwrap()).collect();
    for kind in ["primary", "filelists", "other", "primary_db", "filelists_db", "other_db", "group", "group_gz"] {
        assert!(kinds.contains(&kind), "no {kind} in {listed:?}");
    }
    let query = r"
import bz2, glob, sqlite3, sys
open(sys.argv[2], 'wb').write(bz2.open(glob.glob(sys.argv[1] + '/repodata/*primary.sqlite.bz2')[0]).read())
for row in sqlite3.connect(sys.argv[2]).execute('select location_href from packages order by 1'):
    print(row[0])
";
    let database = harbour.path("primary.sqlite");
    let packages = output("python3", &["-c", query, repository.to_str().unwrap(), database.to_str().unwrap()]);
    let files = harbour.files("composes/latest-Harbour-1/compose/Server/x86_64/os/Packages", ".rpm");
    let expected: Vec<String> = files.iter().map(|name| format!("Packages/{name}")).collect();
    assert_eq!(packages.lines().collect::<Vec<_>>(), expected);
    // Nothing has changed: the second compose has the same metadata, and did not make it again.
    let first = fs_err::read(repository.join("repodata/repomd.xml")).unwrap();
    compose(&harbour, " --old-composes composes");
    let second = harbour.path("composes/latest-Harbour-1");
    assert_eq!(fs_err::read(second.join(TREE).join("repodata/repomd.xml")).unwrap(), first);
    let journal = fs_err::read_to_string(second.join("logs/events.jsonl")).unwrap();
    let reused = |line: &&str| line.contains("\"createrepo:Server.x86_64\"") && line.contains("\"reused\"");
    assert_eq!(journal.lines().filter(reused).count(), 1, "{journal}");
}

#[test]
fn arguments_of_createrepo_c_mean_what_they_mean_there() {
    let harbour = harbour("createrepo_extra_args = [\"--general-compress-type=zstd\", \"--content=pool\"]");
    compose(&harbour, "");
    let repository = harbour.path("composes/latest-Harbour-1").join(TREE);
    let found = listed(&repository);
    let zstd = |kind: &str| found.contains(&format!("{kind} sha256 .zst 28b52ffd"));
    assert!(["primary", "filelists", "other", "group_zst"].into_iter().all(zstd), "{found:?}");
    let repomd = fs_err::read_to_string(repository.join("repodata/repomd.xml")).unwrap();
    assert!(repomd.contains("<content>pool</content>"), "{repomd}");

    change(&harbour, "--general-compress-type=zstd", "--zck");
    compose(&harbour, "");
    let repository = harbour.path("composes/latest-Harbour-1").join(TREE);
    let found = listed(&repository);
    assert!(found.iter().any(|line| line.starts_with("primary_zck ")), "{found:?}");
    let repomd = fs_err::read_to_string(repository.join("repodata/repomd.xml")).unwrap();
    assert!(repomd.contains("<content>pool</content>"), "{repomd}");

    change(&harbour, "--zck", "--no-such-thing");
    let ran = harbour.charmer("compose examples/harbour-rpm.toml --target-dir composes");
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stderr.contains("createrepo_c") && ran.stderr.contains("--no-such-thing"), "{ran}");
}

/// A package with something in it, which deltas need.
const SPEC: &str = "
Name: reef
Version: %{number}
Release: 1
Summary: reef
License: MIT
BuildArch: noarch
%description
reef
%install
mkdir -p %{buildroot}/usr/share/reef
seq 1 20000 > %{buildroot}/usr/share/reef/data
echo %{number} > %{buildroot}/usr/share/reef/version
%files
/usr/share/reef
";

fn add_reef(harbour: &Harbour, number: u32) {
    let spec = harbour.path("reef.spec");
    fs_err::write(&spec, SPEC).unwrap();
    let topdir = harbour.path("rpmbuild").display().to_string();
    let packages = harbour.path("target/demo/rpms").display().to_string();
    let defines = [
        format!("_topdir {topdir}"),
        format!("_rpmdir {packages}"),
        format!("_srcrpmdir {packages}"),
        format!("number {number}"),
        "_build_name_fmt %{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}.rpm".to_owned(),
    ];
    let mut arguments = vec!["-ba"];
    arguments.extend(defines.iter().flat_map(|define| ["--define", define.as_str()]));
    arguments.push(spec.to_str().unwrap());
    output("rpmbuild", &arguments);
    output("createrepo_c", &["--quiet", "--no-database", &packages]);
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn deltas_lead_from_the_packages_of_the_last_compose() {
    if !output("createrepo_c", &["--version"]).contains("DeltaRPM") {
        return eprintln!("skipped: this createrepo_c makes no deltas");
    }
    let harbour = harbour("createrepo_deltas = true");
    change(&harbour, "additional_packages = [\"harbour-release\"]", "additional_packages = [\"harbour-release\", \"reef\"]");
    add_reef(&harbour, 1);
    let refused = harbour.charmer("compose examples/harbour-rpm.toml --target-dir composes");
    assert_eq!(refused.code, 2, "{refused}");
    assert!(refused.stderr.contains("Can not generate deltas without old compose"), "{refused}");
    // The first compose has nothing to lead from.
    compose(&harbour, " --old-composes composes");
    assert!(!harbour.path("composes/latest-Harbour-1").join(TREE).join("drpms").exists());

    add_reef(&harbour, 2);
    compose(&harbour, " --old-composes composes");
    let tree = harbour.path("composes/latest-Harbour-1").join(TREE);
    assert!(listed(&tree).iter().any(|line| line.starts_with("prestodelta ")));
    let deltas = output("find", &[tree.join("drpms").to_str().unwrap(), "-type", "f", "-printf", "%f\n"]);
    assert_eq!(deltas, "reef-1-1_2-1.noarch.drpm\n");
    let ran = harbour.charmer("resume composes/latest-Harbour-1");
    assert_eq!(ran.code, 0, "{ran}");
    assert!(tree.join("drpms/reef-1-1_2-1.noarch.drpm").exists());
}
