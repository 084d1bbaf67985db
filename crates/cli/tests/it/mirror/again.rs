//! The same packages again: with the older compose at hand nothing is built, and without it the same bytes are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::{Compose, MADE, PATH, Workshop, live, run};

/// Jobs that ask the archives, and those whose outputs name the compose.
const DONE_EACH_TIME: [&str; 6] = ["index:", "date", "pkgset", "image-checksum:", "metadata", "recheck"];

/// Parts of paths of files that have the compose's name in them, or that of an image, with their signatures; and of a summary, into which
/// ostree writes the moment.
const NOT_COMPARED: [&str; 5] = ["metadata/", "COMPOSE_ID", "SHA256SUMS", ".zsync", "ostree/repo/summary"];

/// Images that are made: a container, a squashfs, a disc or more, a live ISO.
const IMAGES: usize = 4;

/// How often the mirror may publish between two composes before the test gives up.
const PUBLICATIONS: usize = 3;

pub(super) fn reused(workshop: &Workshop, first: &Compose) {
    let mut older = first.root.clone();
    for _ in 0..PUBLICATIONS {
        let started = Instant::now();
        let target = workshop.text_path("first");
        let newer = workshop.compose("harbour.toml", "first", &[&MADE[..], &["--old-composes", &target]].concat(), 0);
        let seconds = started.elapsed().as_secs_f64();
        assert_ne!(newer.root, older);
        if indexes(&newer.root) != indexes(&older) {
            eprintln!("the mirror published between the composes; once more");
            older = newer.root;
            continue;
        }
        eprintln!("composed again in {seconds:.1} s");
        let done_again = done_again(&newer);
        assert!(done_again.is_empty(), "done again: {done_again:?}");
        assert!(seconds < 60.0, "{seconds} s");
        return;
    }
    panic!("the mirror published {PUBLICATIONS} times within minutes");
}

/// The indexes that a compose saw in its archives, by the digests of their signed heads.
fn indexes(compose: &Path) -> Vec<String> {
    let lock = fs_err::read_to_string(compose.join("compose/metadata/charmer.lock")).unwrap();
    let digests: Vec<_> = lock.lines().filter(|line| line.starts_with("Release-Sha256:")).map(str::to_owned).collect();
    assert!(!digests.is_empty(), "{lock}");
    digests
}

/// The jobs that a compose did not take from an older one, without those that each compose does.
fn done_again(compose: &Compose) -> Vec<String> {
    let journal = fs_err::read_to_string(compose.root.join("logs/events.jsonl")).unwrap();
    let events = journal.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    events
        .filter(|event| event["event"] == "job-started")
        .map(|event| event["job"].as_str().unwrap().to_owned())
        .filter(|job| !DONE_EACH_TIME.iter().any(|name| job.starts_with(name)))
        .collect()
}

pub(super) fn same_bytes(workshop: &Workshop, first: &Compose) {
    let second = elsewhere(workshop, first, &MADE, PATH);
    let (first_digests, second_digests) = (digests(workshop, first), digests(workshop, &second));
    let different: Vec<_> = first_digests.iter().filter(|(name, digest)| second_digests.get(*name) != Some(digest)).collect();
    assert!(different.is_empty() && first_digests.len() == second_digests.len(), "{different:?}\n{second_digests:?}");
}

/// The same lock as another user composes it on another day: without the network, with other settings of language, time and permissions.
pub(super) fn elsewhere(workshop: &Workshop, first: &Compose, more: &[&str], path: &str) -> Compose {
    let target = workshop.new_folder("elsewhere");
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_charmer")]);
    command.args(["compose", "harbour.toml"]).args(more).args(["--offline", "--lock"]).arg(first.path("metadata/charmer.lock"));
    command.arg("--target-dir").arg(&target).arg("--cache-dir").arg(workshop.path("cache"));
    command.env("PATH", path).env("TZ", "Pacific/Auckland").env("LANG", "C").current_dir(workshop.path(""));
    run(&mut command);
    Compose::latest(&target)
}

/// The digests of all that is shipped, by paths without the compose's name, but for what names the compose inside.
pub(super) fn shipped(compose: &Compose) -> BTreeMap<String, String> {
    let id = compose.root.file_name().unwrap().to_str().unwrap();
    let (mut folders, mut files) = (vec![compose.path("")], BTreeMap::new());
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(compose.path("")).unwrap().to_str().unwrap().replace(id, "ID");
            if path.is_dir() {
                folders.push(path);
            } else if !NOT_COMPARED.iter().any(|part| name.contains(part)) {
                files.insert(name, digest(&path));
            }
        }
    }
    files
}

/// Of the repositories' signed heads (which hold the digests of all indexes), the indexes, and the images of every kind.
fn digests(workshop: &Workshop, compose: &Compose) -> BTreeMap<String, String> {
    let mut files = vec![
        ("squashfs".to_owned(), live::squashfs(&compose.iso(), &workshop.path("compared.squashfs"))),
        ("lock".to_owned(), compose.path("metadata/charmer.lock")),
    ];
    files.extend(images(compose));
    for variant in ["Base", "Server"] {
        let dists = compose.repository(variant).join("dists/quay");
        for name in ["InRelease", "Release.gpg", "main/binary-amd64/Packages.xz", "main/binary-arm64/Packages.gz"] {
            files.push((format!("{variant} {name}"), dists.join(name)));
        }
    }
    let digests = files.into_iter().map(|(name, path)| (name, digest(&path))).collect();
    fs_err::remove_file(workshop.path("compared.squashfs")).unwrap();
    digests
}

/// Each by what it is: names of files have the compose's.
fn images(compose: &Compose) -> Vec<(String, PathBuf)> {
    let description: serde_json::Value = serde_json::from_str(&compose.read("metadata/images.json")).unwrap();
    let arches = description["payload"]["images"].as_object().unwrap().values().flat_map(|arches| arches.as_object().unwrap());
    let images = arches.flat_map(|(_, images)| images.as_array().unwrap());
    let named = images.map(|image| {
        let words = ["subvariant", "arch", "type", "format", "disc_number"].map(|key| image[key].to_string());
        (words.join(" "), compose.path(image["path"].as_str().unwrap()))
    });
    let named: Vec<_> = named.collect();
    assert!(named.len() >= IMAGES, "{named:?}");
    named
}

fn digest(path: &Path) -> String {
    run(Command::new("sha256sum").arg(path)).split(' ').next().unwrap().to_owned()
}
