//! The sources of a selection.

use charmer_packages::sources::sources_of;

use crate::fixture::{id, set};

#[test]
fn own_source_and_contained_ones_are_wanted_in_exact_versions() {
    let set = set("a 1+b2
                     Source: src (1)
                     Built-Using: gcc (= 9), linux (= 6)
                   b 2
                     Static-Built-Using: rust-x (= 1)
                   @ debian arch=source
                   src 1
                   src 2
                   gcc 9
                   linux 7
                   b 2");
    let sources = sources_of(&set, [id(&set, "a"), id(&set, "b")]);
    let found: Vec<String> = sources
        .found
        .iter()
        .map(|source| format!("{} {}", set.text(set.source(*source).name), set.text(set.source(*source).version)))
        .collect();
    assert_eq!(found, ["src 1", "gcc 9", "b 2"]);
    let missing: Vec<String> = sources
        .missing
        .iter()
        .map(|missing| {
            let field = missing.field.map_or("own", |field| field.name());
            format!("{} {} {field} of {}", missing.name, missing.version, set.name(missing.package))
        })
        .collect();
    assert_eq!(missing, ["linux 6 Built-Using of a", "rust-x 1 Static-Built-Using of b"]);
}
