//! OSTree commits in containers, as machines have them: read by OSTree's own tools, which find the commit and nothing else in it.

use std::path::{Path, PathBuf};

use super::harbour::{Compose, Harbour, output_of};

/// Where `make test` builds charmer-encapsulate, and a program that reads what it writes as machines do.
const BUILT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../encapsulate/target/debug");

const IMAGE: &str = r#"
[[images]]
variant = "Base"
arches = ["amd64"]
kind = "bootc"
name = "native"
ostree = "ostree"
labels = { purpose = "quay" }

"#;

fn with_encapsulation() -> Harbour {
    let harbour = Harbour::bootable(&[("ostree", "")]);
    harbour.edit("[limits]", &format!("{IMAGE}[limits]"));
    harbour
}

/// A program of those; nothing where they were not built, which a test says.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn built(program: &str) -> Option<PathBuf> {
    let path = Path::new(BUILT).join(program);
    if !path.is_file() {
        eprintln!("skipped: there is no {}; `make test` builds it", path.display());
        return None;
    }
    Some(path)
}

fn archive_of(compose: &Compose) -> PathBuf {
    compose.path("compose/Base/amd64/images").join(format!("{}-Base-amd64-native.oci.tar", compose.id()))
}

#[test]
fn a_commit_comes_out_of_its_container_as_it_went_in() {
    let (Some(program), Some(import)) = (built("charmer-encapsulate"), built("examples/import")) else { return };
    let harbour = with_encapsulation();
    fs_err::os::unix::fs::symlink(program, harbour.path("tools/charmer-encapsulate")).unwrap();
    let (ran, compose) = harbour.compose(&[]);
    let commit = compose.json("compose/metadata/ostree.json")["payload"]["commits"]["Base"]["amd64"][0].clone();
    let checksum = commit["commit"].as_str().unwrap();
    let archive = archive_of(&compose);
    let archive = archive.to_str().unwrap();

    let inspected: serde_json::Value =
        serde_json::from_str(&output_of("skopeo", &["inspect", &format!("oci-archive:{archive}")])).unwrap();
    let labels = &inspected["Labels"];
    let expected = [("ostree.commit", checksum), ("ostree.bootable", "true"), ("containers.bootc", "1"), ("purpose", "quay")];
    for (name, value) in expected {
        assert_eq!(labels[name], value, "{labels}: {ran}");
    }
    assert_eq!((&inspected["Architecture"], &inspected["Created"]), (&"amd64".into(), &"2024-06-03T00:00:00Z".into()));
    // Each large package, the small ones, the initramfs and the database have layers of their own.
    assert!((5..127).contains(&inspected["Layers"].as_array().unwrap().len()), "{inspected}");

    let repository = harbour.text("machine");
    output_of("ostree", &["init", "--mode=bare-user", &format!("--repo={repository}")]);
    assert_eq!(output_of(import.to_str().unwrap(), &[archive, &repository]).trim(), checksum);
    output_of("ostree", &["fsck", "--quiet", &format!("--repo={repository}")]);
    let read = output_of("ostree", &["cat", &format!("--repo={repository}"), checksum, "/usr/etc/hostname"]);
    assert_eq!(read, "quay\n");

    let (_, again) = harbour.compose(&[]);
    assert_eq!(fs_err::read(archive).unwrap(), fs_err::read(archive_of(&again)).unwrap());
}

#[test]
fn a_missing_program_of_charmers_own_is_told_with_what_builds_it() {
    let harbour = with_encapsulation();
    let ran = harbour.charmer(&["compose", "harbour.toml", "--target-dir", "composes"]);
    assert_eq!(ran.code, 2, "{ran}");
    assert!(
        ran.stderr.contains("charmer-encapsulate is not there\n    it is charmer's own: `make encapsulate` builds it"),
        "{ran}"
    );
}
