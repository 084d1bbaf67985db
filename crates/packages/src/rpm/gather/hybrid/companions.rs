//! What comes with packages that are taken, beside what they need.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::super::langpacks;
use super::super::providers::Providers;
use super::super::result::{Flag, Reason};
use super::super::universe::{Class, Id};
use super::super::{GatherError, Repository};
use super::request::{HybridRequest, requested, same_build};
use super::world::World;
use crate::Glob;

/// A package to be taken, and why.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) id: Id,
    pub(super) reason: Reason,
    pub(super) flag: Option<Flag>,
}

pub(super) struct Companions<'w, 'u, 'a> {
    world: &'w World<'u, 'a>,
    providers: &'w Providers<'u, 'a>,
    request: &'w HybridRequest,
    /// Patterns of translations, by the name of what they are for.
    langpacks: BTreeMap<String, Vec<Glob>>,
    translated: BTreeSet<&'a str>,
    /// Source packages by their files' names; of equal ones that of the first repository.
    sources: HashMap<String, Id, FixedState>,
}

impl<'w, 'u, 'a> Companions<'w, 'u, 'a> {
    pub(super) fn new(
        world: &'w World<'u, 'a>,
        providers: &'w Providers<'u, 'a>,
        request: &'w HybridRequest,
        repositories: &[Repository<'_>],
    ) -> Self {
        let mut sources = HashMap::default();
        for (id, entry) in world.universe.ids().filter(|(_, entry)| entry.visible && entry.class == Class::Source) {
            let package = entry.package;
            let file = format!("{}-{}-{}.{}.rpm", package.name(), package.version(), package.release(), package.arch());
            sources.entry(file).or_insert(id);
        }
        let langpacks = langpacks::patterns(repositories);
        Companions { world, providers, request, langpacks, translated: BTreeSet::new(), sources }
    }

    /// What comes with a package: its build in the second word size, debug packages, translations.
    pub(super) fn of(&mut self, id: Id) -> Result<Vec<Wanted>, GatherError> {
        let mut wanted: Vec<Wanted> = self.multilib(id).into_iter().collect();
        wanted.extend(self.debug(id)?);
        wanted.extend(self.langpacks(id));
        Ok(wanted)
    }

    /// Without a method, no list of what is always taken counts.
    fn multilib(&self, of: Id) -> Option<Wanted> {
        let (universe, entry) = (self.world.universe, self.world.universe.entry(of));
        if self.request.multilib.is_empty() || entry.class != Class::Native {
            return None;
        }
        let evr = entry.package.evr();
        let mut builds = same_build(self.world, of, entry.name, |other| {
            other.class == Class::Multilib && !other.is_debug && other.package.evr().compare(&evr).is_eq()
        });
        builds.sort_by_key(|id| universe.preference(*id));
        let id = *builds.first()?;
        let package = universe.package(id);
        let is_listed = |list: &[Glob]| list.iter().any(|pattern| pattern.matches(package.name()));
        let is_selected = || self.request.multilib.iter().any(|method| method.selects(package));
        let is_wanted =
            !is_listed(&self.request.multilib_blacklist) && (is_listed(&self.request.multilib_whitelist) || is_selected());
        is_wanted.then_some(Wanted { id, reason: Reason::MultilibOf(entry.place), flag: Some(Flag::Multilib) })
    }

    /// Its own, and the sources that all packages of its build share.
    fn debug(&self, of: Id) -> Result<Vec<Wanted>, GatherError> {
        let entry = self.world.universe.entry(of);
        let no_source = || GatherError::NoSource(entry.package.nevra().to_string());
        let source = entry.package.source_rpm().rsplitn(3, '-').nth(2).ok_or_else(no_source)?;
        let names = [format!("{}-debuginfo", entry.package.name()), format!("{source}-debugsource")];
        let symbols = names.iter().filter_map(|name| self.world.universe.symbols.find(name));
        let of_arch = |name| same_build(self.world, of, name, |other| other.package.arch() == entry.package.arch());
        let found = symbols.flat_map(of_arch).filter(|id| *id != of);
        Ok(found.map(|id| Wanted { id, reason: Reason::DebugOf(entry.place), flag: None }).collect())
    }

    /// Each name is looked at once.
    fn langpacks(&mut self, of: Id) -> Vec<Wanted> {
        let entry = self.world.universe.entry(of);
        let Some(patterns) = self.langpacks.get(entry.package.name()) else { return Vec::new() };
        if !self.translated.insert(entry.package.name()) {
            return Vec::new();
        }
        let (world, arch) = (self.world, self.request.arch.as_str());
        let names: BTreeSet<&str> = patterns
            .iter()
            .flat_map(|pattern| world.universe.matching(pattern))
            .filter_map(|ids| ids.iter().copied().find(|id| world.is_usable(*id)))
            .filter(|id| !world.universe.entry(*id).is_debug)
            .map(|id| world.universe.package(id).name())
            .filter(|name| !langpacks::is_other(name))
            .collect();
        let found = names.into_iter().flat_map(|name| requested(world, self.providers, name, arch));
        found.map(|id| Wanted { id, reason: Reason::LangpackOf(entry.place), flag: Some(Flag::Langpack) }).collect()
    }

    /// What a package was built from, unless a lookaside repository has that.
    pub(super) fn source(&self, of: Id) -> Option<Id> {
        let id = *self.sources.get(self.world.universe.package(of).source_rpm())?;
        (!self.world.universe.entry(id).lookaside).then_some(id)
    }
}
