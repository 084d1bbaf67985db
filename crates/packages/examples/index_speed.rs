//! Measures what a compose does with real indexes: reading them, closures, and the verdicts of all packages.
//!
//! ```text
//! cargo run --release -p charmer-packages --example index_speed -- SEED ARCH=Packages [ARCH=Packages ...] [--runs N] [--list]
//! ```
//!
//! Closures and verdicts are for the first arch; `--list` names the broken packages. Times are the best and the median of the
//! runs: the best is what the work takes, the median tells how busy the machine was.

#![expect(clippy::print_stdout, reason = "a program of its own, for people")]
#![expect(clippy::disallowed_methods, reason = "packages has no dependency that reads files, and only this example does")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use charmer_packages::closure::{Request, close};
use charmer_packages::installability::verdicts;
use charmer_packages::{Deb, Ecosystem, IndexFile, IndexKind, Origin, PackageSet, Seed};

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { seed, indexes, runs, list } = Arguments::read(std::env::args().skip(1))?;
    let mut times = Times::default();
    let mut broken = Vec::new();
    for run in 0..runs {
        let set = read(&indexes, &mut times)?;
        if run == 0 {
            println!(
                "{} packages, peak memory {} MiB, {} MiB of it texts",
                set.len(),
                peak_memory()?,
                text_size(&indexes)? >> 20
            );
        }
        measure_closures(&set, &seed, &indexes[0].0, &mut times)?;
        broken = measure_verdicts(&set, &indexes[0].0, &mut times);
    }
    times.print();
    if list {
        for line in broken {
            println!("{line}");
        }
    }
    Ok(())
}

struct Arguments {
    seed: String,
    /// Arch and path.
    indexes: Vec<(String, String)>,
    runs: usize,
    list: bool,
}

impl Arguments {
    fn read(words: impl Iterator<Item = String>) -> Result<Arguments, Box<dyn Error>> {
        let mut arguments = Arguments { seed: String::new(), indexes: Vec::new(), runs: 1, list: false };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            match word.split_once('=') {
                Some((arch, path)) => arguments.indexes.push((arch.to_owned(), path.to_owned())),
                None if word == "--list" => arguments.list = true,
                None if word == "--runs" => arguments.runs = words.next().ok_or("how many runs?")?.parse()?,
                None => arguments.seed = word,
            }
        }
        if arguments.seed.is_empty() || arguments.indexes.is_empty() {
            return Err("usage: index_speed SEED ARCH=Packages... [--runs N] [--list]".into());
        }
        Ok(arguments)
    }
}

/// Only the reader's own work is timed: the texts are in memory before.
fn read(indexes: &[(String, String)], times: &mut Times) -> Result<PackageSet, Box<dyn Error>> {
    let files = indexes.iter().map(|(arch, path)| index_file(arch, path)).collect::<Result<Vec<_>, _>>()?;
    let (set, problems) = times.measure("parse and merge", || Deb.read(files))?;
    for problem in problems.iter().take(10) {
        println!("  {problem}");
    }
    Ok(set)
}

fn measure_closures(set: &PackageSet, seed: &str, arch: &str, times: &mut Times) -> Result<(), Box<dyn Error>> {
    for (name, recommends) in
        [("first closure of the arch", false), ("closure without Recommends", false), ("closure with Recommends", true)]
    {
        let mut request = Request { arch: arch.to_owned(), seeds: vec![Seed::parse(seed)?], ..Request::default() };
        request.recommends.default = recommends;
        let selection = times.measure(name, || close(set, &request));
        times.note(name, format!("{} packages, {} problems", selection.packages.len(), selection.problems.len()));
    }
    Ok(())
}

/// The broken packages, each with the reason.
fn measure_verdicts(set: &PackageSet, arch: &str, times: &mut Times) -> Vec<String> {
    let checked: Vec<_> = set.ids().filter(|id| set.is_for(*id, arch)).collect();
    let broken = times.measure("verdicts", || verdicts(set, arch, &checked, &[]));
    times.note("verdicts", format!("{} of {} broken", broken.len(), checked.len()));
    broken.iter().map(|broken| format!("{}: {}", set.name(broken.package), broken.describe(set))).collect()
}

#[derive(Default)]
struct Times {
    durations: BTreeMap<&'static str, Vec<Duration>>,
    notes: BTreeMap<&'static str, String>,
}

impl Times {
    fn measure<T>(&mut self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let value = work();
        self.durations.entry(name).or_default().push(start.elapsed());
        value
    }

    fn note(&mut self, name: &'static str, note: String) {
        self.notes.insert(name, note);
    }

    fn print(mut self) {
        for (name, durations) in &mut self.durations {
            durations.sort_unstable();
            let [best, median] = [durations[0], durations[durations.len() / 2]].map(|time| time.as_secs_f64() * 1000.0);
            let note = self.notes.get(name).map_or("", String::as_str);
            println!("{name:<28} best {best:>7.1} ms, median {median:>7.1} ms  {note}");
        }
    }
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

fn text_size(indexes: &[(String, String)]) -> Result<u64, std::io::Error> {
    indexes.iter().map(|(_, path)| Ok(std::fs::metadata(path)?.len())).sum()
}

/// The highest resident size so far, in MiB.
fn peak_memory() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kibibytes / 1024)
}
