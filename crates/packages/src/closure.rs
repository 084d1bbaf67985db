//! From seeds to a selection: everything the seeds need, why each package is in it, and what could not be resolved.
//!
//! A selection is what a repository holds: each of its packages can be resolved inside it. It may hold packages that
//! conflict with each other; what can be installed is the matter of [`crate::installability`].
//!
//! The order is apt's: all seeds first, then each one's dependencies, depth first, in the order in which packages name them.
//! An alternative that is there already wins, else the first that exists; a package of the name wins over one that
//! provides it.

mod choice;
mod problem;
mod seeds;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::ecosystem::{Atom, PackageId, Relation, RelationKind, RequirementId};
use crate::glob::Glob;
use crate::index::{Answer, Index};
use crate::seed::Seed;
use crate::set::PackageSet;
use crate::symbols::Symbol;
use crate::tree::Tree;

pub use problem::{Problem, Unmet};

/// What to select for one tree.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub arch: String,
    pub seeds: Vec<Seed>,
    /// What is taken as it is, without what it depends on.
    pub include: Vec<Seed>,
    /// Names that are never taken, whoever asks for them.
    pub exclude: Vec<Glob>,
    pub recommends: Recommends,
    /// For names that several packages provide, the one to take; it wins over the order of alternatives as well.
    pub providers: BTreeMap<String, String>,
    /// Packages that are there already, such as a parent variant's: they answer dependencies and are not selected again.
    pub available: Vec<PackageId>,
    /// Packages known as not installable, such as [`crate::installability::of_arch`] finds: taken only where nothing
    /// else answers a dependency, and never for a recommendation.
    pub broken: BTreeSet<PackageId>,
}

/// Whether packages bring those that they recommend.
#[derive(Debug, Clone, Default)]
pub struct Recommends {
    pub default: bool,
    /// For the packages of these names; the last pattern that matches decides.
    pub overrides: Vec<(Glob, bool)>,
}

impl Recommends {
    fn follow(&self, name: &str) -> bool {
        self.overrides.iter().rev().find(|(pattern, _)| pattern.matches(name)).map_or(self.default, |(_, follow)| *follow)
    }
}

/// What a request comes to.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    pub arch: String,
    /// In the order in which they were taken.
    pub packages: Vec<Selected>,
    /// From lookaside archives: needed by the selection, but not part of it.
    pub lookaside: Vec<Selected>,
    /// Where more than one package would have done.
    pub choices: Vec<Choice>,
    pub problems: Vec<Problem>,
    reasons: BTreeMap<PackageId, Reason>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    pub package: PackageId,
    pub reason: Reason,
}

/// Why a package was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The seed, as it is written.
    Seed(String),
    /// What the request includes, as it is written.
    Include(String),
    Required(Requirer),
}

/// The clause that a package was taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Requirer {
    pub package: PackageId,
    pub field: RelationKind,
    pub requirement: RequirementId,
}

/// One package was taken out of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub requirer: Requirer,
    pub chosen: PackageId,
    /// All that would have done, in the order of preference, the chosen one among them.
    pub options: Vec<PackageId>,
    /// Those that would have come first, but cannot be installed.
    pub passed_over: Vec<PackageId>,
}

impl Choice {
    /// `chose exim4 out of exim4, postfix to satisfy "default-mta | mail-transport-agent"`
    pub fn describe(&self, set: &PackageSet) -> String {
        let chosen = set.name(self.chosen);
        let options = problem::names(set, &self.options);
        let clause = set.requirement_text(self.requirer.requirement);
        let text = format!("chose {chosen} out of {options} to satisfy \"{clause}\"");
        if self.passed_over.is_empty() {
            return text;
        }
        format!("{text}, not {}, which cannot be installed", problem::names(set, &self.passed_over))
    }
}

impl Selection {
    pub fn ids(&self) -> impl Iterator<Item = PackageId> {
        self.packages.iter().map(|selected| selected.package)
    }

    pub fn contains(&self, package: PackageId) -> bool {
        self.reasons.contains_key(&package)
    }

    /// Why the package is in, from the seed to the package itself. Empty if it is not in.
    pub fn why(&self, package: PackageId) -> Vec<Selected> {
        let mut chain = Vec::new();
        let mut next = Some(package);
        while let Some(package) = next {
            let Some(reason) = self.reasons.get(&package) else { break };
            next = match reason {
                Reason::Seed(_) | Reason::Include(_) => None,
                Reason::Required(requirer) => Some(requirer.package),
            };
            chain.push(Selected { package, reason: reason.clone() });
        }
        chain.reverse();
        chain
    }
}

/// Selects what the request asks for. Whatever cannot be resolved is among the selection's problems.
pub fn close(set: &PackageSet, request: &Request) -> Selection {
    let mut closure = Closure::new(set, request);
    closure.exclude();
    closure.mark_available();
    let roots = closure.take_seeds(&request.seeds, Reason::Seed);
    closure.prefer(&roots);
    for root in roots {
        closure.frames.push(Frame { package: root, next_relation: 0 });
        closure.follow_relations();
    }
    // Last, so that what others depend on has been followed.
    closure.take_seeds(&request.include, Reason::Include);
    closure.compare_arches();
    closure.selection
}

/// A closure under way.
#[derive(Debug)]
struct Closure<'s, 'r> {
    request: &'r Request,
    /// Of all packages for the tree, also those that are not taken.
    index: Index<'s>,
    /// All packages of the set: made when the first problem has to be explained.
    everything: OnceCell<Index<'s>>,
    /// By package, as is the next.
    states: Vec<State>,
    /// What seeds may ask for.
    shipped: Vec<bool>,
    /// Requirements of native packages that something in the selection answers; that stays so.
    answered: Vec<bool>,
    /// The packages whose relations are being followed, each one required by the one below it.
    frames: Vec<Frame>,
    selection: Selection,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No dependency takes it: another version answers, or the request excludes it.
    Hidden,
    Absent,
    Selected,
    /// Somebody else ships it.
    Available,
    /// Taken from a lookaside archive.
    Lookaside,
}

impl State {
    fn is_there(self) -> bool {
        matches!(self, State::Selected | State::Available | State::Lookaside)
    }
}

#[derive(Debug)]
struct Frame {
    package: PackageId,
    next_relation: usize,
}

impl<'s, 'r> Closure<'s, 'r> {
    fn new(set: &'s PackageSet, request: &'r Request) -> Closure<'s, 'r> {
        let seeds = request.seeds.iter().chain(&request.include);
        let foreign: Vec<&str> = seeds.filter_map(Seed::arch).filter(|arch| *arch != request.arch).collect();
        let tree = set.tree(&request.arch, &foreign, &request.available);
        let state = |taken| if taken { State::Absent } else { State::Hidden };
        Closure {
            request,
            everything: OnceCell::new(),
            states: tree.standings().iter().map(|standing| state(standing.taken)).collect(),
            shipped: tree.standings().iter().map(|standing| standing.shipped).collect(),
            index: Tree::into_index(tree, set, &request.arch),
            answered: vec![false; set.requirement_count()],
            frames: Vec::new(),
            selection: Selection { arch: request.arch.clone(), ..Selection::default() },
        }
    }

    /// All versions of a name are excluded at once, so nothing takes their place.
    fn exclude(&mut self) {
        let set = self.set();
        for pattern in &self.request.exclude {
            let excluded: Vec<PackageId> = if pattern.is_plain() {
                set.symbols().find(pattern.as_str()).map_or(Vec::new(), |name| self.index.named(name).to_vec())
            } else {
                self.index.ids().iter().copied().filter(|id| pattern.matches(set.name(*id))).collect()
            };
            for id in excluded {
                self.states[id.index()] = State::Hidden;
                self.shipped[id.index()] = false;
            }
        }
    }

    fn mark_available(&mut self) {
        for id in &self.request.available {
            self.states[id.index()] = State::Available;
        }
    }

    /// The packages that answer an atom of a package of this arch, and that may be taken or are there.
    fn answers(&self, atom: &Atom, requirer: Symbol) -> Vec<Answer> {
        let mut answers = self.index.answers(atom, requirer);
        answers.retain(|answer| self.states[answer.package.index()] != State::Hidden);
        answers
    }

    fn set(&self) -> &'s PackageSet {
        self.index.set()
    }

    /// A seed that a lookaside archive has as well is shipped, and so answers instead of the lookaside's package.
    fn prefer(&mut self, roots: &[PackageId]) {
        for root in roots {
            for other in self.index.named(self.set().package(*root).name) {
                let state = &mut self.states[other.index()];
                if *state == State::Absent && self.index.arch_of(*other) == self.index.arch_of(*root) {
                    *state = State::Hidden;
                }
            }
        }
    }

    /// Follows the relations of the topmost package until no package is left to follow.
    fn follow_relations(&mut self) {
        while let Some(frame) = self.frames.last_mut() {
            let package = frame.package;
            let Some(relation) = self.index.set().relations(package).get(frame.next_relation).copied() else {
                self.frames.pop();
                continue;
            };
            frame.next_relation += 1;
            if self.is_followed(package, relation.kind) && !self.is_answered(package, relation) {
                self.satisfy(Requirer { package, field: relation.kind, requirement: relation.requirement });
            }
        }
    }

    fn is_followed(&self, package: PackageId, kind: RelationKind) -> bool {
        let is_selected = self.states[package.index()] == State::Selected;
        kind.is_mandatory()
            || (kind == RelationKind::Recommends && is_selected && self.request.recommends.follow(self.set().name(package)))
    }

    /// Whether something that is there already answers, and from now on always.
    fn is_answered(&mut self, package: PackageId, relation: Relation) -> bool {
        let requirer = self.index.arch_of(package);
        let is_native = requirer == self.index.native();
        if is_native && self.answered[relation.requirement.index()] {
            return true;
        }
        let atoms = self.set().requirement(relation.requirement).atoms();
        let is_answered = atoms.iter().any(|atom| {
            let answers = self.answers(atom, requirer);
            answers.iter().any(|answer| self.states[answer.package.index()].is_there())
        });
        if is_native {
            self.answered[relation.requirement.index()] = is_answered;
        }
        is_answered
    }

    /// Takes the package that answers best, and follows its relations next.
    fn satisfy(&mut self, requirer: Requirer) {
        match self.choose(requirer) {
            Some(chosen) => {
                self.take(chosen, Reason::Required(requirer));
                self.frames.push(Frame { package: chosen, next_relation: 0 });
            }
            None if requirer.field.is_mandatory() && self.states[requirer.package.index()] == State::Selected => {
                let reasons = self.explain(requirer);
                self.selection.problems.push(Problem::UnresolvedDependency { requirer, reasons });
            }
            None => {}
        }
    }

    fn take(&mut self, package: PackageId, reason: Reason) {
        let is_lookaside = self.set().origin(package).lookaside;
        self.states[package.index()] = if is_lookaside { State::Lookaside } else { State::Selected };
        self.selection.reasons.insert(package, reason.clone());
        let list = if is_lookaside { &mut self.selection.lookaside } else { &mut self.selection.packages };
        list.push(Selected { package, reason });
    }

    /// Packages of several arches at once must have one version.
    fn compare_arches(&mut self) {
        let set = self.set();
        let mut by_name: BTreeMap<&str, PackageId> = BTreeMap::new();
        let mut problems = Vec::new();
        for Selected { package, .. } in &self.selection.packages {
            let other = *by_name.entry(set.name(*package)).or_insert(*package);
            let (left, right) = (set.package(other), set.package(*package));
            if left.version != right.version
                && left.arch != right.arch
                && set.ecosystem().arches_install_together(left.multi_arch, right.multi_arch)
            {
                problems.push(Problem::UnevenArches { left: other, right: *package });
            }
        }
        self.selection.problems.extend(problems);
    }
}
