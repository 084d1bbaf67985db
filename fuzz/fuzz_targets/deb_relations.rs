//! The fields of packages that name others, on each line of a text: dependencies, and what answers them.

#![no_main]

use charmer_packages::installability::verdicts;
use charmer_packages::{Deb, Ecosystem as _, IndexFile, IndexKind, Origin};
use libfuzzer_sys::fuzz_target;

const FIELDS: [&str; 6] = ["Depends", "Pre-Depends", "Recommends", "Conflicts", "Breaks", "Provides"];

fuzz_target!(|text: &str| {
    let stanza = |(number, line): (usize, &str)| {
        let field = FIELDS[number % FIELDS.len()];
        format!(
            "Package: p{}\nVersion: {number}\nArchitecture: amd64\nFilename: pool/{number}.deb\nSize: 1\nSHA256: {number:064x}\n{field}: {line}\n",
            number / FIELDS.len()
        )
    };
    let index: Vec<String> = text.lines().take(60).enumerate().map(stanza).collect();
    let origin =
        Origin { archive: String::new(), suite: String::new(), component: String::new(), priority: 500, lookaside: false };
    let kind = IndexKind::Binaries { arch: "amd64".to_owned() };
    let file = IndexFile { name: "index".to_owned(), kind, origin, text: index.join("\n").into_bytes() };
    let Ok((set, _)) = Deb.read(vec![file]) else { return };
    for id in set.ids() {
        for relation in set.relations(id) {
            assert!(!set.requirement_text(relation.requirement).contains('\n'));
        }
    }
    let ids: Vec<_> = set.ids().collect();
    verdicts(&set, "amd64", &ids, &[]);
});
