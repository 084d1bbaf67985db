//! What a closure could not resolve, as findings with the severities of the configuration.

use charmer_packages::PackageSet;
use charmer_packages::closure::{Problem, Selection as Closure};

use crate::config::schema::policy::Checks;
use crate::finding::{Finding, Severity};

use super::Question;

/// The findings of one closure, those that are off left out.
pub(super) fn of_closure(set: &PackageSet, closure: &Closure, question: &Question<'_>) -> Vec<Finding> {
    let scope = format!("{}.{}", question.variant, question.arch.arch);
    let finding = |problem: &Problem| Finding {
        check: problem.check().to_owned(),
        severity: severity(problem, question.checks),
        scope: scope.clone(),
        subject: problem.subject(set),
        message: problem.message(set),
        hint: problem.hint(set),
    };
    // Seeds have been looked at before, all at once; see [`super::seeds`].
    let is_new = |problem: &&Problem| question.arch.failable || !matches!(problem, Problem::UnresolvedSeed { .. });
    closure.problems.iter().filter(is_new).map(finding).filter(|finding| finding.severity != Severity::Off).collect()
}

fn severity(problem: &Problem, checks: &Checks) -> Severity {
    match problem {
        Problem::UnresolvedSeed { .. } => checks.seeds,
        Problem::UnresolvedDependency { .. } => checks.closure,
        Problem::AmbiguousProvider { .. } => checks.ambiguity,
        Problem::UnevenArches { .. } => checks.same_versions,
    }
}
