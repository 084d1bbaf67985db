//! The SAT solver's verdict: whether packages can be installed together, and if not, which facts rule it out.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use batsat::{Callbacks, ClauseKind, Lit, SolverInterface, SolverOpts, lbool};
use foldhash::fast::FixedState;

use super::super::universe::{Class, Id};
use super::formula::{AtomId, Branch, Formula};
use super::system::Judge;
use super::world::{Clause, World};
use crate::rpm::package::RelationKind;
use crate::symbols::Symbol;

/// How many dead ends one question may have. What distributions ask has some dozens.
pub(super) const DEAD_ENDS: u64 = 20_000;

/// Something that packages say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    /// The package has this clause, by number.
    Clause(Id, usize),
    /// One package of a name is installed at most, in each word size. Stands for all with the name of this one.
    OneOfName(Id),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Possible,
    Impossible,
    /// It took too long to say.
    Unknown,
}

/// The clauses of the packages that questions were about so far.
pub(super) struct Solver<'w, 'u, 'a> {
    world: &'w World<'u, 'a>,
    sat: batsat::Solver<DeadEnds>,
    dead_ends: Rc<Cell<u64>>,
    packages: HashMap<Id, Lit, FixedState>,
    atoms: HashMap<AtomId, Lit, FixedState>,
    /// Of a list without one of its packages.
    rests: HashMap<AtomId, HashMap<Id, Lit, FixedState>, FixedState>,
    is_stated: HashSet<Id, FixedState>,
    names: HashSet<Symbol, FixedState>,
    /// The packages of the last answer that was yes.
    model: HashSet<Id, FixedState>,
    /// With one switch for each fact, so that a proof names the facts that it used.
    switches: Option<Vec<(Lit, Fact)>>,
}

/// Counts, and ends a question that takes too long.
struct DeadEnds(Rc<Cell<u64>>);

impl Callbacks for DeadEnds {
    fn on_new_clause(&mut self, _: &[Lit], kind: ClauseKind) {
        if kind == ClauseKind::Learnt {
            self.0.set(self.0.get() + 1);
        }
    }

    fn stop(&self) -> bool {
        self.0.get() > DEAD_ENDS
    }
}

impl Judge for Solver<'_, '_, '_> {
    fn lets_in(&mut self, members: &[Id], id: Id) -> bool {
        self.model.contains(&id) || self.can_have(members, id) == Verdict::Possible
    }
}

/// Facts that together rule a package out, each of them needed; none if it can be installed, or if that took too long to say.
pub(super) fn refute(world: &World<'_, '_>, package: Id) -> Vec<Fact> {
    let mut solver = Solver::new(world);
    solver.switches = Some(Vec::new());
    solver.state(package);
    let Some(proof) = solver.proof(package) else { return Vec::new() };
    shrink(world, package, proof)
}

/// Leaves out each fact that the proof does not need. Nothing but its facts is looked at, so that each question is a small one.
fn shrink(world: &World<'_, '_>, package: Id, mut proof: Vec<Fact>) -> Vec<Fact> {
    let mut position = 0;
    while position < proof.len() {
        let mut fewer = proof.clone();
        fewer.remove(position);
        let mut solver = Solver::new(world);
        solver.switches = Some(Vec::new());
        for fact in &fewer {
            solver.state_fact(*fact);
        }
        match solver.proof(package) {
            Some(smaller) => proof = smaller,
            None => position += 1,
        }
    }
    proof
}

impl<'w, 'u, 'a> Solver<'w, 'u, 'a> {
    pub(super) fn new(world: &'w World<'u, 'a>) -> Solver<'w, 'u, 'a> {
        let dead_ends = Rc::new(Cell::new(0));
        Solver {
            world,
            sat: batsat::Solver::new(SolverOpts::default(), DeadEnds(dead_ends.clone())),
            dead_ends,
            packages: HashMap::default(),
            atoms: HashMap::default(),
            rests: HashMap::default(),
            is_stated: HashSet::default(),
            names: HashSet::default(),
            model: HashSet::default(),
            switches: None,
        }
    }

    /// Whether a package can be installed.
    pub(super) fn can_install(&mut self, package: Id) -> Verdict {
        self.state(package);
        self.can_have(&[], package)
    }

    fn can_have(&mut self, members: &[Id], id: Id) -> Verdict {
        let wanted: Vec<Lit> = members.iter().chain([&id]).map(|id| self.package(*id)).collect();
        let answer = self.solve(&wanted);
        if answer == lbool::FALSE {
            return Verdict::Impossible;
        }
        if answer != lbool::TRUE {
            return Verdict::Unknown;
        }
        let installed = self.packages.iter().filter(|(_, literal)| self.sat.value_lit(**literal) == lbool::TRUE);
        self.model = installed.map(|(id, _)| *id).collect();
        Verdict::Possible
    }

    fn solve(&mut self, wanted: &[Lit]) -> lbool {
        self.dead_ends.set(0);
        self.sat.solve_limited(wanted)
    }

    /// The facts of a proof that the package cannot be installed.
    fn proof(&mut self, package: Id) -> Option<Vec<Fact>> {
        let wanted = self.package(package);
        let switches = self.switches.clone().unwrap_or_default();
        let assumptions: Vec<Lit> = [wanted].into_iter().chain(switches.iter().map(|(switch, _)| *switch)).collect();
        if self.solve(&assumptions) != lbool::FALSE {
            return None;
        }
        let core: HashSet<_> = self.sat.unsat_core().iter().map(Lit::var).collect();
        let mut facts: Vec<Fact> =
            switches.into_iter().filter(|(switch, _)| core.contains(&switch.var())).map(|(_, fact)| fact).collect();
        facts.dedup();
        Some(facts)
    }

    fn state_fact(&mut self, fact: Fact) {
        match fact {
            Fact::Clause(id, number) => {
                let (of, world) = (self.package(id), self.world);
                self.state_clause(id, of, number, &world.clauses(id)[number]);
            }
            Fact::OneOfName(id) => self.state_name(id),
        }
    }

    /// States the clauses of all packages that a package could draw in. Dead ones cannot be drawn in.
    fn state(&mut self, package: Id) {
        let mut waiting = vec![package];
        while let Some(id) = waiting.pop() {
            if self.world.is_dead(id) || !self.is_stated.insert(id) {
                continue;
            }
            let of = self.package(id);
            for (number, clause) in self.world.clauses(id).iter().enumerate() {
                self.state_clause(id, of, number, clause);
                if clause.kind == RelationKind::Requires || clause.is_rich {
                    let world = self.world;
                    world.formula(clause.formula).each_atom(&mut |atom| waiting.extend(world.answers(atom)));
                }
            }
            self.state_name(id);
        }
    }

    fn state_clause(&mut self, id: Id, of: Lit, number: usize, clause: &Clause<'a>) {
        let world = self.world;
        let formula = world.formula(clause.formula);
        let literal = match clause.kind {
            RelationKind::Requires => self.formula(formula, None),
            _ => !self.formula(formula, Some(id)),
        };
        self.fact(Fact::Clause(id, number), &[!of, literal]);
    }

    /// Of all native builds of a name, and of all in the second word size, one at most is installed.
    fn state_name(&mut self, id: Id) {
        let name = self.world.universe.entry(id).name;
        if !self.names.insert(name) {
            return;
        }
        let all: Vec<Id> = self.world.universe.named(name).iter().copied().filter(|id| self.may_be(*id)).collect();
        for others in [Class::Multilib, Class::Native] {
            let group: Vec<Id> = all.iter().copied().filter(|id| self.world.universe.entry(*id).class != others).collect();
            if group.len() > 1 {
                self.state_one(&group);
            }
        }
    }

    /// A chain: each link tells whether one of those before it is installed.
    fn state_one(&mut self, group: &[Id]) {
        let fact = Fact::OneOfName(group[0]);
        let switch = self.switch(fact);
        let mut before: Option<Lit> = None;
        for id in group {
            let own = self.package(*id);
            let link = self.variable();
            self.clause(&[!own, link]);
            if let Some(before) = before {
                self.clause(&[!before, link]);
                let mut clause = vec![!own, !before];
                clause.extend(switch.map(|switch| !switch));
                self.clause(&clause);
            }
            before = Some(link);
        }
    }

    fn fact(&mut self, fact: Fact, literals: &[Lit]) {
        let mut clause = literals.to_vec();
        clause.extend(self.switch(fact).map(|switch| !switch));
        self.clause(&clause);
    }

    fn switch(&mut self, fact: Fact) -> Option<Lit> {
        self.switches.as_ref()?;
        let switch = self.variable();
        self.switches.iter_mut().for_each(|switches| switches.push((switch, fact)));
        Some(switch)
    }

    fn may_be(&self, id: Id) -> bool {
        self.world.is_usable(id) && !self.world.is_dead(id)
    }

    fn package(&mut self, id: Id) -> Lit {
        if let Some(known) = self.packages.get(&id) {
            return *known;
        }
        let literal = self.variable();
        self.packages.insert(id, literal);
        literal
    }

    fn atom(&mut self, atom: AtomId) -> Lit {
        if let Some(known) = self.atoms.get(&atom) {
            return *known;
        }
        let answers = self.living(atom);
        let literal = self.any(&answers);
        self.atoms.insert(atom, literal);
        literal
    }

    fn living(&mut self, atom: AtomId) -> Vec<Lit> {
        let living: Vec<Id> = self.world.answers(atom).iter().copied().filter(|id| self.may_be(*id)).collect();
        living.into_iter().map(|id| self.package(id)).collect()
    }

    /// A list without one of its packages: what stands before it, or behind it.
    fn rest(&mut self, atom: AtomId, but: Id) -> Lit {
        if !self.world.answers(atom).contains(&but) {
            return self.atom(atom);
        }
        if !self.rests.contains_key(&atom) {
            let rests = self.all_rests(atom);
            self.rests.insert(atom, rests);
        }
        self.rests[&atom][&but]
    }

    fn all_rests(&mut self, atom: AtomId) -> HashMap<Id, Lit, FixedState> {
        let ids: Vec<Id> = self.world.answers(atom).iter().copied().filter(|id| self.may_be(*id)).collect();
        let literals: Vec<Lit> = ids.iter().map(|id| self.package(*id)).collect();
        let none = self.any(&[]);
        let mut before = vec![none];
        for literal in &literals {
            let next = self.any(&[before[before.len() - 1], *literal]);
            before.push(next);
        }
        let mut behind = none;
        let mut rests = HashMap::default();
        for (position, id) in ids.iter().enumerate().rev() {
            rests.insert(*id, self.any(&[before[position], behind]));
            behind = self.any(&[behind, literals[position]]);
        }
        rests
    }

    /// A literal that is true just if the formula is; of a negative clause, without the package that has it.
    fn formula(&mut self, formula: &Formula, but: Option<Id>) -> Lit {
        match formula {
            Formula::Atom(atom) => match but {
                Some(but) => self.rest(*atom, but),
                None => self.atom(*atom),
            },
            Formula::All(parts) => {
                let parts: Vec<Lit> = parts.iter().map(|part| !self.formula(part, but)).collect();
                !self.any(&parts)
            }
            Formula::Any(parts) => {
                let parts: Vec<Lit> = parts.iter().map(|part| self.formula(part, but)).collect();
                self.any(&parts)
            }
            Formula::If(branch) => {
                let Branch { then, when, otherwise } = &**branch;
                let (then, when) = (self.formula(then, but), self.formula(when, but));
                let otherwise = match otherwise {
                    Some(otherwise) => self.formula(otherwise, but),
                    None => !self.any(&[]),
                };
                self.either(when, then, otherwise)
            }
            Formula::Unless(branch) => {
                let Branch { then, when, otherwise } = &**branch;
                let (then, when) = (self.formula(then, but), self.formula(when, but));
                let otherwise = match otherwise {
                    Some(otherwise) => self.formula(otherwise, but),
                    None => self.any(&[]),
                };
                self.either(when, otherwise, then)
            }
        }
    }

    /// True just if one of the parts is.
    fn any(&mut self, parts: &[Lit]) -> Lit {
        if let [only] = parts {
            return *only;
        }
        let whole = self.variable();
        for part in parts {
            self.clause(&[!*part, whole]);
        }
        let mut clause = parts.to_vec();
        clause.push(!whole);
        self.clause(&clause);
        whole
    }

    /// What `then` is if `when`, else what `otherwise` is.
    fn either(&mut self, when: Lit, then: Lit, otherwise: Lit) -> Lit {
        let whole = self.variable();
        for (condition, value) in [(when, then), (!when, otherwise)] {
            self.clause(&[!condition, !whole, value]);
            self.clause(&[!condition, whole, !value]);
        }
        whole
    }

    fn variable(&mut self) -> Lit {
        Lit::new(self.sat.new_var_default(), true)
    }

    fn clause(&mut self, literals: &[Lit]) {
        self.sat.add_clause_reuse(&mut literals.to_vec());
    }
}
