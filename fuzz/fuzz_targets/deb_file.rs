//! A package file of Debian: its control file, and what it holds.

#![no_main]

use charmer_compose::package_set::deb_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let path = folder.path().join("a.deb");
    fs_err::write(&path, bytes).expect("there is room for a file");
    let _ = deb_file::control(&path);
    let _ = deb_file::built(&path);
    if let Ok(contents) = deb_file::contents(&path) {
        assert!(contents.iter().all(|path| !path.contains('\n')), "{contents:?}");
    }
    if let Ok(stanza) = deb_file::stanza_of(&path, "pool/a.deb") {
        assert!(!stanza.trim_end().contains("\n\n"), "{stanza}");
    }
});
