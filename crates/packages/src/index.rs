//! Packages by name and by what they provide, as a tree of one arch sees them; and which version of a name is taken.

use std::cmp::Ordering;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::ecosystem::{ArchQuestion, Atom, Operator, PackageId, Qualifier, RelationKind, Requirement};
use crate::rows::Rows;
use crate::set::PackageSet;
use crate::symbols::Symbol;
use crate::texts::number;

/// Some packages of a set, ready to be searched.
#[derive(Debug)]
pub struct Index<'s> {
    set: &'s PackageSet,
    native: Symbol,
    ids: Vec<PackageId>,
    by_name: Rows<PackageId>,
    providers: Rows<Provider>,
}

/// A package that provides a name.
#[derive(Debug, Clone, Copy)]
struct Provider {
    package: PackageId,
    version: Option<Symbol>,
    qualifier: Qualifier,
}

/// A package that answers a requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    pub package: PackageId,
    /// By a `Provides`, not by its own name.
    pub is_provider: bool,
}

impl<'s> Index<'s> {
    /// An index of these packages, in the order of their ids, for a tree of this arch.
    pub fn new(set: &'s PackageSet, arch: &str, ids: Vec<PackageId>) -> Index<'s> {
        let native = set.symbols().find(arch).unwrap_or(Symbol::EMPTY);
        let rows = set.symbols().len();
        let names: Vec<_> = ids.iter().map(|id| (name_row(set.package(*id).name), *id)).collect();
        let provided: Vec<_> = ids.iter().flat_map(|id| provides(set, *id)).collect();
        let (by_name, providers) = (Rows::from_pairs(rows, &names), Rows::from_pairs(rows, &provided));
        Index { set, native, ids, by_name, providers }
    }

    pub fn set(&self) -> &'s PackageSet {
        self.set
    }

    pub fn ids(&self) -> &[PackageId] {
        &self.ids
    }

    pub fn contains(&self, id: PackageId) -> bool {
        self.ids.binary_search(&id).is_ok()
    }

    pub fn named(&self, name: Symbol) -> &[PackageId] {
        self.by_name.row(name_row(name))
    }

    /// The arch that the package has in this tree: its own, or the tree's if it runs on every arch.
    pub fn arch_of(&self, id: PackageId) -> Symbol {
        if self.set.is_independent(id) { self.native } else { self.set.package(id).arch }
    }

    pub fn native(&self) -> Symbol {
        self.native
    }

    /// The packages that answer an atom of a package of this arch: those of the name, then those that provide it.
    pub fn answers(&self, atom: &Atom, requirer: Symbol) -> Vec<Answer> {
        let ecosystem = self.set.ecosystem();
        self.matches(atom, |provider, package, provided| {
            ecosystem.arch_fits(self.question(atom, requirer, provider, package, provided))
        })
    }

    /// The packages that a conflict of a package stands against, itself left out.
    pub fn conflicting(&self, atom: &Atom, package: PackageId) -> Vec<PackageId> {
        let ecosystem = self.set.ecosystem();
        let requirer = self.arch_of(package);
        let answers = self.matches(atom, |provider, package, provided| {
            ecosystem.arch_conflicts(self.question(atom, requirer, provider, package, provided))
        });
        answers.into_iter().map(|answer| answer.package).filter(|other| *other != package).collect()
    }

    fn matches(&self, atom: &Atom, arch_agrees: impl Fn(Symbol, PackageId, Qualifier) -> bool) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::new();
        for id in self.by_name.row(name_row(atom.name)) {
            if self.version_fits(*id, atom) && arch_agrees(self.arch_of(*id), *id, Qualifier::Unqualified) {
                answers.push(Answer { package: *id, is_provider: false });
            }
        }
        for provider in self.providers.row(name_row(atom.name)) {
            if self.provided_version_fits(provider, atom)
                && arch_agrees(self.arch_of(provider.package), provider.package, provider.qualifier)
                && !answers.iter().any(|answer| answer.package == provider.package)
            {
                answers.push(Answer { package: provider.package, is_provider: true });
            }
        }
        answers
    }

    fn question(&self, atom: &Atom, requirer: Symbol, provider: Symbol, package: PackageId, provided: Qualifier) -> ArchQuestion {
        ArchQuestion {
            native: self.native,
            requirer,
            qualifier: atom.qualifier,
            provider,
            multi_arch: self.set.package(package).multi_arch,
            provided,
        }
    }

    fn version_fits(&self, id: PackageId, atom: &Atom) -> bool {
        atom.operator == Operator::Always
            || atom.operator.accepts(self.set.ecosystem().compare_versions(self.set.version(id), self.set.text(atom.version)))
    }

    fn provided_version_fits(&self, provider: &Provider, atom: &Atom) -> bool {
        let provided = provider.version.map(|version| self.set.text(version));
        self.set.ecosystem().provided_version_fits(provided, atom.operator, self.set.text(atom.version))
    }
}

fn name_row(name: Symbol) -> u32 {
    number(name.index())
}

fn provides(set: &PackageSet, id: PackageId) -> impl Iterator<Item = (u32, Provider)> {
    set.relations(id).iter().filter(|relation| relation.kind == RelationKind::Provides).filter_map(move |relation| {
        let Requirement::One(atom) = set.requirement(relation.requirement) else { return None };
        let version = (atom.operator == Operator::Equal).then_some(atom.version);
        Some((name_row(atom.name), Provider { package: id, version, qualifier: atom.qualifier }))
    })
}

/// What may be taken for a tree: the one version of each name and arch that pin priorities and versions lead to.
///
/// The pin priority counts first, then the version. Below zero nothing is taken. Of the same version in two archives, the
/// lookaside's is preferred, as what is there need not be shipped again.
pub fn candidates(set: &PackageSet, arch: &str, foreign_arches: &[&str], may_take: impl Fn(PackageId) -> bool) -> Vec<PackageId> {
    let native = set.symbols().find(arch).unwrap_or(Symbol::EMPTY);
    let mut best: HashMap<(Symbol, Symbol), PackageId, FixedState> = HashMap::with_hasher(FixedState::with_seed(0));
    for id in set.ids() {
        let is_wanted = set.is_for(id, arch) || foreign_arches.contains(&set.arch(id));
        if !is_wanted || set.origin(id).priority < 0 || !may_take(id) {
            continue;
        }
        let package = set.package(id);
        let arch = if set.is_independent(id) { native } else { package.arch };
        best.entry((package.name, arch))
            .and_modify(|known| {
                if compare_candidates(set, id, *known).is_gt() {
                    *known = id;
                }
            })
            .or_insert(id);
    }
    let mut ids: Vec<PackageId> = best.into_values().collect();
    ids.sort_unstable_by_key(|id| number(id.index()));
    ids
}

/// The greater one is taken.
pub(crate) fn compare_candidates(set: &PackageSet, left: PackageId, right: PackageId) -> Ordering {
    let (left_origin, right_origin) = (set.origin(left), set.origin(right));
    left_origin
        .priority
        .cmp(&right_origin.priority)
        .then_with(|| set.ecosystem().compare_versions(set.version(left), set.version(right)))
        .then_with(|| left_origin.lookaside.cmp(&right_origin.lookaside))
}
