//! Proofs that people can follow: from the package to what is missing or in conflict.

use std::collections::{BTreeSet, VecDeque};

use crate::ecosystem::PackageId;
use crate::installability::Fact;
use crate::installability::network::Network;

/// Why a dead package is dead: its killing clause, those of the answers to that clause, and so on.
pub(super) fn death(network: &Network<'_>, package: PackageId) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut seen = BTreeSet::from([package]);
    let mut waiting = VecDeque::from([package]);
    while let Some(package) = waiting.pop_front() {
        let Some(need) = network.killer(package) else { continue };
        let (field, requirement) = (need.field, need.requirement);
        let answers = network.answers(need.clause).to_vec();
        waiting.extend(answers.iter().copied().filter(|answer| seen.insert(*answer)));
        facts.push(if answers.is_empty() {
            Fact::Missing { package, field, requirement }
        } else {
            Fact::Needs { package, field, requirement, answers }
        });
    }
    facts
}

/// The facts in the order in which they follow from the package: what it needs, what that needs, then the conflicts.
pub(super) fn in_order(package: PackageId, facts: Vec<Fact>) -> Vec<Fact> {
    let (mut needs, mut others): (Vec<Fact>, Vec<Fact>) = facts.into_iter().partition(|fact| matches!(fact, Fact::Needs { .. }));
    others.sort_unstable();
    let mut ordered = Vec::new();
    let mut seen = BTreeSet::from([package]);
    let mut waiting = VecDeque::from([package]);
    while let Some(package) = waiting.pop_front() {
        let (of_package, rest): (Vec<Fact>, Vec<Fact>) =
            needs.into_iter().partition(|fact| matches!(fact, Fact::Needs { package: needing, .. } if *needing == package));
        needs = rest;
        for fact in &of_package {
            if let Fact::Needs { answers, .. } = fact {
                waiting.extend(answers.iter().copied().filter(|answer| seen.insert(*answer)));
            }
        }
        ordered.extend(of_package);
    }
    // What an essential package needs is not reached from the package.
    ordered.extend(needs);
    ordered.extend(others);
    ordered
}
