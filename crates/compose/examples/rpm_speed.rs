//! Measures what a compose does with RPM files: reading their headers, writing repositories, checking closures.
//!
//! ```text
//! rpm_speed generate FOLDER COUNT [PACKAGES_INDEX]    writes COUNT small binary packages, and their sources
//! rpm_speed read FOLDER                               headers and checksums of all files
//! rpm_speed write FOLDER TARGET                       the same, and the repository's metadata into TARGET
//! rpm_speed closure FOLDER                            headers without checksums, and the closure of the binary packages
//! ```
//!
//! Each prints the time of its steps; run it several times, and take the median.

#![expect(clippy::print_stdout, reason = "a program of its own, for people")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use charmer_compose::checks::repoclosure::{ClosureRepository, repoclosure};
use charmer_compose::checksum::Algorithm;
use charmer_compose::package_set::compression::Compression;
use charmer_compose::package_set::rpm_file::{find_rpms, read_rpms};
use charmer_compose::repositories::rpm_md::{ListedPackage, RpmMdSpec, write_rpm_md};
use charmer_packages::rpm::header::Header;
use charmer_packages::rpm::repodata::write::Tags;
use charmer_testkit::rpm_world;

const USAGE: &str = "usage: rpm_speed generate FOLDER COUNT [INDEX] | read FOLDER | write FOLDER TARGET | closure FOLDER";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["generate", folder, count] => generate(folder, count, None),
        ["generate", folder, count, index] => generate(folder, count, Some(index)),
        ["read", folder] => read(folder, Some(Algorithm::Sha256)).map(drop),
        ["write", folder, target] => write(folder, target),
        ["closure", folder] => closure(folder),
        _ => Err(USAGE.into()),
    }
}

fn generate(folder: &str, count: &str, index: Option<&str>) -> Result<(), Box<dyn Error>> {
    let count = count.parse()?;
    let index = index.map_or_else(|| Ok(rpm_world::synthetic_index(count)), fs_err::read_to_string)?;
    fs_err::create_dir_all(folder)?;
    let written = timed("generate", || rpm_world::from_packages_index(&index, count, Path::new(folder)));
    println!("{} binary and {} source packages", written.binaries, written.sources);
    Ok(())
}

fn read(folder: &str, algorithm: Option<Algorithm>) -> Result<Vec<Header>, Box<dyn Error>> {
    let locations = find_rpms(Path::new(folder))?;
    let headers = timed("headers", || read_rpms(Path::new(folder), &locations, algorithm, processors()));
    headers.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n").into())
}

fn write(folder: &str, target: &str) -> Result<(), Box<dyn Error>> {
    let headers = read(folder, Some(Algorithm::Sha256))?;
    let packages: Vec<ListedPackage<'_>> = headers
        .iter()
        .map(|header| ListedPackage { package: &header.package, location: &header.package.file.location })
        .collect();
    let spec = RpmMdSpec {
        checksum: Algorithm::Sha256,
        compression: Compression::Gzip,
        unique_names: true,
        date: 1_767_225_600,
        tags: Tags::default(),
        groups: None,
        extras: Vec::new(),
        threads: processors(),
    };
    fs_err::create_dir_all(target)?;
    timed("metadata", || write_rpm_md(Path::new(target), &packages, &spec))?;
    Ok(())
}

fn closure(folder: &str) -> Result<(), Box<dyn Error>> {
    let headers = read(folder, None)?;
    let packages = headers.iter().map(|header| &header.package).filter(|package| !package.is_source()).collect();
    let checked = ClosureRepository { id: "checked", packages };
    let found = timed("closure", || repoclosure(&checked, &[], &["x86_64", "noarch"]));
    println!("{}", found.error().unwrap_or_else(|| "closed".to_owned()));
    Ok(())
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what}: {} ms", start.elapsed().as_millis());
    result
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
