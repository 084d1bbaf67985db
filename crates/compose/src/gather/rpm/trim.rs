//! A variant and those inside it share packages: what one has the others do not repeat.

use std::collections::{BTreeMap, BTreeSet};

use super::{RpmRole, RpmSelection, SelectedRpm};
use crate::config::pungi::variants::Kind;
use crate::package_set::rpm_set::RpmSet;

/// A variant inside another, and what was selected for it.
#[derive(Debug, Clone, Copy)]
pub struct Child<'a> {
    pub uid: &'a str,
    pub kind: Kind,
    pub selection: &'a RpmSelection,
}

/// Files of packages, each once.
pub type Files = BTreeMap<RpmRole, BTreeSet<String>>;

/// What a family of variants has on one arch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trimmed {
    pub parent: Files,
    /// By UID.
    pub children: BTreeMap<String, Files>,
}

/// Names of packages by their role.
type Names = BTreeMap<RpmRole, BTreeSet<String>>;

/// Shares packages between a variant and its children: addons, then layered products, then optional ones.
pub fn trim(set: &RpmSet, parent: &RpmSelection, children: &[Child<'_>]) -> Trimmed {
    let mut trimmed = Trimmed { parent: files(set, parent), children: BTreeMap::new() };
    let mut addons = Names::new();
    let mut products = Names::new();
    for kind in [Kind::Addon, Kind::LayeredProduct, Kind::Optional] {
        for child in children.iter().filter(|child| child.kind == kind) {
            let mut removed = Names::new();
            if kind != Kind::Addon {
                merge(&mut removed, &addons);
            }
            if kind == Kind::Optional {
                merge(&mut removed, &products);
            }
            let kept = keep(set, &mut trimmed.parent, child, &removed);
            match kind {
                Kind::Addon => merge(&mut addons, &names(set, &kept)),
                Kind::LayeredProduct => merge(&mut products, &names(set, &kept)),
                Kind::Variant | Kind::Optional => {}
            }
            trimmed.children.insert(child.uid.to_owned(), kept);
        }
    }
    trimmed
}

/// What a child keeps; what only completes the parent's source packages goes to the parent.
fn keep(set: &RpmSet, parent: &mut Files, child: &Child<'_>, removed: &Names) -> Files {
    let in_parent: BTreeSet<(RpmRole, String, String)> = parent
        .iter()
        .flat_map(|(role, files)| files.iter().filter_map(|file| Some((*role, name_and_arch(set, file)?))))
        .map(|(role, (name, arch))| (role, name, arch))
        .collect();
    let mut kept = Files::new();
    for rpm in own(&child.selection.packages) {
        let SelectedRpm { file, role, .. } = rpm;
        let Some((name, arch)) = name_and_arch(set, file) else { continue };
        let is_removed = removed.get(role).is_some_and(|names| names.contains(&name));
        let stays_in_product = child.kind == Kind::LayeredProduct && *role != RpmRole::Binary;
        if (is_removed && !stays_in_product) || in_parent.contains(&(*role, name, arch)) {
            continue;
        }
        let completes_parent = rpm.has_flag("fulltree-exclude") && !rpm.has_flag("input");
        let is_of_parent = child.kind != Kind::Optional && completes_parent;
        let owner = if is_of_parent { &mut *parent } else { &mut kept };
        owner.entry(*role).or_default().insert(file.clone());
    }
    kept
}

/// Packages of lookaside repositories are nobody's.
fn own(packages: &[SelectedRpm]) -> impl Iterator<Item = &SelectedRpm> {
    packages.iter().filter(|rpm| !rpm.has_flag("lookaside"))
}

fn files(set: &RpmSet, selection: &RpmSelection) -> Files {
    let mut files = Files::new();
    for rpm in own(&selection.packages).filter(|rpm| set.find(&rpm.file).is_some()) {
        files.entry(rpm.role).or_default().insert(rpm.file.clone());
    }
    files
}

fn names(set: &RpmSet, files: &Files) -> Names {
    let name = |file: &String| name_and_arch(set, file).map(|(name, _)| name);
    files.iter().map(|(role, files)| (*role, files.iter().filter_map(name).collect())).collect()
}

fn merge(names: &mut Names, more: &Names) {
    for (role, more) in more {
        names.entry(*role).or_default().extend(more.iter().cloned());
    }
}

fn name_and_arch(set: &RpmSet, file: &str) -> Option<(String, String)> {
    let package = set.package(set.find(file)?);
    Some((package.name().to_owned(), package.arch().to_owned()))
}
