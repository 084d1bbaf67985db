//! What a tree of one arch can be made of: the packages for the arch, and of each name the version that is taken.
//!
//! It is the same for all requests for an arch, so a set makes it once, when the first one comes.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::ecosystem::PackageId;
use crate::index::{Index, IndexRows};
use crate::set::PackageSet;

/// All packages for one arch, whether they are taken or not.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    rows: IndexRows,
    /// By package.
    standings: Vec<Standing>,
}

/// What may be done with a package: it is the one that pin priorities and versions lead to, for its name and arch.
///
/// The pin priority counts first, then the version. Below zero nothing is taken. Of the same version in two archives, the
/// lookaside's is preferred, as what is there need not be shipped again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Standing {
    /// Among all packages.
    pub(crate) taken: bool,
    /// Among those that are not from a lookaside archive.
    pub(crate) shipped: bool,
}

impl Tree {
    /// The tree of an arch, with packages of foreign arches, and with some packages whatever their arch.
    pub(crate) fn new(set: &PackageSet, arch: &str, foreign_arches: &[&str], others: &[PackageId]) -> Tree {
        let is_for_tree = |id: PackageId| set.is_for(id, arch) || foreign_arches.contains(&set.arch(id));
        let mut ids: Vec<PackageId> = set.ids().filter(|id| is_for_tree(*id)).collect();
        if !others.is_empty() {
            ids.extend(others);
            ids.sort_unstable();
            ids.dedup();
        }
        let index = Index::new(set, arch, ids);
        let mut standings = vec![Standing::default(); set.len()];
        for id in index.ids().iter().copied().filter(|id| is_for_tree(*id)) {
            standings[id.index()] = Standing {
                taken: is_candidate(&index, id, |_| true),
                shipped: is_candidate(&index, id, |id| !set.origin(id).lookaside),
            };
        }
        Tree { rows: index.into_rows(), standings }
    }

    /// The packages that are taken, in the order of their ids.
    pub(crate) fn taken(&self) -> Vec<PackageId> {
        self.rows.ids().iter().copied().filter(|id| self.standings[id.index()].taken).collect()
    }

    pub(crate) fn standings(&self) -> &[Standing] {
        &self.standings
    }

    /// The index of a tree that may be the set's own.
    pub(crate) fn into_index<'s>(tree: Cow<'s, Tree>, set: &'s PackageSet, arch: &str) -> Index<'s> {
        let rows = match tree {
            Cow::Borrowed(tree) => Cow::Borrowed(&tree.rows),
            Cow::Owned(tree) => Cow::Owned(tree.rows),
        };
        Index::of_rows(set, arch, rows)
    }
}

/// Whether no other package of the same name and arch is rather taken.
fn is_candidate(index: &Index<'_>, id: PackageId, may_take: impl Fn(PackageId) -> bool) -> bool {
    let set = index.set();
    let competes = |id: PackageId| set.origin(id).priority >= 0 && may_take(id);
    let is_better = |other: PackageId| {
        index.arch_of(other) == index.arch_of(id)
            && competes(other)
            && compare(set, other, id).then_with(|| id.cmp(&other)).is_gt()
    };
    competes(id) && !index.named(set.package(id).name).iter().any(|other| is_better(*other))
}

/// The greater one is taken.
fn compare(set: &PackageSet, left: PackageId, right: PackageId) -> Ordering {
    let (left_origin, right_origin) = (set.origin(left), set.origin(right));
    left_origin
        .priority
        .cmp(&right_origin.priority)
        .then_with(|| set.ecosystem().compare_versions(set.version(left), set.version(right)))
        .then_with(|| left_origin.lookaside.cmp(&right_origin.lookaside))
}
