//! Before anything is gathered: whether every seed of every variant and arch selects something. All that do not are said at once, each
//! with its place in the configuration.

use charmer_packages::PackageSet;
use charmer_packages::closure::{Problem, close};

use crate::config::Config;
use crate::config::resolved::Variant;
use crate::finding::{Finding, Severity};

use super::select::{BadWords, request};

/// The seeds that select nothing. Those of failable arches are left to the gathering itself.
pub(super) fn check(set: &PackageSet, config: &Config) -> Result<Vec<Finding>, BadWords> {
    let mut findings = Vec::new();
    if config.checks.seeds == Severity::Off {
        return Ok(findings);
    }
    for variant in &config.variants {
        for arch in variant.arches.iter().filter(|arch| !arch.failable) {
            let closure = close(set, &request(arch, Vec::new())?);
            let unresolved = closure.problems.iter().filter_map(|problem| match problem {
                Problem::UnresolvedSeed { seed, .. } => Some((seed, problem)),
                _ => None,
            });
            findings.extend(unresolved.map(|(seed, problem)| Finding {
                check: problem.check().to_owned(),
                severity: config.checks.seeds,
                scope: format!("{}.{}", variant.name, arch.arch),
                subject: place(config, variant, seed).unwrap_or_else(|| seed.clone()),
                message: problem.message(set),
                hint: problem.hint(set),
            }));
        }
    }
    Ok(findings)
}

fn place(config: &Config, variant: &Variant, seed: &str) -> Option<String> {
    let of = |variant: &str| config.seed_places.get(variant).and_then(|places| places.get(seed)).cloned();
    of(&variant.name).or_else(|| of(""))
}
