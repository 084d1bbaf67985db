//! Second composes with `--old-composes`: what is done again, and why.

use super::harbour::{Compose, Harbour};

const REUSING: [&str; 3] = ["--old-composes", "composes", "--explain-reuse"];

/// What each compose does anew, whatever older ones have: asking archives, and what holds its own name.
const ALWAYS: [&str; 6] = ["date", "image-checksum:Base.amd64.images", "index:mirror", "index:own", "metadata", "recheck"];

/// The jobs that a compose did beside those.
fn done(compose: &Compose) -> Vec<String> {
    compose.done().into_iter().filter(|job| !ALWAYS.contains(&job.as_str())).collect()
}

#[test]
fn an_unchanged_archive_makes_nothing_again() {
    let harbour = Harbour::new();
    let (_, first) = harbour.compose(&[]);
    let (ran, second) = harbour.compose(&REUSING);
    assert_eq!(done(&second), [""; 0], "{ran}");
    assert_eq!(harbour.tools.calls().len(), 1, "mmdebstrap ran for the first compose only");
    for artifact in ["repository Base", "repository Server", "repository Extra", "container Base.amd64"] {
        let line = ran.stdout.lines().find(|line| line.starts_with(artifact)).unwrap();
        assert!(line.contains("  reused  "), "{line}");
    }
    for line in [
        "started   index:mirror (done anew for each compose)\n",
        &format!("reused    pkgset from {}\n", first.root()),
        &format!("reused    createrepo:Base from {}\n", first.root()),
    ] {
        assert!(ran.stderr.contains(line), "{line} in {ran}");
    }
    // It is a compose of its own: all of it is there, also when the older one is not.
    let names =
        |compose: &Compose| compose.tree("compose").into_keys().map(|name| name.replace(&compose.id(), "ID")).collect::<Vec<_>>();
    assert_eq!(names(&first), names(&second));
    fs_err::remove_dir_all(&first.root).unwrap();
    let verified = harbour.charmer(&["verify", second.root()]);
    assert_eq!(verified.code, 0, "{verified}");
}

#[test]
fn without_old_composes_all_is_made_again() {
    let harbour = Harbour::new();
    harbour.compose(&[]);
    let (_, second) = harbour.compose(&[]);
    assert!(done(&second).contains(&"createrepo:Base".to_owned()));
    assert_eq!(harbour.tools.calls().len(), 2);
}

#[test]
fn a_changed_package_changes_only_what_holds_it() {
    let harbour = Harbour::new();
    harbour.compose(&[]);
    harbour.add("Package: openssh-server\nVersion: 1:10.1\nArchitecture: any\nDepends: libssl3, libc6\n");
    // The date stays as it was: it stands in the Release file of every repository.
    harbour.publish("2024-06-01");
    let (ran, second) = harbour.compose(&REUSING);
    let mut expected = vec!["lock".to_owned(), "pkgset".to_owned(), "seeds".to_owned()];
    // Who has what is asked again everywhere, since every selection depends on the whole package set.
    expected.extend(
        ["Base.amd64", "Base.arm64", "Extra.amd64", "Server.amd64", "Server.arm64"].map(|scope| format!("gather:{scope}")),
    );
    expected.extend(
        ["repoclosure:Server.amd64", "repoclosure:Server.arm64", "repoclosure:Extra.amd64", "versions"].map(str::to_owned),
    );
    expected.extend(["fetch:Server", "fetch-sources:Server", "createrepo:Server", "test:Server.repository"].map(str::to_owned));
    expected.extend(["tree:Server.amd64", "tree:Server.arm64"].map(str::to_owned));
    expected.sort();
    assert_eq!(done(&second), expected, "{ran}");
    let reason = "started   createrepo:Server (changed input: fetch:Server, gather:Server.amd64, gather:Server.arm64)\n";
    assert!(ran.stderr.contains(reason), "{ran}");
    assert!(second.packages("Server", "amd64").contains(&"openssh-server_1:10.1_amd64".to_owned()));
    assert_eq!(harbour.charmer(&["verify", second.root()]).code, 0);
}

#[test]
fn a_changed_package_of_an_image_makes_the_image_again() {
    let harbour = Harbour::new();
    harbour.compose(&[]);
    harbour.add("Package: dash\nVersion: 1.1\nArchitecture: any\nEssential: yes\nDepends: libc6\n");
    harbour.publish("2024-06-01");
    let (ran, second) = harbour.compose(&REUSING);
    for job in ["rootfs:Base.amd64.container", "container:Base.amd64.container", "test:Base.amd64.container"] {
        assert!(done(&second).contains(&job.to_owned()), "{job}: {ran}");
    }
    assert!(!done(&second).contains(&"createrepo:Extra".to_owned()), "{ran}");
    assert_eq!(harbour.charmer(&["verify", second.root()]).code, 0);
}

#[test]
fn a_newer_date_of_the_archive_dates_repositories_and_makes_no_image_again() {
    let harbour = Harbour::new();
    harbour.compose(&[]);
    harbour.publish("2024-06-02");
    let (ran, second) = harbour.compose(&REUSING);
    let release = second.read("compose/Base/repository/dists/quay/Release");
    assert!(release.contains("\nDate: Sun, 02 Jun 2024 00:00:00 UTC\n"), "{release}");
    let repositories = ["Base", "Extra", "Server"];
    let mut expected: Vec<_> =
        repositories.iter().flat_map(|name| [format!("createrepo:{name}"), format!("test:{name}.repository")]).collect();
    expected.extend(
        ["Base.amd64", "Base.arm64", "Extra.amd64", "Server.amd64", "Server.arm64"].map(|scope| format!("gather:{scope}")),
    );
    expected.extend(["lock", "pkgset", "seeds"].map(str::to_owned));
    expected
        .extend(["Base.amd64", "Base.arm64", "Extra.amd64", "Server.amd64", "Server.arm64"].map(|scope| format!("tree:{scope}")));
    expected.sort();
    assert_eq!(done(&second), expected, "{ran}");
    assert!(ran.stderr.contains("started   createrepo:Base (changed input: date)\n"), "{ran}");
    assert_eq!(harbour.tools.calls().len(), 1);
}

#[test]
fn a_changed_configuration_and_a_changed_tool_are_named_as_reasons() {
    let harbour = Harbour::new();
    harbour.compose(&[]);
    harbour.configure(&[("packages = [\"harbour-release\"]", "packages = [\"harbour-release\", \"dash\"]")]);
    let (ran, _) = harbour.compose(&REUSING);
    assert!(ran.stderr.contains("started   rootfs:Base.amd64.container (its part of the configuration changed)\n"), "{ran}");
    assert!(ran.stderr.contains("reused    createrepo:Base from "), "{ran}");

    let tool = harbour.path("tools/mmdebstrap");
    let script = fs_err::read_to_string(&tool).unwrap() + "# another version\n";
    fs_err::write(&tool, script).unwrap();
    let (ran, third) = harbour.compose(&REUSING);
    assert!(ran.stderr.contains("started   rootfs:Base.amd64.container (other version of mmdebstrap)\n"), "{ran}");
    // The other version made the same root file system, so nothing that is made of it changes.
    assert_eq!(done(&third), ["rootfs:Base.amd64.container"], "{ran}");
}

#[test]
fn what_was_damaged_in_an_older_compose_is_not_taken() {
    let harbour = Harbour::new();
    let (_, first) = harbour.compose(&[]);
    let index = first.path("compose/Base/repository/dists/quay/main/binary-amd64/Packages.xz");
    let mut bytes = fs_err::read(&index).unwrap();
    bytes[20] ^= 1;
    fs_err::remove_file(&index).unwrap();
    fs_err::write(&index, bytes).unwrap();
    let (ran, second) = harbour.compose(&REUSING);
    let reason = "createrepo:Base (compose/Base/repository/dists/quay/main/binary-amd64/Packages.xz is missing or changed)";
    assert!(ran.stderr.contains(reason), "{ran}");
    assert_eq!(done(&second), ["createrepo:Base"]);
    assert_eq!(harbour.charmer(&["verify", second.root()]).code, 0);
}
