//! OSTree commits as clients have them: pulled with signatures verified, checked out, upgraded by deltas.

use std::path::Path;

use super::harbour::{Compose, Harbour, output_of};

/// A secret key and its public half: RFC 8032, 7.1, test 1, as ostree writes keys.
const SECRET: &str = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2DXWpgBgrEKt9VL/tPJZAc6DuFy89qmIyWvAhpo9wdRGg==";
const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

const BRANCH: &str = "harbour/13.1/amd64/base";

/// A distribution with an OSTree commit, and what more the configuration says of it.
fn with_commit(more: &str) -> Harbour {
    Harbour::bootable(&[("ostree", more)])
}

fn ostree(verb: &str, repository: &Path, more: &[&str]) -> String {
    output_of("ostree", &[&[verb, &format!("--repo={}", repository.display())], more].concat())
}

fn commit_of(compose: &Compose) -> serde_json::Value {
    compose.json("compose/metadata/ostree.json")["payload"]["commits"]["Base"]["amd64"][0].clone()
}

/// A client's repository that believes the compose's key only, for commits and for the summary.
fn client(harbour: &Harbour, compose: &Compose, name: &str) -> std::path::PathBuf {
    let (repository, served) = (harbour.path(name), compose.path("compose/ostree/repo"));
    let key = format!("--gpg-import={}", compose.path("compose/metadata/signing-key.asc").display());
    let options = ["--set=gpg-verify=true", "--set=gpg-verify-summary=true", &key];
    ostree("init", &repository, &["--mode=bare-user"]);
    let url = format!("file://{}", served.display());
    ostree("remote", &repository, &[&["add"][..], &options, &["harbour", &url]].concat());
    repository
}

#[test]
fn a_client_pulls_a_signed_commit_and_checks_out_what_boots() {
    let harbour = with_commit("");
    let (ran, compose) = harbour.compose(&[]);
    let commit = commit_of(&compose);
    assert_eq!((commit["ref"].as_str(), commit["version"].as_str()), (Some(BRANCH), Some("13.1.20240603")), "{ran}");
    let repository = client(&harbour, &compose, "client");
    ostree("pull", &repository, &["harbour", BRANCH]);
    assert_eq!(ostree("rev-parse", &repository, &[&format!("harbour:{BRANCH}")]).trim(), commit["commit"].as_str().unwrap());
    let shown = ostree("show", &repository, &[&format!("harbour:{BRANCH}"), "--print-metadata-key=ostree.linux"]);
    assert_eq!(shown.trim(), "'6.12-quay'");

    let tree = harbour.path("tree");
    ostree("checkout", &repository, &["--user-mode", &format!("harbour:{BRANCH}"), tree.to_str().unwrap()]);
    let read = |path: &str| fs_err::read_to_string(tree.join(path)).unwrap();
    assert_eq!(read("usr/lib/modules/6.12-quay/vmlinuz"), "kernel\n");
    assert_eq!(read("usr/lib/modules/6.12-quay/initramfs.img"), "initramfs of 0\n");
    assert_eq!(read("usr/etc/hostname"), "quay\n");
    assert_eq!(read("usr/share/factory/var/usrlocal/bin/tool"), "tool\n");
    assert!(read("usr/lib/sysimage/dpkg/status").contains("Package: linux-image-quay\n"));
    let tmpfiles = read("usr/lib/tmpfiles.d/ostree-var.conf");
    assert!(tmpfiles.contains("L /var/lib/dpkg - - - - ../../usr/lib/sysimage/dpkg\n"), "{tmpfiles}");
    assert!(tmpfiles.contains("C /var/usrlocal - - - - /usr/share/factory/var/usrlocal\n"), "{tmpfiles}");
    for empty in ["boot", "dev", "proc", "run", "tmp", "var"] {
        assert_eq!(fs_err::read_dir(tree.join(empty)).unwrap().count(), 0, "{empty}");
    }
    assert!(!tree.join("etc").exists());
    for (link, target) in
        [("home", "var/home"), ("root", "var/roothome"), ("usr/local", "../var/usrlocal"), ("ostree", "sysroot/ostree")]
    {
        assert_eq!(fs_err::read_link(tree.join(link)).unwrap(), Path::new(target), "{link}");
    }
    assert!(harbour.mounts().is_empty(), "{:?}", harbour.mounts());
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert_eq!(verified.code, 0, "{verified}");
    assert!(ran.stdout.contains("ostree Base.amd64"), "{ran}");
}

#[test]
fn what_has_been_changed_in_the_repository_is_not_believed() {
    let harbour = with_commit("");
    let (_, compose) = harbour.compose(&[]);
    let checksum = commit_of(&compose)["commit"].as_str().unwrap().to_owned();
    let metadata = compose.path(&format!("compose/ostree/repo/objects/{}/{}.commitmeta", &checksum[..2], &checksum[2..]));
    let mut bytes = fs_err::read(&metadata).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::remove_file(&metadata).unwrap();
    fs_err::write(&metadata, bytes).unwrap();
    let verified = harbour.charmer(&["verify", compose.root()]);
    assert!(verified.code == 1 && format!("{verified}").contains(".commitmeta"), "{verified}");
    let repository = client(&harbour, &compose, "client");
    #[expect(clippy::disallowed_types, reason = "the client is started as users start it")]
    let pulled = std::process::Command::new("ostree")
        .args(["pull", &format!("--repo={}", repository.display()), "harbour", BRANCH])
        .output()
        .unwrap();
    assert!(!pulled.status.success(), "a commit with a damaged signature was believed");
}

#[test]
fn the_same_packages_are_the_same_commit_and_a_change_comes_with_a_delta() {
    let harbour = with_commit("");
    let (_, first) = harbour.compose(&[]);
    let (_, second) = harbour.compose(&[]);
    let checksum = |compose: &Compose| commit_of(compose)["commit"].as_str().unwrap().to_owned();
    assert_eq!(checksum(&first), checksum(&second));

    harbour.add("Package: dash\nVersion: 2.0\nArchitecture: any\nEssential: yes\nDepends: libc6\n");
    harbour.publish("2024-06-02");
    let (ran, third) = harbour.compose(&["--old-composes", "composes"]);
    let commit = commit_of(&third);
    assert_eq!(commit["parent"].as_str().unwrap(), checksum(&first), "{ran}");
    assert_ne!(checksum(&third), checksum(&first));
    let repository = third.path("compose/ostree/repo");
    let deltas = ostree("static-delta", &repository, &["list"]);
    assert_eq!(deltas.trim(), format!("{}-{}", checksum(&first), checksum(&third)));
    // A client that has the first goes on by the delta alone.
    let client_repository = client(&harbour, &first, "client");
    ostree("pull", &client_repository, &["harbour", BRANCH]);
    ostree("remote", &client_repository, &["delete", "harbour"]);
    let url = format!("file://{}", repository.display());
    let key = format!("--gpg-import={}", third.path("compose/metadata/signing-key.asc").display());
    ostree("remote", &client_repository, &["add", &key, "harbour", &url]);
    ostree("pull", &client_repository, &["--require-static-deltas", "harbour", BRANCH]);
}

#[test]
fn an_unchanged_tree_is_no_new_commit_unless_one_is_asked_for() {
    let harbour = with_commit("");
    let (_, first) = harbour.compose(&[]);
    let checksum = commit_of(&first)["commit"].clone();
    harbour.edit("kind = \"ostree\"", "kind = \"ostree\"\nversion = \"13.2\"");
    let (ran, second) = harbour.compose(&["--old-composes", "composes"]);
    let commit = commit_of(&second);
    assert_eq!((&commit["commit"], &commit["unchanged"]), (&checksum, &true.into()), "{ran}");
    assert!(ran.stdout.contains("no new commit"), "{ran}");
    harbour.edit("kind = \"ostree\"", "kind = \"ostree\"\nforce-new-commit = true");
    let (ran, third) = harbour.compose(&["--old-composes", "composes"]);
    let commit = commit_of(&third);
    assert_ne!(commit["commit"], checksum, "{ran}");
    assert_eq!((&commit["parent"], commit["version"].as_str()), (&checksum, Some("13.2.20240603")));
}

#[test]
fn a_commit_may_be_without_a_branch_and_its_name_without_a_place() {
    let harbour = with_commit("ref = \"{arch}/tip\"\ntag-ref = false\nbindings = false\n");
    let (_, compose) = harbour.compose(&[]);
    let repository = compose.path("compose/ostree/repo");
    assert_eq!(ostree("refs", &repository, &[]).trim(), "");
    let commit = commit_of(&compose);
    assert_eq!(commit["ref"], "amd64/tip");
    let shown = ostree("show", &repository, &[commit["commit"].as_str().unwrap(), "--raw"]);
    assert!(!shown.contains("ostree.ref-binding"), "{shown}");
}

#[test]
fn a_tree_without_a_kernel_is_refused_and_leaves_nothing_mounted() {
    let harbour = with_commit("");
    fs_err::remove_file(harbour.path("tools/bootable")).unwrap();
    let (ran, _) = harbour.compose_into("composes", &[], 1);
    assert!(ran.stderr.contains("failed: ostree-tree:Base.amd64.ostree") || ran.stderr.contains("ostree-tree"), "{ran}");
    assert!(harbour.mounts().is_empty(), "{:?}", harbour.mounts());
}

/// The signature of the one key of this kind in detached metadata.
fn ed25519_signature(metadata: &[u8]) -> &[u8] {
    let name = b"ostree.sign.ed25519\0";
    let start = metadata.windows(name.len()).position(|window| window == name).expect("there is a signature of the kind");
    &metadata[(start + name.len()).next_multiple_of(8)..][..64]
}

#[test]
fn a_client_may_believe_an_ed25519_key_instead() {
    let harbour = with_commit("ed25519-key = \"ostree.key\"\n");
    fs_err::write(harbour.path("ostree.key"), format!("{SECRET}\n")).unwrap();
    let (ran, compose) = harbour.compose(&[]);
    assert!(!format!("{ran}{}", compose.read("logs/events.jsonl")).contains(SECRET));
    let served = compose.path("compose/ostree/repo");
    assert_eq!(fs_err::read_to_string(served.join("signing-key.ed25519")).unwrap().trim(), PUBLIC);
    let checksum = commit_of(&compose)["commit"].as_str().unwrap().to_owned();
    let object = |end: &str| served.join(format!("objects/{}/{}.{end}", &checksum[..2], &checksum[2..]));
    for (signed, metadata) in [(object("commit"), object("commitmeta")), (served.join("summary"), served.join("summary.sig"))] {
        let metadata = fs_err::read(metadata).unwrap();
        fs_err::write(harbour.path("signature"), ed25519_signature(&metadata)).unwrap();
        let [signed, signature, key] =
            [signed, harbour.path("signature"), harbour.path("public.pem")].map(|path| path.to_str().unwrap().to_owned());
        fs_err::write(&key, format!("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA{PUBLIC}\n-----END PUBLIC KEY-----\n")).unwrap();
        output_of("openssl", &["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", &key, "-sigfile", &signature, "-in", &signed]);
    }
    // gpg's signature is there too.
    ostree("pull", &client(&harbour, &compose, "client"), &["harbour", BRANCH]);
}

#[test]
fn a_key_that_is_none_is_said_to_be_none() {
    let harbour = with_commit("ed25519-key = \"ostree.key\"\n");
    fs_err::write(harbour.path("ostree.key"), "sesame\n").unwrap();
    let ran = harbour.refused();
    assert!(ran.stderr.contains("ostree.key is no secret Ed25519 key") && !ran.stderr.contains("sesame"), "{ran}");
}

#[test]
fn a_reused_commit_is_as_good_as_a_new_one() {
    let harbour = with_commit("");
    let (_, first) = harbour.compose(&[]);
    let (ran, second) = harbour.compose(&["--old-composes", "composes"]);
    assert!(!second.done().iter().any(|job| job.contains("ostree")), "{ran}");
    ostree("pull", &client(&harbour, &second, "client"), &["harbour", BRANCH]);
    ostree("fsck", &second.path("compose/ostree/repo"), &[]);
    // The repository is made anew of the reused commit.
    harbour.edit("kind = \"ostree\"", "kind = \"ostree\"\ntag-ref = false");
    let (ran, third) = harbour.compose(&["--old-composes", "composes"]);
    assert_eq!(third.done().iter().filter(|job| job.contains("ostree")).count(), 1, "{ran}");
    assert_eq!(commit_of(&third)["commit"], commit_of(&first)["commit"]);
    let resumed = harbour.charmer(&["resume", third.root()]);
    assert_eq!(resumed.code, 0, "{resumed}");
    let verified = harbour.charmer(&["verify", third.root()]);
    assert_eq!(verified.code, 0, "{verified}");
}

#[test]
fn commits_can_be_left_out_and_may_fail_without_the_rest() {
    let harbour = with_commit("");
    let (ran, without) = harbour.compose(&["--skip", "ostree"]);
    assert!(without.path("compose/metadata/composeinfo.json").exists() && !without.path("compose/ostree").exists(), "{ran}");
    assert!(!without.path("compose/metadata/ostree.json").exists(), "{ran}");
    harbour.edit("[limits]", "[[failable]]\nvariants = [\"Base\"]\nkinds = [\"ostree\"]\n\n[limits]");
    fs_err::remove_file(harbour.path("tools/bootable")).unwrap();
    let (ran, incomplete) = harbour.compose_into("composes", &[], 3);
    assert_eq!(incomplete.status(), "FINISHED_INCOMPLETE", "{ran}");
    assert_eq!(incomplete.json("compose/metadata/ostree.json")["payload"]["commits"], serde_json::json!({}), "{ran}");
    let failed = incomplete.read("compose/metadata/deliverables.json");
    assert!(failed.contains("ostree-tree:Base.amd64.ostree"), "{failed}");
}
