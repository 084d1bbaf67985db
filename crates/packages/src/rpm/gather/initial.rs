//! What is selected because somebody asked for it.

use super::best::Purpose;
use super::packages::Wanted;
use super::result::{Flag, Reason, Role};
use super::selection::Selection;
use super::universe::{Class, Entry, Id};
use super::{GatherError, Greedy};
use crate::Glob;
use crate::rpm::Dependency;

impl Selection<'_, '_> {
    /// The best package of each name that a pattern matches.
    pub(super) fn add_requested(&mut self, wanted: &Wanted) -> Result<(), GatherError> {
        for pattern in &wanted.patterns {
            let Some(found) = self.requested(pattern) else {
                self.missing.insert(pattern.clone());
                continue;
            };
            for id in found {
                let role = if self.universe.entry(id).is_debug { Role::Debug } else { Role::Binary };
                self.add(id, role, Reason::Requested(pattern.clone()))?;
                self.set_flag(id, Flag::Input);
            }
        }
        Ok(())
    }

    /// None if nothing matches; what matches need not be taken.
    fn requested(&self, pattern: &str) -> Option<Vec<Id>> {
        if pattern == "system-release" && self.options.greedy == Greedy::All {
            let mut providers = self.providers.of(Dependency { name: pattern, constraint: None });
            providers.retain(|id| self.universe.entry(*id).visible && self.universe.entry(*id).is_binary());
            return (!providers.is_empty()).then_some(providers);
        }
        let asked = Asked::by(pattern);
        let mut found = None;
        for of_one_name in self.universe.matching(&asked.names) {
            let fitting: Vec<Id> = of_one_name.iter().copied().filter(|id| asked.is_meant(self.universe.entry(*id))).collect();
            if !fitting.is_empty() {
                found.get_or_insert_with(Vec::new).extend(self.best(&fitting, Purpose::Request));
            }
        }
        found
    }

    /// The best package of each `name.arch`.
    pub(super) fn add_prepopulated(&mut self) -> Result<(), GatherError> {
        for line in &self.request.prepopulate {
            let (name, arch) = line.rsplit_once('.').ok_or_else(|| GatherError::NoArch(line.clone()))?;
            let is_meant = |id: &Id| {
                let entry = self.universe.entry(*id);
                entry.visible && entry.is_binary() && entry.package.arch() == arch
            };
            let fitting: Vec<Id> = self.universe.named_text(name).iter().copied().filter(is_meant).collect();
            let found = self.best(&fitting, Purpose::Request);
            if found.is_empty() {
                self.missing_prepopulate.insert(line.clone());
            }
            for id in found {
                self.add(id, Role::Binary, Reason::Prepopulated)?;
                self.set_flag(id, Flag::Prepopulate);
            }
        }
        Ok(())
    }
}

/// What a pattern asks for.
struct Asked {
    names: Glob,
    /// Native packages are out of the question.
    multilib: bool,
    /// Only debug packages are meant, else none of them is.
    debug: bool,
}

impl Asked {
    fn by(pattern: &str) -> Asked {
        let names = pattern.strip_suffix(".+");
        // Looser than what makes a debug package: `x-debuginfod` is looked for among them and not found.
        let debug = pattern.contains("-debuginfo") || pattern.contains("-debugsource");
        Asked { names: Glob::lenient(names.unwrap_or(pattern)), multilib: names.is_some(), debug }
    }

    fn is_meant(&self, entry: &Entry<'_>) -> bool {
        let fits_arch = match entry.class {
            Class::Source => false,
            Class::Native => !self.multilib,
            Class::Noarch | Class::Multilib => true,
        };
        // Debug packages are found though excluded or outdated; those of the second word size are not.
        let is_there = entry.visible || (self.debug && !self.multilib);
        is_there && fits_arch && entry.is_debug == self.debug
    }
}
