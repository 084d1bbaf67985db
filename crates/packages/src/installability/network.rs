//! The packages' needs and conflicts as numbers: which packages answer a clause, which exclude each other, which are dead.

use std::collections::BTreeMap;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::ecosystem::{PackageId, RelationKind, RequirementId};
use crate::index::Index;
use crate::rows::Rows;
use crate::set::PackageSet;
use crate::symbols::Symbol;
use crate::texts::number;

/// Clauses that every package of an arch writes alike are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClauseId(u32);

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
        let clause_count = self.index.ids().iter().flat_map(|id| self.needs(*id)).map(|need| need.clause.0 + 1).max();
        let clause_count = clause_count.unwrap_or(0);
        let needed_by: Vec<(u32, PackageId)> =
            self.index.ids().iter().flat_map(|id| self.needs(*id).iter().map(|need| (need.clause.0, *id))).collect();
        let answered_by_package: Vec<(u32, ClauseId)> = (0..clause_count)
            .flat_map(|clause| self.answers.row(clause).iter().map(move |answer| (answer.0, ClauseId(clause))))
            .collect();
        let needed_by = Rows::from_pairs(clause_count as usize, &needed_by);
        let answered_by_package = Rows::from_pairs(self.set().len(), &answered_by_package);
        let mut living: Vec<usize> = (0..clause_count).map(|clause| self.answers.row(clause).len()).collect();

        let mut dead_clauses: Vec<ClauseId> =
            (0..clause_count).filter(|clause| living[*clause as usize] == 0).map(ClauseId).collect();
        while let Some(clause) = dead_clauses.pop() {
            for package in needed_by.row(clause.0) {
                if self.killers[package.index()].is_some() {
                    continue;
                }
                self.killers[package.index()] = self.needs(*package).iter().find(|need| need.clause == clause).copied();
                for answered in answered_by_package.row(package.0) {
                    living[answered.0 as usize] -= 1;
                    if living[answered.0 as usize] == 0 {
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
    let mut clauses: HashMap<(RequirementId, Symbol), ClauseId, FixedState> = HashMap::with_hasher(FixedState::with_seed(0));
    let (mut needs, mut answers) = (Vec::new(), Vec::new());
    for package in index.ids() {
        let arch = index.arch_of(*package);
        for relation in set.relations(*package).iter().filter(|relation| relation.kind.is_mandatory()) {
            let next = ClauseId(number(clauses.len()));
            let clause = *clauses.entry((relation.requirement, arch)).or_insert(next);
            if clause == next {
                answers.extend(clause_answers(index, relation.requirement, arch).into_iter().map(|id| (clause.0, id)));
            }
            needs.push((package.0, Need { clause, field: relation.kind, requirement: relation.requirement }));
        }
    }
    (Rows::from_pairs(set.len(), &needs), Rows::from_pairs(clauses.len(), &answers))
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
    Rows::from_pairs(index.set().len(), &pairs)
}

/// Whether two packages of one name may be installed together.
fn install_together(index: &Index<'_>, left: PackageId, right: PackageId) -> bool {
    let set = index.set();
    let (left_package, right_package) = (set.package(left), set.package(right));
    index.arch_of(left) != index.arch_of(right)
        && left_package.version == right_package.version
        && set.ecosystem().arches_install_together(left_package.multi_arch, right_package.multi_arch)
}
