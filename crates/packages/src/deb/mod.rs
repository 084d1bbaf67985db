//! Debian packages: the version order, the index formats and the Multi-Arch rules of dpkg and apt.

mod binary;
mod byte_set;
mod control;
mod index;
mod relation;
mod source;
pub mod version;

use std::cmp::Ordering;

use crate::ecosystem::{ArchQuestion, Ecosystem, IndexError, IndexFile, IndexProblem, MultiArch, Operator, Qualifier};
use crate::set::PackageSet;

/// The world of dpkg and apt.
#[derive(Debug, Clone, Copy)]
pub struct Deb;

impl Ecosystem for Deb {
    fn name(&self) -> &'static str {
        "deb"
    }

    fn read(&'static self, files: Vec<IndexFile>) -> Result<(PackageSet, Vec<IndexProblem>), IndexError> {
        index::read(self, files)
    }

    fn compare_versions(&self, left: &str, right: &str) -> Ordering {
        version::compare(left, right)
    }

    /// `Provides: x` answers only those who ask for no version; `Provides: x (= 2)` answers like a package x of version 2.
    fn provided_version_fits(&self, provided: Option<&str>, operator: Operator, wanted: &str) -> bool {
        match provided {
            _ if operator == Operator::Always => true,
            Some(provided) => operator.accepts(version::compare(provided, wanted)),
            None => false,
        }
    }

    /// The arch must be the requirer's, but `Multi-Arch: foreign` answers for all, and `allowed` answers `:any`, which
    /// nothing else answers, not even on the same arch: so dpkg and apt have it.
    fn arch_fits(&self, question: ArchQuestion) -> bool {
        let ArchQuestion { native, requirer, qualifier, provider, multi_arch, provided } = question;
        if provided == Qualifier::Any {
            return qualifier == Qualifier::Any;
        }
        let provider = match provided {
            Qualifier::Arch(arch) => arch,
            _ => provider,
        };
        match qualifier {
            Qualifier::Unqualified => provider == requirer || multi_arch == MultiArch::Foreign,
            Qualifier::Any => multi_arch == MultiArch::Allowed,
            Qualifier::Native => provider == native,
            Qualifier::Arch(arch) => provider == arch,
        }
    }

    /// A conflict without an arch is with the package on every arch.
    fn arch_conflicts(&self, question: ArchQuestion) -> bool {
        match question.qualifier {
            Qualifier::Unqualified | Qualifier::Any => true,
            Qualifier::Native => question.provider == question.native,
            Qualifier::Arch(arch) => question.provider == arch,
        }
    }

    fn arches_install_together(&self, left: MultiArch, right: MultiArch) -> bool {
        left == MultiArch::Same && right == MultiArch::Same
    }
}

/// The value of a field of a stanza, with its folded lines; the name's case does not matter. `None` also for a stanza
/// that cannot be read.
pub fn field<'t>(stanza: &'t [u8], name: &str) -> Option<&'t str> {
    control::Fields::of(std::str::from_utf8(stanza).ok()?)
        .filter_map(Result::ok)
        .find(|field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value)
}

/// The tasks that an index's `Task` field puts a package into. Debian has none; derivatives may.
pub fn tasks(stanza: &[u8]) -> impl Iterator<Item = &str> {
    relation::clauses(field(stanza, "Task").unwrap_or(""))
}
