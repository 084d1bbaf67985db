//! All packages that can be used on an arch, sorted by what they are, under one number each.

use std::collections::HashSet;

use foldhash::fast::FixedState;

use super::result::Place;
use super::{GatherError, Repository};
use crate::Glob;
use crate::rows::Rows;
use crate::rpm::arch;
use crate::rpm::package::Package;
use crate::symbols::{Symbol, Symbols};

/// The number of a package. Packages of lookaside repositories come first, then all others; in each part in their order.
pub(super) type Id = u32;

/// Where a package runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Source,
    Native,
    Noarch,
    /// In the second word size.
    Multilib,
}

#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) package: &'a Package,
    pub(super) place: Place,
    pub(super) name: Symbol,
    /// The file name of its source package; empty in sources.
    pub(super) source: Symbol,
    pub(super) class: Class,
    pub(super) is_debug: bool,
    pub(super) lookaside: bool,
    /// Position of its arch among those that can be used, the best first.
    arch_rank: usize,
    /// Neither excluded nor outdated.
    pub(super) visible: bool,
}

impl Entry<'_> {
    /// In the word size of the arch, or without one.
    pub(super) fn is_native(&self) -> bool {
        matches!(self.class, Class::Native | Class::Noarch)
    }

    pub(super) fn is_binary(&self) -> bool {
        self.class != Class::Source && !self.is_debug
    }
}

#[derive(Debug)]
pub(super) struct Universe<'a> {
    pub(super) entries: Vec<Entry<'a>>,
    /// Names of packages, of source packages, and of what is provided.
    pub(super) symbols: Symbols,
    by_name: Rows<Id>,
}

impl<'a> Universe<'a> {
    /// Packages of arches that do not run here are left out.
    pub(super) fn new(repositories: &[Repository<'a>], arch: &str) -> Result<Universe<'a>, GatherError> {
        let arches = Arches::of(arch);
        let mut symbols = Symbols::default();
        let mut entries = Vec::new();
        for lookaside in [true, false] {
            for (repository, of) in repositories.iter().enumerate().filter(|(_, of)| of.lookaside == lookaside) {
                for (number, package) in of.packages.iter().enumerate() {
                    let Some((class, arch_rank)) = arches.class(package.arch()) else { continue };
                    entries.push(Entry {
                        package,
                        place: Place { repository, package: number },
                        name: symbols.intern(package.name()),
                        source: symbols.intern(package.source_rpm()),
                        class,
                        is_debug: class != Class::Source && is_debug_name(package.name()),
                        lookaside,
                        arch_rank,
                        visible: true,
                    });
                }
            }
        }
        u32::try_from(entries.len()).map_err(|_| GatherError::TooManyPackages)?;
        for entry in &entries {
            entry.package.provides().for_each(|provide| {
                symbols.intern(provide.name);
            });
        }
        let pairs = (0_u32..).zip(&entries).map(|(id, entry)| (symbol_row(entry.name), id));
        let by_name = Rows::from_pairs(symbols.len(), pairs);
        Ok(Universe { entries, symbols, by_name })
    }

    pub(super) fn entry(&self, id: Id) -> &Entry<'a> {
        &self.entries[id as usize]
    }

    pub(super) fn package(&self, id: Id) -> &'a Package {
        self.entry(id).package
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = (Id, &Entry<'a>)> {
        (0_u32..).zip(&self.entries)
    }

    /// All packages of a name, in the order of their numbers.
    pub(super) fn named(&self, name: Symbol) -> &[Id] {
        self.by_name.row(symbol_row(name))
    }

    pub(super) fn named_text(&self, name: &str) -> &[Id] {
        self.symbols.find(name).map_or(&[], |name| self.named(name))
    }

    /// All packages whose names match, name by name. A pattern that is a name costs one look.
    pub(super) fn matching<'p>(&'p self, pattern: &Glob) -> Vec<&'p [Id]> {
        if pattern.is_plain() {
            let found = self.named_text(pattern.as_str());
            return if found.is_empty() { Vec::new() } else { vec![found] };
        }
        let rows = (0..self.by_name.len()).map(|row| self.by_name.row(u32::try_from(row).unwrap_or(u32::MAX)));
        rows.filter(|ids| ids.first().is_some_and(|id| pattern.matches(self.package(*id).name()))).collect()
    }

    /// The order in which packages that fit are preferred: by arch, then short names, then by name, then the one loaded first.
    pub(super) fn preference(&self, id: Id) -> (usize, usize, &'a str, Id) {
        let entry = self.entry(id);
        let name = entry.package.name();
        (entry.arch_rank, name.len(), name, id)
    }

    /// Leaves of builds that are equal but for their repository the one loaded first, in its order.
    pub(super) fn without_copies(&self, ids: impl Iterator<Item = Id>) -> Vec<Id> {
        let mut seen = HashSet::with_hasher(FixedState::with_seed(0));
        let build = |package: &'a Package| (package.name(), package.epoch, package.version(), package.release(), package.arch());
        ids.filter(|id| seen.insert(build(self.package(*id)))).collect()
    }
}

fn symbol_row(symbol: Symbol) -> u32 {
    crate::texts::number(symbol.index())
}

/// Names of packages that hold what a debugger needs.
pub(super) fn is_debug_name(name: &str) -> bool {
    name.ends_with("-debuginfo") || name.contains("-debuginfo-") || name.ends_with("-debugsource")
}

struct Arches<'a> {
    /// The best first.
    all: Vec<&'a str>,
    multilib: Vec<&'static str>,
}

impl Arches<'_> {
    fn of(arch: &str) -> Arches<'_> {
        Arches { all: arch::compatible(arch), multilib: arch::multilib(arch) }
    }

    fn class(&self, of: &str) -> Option<(Class, usize)> {
        if arch::is_source(of) {
            return Some((Class::Source, 0));
        }
        let rank = self.all.iter().position(|arch| *arch == of)?;
        let class = match of {
            arch::NOARCH => Class::Noarch,
            _ if self.multilib.contains(&of) => Class::Multilib,
            _ => Class::Native,
        };
        Some((class, rank))
    }
}
