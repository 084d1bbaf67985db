//! Release files of a suite. No path of what is believed leads out of the suite.

#![no_main]

use charmer_compose::package_set::release::Release;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(release) = Release::parse(bytes) else { return };
    for path in release.files.keys() {
        assert!(!path.is_empty() && !path.starts_with('/') && !path.split('/').any(|part| part == ".."), "{path}");
    }
});
