//! The closure of RPM repositories, compared with the recorded composes of Pungi and with dnf's own repoclosure.
#![expect(clippy::disallowed_types, reason = "tests ask dnf itself")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use charmer_compose::checks::repoclosure::{ClosureRepository, RepoClosure, repoclosure};
use charmer_compose::checksum::Algorithm;
use charmer_compose::compression::Compression;
use charmer_compose::package_set::rpm_file::{find_rpms, read_rpms};
use charmer_compose::repositories::rpm_md::{ListedPackage, RpmMdSpec, write_rpm_md};
use charmer_packages::rpm::header::Header;
use charmer_packages::rpm::package::Package;
use charmer_packages::rpm::repodata::write::Tags;
use charmer_testkit::rpm_file::Rpm;
use charmer_testkit::rpm_world;
use tempfile::TempDir;

/// As golden/compose keeps them.
fn recorded_form(closure: &RepoClosure) -> String {
    let mut blocks: Vec<String> = closure.error().iter().map(|error| format!("Error: {error}\n")).collect();
    for package in &closure.unresolved {
        let mut block = format!("{} from {}\n", package.package, package.repository);
        for requirement in &package.requirements {
            writeln!(block, "  {requirement}").unwrap();
        }
        blocks.push(block);
    }
    blocks.sort();
    blocks.concat()
}

/// One recorded command: the id of the repository to check, the arches, and the repositories by id.
struct Recorded<'a> {
    check: &'a str,
    arches: Vec<&'a str>,
    repositories: Vec<(&'a str, &'a str)>,
}

impl<'a> Recorded<'a> {
    fn parse(command: &'a str) -> Recorded<'a> {
        let option = |name: &'static str| command.split(' ').filter_map(move |word| word.strip_prefix(name));
        Recorded {
            check: option("--check=").next().unwrap(),
            arches: option("--arch=").collect(),
            repositories: option("--repofrompath=").map(|value| value.split_once(',').unwrap()).collect(),
        }
    }
}

/// The file names of packages in a repository of a recorded compose. Pungi's working repositories are not recorded: they hold what
/// a variant builds upon, which in these composes is any variant of the arch.
fn names_in(expected: &Path, url: &str) -> Option<Vec<String>> {
    let parts: Vec<&str> = url.strip_prefix("file://@TOPDIR@/")?.split('/').collect();
    let end = match parts[..] {
        ["work", arch, _, "lookaside_repo"] => format!("_{arch}_os.tsv"),
        _ => format!("{}.tsv", parts[1..].join("_")),
    };
    let mut names = Vec::new();
    for file in fs_err::read_dir(expected.join("repos")).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if name == end || (end.starts_with('_') && name.ends_with(&end)) {
            let text = fs_err::read_to_string(file.path()).unwrap();
            let rows = text.lines().filter_map(|line| line.split('\t').nth(1));
            names.extend(rows.map(|href| href.rsplit('/').next().unwrap().to_owned()));
        }
    }
    Some(names)
}

#[test]
fn closures_are_those_that_were_recorded() {
    let Some(golden) = crate::shared_golden() else { return };
    let golden = golden.join("compose");
    let folder = TempDir::new().unwrap();
    let tar = Command::new("tar").arg("-xf").arg(golden.join("repo.tar.xz")).arg("-C").arg(folder.path()).status().unwrap();
    assert!(tar.success());
    let root = folder.path().join("repo");
    let headers = read_rpms(&root, &find_rpms(&root).unwrap(), None, 2).unwrap();
    let by_name: BTreeMap<&str, &Package> =
        headers.iter().map(|header| (header.package.file.location.rsplit('/').next().unwrap(), &header.package)).collect();
    let mut checked = 0;
    for compose in fs_err::read_dir(&golden).unwrap() {
        let expected = compose.unwrap().path().join("expected");
        let Ok(commands) = fs_err::read_to_string(expected.join("logs/repoclosure-commands.txt")) else { continue };
        for line in commands.lines() {
            let (scope, command) = line.split_once(": COMMAND: ").unwrap();
            let recorded = Recorded::parse(command);
            let repositories: Vec<ClosureRepository<'_>> = recorded
                .repositories
                .iter()
                .map(|(id, url)| ClosureRepository {
                    id,
                    packages: match names_in(&expected, url) {
                        Some(names) => names.iter().map(|name| by_name[name.as_str()]).collect(),
                        None => of_folder(&headers, url.rsplit('/').next().unwrap()),
                    },
                })
                .collect();
            let position = repositories.iter().position(|repository| repository.id == recorded.check).unwrap();
            let closure = repoclosure(&repositories[position], &repositories, &recorded.arches);
            let text = fs_err::read_to_string(expected.join(format!("closure/{scope}.txt"))).unwrap();
            assert_eq!(recorded_form(&closure), text, "{}: {scope}", expected.display());
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked}");
}

fn of_folder<'a>(headers: &'a [Header], name: &str) -> Vec<&'a Package> {
    let prefix = format!("{name}/");
    headers.iter().map(|header| &header.package).filter(|package| package.file.location.starts_with(&prefix)).collect()
}

fn dnf_repoclosure(folder: &Path) -> String {
    let root = TempDir::new().unwrap();
    let output = Command::new("dnf")
        .args(["repoclosure", "--quiet", "--arch=x86_64", "--arch=noarch", "--forcearch=x86_64", "--releasever=1"])
        .arg(format!("--setopt=cachedir={}", root.path().join("cache").display()))
        .arg(format!("--setopt=logdir={}", root.path().join("log").display()))
        .args(["--disableplugin=local", "--setopt=reposdir=/dev/null"])
        .arg(format!("--repofrompath=ours,file://{}", folder.display()))
        .args(["--repo=ours", "--check=ours"])
        .env("LC_ALL", "C")
        .output()
        .expect("scripts/install-packages was run");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// Requirements of a package are printed in no order by dnf.
fn sorted_blocks(text: &str) -> Vec<Vec<String>> {
    let mut blocks: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        match blocks.last_mut() {
            Some(block) if line.starts_with(' ') => block.push(line.to_owned()),
            _ => blocks.push(vec![line.to_owned()]),
        }
    }
    for block in &mut blocks {
        block.sort();
    }
    blocks
}

#[test]
fn dnf_finds_the_same() {
    let folder = TempDir::new().unwrap();
    rpm_world::from_packages_index(&rpm_world::synthetic_index(300), 300, "x86_64", folder.path());
    let mut rpm = Rpm::new("asking", "1", "1", "x86_64");
    rpm.epoch = Some(2);
    for text in [
        "pkg5 >= 1.5",
        "pkg5 > 1.5",
        "pkg5 = 1.5-6",
        "pkg5 = 1.5-7",
        "virtual9",
        "virtual9 >= 3",
        "/usr/bin/pkg8",
        "/usr/share/doc/pkg8/copyright",
        "/usr/bin/none",
        "(pkg1 and none)",
        "(none or (nothing or never))",
        "(none if pkg1)",
        "(none if pkg1 else pkg2)",
        "(pkg1 if none)",
        "(pkg1 with virtual1)",
        "(pkg1 with virtual2)",
        "(pkg1 without virtual1)",
        "(none unless pkg1)",
        "only-i386",
        "only-source",
        "twice",
    ] {
        rpm.requires.add_text(text);
    }
    rpm.requires.add("twice", 1 << 9, "");
    rpm.write_to(folder.path());
    for (name, arch) in [("only-i386", "aarch64"), ("only-source", "src")] {
        let mut rpm = Rpm::new(name, "1", "1", arch);
        rpm.provides.add_text(name);
        rpm.write_to(folder.path());
    }
    let headers = read_rpms(folder.path(), &find_rpms(folder.path()).unwrap(), Some(Algorithm::Sha256), 2).unwrap();
    let packages: Vec<&Package> = headers.iter().map(|header| &header.package).collect();
    let listed: Vec<_> = packages.iter().map(|package| ListedPackage { package, location: &package.file.location }).collect();
    let spec = RpmMdSpec {
        checksum: Algorithm::Sha256,
        compression: Compression::Gzip,
        unique_names: true,
        date: 1_767_225_600,
        tags: Tags::default(),
        groups: None,
        extras: Vec::new(),
        threads: 2,
    };
    write_rpm_md(folder.path(), &listed, &spec).unwrap();
    let ours = repoclosure(&ClosureRepository { id: "ours", packages }, &[], &["x86_64", "noarch"]);
    assert!(ours.unresolved.len() > 1, "{ours}");
    assert_eq!(sorted_blocks(&ours.to_string()), sorted_blocks(&dnf_repoclosure(folder.path())));
}
