//! Which of several packages that meet a requirement comes first, whatever else is there.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use foldhash::fast::FixedState;

use super::super::universe::{Class, Id, Universe};
use crate::rpm::package::{Relation, RelationKind};
use crate::rpm::{Comparison, Constraint, Dependency};
use crate::symbols::Symbol;

/// Sorts packages, the best first, and says how many of them have nothing against them.
///
/// Native ones come before those of the second word size, the newest of each name before older ones, what a lookaside repository has
/// before the same of others; then it goes by name. What another of them obsoletes, and debug packages, come last.
pub(super) fn sort(universe: &Universe<'_>, ids: &mut Vec<Id>) -> usize {
    ids.sort_unstable();
    ids.dedup();
    if ids.len() < 2 {
        return ids.len();
    }
    let newest = newest(universe, ids);
    let obsolete = obsolete(universe, ids);
    let is_outdated = |id: Id| {
        let entry = universe.entry(id);
        let best = newest[&(entry.name, entry.class == Class::Multilib)];
        universe.package(id).evr().compare(&universe.package(best).evr()) == Ordering::Less
    };
    let drawbacks: HashMap<Id, [bool; 4], FixedState> = ids
        .iter()
        .map(|id| {
            let entry = universe.entry(*id);
            (*id, [entry.is_debug, obsolete.contains(id), entry.class == Class::Multilib, is_outdated(*id)])
        })
        .collect();
    ids.sort_by(|left, right| {
        let (one, other) = (universe.entry(*left), universe.entry(*right));
        let by_version = || other.package.evr().compare(&one.package.evr());
        let by_arch = || universe.preference(*left).cmp(&universe.preference(*right));
        drawbacks[left]
            .cmp(&drawbacks[right])
            .then_with(|| other.lookaside.cmp(&one.lookaside))
            .then_with(|| one.package.name().cmp(other.package.name()))
            .then_with(by_version)
            .then_with(by_arch)
    });
    ids.iter().take_while(|id| drawbacks[*id] == [false; 4]).count()
}

/// The newest of each name, in each word size.
fn newest(universe: &Universe<'_>, ids: &[Id]) -> HashMap<(Symbol, bool), Id, FixedState> {
    let mut newest: HashMap<_, Id, FixedState> = HashMap::default();
    for id in ids {
        let entry = universe.entry(*id);
        let best = newest.entry((entry.name, entry.class == Class::Multilib)).or_insert(*id);
        if entry.package.evr().compare(&universe.package(*best).evr()) == Ordering::Greater {
            *best = *id;
        }
    }
    newest
}

/// Those that others of them obsolete.
fn obsolete(universe: &Universe<'_>, ids: &[Id]) -> HashSet<Id, FixedState> {
    let mut obsolete = HashSet::default();
    let mut by_name: HashMap<&str, Vec<Id>, FixedState> = HashMap::default();
    for id in ids {
        let package = universe.package(*id);
        if package.relations(RelationKind::Obsoletes).len() > 0 && by_name.is_empty() {
            for id in ids {
                by_name.entry(universe.package(*id).name()).or_default().push(*id);
            }
        }
        for Relation { dependency, .. } in package.relations(RelationKind::Obsoletes) {
            let named = by_name.get(dependency.name).filter(|_| dependency.name != package.name());
            obsolete.extend(named.into_iter().flatten().filter(|other| is_named(universe, **other, &dependency)));
        }
    }
    obsolete
}

/// Whether an obsoletes means a package: it goes by names, not by what is provided.
pub(super) fn is_named(universe: &Universe<'_>, id: Id, obsoletes: &Dependency<'_>) -> bool {
    let package = universe.package(id);
    let constraint = Constraint { comparison: Comparison::Equal, evr: package.evr() };
    Dependency { name: package.name(), constraint: Some(constraint) }.provides(obsoletes)
}
