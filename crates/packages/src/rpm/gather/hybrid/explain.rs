//! Proofs that people can follow: from the package to what is missing or in conflict.

use std::collections::{HashSet, VecDeque};

use super::super::universe::Id;
use super::solver::Fact;
use super::world::{Clause, World};
use crate::rpm::Dependency;
use crate::rpm::package::RelationKind;

/// More facts than these are not read.
const FACTS: usize = 20;
/// More packages than these in one fact are only counted.
const NAMES: usize = 5;

/// Facts in the order in which they follow from a package: what it needs, what that needs, then what excludes each other. What
/// kills the dead ones among the packages that are needed stands where it belongs.
pub(super) fn in_order(world: &World<'_, '_>, package: Id, facts: &[Fact]) -> Vec<Fact> {
    let is_need = |fact: &&Fact| match fact {
        Fact::Clause(of, number) => world.clauses(*of)[*number].kind == RelationKind::Requires,
        Fact::OneOfName(_) => false,
    };
    let (mut needs, others): (Vec<&Fact>, Vec<&Fact>) = facts.iter().partition(is_need);
    let mut ordered = Vec::new();
    let mut seen = HashSet::from([package]);
    let mut waiting = VecDeque::from([package]);
    while let Some(package) = waiting.pop_front() {
        let (own, rest): (Vec<&Fact>, Vec<&Fact>) =
            needs.into_iter().partition(|fact| matches!(fact, Fact::Clause(of, _) if *of == package));
        needs = rest;
        let death = world.killer(package).map(|number| Fact::Clause(package, number as usize));
        for fact in own.into_iter().copied().chain(death) {
            let Fact::Clause(_, number) = fact else { continue };
            let clause = &world.clauses(package)[number];
            world.formula(clause.formula).each_atom(&mut |atom| {
                waiting.extend(world.answers(atom).iter().copied().filter(|answer| seen.insert(*answer)));
            });
            ordered.push(fact);
        }
    }
    ordered.extend(needs);
    ordered.extend(others);
    ordered
}

/// In sentences without a full stop.
pub(super) fn describe(world: &World<'_, '_>, facts: &[Fact]) -> Vec<String> {
    let mut lines: Vec<String> = facts.iter().take(FACTS).map(|fact| sentence(world, *fact)).collect();
    if facts.len() > FACTS {
        lines.push(format!("and {} facts more", facts.len() - FACTS));
    }
    lines
}

fn sentence(world: &World<'_, '_>, fact: Fact) -> String {
    match fact {
        Fact::Clause(of, number) => {
            let clause = &world.clauses(of)[number];
            let verb = match clause.kind {
                RelationKind::Conflicts => "conflicts with",
                RelationKind::Obsoletes => "obsoletes",
                _ => "requires",
            };
            let package = world.universe.package(of).nevra();
            format!("{package} {verb} {}, {}", clause.dependency, answers(world, of, clause))
        }
        Fact::OneOfName(id) => {
            let name = world.universe.package(id).name();
            let mut all: Vec<Id> = world.namesakes(id).chain([id]).collect();
            all.sort_by_key(|id| world.universe.package(*id).nevra().to_string());
            format!("only one package of the name {name} can be installed, of {}", names(world, &all))
        }
    }
}

fn answers(world: &World<'_, '_>, of: Id, clause: &Clause<'_>) -> String {
    let is_need = clause.kind == RelationKind::Requires;
    let mut found = Vec::new();
    world.formula(clause.formula).each_atom(&mut |atom| found.extend_from_slice(world.answers(atom)));
    found.retain(|id| is_need || *id != of);
    let mut seen = HashSet::new();
    found.retain(|id| seen.insert(*id));
    match (is_need, found.is_empty()) {
        (true, true) => "which nothing provides".to_owned(),
        (true, false) if clause.is_rich => format!("which depends on {}", names(world, &found)),
        (true, false) => format!("which only {} could provide", names(world, &found)),
        (false, true) => "which nothing is".to_owned(),
        (false, false) => format!("which means {}", names(world, &found)),
    }
}

fn names(world: &World<'_, '_>, ids: &[Id]) -> String {
    let listed: Vec<String> = ids.iter().take(NAMES).map(|id| world.universe.package(*id).nevra().to_string()).collect();
    let more = ids.len().saturating_sub(NAMES);
    if more > 0 { format!("{} and {more} more", listed.join(", ")) } else { listed.join(" and ") }
}

/// The package's own requirements among the facts.
pub(super) fn own_needs<'a>(world: &World<'_, 'a>, package: Id, facts: &[Fact]) -> impl Iterator<Item = Dependency<'a>> {
    facts.iter().filter_map(move |fact| match fact {
        Fact::Clause(of, number) if *of == package => Some(world.clauses(*of)[*number].dependency),
        _ => None,
    })
}
