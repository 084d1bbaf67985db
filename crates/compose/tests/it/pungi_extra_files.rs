//! Extra files: out of real packages and git repositories, and compared with what Pungi made of the golden composes.
#![expect(clippy::disallowed_types, reason = "tests make repositories with git, and unpack with tar")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use charmer_compose::config::pungi::resolve::extra_files::of_variant;
use charmer_compose::config::pungi::{load, schema, validate, variants};
use charmer_compose::extra_files::{ExtraFilesSpec, LIST_NAME, add_to_tree, fetch_extra_files, in_compose};
use charmer_compose::metadata::checksums::ChecksumKind;
use charmer_compose::metadata::extra_files::ExtraFileRecord;
use charmer_compose::package_set::rpm_file::{find_rpms, read_rpms};
use charmer_compose::scm::{ComposedPackage, Fetching, ScmSource, ScmSpec, Wanted, fetch};
use charmer_compose::tools::Runner;
use charmer_packages::rpm::header::Header;
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("HOME", folder).env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().expect("scripts/install-packages was run");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn runner(folder: &Path) -> Runner {
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into();
    Runner::new(folder.join("log"), folder.to_owned(), path, CancellationToken::new())
}

/// A repository with a file, a folder and a link out of it, on the branch `main`; gives its first commit.
fn git_repository(folder: &Path) -> String {
    fs_err::create_dir_all(folder.join("docs/en")).unwrap();
    fs_err::write(folder.join("README"), "old").unwrap();
    run(folder, "git", &["init", "--quiet", "--initial-branch=main"]);
    let commit = |message: &str| {
        run(folder, "git", &["add", "--all"]);
        let identity = ["-c", "user.name=n", "-c", "user.email=e@example.com"];
        run(folder, "git", &[&identity[..], &["commit", "--quiet", "-m", message]].concat());
        run(folder, "git", &["rev-parse", "HEAD"])
    };
    let first = commit("one");
    fs_err::write(folder.join("README"), "new").unwrap();
    fs_err::write(folder.join("docs/en/guide"), "guide").unwrap();
    fs_err::os::unix::fs::symlink("/etc/passwd", folder.join("passwd")).unwrap();
    commit("two");
    first
}

fn git_spec(repository: &Path, branch: &str, command: Option<&str>, wanted: Wanted) -> ScmSpec {
    let repository = format!("file://{}", repository.display());
    ScmSpec { source: ScmSource::Git { repository, branch: branch.to_owned(), command: command.map(str::to_owned) }, wanted }
}

#[tokio::test]
async fn git_repositories_give_files_and_folders_of_a_branch_or_a_commit() {
    let world = TempDir::new().unwrap();
    let (origin, target, work) = (world.path().join("origin"), world.path().join("target"), world.path().join("work"));
    let first = git_repository(&origin);
    let runner = runner(world.path());
    let fetching = Fetching { runner: &runner, work: &work, composed: &[] };
    let files = |path: &str| Wanted::Files(vec![path.to_owned()]);

    fetch(&git_spec(&origin, "main", None, files("READ*")), &fetching, &target).await.unwrap();
    assert_eq!(fs_err::read_to_string(target.join("README")).unwrap(), "new");
    fetch(&git_spec(&origin, &first, None, files("README")), &fetching, &target).await.unwrap();
    assert_eq!(fs_err::read_to_string(target.join("README")).unwrap(), "old");

    let made = git_spec(&origin, "main", Some("tr a-z A-Z < README > MADE"), files("MADE"));
    fetch(&made, &fetching, &target).await.unwrap();
    assert_eq!(fs_err::read_to_string(target.join("MADE")).unwrap(), "NEW");

    let folder = git_spec(&origin, "main", None, Wanted::Folders(vec!["docs".to_owned()]));
    let copied = fetch(&folder, &fetching, &target).await.unwrap();
    assert_eq!(copied, BTreeSet::from([PathBuf::from("en/guide")]));

    let error = fetch(&git_spec(&origin, "main", None, files("passwd")), &fetching, &target).await.unwrap_err();
    assert!(error.to_string().contains("nothing of that name"), "{error}");
    assert!(!target.join("passwd").exists());
    assert_eq!(fs_err::read_dir(&work).unwrap().count(), 0, "clones are removed");
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_tried_again_until_the_compose_stops() {
    let world = TempDir::new().unwrap();
    let runner = runner(world.path());
    let fetching = Fetching { runner: &runner, work: world.path(), composed: &[] };
    let spec = git_spec(&world.path().join("missing"), "main", None, Wanted::Files(vec!["x".to_owned()]));
    let target = world.path().join("target");
    let cancel = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        runner.cancel.cancel();
    };
    let (result, ()) = tokio::join!(fetch(&spec, &fetching, &target), cancel);
    result.unwrap_err();
    let log = fs_err::read_to_string(world.path().join("log")).unwrap();
    assert!(log.contains("remote update origin"), "{log}");
}

/// A package built by rpmbuild, which packs links, several names of one file, and files that nobody may read.
#[tokio::test]
async fn packages_of_rpmbuild_are_unpacked_whatever_packs_them() {
    for packing in ["w9.gzdio", "w2.xzdio", "w3.zstdio"] {
        let world = TempDir::new().unwrap();
        let spec = format!(
            "Name: odd\nVersion: 1\nRelease: 1\nSummary: odd\nLicense: none\nBuildArch: noarch\n%define _binary_payload {packing}\n\
             %description\nodd\n%install\nmkdir -p %{{buildroot}}/usr/share/odd/docs %{{buildroot}}/etc\ncd %{{buildroot}}/usr/share/odd\n\
             echo text > docs/a\nln docs/a docs/b\nln -s /usr/share/odd/docs/a link\nln -s ../../../../../../etc/passwd out\n\
             echo secret > %{{buildroot}}/etc/shadowed\n%files\n/usr/share/odd\n%attr(000,root,root) /etc/shadowed\n"
        );
        fs_err::write(world.path().join("odd.spec"), spec).unwrap();
        let top = format!("_topdir {}", world.path().display());
        run(world.path(), "rpmbuild", &["-bb", "--quiet", "--define", &top, "odd.spec"]);
        let runner = runner(world.path());
        let fetching = Fetching { runner: &runner, work: &world.path().join("work"), composed: &[] };
        let target = world.path().join("target");
        let take = async |wanted: Wanted| {
            let source = ScmSource::Rpm { folder: world.path().to_owned(), packages: vec!["RPMS/*/odd-*.rpm".to_owned()] };
            fetch(&ScmSpec { source, wanted }, &fetching, &target).await
        };
        let files = ["/usr/share/odd/docs/*", "/usr/share/odd/link", "etc/shadowed"].map(str::to_owned);
        take(Wanted::Files(files.into())).await.unwrap();
        for (file, text) in [("a", "text\n"), ("b", "text\n"), ("link", "text\n"), ("shadowed", "secret\n")] {
            assert_eq!(fs_err::read_to_string(target.join(file)).unwrap(), text, "{packing} {file}");
        }
        let copied = take(Wanted::Folders(vec!["/usr/share/odd/docs".to_owned()])).await.unwrap();
        assert_eq!(copied, ["docs/a", "docs/b"].map(PathBuf::from).into());
        let error = take(Wanted::Folders(vec!["/usr/share/odd/".to_owned()])).await.unwrap_err();
        assert!(error.to_string().contains("the link 'usr/share/odd/out' leads to nothing"), "{error}");
    }
}

struct GoldenWorld {
    folder: TempDir,
    headers: Vec<Header>,
}

impl GoldenWorld {
    fn new(golden: &Path) -> Self {
        let folder = TempDir::new().unwrap();
        run(folder.path(), "tar", &["-xf", golden.join("repo.tar.xz").to_str().unwrap(), "repo/harbour"]);
        let repository = folder.path().join("repo/harbour");
        let headers = read_rpms(&repository, &find_rpms(&repository).unwrap(), None, 2).unwrap();
        Self { folder, headers }
    }

    fn paths(&self) -> Vec<PathBuf> {
        self.headers.iter().map(|header| self.folder.path().join("repo/harbour").join(&*header.package.file.location)).collect()
    }
}

/// What each variant of a golden compose gets, by UID and arch.
fn golden_specs(compose: &Path) -> BTreeMap<(String, String), ExtraFilesSpec> {
    let loaded = load(compose.join("harbour.conf").to_str().unwrap(), &[]).unwrap();
    let checked = validate::validate(loaded.values, &schema::schema(2), None);
    assert!(checked.errors.is_empty(), "{:?}", checked.errors);
    let variants = variants::load(compose.join("variants.xml").to_str().unwrap(), &variants::Filters::default()).unwrap();
    let specs = variants.all.iter().flat_map(|variant| {
        let specs = of_variant(&checked.values, variant, compose).unwrap();
        specs.into_iter().map(|(arch, spec)| ((variant.uid.clone(), arch), spec))
    });
    specs.collect()
}

/// In the order of their paths: Pungi's is that of its file system.
fn sorted(records: &mut [ExtraFileRecord]) -> Json {
    records.sort_by(|one, other| one.file.cmp(&other.file));
    serde_json::to_value(records).unwrap()
}

fn sorted_json(records: &Json) -> Json {
    let mut records = records.as_array().unwrap().clone();
    records.sort_by_key(|record| record["file"].as_str().unwrap().to_owned());
    records.into()
}

#[tokio::test]
async fn trees_get_the_extra_files_that_pungi_gave_them() {
    let Some(golden) = crate::shared_golden().map(|golden| golden.join("compose")) else { return };
    let compose = golden.join("e-lookaside");
    let expected: Json =
        serde_json::from_slice(&fs_err::read(compose.join("expected/metadata/extra_files.json")).unwrap()).unwrap();
    let world = GoldenWorld::new(&golden);
    let (runner, paths) = (runner(world.folder.path()), world.paths());
    let specs = golden_specs(&compose);
    assert_eq!(specs.len(), 4);
    for ((uid, arch), spec) in &specs {
        assert_eq!(serde_json::from_str::<ExtraFilesSpec>(&serde_json::to_string(spec).unwrap()).unwrap(), *spec);
        let packages = world.headers.iter().zip(&paths).map(|(header, path)| {
            let package = &header.package;
            ComposedPackage { name: package.name(), arch: package.arch(), path }
        });
        let composed: Vec<_> = packages.collect();
        let fetching = Fetching { runner: &runner, work: &world.folder.path().join("work"), composed: &composed };
        let (fetched, tree) = (world.folder.path().join("extra"), world.folder.path().join(format!("{uid}.{arch}")));
        fetch_extra_files(spec, &fetching, &fetched).await.unwrap();
        let kinds = BTreeSet::from([ChecksumKind::Md5, ChecksumKind::Sha1, ChecksumKind::Sha256]);
        let mut records = add_to_tree(&fetched, &tree, &kinds).unwrap();
        let place = if arch == "src" { format!("{uid}/source/tree") } else { format!("{uid}/{arch}/os") };
        let list: Json = serde_json::from_slice(&fs_err::read(tree.join(LIST_NAME)).unwrap()).unwrap();
        let expected_list = fs_err::read(compose.join(format!("expected/trees/{place}/{LIST_NAME}"))).unwrap();
        let expected_list: Json = serde_json::from_slice(&expected_list).unwrap();
        assert_eq!(list["header"], expected_list["header"]);
        assert_eq!(sorted_json(&list["data"]), sorted_json(&expected_list["data"]), "{place}");
        assert_eq!(sorted(&mut records), sorted_json(&expected_list["data"]), "{place}");
        let of_compose = sorted(&mut in_compose(&records, &place));
        assert_eq!(of_compose, sorted_json(&expected["payload"]["extra_files"][uid][arch]), "{place}");
    }
}

#[tokio::test]
async fn a_package_that_the_compose_lacks_is_named() {
    let world = TempDir::new().unwrap();
    let runner = runner(world.path());
    let path = PathBuf::from("/x.rpm");
    let composed =
        [("tool", "src"), ("tool-debuginfo", "x86_64")].map(|(name, arch)| ComposedPackage { name, arch, path: &path });
    let fetching = Fetching { runner: &runner, work: world.path(), composed: &composed };
    let source = ScmSource::ComposedRpm { packages: vec!["tool*".to_owned()] };
    let spec = ScmSpec { source, wanted: Wanted::Files(vec!["/x".to_owned()]) };
    let error = fetch(&spec, &fetching, &world.path().join("target")).await.unwrap_err();
    assert!(error.to_string().ends_with("No package matching tool* in the package set."), "{error}");
}
