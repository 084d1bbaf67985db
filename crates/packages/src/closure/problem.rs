//! What a closure could not resolve, and why.

use std::collections::BTreeSet;
use std::fmt;

use crate::closure::{Closure, Requirer, State};
use crate::ecosystem::{Atom, Operator, PackageId, Qualifier};
use crate::index::Index;
use crate::set::PackageSet;
use crate::symbols::Symbol;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    UnresolvedSeed {
        seed: String,
        reason: Unmet,
        /// Names that are there and nearly written so, the nearest first.
        suggestions: Vec<String>,
    },
    UnresolvedDependency {
        requirer: Requirer,
        /// For each of the clause's alternatives.
        reasons: Vec<(String, Unmet)>,
    },
    /// Several packages provide the name, and nothing but the order of their names decided. The configuration can.
    AmbiguousProvider { requirer: Requirer, chosen: PackageId, providers: Vec<PackageId> },
    /// A package is selected for two arches in two versions, but can only be installed for both in one.
    UnevenArches { left: PackageId, right: PackageId },
}

/// Why nothing answers a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unmet {
    NoSuchName,
    /// These versions are there, and none of them is asked for.
    OnlyVersions(Vec<String>),
    /// The configuration excludes what would answer.
    Excluded,
    /// What would answer is for these arches.
    OnlyArches(Vec<String>),
    /// It is there, but the dependency's arch qualifier asks for a package that serves other arches.
    OtherArchRule,
    /// A pin priority hides what would answer: it is below zero, or that of another version is higher.
    PinnedAway(Vec<String>),
    /// What would answer is in a lookaside archive, which nothing is selected from.
    OnlyInLookaside,
    /// Nothing has the name, but these provide it: one of them must be named.
    OnlyProvidedBy(Vec<String>),
    /// Nothing fits the pattern or the class.
    NothingMatches,
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmet::NoSuchName => f.write_str("no package has or provides this name"),
            Unmet::OnlyVersions(versions) => write!(f, "there is only {}", versions.join(", ")),
            Unmet::Excluded => f.write_str("the configuration excludes it"),
            Unmet::OnlyArches(arches) => write!(f, "it is there only for {}", arches.join(", ")),
            Unmet::OtherArchRule => f.write_str("it does not answer for other arches, as `:any` asks"),
            Unmet::PinnedAway(versions) => write!(f, "pin priorities hide {}", versions.join(", ")),
            Unmet::OnlyInLookaside => f.write_str("it is only in a lookaside archive, which nothing is selected from"),
            Unmet::OnlyProvidedBy(providers) => write!(f, "it is provided by {}; name one of them", providers.join(", ")),
            Unmet::NothingMatches => f.write_str("no package matches"),
        }
    }
}

impl Problem {
    /// The check that it belongs to, as findings name it.
    pub fn check(&self) -> &'static str {
        match self {
            Problem::UnresolvedSeed { .. } => "unresolved-seed",
            Problem::UnresolvedDependency { .. } => "unresolved-dependency",
            Problem::AmbiguousProvider { .. } => "ambiguous-provider",
            Problem::UnevenArches { .. } => "uneven-arches",
        }
    }

    /// What it is about: a seed or a package.
    pub fn subject(&self, set: &PackageSet) -> String {
        match self {
            Problem::UnresolvedSeed { seed, .. } => seed.clone(),
            Problem::UnresolvedDependency { requirer, .. } | Problem::AmbiguousProvider { requirer, .. } => {
                set.describe(requirer.package)
            }
            Problem::UnevenArches { left, .. } => set.name(*left).to_owned(),
        }
    }

    /// What is wrong, in a sentence without a full stop.
    pub fn message(&self, set: &PackageSet) -> String {
        match self {
            Problem::UnresolvedSeed { seed, reason, .. } => format!("the seed `{seed}` selects nothing: {reason}"),
            Problem::UnresolvedDependency { requirer, reasons } => {
                let reasons: Vec<String> = reasons.iter().map(|(name, unmet)| format!("{name}: {unmet}")).collect();
                format!("nothing answers {} ({})", clause(set, *requirer), reasons.join("; "))
            }
            Problem::AmbiguousProvider { requirer, chosen, providers } => format!(
                "{} is provided by {}; {} was taken as the first in the order of names",
                clause(set, *requirer),
                names(set, providers),
                set.name(*chosen)
            ),
            Problem::UnevenArches { left, right } => {
                format!("{} and {} can only be installed together in one version", set.describe(*left), set.describe(*right))
            }
        }
    }

    /// What to do about it, where that can be said.
    pub fn hint(&self, set: &PackageSet) -> Option<String> {
        match self {
            Problem::UnresolvedSeed { suggestions, .. } if !suggestions.is_empty() => {
                Some(format!("did you mean {}?", suggestions.join(", ")))
            }
            Problem::AmbiguousProvider { requirer, .. } => {
                let atom = set.requirement(requirer.requirement).atoms().first()?;
                Some(format!("name the one to take for `{}` under `providers`", set.text(atom.name)))
            }
            _ => None,
        }
    }
}

fn clause(set: &PackageSet, requirer: Requirer) -> String {
    format!("{}: {}", requirer.field, set.requirement_text(requirer.requirement))
}

pub(super) fn names(set: &PackageSet, ids: &[PackageId]) -> String {
    ids.iter().map(|id| set.name(*id)).collect::<Vec<_>>().join(", ")
}

impl Closure<'_, '_> {
    /// Why no alternative of the clause is answered.
    pub(super) fn explain(&self, requirer: Requirer) -> Vec<(String, Unmet)> {
        let set = self.set();
        let arch = self.index.arch_of(requirer.package);
        let atoms = set.requirement(requirer.requirement).atoms();
        atoms.iter().map(|atom| (set.text(atom.name).to_owned(), self.explain_atom(atom, arch))).collect()
    }

    /// Looks at all packages of the set, also those that this tree cannot take.
    pub(super) fn explain_atom(&self, atom: &Atom, requirer: Symbol) -> Unmet {
        let set = self.set();
        let named = self.everything().named(atom.name);
        if named.is_empty() {
            return self.explain_provided(atom, requirer);
        }
        let wanted_arch = match atom.qualifier {
            Qualifier::Arch(arch) => arch,
            _ => requirer,
        };
        let here: Vec<PackageId> =
            named.iter().copied().filter(|id| self.arches_in_tree(*id).contains(&set.text(wanted_arch))).collect();
        if here.is_empty() {
            let arches: BTreeSet<&str> = named.iter().flat_map(|id| self.arches_in_tree(*id)).collect();
            return Unmet::OnlyArches(arches.into_iter().map(str::to_owned).collect());
        }
        if self.request.exclude.iter().any(|pattern| pattern.matches(set.text(atom.name))) {
            return Unmet::Excluded;
        }
        let fitting: Vec<PackageId> = here
            .iter()
            .copied()
            .filter(|id| {
                let order = set.ecosystem().compare_versions(set.version(*id), set.text(atom.version));
                atom.operator.accepts(order)
            })
            .collect();
        if fitting.is_empty() {
            return Unmet::OnlyVersions(versions(set, &here));
        }
        if fitting.iter().any(|id| self.states[id.index()] != State::Hidden) {
            return Unmet::OtherArchRule;
        }
        Unmet::PinnedAway(versions(set, &fitting))
    }

    /// The arches that the package counts as: what runs on every arch has the tree's, if it is there for the tree.
    fn arches_in_tree(&self, id: PackageId) -> Vec<&str> {
        let set = self.set();
        let is_native = set.is_independent(id) && set.is_for(id, &self.request.arch);
        if is_native { vec![&self.request.arch] } else { set.arches_of(id).collect() }
    }

    fn everything(&self) -> &Index<'_> {
        let set = self.set();
        self.everything.get_or_init(|| Index::new(set, &self.request.arch, set.ids().collect()))
    }

    fn explain_provided(&self, atom: &Atom, requirer: Symbol) -> Unmet {
        let set = self.set();
        let without_version = Atom { operator: Operator::Always, version: Symbol::EMPTY, ..*atom };
        let providers: Vec<PackageId> =
            self.everything().answers(&without_version, requirer).into_iter().map(|answer| answer.package).collect();
        let excluded = |id: &PackageId| self.request.exclude.iter().any(|pattern| pattern.matches(set.name(*id)));
        if providers.is_empty() {
            Unmet::NoSuchName
        } else if providers.iter().all(excluded) {
            Unmet::Excluded
        } else {
            Unmet::OnlyVersions(
                providers.iter().map(|id| format!("what {} {} provides", set.name(*id), set.version(*id))).collect(),
            )
        }
    }
}

fn versions(set: &PackageSet, ids: &[PackageId]) -> Vec<String> {
    let mut versions: Vec<String> = ids.iter().map(|id| set.version(*id).to_owned()).collect();
    versions.sort_by(|left, right| set.ecosystem().compare_versions(left, right));
    versions.dedup();
    versions
}
