//! A source package has one version in a release: all variants and arches hold what was built from the same.

use std::collections::BTreeMap;

use crate::finding::{Finding, Severity};
use crate::gather::Selection;

/// Sources whose packages are there in several versions.
pub(super) fn same_versions(selections: &[&Selection], severity: Severity) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
    for selection in selections {
        let scope = format!("{}.{}", selection.variant, selection.arch);
        for selected in &selection.packages {
            let places =
                versions.entry(&selected.package.source).or_default().entry(&selected.package.source_version).or_default();
            if places.last() != Some(&scope) {
                places.push(scope.clone());
            }
        }
    }
    let uneven = versions.into_iter().filter(|(_, versions)| versions.len() > 1);
    let finding = |(source, versions): (&str, BTreeMap<&str, Vec<String>>)| {
        let places = versions.iter().map(|(version, scopes)| format!("{version} in {}", scopes.join(", ")));
        Finding {
            check: "same-versions".to_owned(),
            severity,
            scope: String::new(),
            subject: source.to_owned(),
            message: format!(
                "packages of the source {source} are there in several versions: {}",
                places.collect::<Vec<_>>().join("; ")
            ),
            hint: None,
        }
    };
    uneven.map(finding).collect()
}
