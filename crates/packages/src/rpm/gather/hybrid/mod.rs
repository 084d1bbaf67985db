//! Which packages a request needs, by a SAT solver: the method hybrid, after fus.
//!
//! Everything that is asked for is taken; what it needs comes along so that each package can be installed from what was gathered.
//! Requirements count with all that they say, rich ones too, and so do conflicts, obsoletes and versions; weak dependencies do not.
//!
//! Packages are placed on *systems*: sets that could be installed as they are. Each requested package joins the first system that it
//! gets along with; for one that gets along with none, there is a new system. So conflicting packages are both gathered, and a
//! condition such as `(a if b)` counts where `b` is beside it. On a system, each requirement takes the best package with which it all
//! still fits. A system grows by trying; only when that does not work for a package by itself is the solver asked, which knows.
//!
//! In reading order: [`request`](HybridRequest) is what is wanted, and which packages that means; `world` is what packages need and
//! exclude, as formulas; `order` says which of several packages is better; `system` grows; `solver` proves, and `explain` puts its
//! proofs in words; `rounds` goes on until nothing new comes along: `companions` are builds in the second word size, debug packages,
//! translations and sources. [`reach()`] tells what could come along at all.
//!
//! Must not know: files, comps groups, how a result is printed.

mod companions;
mod explain;
mod formula;
mod order;
mod reach;
mod request;
mod rounds;
mod solver;
mod system;
#[cfg(test)]
mod tests;
mod world;

pub use reach::reach;
pub use request::HybridRequest;

use super::result::{Gathered, Place};
use super::{GatherError, Repository, providers, universe};

/// What was gathered, and what the solver has to say of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    pub gathered: Gathered,
    /// Where several packages would have done; in the order in which they were made.
    pub choices: Vec<Choice>,
    /// Requested packages that cannot be installed, by name.
    pub broken: Vec<Broken>,
}

/// One package was taken for a requirement, and others were not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    pub of: Place,
    pub requirement: String,
    pub taken: Place,
    /// The best first.
    pub passed_over: Vec<PassedOver>,
    /// How many more there were than are listed.
    pub more: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassedOver {
    pub package: Place,
    pub why: Objection,
}

/// What speaks against a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// Nothing but that another one is better.
    LessPreferred,
    /// It cannot be installed at all.
    Uninstallable,
    /// Another package that is needed as well excludes it.
    Excluded,
    /// With it, something else that is needed could not be had.
    RulesOutOthers,
}

/// A requested package for which nothing was found to install it with. It is gathered all the same, without what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    pub package: Place,
    /// Whether it cannot be installed; if not, the search was given up.
    pub is_proven: bool,
    /// What of it cannot be met.
    pub requirements: Vec<String>,
    /// Facts that together rule it out, in sentences without a full stop.
    pub reasons: Vec<String>,
}

/// Selects what a request needs from the packages of all repositories.
pub fn gather_hybrid(repositories: &[Repository<'_>], request: &HybridRequest) -> Result<Resolved, GatherError> {
    let mut universe = universe::Universe::new(repositories, &request.arch)?;
    request::hide(&mut universe, request);
    let providers = providers::Providers::new(&universe);
    let world = world::World::new(&universe, &providers)?;
    rounds::Rounds::new(&world, &providers, request).run(repositories)
}
