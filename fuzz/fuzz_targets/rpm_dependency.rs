//! A dependency as spec files have it, rich or plain, on each line of a text; and the order of the versions in it.

#![no_main]

use charmer_packages::rpm::dependency::Rich;
use charmer_packages::rpm::{Dependency, Evr};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut earlier = None;
    for line in text.lines() {
        if let Ok(rich) = Rich::parse(line) {
            assert!(rich.to_string().len() <= grown(line), "{rich}");
        }
        let evr = Evr::parse(line);
        versions_are_ordered(&evr, &evr);
        let Ok(dependency) = Dependency::parse(line) else { continue };
        assert!(dependency.to_string().len() <= grown(line), "{dependency}");
        if let Some(earlier) = earlier.replace(dependency) {
            requirements_agree(&earlier, &dependency);
        }
    }
});

/// Printing sets apart what stood together, such as `a>=1` in `(a >=1 or b)`, but makes nothing twice as long.
fn grown(line: &str) -> usize {
    2 * line.len()
}

/// A pair of dependencies meets in one direction if it does in the other: ranges have no direction.
fn requirements_agree(one: &Dependency<'_>, other: &Dependency<'_>) {
    assert_eq!(one.provides(other), other.provides(one), "{one} and {other}");
    if let (Some(one), Some(other)) = (one.constraint, other.constraint) {
        versions_are_ordered(&one.evr, &other.evr);
    }
}

fn versions_are_ordered(one: &Evr<'_>, other: &Evr<'_>) {
    assert!(one.compare(one).is_eq(), "{one}");
    assert_eq!(one.compare(other), other.compare(one).reverse(), "{one} and {other}");
}
