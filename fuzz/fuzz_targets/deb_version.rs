//! Versions of Debian packages, one on each line: they have an order.

#![no_main]

use charmer_packages::deb::version::compare;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let versions: Vec<&str> = text.lines().take(12).collect();
    for one in &versions {
        assert!(compare(one, one).is_eq(), "{one}");
        for other in &versions {
            assert_eq!(compare(one, other), compare(other, one).reverse(), "{one} and {other}");
            for third in &versions {
                let in_order = compare(one, other).is_le() && compare(other, third).is_le();
                assert!(!in_order || compare(one, third).is_le(), "{one}, {other} and {third}");
            }
        }
    }
});
