//! Who provides what: names, files, and the names of packages themselves.

use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use super::universe::{Class, Id, Universe};
use crate::rows::Rows;
use crate::rpm::dependency::{Constraint, Dependency, Rich};
use crate::rpm::package::{Package, RelationKind};
use crate::texts::number;

#[derive(Debug)]
pub(super) struct Providers<'u, 'a> {
    universe: &'u Universe<'a>,
    /// By the symbol of what is provided.
    provides: Rows<Provide<'a>>,
    /// Who has a file that somebody requires.
    files: HashMap<&'a str, Vec<Id>, FixedState>,
}

#[derive(Debug, Clone, Copy)]
struct Provide<'a> {
    by: Id,
    constraint: Option<Constraint<'a>>,
}

impl<'u, 'a> Providers<'u, 'a> {
    pub(super) fn new(universe: &'u Universe<'a>) -> Providers<'u, 'a> {
        let binary = || universe.ids().filter(|(_, entry)| entry.class != Class::Source);
        let mut pairs = Vec::new();
        for (by, entry) in binary() {
            for provide in entry.package.provides() {
                let symbol = universe.symbols.find(provide.name).expect("all provides have symbols");
                pairs.push((number(symbol.index()), Provide { by, constraint: provide.constraint }));
            }
        }
        let mut files = wanted_files(universe);
        let mut folders: HashMap<&str, HashSet<&str>, FixedState> = HashMap::default();
        for path in files.keys() {
            let (folder, name) = split_path(path);
            folders.entry(folder).or_default().insert(name);
        }
        for (by, entry) in binary() {
            for file in entry.package.files.iter() {
                let is_wanted = folders.get(file.directory).is_some_and(|names| names.contains(file.name));
                if let Some(owners) = is_wanted.then(|| files.get_mut(file.path().as_str())).flatten() {
                    owners.push(by);
                }
            }
        }
        let provides = Rows::from_pairs(universe.symbols.len(), pairs.iter().copied());
        Providers { universe, provides, files }
    }

    /// All packages that provide what a requirement names, also hidden ones and debug packages; in the order of their numbers.
    ///
    /// Rich requirements are not evaluated: `and`, `or`, `if` and `unless` give one set of all who provide any part; a condition
    /// counts as true. Only `with` and `without` really filter.
    pub(super) fn of(&self, requirement: Dependency<'_>) -> Vec<Id> {
        let parsed = requirement.is_rich().then(|| Rich::parse(requirement.name).ok()).flatten();
        let mut ids = match &parsed {
            Some(rich) => self.of_rich(rich),
            None => self.of_plain(&requirement),
        };
        ids.sort_unstable();
        ids.dedup();
        ids
    }

    pub(super) fn of_rich(&self, rich: &Rich<'_>) -> Vec<Id> {
        match rich {
            Rich::Plain(dependency) => self.of_plain(dependency),
            Rich::All(parts) | Rich::Any(parts) => parts.iter().flat_map(|part| self.of_rich(part)).collect(),
            Rich::With(parts) => {
                let mut ids = self.of_rich(&parts[0]);
                for part in &parts[1..] {
                    let others: HashSet<Id> = self.of_rich(part).into_iter().collect();
                    ids.retain(|id| others.contains(id));
                }
                ids
            }
            Rich::Without(parts) => {
                let others: HashSet<Id> = self.of_rich(&parts[1]).into_iter().collect();
                let mut ids = self.of_rich(&parts[0]);
                ids.retain(|id| !others.contains(id));
                ids
            }
            Rich::If(condition) | Rich::Unless(condition) => {
                let mut ids = self.of_rich(&condition.then);
                ids.extend(condition.otherwise.iter().flat_map(|otherwise| self.of_rich(otherwise)));
                ids
            }
        }
    }

    fn of_plain(&self, wanted: &Dependency<'_>) -> Vec<Id> {
        let mut ids = Vec::new();
        if let Some(symbol) = self.universe.symbols.find(wanted.name) {
            let provides = self.provides.row(number(symbol.index())).iter();
            let meets = |constraint| Dependency { name: wanted.name, constraint }.provides(wanted);
            ids.extend(provides.filter(|provide| meets(provide.constraint)).map(|provide| provide.by));
            // Every package provides its own name, whether it says so or not.
            let own = |id: &Id| {
                let entry = self.universe.entry(*id);
                let constraint = Constraint { comparison: crate::rpm::Comparison::Equal, evr: entry.package.evr() };
                entry.class != Class::Source && meets(Some(constraint))
            };
            ids.extend(self.universe.named(symbol).iter().copied().filter(own));
        }
        if let Some(owners) = self.files.get(wanted.name) {
            ids.extend(owners);
        }
        ids
    }
}

/// All paths that somebody names, without owners yet.
fn wanted_files<'a>(universe: &Universe<'a>) -> HashMap<&'a str, Vec<Id>, FixedState> {
    let mut wanted = HashMap::default();
    for entry in &universe.entries {
        each_named_path(entry.package, |path| {
            wanted.entry(path).or_default();
        });
    }
    wanted
}

fn each_named_path<'a>(package: &'a Package, mut take: impl FnMut(&'a str)) {
    let named = package.requires().chain(package.relations(RelationKind::Conflicts));
    for relation in named {
        let name = relation.dependency.name;
        if name.starts_with('/') {
            take(name);
        } else if name.contains('/')
            && let Ok(rich) = Rich::parse(name)
        {
            each_path_of(&rich, &mut take);
        }
    }
}

fn each_path_of<'a>(rich: &Rich<'a>, take: &mut impl FnMut(&'a str)) {
    match rich {
        Rich::Plain(dependency) if dependency.name.starts_with('/') => take(dependency.name),
        Rich::Plain(_) => {}
        Rich::All(parts) | Rich::Any(parts) | Rich::With(parts) => parts.iter().for_each(|part| each_path_of(part, take)),
        Rich::Without(parts) => parts.iter().for_each(|part| each_path_of(part, take)),
        Rich::If(condition) | Rich::Unless(condition) => {
            each_path_of(&condition.then, take);
            each_path_of(&condition.when, take);
            condition.otherwise.iter().for_each(|otherwise| each_path_of(otherwise, take));
        }
    }
}

fn split_path(path: &str) -> (&str, &str) {
    path.split_at(path.rfind('/').map_or(0, |slash| slash + 1))
}

/// Whether a package requires a file that `primary.xml` does not have of its owner.
pub(super) fn requires_unlisted_files(packages: &[&Package]) -> bool {
    let is_listed = |path: &str| path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail";
    packages.iter().any(|package| {
        let mut found = false;
        each_named_path(package, |path| found |= !is_listed(path));
        found
    })
}
