//! The SAT solver's verdict on one package, over the packages that it can reach.

use std::collections::BTreeMap;

use batsat::{BasicSolver, Lit, SolverInterface, lbool};

use crate::ecosystem::PackageId;
use crate::installability::Fact;
use crate::installability::network::Network;

/// Whether the package (or nothing more) can be installed beside the essential ones; if not, facts that rule it out, none of
/// them needlessly.
pub(super) fn install(network: &Network<'_>, essential: &[Vec<PackageId>], package: Option<PackageId>) -> Result<(), Vec<Fact>> {
    let cone = reachable(network, essential.iter().flatten().copied().chain(package));
    let mut question = Question::new(network, &cone);
    question.require(essential);
    let wanted = package.map(|package| question.literal(package));
    let Some(core) = question.refute(wanted) else { return Ok(()) };
    Err(question.shrink(wanted, core))
}

/// Everything that could be drawn in. Dead packages cannot, so nothing of them is here.
fn reachable(network: &Network<'_>, roots: impl Iterator<Item = PackageId>) -> Vec<PackageId> {
    let mut is_seen = vec![false; network.set().len()];
    let mut cone = Vec::new();
    let mut waiting: Vec<PackageId> = roots.collect();
    while let Some(package) = waiting.pop() {
        if std::mem::replace(&mut is_seen[package.index()], true) {
            continue;
        }
        cone.push(package);
        let answers = network.needs(package).iter().flat_map(|need| network.answers(need.clause));
        waiting.extend(answers.filter(|answer| network.is_alive(**answer)));
    }
    cone.sort_unstable();
    cone
}

/// The solver with one switch per fact, so that its proof names the facts it used.
struct Question<'n, 's> {
    network: &'n Network<'s>,
    solver: BasicSolver,
    literals: BTreeMap<PackageId, Lit>,
    switches: BTreeMap<Lit, Fact>,
}

impl<'n, 's> Question<'n, 's> {
    fn new(network: &'n Network<'s>, cone: &[PackageId]) -> Question<'n, 's> {
        let mut solver = BasicSolver::default();
        let literals = cone.iter().map(|package| (*package, Lit::new(solver.new_var_default(), true))).collect();
        let mut question = Question { network, solver, literals, switches: BTreeMap::new() };
        for package in cone {
            question.state_needs(*package);
            question.state_conflicts(*package);
        }
        question
    }

    fn literal(&self, package: PackageId) -> Lit {
        self.literals[&package]
    }

    fn state_needs(&mut self, package: PackageId) {
        for need in self.network.needs(package) {
            let answers: Vec<PackageId> = self.network.answers(need.clause).to_vec();
            let literals: Vec<Lit> = answers.iter().filter_map(|answer| self.literals.get(answer)).copied().collect();
            let needing = !self.literal(package);
            let fact = Fact::Needs { package, field: need.field, requirement: need.requirement, answers };
            self.state(fact, literals.into_iter().chain([needing]));
        }
    }

    fn state_conflicts(&mut self, package: PackageId) {
        for other in self.network.conflicts(package).iter().filter(|other| **other > package) {
            let Some(other_literal) = self.literals.get(other) else { continue };
            let literals = [!self.literal(package), !*other_literal];
            self.state(Fact::Conflict { package, other: *other, clause: None }, literals);
        }
    }

    fn require(&mut self, essential: &[Vec<PackageId>]) {
        for packages in essential {
            let literals: Vec<Lit> = packages.iter().map(|package| self.literal(*package)).collect();
            self.state(Fact::Essential { packages: packages.clone() }, literals);
        }
    }

    fn state(&mut self, fact: Fact, literals: impl IntoIterator<Item = Lit>) {
        let switch = Lit::new(self.solver.new_var_default(), true);
        let mut clause: Vec<Lit> = literals.into_iter().chain([!switch]).collect();
        self.solver.add_clause_reuse(&mut clause);
        self.switches.insert(switch, fact);
    }

    /// The switches of a proof that the package cannot be installed, or `None` if it can.
    fn refute(&mut self, wanted: Option<Lit>) -> Option<Vec<Lit>> {
        let switches: Vec<Lit> = self.switches.keys().copied().collect();
        self.refute_with(wanted, &switches)
    }

    fn refute_with(&mut self, wanted: Option<Lit>, switches: &[Lit]) -> Option<Vec<Lit>> {
        let assumptions: Vec<Lit> = wanted.into_iter().chain(switches.iter().copied()).collect();
        if self.solver.solve_limited(&assumptions) != lbool::FALSE {
            return None;
        }
        let core = self.solver.unsat_core();
        Some(switches.iter().copied().filter(|switch| core.iter().any(|literal| literal.var() == switch.var())).collect())
    }

    /// Leaves out each fact that the proof does not need.
    fn shrink(&mut self, wanted: Option<Lit>, mut core: Vec<Lit>) -> Vec<Fact> {
        let mut position = 0;
        while position < core.len() {
            let mut fewer = core.clone();
            fewer.remove(position);
            match self.refute_with(wanted, &fewer) {
                Some(smaller) => core = smaller,
                None => position += 1,
            }
        }
        core.iter().map(|switch| self.name_clause(&self.switches[switch])).collect()
    }

    fn name_clause(&self, fact: &Fact) -> Fact {
        let Fact::Conflict { package, other, .. } = fact else { return fact.clone() };
        match self.network.conflict_clause(*package, *other) {
            Some((says, field, requirement)) => {
                let other = if says == *package { *other } else { *package };
                Fact::Conflict { package: says, other, clause: Some((field, requirement)) }
            }
            None => fact.clone(),
        }
    }
}
