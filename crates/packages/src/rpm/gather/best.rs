//! Which of several packages that fit are taken.

use std::collections::HashSet;

use super::Greedy;
use super::selection::Selection;
use super::universe::Id;

/// What packages are chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Request,
    Requirement,
}

impl Selection<'_, '_> {
    /// The best of the candidates, and with them, what being greedy adds: selected native ones, then selected ones of the second
    /// word size, then native ones, then the others. Of these by arch, then the shortest name.
    ///
    /// A candidate goes if a lookaside repository has the same name and version among them, of whatever arch. Hidden ones, which only
    /// debug packages can be here, are never the best; but greed for all takes even them.
    pub(super) fn best(&self, candidates: &[Id], purpose: Purpose) -> Vec<Id> {
        if self.options.greedy == Greedy::All || candidates.is_empty() {
            return candidates.to_vec();
        }
        let mut candidates = self.without_lookaside_builds(candidates);
        candidates.retain(|id| self.universe.entry(*id).visible);
        let native = |id: &Id| self.universe.entry(*id).is_native();
        let selected = |id: &Id| self.is_selected(*id);
        let least = |of: &dyn Fn(&Id) -> bool| {
            candidates.iter().copied().filter(|id| of(id)).min_by_key(|id| self.universe.preference(*id))
        };
        let best = least(&|id| native(id) && selected(id))
            .or_else(|| least(&|id| selected(id)))
            .or_else(|| least(&native))
            .or_else(|| least(&|_| true));
        let Some(best) = best else { return Vec::new() };
        if self.options.greedy != Greedy::Build || purpose != Purpose::Requirement {
            return vec![best];
        }
        let source = self.universe.entry(best).source;
        let built_with_it = |id: &Id| native(id) == native(&best) && self.universe.entry(*id).source == source;
        candidates.into_iter().filter(|id| *id == best || built_with_it(id)).collect()
    }

    fn without_lookaside_builds(&self, candidates: &[Id]) -> Vec<Id> {
        let build = |id: Id| {
            let package = self.universe.package(id);
            (package.name(), package.epoch, package.version(), package.release())
        };
        let is_lookaside = |id: &Id| self.universe.entry(*id).lookaside;
        let lookaside: HashSet<_> = candidates.iter().copied().filter(is_lookaside).map(build).collect();
        candidates.iter().copied().filter(|id| is_lookaside(id) || !lookaside.contains(&build(*id))).collect()
    }
}
