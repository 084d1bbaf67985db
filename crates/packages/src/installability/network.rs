//! The packages' needs and conflicts as numbers: which packages answer a clause, which exclude each other, which are dead.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::ecosystem::{PackageId, RelationKind, RequirementId};
use crate::index::Index;
use crate::rows::{Rows, RowsInOrder};
use crate::set::PackageSet;
use crate::symbols::Symbol;
use crate::texts::number;

/// Clauses that every package of an arch writes alike are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClauseId(u32);

impl ClauseId {
    fn index(self) -> usize {
        self.0 as usize
    }
}

/// A clause of a package, and where it stands there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    pub(super) clause: ClauseId,
    pub(super) field: RelationKind,
    pub(super) requirement: RequirementId,
}

#[derive(Debug)]
pub(super) struct Network<'s> {
    index: Index<'s>,
    /// By package.
    needs: Rows<Need>,
    /// By clause, the preferred first.
    answers: Rows<PackageId>,
    /// By package, both ways.
    conflicts: Rows<PackageId>,
    /// By package: the clause that killed it.
    killers: Vec<Option<Need>>,
}

impl<'s> Network<'s> {
    pub(super) fn new(set: &'s PackageSet, arch: &str, ids: Vec<PackageId>) -> Network<'s> {
        let index = Index::new(set, arch, ids);
        let (needs, answers) = resolve_needs(&index);
        let conflicts = resolve_conflicts(&index);
        let mut network = Network { index, needs, answers, conflicts, killers: vec![None; set.len()] };
        network.find_dead();
        network
    }

    pub(super) fn set(&self) -> &'s PackageSet {
        self.index.set()
    }

    /// The living essential packages of the tree's own arch, each with its other versions: one of them is installed.
    pub(super) fn essential_packages(&self) -> Vec<Vec<PackageId>> {
        let native = self.index.native();
        let mut by_name: BTreeMap<&str, Vec<PackageId>> = BTreeMap::new();
        for id in self.index.ids() {
            if self.set().package(*id).essential && self.index.arch_of(*id) == native && self.is_alive(*id) {
                by_name.entry(self.set().name(*id)).or_default().push(*id);
            }
        }
        by_name.into_values().collect()
    }

    pub(super) fn needs(&self, package: PackageId) -> &[Need] {
        self.needs.row(package.0)
    }

    pub(super) fn answers(&self, clause: ClauseId) -> &[PackageId] {
        self.answers.row(clause.0)
    }

    pub(super) fn conflicts(&self, package: PackageId) -> &[PackageId] {
        self.conflicts.row(package.0)
    }

    pub(super) fn is_alive(&self, package: PackageId) -> bool {
        self.killers[package.index()].is_none()
    }

    /// The clause that nothing living answers. All its answers were dead before the package was.
    pub(super) fn killer(&self, package: PackageId) -> Option<Need> {
        self.killers[package.index()]
    }

    /// The field that makes two packages exclude each other; `None` where they are versions of one package.
    pub(super) fn conflict_clause(&self, left: PackageId, right: PackageId) -> Option<(PackageId, RelationKind, RequirementId)> {
        let says = |package: PackageId, other: PackageId| {
            let set = self.set();
            let stands_against = |requirement| {
                let atoms = set.requirement(requirement).atoms();
                atoms.iter().any(|atom| self.index.conflicting(atom, package).contains(&other))
            };
            set.relations(package)
                .iter()
                .find(|relation| relation.kind.is_negative() && stands_against(relation.requirement))
                .map(|relation| (package, relation.kind, relation.requirement))
        };
        says(left, right).or_else(|| says(right, left))
    }

    /// Kills every package with a clause that nothing living answers, until no more die.
    fn find_dead(&mut self) {
        let clauses = || (0..number(self.answers.len())).map(ClauseId);
        let mut living: Vec<usize> = clauses().map(|clause| self.answers(clause).len()).collect();
        let mut dead_clauses: Vec<ClauseId> = clauses().filter(|clause| living[clause.index()] == 0).collect();
        if dead_clauses.is_empty() {
            return;
        }
        let needs = self.index.ids().iter().flat_map(|id| self.needs(*id).iter().map(|need| (need.clause.0, *id)));
        let needed_by = Rows::from_pairs(self.answers.len(), needs);
        let answers = clauses().flat_map(|clause| self.answers(clause).iter().map(move |answer| (answer.0, clause)));
        let answered_by_package = Rows::from_pairs(self.set().len(), answers);
        while let Some(clause) = dead_clauses.pop() {
            for package in needed_by.row(clause.0) {
                if self.killers[package.index()].is_some() {
                    continue;
                }
                self.killers[package.index()] = self.needs(*package).iter().find(|need| need.clause == clause).copied();
                for answered in answered_by_package.row(package.0) {
                    living[answered.index()] -= 1;
                    if living[answered.index()] == 0 {
                        dead_clauses.push(*answered);
                    }
                }
            }
        }
    }
}

/// Each package's clauses, and each clause's answers. A clause is looked up once for each arch that writes it.
fn resolve_needs(index: &Index<'_>) -> (Rows<Need>, Rows<PackageId>) {
    let set = index.set();
    let mut clauses_of_arch: HashMap<Symbol, Vec<Option<ClauseId>>, FixedState> = HashMap::with_hasher(FixedState::with_seed(0));
    let mut clause_count = 0;
    let mut needs = RowsInOrder::with_capacity(set.len(), 4 * index.ids().len());
    let mut answers = RowsInOrder::with_capacity(index.ids().len(), 2 * index.ids().len());
    for package in index.ids() {
        let arch = index.arch_of(*package);
        let clauses = clauses_of_arch.entry(arch).or_insert_with(|| vec![None; set.requirement_count()]);
        for relation in set.relations(*package).iter().filter(|relation| relation.kind.is_mandatory()) {
            let clause = *clauses[relation.requirement.index()].get_or_insert_with(|| {
                let clause = ClauseId(clause_count);
                for id in clause_answers(index, relation.requirement, arch) {
                    answers.push(clause.0, id);
                }
                clause_count += 1;
                clause
            });
            needs.push(package.0, Need { clause, field: relation.kind, requirement: relation.requirement });
        }
    }
    (needs.finish(set.len()), answers.finish(clause_count as usize))
}

fn clause_answers(index: &Index<'_>, requirement: RequirementId, arch: Symbol) -> Vec<PackageId> {
    let mut packages: Vec<PackageId> = Vec::new();
    for atom in index.set().requirement(requirement).atoms() {
        for answer in index.answers(atom, arch) {
            if !packages.contains(&answer.package) {
                packages.push(answer.package);
            }
        }
    }
    packages
}

fn resolve_conflicts(index: &Index<'_>) -> Rows<PackageId> {
    let mut pairs: Vec<(u32, PackageId)> = Vec::new();
    let mut exclude = |left: PackageId, right: PackageId| pairs.extend([(left.0, right), (right.0, left)]);
    for package in index.ids() {
        for relation in index.set().relations(*package).iter().filter(|relation| relation.kind.is_negative()) {
            for atom in index.set().requirement(relation.requirement).atoms() {
                index.conflicting(atom, *package).into_iter().for_each(|other| exclude(*package, other));
            }
        }
        for other in index.named(index.set().package(*package).name) {
            if other > package && !install_together(index, *package, *other) {
                exclude(*package, *other);
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    Rows::from_pairs(index.set().len(), pairs.into_iter())
}

/// Whether two packages of one name may be installed together.
fn install_together(index: &Index<'_>, left: PackageId, right: PackageId) -> bool {
    let set = index.set();
    let (left_package, right_package) = (set.package(left), set.package(right));
    index.arch_of(left) != index.arch_of(right)
        && left_package.version == right_package.version
        && set.ecosystem().arches_install_together(left_package.multi_arch, right_package.multi_arch)
}
