//! Whether every package of a variant can be installed on one arch, alone, with what its repository, its parents' and its lookasides hold.

use charmer_packages::installability::verdicts;
use charmer_packages::{Deb, Ecosystem as _, IndexFile, IndexKind, Origin, PackageSet};

use crate::config::schema::policy::Checks;
use crate::engine::JobError;
use crate::finding::{Finding, Severity};
use crate::gather::{Selected, Selection};

/// Checks the first selection; the others are those of the variants that it adds to.
pub(super) fn check(selections: &[Selection], checks: &Checks) -> Result<Vec<Finding>, JobError> {
    let Some(checked) = selections.first().filter(|_| checks.installability != Severity::Off) else { return Ok(Vec::new()) };
    let set = read(selections, &checked.arch)?;
    let is_own = |id: &charmer_packages::PackageId| set.origin(*id).archive == checked.variant;
    let (own, background): (Vec<_>, Vec<_>) = set.ids().partition(is_own);
    let scope = format!("{}.{}", checked.variant, checked.arch);
    let broken = verdicts(&set, &checked.arch, &own, &background);
    let finding = |broken: charmer_packages::installability::Broken| Finding {
        check: "installability".to_owned(),
        severity: checks.installability,
        scope: scope.clone(),
        subject: set.describe(broken.package),
        message: broken.describe(&set),
        hint: None,
    };
    Ok(broken.into_iter().map(finding).collect())
}

/// One package set of all that is there, with the variants in the place of archives.
fn read(selections: &[Selection], arch: &str) -> Result<PackageSet, JobError> {
    let index = |archive: &str, selected: &[Selected]| IndexFile {
        name: format!("the selection of {archive}.{arch}"),
        kind: IndexKind::Binaries { arch: arch.to_owned() },
        origin: Origin {
            archive: archive.to_owned(),
            suite: String::new(),
            component: String::new(),
            priority: 500,
            lookaside: false,
        },
        text: selected.iter().flat_map(|selected| [selected.package.stanza.as_bytes(), b"\n"].concat()).collect(),
    };
    let lookasides = selections.iter().map(|selection| index("lookaside archives", &selection.lookaside));
    let texts = selections.iter().map(|selection| index(&selection.variant, &selection.packages)).chain(lookasides);
    let (set, _) = Deb.read(texts.collect()).map_err(|error| JobError::caused(&error))?;
    Ok(set)
}
