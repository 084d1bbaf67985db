//! Comps files: the tree that is filtered, and what is understood of it. What is written of either must be read as the same again.

#![no_main]

use charmer_packages::rpm::comps::Comps;
use charmer_packages::rpm::comps::xml::{Blanks, Document};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for blanks in [Blanks::Keep, Blanks::Drop] {
        if let Ok(document) = Document::parse(bytes, blanks) {
            let written = document.to_xml(false);
            let again = Document::parse(written.as_bytes(), blanks).expect("what was written is read again");
            assert_eq!(again.to_xml(false), written);
            document.to_xml(true);
        }
    }
    let Ok(comps) = Comps::parse(bytes) else { return };
    let _ = comps.check_names();
    if let Ok(written) = comps.to_xml() {
        Comps::parse(written.as_bytes()).expect("what was written is read again");
    }
});
