//! Packages of groups that come along when another package is selected.

use std::collections::{BTreeMap, BTreeSet};

use super::GatherError;
use super::best::Purpose;
use super::packages::Condition;
use super::result::{Flag, Reason, Role};
use super::selection::{Cursor, Selection};
use super::universe::Id;

/// What comes along, by the name of the package that it comes with.
pub(super) struct Conditions<'w> {
    by_trigger: BTreeMap<&'w str, Vec<&'w str>>,
    seen: Cursor,
}

impl<'w> Conditions<'w> {
    pub(super) fn new(conditions: &'w BTreeSet<Condition>) -> Conditions<'w> {
        let mut by_trigger: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for condition in conditions {
            by_trigger.entry(&condition.trigger).or_default().push(&condition.package);
        }
        Conditions { by_trigger, seen: Cursor::default() }
    }

    /// The flag marks the package that another one comes with.
    pub(super) fn add(&mut self, selection: &mut Selection<'_, '_>) -> Result<bool, GatherError> {
        let mut added = false;
        for trigger in self.seen.new_ones(&selection.binary) {
            let entry = selection.universe.entry(trigger);
            for name in self.by_trigger.get(entry.package.name()).into_iter().flatten() {
                let is_meant = |id: &Id| {
                    let entry = selection.universe.entry(*id);
                    entry.visible && entry.is_binary()
                };
                let fitting: Vec<Id> = selection.universe.named_text(name).iter().copied().filter(is_meant).collect();
                for id in selection.best(&fitting, Purpose::Request) {
                    if selection.add(id, Role::Binary, Reason::Conditional(entry.place))? {
                        selection.set_flag(trigger, Flag::Conditional);
                        added = true;
                    }
                }
            }
        }
        Ok(added)
    }
}
