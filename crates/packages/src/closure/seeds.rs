//! From the seeds' words to packages.

use std::collections::BTreeMap;

use crate::closure::{Closure, Problem, Reason, Unmet};
use crate::ecosystem::{Atom, Operator, PackageId, Qualifier};
use crate::glob::Glob;
use crate::seed::{Seed, Wish};
use crate::symbols::Symbol;

/// How many names a message suggests.
const SUGGESTIONS: usize = 3;

impl Closure<'_, '_> {
    /// Takes the packages that the seeds ask for, out of those that may be shipped, and returns them in order.
    pub(super) fn take_seeds(&mut self, seeds: &[Seed], reason: fn(String) -> Reason) -> Vec<PackageId> {
        let mut roots = Vec::new();
        for seed in seeds {
            match self.resolve_seed(seed) {
                Ok(mut packages) => {
                    // Not in the order of the index: the same packages out of a lock lead to the same choices.
                    packages.sort_by_cached_key(|id| self.set().describe(*id));
                    for package in packages {
                        if !self.states[package.index()].is_there() {
                            self.take(package, reason(seed.to_string()));
                            roots.push(package);
                        }
                    }
                }
                Err(unmet) => {
                    let suggestions = match (&seed.wish, &unmet) {
                        (Wish::Named { name, .. } | Wish::Source(name), Unmet::NoSuchName) => self.nearest_names(seed, name),
                        _ => Vec::new(),
                    };
                    self.selection.problems.push(Problem::UnresolvedSeed { seed: seed.to_string(), reason: unmet, suggestions });
                }
            }
        }
        roots
    }

    fn resolve_seed(&self, seed: &Seed) -> Result<Vec<PackageId>, Unmet> {
        let set = self.set();
        let collect = |arch: &str, wanted: &dyn Fn(PackageId) -> bool| {
            let is_wanted = |id: &PackageId| set.text(self.index.arch_of(*id)) == arch && wanted(*id);
            let packages: Vec<PackageId> = self.shipped().filter(is_wanted).collect();
            if packages.is_empty() { Err(Unmet::NothingMatches) } else { Ok(packages) }
        };
        match &seed.wish {
            Wish::Named { name, arch } if name.is_plain() => self.resolve_name(name.as_str(), arch.as_deref()),
            Wish::Named { name, arch } => {
                collect(arch.as_deref().unwrap_or(&self.request.arch), &|id| name.matches(set.name(id)))
            }
            Wish::Essential => collect(&self.request.arch, &|id| set.package(id).essential),
            Wish::Priority(priority) => collect(&self.request.arch, &|id| set.package(id).priority == *priority),
            Wish::Source(name) => collect(&self.request.arch, &|id| name.matches(set.source_name(id)))
                .map_err(|unmet| if name.is_plain() { Unmet::NoSuchName } else { unmet }),
        }
    }

    /// All packages that seeds may ask for, in the order of their ids.
    fn shipped(&self) -> impl Iterator<Item = PackageId> {
        self.index.ids().iter().copied().filter(|id| self.shipped[id.index()])
    }

    fn resolve_name(&self, name: &str, arch: Option<&str>) -> Result<Vec<PackageId>, Unmet> {
        let set = self.set();
        let symbol = set.symbols().find(name).ok_or(Unmet::NoSuchName)?;
        let arch = match arch {
            Some(arch) => set.symbols().find(arch).ok_or(Unmet::OnlyArches(set.arches().to_vec()))?,
            None => self.index.native(),
        };
        let is_shipped = |id: &PackageId| self.shipped[id.index()];
        let mut named = self.index.named(symbol).iter().filter(|id| is_shipped(id));
        if let Some(package) = named.find(|id| self.index.arch_of(**id) == arch) {
            return Ok(vec![*package]);
        }
        let atom = Atom { name: symbol, qualifier: Qualifier::Unqualified, operator: Operator::Always, version: Symbol::EMPTY };
        let answers = self.index.answers(&atom, arch).into_iter().map(|answer| answer.package);
        let mut providers: Vec<PackageId> = answers.filter(is_shipped).collect();
        if let Some(wanted) = self.request.providers.get(name) {
            let is_wanted = |id: &PackageId| set.name(*id) == wanted;
            if providers.iter().any(is_wanted) {
                providers.retain(is_wanted);
            }
        }
        match providers[..] {
            [only] => Ok(vec![only]),
            [] if !self.answers(&atom, arch).is_empty() => Err(Unmet::OnlyInLookaside),
            [] => Err(self.explain_atom(&atom, arch)),
            _ => {
                let mut names: Vec<String> = providers.iter().map(|id| set.name(*id).to_owned()).collect();
                names.sort_unstable();
                Err(Unmet::OnlyProvidedBy(names))
            }
        }
    }

    /// The names of packages (or sources) that differ from the seed's in few letters.
    fn nearest_names(&self, seed: &Seed, name: &Glob) -> Vec<String> {
        let set = self.set();
        let is_source = matches!(seed.wish, Wish::Source(_));
        let wanted = name.as_str();
        let limit = 1 + wanted.len() / 4;
        let mut distances: BTreeMap<&str, usize> = BTreeMap::new();
        for id in self.shipped() {
            let known = if is_source { set.source_name(id) } else { set.name(id) };
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
