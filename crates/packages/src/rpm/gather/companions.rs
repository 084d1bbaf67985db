//! What comes with each selected package: its source, and what a debugger needs.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::GatherError;
use super::result::{Flag, Reason, Role};
use super::selection::{Cursor, Selection};
use super::universe::{Class, Id, Universe};
use crate::symbols::Symbol;

/// Of equal builds the one loaded first is used, whichever repository the selected package is from.
pub(super) struct Companions<'a> {
    /// By file name.
    sources: HashMap<String, Id, FixedState>,
    /// By source package and arch.
    debug: HashMap<(Symbol, &'a str), Vec<Id>, FixedState>,
    seen_for_sources: Cursor,
    seen_for_debug: Cursor,
}

impl<'a> Companions<'a> {
    pub(super) fn new(universe: &Universe<'a>) -> Companions<'a> {
        let visible = || universe.ids().filter(|(_, entry)| entry.visible);
        let mut sources = HashMap::default();
        for (id, entry) in visible().filter(|(_, entry)| entry.class == Class::Source) {
            let package = entry.package;
            let file = format!("{}-{}-{}.{}.rpm", package.name(), package.version(), package.release(), package.arch());
            sources.entry(file).or_insert(id);
        }
        let mut debug: HashMap<_, Vec<Id>, FixedState> = HashMap::default();
        for id in universe.without_copies(visible().filter(|(_, entry)| entry.is_debug).map(|(id, _)| id)) {
            let entry = universe.entry(id);
            debug.entry((entry.source, entry.package.arch())).or_default().push(id);
        }
        Companions { sources, debug, seen_for_sources: Cursor::default(), seen_for_debug: Cursor::default() }
    }

    /// The source of a lookaside package is flagged as lookaside too, wherever it is from.
    pub(super) fn add_sources(&mut self, selection: &mut Selection<'_, 'a>) -> Result<bool, GatherError> {
        let mut added = false;
        for of in self.seen_for_sources.new_ones(&selection.binary) {
            let Some(id) = self.sources.get(selection.universe.package(of).source_rpm()) else { continue };
            added |= add_companion(selection, *id, of, Role::Source)?;
        }
        Ok(added)
    }

    /// Its own debug package, and the sources that all packages of its build share.
    pub(super) fn add_debug_packages(&mut self, selection: &mut Selection<'_, 'a>) -> Result<bool, GatherError> {
        let mut added = false;
        for of in self.seen_for_debug.new_ones(&selection.binary) {
            let entry = selection.universe.entry(of);
            let own_name = format!("{}-debuginfo", entry.package.name());
            for id in self.debug.get(&(entry.source, entry.package.arch())).into_iter().flatten() {
                let name = selection.universe.package(*id).name();
                if name.contains("-debugsource") || name == own_name {
                    added |= add_companion(selection, *id, of, Role::Debug)?;
                }
            }
        }
        Ok(added)
    }
}

fn add_companion(selection: &mut Selection<'_, '_>, id: Id, of: Id, role: Role) -> Result<bool, GatherError> {
    let place = selection.universe.entry(of).place;
    let reason = if role == Role::Source { Reason::SourceOf(place) } else { Reason::DebugOf(place) };
    if selection.has_flag(of, Flag::Lookaside) {
        selection.set_flag(id, Flag::Lookaside);
    }
    selection.add(id, role, reason)
}
