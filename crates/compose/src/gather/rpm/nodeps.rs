//! The method nodeps: what is named is taken, with its sources and debug packages, and nothing else.

use std::collections::{HashMap, HashSet};

use charmer_packages::Glob;
use charmer_packages::rpm::arch;
use charmer_packages::rpm::package::Package;

use super::{RpmRole, RpmSelection, SelectedRpm};
use crate::package_set::rpm_set::RpmSet;

/// Names with the arches in which they are wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    names: HashMap<String, Arches>,
    patterns: Vec<(Glob, Arches)>,
}

/// The arches of one name.
#[derive(Debug, Default)]
struct Arches {
    any: bool,
    some: HashSet<String>,
}

impl Arches {
    fn add(&mut self, arch: Option<&str>) {
        match arch {
            Some(arch) => drop(self.some.insert(arch.to_owned())),
            None => self.any = true,
        }
    }

    /// What runs on any arch is always right.
    fn has(&self, arch: &str) -> bool {
        self.any || arch == "noarch" || self.some.contains(arch)
    }
}

impl Wanted {
    /// Only `*` has a meaning of its own in a name.
    pub(super) fn add(&mut self, name: &str, arch: Option<&str>) {
        if !name.contains('*') {
            self.names.entry(name.to_owned()).or_default().add(arch);
            return;
        }
        let glob = Glob::lenient(&name.replace('[', "[[]").replace('?', "[?]"));
        let mut arches = Arches::default();
        arches.add(arch);
        self.patterns.push((glob, arches));
    }

    /// The names, sorted, that none of some packages has in an arch that is right; with the arches, if not any is.
    fn absent<'a>(&self, packages: impl Iterator<Item = &'a Package>) -> Vec<String> {
        let named = packages.filter_map(|package| Some((package.name(), self.names.get(package.name())?.has(package.arch()))));
        let there: HashSet<&str> = named.filter(|(_, is_right)| *is_right).map(|(name, _)| name).collect();
        let absent = self.names.iter().filter(|(name, _)| !there.contains(name.as_str()));
        let spelled = absent.flat_map(|(name, arches)| {
            let with_arch = arches.some.iter().filter(|_| !arches.any).map(move |arch| format!("{name}.{arch}"));
            arches.any.then(|| name.clone()).into_iter().chain(with_arch)
        });
        let mut absent: Vec<String> = spelled.collect();
        absent.sort_unstable();
        absent
    }

    fn takes(&self, package: &Package) -> bool {
        let named = self.names.get(package.name()).is_some_and(|arches| arches.has(package.arch()));
        named || self.patterns.iter().any(|(glob, arches)| arches.has(package.arch()) && glob.matches(package.name()))
    }
}

/// Takes what is wanted of the packages of an arch.
pub(super) fn select(set: &RpmSet, members: &[u32], wanted: &Wanted) -> RpmSelection {
    let packages = || members.iter().map(|&number| &set.packages[number as usize]);
    let is_binary = |package: &Package| !package.is_source() && !is_debug_name(package.name());
    let mut selection =
        RpmSelection { absent: wanted.absent(packages().map(|member| &member.package)), ..RpmSelection::default() };
    // The arches that were taken of each source package.
    let mut taken: HashMap<&str, HashSet<&str>> = HashMap::new();
    for member in packages().filter(|member| is_binary(&member.package) && wanted.takes(&member.package)) {
        taken.entry(member.package.source_rpm()).or_default().insert(member.package.arch());
        selection.packages.push(selected(member.file_name(), RpmRole::Binary, "requested"));
    }
    for member in packages().filter(|member| is_debug_name(member.package.name()) && !member.package.is_source()) {
        let Some(arches) = taken.get(member.package.source_rpm()) else { continue };
        let helps = |arch: &&str| *arch != "noarch" && arches.contains(arch);
        if arch::native(member.package.arch()).iter().any(helps) {
            selection.packages.push(selected(member.file_name(), RpmRole::Debug, "it helps to debug what was requested"));
        }
    }
    for member in packages().filter(|member| member.package.is_source() && taken.contains_key(member.file_name())) {
        selection.packages.push(selected(member.file_name(), RpmRole::Source, "what was requested was built from it"));
    }
    selection
}

fn selected(file: &str, role: RpmRole, because: &str) -> SelectedRpm {
    SelectedRpm { file: file.to_owned(), role, flags: "input".to_owned(), because: because.to_owned() }
}

fn is_debug_name(name: &str) -> bool {
    name.ends_with("-debuginfo") || name.contains("-debuginfo-") || name.ends_with("-debugsource")
}
