//! From the seeds' words to packages.

use std::collections::BTreeMap;

use crate::closure::{Closure, Problem, Reason, State, Unmet};
use crate::ecosystem::{Atom, Operator, PackageId, Qualifier};
use crate::glob::Glob;
use crate::index::Index;
use crate::seed::{Seed, Wish};
use crate::symbols::Symbol;

/// How many names a message suggests.
const SUGGESTIONS: usize = 3;

impl Closure<'_, '_> {
    /// Takes the packages that the seeds ask for, out of those that may be shipped, and returns them in order.
    pub(super) fn take_seeds(&mut self, seeds: &[Seed], reason: fn(String) -> Reason, shipped: &Index<'_>) -> Vec<PackageId> {
        let mut roots = Vec::new();
        for seed in seeds {
            match self.resolve_seed(seed, shipped) {
                Ok(mut packages) => {
                    // Not in the order of the index: the same packages out of a lock lead to the same choices.
                    packages.sort_by_cached_key(|id| self.set().describe(*id));
                    for package in packages {
                        if self.states[package.index()] == State::Absent {
                            self.take(package, reason(seed.to_string()));
                            roots.push(package);
                        }
                    }
                }
                Err(unmet) => {
                    let suggestions = match (&seed.wish, &unmet) {
                        (Wish::Named { name, .. } | Wish::Source(name), Unmet::NoSuchName) => {
                            self.nearest_names(seed, name, shipped)
                        }
                        _ => Vec::new(),
                    };
                    self.selection.problems.push(Problem::UnresolvedSeed { seed: seed.to_string(), reason: unmet, suggestions });
                }
            }
        }
        roots
    }

    fn resolve_seed(&self, seed: &Seed, shipped: &Index<'_>) -> Result<Vec<PackageId>, Unmet> {
        let set = self.set();
        let native = self.index.native();
        let is_native = |id: &PackageId| shipped.arch_of(*id) == native;
        let collect = |wanted: &dyn Fn(&PackageId) -> bool| {
            let packages: Vec<PackageId> = shipped.ids().iter().copied().filter(is_native).filter(wanted).collect();
            if packages.is_empty() { Err(Unmet::NothingMatches) } else { Ok(packages) }
        };
        match &seed.wish {
            Wish::Named { name, arch } if name.is_plain() => self.resolve_name(name.as_str(), arch.as_deref(), shipped),
            Wish::Named { name, arch } => {
                let arch = arch.as_deref().unwrap_or(&self.request.arch);
                let packages: Vec<PackageId> = shipped
                    .ids()
                    .iter()
                    .copied()
                    .filter(|id| set.text(shipped.arch_of(*id)) == arch && name.matches(set.name(*id)))
                    .collect();
                if packages.is_empty() { Err(Unmet::NothingMatches) } else { Ok(packages) }
            }
            Wish::Essential => collect(&|id| set.package(*id).essential),
            Wish::Priority(priority) => collect(&|id| set.package(*id).priority == *priority),
            Wish::Source(name) => collect(&|id| name.matches(set.source_name(*id)))
                .map_err(|unmet| if name.is_plain() { Unmet::NoSuchName } else { unmet }),
        }
    }

    fn resolve_name(&self, name: &str, arch: Option<&str>, shipped: &Index<'_>) -> Result<Vec<PackageId>, Unmet> {
        let set = self.set();
        let symbol = set.symbols().find(name).ok_or(Unmet::NoSuchName)?;
        let arch = match arch {
            Some(arch) => set.symbols().find(arch).ok_or(Unmet::OnlyArches(set.arches().to_vec()))?,
            None => self.index.native(),
        };
        let named = shipped.named(symbol).iter().find(|id| shipped.arch_of(**id) == arch);
        if let Some(package) = named {
            return Ok(vec![*package]);
        }
        let atom = Atom { name: symbol, qualifier: Qualifier::Unqualified, operator: Operator::Always, version: Symbol::EMPTY };
        let mut providers: Vec<PackageId> = shipped.answers(&atom, arch).into_iter().map(|answer| answer.package).collect();
        if let Some(wanted) = self.request.providers.get(name) {
            let is_wanted = |id: &PackageId| set.name(*id) == wanted;
            if providers.iter().any(is_wanted) {
                providers.retain(is_wanted);
            }
        }
        match providers[..] {
            [only] => Ok(vec![only]),
            [] if !self.index.answers(&atom, arch).is_empty() => Err(Unmet::OnlyInLookaside),
            [] => Err(self.explain_atom(&atom, arch)),
            _ => {
                let mut names: Vec<String> = providers.iter().map(|id| set.name(*id).to_owned()).collect();
                names.sort_unstable();
                Err(Unmet::OnlyProvidedBy(names))
            }
        }
    }

    /// The names of packages (or sources) that differ from the seed's in few letters.
    fn nearest_names(&self, seed: &Seed, name: &Glob, shipped: &Index<'_>) -> Vec<String> {
        let set = self.set();
        let is_source = matches!(seed.wish, Wish::Source(_));
        let wanted = name.as_str();
        let limit = 1 + wanted.len() / 4;
        let mut distances: BTreeMap<&str, usize> = BTreeMap::new();
        for id in shipped.ids() {
            let known = if is_source { set.source_name(*id) } else { set.name(*id) };
            if known.len().abs_diff(wanted.len()) <= limit && !distances.contains_key(known) {
                distances.insert(known, strsim::osa_distance(known, wanted));
            }
        }
        let mut nearest: Vec<(usize, &str)> =
            distances.into_iter().filter(|(_, distance)| *distance <= limit).map(|(known, distance)| (distance, known)).collect();
        nearest.sort_unstable();
        nearest.into_iter().take(SUGGESTIONS).map(|(_, known)| known.to_owned()).collect()
    }
}
