//! Which packages provide what, with libsolv's meaning.

use std::collections::{BTreeSet, HashMap, HashSet};

use charmer_packages::rpm::dependency::{Dependency, Rich};
use charmer_packages::rpm::package::Package;

/// A package, by its place in the list that was indexed.
type Number = usize;

/// Packages by what they provide, and by those of their files that are asked for.
#[derive(Debug)]
pub(super) struct Providers<'a> {
    by_name: HashMap<&'a str, Vec<(Number, Dependency<'a>)>>,
    by_path: HashMap<&'a str, Vec<Number>>,
}

impl<'a> Providers<'a> {
    /// `asking` are the packages whose requirements will be looked for.
    pub(super) fn new(packages: &[&'a Package], asking: impl Iterator<Item = &'a Package>) -> Providers<'a> {
        let mut by_name: HashMap<&'a str, Vec<(Number, Dependency<'a>)>> = HashMap::with_capacity(packages.len());
        for (number, package) in packages.iter().enumerate() {
            for provide in package.provides() {
                by_name.entry(provide.name).or_default().push((number, provide));
            }
        }
        Providers { by_name, by_path: paths(packages, &wanted_paths(asking)) }
    }

    /// The packages that meet a requirement, sorted.
    pub(super) fn of(&self, wanted: &Dependency<'_>) -> Vec<Number> {
        if wanted.is_rich() {
            return Rich::parse(wanted.name).map_or(Vec::new(), |rich| self.of_rich(&rich).into_iter().collect());
        }
        let named = self.by_name.get(wanted.name).into_iter().flatten();
        let mut found: Vec<Number> = named.filter(|(_, provide)| provide.provides(wanted)).map(|(number, _)| *number).collect();
        found.extend(self.by_path.get(wanted.name).into_iter().flatten());
        found.sort_unstable();
        found.dedup();
        found
    }

    fn of_rich(&self, rich: &Rich<'_>) -> BTreeSet<Number> {
        let union = |parts: &[Rich<'_>]| parts.iter().flat_map(|part| self.of_rich(part)).collect();
        match rich {
            Rich::Plain(dependency) => self.of(dependency).into_iter().collect(),
            Rich::All(parts) | Rich::Any(parts) => union(parts),
            Rich::With(parts) => {
                let each = parts.iter().map(|part| self.of_rich(part));
                each.reduce(|left, right| &left & &right).unwrap_or_default()
            }
            Rich::Without(parts) => &self.of_rich(&parts[0]) - &self.of_rich(&parts[1]),
            Rich::If(condition) | Rich::Unless(condition) => {
                let otherwise = condition.otherwise.as_ref().map(|part| self.of_rich(part)).unwrap_or_default();
                &self.of_rich(&condition.then) | &otherwise
            }
        }
    }
}

/// Every path that is required, also within rich requirements.
fn wanted_paths<'a>(packages: impl Iterator<Item = &'a Package>) -> HashSet<&'a str> {
    let mut paths = HashSet::new();
    for package in packages {
        for relation in package.requires() {
            let name = relation.dependency.name;
            if relation.dependency.is_rich() {
                paths.extend(name.split(['(', ')', ' ']).filter(|word| word.starts_with('/')));
            } else if name.starts_with('/') {
                paths.insert(name);
            }
        }
    }
    paths
}

fn paths<'a>(packages: &[&'a Package], wanted: &HashSet<&'a str>) -> HashMap<&'a str, Vec<Number>> {
    let mut by_folder: HashMap<&str, HashMap<&str, &'a str>> = HashMap::new();
    for path in wanted {
        let (folder, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
        by_folder.entry(folder).or_default().insert(name, path);
    }
    let mut found: HashMap<&'a str, Vec<Number>> = HashMap::new();
    if wanted.is_empty() {
        return found;
    }
    for (number, package) in packages.iter().enumerate() {
        for file in package.files.iter() {
            if let Some(path) = by_folder.get(file.directory).and_then(|names| names.get(file.name)) {
                found.entry(path).or_default().push(number);
            }
        }
    }
    found
}
