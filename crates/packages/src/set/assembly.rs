//! Joins what the threads have read into one set.

use std::convert::Infallible;
use std::hash::BuildHasher;
use std::sync::OnceLock;
use std::thread;

use foldhash::fast::FixedState;

use crate::ecosystem::{Atom, Ecosystem, IndexProblem, Package, Qualifier, Relation, Requirement, RequirementId, Source};
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
    arches: Vec<String>,
    shards: Vec<Shard>,
) -> (PackageSet, Vec<IndexProblem>) {
    let (mut words, mut clauses) = (Vec::new(), Vec::new());
    let (mut packages, mut sources, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    let mut first_relation = 0;
    for mut shard in shards {
        words.push(shard.symbols);
        shard.packages.iter_mut().for_each(|package| package.relations.start += first_relation);
        first_relation += number(shard.relations.len());
        clauses.push((shard.requirements, shard.relations));
        packages.push(shard.packages);
        sources.push(shard.sources);
        problems.append(&mut shard.problems);
    }
    let (symbols, renumberings) = join_symbols(words);
    let ((requirements, relations), union) = thread::scope(|scope| {
        let clauses = scope.spawn(|| join_clauses(clauses, &renumberings));
        let mut union = Union::new(&texts, &symbols, problems, packages.iter().map(Vec::len).sum());
        for (shard, package) in in_order_of_texts(packages, &texts, |package| package.stanza.text) {
            union.add_package(renumberings[shard].package(package));
        }
        for (shard, source) in in_order_of_texts(sources, &texts, |source| source.stanza.text) {
            union.add_source(renumberings[shard].source(source));
        }
        (clauses.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), union)
    });
    let Union { packages, sources, problems, .. } = union;
    let problems = count_lines(problems, &texts);
    let trees = arches.iter().map(|_| OnceLock::new()).collect();
    let broken = arches.iter().map(|_| OnceLock::new()).collect();
    (PackageSet { ecosystem, symbols, texts, arches, packages, relations, requirements, sources, trees, broken }, problems)
}

/// What the threads have read, each with the number of its shard, in the order in which it stands in the texts: each text goes
/// through all shards.
fn in_order_of_texts<T>(shards: Vec<Vec<T>>, texts: &Texts, text_of: impl Fn(&T) -> u16) -> impl Iterator<Item = (usize, T)> {
    let mut shards: Vec<_> = shards.into_iter().map(|shard| shard.into_iter().peekable()).collect();
    let mut turns = (0..texts.all().len()).flat_map({
        let count = shards.len();
        move |text| (0..count).map(move |shard| (text, shard))
    });
    let mut turn = turns.next();
    std::iter::from_fn(move || {
        while let Some((text, shard)) = turn {
            match shards[shard].next_if(|item| usize::from(text_of(item)) == text) {
                Some(item) => return Some((shard, item)),
                None => turn = turns.next(),
            }
        }
        None
    })
}

/// The first shard's symbols are taken as they are.
fn join_symbols(shards: Vec<Symbols>) -> (Symbols, Vec<Renumbering>) {
    let mut shards = shards.into_iter();
    let mut joined = shards.next().unwrap_or_default();
    let mut renumberings = vec![Renumbering(None)];
    for shard in shards {
        renumberings.push(Renumbering(Some(shard.iter().map(|text| joined.intern(text)).collect())));
    }
    joined.shrink();
    (joined, renumberings)
}

/// As with the symbols, the first shard's requirements are taken as they are.
fn join_clauses(shards: Vec<(Requirements, Vec<Relation>)>, renumberings: &[Renumbering]) -> (Requirements, Vec<Relation>) {
    let mut shards = shards.into_iter().zip(renumberings);
    let Some(((mut requirements, mut relations), _)) = shards.next() else {
        return (Requirements::with_capacity(0, 0), Vec::new());
    };
    for ((of_shard, relations_of_shard), renumbering) in shards {
        let join = |(requirement, text)| {
            let Ok(id) = requirements.find_or_read(text, || Ok::<_, Infallible>(renumbering.requirement(requirement)));
            id
        };
        let ids: Vec<RequirementId> = of_shard.iter().map(join).collect();
        relations.extend(
            relations_of_shard
                .into_iter()
                .map(|Relation { kind, requirement }| Relation { kind, requirement: ids[requirement.index()] }),
        );
    }
    requirements.shrink();
    relations.shrink_to_fit();
    (requirements, relations)
}

/// The joined symbols of a shard's symbols; `None` if they are the same.
#[derive(Debug)]
struct Renumbering(Option<Vec<Symbol>>);

impl Renumbering {
    fn symbol(&self, symbol: Symbol) -> Symbol {
        self.0.as_ref().map_or(symbol, |symbols| symbols[symbol.index()])
    }

    fn package(&self, package: Package) -> Package {
        Package {
            name: self.symbol(package.name),
            version: self.symbol(package.version),
            arch: self.symbol(package.arch),
            source: self.symbol(package.source),
            source_version: self.symbol(package.source_version),
            section: self.symbol(package.section),
            ..package
        }
    }

    fn source(&self, mut source: Source) -> Source {
        source.name = self.symbol(source.name);
        source.version = self.symbol(source.version);
        source.binaries.iter_mut().for_each(|binary| *binary = self.symbol(*binary));
        source
    }

    fn requirement(&self, requirement: &Requirement) -> Requirement {
        match requirement {
            Requirement::One(atom) => Requirement::One(self.atom(atom)),
            Requirement::Any(atoms) => Requirement::Any(atoms.iter().map(|atom| self.atom(atom)).collect()),
        }
    }

    fn atom(&self, atom: &Atom) -> Atom {
        Atom {
            name: self.symbol(atom.name),
            version: self.symbol(atom.version),
            qualifier: match atom.qualifier {
                Qualifier::Arch(arch) => Qualifier::Arch(self.symbol(arch)),
                other => other,
            },
            operator: atom.operator,
        }
    }
}

/// Packages and sources, each one once.
#[derive(Debug)]
struct Union<'t> {
    texts: &'t Texts,
    symbols: &'t Symbols,
    packages: Vec<Package>,
    sources: Vec<Source>,
    problems: Vec<ShardProblem>,
    known_packages: NumberTable,
    known_sources: NumberTable,
    hasher: FixedState,
}

impl<'t> Union<'t> {
    fn new(texts: &'t Texts, symbols: &'t Symbols, problems: Vec<ShardProblem>, packages: usize) -> Union<'t> {
        Union {
            texts,
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
            (known.name, known.version, known.arch) == file && self.texts.are_of_one_archive(known.origin, package.origin)
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
        self.packages[known].is_listed_again(self.texts, package.origin, package.arches);
    }

    /// A source that several suites of one archive list is one source.
    fn add_source(&mut self, source: Source) {
        let hash = self.hasher.hash_one((source.name, source.version));
        let is_same = |number| {
            let known: &Source = &self.sources[number as usize];
            (known.name, known.version) == (source.name, source.version)
                && self.texts.are_of_one_archive(known.origin, source.origin)
                && known.files == source.files
        };
        if self.known_sources.find(hash, is_same).is_none() {
            self.known_sources.insert(hash, number(self.sources.len()));
            self.sources.push(source);
        }
    }
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
