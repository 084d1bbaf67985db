//! Measures what a compose does with RPM files: reading their headers, writing repositories, checking closures.
//!
//! ```text
//! rpm_speed generate FOLDER COUNT ARCH [PACKAGES_INDEX]   writes COUNT small binary packages, and their sources
//! rpm_speed read FOLDER                                   headers and checksums of all files
//! rpm_speed write FOLDER TARGET                           the same, and the repository's metadata into TARGET
//! rpm_speed closure FOLDER                                headers without checksums, and the closure of the binary packages
//! rpm_speed measure COMMAND [ARGUMENT ...]                seconds of a command, and the peak MiB of it and its children together
//! ```
//!
//! Each prints the time of its steps; run it several times, and take the median.

#![expect(clippy::print_stdout, reason = "a program of its own, for people")]

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use charmer_compose::checks::repoclosure::{ClosureRepository, repoclosure};
use charmer_compose::checksum::Algorithm;
use charmer_compose::compression::Compression;
use charmer_compose::package_set::rpm_file::{find_rpms, read_rpms};
use charmer_compose::repositories::rpm_md::{ListedPackage, RpmMdSpec, write_rpm_md};
use charmer_packages::rpm::header::Header;
use charmer_packages::rpm::repodata::write::Tags;
use charmer_testkit::rpm_world;

const USAGE: &str = "usage: rpm_speed generate FOLDER COUNT ARCH [INDEX] | read FOLDER | write FOLDER TARGET | closure FOLDER | measure COMMAND...";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["generate", folder, count, arch] => generate(folder, count, arch, None),
        ["generate", folder, count, arch, index] => generate(folder, count, arch, Some(index)),
        ["read", folder] => read(folder, Some(Algorithm::Sha256)).map(drop),
        ["write", folder, target] => write(folder, target),
        ["closure", folder] => closure(folder),
        ["measure", program, ref arguments @ ..] => measure(program, arguments),
        _ => Err(USAGE.into()),
    }
}

fn generate(folder: &str, count: &str, arch: &str, index: Option<&str>) -> Result<(), Box<dyn Error>> {
    let count = count.parse()?;
    let mut index = index.map_or_else(|| Ok(String::new()), fs_err::read_to_string)?;
    // What an archive lacks is invented.
    index.push_str(&rpm_world::synthetic_index(count));
    fs_err::create_dir_all(folder)?;
    let written = timed("generate", || rpm_world::from_packages_index(&index, count, arch, Path::new(folder)));
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

/// How often the memory of a command is looked at.
const SAMPLE: Duration = Duration::from_millis(40);

#[expect(clippy::disallowed_types, reason = "what is measured is a whole program as people start it")]
fn measure(program: &str, arguments: &[&str]) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut command = std::process::Command::new(program).args(arguments).spawn()?;
    let mut peak = 0;
    let status = loop {
        if let Some(status) = command.try_wait()? {
            break status;
        }
        peak = peak.max(memory(command.id()));
        std::thread::sleep(SAMPLE);
    };
    println!("{:.2} {}", start.elapsed().as_secs_f64(), peak / 1024);
    if status.success() { Ok(()) } else { Err(format!("{program}: {status}").into()) }
}

/// Of a process and all that it started, in KiB. What several of them share counts once.
fn memory(process: u32) -> u64 {
    let folder = Path::new("/proc").join(process.to_string());
    let numbers = fs_err::read_to_string(folder.join("smaps_rollup")).unwrap_or_default();
    let own = numbers.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let program = |process: u32| fs_err::read_link(format!("/proc/{process}/exe")).ok();
    let threads = fs_err::read_dir(folder.join("task")).into_iter().flatten().flatten();
    let children = threads.filter_map(|thread| fs_err::read_to_string(thread.path().join("children")).ok());
    let children: Vec<u32> =
        children.flat_map(|line| line.split(' ').filter_map(|child| child.parse().ok()).collect::<Vec<_>>()).collect();
    // Until it has started its program, a child has nothing but its parent's memory.
    let started = children.into_iter().filter(|child| program(*child) != program(process));
    own.unwrap_or(0) + started.map(memory).sum::<u64>()
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
