//! Documents of rpm-md, unpacked: each reader takes those of its kind and refuses the others by their root.

#![no_main]

use charmer_packages::rpm::repodata::read::{read_filelists, read_primary, read_repomd};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|document: &[u8]| {
    let stays_inside = |location: &str| assert!(location.split('/').all(|part| !matches!(part, "" | "." | "..")), "{location}");
    let mut text = document;
    let _ = read_primary(&mut text, |package| {
        assert!(!package.name().is_empty() && !package.version().is_empty() && !package.arch().is_empty());
        // A package without a location is for the caller to refuse.
        if !package.file.location.is_empty() {
            stays_inside(&package.file.location);
        }
        package.requires().chain(package.relations(charmer_packages::rpm::RelationKind::Supplements)).for_each(drop);
    });
    let mut text = document;
    let _ = read_filelists(&mut text, |_, files| files.iter().for_each(|file| drop(file.path())));
    let mut text = document;
    if let Ok(repomd) = read_repomd(&mut text) {
        repomd.data.values().filter(|data| !data.location.is_empty()).for_each(|data| stays_inside(&data.location));
    }
});
