//! Whether a lock fits a configuration, as far as the two alone tell, which is before a compose begins: what the compose will select is
//! selected here already.
//!
//! Must not know: indexes, jobs.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::Config;
use crate::config::resolved::{DebMirror, Origin};
use crate::finding::{Finding, Severity};
use crate::package_set::archive::packages_path;
use crate::package_set::lock::{Lock, LockedIndex};
use crate::package_set::plan::{locked_set, locked_udebs};

use super::plan::{ComposeDate, make_lock};
use super::{Question, Selection, installer, seeds, select};

/// A lock that no compose of the configuration can be made from: all that is wrong with it.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the lock does not fit the configuration:\n  {}", .0.join("\n  "))]
pub struct Misfit(Vec<String>);

impl Misfit {
    pub(super) fn new(lines: Vec<String>) -> Self {
        Self(lines)
    }
}

/// Looks at everything that a lock can lack. An `exact` lock holds nothing that the configuration does not need either, and comes from
/// the configuration's archives as they are.
pub fn check(lock: &Lock, config: &Config, exact: bool) -> Result<(), Misfit> {
    let refuse = |lines: Vec<String>| if lines.is_empty() { Ok(()) } else { Err(Misfit(lines)) };
    if exact {
        refuse(other_indexes(lock, config))?;
    }
    let set = locked_set(lock, config).map_err(|error| Misfit(vec![error.to_string()]))?;
    refuse(fatal(&seeds::check(&set, config).map_err(|error| Misfit(vec![error.to_string()]))?))?;

    let mut selections: Vec<Arc<Option<Selection>>> = Vec::new();
    let mut wrong = Vec::new();
    for variant in &config.variants {
        for arch in &variant.arches {
            let of_parent =
                |selection: &&Selection| variant.parent.as_ref() == Some(&selection.variant) && selection.arch == arch.arch;
            let parent = selections.iter().filter_map(|selection| selection.as_ref().as_ref()).find(of_parent);
            if variant.parent.is_some() && parent.is_none() {
                continue;
            }
            let selected = select(&set, &Question::of(config, variant, arch, parent, true));
            let (selection, findings) = selected.map_err(|error| Misfit(vec![error.to_string()]))?;
            let lines = fatal(&findings);
            if lines.is_empty() {
                selections.push(Arc::new(Some(selection)));
            } else if !arch.failable {
                wrong.extend(lines);
            }
        }
    }
    refuse(wrong)?;
    refuse(unknown_archives(&selections, config))?;
    let of_variants: Vec<_> = selections.iter().filter_map(|selection| selection.as_ref().as_ref()).collect();
    let udebs = locked_udebs(lock, config).map_err(|error| Misfit(vec![error.to_string()]))?;
    let installers = installer::of_lock(config, (&set, &udebs), &of_variants);
    let (installers, findings) = installers.map_err(|error| Misfit(vec![error.report.message]))?;
    refuse(fatal(&findings))?;
    if exact {
        let installers: Vec<_> = installers.iter().collect();
        let needed = make_lock(&lock.ecosystem, &[], (&selections, &installers), Some(lock), ComposeDate(lock.date));
        refuse(Lock::diff(lock, &needed).iter().map(ToString::to_string).collect())?;
    }
    Ok(())
}

/// What holds for several arches is said once.
fn fatal(findings: &[Finding]) -> Vec<String> {
    let fatal = findings.iter().filter(|finding| finding.severity == Severity::Fatal);
    let lines: BTreeSet<_> = fatal.map(|finding| format!("{}: {}", finding.subject, finding.message)).collect();
    lines.into_iter().collect()
}

/// Indexes that the configuration would read and the lock was not made from, and those of the lock that it would not read.
fn other_indexes(lock: &Lock, config: &Config) -> Vec<String> {
    let mirrors = config.archives.iter().filter_map(|(name, archive)| match &archive.origin {
        Origin::DebMirror(mirror) => Some((name, archive, mirror)),
        Origin::Overlay { .. } => None,
    });
    let mut wanted: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut lines = Vec::new();
    for (name, archive, mirror) in mirrors {
        for suite in &mirror.suites {
            wanted.insert((name, suite));
            match lock.indexes.iter().find(|index| (&index.archive, &index.suite) == (name, suite)) {
                None => lines.push(format!("archive {name}: the lock was not made from its suite {suite}")),
                Some(index) => lines.extend(missing_files(index, mirror, &archive.arches)),
            }
        }
    }
    let surplus = lock.indexes.iter().filter(|index| !wanted.contains(&(index.archive.as_str(), index.suite.as_str())));
    lines.extend(surplus.map(|index| {
        format!("archive {}: the lock was made from its suite {}, which is not configured", index.archive, index.suite)
    }));
    lines
}

fn missing_files(index: &LockedIndex, mirror: &DebMirror, arches: &[String]) -> Vec<String> {
    let read = |path: &str| index.files.iter().any(|file| file.path.strip_prefix(path).is_some_and(|rest| !rest.contains('/')));
    let each = mirror.components.iter().flat_map(|component| arches.iter().map(move |arch| (component, arch)));
    let missing = each.filter(|(component, arch)| !read(&packages_path(component, arch)));
    let line = |(component, arch)| {
        format!("archive {}: the lock was not made from {component} for {arch} of its suite {}", index.archive, index.suite)
    };
    missing.map(line).collect()
}

fn unknown_archives(selections: &[Arc<Option<Selection>>], config: &Config) -> Vec<String> {
    let selections = selections.iter().filter_map(|selection| selection.as_ref().as_ref());
    let archives = selections.flat_map(|selection| {
        let packages = selection.packages.iter().map(|selected| &*selected.package.archive);
        packages.chain(selection.sources.iter().map(|source| source.archive.as_str()))
    });
    let unknown: BTreeSet<_> = archives.filter(|archive| !config.archives.contains_key(*archive)).collect();
    unknown.into_iter().map(|archive| format!("it takes packages from the archive {archive}, which is not configured")).collect()
}
