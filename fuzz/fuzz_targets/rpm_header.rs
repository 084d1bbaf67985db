//! The first bytes of an RPM file. What is read of them must make indexes that can be read again.

#![no_main]

use charmer_packages::rpm::Package;
use charmer_packages::rpm::header;
use charmer_packages::rpm::repodata::read::{read_filelists, read_primary};
use charmer_packages::rpm::repodata::write::{Entry, Index};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let needed = header::bytes_needed(bytes);
    let read = header::read(bytes);
    assert_eq!(needed.is_ok_and(|needed| needed <= bytes.len() as u64), needed_bytes_were_there(&read));
    if let Ok(header) = read {
        indexes_are_readable(&header.package);
    }
});

/// Whether reading got beyond the question of how long the headers are.
fn needed_bytes_were_there(read: &Result<header::Header, header::HeaderError>) -> bool {
    use header::HeaderError as E;
    !matches!(read, Err(E::NotAnRpm | E::Truncated { .. } | E::NotAHeader(_) | E::TooManyEntries { .. } | E::TooLong { .. }))
}

fn indexes_are_readable(package: &Package) {
    let entry = Entry { package, location: "Packages/a.rpm", digest: "00", algorithm: "sha256" };
    let [primary, filelists, _] = Index::ALL.map(|index| {
        let mut xml = index.head(1).into_bytes();
        index.write(&entry, &mut xml);
        xml.extend(index.tail().into_bytes());
        xml
    });
    let mut packages = Vec::new();
    read_primary(&mut &primary[..], |package| packages.push(package)).expect("what was written is read again");
    let [again] = &packages[..] else { panic!("one package was written, {} were read", packages.len()) };
    assert_eq!(again.nevra().to_string(), package.nevra().to_string());
    let mut files = 0;
    read_filelists(&mut &filelists[..], |_, read| files += read.len()).expect("what was written is read again");
    assert_eq!(files, package.files.len());
}
