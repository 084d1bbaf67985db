//! Packages by name and by what they provide, as a tree of one arch sees them.

use std::borrow::Cow;

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
    rows: Cow<'s, IndexRows>,
}

/// What an index looks its answers up in.
#[derive(Debug, Clone)]
pub(crate) struct IndexRows {
    ids: Vec<PackageId>,
    by_name: Rows<PackageId>,
    providers: Rows<Provider>,
}

impl IndexRows {
    pub(crate) fn ids(&self) -> &[PackageId] {
        &self.ids
    }
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
        let rows = set.symbols().len();
        let by_name = Rows::from_pairs(rows, ids.iter().map(|id| (name_row(set.package(*id).name), *id)));
        let provided: Vec<_> = ids.iter().flat_map(|id| provides(set, *id)).collect();
        let providers = Rows::from_pairs(rows, provided.into_iter());
        Index::of_rows(set, arch, Cow::Owned(IndexRows { ids, by_name, providers }))
    }

    /// An index whose rows were made before, for the same arch.
    pub(crate) fn of_rows(set: &'s PackageSet, arch: &str, rows: Cow<'s, IndexRows>) -> Index<'s> {
        Index { set, native: set.symbols().find(arch).unwrap_or(Symbol::EMPTY), rows }
    }

    pub(crate) fn into_rows(self) -> IndexRows {
        self.rows.into_owned()
    }

    pub fn set(&self) -> &'s PackageSet {
        self.set
    }

    pub fn ids(&self) -> &[PackageId] {
        &self.rows.ids
    }

    pub fn contains(&self, id: PackageId) -> bool {
        self.rows.ids.binary_search(&id).is_ok()
    }

    pub fn named(&self, name: Symbol) -> &[PackageId] {
        self.rows.by_name.row(name_row(name))
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
        for id in self.rows.by_name.row(name_row(atom.name)) {
            if self.version_fits(*id, atom) && arch_agrees(self.arch_of(*id), *id, Qualifier::Unqualified) {
                answers.push(Answer { package: *id, is_provider: false });
            }
        }
        for provider in self.rows.providers.row(name_row(atom.name)) {
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
