//! Indexes of an apt archive: binary packages and sources. Whatever is read can be described, judged and selected from.

#![no_main]

use charmer_packages::closure::{Request, close};
use charmer_packages::installability::verdicts;
use charmer_packages::{Deb, Ecosystem as _, IndexFile, IndexKind, Origin, Seed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let origin = |suite: &str| Origin {
        archive: "a".to_owned(),
        suite: suite.to_owned(),
        component: "main".to_owned(),
        priority: 500,
        lookaside: false,
    };
    let index = |kind, suite: &str| IndexFile { name: suite.to_owned(), kind, origin: origin(suite), text: bytes.to_vec() };
    let binaries = |arch: &str| IndexKind::Binaries { arch: arch.to_owned() };
    let files = vec![index(binaries("amd64"), "one"), index(binaries("arm64"), "two"), index(IndexKind::Sources, "three")];
    let Ok((set, problems)) = Deb.read(files) else { return };
    for problem in &problems {
        assert!(!problem.to_string().is_empty());
    }
    let ids: Vec<_> = set.ids().collect();
    for id in &ids {
        assert!(!set.name(*id).is_empty() && !set.describe(*id).contains('\n'), "{}", set.describe(*id));
        // A path that leads out of the archive is a problem, and no package.
        assert!(!set.filename(*id).starts_with('/') && !set.filename(*id).split('/').any(|part| part == ".."));
    }
    for arch in ["amd64", "arm64"] {
        for broken in verdicts(&set, arch, &ids, &[]) {
            assert!(!broken.describe(&set).is_empty());
        }
        let seeds = ids.iter().filter_map(|id| Seed::parse(set.name(*id)).ok()).take(20).collect();
        close(&set, &Request { arch: arch.to_owned(), seeds, ..Request::default() });
    }
});
