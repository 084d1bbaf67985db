//! Which of several packages answers a requirement.

use crate::closure::{Choice, Closure, Problem, Requirer, State};
use crate::ecosystem::{Atom, PackageId};
use crate::index::Answer;
use crate::symbols::Symbol;

impl Closure<'_, '_> {
    /// The package to take for a requirement that nothing answers yet.
    pub(super) fn choose(&mut self, requirer: Requirer) -> Option<PackageId> {
        let arch = self.index.arch_of(requirer.package);
        let atoms = self.set().requirement(requirer.requirement).atoms();
        let alternatives: Vec<Alternative> =
            atoms.iter().map(|atom| self.alternative(atom, arch, requirer.package)).filter(|it| !it.answers.is_empty()).collect();
        let may_install = |answer: &&Answer| !self.request.broken.contains(&answer.package);
        let all = || alternatives.iter().flat_map(|alternative| &alternative.answers);

        let pinned = alternatives.iter().find_map(|alternative| alternative.pinned);
        // What is only recommended need not be there; what is needed is taken broken as it is, so that people hear of it.
        let last_resort = || all().next().filter(|_| requirer.field.is_mandatory());
        let chosen = pinned.or_else(|| all().find(may_install).or_else(last_resort).map(|answer| answer.package))?;
        let options = distinct(all().filter(may_install));
        let is_last_resort = !options.contains(&chosen);
        let better = all().take_while(|answer| answer.package != chosen).filter(|answer| !may_install(answer));
        let passed_over = if pinned.is_some() || is_last_resort { Vec::new() } else { distinct(better) };
        if pinned.is_none() {
            self.report_ambiguity(requirer, chosen, &alternatives);
        }
        if options.len() > 1 || !passed_over.is_empty() {
            self.selection.choices.push(Choice { requirer, chosen, options, passed_over });
        }
        Some(chosen)
    }

    /// What answers one atom, the preferred first.
    fn alternative(&self, atom: &Atom, arch: Symbol, requirer: PackageId) -> Alternative {
        let set = self.set();
        let mut answers = self.answers(atom, arch);
        if self.states[requirer.index()] == State::Lookaside {
            answers.retain(|answer| set.origin(answer.package).lookaside);
        }
        answers.sort_by_key(|answer| self.rank(*answer, requirer));
        let pinned = self.request.providers.get(set.text(atom.name)).and_then(|name| {
            let is_pinned = |answer: &&Answer| set.name(answer.package) == name;
            answers.iter().find(is_pinned).map(|answer| answer.package)
        });
        Alternative { answers, pinned }
    }

    /// The lower is preferred: a package of the name over one that provides it, essential and protected ones, the tree's own
    /// arch, the higher priority, the requirer's own source, and then the order of names, so that the choice is always the same.
    fn rank(&self, answer: Answer, requirer: PackageId) -> impl Ord + use<'_> {
        let set = self.set();
        let package = set.package(answer.package);
        (
            answer.is_provider,
            !package.essential,
            !package.protected,
            self.index.arch_of(answer.package) != self.index.native(),
            package.priority,
            package.source != set.package(requirer).source,
            set.name(answer.package),
            set.arch(answer.package),
        )
    }

    /// Nothing but the order of names decided between packages that provide the same.
    fn report_ambiguity(&mut self, requirer: Requirer, chosen: PackageId, alternatives: &[Alternative]) {
        let set = self.set();
        let Some(alternative) =
            alternatives.iter().find(|alternative| alternative.answers.iter().any(|answer| answer.package == chosen))
        else {
            return;
        };
        let standing = |id: PackageId| {
            let package = set.package(id);
            let is_same_source = package.source == set.package(requirer.package).source;
            (package.essential, package.protected, self.index.arch_of(id), package.priority, is_same_source)
        };
        let equals: Vec<PackageId> = alternative
            .answers
            .iter()
            .filter(|answer| answer.is_provider && !self.request.broken.contains(&answer.package))
            .map(|answer| answer.package)
            .filter(|id| standing(*id) == standing(chosen))
            .collect();
        if equals.len() > 1 && equals.contains(&chosen) {
            self.selection.problems.push(Problem::AmbiguousProvider { requirer, chosen, providers: equals });
        }
    }
}

/// The packages of some answers, each once: one may answer several alternatives.
fn distinct<'a>(answers: impl Iterator<Item = &'a Answer>) -> Vec<PackageId> {
    let mut packages = Vec::new();
    for answer in answers {
        if !packages.contains(&answer.package) {
            packages.push(answer.package);
        }
    }
    packages
}

/// What answers one atom of a requirement.
#[derive(Debug)]
struct Alternative {
    answers: Vec<Answer>,
    /// The one that the configuration names.
    pinned: Option<PackageId>,
}
