//! What selected packages require.

use super::GatherError;
use super::best::Purpose;
use super::result::{Flag, Reason, Role, Unresolved};
use super::selection::{Cursor, Selection};
use super::universe::{Entry, Id};
use crate::rpm::Dependency;
use crate::rpm::dependency::Rich;

/// Among which packages a requirement is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Among {
    Binary,
    /// Hidden debug packages meet a requirement too, but only greed for all takes them.
    Debug,
}

impl Among {
    fn includes(self, entry: &Entry<'_>) -> bool {
        match self {
            Among::Binary => entry.visible && entry.is_binary(),
            Among::Debug => entry.is_debug,
        }
    }
}

impl Selection<'_, '_> {
    pub(super) fn add_binary_dependencies(&mut self, seen: &mut Cursor) -> Result<bool, GatherError> {
        let mut added = false;
        for id in seen.new_ones(&self.binary) {
            added |= self.add_requirements(id, Among::Binary)?;
        }
        Ok(added)
    }

    /// The flag marks the source package, not what its build requires.
    pub(super) fn add_source_dependencies(&mut self, seen: &mut Cursor) -> Result<bool, GatherError> {
        let mut added = false;
        for id in seen.new_ones(&self.source) {
            if self.add_requirements(id, Among::Binary)? {
                self.set_flag(id, Flag::SelfHosting);
                added = true;
            }
        }
        Ok(added)
    }

    pub(super) fn add_debug_dependencies(&mut self, seen: &mut Cursor) -> Result<bool, GatherError> {
        let mut added = false;
        for id in seen.new_ones(&self.debug) {
            added |= self.add_requirements(id, Among::Debug)?;
        }
        Ok(added)
    }

    /// Adds the best provider of each requirement, and tells whether that added something. What lookaside packages require is
    /// not looked at.
    fn add_requirements(&mut self, of: Id, among: Among) -> Result<bool, GatherError> {
        if self.has_flag(of, Flag::Lookaside) {
            return Ok(false);
        }
        let entry = self.universe.entry(of);
        let role = if among == Among::Debug { Role::Debug } else { Role::Binary };
        let mut found = Vec::new();
        for requirement in entry.package.requires() {
            let text = requirement.dependency.to_string();
            if let Some(packages) = self.solve(requirement.dependency, &text, among) {
                found.extend(packages.into_iter().filter(|id| !self.is_selected(*id)).map(|id| (id, text.clone())));
            } else {
                let requirement = printed(requirement.dependency, text);
                self.unresolved.insert(Unresolved { requirement, of: entry.place });
            }
        }
        let of = entry.place;
        let mut added = false;
        for (id, text) in found {
            added |= self.add(id, role, Reason::Requirement { of, text })?;
        }
        Ok(added)
    }

    /// The packages to take for a requirement; None if nothing meets it.
    fn solve(&mut self, requirement: Dependency<'_>, text: &str, among: Among) -> Option<Vec<Id>> {
        if let Some(known) = self.solved.get(text) {
            return Some(known.clone());
        }
        let mut candidates = self.providers.of(requirement);
        candidates.retain(|id| among.includes(self.universe.entry(*id)));
        if candidates.is_empty() {
            return None;
        }
        let best = self.best(&candidates, Purpose::Requirement);
        self.solved.insert(text.to_owned(), best.clone());
        Some(best)
    }
}

/// Rich requirements are reported as they were understood.
fn printed(requirement: Dependency<'_>, text: String) -> String {
    let rich = requirement.is_rich().then(|| Rich::parse(requirement.name).ok()).flatten();
    rich.map_or(text, |rich| rich.to_string())
}
