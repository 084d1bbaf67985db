//! Every form of the example, made twice from one lock as two people would on two days: the same bytes.

use std::path::Path;

use super::{PATH, Workshop, again};

/// Where `make test-long` builds charmer-encapsulate.
const ENCAPSULATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../encapsulate/target/debug");

/// What the example does not ask for: the disk in the other formats, and what there can be beside a live system.
const MORE: [(&str, &str); 2] = [
    ("formats = [\"qcow2\"]\n", "formats = [\"qcow2\", \"raw\", \"raw-xz\", \"vmdk\", \"vhd\"]\n"),
    ("hostname = \"harbour\"\n", "hostname = \"harbour\"\nnetboot = true\nzsync = true\n"),
];

/// All but the installer, which the mirror may not have. Machines are started in tests of their own.
const MADE: [&str; 6] = ["--skip", "boot", "--images", "Base.*", "Server.*", "Cloud.*"];

/// How many files of images these are: ten images, one of them in five formats, and a commit, which has none.
const IMAGES: usize = 14;

pub(super) fn is_the_same_twice(workshop: &Workshop) {
    let encapsulate = Path::new(ENCAPSULATE).join("charmer-encapsulate");
    assert!(encapsulate.is_file(), "there is no {}; `make test-long` builds it", encapsulate.display());
    workshop.write_config("harbour.toml", &super::example_of(workshop, &MORE));
    let path = format!("{ENCAPSULATE}:{PATH}");
    let first = workshop.compose_with("harbour.toml", "first", &MADE, &path);
    let second = again::elsewhere(workshop, &first, &MADE, &path);
    let (first, second) = (again::shipped(&first), again::shipped(&second));
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    let different: Vec<_> = first.iter().filter(|(name, digest)| second[*name] != **digest).collect();
    assert!(different.is_empty(), "{different:#?}");
    assert!(first.keys().filter(|name| name.contains("/images/") || name.contains("/iso/")).count() >= IMAGES, "{first:#?}");
}
