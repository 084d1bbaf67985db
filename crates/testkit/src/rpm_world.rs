//! Many small RPM files with the shapes of a real distribution, made from a Debian `Packages` index, or from nothing.
//!
//! Each binary package becomes one RPM with its dependencies and a few files, and each source one source RPM.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt::Write as _;
use std::path::Path;

use crate::rpm_file::{EQUAL, Rpm};

/// How many files of each kind were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    pub binaries: usize,
    pub sources: usize,
}

/// Writes RPMs for the first `limit` packages of an index into a folder; `arch` is that of packages that are not for all arches.
pub fn from_packages_index(index: &str, limit: usize, arch: &str, folder: &Path) -> Written {
    let mut names = HashSet::new();
    let stanzas = index.split("\n\n").map(fields).filter(|fields| names.insert(fields.get("Package").copied())).take(limit);
    let mut sources: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut binaries = 0;
    for fields in stanzas.filter(|fields| fields.contains_key("Package")) {
        let rpm = binary(&fields, arch);
        sources.entry(rpm.source_rpm.clone().unwrap_or_default()).or_default().insert(rpm.name.clone());
        rpm.write_to(folder);
        binaries += 1;
    }
    for (file_name, built) in &sources {
        source(file_name, built).write_to(folder);
    }
    Written { binaries, sources: sources.len() }
}

/// An index of packages that need others of it: enough for `from_packages_index` where no archive is at hand.
pub fn synthetic_index(packages: usize) -> String {
    let mut index = String::new();
    for number in 0..packages {
        let source = number / 2;
        let depends = (1..=number % 9).map(|step| format!("pkg{} (>= 1.{})", number * step / 11, step));
        let depends: Vec<String> = depends.collect();
        write!(
            index,
            "Package: pkg{number}\nSource: src{source}\nVersion: 1.{}-{}\nArchitecture: {}\nDepends: {}\nProvides: virtual{}\n\
             Description: package {number} & more\n\n",
            number % 40,
            number % 7 + 1,
            if number % 3 == 0 { "all" } else { "amd64" },
            depends.join(", "),
            number % 500,
        )
        .expect("memory takes it");
    }
    index
}

fn fields(stanza: &str) -> BTreeMap<&str, &str> {
    stanza.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split_once(": ")).collect()
}

fn binary(fields: &BTreeMap<&str, &str>, native: &str) -> Rpm {
    let get = |name: &str| fields.get(name).copied().unwrap_or_default();
    let (name, arch) = (get("Package"), if get("Architecture") == "all" { "noarch" } else { native });
    let (epoch, version, release) = split_version(get("Version"));
    let mut rpm = Rpm::new(name, &version, &release, arch);
    rpm.epoch = epoch;
    let source = get("Source").split(' ').next().filter(|source| !source.is_empty()).unwrap_or(name);
    rpm.source_rpm = Some(format!("{source}-{version}-{release}.src.rpm"));
    get("Description").clone_into(&mut rpm.summary);
    rpm.description = format!("{}\nMade of a Debian package's index entry.", get("Description"));
    let evr = format!("{}{version}-{release}", epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default());
    rpm.provides.add(name, EQUAL, &evr);
    for provided in relations(get("Provides")) {
        rpm.provides.add_text(&provided);
    }
    for required in relations(get("Pre-Depends")).chain(relations(get("Depends"))) {
        rpm.requires.add_text(&required);
    }
    rpm.requires.add("rpmlib(CompressedFileNames)", EQUAL | 2 | 1 << 24, "3.0.4-1");
    for (field, dependencies) in [
        ("Recommends", &mut rpm.recommends),
        ("Suggests", &mut rpm.suggests),
        ("Conflicts", &mut rpm.conflicts),
        ("Replaces", &mut rpm.obsoletes),
    ] {
        relations(get(field)).for_each(|text| dependencies.add_text(&text));
    }
    rpm.files = vec![
        format!("/usr/bin/{name}"),
        format!("/etc/{name}.conf"),
        format!("/usr/share/doc/{name}/"),
        format!("/usr/share/doc/{name}/copyright"),
        format!("/usr/share/doc/{name}/changelog.gz"),
        format!("%ghost /var/log/{name}.log"),
    ];
    rpm.changelogs = (0..3)
        .map(|age| (1_690_000_000 - age * 43_200, format!("Somebody <s@example.invalid> - {version}"), "- rebuilt".to_owned()))
        .collect();
    rpm
}

fn source(file_name: &str, built: &BTreeSet<String>) -> Rpm {
    let nvr = file_name.trim_end_matches(".src.rpm");
    let (rest, release) = nvr.rsplit_once('-').expect("made with a release");
    let (name, version) = rest.rsplit_once('-').expect("made with a version");
    let mut rpm = Rpm::new(name, version, release, "src");
    rpm.description = format!("Source of {}", built.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
    rpm.requires.add_text("gcc");
    rpm.requires.add_text("make >= 4");
    rpm.files = vec![format!("{name}.spec"), format!("{name}-{version}.tar.xz")];
    rpm
}

/// Only the first of several alternatives, without arch qualifiers, and with rpm's signs.
fn relations(field: &str) -> impl Iterator<Item = String> {
    let groups = field.split(',').map(str::trim).filter(|group| !group.is_empty());
    groups.map(|group| {
        let first = group.split('|').next().unwrap_or_default().trim();
        let (name, range) = first.split_once(" (").unwrap_or((first, ""));
        let name = name.split(':').next().unwrap_or_default();
        match range.trim_end_matches(')').split_once(' ') {
            Some((sign, version)) => {
                let (epoch, version, release) = split_version(version);
                let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
                let sign = match sign {
                    "<<" => "<",
                    ">>" => ">",
                    other => other,
                };
                format!("{name} {sign} {epoch}{version}-{release}")
            }
            None => name.to_owned(),
        }
    })
}

/// Epoch, version and release; a Debian version may have hyphens and lack a release.
fn split_version(version: &str) -> (Option<u32>, String, String) {
    let (epoch, rest) = version.split_once(':').map_or((None, version), |(epoch, rest)| (epoch.parse().ok(), rest));
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, "1"));
    (epoch, version.replace('-', "_"), release.to_owned())
}
