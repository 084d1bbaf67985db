//! A set of packages that could be installed as they are, and how it grows.

use std::collections::{HashSet, VecDeque};

use super::super::universe::Id;
use super::Objection;
use super::formula::AtomId;
use super::world::{Clause, World};
use crate::rpm::Dependency;
use crate::rpm::package::RelationKind;

/// A package that came along, and what for.
#[derive(Debug, Clone)]
pub(super) struct Step<'a> {
    pub(super) taken: Id,
    pub(super) of: Id,
    pub(super) requirement: Dependency<'a>,
    pub(super) passed_over: Vec<(Id, Objection)>,
    /// How many more there were.
    pub(super) more: usize,
}

/// More packages than these are only counted.
const LISTED: usize = 10;

/// Says whether a package may be taken that nothing excludes.
pub(super) trait Judge {
    fn lets_in(&mut self, members: &[Id], id: Id) -> bool;
}

/// Takes the first that comes.
pub(super) struct Hasty;

impl Judge for Hasty {
    fn lets_in(&mut self, _members: &[Id], _id: Id) -> bool {
        true
    }
}

#[derive(Debug)]
pub(super) struct System {
    /// In the order in which they came, so that the last ones can be taken out again.
    members: Vec<Id>,
    is_member: Vec<bool>,
    /// By package: how many clauses of members, other than rich ones, exclude it.
    excluded: Vec<u32>,
    /// Rich clauses of members, by member and number of the clause.
    rich: Vec<(Id, usize)>,
}

impl System {
    pub(super) fn new(world: &World<'_, '_>) -> System {
        let packages = world.universe.entries.len();
        System { members: Vec::new(), is_member: vec![false; packages], excluded: vec![0; packages], rich: Vec::new() }
    }

    /// Adds a package with all that it needs, or nothing. `at_hand` are packages that are taken anyway: they come before others.
    pub(super) fn admit<'a>(
        &mut self,
        world: &World<'_, 'a>,
        at_hand: &[bool],
        root: Id,
        judge: &mut impl Judge,
    ) -> Option<Vec<Step<'a>>> {
        let before = self.members.len();
        let Some(mut steps) = self.grow(world, at_hand, root, judge) else {
            self.shrink_to(world, before);
            return None;
        };
        // The other half of `(a and b)` came as well.
        for step in &mut steps {
            step.passed_over.retain(|(id, _)| !self.is_member[*id as usize]);
            step.more = step.passed_over.len().saturating_sub(LISTED);
            step.passed_over.truncate(LISTED);
        }
        Some(steps)
    }

    /// What leaves no choice comes first; then the other requirements, in their order; then rich clauses, which later members can
    /// make false again.
    fn grow<'a>(&mut self, world: &World<'_, 'a>, at_hand: &[bool], root: Id, judge: &mut impl Judge) -> Option<Vec<Step<'a>>> {
        let (mut next, old_rich) = (self.members.len(), self.rich.len());
        let first_new = next;
        let mut steps = Vec::new();
        let mut open: VecDeque<(Id, usize)> = VecDeque::new();
        if !self.insert(world, root) {
            return None;
        }
        loop {
            while let Some(member) = self.members.get(next).copied() {
                for number in 0..world.clauses(member).len() {
                    let clause = &world.clauses(member)[number];
                    if clause.kind != RelationKind::Requires || clause.is_rich || self.is_met(world, member, clause) {
                        continue;
                    }
                    if world.leaves_no_choice(clause) {
                        steps.push(self.meet(world, at_hand, member, clause, judge)?);
                    } else {
                        open.push_back((member, number));
                    }
                }
                next += 1;
            }
            if let Some((of, number)) = open.pop_front() {
                let clause = &world.clauses(of)[number];
                if !self.is_met(world, of, clause) {
                    steps.push(self.meet(world, at_hand, of, clause, judge)?);
                }
                continue;
            }
            let all = self.members[first_new..].iter().any(|id| world.is_watched(*id));
            let in_question = &self.rich[if all { 0 } else { old_rich }..];
            let unmet = in_question.iter().copied().find(|(of, number)| !self.is_met(world, *of, &world.clauses(*of)[*number]));
            let Some((of, number)) = unmet else { return Some(steps) };
            steps.push(self.meet(world, at_hand, of, &world.clauses(of)[number], judge)?);
        }
    }

    /// Whether a requirement is met, or what a conflict names is not there. Nothing is in conflict with itself.
    fn is_met(&self, world: &World<'_, '_>, of: Id, clause: &Clause<'_>) -> bool {
        let formula = world.formula(clause.formula);
        match clause.kind {
            RelationKind::Requires => formula.holds(&|atom| self.has(world, atom, None)),
            _ => !formula.holds(&|atom| self.has(world, atom, Some(of))),
        }
    }

    fn has(&self, world: &World<'_, '_>, atom: AtomId, but: Option<Id>) -> bool {
        world.answers(atom).iter().any(|id| self.is_member[*id as usize] && but != Some(*id))
    }

    /// Takes the best package that can be taken for a clause that is not met.
    fn meet<'a>(
        &mut self,
        world: &World<'_, 'a>,
        at_hand: &[bool],
        of: Id,
        clause: &Clause<'a>,
        judge: &mut impl Judge,
    ) -> Option<Step<'a>> {
        let options = self.options(world, at_hand, of, clause);
        let mut passed_over = Vec::new();
        for (position, id) in options.iter().copied().enumerate() {
            if world.is_dead(id) {
                passed_over.push((id, Objection::Uninstallable));
            } else if !self.is_free(world, id) {
                passed_over.push((id, Objection::Excluded));
            } else if !judge.lets_in(&self.members, id) {
                passed_over.push((id, Objection::RulesOutOthers));
            } else {
                self.insert(world, id);
                let name = world.universe.entry(id).name;
                let others = options[position + 1..].iter().filter(|other| world.universe.entry(**other).name != name);
                passed_over.extend(others.map(|other| (*other, Objection::LessPreferred)));
                return Some(Step { taken: id, of, requirement: clause.dependency, passed_over, more: 0 });
            }
        }
        None
    }

    /// The packages that can help a clause, the best first: what is taken anyway, then what a lookaside repository has.
    fn options(&self, world: &World<'_, '_>, at_hand: &[bool], of: Id, clause: &Clause<'_>) -> Vec<Id> {
        let mut options = Vec::new();
        let mut seen = HashSet::new();
        let mut add = |atom: AtomId| {
            for (position, id) in world.answers(atom).iter().enumerate() {
                if !self.is_member[*id as usize] && seen.insert(*id) {
                    let is_good = position < world.good_answers(atom).len();
                    let rank = match () {
                        () if at_hand[*id as usize] => 0,
                        () if is_good && world.universe.entry(*id).lookaside => 1,
                        () => 2,
                    };
                    options.push((rank, *id));
                }
            }
        };
        let formula = world.formula(clause.formula);
        if clause.kind == RelationKind::Requires {
            formula.wishes(&|atom| self.has(world, atom, None), &mut add);
        } else {
            formula.each_atom(&mut |atom| {
                if !self.has(world, atom, Some(of)) {
                    add(atom);
                }
            });
        }
        options.sort_by_key(|(rank, _)| *rank);
        options.into_iter().map(|(_, id)| id).collect()
    }

    /// Whether nothing here excludes it, rich clauses aside, and it nothing here.
    fn is_free(&self, world: &World<'_, '_>, id: Id) -> bool {
        let excludes_none = || {
            let mut negative = world.clauses(id).iter().filter(|clause| clause.kind != RelationKind::Requires && !clause.is_rich);
            negative.all(|clause| self.is_met(world, id, clause))
        };
        !world.is_dead(id) && self.excluded[id as usize] == 0 && excludes_none()
    }

    fn insert(&mut self, world: &World<'_, '_>, id: Id) -> bool {
        if self.is_member[id as usize] {
            return true;
        }
        if !self.is_free(world, id) {
            return false;
        }
        self.members.push(id);
        self.is_member[id as usize] = true;
        each_excluded(world, id, |other| self.excluded[other as usize] += 1);
        let rich = world.clauses(id).iter().enumerate().filter(|(_, clause)| clause.is_rich);
        self.rich.extend(rich.map(|(number, _)| (id, number)));
        true
    }

    fn shrink_to(&mut self, world: &World<'_, '_>, count: usize) {
        for id in self.members.drain(count..) {
            self.is_member[id as usize] = false;
            each_excluded(world, id, |other| self.excluded[other as usize] -= 1);
        }
        let is_member = &self.is_member;
        let left = self.rich.partition_point(|(of, _)| is_member[*of as usize]);
        self.rich.truncate(left);
    }
}

/// What a package excludes by itself, whatever else is there.
fn each_excluded(world: &World<'_, '_>, id: Id, mut take: impl FnMut(Id)) {
    world.namesakes(id).for_each(&mut take);
    for clause in world.clauses(id).iter().filter(|clause| clause.kind != RelationKind::Requires && !clause.is_rich) {
        world.formula(clause.formula).each_atom(&mut |atom| {
            world.answers(atom).iter().filter(|other| **other != id).for_each(|other| take(*other));
        });
    }
}
