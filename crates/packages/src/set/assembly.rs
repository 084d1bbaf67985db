//! Joins what the threads have read into one set.

use std::convert::Infallible;
use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::ecosystem::{
    Atom, Ecosystem, IndexProblem, Origin, OriginId, Package, Qualifier, Relation, Requirement, RequirementId, Source,
};
use crate::number_table::NumberTable;
use crate::set::PackageSet;
use crate::set::requirements::Requirements;
use crate::set::shard::{Shard, ShardProblem};
use crate::symbols::{Symbol, Symbols};
use crate::texts::{Texts, number};

/// Joins what was read out of the texts, the first part of each text by the first thread, the next by the next. Packages and
/// sources come in the order of the texts.
pub(crate) fn assemble(
    ecosystem: &'static dyn Ecosystem,
    texts: Texts,
    origins: Vec<Origin>,
    arches: Vec<String>,
    shards: Vec<Shard>,
) -> (PackageSet, Vec<IndexProblem>) {
    let mut shards = shards.into_iter();
    let Shard { symbols, requirements, relations, packages, sources, problems, .. } =
        shards.next().unwrap_or_else(|| Shard::for_text(0));
    let mut tables = Tables { symbols, requirements, relations };
    let (mut packages, mut sources, mut problems) = (vec![packages], vec![sources], problems);
    for shard in shards {
        let mut shard = tables.take_over(shard);
        packages.push(std::mem::take(&mut shard.packages));
        sources.push(std::mem::take(&mut shard.sources));
        problems.append(&mut shard.problems);
    }

    let mut union = Union::new(&texts, &origins, &tables.symbols, problems, packages.iter().map(Vec::len).sum());
    in_order_of_texts(packages, texts.all().len(), |package| package.stanza.text, |package| union.add_package(package));
    in_order_of_texts(sources, texts.all().len(), |source| source.stanza.text, |source| union.add_source(source));
    let Union { mut packages, mut sources, problems, .. } = union;
    packages.shrink_to_fit();
    sources.shrink_to_fit();
    let problems = count_lines(problems, &texts);
    let Tables { mut symbols, mut requirements, mut relations } = tables;
    symbols.shrink();
    relations.shrink_to_fit();
    requirements.shrink();
    (PackageSet { ecosystem, symbols, texts, origins, arches, packages, relations, requirements, sources }, problems)
}

/// Hands on what the threads have read in the order in which it stands in the texts.
fn in_order_of_texts<T>(shards: Vec<Vec<T>>, texts: usize, text_of: impl Fn(&T) -> u16, mut take: impl FnMut(T)) {
    let mut shards: Vec<_> = shards.into_iter().map(|shard| shard.into_iter().peekable()).collect();
    for text in 0..texts {
        for shard in &mut shards {
            while let Some(item) = shard.next_if(|item| usize::from(text_of(item)) == text) {
                take(item);
            }
        }
    }
}

/// What packages of all shards share. The first shard's tables are taken as they are.
#[derive(Debug)]
struct Tables {
    symbols: Symbols,
    requirements: Requirements,
    relations: Vec<Relation>,
}

impl Tables {
    /// Adds a shard's tables to these, and gives the shard with its packages and sources numbered anew.
    fn take_over(&mut self, mut shard: Shard) -> Shard {
        let symbols: Vec<Symbol> = shard.symbols.iter().map(|text| self.symbols.intern(text)).collect();
        let symbol = |symbol: Symbol| symbols[symbol.index()];
        let requirements: Vec<RequirementId> = shard
            .requirements
            .iter()
            .map(|(requirement, text)| {
                let Ok(id) = self.requirements.find_or_read(text, || Ok::<_, Infallible>(renumber(requirement, symbol)));
                id
            })
            .collect();
        let first_relation = number(self.relations.len());
        self.relations.extend(
            shard
                .relations
                .iter()
                .map(|relation| Relation { kind: relation.kind, requirement: requirements[relation.requirement.index()] }),
        );
        for package in &mut shard.packages {
            package.name = symbol(package.name);
            package.version = symbol(package.version);
            package.arch = symbol(package.arch);
            package.source = symbol(package.source);
            package.source_version = symbol(package.source_version);
            package.section = symbol(package.section);
            package.relations.start += first_relation;
        }
        for source in &mut shard.sources {
            source.name = symbol(source.name);
            source.version = symbol(source.version);
            source.binaries.iter_mut().for_each(|binary| *binary = symbol(*binary));
        }
        shard
    }
}

fn renumber(requirement: &Requirement, symbol: impl Fn(Symbol) -> Symbol) -> Requirement {
    let atom = |atom: &Atom| Atom {
        name: symbol(atom.name),
        version: symbol(atom.version),
        qualifier: match atom.qualifier {
            Qualifier::Arch(arch) => Qualifier::Arch(symbol(arch)),
            other => other,
        },
        operator: atom.operator,
    };
    match requirement {
        Requirement::One(one) => Requirement::One(atom(one)),
        Requirement::Any(atoms) => Requirement::Any(atoms.iter().map(atom).collect()),
    }
}

/// Packages and sources, each one once.
#[derive(Debug)]
struct Union<'t> {
    texts: &'t Texts,
    origins: &'t [Origin],
    symbols: &'t Symbols,
    packages: Vec<Package>,
    sources: Vec<Source>,
    problems: Vec<ShardProblem>,
    known_packages: NumberTable,
    known_sources: NumberTable,
    hasher: FixedState,
}

impl<'t> Union<'t> {
    fn new(
        texts: &'t Texts,
        origins: &'t [Origin],
        symbols: &'t Symbols,
        problems: Vec<ShardProblem>,
        packages: usize,
    ) -> Union<'t> {
        Union {
            texts,
            origins,
            symbols,
            packages: Vec::with_capacity(packages),
            sources: Vec::new(),
            problems,
            known_packages: NumberTable::with_capacity(packages),
            known_sources: NumberTable::default(),
            hasher: FixedState::with_seed(0),
        }
    }

    /// One archive has one file of a name, version and arch. Where its indexes list it again, for another arch or in
    /// another suite, it is the same package; the suite with the higher priority decides.
    fn add_package(&mut self, package: Package) {
        let file = (package.name, package.version, package.arch);
        let hash = self.hasher.hash_one(file);
        let is_same = |number| {
            let known: &Package = &self.packages[number as usize];
            (known.name, known.version, known.arch) == file
                && same_archive(self.origin(known.origin), self.origin(package.origin))
        };
        if let Some(known) = self.known_packages.find(hash, is_same) {
            self.merge_package(known as usize, &package);
        } else {
            self.known_packages.insert(hash, number(self.packages.len()));
            self.packages.push(package);
        }
    }

    fn merge_package(&mut self, known: usize, package: &Package) {
        let first = &self.packages[known];
        if first.sha256 != package.sha256 {
            let symbols = self.symbols;
            let (name, version, arch) = (symbols.text(first.name), symbols.text(first.version), symbols.text(first.arch));
            let message = format!(
                "{name}_{version}_{arch} has another SHA256 in {}; the archive contradicts itself, and the first entry is taken",
                self.texts.name(first.stanza.text)
            );
            self.problems.push(ShardProblem {
                index: package.stanza.text,
                offset: package.stanza.start as usize,
                package: name.to_owned(),
                message,
            });
            return;
        }
        let is_preferred = self.origin(package.origin).priority > self.origin(first.origin).priority;
        let first = &mut self.packages[known];
        first.arches.insert_all(package.arches);
        if is_preferred {
            first.origin = package.origin;
        }
    }

    /// A source that several suites of one archive list is one source.
    fn add_source(&mut self, source: Source) {
        let hash = self.hasher.hash_one((source.name, source.version));
        let is_same = |number| {
            let known: &Source = &self.sources[number as usize];
            (known.name, known.version) == (source.name, source.version)
                && same_archive(self.origin(known.origin), self.origin(source.origin))
                && known.files == source.files
        };
        if self.known_sources.find(hash, is_same).is_none() {
            self.known_sources.insert(hash, number(self.sources.len()));
            self.sources.push(source);
        }
    }

    fn origin(&self, id: OriginId) -> &'t Origin {
        &self.origins[usize::from(id.0)]
    }
}

fn same_archive(left: &Origin, right: &Origin) -> bool {
    left.archive == right.archive && left.lookaside == right.lookaside
}

/// Walks each text once, however many problems it has.
fn count_lines(mut problems: Vec<ShardProblem>, texts: &Texts) -> Vec<IndexProblem> {
    problems.sort_by_key(|problem| (problem.index, problem.offset));
    let (mut current, mut line, mut position) = (0, 1, 0);
    problems
        .into_iter()
        .map(|problem| {
            let ShardProblem { index, offset, package, message } = problem;
            if index != current {
                (current, line, position) = (index, 1, 0);
            }
            let text = &texts.all()[usize::from(index)];
            line += memchr::memchr_iter(b'\n', &text.bytes[position..offset]).count();
            position = offset;
            IndexProblem { index: text.name.clone(), line, offset, package, message }
        })
        .collect()
}
