//! What a compose says of itself, read by others: checksums by sha256sum and gpgv, metadata by productmd.

use std::process::Command;

use super::super::Charmer;
use super::{Compose, PATH, Workshop, outcome, run};

pub(super) fn checksums(workshop: &Workshop, compose: &Compose) {
    let keyring = workshop.path("checksums.gpg");
    run(Command::new("gpg").args(["--batch", "--dearmor", "--output"]).arg(&keyring).arg(compose.public_key()));
    for image in [compose.container(), compose.iso()] {
        let folder = image.parent().unwrap();
        let checked = run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(folder));
        let name = image.file_name().unwrap().to_str().unwrap();
        assert!(checked.lines().any(|line| line == format!("{name}: OK")), "{checked}");
        let mut gpgv = Command::new("gpgv");
        run(gpgv.arg("--keyring").arg(&keyring).args(["SHA256SUMS.sign", "SHA256SUMS"]).current_dir(folder));
    }
}

/// Reads composeinfo.json and images.json, and finds every path of theirs.
const READER: &str = r"
import os, sys
from productmd.compose import Compose
root = sys.argv[1]
compose = Compose(root)
for variant in compose.info.get_variants():
    for kind in ('packages', 'repository', 'isos', 'images'):
        for arch, path in sorted(getattr(variant.paths, kind).items()):
            assert os.path.isdir(os.path.join(root, 'compose', path)), path
            print(variant.uid, kind, arch, path)
for variant, arches in compose.images.images.items():
    for arch, images in arches.items():
        for image in images:
            assert os.path.getsize(os.path.join(root, 'compose', image.path)) == image.size, image.path
            print(variant, image.type, image.format, arch, image.bootable, image.implant_md5)
";

pub(super) fn productmd(workshop: &Workshop, compose: &Compose) {
    let environment = workshop.path("python");
    run(Command::new("/usr/bin/python3").args(["-m", "venv"]).arg(&environment));
    let mut install = Command::new(environment.join("bin/pip"));
    let (code, _, errors) = outcome(install.args(["install", "--quiet", "--retries", "1", "productmd"]));
    if code != Some(0) {
        eprintln!("skipped: productmd cannot be installed from the Python package index: {errors}");
        return;
    }
    let read = run(Command::new(environment.join("bin/python")).args(["-c", READER]).arg(&compose.root));
    let listed = run(Command::new("checkisomd5").arg("--md5sumonly").arg(compose.iso()));
    let md5 = listed.lines().next().and_then(|line| line.split_whitespace().last()).unwrap();
    for line in [
        "Base repository amd64 Base/repository",
        "Base repository arm64 Base/repository",
        "Server packages arm64 Server/repository/pool",
        "Server isos amd64 Server/amd64/iso",
        "Base container ociarchive amd64 False None",
        &format!("Server live iso amd64 True {md5}"),
    ] {
        assert!(read.lines().any(|read| read == line), "no `{line}` in\n{read}");
    }
    let discs = read.lines().filter(|line| line.starts_with("Base dvd iso arm64 False ")).count();
    assert!(discs > 1, "{read}");
}

/// As users type it: with paths from where they are.
pub(super) fn verify_and_why(workshop: &Workshop) {
    let in_workshop = Charmer { folder: Some(workshop.folder.path()), variables: &[("PATH", PATH)] };
    let verified = in_workshop.run(&["verify", "first/latest-harbour-13"]);
    assert_eq!(verified.code, 0, "{verified}");
    let why = in_workshop.run(&["why", "first/latest-harbour-13", "openssh-client", "--variant", "Server"]);
    assert!(why.code == 0 && why.stdout.contains("the seed openssh-server"), "{why}");
}
