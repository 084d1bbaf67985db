//! Which packages a request needs: pungi-gather's algorithm over dnf, step by step; and in [`hybrid`], a solver.
//!
//! The first is no solver: every requirement gets one best provider, conflicts and obsoletes count for nothing, and what nothing
//! provides is reported and left. In reading order: [`packages`] is what a request says; `universe` sorts the packages of all
//! repositories, `visibility` hides what is excluded or outdated, `providers` finds who provides what, `best` chooses; then the
//! steps, which `selection` runs until none of them adds anything: `conditional`, `dependencies`, `companions` (sources and debug
//! packages), `fulltree`, `langpacks` and `multilib`.
//!
//! Must not know: files, kickstarts and how a result is printed.

mod best;
mod companions;
mod conditional;
mod dependencies;
mod fulltree;
pub mod hybrid;
mod initial;
mod langpacks;
mod multilib;
pub mod packages;
mod providers;
mod result;
mod selection;
mod universe;
mod visibility;

use std::collections::BTreeSet;

pub use hybrid::{HybridRequest, Resolved, gather_hybrid, reach};
pub use multilib::{Method, UnknownMethod};
pub use packages::{GroupLine, LineError, PackageList};
pub use result::{Flag, Flags, Gathered, Place, Reason, Role, Selected, Unresolved};

use super::comps::Comps;
use super::package::Package;
use crate::Glob;

/// The packages and groups that one repository has.
#[derive(Debug, Clone)]
pub struct Repository<'a> {
    /// Its packages satisfy requirements, and are not part of the compose.
    pub lookaside: bool,
    pub packages: Vec<&'a Package>,
    pub comps: Option<&'a Comps>,
}

/// How many of the packages that fit are taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Greedy {
    /// The best one.
    #[default]
    None,
    /// For a requirement, all that were built together with the best one.
    Build,
    All,
}

/// What is wanted.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub packages: PackageList,
    /// Names of source packages.
    pub fulltree_excludes: BTreeSet<String>,
    /// Packages of the second word size that do not exist.
    pub multilib_blacklist: Vec<Glob>,
    /// Packages of which the build of the second word size comes along.
    pub multilib_whitelist: Vec<Glob>,
    /// `name.arch` each.
    pub prepopulate: Vec<String>,
}

#[derive(Debug, Clone, Default)]
pub struct Options {
    pub arch: String,
    pub greedy: Greedy,
    /// All packages that were built together with one that is selected come along.
    pub fulltree: bool,
    /// What builds the selected packages comes along.
    pub selfhosting: bool,
    /// Requirements are not followed.
    pub nodeps: bool,
    pub exclude_source: bool,
    pub exclude_debug: bool,
    pub multilib: Vec<Method>,
}

/// What makes a selection impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatherError {
    #[error("the group `{0}` is in the comps of no repository")]
    UnknownGroup(String),
    #[error("`{0}` cannot be prepopulated: write it as name.arch")]
    NoArch(String),
    #[error("the package {0} does not say which source package it was built from")]
    NoSource(String),
    #[error("there are more packages than can be numbered")]
    TooManyPackages,
    #[error("too many packages provide the same things: their dependencies cannot be solved")]
    TooManyAnswers,
}

/// Selects what a request needs from the packages of all repositories.
pub fn gather(repositories: &[Repository<'_>], request: &Request, options: &Options) -> Result<Gathered, GatherError> {
    let wanted = request.packages.expand(repositories)?;
    let mut universe = universe::Universe::new(repositories, &options.arch)?;
    visibility::hide(&mut universe, &wanted.excludes, &request.multilib_blacklist);
    let providers = providers::Providers::new(&universe);
    selection::Selection::new(&universe, &providers, request, options).run(&wanted, repositories)
}

/// Whether the outcome can depend on files that `primary.xml` leaves out.
pub fn needs_file_lists(repositories: &[Repository<'_>], options: &Options) -> bool {
    let by_method = options.multilib.iter().any(|method| method.looks_at_files());
    by_method || repositories.iter().any(|repository| providers::requires_unlisted_files(&repository.packages))
}

#[cfg(test)]
mod tests;
