//! The selection as it grows, and the order of the steps.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::companions::Companions;
use super::conditional::Conditions;
use super::fulltree::Siblings;
use super::langpacks::Langpacks;
use super::multilib::MultilibBuilds;
use super::packages::Wanted;
use super::providers::Providers;
use super::result::{Flag, Flags, Gathered, Reason, Role, Selected, Unresolved};
use super::universe::{Id, Universe};
use super::{GatherError, Options, Repository, Request};

pub(super) struct Selection<'u, 'a> {
    pub(super) universe: &'u Universe<'a>,
    pub(super) providers: &'u Providers<'u, 'a>,
    pub(super) request: &'u Request,
    pub(super) options: &'u Options,
    pub(super) binary: Vec<Id>,
    pub(super) debug: Vec<Id>,
    pub(super) source: Vec<Id>,
    flags: Vec<Flags>,
    /// Of those that are selected.
    reasons: Vec<Option<Reason>>,
    /// What was taken for each requirement that could be met, by its text: the first answer holds for all.
    pub(super) solved: HashMap<String, Vec<Id>, FixedState>,
    pub(super) unresolved: BTreeSet<Unresolved>,
    pub(super) missing: BTreeSet<String>,
    pub(super) missing_prepopulate: BTreeSet<String>,
}

/// How many packages a step has already looked at: each looks at a package once.
#[derive(Debug, Default)]
pub(super) struct Cursor(usize);

impl Cursor {
    /// The packages that were added since the last call.
    pub(super) fn new_ones(&mut self, list: &[Id]) -> Vec<Id> {
        let new = list[self.0..].to_vec();
        self.0 = list.len();
        new
    }
}

impl<'u, 'a> Selection<'u, 'a> {
    pub(super) fn new(
        universe: &'u Universe<'a>,
        providers: &'u Providers<'u, 'a>,
        request: &'u Request,
        options: &'u Options,
    ) -> Selection<'u, 'a> {
        let packages = universe.entries.len();
        Selection {
            universe,
            providers,
            request,
            options,
            binary: Vec::new(),
            debug: Vec::new(),
            source: Vec::new(),
            flags: vec![Flags::default(); packages],
            reasons: vec![None; packages],
            solved: HashMap::default(),
            unresolved: BTreeSet::new(),
            missing: BTreeSet::new(),
            missing_prepopulate: BTreeSet::new(),
        }
    }

    /// Begins with what is asked for, then goes through the steps; after one that added something, from the first step again.
    pub(super) fn run(mut self, wanted: &Wanted, repositories: &[Repository<'_>]) -> Result<Gathered, GatherError> {
        self.add_requested(wanted)?;
        self.add_prepopulated()?;
        let mut conditions = Conditions::new(&wanted.conditions);
        let mut companions = Companions::new(self.universe);
        let mut siblings = Siblings::new(self.universe);
        let mut langpacks = Langpacks::new(repositories);
        let mut multilib = MultilibBuilds::new(self.universe);
        let (mut binary_dependencies, mut source_dependencies) = (Cursor::default(), Cursor::default());
        let mut debug_dependencies = Cursor::default();
        let follow = !self.options.nodeps;
        loop {
            let added = follow
                && (conditions.add(&mut self)?
                    || self.add_binary_dependencies(&mut binary_dependencies)?
                    || (self.options.selfhosting && self.add_source_dependencies(&mut source_dependencies)?));
            let added = added
                || (!self.options.exclude_source && companions.add_sources(&mut self)?)
                || (!self.options.exclude_debug && companions.add_debug_packages(&mut self)?)
                || (follow && !self.options.exclude_debug && self.add_debug_dependencies(&mut debug_dependencies)?)
                || (self.options.fulltree && siblings.add(&mut self)?)
                || langpacks.add(&mut self)?
                || multilib.add(&mut self)?;
            if !added {
                return Ok(self.finish());
            }
        }
    }

    pub(super) fn is_selected(&self, id: Id) -> bool {
        self.reasons[id as usize].is_some()
    }

    pub(super) fn has_flag(&self, id: Id, flag: Flag) -> bool {
        self.flags[id as usize].contains(flag)
    }

    pub(super) fn set_flag(&mut self, id: Id, flag: Flag) {
        self.flags[id as usize].insert(flag);
    }

    /// Selects a package; false if it was selected before. One from a lookaside repository is flagged, and one whose source
    /// package must not be completed, but not what only accompanies others.
    pub(super) fn add(&mut self, id: Id, role: Role, reason: Reason) -> Result<bool, GatherError> {
        if self.is_selected(id) {
            return Ok(false);
        }
        if !matches!(reason, Reason::SourceOf(_) | Reason::DebugOf(_)) {
            let package = self.universe.package(id);
            let source = source_name(package.source_rpm());
            let source = source.ok_or_else(|| GatherError::NoSource(package.nevra().to_string()))?;
            if self.request.fulltree_excludes.contains(source) {
                self.set_flag(id, Flag::FulltreeExclude);
            }
        }
        self.reasons[id as usize] = Some(reason);
        if self.universe.entry(id).lookaside {
            self.set_flag(id, Flag::Lookaside);
        }
        match role {
            Role::Binary => self.binary.push(id),
            Role::Debug => self.debug.push(id),
            Role::Source => self.source.push(id),
        }
        Ok(true)
    }

    fn finish(mut self) -> Gathered {
        let roles = [(Role::Binary, &self.binary), (Role::Debug, &self.debug), (Role::Source, &self.source)];
        let mut packages = Vec::new();
        for (role, ids) in roles {
            packages.extend(ids.iter().filter_map(|id| {
                let reason = self.reasons[*id as usize].take()?;
                Some(Selected { place: self.universe.entry(*id).place, role, flags: self.flags[*id as usize], reason })
            }));
        }
        Gathered {
            packages,
            unresolved: self.unresolved.into_iter().collect(),
            missing: self.missing.into_iter().collect(),
            missing_prepopulate: self.missing_prepopulate.into_iter().collect(),
        }
    }
}

/// The name in a source package's file name.
fn source_name(file: &str) -> Option<&str> {
    file.rsplitn(3, '-').nth(2)
}
