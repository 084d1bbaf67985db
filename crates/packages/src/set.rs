//! The package set: every package of every arch and archive, read once, and asked by id.
//!
//! Readers fill a [`shard`] per thread; the [`assembly`] joins them into one set in the order of the indexes, so that the
//! number of threads cannot be seen in the result.

pub(crate) mod assembly;
mod requirements;
pub(crate) mod shard;

use std::borrow::Cow;
use std::sync::OnceLock;

use crate::ecosystem::{
    Ecosystem, Origin, OriginId, Package, PackageId, Relation, RelationRange, Requirement, RequirementId, Source, SourceId,
};
use crate::installability::Broken;
use crate::set::requirements::Requirements;
use crate::symbols::{Symbol, Symbols};
use crate::texts::{Texts, number};
use crate::tree::Tree;

/// All packages and sources of all indexes of a compose.
#[derive(Debug)]
pub struct PackageSet {
    ecosystem: &'static dyn Ecosystem,
    symbols: Symbols,
    texts: Texts,
    arches: Vec<String>,
    packages: Vec<Package>,
    relations: Vec<Relation>,
    requirements: Requirements,
    sources: Vec<Source>,
    /// By arch; each made when it is first asked for.
    trees: Vec<OnceLock<Tree>>,
    /// The same.
    broken: Vec<OnceLock<Vec<Broken>>>,
}

impl PackageSet {
    pub fn ecosystem(&self) -> &'static dyn Ecosystem {
        self.ecosystem
    }

    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    pub fn text(&self, symbol: Symbol) -> &str {
        self.symbols.text(symbol)
    }

    /// The arches that the indexes are for, in the order of the indexes.
    pub fn arches(&self) -> &[String] {
        &self.arches
    }

    pub fn len(&self) -> usize {
        self.packages.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packages.is_empty()
    }

    /// All packages, in the order of the indexes.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = PackageId> + use<> {
        (0..number(self.packages.len())).map(PackageId)
    }

    pub fn package(&self, id: PackageId) -> &Package {
        &self.packages[id.index()]
    }

    pub fn name(&self, id: PackageId) -> &str {
        self.text(self.package(id).name)
    }

    pub fn version(&self, id: PackageId) -> &str {
        self.text(self.package(id).version)
    }

    pub fn arch(&self, id: PackageId) -> &str {
        self.text(self.package(id).arch)
    }

    pub fn source_name(&self, id: PackageId) -> &str {
        self.text(self.package(id).source)
    }

    pub fn source_version(&self, id: PackageId) -> &str {
        self.text(self.package(id).source_version)
    }

    pub fn section(&self, id: PackageId) -> &str {
        self.text(self.package(id).section)
    }

    /// The package's file, relative to the archive's base.
    pub fn filename(&self, id: PackageId) -> &str {
        self.texts.str(self.package(id).filename)
    }

    pub fn origin(&self, id: PackageId) -> &Origin {
        self.origin_of(self.package(id).origin)
    }

    pub fn origin_of(&self, id: OriginId) -> &Origin {
        self.texts.origin(id)
    }

    /// The index entry, byte for byte, without the empty line behind it.
    pub fn stanza(&self, id: PackageId) -> &[u8] {
        self.texts.bytes(self.package(id).stanza)
    }

    /// `name_version_arch`, for people.
    pub fn describe(&self, id: PackageId) -> String {
        format!("{}_{}_{}", self.name(id), self.version(id), self.arch(id))
    }

    /// Whether the package runs on every arch.
    pub fn is_independent(&self, id: PackageId) -> bool {
        self.package(id).independent
    }

    /// Whether the package is for machines of this arch, by its own arch or by standing in the arch's index.
    pub fn is_for(&self, id: PackageId, arch: &str) -> bool {
        if self.is_independent(id) {
            let arches = self.package(id).arches;
            self.arches.iter().position(|known| known == arch).is_some_and(|index| arches.contains(index))
        } else {
            self.arch(id) == arch
        }
    }

    /// The arches in whose indexes an arch-independent package stands; of others, their own.
    pub fn arches_of(&self, id: PackageId) -> impl Iterator<Item = &str> {
        self.arches.iter().map(String::as_str).filter(move |arch| self.is_for(id, arch))
    }

    pub fn relations(&self, id: PackageId) -> &[Relation] {
        let RelationRange { start, length } = self.package(id).relations;
        &self.relations[start as usize..(start + length) as usize]
    }

    pub fn requirement(&self, id: RequirementId) -> &Requirement {
        self.requirements.value(id)
    }

    /// What a tree of this arch can be made of, packages of foreign arches and these others among it.
    pub(crate) fn tree(&self, arch: &str, foreign_arches: &[&str], others: &[PackageId]) -> Cow<'_, Tree> {
        match self.arches.iter().position(|known| known == arch) {
            Some(index) if foreign_arches.is_empty() && others.iter().all(|id| self.is_for(*id, arch)) => {
                Cow::Borrowed(self.trees[index].get_or_init(|| Tree::new(self, arch, &[], &[])))
            }
            _ => Cow::Owned(Tree::new(self, arch, foreign_arches, others)),
        }
    }

    /// What an arch's tree can take and no system can install, found by `judge` when it is first asked for.
    pub(crate) fn broken(&self, arch: &str, judge: impl FnOnce(&Tree) -> Vec<Broken>) -> &[Broken] {
        let Some(index) = self.arches.iter().position(|known| known == arch) else { return &[] };
        self.broken[index].get_or_init(|| judge(&self.tree(arch, &[], &[])))
    }

    pub fn requirement_count(&self) -> usize {
        self.requirements.len()
    }

    /// The requirement as its package's index has it.
    pub fn requirement_text(&self, id: RequirementId) -> &str {
        self.requirements.text(id)
    }

    pub fn source_ids(&self) -> impl ExactSizeIterator<Item = SourceId> + use<> {
        (0..number(self.sources.len())).map(SourceId)
    }

    pub fn source(&self, id: SourceId) -> &Source {
        &self.sources[id.index()]
    }

    /// The source's index entry, byte for byte, without the empty line behind it.
    pub fn source_stanza(&self, id: SourceId) -> &[u8] {
        self.texts.bytes(self.source(id).stanza)
    }
}
