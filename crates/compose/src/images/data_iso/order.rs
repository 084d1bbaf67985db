//! In which order packages are put on discs: the base system first, then each seed behind what it brought in, as the
//! configuration has them. With the first disc alone people can do what the first seeds are for.

use std::collections::{BTreeMap, HashMap};

use crate::gather::{Reason, Selected, Selection};
use crate::package_set::lock::LockedPackage;

/// The positions of the selection's packages. Each is there once.
pub(super) fn in_order(selection: &Selection, seeds: &[String]) -> Vec<usize> {
    let packages = &selection.packages;
    let brought = brought_in(packages);
    let mut placed = Placed { order: Vec::with_capacity(packages.len()), is_placed: vec![false; packages.len()] };
    for (position, _) in packages.iter().enumerate().filter(|(_, selected)| is_base(&selected.package)) {
        placed.put_with(position, &brought);
    }
    let mut of_seed: HashMap<&str, Vec<usize>> = HashMap::new();
    for (position, selected) in packages.iter().enumerate() {
        if let Reason::Seed(seed) = &selected.reason {
            of_seed.entry(seed).or_default().push(position);
        }
    }
    for position in seeds.iter().filter_map(|seed| of_seed.get(seed.as_str())).flatten() {
        placed.put_with(*position, &brought);
    }
    (0..packages.len()).for_each(|position| placed.put_with(position, &brought));
    placed.order
}

/// By a package's position, the positions of those that are there because of it.
fn brought_in(packages: &[Selected]) -> BTreeMap<usize, Vec<usize>> {
    let positions: HashMap<String, usize> =
        packages.iter().enumerate().map(|(position, selected)| (selected.package.id(), position)).collect();
    let mut brought: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (position, selected) in packages.iter().enumerate() {
        if let Reason::Dependency { of, .. } = &selected.reason
            && let Some(owner) = positions.get(of)
        {
            brought.entry(*owner).or_default().push(position);
        }
    }
    brought
}

/// What every system has.
fn is_base(package: &LockedPackage) -> bool {
    package.stanza.lines().any(|line| {
        let Some((field, value)) = line.split_once(':') else { return false };
        match (field.to_ascii_lowercase().as_str(), value.trim()) {
            ("essential", value) => value == "yes",
            ("priority", value) => matches!(value, "required" | "important"),
            _ => false,
        }
    })
}

struct Placed {
    order: Vec<usize>,
    is_placed: Vec<bool>,
}

impl Placed {
    /// Puts a package behind all that it brought in.
    fn put_with(&mut self, position: usize, brought: &BTreeMap<usize, Vec<usize>>) {
        // Whether what it brought in was looked at already. A stack of its own: chains are as long as the archive makes them.
        let mut waiting = vec![(position, false)];
        while let Some((position, is_open)) = waiting.pop() {
            if is_open {
                self.order.push(position);
            } else if !std::mem::replace(&mut self.is_placed[position], true) {
                waiting.push((position, true));
                waiting.extend(brought.get(&position).into_iter().flatten().rev().map(|child| (*child, false)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn selected(name: &str, reason: Reason, stanza: &str) -> Selected {
        let package = LockedPackage { stanza: stanza.into(), ..LockedPackage::example(name, "1") };
        Selected { package: Arc::new(package), reason }
    }

    fn seed(text: &str) -> Reason {
        Reason::Seed(text.into())
    }

    fn needed_by(name: &str) -> Reason {
        let of = format!("{name}_1_amd64");
        Reason::Dependency { of, field: "Depends".into(), clause: String::new(), passed_over: Vec::new() }
    }

    #[test]
    fn the_base_system_comes_first_and_seeds_come_behind_what_they_brought_in() {
        let packages = vec![
            selected("apt", seed("apt"), "Package: apt\nPriority: important\n"),
            selected("desktop", seed("desktop"), "Package: desktop\n"),
            selected("dpkg", seed("essential"), "Package: dpkg\nessential: yes\n"),
            selected("extra", Reason::Include("extra".into()), ""),
            selected("lib-a", needed_by("desktop"), ""),
            selected("lib-b", needed_by("lib-a"), ""),
            // The two are there because of each other.
            selected("ring-a", needed_by("ring-b"), ""),
            selected("ring-b", needed_by("ring-a"), ""),
            selected("server", seed("server"), ""),
        ];
        let selection = Selection {
            variant: "Base".into(),
            arch: "amd64".into(),
            packages,
            lookaside: Vec::new(),
            sources: Vec::new(),
            missing_sources: Vec::new(),
        };
        let order = in_order(&selection, &["server", "desktop", "essential"].map(str::to_owned));
        let names: Vec<_> = order.iter().map(|position| selection.packages[*position].package.name.as_str()).collect();
        assert_eq!(names, ["apt", "dpkg", "server", "lib-b", "lib-a", "desktop", "extra", "ring-b", "ring-a"]);
    }
}
