//! What is wanted, and which packages are meant by it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Method;
use super::super::providers::Providers;
use super::super::universe::{Class, Entry, Id, Universe, is_debug_name};
use super::order;
use super::world::World;
use crate::Glob;
use crate::rpm::{Dependency, arch};
use crate::symbols::Symbol;

/// What is wanted on an arch.
#[derive(Debug, Clone, Default)]
pub struct HybridRequest {
    pub arch: String,
    /// Names, `name.arch`, `name.+` for the second word size, and patterns of names, which never mean debug packages.
    pub packages: BTreeSet<String>,
    /// `name.arch` each.
    pub prepopulate: BTreeSet<String>,
    /// The same of what does not exist; `name.src` for sources. Lookaside repositories keep all that they have.
    pub excludes: BTreeSet<String>,
    /// By which rules builds in the second word size come along.
    pub multilib: Vec<Method>,
    pub multilib_whitelist: Vec<Glob>,
    pub multilib_blacklist: Vec<Glob>,
}

/// Hides what is excluded. Older versions stay: something may need them.
pub(super) fn hide(universe: &mut Universe<'_>, request: &HybridRequest) {
    let mut hidden = Vec::new();
    for exclude in &request.excludes {
        for named in Named::all(exclude, &request.arch) {
            let ids = universe.matching(&Glob::lenient(named.name)).into_iter().flatten().copied();
            hidden.extend(ids.filter(|id| !universe.entry(*id).lookaside && named.is_meant(universe.entry(*id))));
        }
    }
    for id in hidden {
        universe.entries[id as usize].visible = false;
    }
}

/// A way to read a text that names packages.
#[derive(Debug, Clone, Copy)]
struct Named<'t> {
    name: &'t str,
    arches: Arches<'t>,
}

#[derive(Debug, Clone, Copy)]
enum Arches<'t> {
    AllBinary,
    Multilib,
    One(&'t str),
}

impl<'t> Named<'t> {
    /// `a.b` can be a name, or a name and an arch.
    fn all(text: &'t str, arch: &str) -> Vec<Named<'t>> {
        if let Some(name) = text.strip_suffix(".+") {
            return vec![Named { name, arches: Arches::Multilib }];
        }
        let mut all = vec![Named { name: text, arches: Arches::AllBinary }];
        let is_arch = |of: &str| arch::is_source(of) || arch::compatible(arch).contains(&of);
        if let Some((name, of)) = text.rsplit_once('.').filter(|(_, of)| is_arch(of)) {
            all.push(Named { name, arches: Arches::One(of) });
        }
        all
    }

    fn is_meant(&self, entry: &Entry<'_>) -> bool {
        match self.arches {
            Arches::AllBinary => entry.class != Class::Source,
            Arches::Multilib => entry.class == Class::Multilib,
            Arches::One(arch) => entry.package.arch() == arch,
        }
    }
}

/// The packages that a text asks for: of each name the best one.
pub(super) fn requested(world: &World<'_, '_>, providers: &Providers<'_, '_>, text: &str, arch: &str) -> Vec<Id> {
    for named in Named::all(text, arch) {
        let glob = Glob::lenient(named.name);
        let is_meant = |id: &Id| {
            let entry = world.universe.entry(*id);
            let is_left_out = !glob.is_plain() && (entry.is_debug || is_of_second_word_size(&named, entry));
            world.is_usable(*id) && !is_left_out && named.is_meant(entry)
        };
        let found: Vec<Id> = world.universe.matching(&glob).into_iter().flatten().copied().filter(is_meant).collect();
        let found: Vec<Id> = match named.arches {
            // What runs on any arch stands for the second word size where there is nothing of it.
            Arches::Multilib if found.is_empty() => {
                let noarch = Named { name: named.name, arches: Arches::One(arch::NOARCH) };
                let ids = world.universe.matching(&glob).into_iter().flatten().copied();
                ids.filter(|id| world.is_usable(*id) && noarch.is_meant(world.universe.entry(*id))).collect()
            }
            _ => found,
        };
        if !found.is_empty() {
            return best_of_each_name(world.universe, found);
        }
    }
    let mut providing = providers.of(Dependency { name: text, constraint: None });
    providing.retain(|id| world.is_usable(*id) && !is_debug_name(world.universe.package(*id).name()));
    best_of_each_name(world.universe, providing)
}

/// A pattern without an arch means native packages.
fn is_of_second_word_size(named: &Named<'_>, entry: &Entry<'_>) -> bool {
    matches!(named.arches, Arches::AllBinary) && entry.class == Class::Multilib
}

/// In the order of names.
fn best_of_each_name(universe: &Universe<'_>, ids: Vec<Id>) -> Vec<Id> {
    let mut by_name: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
    for id in ids {
        by_name.entry(universe.package(id).name()).or_default().push(id);
    }
    let best = |mut ids: Vec<Id>| {
        order::sort(universe, &mut ids);
        ids.first().copied()
    };
    by_name.into_values().filter_map(best).collect()
}

/// The name that a symbol stands for has these packages of an arch, and of this build.
pub(super) fn same_build(world: &World<'_, '_>, of: Id, name: Symbol, is_meant: impl Fn(&Entry<'_>) -> bool) -> Vec<Id> {
    let source = world.universe.entry(of).source;
    let named = world.universe.named(name).iter().copied();
    named
        .filter(|id| {
            let entry = world.universe.entry(*id);
            world.is_usable(*id) && entry.source == source && is_meant(entry)
        })
        .collect()
}
