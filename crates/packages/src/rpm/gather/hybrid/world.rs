//! What the packages of an arch need and what they exclude.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::super::GatherError;
use super::super::providers::Providers;
use super::super::universe::{Class, Id, Universe};
use super::formula::{AtomId, Branch, Formula, FormulaId};
use super::order;
use crate::rows::Rows;
use crate::rpm::Dependency;
use crate::rpm::dependency::{Condition, Rich};
use crate::rpm::package::RelationKind;
use crate::texts::number;

/// A requirement, conflict or obsoletes of a package.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clause<'a> {
    pub(super) kind: RelationKind,
    pub(super) dependency: Dependency<'a>,
    pub(super) formula: FormulaId,
    /// Not just one list of packages.
    pub(super) is_rich: bool,
}

/// More packages than these cannot stand in all lists together. All of Fedora has a tenth of it.
const ANSWERS: usize = 20_000_000;

/// Packages of which one is enough.
#[derive(Debug)]
struct Atom {
    /// The best first.
    answers: Box<[Id]>,
    /// How many of them have nothing against them.
    good: usize,
}

#[derive(Debug)]
pub(super) struct World<'u, 'a> {
    pub(super) universe: &'u Universe<'a>,
    atoms: Vec<Atom>,
    formulas: Vec<Formula>,
    /// By package: requirements, then conflicts and obsoletes.
    clauses: Vec<Box<[Clause<'a>]>>,
    /// By package: neither hidden, nor a source, nor the same build as one of an earlier repository.
    usable: Vec<bool>,
    /// By package: one more of these can change what a rich clause says.
    watched: Vec<bool>,
    /// By package: the requirement that nothing living meets. Whoever has one cannot be installed.
    killers: Vec<Option<u32>>,
}

impl<'u, 'a> World<'u, 'a> {
    pub(super) fn new(universe: &'u Universe<'a>, providers: &Providers<'u, 'a>) -> Result<World<'u, 'a>, GatherError> {
        let mut usable = vec![false; universe.entries.len()];
        let visible = universe.ids().filter(|(_, entry)| entry.visible && entry.class != Class::Source);
        for id in universe.without_copies(visible.map(|(id, _)| id)) {
            usable[id as usize] = true;
        }
        let mut reader = Reader {
            universe,
            providers,
            usable: &usable,
            atoms: Vec::new(),
            answers: 0,
            formulas: Vec::new(),
            known: HashMap::default(),
            parts: HashMap::default(),
            known_obsoletes: HashMap::default(),
            known_plain: HashMap::default(),
        };
        let clauses: Vec<_> = universe.ids().map(|(id, _)| reader.clauses(id)).collect::<Result<_, _>>()?;
        let Reader { atoms, formulas, .. } = reader;
        let watched = vec![false; usable.len()];
        let killers = vec![None; usable.len()];
        let mut world = World { universe, atoms, formulas, clauses, usable, watched, killers };
        world.find_watched();
        world.find_dead();
        Ok(world)
    }

    pub(super) fn is_usable(&self, id: Id) -> bool {
        self.usable[id as usize]
    }

    pub(super) fn is_watched(&self, id: Id) -> bool {
        self.watched[id as usize]
    }

    /// Whether it needs what cannot be had, whatever else is installed.
    pub(super) fn is_dead(&self, id: Id) -> bool {
        self.killers[id as usize].is_some()
    }

    /// The requirement that nothing living meets, as a number among the package's clauses.
    pub(super) fn killer(&self, id: Id) -> Option<u32> {
        self.killers[id as usize]
    }

    /// Requirements of a living or dead package that nothing living meets.
    pub(super) fn hopeless(&self, id: Id) -> impl Iterator<Item = Dependency<'a>> {
        let lives = |atom: AtomId| self.answers(atom).iter().any(|id| !self.is_dead(*id));
        let clauses = self.clauses(id).iter().filter(|clause| clause.kind == RelationKind::Requires);
        clauses.filter(move |clause| !self.formula(clause.formula).is_possible(&lives)).map(|clause| clause.dependency)
    }

    /// Requirements, then conflicts and obsoletes.
    pub(super) fn clauses(&self, id: Id) -> &[Clause<'a>] {
        &self.clauses[id as usize]
    }

    pub(super) fn formula(&self, id: FormulaId) -> &Formula {
        &self.formulas[id.0 as usize]
    }

    /// Whether one package at most can meet it, whatever else is there.
    pub(super) fn leaves_no_choice(&self, clause: &Clause<'_>) -> bool {
        let Formula::Atom(atom) = self.formula(clause.formula) else { return false };
        self.answers(*atom).iter().filter(|id| !self.is_dead(**id)).nth(1).is_none()
    }

    /// The packages of a list, the best first.
    pub(super) fn answers(&self, atom: AtomId) -> &[Id] {
        &self.atoms[atom.0 as usize].answers
    }

    /// Those of them that have nothing against them.
    pub(super) fn good_answers(&self, atom: AtomId) -> &[Id] {
        let Atom { answers, good } = &self.atoms[atom.0 as usize];
        &answers[..*good]
    }

    /// Other packages of the same name that cannot be installed beside it: all but one build in each word size.
    pub(super) fn namesakes(&self, id: Id) -> impl Iterator<Item = Id> {
        let entry = self.universe.entry(id);
        let others = self.universe.named(entry.name).iter().copied();
        others
            .filter(move |other| *other != id && self.is_usable(*other) && !apart(entry.class, self.universe.entry(*other).class))
    }

    fn find_watched(&mut self) {
        for clause in self.clauses.iter().flatten().filter(|clause| clause.is_rich) {
            self.formulas[clause.formula.0 as usize].each_atom(&mut |atom| {
                for id in &self.atoms[atom.0 as usize].answers {
                    self.watched[*id as usize] = true;
                }
            });
        }
    }

    /// Packages with a requirement that nothing living meets die, until no more do.
    fn find_dead(&mut self) {
        let mut living: Vec<usize> = self.atoms.iter().map(|atom| atom.answers.len()).collect();
        let mut needed_by = Vec::new();
        for (id, clauses) in (0_u32..).zip(&self.clauses) {
            for clause in clauses.iter().filter(|clause| clause.kind == RelationKind::Requires) {
                self.formula(clause.formula).each_atom(&mut |atom| needed_by.push((atom.0, id)));
            }
        }
        let needed_by = Rows::from_pairs(self.atoms.len(), needed_by.iter().copied());
        let lists = (0_u32..).zip(&self.atoms);
        let lists: Vec<(Id, u32)> = lists.flat_map(|(atom, of)| of.answers.iter().map(move |id| (*id, atom))).collect();
        let lists = Rows::from_pairs(self.usable.len(), lists.iter().copied());

        let mut waiting: Vec<Id> = (0..number(self.usable.len())).rev().filter(|id| self.is_usable(*id)).collect();
        while let Some(id) = waiting.pop() {
            if self.is_dead(id) {
                continue;
            }
            let lives = |atom: AtomId| living[atom.0 as usize] > 0;
            let hopeless =
                |clause: &Clause<'_>| clause.kind == RelationKind::Requires && !self.formula(clause.formula).is_possible(&lives);
            let Some(killer) = self.clauses(id).iter().position(hopeless) else { continue };
            self.killers[id as usize] = Some(number(killer));
            for list in lists.row(id) {
                living[*list as usize] -= 1;
                if living[*list as usize] == 0 {
                    waiting.extend(needed_by.row(*list).iter().filter(|id| !self.is_dead(**id)));
                }
            }
        }
    }
}

/// Whether packages of one name are of different word sizes.
fn apart(one: Class, other: Class) -> bool {
    matches!((one, other), (Class::Native, Class::Multilib) | (Class::Multilib, Class::Native))
}

/// Reads each text of a dependency once.
struct Reader<'w, 'u, 'a> {
    universe: &'u Universe<'a>,
    providers: &'w Providers<'u, 'a>,
    usable: &'w [bool],
    atoms: Vec<Atom>,
    /// How many packages stand in all lists.
    answers: usize,
    formulas: Vec<Formula>,
    known: HashMap<Dependency<'a>, FormulaId, FixedState>,
    parts: HashMap<FormulaId, Vec<FormulaId>, FixedState>,
    known_obsoletes: HashMap<Dependency<'a>, FormulaId, FixedState>,
    known_plain: HashMap<Dependency<'a>, AtomId, FixedState>,
}

impl<'a> Reader<'_, '_, 'a> {
    fn clauses(&mut self, id: Id) -> Result<Box<[Clause<'a>]>, GatherError> {
        if !self.usable[id as usize] {
            return Ok(Box::default());
        }
        let package = self.universe.package(id);
        let kinds = [RelationKind::Requires, RelationKind::Conflicts, RelationKind::Obsoletes];
        let relations =
            kinds.into_iter().flat_map(|kind| package.relations(kind).map(move |relation| (kind, relation.dependency)));
        let mut clauses = Vec::new();
        for (kind, dependency) in relations {
            let formulas = match kind {
                RelationKind::Requires => self.requirements(dependency),
                RelationKind::Obsoletes => vec![self.obsoletes(dependency)],
                _ => vec![self.formula(dependency)],
            };
            for formula in formulas {
                let is_rich = !matches!(self.formulas[formula.0 as usize], Formula::Atom(_));
                clauses.push(Clause { kind, dependency, formula, is_rich });
            }
        }
        if self.answers > ANSWERS {
            return Err(GatherError::TooManyAnswers);
        }
        Ok(clauses.into())
    }

    fn formula(&mut self, dependency: Dependency<'a>) -> FormulaId {
        if let Some(known) = self.known.get(&dependency) {
            return *known;
        }
        let formula = if dependency.is_rich() {
            // What cannot be read is never true, as in rpm.
            Rich::parse(dependency.name).map_or(Formula::NEVER, |rich| self.rich(&rich))
        } else {
            Formula::Atom(self.plain(dependency))
        };
        let id = self.keep(formula);
        self.known.insert(dependency, id);
        id
    }

    /// `(a and b)` is two requirements.
    fn requirements(&mut self, dependency: Dependency<'a>) -> Vec<FormulaId> {
        let whole = self.formula(dependency);
        if let Some(known) = self.parts.get(&whole) {
            return known.clone();
        }
        let Formula::All(parts) = &self.formulas[whole.0 as usize] else { return vec![whole] };
        let parts: Vec<FormulaId> = parts.clone().into_iter().map(|part| self.keep(part)).collect();
        self.parts.insert(whole, parts.clone());
        parts
    }

    fn obsoletes(&mut self, dependency: Dependency<'a>) -> FormulaId {
        if let Some(known) = self.known_obsoletes.get(&dependency) {
            return *known;
        }
        let named = self.universe.named_text(dependency.name).iter().copied();
        let meant = named.filter(|id| order::is_named(self.universe, *id, &dependency)).collect();
        let atom = self.atom(meant);
        let id = self.keep(Formula::Atom(atom));
        self.known_obsoletes.insert(dependency, id);
        id
    }

    fn keep(&mut self, formula: Formula) -> FormulaId {
        self.formulas.push(formula);
        FormulaId(number(self.formulas.len() - 1))
    }

    fn plain(&mut self, dependency: Dependency<'a>) -> AtomId {
        if let Some(known) = self.known_plain.get(&dependency) {
            return *known;
        }
        let id = self.atom(self.providers.of(dependency));
        self.known_plain.insert(dependency, id);
        id
    }

    fn atom(&mut self, mut answers: Vec<Id>) -> AtomId {
        answers.retain(|id| self.usable[*id as usize]);
        let good = order::sort(self.universe, &mut answers);
        self.answers += answers.len();
        if self.answers > ANSWERS {
            answers.clear();
        }
        self.atoms.push(Atom { answers: answers.into(), good });
        AtomId(number(self.atoms.len() - 1))
    }

    fn rich(&mut self, rich: &Rich<'a>) -> Formula {
        match rich {
            Rich::Plain(dependency) => Formula::Atom(self.plain(*dependency)),
            Rich::With(_) | Rich::Without(_) => Formula::Atom(self.atom(self.providers.of_rich(rich))),
            Rich::All(parts) => Formula::All(parts.iter().map(|part| self.rich(part)).collect()),
            Rich::Any(parts) => {
                let parts: Vec<Formula> = parts.iter().map(|part| self.rich(part)).collect();
                self.any(parts)
            }
            Rich::If(condition) => Formula::If(Box::new(self.branch(condition))),
            Rich::Unless(condition) => Formula::Unless(Box::new(self.branch(condition))),
        }
    }

    /// Lists of which any will do are one list, so that the best package of all of them comes first.
    fn any(&mut self, parts: Vec<Formula>) -> Formula {
        let mut together = Vec::new();
        for part in &parts {
            match part {
                Formula::Atom(atom) => together.extend_from_slice(&self.atoms[atom.0 as usize].answers),
                _ => return Formula::Any(parts),
            }
        }
        Formula::Atom(self.atom(together))
    }

    fn branch(&mut self, condition: &Condition<'a>) -> Branch {
        Branch {
            then: self.rich(&condition.then),
            when: self.rich(&condition.when),
            otherwise: condition.otherwise.as_ref().map(|otherwise| self.rich(otherwise)),
        }
    }
}
