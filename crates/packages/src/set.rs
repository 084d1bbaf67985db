//! The package set: every package of every arch and archive, read once, and asked by id.
//!
//! Readers fill a [`Shard`] per thread; [`PackageSet::assemble`] joins them into one set in the order of the indexes, so
//! that the number of threads cannot be seen in the result.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

use crate::ecosystem::{
    Atom, Ecosystem, IndexProblem, Origin, OriginId, Package, PackageId, Qualifier, Relation, RelationRange, Requirement,
    RequirementId, Source, SourceId, Span,
};
use crate::symbols::{Symbol, Symbols};

/// All packages and sources of all indexes of a compose.
#[derive(Debug)]
pub struct PackageSet {
    ecosystem: &'static dyn Ecosystem,
    symbols: Symbols,
    indexes: Vec<Index>,
    origins: Vec<Origin>,
    arches: Vec<String>,
    packages: Vec<Package>,
    relations: Vec<Relation>,
    requirements: Vec<Requirement>,
    /// As each requirement is written.
    requirement_texts: Vec<Symbol>,
    sources: Vec<Source>,
}

/// An index that was read: its name for messages, and its text, which the stanzas are parts of.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) name: String,
    pub(crate) text: Vec<u8>,
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
        std::str::from_utf8(self.slice(self.package(id).filename)).expect("checked when it was read")
    }

    pub fn origin(&self, id: PackageId) -> &Origin {
        self.origin_of(self.package(id).origin)
    }

    pub fn origin_of(&self, id: OriginId) -> &Origin {
        &self.origins[usize::from(id.0)]
    }

    /// The index entry, byte for byte, without the empty line behind it.
    pub fn stanza(&self, id: PackageId) -> &[u8] {
        self.slice(self.package(id).stanza)
    }

    /// `name_version_arch`, for people.
    pub fn describe(&self, id: PackageId) -> String {
        format!("{}_{}_{}", self.name(id), self.version(id), self.arch(id))
    }

    /// Whether the package runs on every arch.
    pub fn is_independent(&self, id: PackageId) -> bool {
        self.ecosystem.is_independent(self.arch(id))
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
        &self.requirements[id.index()]
    }

    pub fn requirement_count(&self) -> usize {
        self.requirements.len()
    }

    /// The requirement as its package's index has it.
    pub fn requirement_text(&self, id: RequirementId) -> &str {
        self.text(self.requirement_texts[id.index()])
    }

    pub fn source_ids(&self) -> impl ExactSizeIterator<Item = SourceId> + use<> {
        (0..number(self.sources.len())).map(SourceId)
    }

    pub fn source(&self, id: SourceId) -> &Source {
        &self.sources[id.index()]
    }

    /// The source's index entry, byte for byte, without the empty line behind it.
    pub fn source_stanza(&self, id: SourceId) -> &[u8] {
        self.slice(self.source(id).stanza)
    }

    fn slice(&self, span: Span) -> &[u8] {
        &self.indexes[usize::from(span.text)].text[span.start as usize..(span.start + span.length) as usize]
    }
}

/// What one thread has read. Its ids are its own.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(crate) symbols: Symbols,
    pub(crate) packages: Vec<Package>,
    pub(crate) relations: Vec<Relation>,
    pub(crate) sources: Vec<Source>,
    pub(crate) problems: Vec<ShardProblem>,
    requirements: Vec<Requirement>,
    requirement_texts: Vec<Symbol>,
    requirement_by_text: BySymbol<RequirementId>,
}

/// An [`IndexProblem`] before its line is counted.
#[derive(Debug)]
pub(crate) struct ShardProblem {
    pub(crate) index: u16,
    pub(crate) offset: usize,
    pub(crate) package: String,
    pub(crate) message: String,
}

impl Shard {
    /// The requirement that is written so. Each text is read once.
    pub(crate) fn requirement(
        &mut self,
        text: &str,
        read: impl FnOnce(&mut Symbols, &str) -> Result<Requirement, String>,
    ) -> Result<RequirementId, String> {
        let symbol = self.symbols.intern(text);
        if let Some(id) = self.requirement_by_text.get(symbol) {
            return Ok(id);
        }
        let requirement = read(&mut self.symbols, text)?;
        let id = RequirementId(number(self.requirements.len()));
        self.requirements.push(requirement);
        self.requirement_texts.push(symbol);
        self.requirement_by_text.set(symbol, id);
        Ok(id)
    }

    pub(crate) fn requirement_of(&self, id: RequirementId) -> &Requirement {
        &self.requirements[id.index()]
    }
}

/// A table with a place for each symbol.
#[derive(Debug)]
pub(crate) struct BySymbol<T>(Vec<Option<T>>);

impl<T> Default for BySymbol<T> {
    fn default() -> Self {
        BySymbol(Vec::new())
    }
}

impl<T: Copy> BySymbol<T> {
    fn get(&self, symbol: Symbol) -> Option<T> {
        self.0.get(symbol.index()).copied().flatten()
    }

    fn set(&mut self, symbol: Symbol, value: T) {
        if symbol.index() >= self.0.len() {
            self.0.resize((symbol.index() + 1).next_power_of_two(), None);
        }
        self.0[symbol.index()] = Some(value);
    }
}

impl PackageSet {
    /// Joins what was read. The shards are in the order of the indexes, and each holds a run of them.
    pub(crate) fn assemble(
        ecosystem: &'static dyn Ecosystem,
        indexes: Vec<Index>,
        origins: Vec<Origin>,
        arches: Vec<String>,
        shards: Vec<Shard>,
    ) -> (PackageSet, Vec<IndexProblem>) {
        let mut shards = shards.into_iter();
        let mut assembly = Assembly::start(ecosystem, indexes, origins, arches, shards.next().unwrap_or_default());
        for shard in shards {
            assembly.add(shard);
        }
        assembly.finish()
    }
}

struct Assembly {
    set: PackageSet,
    requirement_by_text: BySymbol<RequirementId>,
    known_packages: HashTable<PackageId>,
    known_sources: HashTable<SourceId>,
    hasher: FixedState,
    problems: Vec<ShardProblem>,
}

impl Assembly {
    /// The first shard's tables become the set's: only its packages have to be looked at one by one.
    fn start(
        ecosystem: &'static dyn Ecosystem,
        indexes: Vec<Index>,
        origins: Vec<Origin>,
        arches: Vec<String>,
        shard: Shard,
    ) -> Assembly {
        let set = PackageSet {
            ecosystem,
            symbols: shard.symbols,
            indexes,
            origins,
            arches,
            packages: Vec::with_capacity(shard.packages.len()),
            relations: Vec::with_capacity(shard.relations.len()),
            requirements: shard.requirements,
            requirement_texts: shard.requirement_texts,
            sources: Vec::with_capacity(shard.sources.len()),
        };
        let mut assembly = Assembly {
            set,
            requirement_by_text: shard.requirement_by_text,
            known_packages: HashTable::with_capacity(shard.packages.len()),
            known_sources: HashTable::with_capacity(shard.sources.len()),
            hasher: FixedState::with_seed(0),
            problems: shard.problems,
        };
        for package in shard.packages {
            assembly.add_package(package, &shard.relations, |id| id);
        }
        for source in shard.sources {
            assembly.add_source(source);
        }
        assembly
    }

    fn add(&mut self, shard: Shard) {
        let symbols: Vec<Symbol> = shard.symbols.iter().map(|text| self.set.symbols.intern(text)).collect();
        let symbol = |symbol: Symbol| symbols[symbol.index()];
        let requirements: Vec<RequirementId> = shard
            .requirements
            .iter()
            .zip(&shard.requirement_texts)
            .map(|(requirement, text)| self.add_requirement(requirement, symbol(*text), symbol))
            .collect();
        for package in shard.packages {
            let package = Package {
                name: symbol(package.name),
                version: symbol(package.version),
                arch: symbol(package.arch),
                source: symbol(package.source),
                source_version: symbol(package.source_version),
                section: symbol(package.section),
                ..package
            };
            self.add_package(package, &shard.relations, |id| requirements[id.index()]);
        }
        for mut source in shard.sources {
            source.name = symbol(source.name);
            source.version = symbol(source.version);
            source.binaries.iter_mut().for_each(|binary| *binary = symbol(*binary));
            self.add_source(source);
        }
        self.problems.extend(shard.problems);
    }

    fn add_requirement(&mut self, requirement: &Requirement, text: Symbol, symbol: impl Fn(Symbol) -> Symbol) -> RequirementId {
        if let Some(id) = self.requirement_by_text.get(text) {
            return id;
        }
        let move_atom = |atom: &Atom| Atom {
            name: symbol(atom.name),
            version: symbol(atom.version),
            qualifier: match atom.qualifier {
                Qualifier::Arch(arch) => Qualifier::Arch(symbol(arch)),
                other => other,
            },
            operator: atom.operator,
        };
        let id = RequirementId(number(self.set.requirements.len()));
        self.set.requirements.push(match requirement {
            Requirement::One(atom) => Requirement::One(move_atom(atom)),
            Requirement::Any(atoms) => Requirement::Any(atoms.iter().map(move_atom).collect()),
        });
        self.set.requirement_texts.push(text);
        self.requirement_by_text.set(text, id);
        id
    }

    /// One archive has one file of a name, version and arch. Where its indexes list it again, for another arch or in
    /// another suite, it is the same package; the suite with the higher priority decides.
    fn add_package(
        &mut self,
        mut package: Package,
        relations: &[Relation],
        requirement: impl Fn(RequirementId) -> RequirementId,
    ) {
        let hash = self.hasher.hash_one((package.name, package.version, package.arch));
        let set = &self.set;
        let known = self.known_packages.find(hash, |id| {
            let known = set.package(*id);
            (known.name, known.version, known.arch) == (package.name, package.version, package.arch)
                && same_archive(set.origin_of(known.origin), set.origin_of(package.origin))
        });
        if let Some(known) = known.copied() {
            return self.merge_package(known, &package);
        }
        let RelationRange { start, length } = package.relations;
        package.relations = RelationRange { start: number(self.set.relations.len()), length };
        self.set.relations.extend(
            relations[start as usize..(start + length) as usize]
                .iter()
                .map(|relation| Relation { kind: relation.kind, requirement: requirement(relation.requirement) }),
        );
        let id = PackageId(number(self.set.packages.len()));
        self.set.packages.push(package);
        let (packages, hasher) = (&self.set.packages, &self.hasher);
        self.known_packages.insert_unique(hash, id, |id| {
            let known = &packages[id.index()];
            hasher.hash_one((known.name, known.version, known.arch))
        });
    }

    fn merge_package(&mut self, known: PackageId, package: &Package) {
        if self.set.package(known).sha256 != package.sha256 {
            let message = format!(
                "{} has another SHA256 in {}; the archive contradicts itself, and the first entry is taken",
                self.set.describe(known),
                self.set.indexes[usize::from(self.set.package(known).stanza.text)].name
            );
            let package_name = self.set.name(known).to_owned();
            self.problems.push(ShardProblem {
                index: package.stanza.text,
                offset: package.stanza.start as usize,
                package: package_name,
                message,
            });
            return;
        }
        let is_preferred =
            self.set.origin_of(package.origin).priority > self.set.origin_of(self.set.package(known).origin).priority;
        let known = &mut self.set.packages[known.index()];
        known.arches.insert_all(package.arches);
        if is_preferred {
            known.origin = package.origin;
        }
    }

    /// A source that several suites of one archive list is one source.
    fn add_source(&mut self, source: Source) {
        let hash = self.hasher.hash_one((source.name, source.version));
        let set = &self.set;
        let is_known = self.known_sources.find(hash, |id| {
            let known = set.source(*id);
            (known.name, known.version) == (source.name, source.version)
                && same_archive(set.origin_of(known.origin), set.origin_of(source.origin))
                && known.files == source.files
        });
        if is_known.is_some() {
            return;
        }
        let id = SourceId(number(self.set.sources.len()));
        self.set.sources.push(source);
        let (sources, hasher) = (&self.set.sources, &self.hasher);
        self.known_sources.insert_unique(hash, id, |id| {
            let known = &sources[id.index()];
            hasher.hash_one((known.name, known.version))
        });
    }

    fn finish(mut self) -> (PackageSet, Vec<IndexProblem>) {
        self.set.symbols.shrink();
        self.set.packages.shrink_to_fit();
        self.set.relations.shrink_to_fit();
        self.set.requirements.shrink_to_fit();
        self.set.requirement_texts.shrink_to_fit();
        let problems = count_lines(self.problems, &self.set.indexes);
        (self.set, problems)
    }
}

fn same_archive(left: &Origin, right: &Origin) -> bool {
    left.archive == right.archive && left.lookaside == right.lookaside
}

/// Walks each text once, however many problems it has.
fn count_lines(mut problems: Vec<ShardProblem>, indexes: &[Index]) -> Vec<IndexProblem> {
    problems.sort_by_key(|problem| (problem.index, problem.offset));
    let (mut current, mut line, mut position) = (0, 1, 0);
    problems
        .into_iter()
        .map(|problem| {
            if problem.index != current {
                (current, line, position) = (problem.index, 1, 0);
            }
            let index = &indexes[usize::from(problem.index)];
            line += memchr::memchr_iter(b'\n', &index.text[position..problem.offset]).count();
            position = problem.offset;
            let ShardProblem { offset, package, message, .. } = problem;
            IndexProblem { index: index.name.clone(), line, offset, package, message }
        })
        .collect()
}

/// Counts of what is held in less than 4 GiB of index text fit; the readers limit that.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("readers limit the text that they take")
}
