//! All packages that were built together with a selected one.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::result::{Flag, Reason, Role};
use super::selection::{Cursor, Selection};
use super::universe::{Class, Id, Universe};
use super::{GatherError, Greedy};
use crate::symbols::Symbol;

/// The packages of each build; of equal ones the one loaded first.
pub(super) struct Siblings {
    by_source: HashMap<Symbol, Build, FixedState>,
    seen: Cursor,
}

#[derive(Default)]
struct Build {
    native: Vec<Id>,
    multilib: Vec<Id>,
    noarch: Vec<Id>,
}

impl Siblings {
    pub(super) fn new(universe: &Universe<'_>) -> Siblings {
        let mut by_source: HashMap<_, Build, FixedState> = HashMap::default();
        let visible = universe.ids().filter(|(_, entry)| entry.visible && entry.is_binary());
        for id in universe.without_copies(visible.map(|(id, _)| id)) {
            let entry = universe.entry(id);
            let build = by_source.entry(entry.source).or_default();
            match entry.class {
                Class::Native => build.native.push(id),
                Class::Multilib => build.multilib.push(id),
                Class::Noarch => build.noarch.push(id),
                Class::Source => {}
            }
        }
        Siblings { by_source, seen: Cursor::default() }
    }

    /// Packages that came this way bring no others.
    pub(super) fn add(&mut self, selection: &mut Selection<'_, '_>) -> Result<bool, GatherError> {
        let mut added = false;
        for of in self.seen.new_ones(&selection.binary) {
            if selection.has_flag(of, Flag::Fulltree) || selection.has_flag(of, Flag::FulltreeExclude) {
                continue;
            }
            let entry = selection.universe.entry(of);
            let Some(build) = self.by_source.get(&entry.source) else { continue };
            for id in build.wanted(selection) {
                if selection.add(id, Role::Binary, Reason::Sibling(entry.place))? {
                    selection.set_flag(id, Flag::Fulltree);
                    added = true;
                }
            }
        }
        Ok(added)
    }
}

impl Build {
    /// Native packages unless only others are selected or there are no native ones; `noarch` ones always.
    fn wanted(&self, selection: &Selection<'_, '_>) -> Vec<Id> {
        let any_selected = |ids: &[Id]| ids.iter().any(|id| selection.is_selected(*id));
        let only_multilib = self.native.is_empty() || (any_selected(&self.multilib) && !any_selected(&self.native));
        let all = selection.options.greedy == Greedy::All;
        let native = if all || !only_multilib { &self.native[..] } else { &[] };
        let multilib = if all || only_multilib { &self.multilib[..] } else { &[] };
        [native, multilib, &self.noarch].concat()
    }
}
