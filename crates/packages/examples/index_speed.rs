//! Measures what a compose does with real indexes: reading them, a closure, and the verdicts of all packages.
//!
//! ```text
//! cargo run --release -p charmer-packages --example index_speed -- SEED ARCH=Packages [ARCH=Packages ...] [--list]
//! ```
//!
//! The verdicts are for the first arch; `--list` names the broken packages.

#![expect(clippy::print_stdout, reason = "a program of its own, for people")]
#![expect(clippy::disallowed_methods, reason = "packages has no dependency that reads files, and only this example does")]

use std::error::Error;
use std::time::{Duration, Instant};

use charmer_packages::closure::{Request, close};
use charmer_packages::installability::verdicts;
use charmer_packages::{Deb, Ecosystem, IndexFile, IndexKind, Origin, Seed};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--list").collect();
    let [seed, indexes @ ..] = &arguments[..] else { return Err("usage: index_speed SEED ARCH=Packages...".into()) };
    let mut files = Vec::new();
    for index in indexes {
        let (arch, path) = index.split_once('=').ok_or("an index is ARCH=PATH")?;
        files.push(index_file(arch, path)?);
    }
    let arch = indexes[0].split('=').next().unwrap_or_default().to_owned();
    println!("texts read                    {}", peak_memory()?);

    let (read, (set, problems)) = timed(|| Deb.read(files));
    println!("parse and merge    {read:>10.1?} {}; {} packages, {} problems", peak_memory()?, set.len(), problems.len());
    for problem in problems.iter().take(10) {
        println!("  {problem}");
    }
    for recommends in [false, true] {
        let mut request = Request { arch: arch.clone(), seeds: vec![Seed::parse(seed)?], ..Request::default() };
        request.recommends.default = recommends;
        let (closed, selection) = timed(|| Ok::<_, std::convert::Infallible>(close(&set, &request)));
        let (packages, problems) = (selection.packages.len(), selection.problems.len());
        println!("closure            {closed:>10.1?} {packages} packages, {problems} problems, recommends {recommends}");
    }
    let checked: Vec<_> = set.ids().filter(|id| set.is_for(*id, &arch)).collect();
    let (judged, broken) = timed(|| Ok::<_, std::convert::Infallible>(verdicts(&set, &arch, &checked, &[])));
    println!("verdicts           {judged:>10.1?} {}; {} of {} broken", peak_memory()?, broken.len(), checked.len());
    if std::env::args().any(|argument| argument == "--list") {
        for broken in broken {
            println!("{}: {}", set.name(broken.package), broken.describe(&set));
        }
    }
    Ok(())
}

fn index_file(arch: &str, path: &str) -> Result<IndexFile, std::io::Error> {
    let origin = Origin {
        archive: "debian".to_owned(),
        suite: "stable".to_owned(),
        component: "main".to_owned(),
        priority: 500,
        lookaside: false,
    };
    let kind = if arch == "source" { IndexKind::Sources } else { IndexKind::Binaries { arch: arch.to_owned() } };
    Ok(IndexFile { name: path.to_owned(), kind, origin, text: std::fs::read(path)? })
}

fn timed<T, E: std::fmt::Debug>(work: impl FnOnce() -> Result<T, E>) -> (Duration, T) {
    let start = Instant::now();
    let value = work().expect("real indexes can be read");
    (start.elapsed(), value)
}

/// The highest resident size so far.
fn peak_memory() -> Result<String, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(format!("peak {} MiB", kibibytes / 1024))
}
