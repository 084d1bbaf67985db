//! `variants.xml`, unfiltered and with filters: what comes out must be fit to become folders.

#![no_main]

use charmer_compose::config::pungi::variants::{Filters, Variants, load};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = tempfile::NamedTempFile::new().expect("there is a folder for temporary files");
    fs_err::write(file.path(), bytes).expect("the file is writable");
    let path = file.path().to_string_lossy();
    let filters = Filters { tree_arches: vec!["x86_64".to_owned()], tree_variants: vec!["Server".to_owned()] };
    for filters in [Filters::default(), filters] {
        match load(&path, &filters) {
            Ok(variants) => variants_are_sound(&variants),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});

fn variants_are_sound(variants: &Variants) {
    for variant in &variants.all {
        assert!(!variant.arches.is_empty(), "{} has no arch", variant.uid);
        assert_eq!(variants.all.iter().filter(|other| other.uid == variant.uid).count(), 1, "{}", variant.uid);
        assert!(variant.parent.as_deref().is_none_or(|parent| variants.get(parent).is_some()), "{} is an orphan", variant.uid);
        for name in variant.arches.iter().chain([&variant.uid]) {
            assert!(!name.is_empty() && !name.contains(['/', '.', '\0', '\n']), "{name}");
        }
    }
}
