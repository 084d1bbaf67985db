//! Translations that comps says belong to a package.

use std::collections::BTreeMap;

use super::best::Purpose;
use super::result::{Flag, Reason, Role};
use super::selection::{Cursor, Selection};
use super::universe::Id;
use super::{GatherError, Repository};
use crate::Glob;

/// Patterns of names, by the package that they belong to.
pub(super) struct Langpacks {
    patterns: BTreeMap<String, Vec<Glob>>,
    seen: Cursor,
}

impl Langpacks {
    pub(super) fn new(repositories: &[Repository<'_>]) -> Langpacks {
        Langpacks { patterns: patterns(repositories), seen: Cursor::default() }
    }

    pub(super) fn add(&mut self, selection: &mut Selection<'_, '_>) -> Result<bool, GatherError> {
        let mut added = false;
        for of in self.seen.new_ones(&selection.binary) {
            let entry = selection.universe.entry(of);
            // A package of both word sizes is looked at twice, and adds nothing the second time.
            for pattern in self.patterns.get(entry.package.name()).into_iter().flatten() {
                for id in matching(selection, pattern) {
                    selection.set_flag(id, Flag::Langpack);
                    added |= selection.add(id, Role::Binary, Reason::LangpackOf(entry.place))?;
                }
            }
        }
        Ok(added)
    }
}

/// Patterns of names, by the package that they belong to.
pub(super) fn patterns(repositories: &[Repository<'_>]) -> BTreeMap<String, Vec<Glob>> {
    let mut patterns: BTreeMap<String, Vec<Glob>> = BTreeMap::new();
    for comps in repositories.iter().filter_map(|repository| repository.comps) {
        for (package, install) in &comps.langpacks {
            patterns.entry(package.clone()).or_default().push(Glob::lenient(&install.replace("%s", "*")));
        }
    }
    patterns
}

fn matching(selection: &Selection<'_, '_>, pattern: &Glob) -> Vec<Id> {
    let universe = selection.universe;
    let is_meant = |id: &Id| {
        let entry = universe.entry(*id);
        entry.visible && entry.is_binary() && !is_other(entry.package.name())
    };
    let names = universe.matching(pattern).into_iter();
    let fitting = names.map(|ids| ids.iter().copied().filter(is_meant).collect::<Vec<Id>>());
    fitting.flat_map(|ids| selection.best(&ids, Purpose::Request)).collect()
}

/// Names that match such patterns without being translations.
pub(super) fn is_other(name: &str) -> bool {
    name.ends_with("-devel") || name.ends_with("-static") || name == "man-pages-overrides"
}
