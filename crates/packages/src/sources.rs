//! The sources that a selection's packages were built from.

use std::collections::{BTreeMap, BTreeSet};

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::ecosystem::{PackageId, RelationKind, Requirement, SourceId};
use crate::set::PackageSet;
use crate::symbols::Symbol;

/// See [`sources_of`].
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Sorted.
    pub found: Vec<SourceId>,
    /// Sorted by name and version.
    pub missing: Vec<MissingSource>,
}

/// A source that should be there, but that no Sources index has in this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingSource {
    pub name: String,
    pub version: String,
    /// `None`: it is the source that the package is built from; else the field that names it.
    pub field: Option<RelationKind>,
    /// The first package that needs it.
    pub package: PackageId,
}

/// The sources of these packages: those they were built from, and those whose parts they contain (Built-Using and
/// Static-Built-Using), in exact versions. A suite may no longer have such a version: then it is among the missing.
pub fn sources_of(set: &PackageSet, packages: impl IntoIterator<Item = PackageId>) -> Sources {
    let mut known: HashMap<(Symbol, Symbol), Vec<SourceId>, FixedState> = HashMap::with_hasher(FixedState::with_seed(0));
    for id in set.source_ids() {
        let source = set.source(id);
        known.entry((source.name, source.version)).or_default().push(id);
    }
    let mut found = BTreeSet::new();
    let mut missing = BTreeMap::new();
    for package in packages {
        for (field, name, version) in wanted_sources(set, package) {
            if let Some(sources) = known.get(&(name, version)) {
                found.insert(nearest(set, sources, package));
            } else {
                let (name, version) = (set.text(name).to_owned(), set.text(version).to_owned());
                missing.entry((name.clone(), version.clone())).or_insert(MissingSource { name, version, field, package });
            }
        }
    }
    Sources { found: found.into_iter().collect(), missing: missing.into_values().collect() }
}

fn wanted_sources(set: &PackageSet, package: PackageId) -> impl Iterator<Item = (Option<RelationKind>, Symbol, Symbol)> {
    let own = (None, set.package(package).source, set.package(package).source_version);
    let contained = set.relations(package).iter().filter_map(|relation| match set.requirement(relation.requirement) {
        Requirement::One(atom) if relation.kind.is_source() => Some((Some(relation.kind), atom.name, atom.version)),
        _ => None,
    });
    std::iter::once(own).chain(contained)
}

/// The one in the package's own archive, if it is there.
fn nearest(set: &PackageSet, sources: &[SourceId], package: PackageId) -> SourceId {
    let archive = &set.origin(package).archive;
    let is_near = |id: &&SourceId| &set.origin_of(set.source(**id).origin).archive == archive;
    *sources.iter().find(is_near).unwrap_or(&sources[0])
}
