//! What one thread reads out of the indexes, before all is joined into one set.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::ecosystem::{ArchSet, OriginId, Package, Relation, Requirement, RequirementId, Source};
use crate::number_table::NumberTable;
use crate::set::requirements::Requirements;
use crate::symbols::Symbols;
use crate::texts::{Span, Texts, number};

/// What one thread has read. Its symbols and ids are its own.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) symbols: Symbols,
    /// In the order of the indexes, as are the sources.
    pub(crate) packages: Vec<Package>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) requirements: Requirements,
    pub(crate) sources: Vec<Source>,
    pub(crate) problems: Vec<ShardProblem>,
    packages_by_stanza: NumberTable,
    hasher: FixedState,
}

/// Where a stanza of a binary package stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) stanza: Span,
    pub(crate) origin: OriginId,
    pub(crate) arches: ArchSet,
}

impl Package {
    /// The same package, read from the same stanza elsewhere.
    fn at(&self, place: Place) -> Package {
        let Place { stanza, origin, arches } = place;
        let start = stanza.start + (self.filename.start - self.stanza.start);
        let filename = Span { text: stanza.text, start, length: self.filename.length };
        Package { origin, arches, stanza, filename, ..self.clone() }
    }

    /// Its archive lists the package again, for another arch or in another suite. The suite with the higher priority decides.
    pub(super) fn is_listed_again(&mut self, texts: &Texts, origin: OriginId, arches: ArchSet) {
        self.arches.insert_all(arches);
        if texts.origin(origin).priority > texts.origin(self.origin).priority {
            self.origin = origin;
        }
    }
}

/// An [`IndexProblem`](crate::ecosystem::IndexProblem) before its line is counted.
#[derive(Debug)]
pub(crate) struct ShardProblem {
    pub(crate) index: u16,
    pub(crate) offset: usize,
    pub(crate) package: String,
    pub(crate) message: String,
}

impl Shard {
    /// With room for what this much text of an index usually holds, so that tables need not grow.
    pub(crate) fn for_text(bytes: usize) -> Shard {
        Shard {
            symbols: Symbols::with_capacity(bytes / 800, bytes / 40),
            packages: Vec::with_capacity(bytes / 800),
            relations: Vec::with_capacity(bytes / 100),
            requirements: Requirements::with_capacity(bytes / 550, bytes / 16),
            sources: Vec::new(),
            problems: Vec::new(),
            packages_by_stanza: NumberTable::with_capacity(bytes / 800),
            hasher: FixedState::with_seed(0),
        }
    }

    /// Adds the package that `read` makes of a stanza. Packages for all arches stand in the index of each arch: what was read
    /// before, byte for byte, is not read again.
    pub(crate) fn add_package(
        &mut self,
        texts: &Texts,
        place: Place,
        read: impl FnOnce(&mut Shard) -> Result<Package, String>,
    ) -> Result<(), String> {
        let stanza = texts.bytes(place.stanza);
        let hash = self.hasher.hash_one(stanza);
        let is_same = |number| texts.bytes(self.packages[number as usize].stanza) == stanza;
        if let Some(known) = self.packages_by_stanza.find(hash, is_same) {
            let known = &mut self.packages[known as usize];
            if texts.are_of_one_archive(known.origin, place.origin) {
                known.is_listed_again(texts, place.origin, place.arches);
            } else {
                let package = known.at(place);
                self.packages.push(package);
            }
            return Ok(());
        }
        let (next, problems) = (number(self.packages.len()), self.problems.len());
        let package = read(self)?;
        self.packages.push(package);
        // Each stanza with a problem is reported.
        if self.problems.len() == problems {
            self.packages_by_stanza.insert(hash, next);
        }
        Ok(())
    }

    /// The requirement that is written so. Each way of writing one is read once.
    pub(crate) fn requirement(
        &mut self,
        clause: &str,
        read: impl FnOnce(&mut Symbols, &str) -> Result<Requirement, String>,
    ) -> Result<RequirementId, String> {
        self.requirements.find_or_read(clause, || read(&mut self.symbols, clause))
    }
}
