//! Options of the package set: what signs packages, and which of them must be there.
#![expect(clippy::disallowed_types, reason = "createrepo_c makes the repository of the server")]

use charmer_testkit::http_server::HttpServer;
use charmer_testkit::rpm_file::Rpm;

use super::output;
use super::pungi_distribution::{Distribution, VARIANTS, names};

const RED: [u8; 8] = [1, 2, 3, 4, 0xaa, 0xbb, 0xcc, 0xdd];
const BLUE: [u8; 8] = [5, 6, 7, 8, 0x11, 0x22, 0x33, 0x44];
const TREE: &str = "compose/Server/x86_64/os/Packages";

fn package(name: &str, signing_key: Option<[u8; 8]>) -> Rpm {
    Rpm { signing_key, ..Rpm::new(name, "1", "1", "x86_64") }
}

#[test]
fn of_several_copies_that_with_the_first_key_is_taken() {
    let distribution = Distribution::new(&["pond", "reed"], "");
    distribution.add("one", &package("pond", Some(RED)));
    distribution.add("one", &package("reed", None));
    distribution.add("two/deep", &package("pond", None));
    distribution.add("two", &package("pond", Some(BLUE)));
    for (keys, color, folder) in [
        ("'AABBCCDD', '0506070811223344', None", "aabbccdd", "one"),
        ("'11223344', '01020304AABBCCDD', ''", "11223344", "two"),
        ("None, '0xAABBCCDD'", "aabbccdd", "one"),
    ] {
        distribution.configure(&format!("pkgset_repos = {{'*': ['two', 'one']}}\nsigkeys = [{keys}]"));
        let ran = distribution.compose(&[]);
        assert_eq!(ran.code, 0, "{ran}");
        assert_eq!(distribution.sigkey("pond"), Some(color.into()), "{keys}");
        assert_eq!(distribution.sigkey("reed"), Some(serde_json::Value::Null), "{keys}");
        let file = "pond-1-1.x86_64.rpm";
        let shipped = fs_err::read(distribution.newest().join(TREE).join(file)).unwrap();
        assert_eq!(shipped, fs_err::read(distribution.path(folder).join(file)).unwrap(), "{keys}");
    }
}

#[test]
fn packages_without_a_listed_key_doom_the_compose_that_would_have_them_and_are_not_reused() {
    let distribution = Distribution::new(&["pond", "reed", "moss"], "pkgset_repos = {'*': ['one']}");
    distribution.add("one", &package("pond", Some(RED)));
    distribution.add("one", &package("reed", Some(BLUE)));
    distribution.add("one", &package("moss", None));
    // In the package set, as all of a source is, and in no tree.
    let doc = Rpm { source_rpm: Some("pond-1-1.src.rpm".to_owned()), ..package("pond-doc", None) };
    distribution.add("one", &doc);
    let ran = distribution.compose(&[]);
    assert_eq!(ran.code, 0, "without the option nobody looks: {ran}");
    let repositories = "pkgset_repos = {'*': ['one']}\n";
    distribution.configure(&format!("{repositories}sigkeys = ['AABBCCDD']"));
    for attempt in ["first", "second"] {
        let ran = distribution.compose(&["--old-composes", "composes"]);
        assert_eq!(ran.code, 1, "{attempt}: {ran}");
        let expected = "RPM(s) not found for sigs: ('AABBCCDD',). Check log for details. Unsigned packages:";
        let (_, said) = ran.stderr.rsplit_once(expected).unwrap_or_else(|| panic!("{attempt}: {ran}"));
        assert_eq!(said.split_whitespace().take(2).collect::<Vec<_>>(), ["moss-1-1", "reed-1-1"], "{attempt}: {ran}");
        let compose = distribution.newest();
        assert_eq!(fs_err::read_to_string(compose.join("STATUS")).unwrap(), "DOOMED\n");
        assert!(!compose.join(TREE).exists(), "nothing unsigned is shipped");
        let log = fs_err::read_to_string(compose.join("logs/jobs/gather_Server.x86_64.log")).unwrap();
        assert!(log.contains("moss-1-1.x86_64.rpm is signed by nobody"), "{log}");
        assert!(log.contains("reed-1-1.x86_64.rpm is signed by the key 11223344"), "{log}");
    }
    distribution.configure(&format!("{repositories}sigkeys = ['AABBCCDD', None]"));
    let ran = distribution.compose(&["--old-composes", "composes"]);
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn copies_of_servers_are_compared_too() {
    let server = HttpServer::start();
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("local", &package("pond", None));
    distribution.add("served", &package("pond", Some(BLUE)));
    let folder = distribution.path("served");
    let output = std::process::Command::new("createrepo_c").arg("--quiet").arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.serve_folder("/served/", &folder).unwrap();
    distribution.configure(&format!("pkgset_repos = {{'*': ['local', '{}/served']}}\nsigkeys = ['11223344']", server.url()));
    let ran = distribution.compose(&[]);
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(distribution.sigkey("pond"), Some("11223344".into()));
}

#[test]
fn packages_of_an_older_compose_are_not_downloaded_again_whoever_made_it_and_whatever_proves_them() {
    for checksum in ["sha256", "sha512", "sha1"] {
        packages_of_an_older_compose_are_taken(checksum);
    }
}

fn packages_of_an_older_compose_are_taken(checksum: &str) {
    let server = HttpServer::start();
    let distribution = Distribution::new(&["pond", "reed", "moss"], "");
    let folder = distribution.path("served");
    for name in ["pond", "reed", "moss"] {
        distribution.add("served", &package(name, None));
    }
    let output =
        std::process::Command::new("createrepo_c").args(["--quiet", "--checksum", checksum]).arg(&folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.serve_folder("/served/", &folder).unwrap();
    distribution.configure(&format!("pkgset_repos = {{'*': ['{}/served']}}", server.url()));
    assert_eq!(distribution.compose(&[]).code, 0);

    // What remains is what a compose of Pungi's own has too. Of one package the file is another than the server's.
    let older = distribution.newest();
    for folder in ["work", "logs"] {
        fs_err::remove_dir_all(older.join(folder)).unwrap();
    }
    fs_err::remove_dir_all(distribution.path("home")).unwrap();
    let changed = older.join(TREE).join("reed-1-1.x86_64.rpm");
    let size = fs_err::metadata(&changed).unwrap().len();
    fs_err::remove_file(&changed).unwrap();
    fs_err::write(&changed, vec![0; usize::try_from(size).unwrap()]).unwrap();
    let ran = distribution.compose(&["--old-composes", "composes"]);
    assert_eq!(ran.code, 0, "{ran}");
    for (name, times) in [("pond", 1), ("moss", 1), ("reed", 2)] {
        let file = format!("{name}-1-1.x86_64.rpm");
        assert_eq!(server.received(&format!("/served/{file}")).len(), times, "{name}, {checksum}");
        let shipped = fs_err::read(distribution.newest().join(TREE).join(&file)).unwrap();
        assert_eq!(shipped, fs_err::read(folder.join(&file)).unwrap(), "{name}");
    }
}

#[test]
fn packages_of_groups_must_be_there_if_the_configuration_says_so() {
    let distribution = Distribution::new(&["pond", "willow", "alder"], "pkgset_repos = {'*': ['one']}");
    distribution.add("one", &package("pond", None));
    let ran = distribution.compose(&[]);
    assert_eq!(ran.code, 0, "{ran}");
    assert_eq!(names(&distribution.newest().join(TREE), ".rpm"), ["pond-1-1.x86_64.rpm"]);
    distribution.configure("pkgset_repos = {'*': ['one']}\nrequire_all_comps_packages = True");
    let ran = distribution.compose(&["--old-composes", "composes"]);
    assert_eq!(ran.code, 1, "{ran}");
    assert!(ran.stderr.contains("Packages mentioned in comps do not exist for Server.x86_64: alder, willow"), "{ran}");
    distribution.add("one", &package("alder", None));
    distribution.add("one", &package("willow", None));
    let ran = distribution.compose(&[]);
    assert_eq!(ran.code, 0, "{ran}");
}

#[test]
fn packages_for_any_arch_are_restricted_as_their_source_is_unless_told_otherwise() {
    let distribution = Distribution::new(&["pond"], "");
    let source = Rpm { exclusive_arch: vec!["aarch64".to_owned()], ..Rpm::new("pond", "1", "1", "src") };
    distribution.add("one", &source);
    distribution.add("one", &Rpm::new("pond", "1", "1", "noarch"));
    for (inherits, expected) in [("True", &[][..]), ("False", &["pond-1-1.noarch.rpm"])] {
        let option = format!("pkgset_inherit_exclusive_arch_to_noarch = {inherits}");
        distribution.configure(&format!("pkgset_repos = {{'*': ['one']}}\n{option}"));
        let ran = distribution.compose(&[]);
        assert_eq!(ran.code, 0, "{ran}");
        let packages = distribution.newest().join(TREE);
        let found = if packages.is_dir() { names(&packages, ".rpm") } else { Vec::new() };
        assert_eq!(found, expected, "{option}");
    }
}

#[test]
fn packages_of_foreign_arches_cannot_be_asked_for() {
    let distribution = Distribution::new(&["pond"], "");
    distribution.add("one", &package("pond", None));
    let repositories = "pkgset_repos = {'*': ['one']}\n";
    fs_err::write(distribution.path("prepopulate.json"), r#"{"Server": {"x86_64": {"pond-1-1": ["pond.s390x"]}}}"#).unwrap();
    for (option, expected) in [
        (
            "additional_packages = [('^Other$', {'*': ['pond.aarch64']})]",
            "Incompatible package arch 'aarch64' for tree arch 'x86_64' in additional package 'pond'",
        ),
        (
            "gather_prepopulate = 'prepopulate.json'",
            "Incompatible package arch 's390x' for tree arch 'x86_64' in prepopulate package 'pond'",
        ),
    ] {
        distribution.configure(&format!("{repositories}{option}"));
        let ran = distribution.compose(&[]);
        assert!(ran.code == 1 && ran.stderr.contains(expected), "{option}: {ran}");
    }
    distribution.configure(&format!("{repositories}additional_packages = [('^Server$', {{'*': ['python3.11', 'pond.i686']}})]"));
    let ran = distribution.compose(&[]);
    assert_eq!(ran.code, 0, "a dot need not be before an arch: {ran}");
}

#[test]
fn half_a_pair_of_paths_is_an_error_before_anything_is_begun() {
    let distribution = Distribution::new(&["pond"], "pkgset_repos = {'*': ['one']}\ntranslate_paths = [('/mnt',)]");
    let ran = distribution.compose(&[]);
    assert!(ran.code != 0 && ran.stderr.contains("translate_paths: ('/mnt',) is no pair of texts"), "{ran}");
}

#[test]
fn what_a_variant_finds_in_a_lookaside_repository_is_not_shipped_inside_it_either() {
    let distribution = Distribution::new(&["pond", "reed"], "");
    fs_err::write(
        distribution.path("variants.xml"),
        VARIANTS.replace("type=\"variant\"", "type=\"variant\" has_optional=\"true\""),
    )
    .unwrap();
    for name in ["pond", "reed"] {
        distribution.add("one", &package(name, None));
    }
    let base = distribution.path("base");
    // Another version of the same package is it all the same.
    distribution.add("base", &Rpm::new("pond", "2", "1", "x86_64"));
    output(&base, "createrepo_c", &["--quiet", "."]);
    let lookaside = format!("gather_lookaside_repos = [('^Server$', {{'*': 'file://{}'}})]", base.display());
    distribution.configure(&format!("pkgset_repos = {{'*': ['one']}}\n{lookaside}"));
    let ran = distribution.compose(&[]);
    assert_eq!(ran.code, 0, "{ran}");
    let compose = distribution.newest();
    assert_eq!(names(&compose.join(TREE), ".rpm"), ["reed-1-1.x86_64.rpm"]);
    assert_eq!(names(&compose.join("compose/Server-optional/x86_64/os/Packages"), ".rpm"), [""; 0]);
}
