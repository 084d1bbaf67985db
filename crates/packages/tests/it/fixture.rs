//! Package sets as text, and selections as text.
//!
//! ```text
//! @ own arch=arm64 priority=900 lookaside      starts an index of archive `own`; without it, `debian`, amd64, 500
//! bash 5.2 essential required foreign          a package: name, version, and in any order its arch, `essential`, a
//!   Depends: libc6 (>= 2.36)                   priority, a Multi-Arch word; then its fields
//! ```

use std::fmt::Write as _;

use charmer_packages::closure::{Reason, Request, Selection, close};
use charmer_packages::{Deb, Ecosystem, IndexFile, IndexKind, IndexProblem, Origin, PackageId, PackageSet, Seed};

/// The set that the text describes, which must be without problems.
pub(crate) fn set(text: &str) -> PackageSet {
    let (set, problems) = read(index_files(text));
    assert_eq!(problems, []);
    set
}

pub(crate) fn read(files: Vec<IndexFile>) -> (PackageSet, Vec<IndexProblem>) {
    Deb.read(files).expect("a small set")
}

pub(crate) fn index_files(text: &str) -> Vec<IndexFile> {
    let mut files = vec![index_file("@ debian")];
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let line = line.strip_prefix("    ").filter(|_| text.starts_with('\n')).unwrap_or(line);
        if line.trim_start().starts_with('@') {
            files.push(index_file(line.trim()));
            continue;
        }
        let file = files.last_mut().expect("there is always one");
        let stanza = match line.trim_start() {
            field if field.contains(": ") => format!("{field}\n"),
            header => stanza_head(header, file),
        };
        file.text.extend(stanza.bytes());
    }
    files
}

fn index_file(header: &str) -> IndexFile {
    let mut words = header.split_whitespace().skip(1);
    let mut origin = Origin {
        archive: words.next().expect("an archive's name").to_owned(),
        suite: "stable".to_owned(),
        component: "main".to_owned(),
        priority: 500,
        lookaside: false,
    };
    let mut arch = "amd64".to_owned();
    for word in words {
        match word.split_once('=') {
            Some(("arch", word)) => word.clone_into(&mut arch),
            Some(("suite", word)) => word.clone_into(&mut origin.suite),
            Some(("priority", word)) => origin.priority = word.parse().expect("a number"),
            _ if word == "lookaside" => origin.lookaside = true,
            _ => panic!("`{word}` is nothing that an index has"),
        }
    }
    let name = format!("{}/{}/{arch}", origin.archive, origin.suite);
    let kind = if arch == "source" { IndexKind::Sources } else { IndexKind::Binaries { arch } };
    IndexFile { name, kind, origin, text: Vec::new() }
}

/// The fields that every package has. The digest is made of name, version and arch, so equal packages are equal files.
fn stanza_head(header: &str, file: &IndexFile) -> String {
    let mut words = header.split_whitespace();
    let name = words.next().expect("a name");
    let version = words.next().expect("a version");
    if file.kind == IndexKind::Sources {
        return format!(
            "\nPackage: {name}\nVersion: {version}\nDirectory: pool/{name}\nChecksums-Sha256:\n {} 7 {name}_{version}.dsc\n",
            digest(&[name, version])
        );
    }
    let mut arch = match &file.kind {
        IndexKind::Binaries { arch } => arch.as_str(),
        IndexKind::Sources => "source",
    };
    let mut fields = String::new();
    for word in words {
        match word {
            "essential" => fields.push_str("Essential: yes\n"),
            "required" | "important" | "standard" | "extra" => writeln!(fields, "Priority: {word}").unwrap(),
            "foreign" | "same" | "allowed" => writeln!(fields, "Multi-Arch: {word}").unwrap(),
            other => arch = other,
        }
    }
    let digest = digest(&[name, version, arch]);
    format!(
        "\nPackage: {name}\nVersion: {version}\nArchitecture: {arch}\n\
         Filename: pool/{name}_{version}_{arch}.deb\nSize: 7\nSHA256: {digest}\n{fields}"
    )
}

fn digest(words: &[&str]) -> String {
    let sum = words.join("_").bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(1_000_003).wrapping_add(u64::from(byte)));
    format!("{sum:064x}")
}

pub(crate) fn request(seeds: &str) -> Request {
    Request {
        arch: "amd64".to_owned(),
        seeds: seeds.split_whitespace().map(|seed| Seed::parse(seed).expect("a seed")).collect(),
        ..Request::default()
    }
}

pub(crate) fn id(set: &PackageSet, description: &str) -> PackageId {
    let matches = |id: &PackageId| set.describe(*id) == description || set.name(*id) == description;
    set.ids().find(matches).unwrap_or_else(|| panic!("no {description}"))
}

/// The selection of these seeds for amd64 is as expected; see [`describe`].
#[track_caller]
pub(crate) fn check(fixture: &str, seeds: &str, expected: &str) {
    check_request(fixture, &request(seeds), expected);
}

#[track_caller]
pub(crate) fn check_request(fixture: &str, request: &Request, expected: &str) {
    let set = set(fixture);
    let selection = close(&set, request);
    let expected: Vec<&str> = expected.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(describe(&set, &selection), expected);
}

/// A line for each package with its reason, then lines for lookaside packages, choices and problems.
pub(crate) fn describe(set: &PackageSet, selection: &Selection) -> Vec<String> {
    let mut lines = Vec::new();
    for selected in &selection.packages {
        lines.push(format!("{}: {}", set.describe(selected.package), reason(set, &selected.reason)));
    }
    for selected in &selection.lookaside {
        lines.push(format!("lookaside {}: {}", set.describe(selected.package), reason(set, &selected.reason)));
    }
    lines.extend(selection.choices.iter().map(|choice| choice.describe(set)));
    for problem in &selection.problems {
        lines.push(format!("{} {}: {}", problem.check(), problem.subject(set), problem.message(set)));
        lines.extend(problem.hint(set).map(|hint| format!("hint: {hint}")));
    }
    lines
}

fn reason(set: &PackageSet, reason: &Reason) -> String {
    match reason {
        Reason::Seed(seed) => format!("seed {seed}"),
        Reason::Include(word) => format!("include {word}"),
        Reason::Required(requirer) => {
            let clause = set.requirement_text(requirer.requirement);
            format!("{} {}: {clause}", set.name(requirer.package), requirer.field)
        }
    }
}
