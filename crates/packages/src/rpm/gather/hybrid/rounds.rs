//! Round after round, until nothing new comes along.

use std::collections::BTreeSet;

use super::super::providers::Providers;
use super::super::result::{Flag, Flags, Gathered, Reason, Role, Selected, Unresolved};
use super::super::universe::Id;
use super::super::{GatherError, Repository};
use super::companions::{Companions, Wanted};
use super::request::{HybridRequest, requested};
use super::solver::{DEAD_ENDS, Solver, Verdict, refute};
use super::system::{Hasty, Step, System};
use super::world::World;
use super::{Broken, Choice, Objection, PassedOver, Resolved, explain};
use crate::rpm::Dependency;
use crate::rpm::dependency::Rich;
use crate::rpm::package::RelationKind;

/// Packages that get along with none of so many systems are looked at each by itself.
const SYSTEMS: usize = 16;
/// Packages that are ruled out by conflicts of which the proof is shown; each one takes a while.
const PROOFS: usize = 50;

pub(super) struct Rounds<'w, 'u, 'a> {
    world: &'w World<'u, 'a>,
    providers: &'w Providers<'u, 'a>,
    request: &'w HybridRequest,
    systems: Vec<System>,
    solver: Solver<'w, 'u, 'a>,
    /// In the order in which they were taken, without those of lookaside repositories.
    taken: Vec<Id>,
    /// Of those that are taken.
    reasons: Vec<Option<Reason>>,
    flags: Vec<Flags>,
    /// What is taken, or will be.
    at_hand: Vec<bool>,
    /// On a system, or found to be broken.
    placed: Vec<bool>,
    choices: Vec<Choice>,
    broken: Vec<Broken>,
    proofs: usize,
}

impl<'w, 'u, 'a> Rounds<'w, 'u, 'a> {
    pub(super) fn new(world: &'w World<'u, 'a>, providers: &'w Providers<'u, 'a>, request: &'w HybridRequest) -> Self {
        let packages = world.universe.entries.len();
        Rounds {
            world,
            providers,
            request,
            systems: Vec::new(),
            solver: Solver::new(world),
            taken: Vec::new(),
            reasons: vec![None; packages],
            flags: vec![Flags::default(); packages],
            at_hand: vec![false; packages],
            placed: vec![false; packages],
            choices: Vec::new(),
            broken: Vec::new(),
            proofs: 0,
        }
    }

    pub(super) fn run(mut self, repositories: &[Repository<'_>]) -> Result<Resolved, GatherError> {
        let mut gathered = Gathered::default();
        let mut companions = Companions::new(self.world, self.providers, self.request, repositories);
        let mut wanted = self.requested(&mut gathered);
        let mut next = 0;
        while !wanted.is_empty() {
            self.place_all(&wanted);
            wanted.clear();
            for id in &self.taken[next..] {
                let new = companions.of(*id)?;
                wanted.extend(new.into_iter().filter(|wanted| self.reasons[wanted.id as usize].is_none()));
            }
            next = self.taken.len();
        }
        self.finish(&companions, &mut gathered);
        let nevra = |broken: &Broken| {
            let package = repositories[broken.package.repository].packages[broken.package.package];
            package.nevra().to_string()
        };
        self.broken.sort_by_cached_key(nevra);
        Ok(Resolved { gathered, choices: self.choices, broken: self.broken })
    }

    /// What names and patterns ask for; those that match nothing are noted.
    fn requested(&self, gathered: &mut Gathered) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        let mut ask = |text: &String, reason: Reason, flag| {
            let found = requested(self.world, self.providers, text, &self.request.arch);
            let is_found = !found.is_empty();
            wanted.extend(found.into_iter().map(|id| Wanted { id, reason: reason.clone(), flag: Some(flag) }));
            is_found
        };
        for text in &self.request.packages {
            if !ask(text, Reason::Requested(text.clone()), Flag::Input) {
                gathered.missing.push(text.clone());
            }
        }
        for text in &self.request.prepopulate {
            if !ask(text, Reason::Prepopulated, Flag::Prepopulate) {
                gathered.missing_prepopulate.push(text.clone());
            }
        }
        wanted
    }

    /// Takes packages, and what they need.
    fn place_all(&mut self, wanted: &[Wanted]) {
        for wanted in wanted {
            self.at_hand[wanted.id as usize] = true;
            self.take(wanted.id, &wanted.reason);
            if let Some(flag) = wanted.flag {
                self.flags[wanted.id as usize].insert(flag);
            }
        }
        for wanted in wanted {
            if !std::mem::replace(&mut self.placed[wanted.id as usize], true) {
                self.place(wanted.id);
            }
        }
    }

    /// Lookaside repositories keep what they have.
    fn take(&mut self, id: Id, reason: &Reason) {
        if !self.world.universe.entry(id).lookaside && self.reasons[id as usize].is_none() {
            self.reasons[id as usize] = Some(reason.clone());
            self.taken.push(id);
        }
    }

    /// On the first system that takes it, or a new one.
    fn place(&mut self, id: Id) {
        if self.world.is_dead(id) {
            self.note_broken(id, true);
            return;
        }
        for system in &mut self.systems {
            if let Some(steps) = system.admit(self.world, &self.at_hand, id, &mut Hasty) {
                self.note(steps);
                return;
            }
        }
        let mut system = System::new(self.world);
        let mut steps = system.admit(self.world, &self.at_hand, id, &mut Hasty);
        let verdict = if steps.is_some() { Verdict::Possible } else { self.solver.can_install(id) };
        if steps.is_none() && verdict == Verdict::Possible {
            steps = system.admit(self.world, &self.at_hand, id, &mut self.solver);
        }
        let Some(steps) = steps else {
            self.note_broken(id, verdict == Verdict::Impossible);
            return;
        };
        self.note(steps);
        if self.systems.len() < SYSTEMS {
            self.systems.push(system);
        }
    }

    fn note(&mut self, steps: Vec<Step<'a>>) {
        let place = |id: Id| self.world.universe.entry(id).place;
        for step in steps {
            let (of, text) = (place(step.of), printed(step.requirement));
            if !step.passed_over.is_empty() && !self.at_hand[step.taken as usize] {
                let passed_over = |(id, why): &(Id, Objection)| PassedOver { package: place(*id), why: *why };
                self.choices.push(Choice {
                    of,
                    requirement: text.clone(),
                    taken: place(step.taken),
                    passed_over: step.passed_over.iter().map(passed_over).collect(),
                    more: step.more,
                });
            }
            self.at_hand[step.taken as usize] = true;
            self.placed[step.taken as usize] = true;
            self.take(step.taken, &Reason::Requirement { of, text });
        }
    }

    fn note_broken(&mut self, id: Id, is_proven: bool) {
        let world = self.world;
        let mut requirements: BTreeSet<String> = world.hopeless(id).map(printed).collect();
        let facts = if world.is_dead(id) {
            Vec::new()
        } else if is_proven && self.proofs < PROOFS {
            self.proofs += 1;
            refute(world, id)
        } else {
            Vec::new()
        };
        let mut reasons = explain::describe(world, &explain::in_order(world, id, &facts));
        if requirements.is_empty() {
            requirements.extend(explain::own_needs(world, id, &facts).map(printed));
        }
        if requirements.is_empty() {
            // Without a proof, everything that it needs is in question.
            let clauses = world.clauses(id).iter().filter(|clause| clause.kind == RelationKind::Requires);
            requirements.extend(clauses.map(|clause| printed(clause.dependency)));
        }
        if reasons.is_empty() {
            let nevra = world.universe.package(id).nevra();
            reasons.push(if is_proven {
                format!("{nevra} cannot be installed with all that it needs; why was not looked into")
            } else {
                format!("{nevra} needs what takes too long to find out: the search was given up after {DEAD_ENDS} dead ends")
            });
        }
        let package = world.universe.entry(id).place;
        self.broken.push(Broken { package, is_proven, requirements: requirements.into_iter().collect(), reasons });
    }

    fn finish(&mut self, companions: &Companions<'_, '_, '_>, gathered: &mut Gathered) {
        let universe = self.world.universe;
        let (debug, binary): (Vec<Id>, Vec<Id>) = self.taken.iter().partition(|id| universe.entry(**id).is_debug);
        for (role, ids) in [(Role::Binary, &binary), (Role::Debug, &debug)] {
            gathered.packages.extend(ids.iter().filter_map(|id| {
                let reason = self.reasons[*id as usize].clone()?;
                Some(Selected { place: universe.entry(*id).place, role, flags: self.flags[*id as usize], reason })
            }));
        }
        let mut sources = BTreeSet::new();
        for of in binary.into_iter().chain(debug) {
            let Some(source) = companions.source(of).filter(|source| sources.insert(*source)) else { continue };
            let reason = Reason::SourceOf(universe.entry(of).place);
            gathered.packages.push(Selected {
                place: universe.entry(source).place,
                role: Role::Source,
                flags: Flags::default(),
                reason,
            });
        }
        let unresolved = self.broken.iter().flat_map(|broken| {
            let of = broken.package;
            broken.requirements.iter().map(move |requirement| Unresolved { requirement: requirement.clone(), of })
        });
        gathered.unresolved = unresolved.collect();
        gathered.unresolved.sort();
    }
}

/// Rich requirements without the parentheses that say nothing.
fn printed(requirement: Dependency<'_>) -> String {
    let rich = requirement.is_rich().then(|| Rich::parse(requirement.name).ok()).flatten();
    rich.map_or_else(|| requirement.to_string(), |rich| rich.to_string())
}
