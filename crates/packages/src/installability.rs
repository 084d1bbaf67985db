//! Which packages can be installed at all, with everything they need and without conflict; and for the others, the proof.
//!
//! The method is complete: every package gets a verdict, and each "no" has its reasons.
//!
//! 1. A fixpoint finds the packages with a clause that nothing living answers: that is a proof that they are broken.
//! 2. The others are added greedily, with what they need, to a set that stays closed and free of conflicts: it is a witness
//!    for all in it at once. A few such sets prove nearly every package.
//! 3. A SAT solver decides what is left, one package at a time, over the packages that it can reach.
//!
//! All of this beside the essential packages, which every system has. Essential packages that are dead, or that exclude each
//! other, are broken themselves; they are not held against all others.

mod explain;
mod network;
mod solver;
mod witness;

use crate::ecosystem::{PackageId, RelationKind, RequirementId};
use crate::set::PackageSet;
use network::Network;

/// A package that cannot be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub package: PackageId,
    /// Facts that together rule it out; each of them is needed. They start with the package itself.
    pub reasons: Vec<Fact>,
}

/// Something that the indexes say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// The package needs one of these.
    Needs { package: PackageId, field: RelationKind, requirement: RequirementId, answers: Vec<PackageId> },
    /// The package needs what is not there.
    Missing { package: PackageId, field: RelationKind, requirement: RequirementId },
    /// The two cannot be installed together: one of them says so in a field, or they are versions of one package.
    Conflict { package: PackageId, other: PackageId, clause: Option<(RelationKind, RequirementId)> },
    /// One of these, versions of one package, is on every system.
    Essential { packages: Vec<PackageId> },
}

impl Fact {
    /// In a sentence without a full stop.
    pub fn describe(&self, set: &PackageSet) -> String {
        match self {
            Fact::Needs { package, field, requirement, answers } => {
                let answers: Vec<String> = answers.iter().map(|id| set.describe(*id)).collect();
                let clause = set.requirement_text(*requirement);
                format!("{} {field}: {clause}, which only {} could answer", set.describe(*package), answers.join(", "))
            }
            Fact::Missing { package, field, requirement } => {
                let clause = set.requirement_text(*requirement);
                format!("{} {field}: {clause}, which nothing answers", set.describe(*package))
            }
            Fact::Conflict { package, other, clause: Some((field, requirement)) } => {
                let clause = set.requirement_text(*requirement);
                format!("{} {field}: {clause}, which {} is", set.describe(*package), set.describe(*other))
            }
            Fact::Conflict { package, other, clause: None } => {
                format!("{} and {} are the same package", set.describe(*package), set.describe(*other))
            }
            Fact::Essential { packages } => {
                let packages: Vec<String> = packages.iter().map(|id| set.describe(*id)).collect();
                format!("{} is essential", packages.join(" or "))
            }
        }
    }
}

impl Broken {
    /// In a sentence without a full stop.
    pub fn describe(&self, set: &PackageSet) -> String {
        let reasons: Vec<String> = self.reasons.iter().map(|fact| fact.describe(set)).collect();
        reasons.join("; ")
    }
}

/// The packages that cannot be installed among those that a selection for this arch is made of: of each name the version that
/// is taken. A set finds them once.
pub fn of_arch<'s>(set: &'s PackageSet, arch: &str) -> &'s [Broken] {
    set.broken(arch, |tree| verdicts(set, arch, &tree.taken(), &[]))
}

/// The packages among `checked` that cannot be installed on a system of this arch, in the order of their ids. What they need
/// may come from among themselves or from `background`.
pub fn verdicts(set: &PackageSet, arch: &str, checked: &[PackageId], background: &[PackageId]) -> Vec<Broken> {
    let mut ids: Vec<PackageId> = checked.iter().chain(background).copied().collect();
    ids.sort_unstable();
    ids.dedup();
    let network = Network::new(set, arch, ids);
    let mut essential = network.essential_packages();
    if solver::install(&network, &essential, None).is_err() {
        essential.clear();
    }

    let mut checked = checked.to_vec();
    checked.sort_unstable();
    checked.dedup();
    let living: Vec<PackageId> = checked.iter().copied().filter(|id| network.is_alive(*id)).collect();
    let mut solver_proofs = Vec::new();
    for package in witness::unproven(&network, &essential, &living) {
        if let Err(facts) = solver::install(&network, &essential, Some(package)) {
            solver_proofs.push(Broken { package, reasons: explain::in_order(package, facts) });
        }
    }
    let dead = checked.into_iter().filter(|id| !network.is_alive(*id));
    let mut broken: Vec<Broken> =
        dead.map(|package| Broken { package, reasons: explain::death(&network, package) }).chain(solver_proofs).collect();
    broken.sort_unstable_by_key(|broken| broken.package);
    broken
}
