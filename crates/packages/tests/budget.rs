//! Indexes of Debian's size are read within the budget of memory and time.
//!
//! A program of its own, because it looks at what the whole process uses. The time is that of the processors, and five times
//! what it may be on an idle machine: the test finds work that has become of another order, not a busy machine.

#![expect(clippy::disallowed_methods, reason = "packages has no dependency that reads files, and the kernel's are the figures")]

use std::fmt::Write as _;

use charmer_packages::{Deb, Ecosystem as _, IndexFile, IndexKind, Origin};

/// Of each of two arches, as Debian 13 has: 137,000 in all.
const STANZAS: usize = 68_500;
/// Every second package is for all arches, and stands in both indexes.
const DIFFERENT: usize = STANZAS + STANZAS / 2;
const MEMORY_MIB: u64 = 250;
/// Of one processor: 0.3 s on two of them, five times.
const PROCESSOR_SECONDS: f64 = 3.0;

#[test]
fn two_arches_of_debian_are_read_within_the_budget() {
    let files: Vec<IndexFile> = ["amd64", "arm64"].into_iter().map(index_of).collect();
    let bytes: usize = files.iter().map(|file| file.text.len()).sum();
    assert!((100 << 20..120 << 20).contains(&bytes), "{bytes} bytes are not what Debian has");

    let before = processor_seconds();
    let (set, problems) = Deb.read(files).unwrap();
    let seconds = processor_seconds() - before;
    assert_eq!((set.len(), problems.len()), (DIFFERENT, 0));
    let memory = peak_memory_mib();

    assert!(memory <= MEMORY_MIB, "the process took {memory} MiB, more than {MEMORY_MIB}");
    assert!(seconds <= PROCESSOR_SECONDS, "reading took {seconds:.2} s of the processors, more than {PROCESSOR_SECONDS}");
}

fn index_of(arch: &str) -> IndexFile {
    let mut text = String::with_capacity(60 << 20);
    for number in 0..STANZAS {
        write_stanza(&mut text, number, arch);
    }
    let origin = Origin {
        archive: "debian".to_owned(),
        suite: "stable".to_owned(),
        component: "main".to_owned(),
        priority: 500,
        lookaside: false,
    };
    IndexFile { name: arch.to_owned(), kind: IndexKind::Binaries { arch: arch.to_owned() }, origin, text: text.into_bytes() }
}

/// The fields of a Debian stanza, in their usual lengths. A third of the clauses is the package's own, as in Debian.
fn write_stanza(text: &mut String, number: usize, index_arch: &str) {
    let arch = if number.is_multiple_of(2) { "all" } else { index_arch };
    let (source, name) = (number / 3, format!("package-{number:05}"));
    let version = format!("{}.{}.{}-{}", number % 7, source % 100, source % 13, 1 + number % 4);
    write!(
        text,
        "Package: {name}\nSource: source-{source:05}\nVersion: {version}\nInstalled-Size: {number}\n\
         Maintainer: Maintainers of this and that <team+source-{source:05}@tracker.example.org>\nArchitecture: {arch}\n"
    )
    .unwrap();
    write!(text, "Depends: libc6 (>= 2.{}), package-{:05} (= {version})", number % 41, number ^ 1).unwrap();
    for clause in 0..6 {
        let other = (number * 31 + clause * clause * 1_009) % STANZAS;
        let limit = [" (>= 1.2)", "", " (>= 2:0~rc1)", " | virtual-package"][clause % 4];
        write!(text, ", package-{:05}{limit}", other / 64 * 64 + clause).unwrap();
    }
    write!(
        text,
        "\nSuggests: package-{:05}\nProvides: virtual-{source:05} (= {version})\nMulti-Arch: foreign\n\
         Description: a package that stands for one of Debian's\nDescription-md5: {number:032x}\n\
         Homepage: https://www.example.org/projects/source-{source:05}/\nSection: misc\nPriority: optional\n\
         Filename: pool/main/s/source-{source:05}/{name}_{version}_{arch}.deb\nSize: {number}\n\
         MD5sum: {number:032x}\nSHA256: {number:064x}\n\n",
        source % 100
    )
    .unwrap();
}

/// The highest resident size so far.
fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024
}

/// What this process has used of all processors, in the kernel's ticks of a hundredth.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    // The second field is the program's name, in parentheses; user and system time are the fourteenth and fifteenth.
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<f64>().unwrap() / 100.0).sum()
}
