//! Builds in the second word size that come with selected packages.

mod method;
mod patterns;

use std::collections::HashMap;

use foldhash::fast::FixedState;

pub use method::{Method, UnknownMethod};

use super::GatherError;
use super::best::Purpose;
use super::result::{Flag, Reason, Role};
use super::selection::{Cursor, Selection};
use super::universe::{Class, Id, Universe};

/// By name, version and release; the epoch does not matter. Of equal builds the one loaded first.
pub(super) struct MultilibBuilds<'a> {
    builds: HashMap<(&'a str, &'a str, &'a str), Vec<Id>, FixedState>,
    seen: Cursor,
    /// Packages whose best build was not wanted while there are others: which one is best can change.
    undecided: Vec<Id>,
}

impl<'a> MultilibBuilds<'a> {
    pub(super) fn new(universe: &Universe<'a>) -> MultilibBuilds<'a> {
        let mut builds: HashMap<_, Vec<Id>, FixedState> = HashMap::default();
        let visible = universe.ids().filter(|(_, entry)| entry.visible && entry.is_binary() && entry.class == Class::Multilib);
        for id in universe.without_copies(visible.map(|(id, _)| id)) {
            let package = universe.package(id);
            builds.entry((package.name(), package.version(), package.release())).or_default().push(id);
        }
        MultilibBuilds { builds, seen: Cursor::default(), undecided: Vec::new() }
    }

    pub(super) fn add(&mut self, selection: &mut Selection<'_, 'a>) -> Result<bool, GatherError> {
        let mut added = false;
        let undecided = std::mem::take(&mut self.undecided);
        for of in undecided.into_iter().chain(self.seen.new_ones(&selection.binary)) {
            let entry = selection.universe.entry(of);
            if entry.class != Class::Native {
                continue;
            }
            let package = entry.package;
            let Some(builds) = self.builds.get(&(package.name(), package.version(), package.release())) else { continue };
            let mut wanted = selection.best(builds, Purpose::Request);
            wanted.retain(|id| is_wanted(selection, *id));
            if wanted.is_empty() && builds.len() > 1 {
                self.undecided.push(of);
            }
            for id in wanted {
                selection.set_flag(id, Flag::Multilib);
                added |= selection.add(id, Role::Binary, Reason::MultilibOf(entry.place))?;
            }
        }
        Ok(added)
    }
}

fn is_wanted(selection: &Selection<'_, '_>, id: Id) -> bool {
    let package = selection.universe.package(id);
    let is_listed = selection.request.multilib_whitelist.iter().any(|pattern| pattern.matches(package.name()));
    is_listed || selection.options.multilib.iter().any(|method| method.selects(package))
}
