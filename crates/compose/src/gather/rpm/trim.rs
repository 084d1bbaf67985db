//! Variants share packages with those inside them: what one has the others do not repeat.

use std::collections::{BTreeMap, BTreeSet};

use super::{RpmRole, RpmSelection, SelectedRpm};
use crate::config::pungi::variants::Kind;
use crate::package_set::rpm_set::RpmSet;

/// What was selected for a variant on an arch.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    pub uid: &'a str,
    pub arch: &'a str,
    pub kind: Kind,
    /// The UID of the variant that it is inside of.
    pub parent: Option<&'a str>,
    pub selection: &'a RpmSelection,
}

/// Files of packages, each once.
pub type Files = BTreeMap<RpmRole, BTreeSet<String>>;

/// What each variant has on each arch, by UID and arch.
pub type Trimmed = BTreeMap<(String, String), Files>;

/// Names of packages by their role.
type Names = BTreeMap<RpmRole, BTreeSet<String>>;

/// Shares packages between all variants: addons take nothing that their parents have; layered products nothing of addons besides;
/// optional variants nothing of either. Names of any arch count.
pub fn trim(set: &RpmSet, trees: &[Tree<'_>]) -> Trimmed {
    let mut trimmed: Trimmed = trees
        .iter()
        .filter(|tree| tree.parent.is_none())
        .map(|tree| (key(tree.uid, tree.arch), files(set, tree.selection)))
        .collect();
    let mut removed = Names::new();
    for kind in [Kind::Addon, Kind::LayeredProduct, Kind::Optional] {
        let mut of_kind: Vec<&Tree<'_>> = trees.iter().filter(|tree| tree.kind == kind).collect();
        of_kind.sort_by_key(|tree| (tree.arch, tree.uid));
        let mut taken = Names::new();
        for tree in of_kind {
            let parent = key(tree.parent.unwrap_or_default(), tree.arch);
            let kept = keep(set, trimmed.entry(parent).or_default(), tree, &removed);
            merge(&mut taken, &names(set, &kept));
            trimmed.insert(key(tree.uid, tree.arch), kept);
        }
        merge(&mut removed, &taken);
    }
    trimmed
}

fn key(uid: &str, arch: &str) -> (String, String) {
    (uid.to_owned(), arch.to_owned())
}

/// What a variant keeps; what only completes its parent's source packages goes to the parent.
fn keep(set: &RpmSet, parent: &mut Files, tree: &Tree<'_>, removed: &Names) -> Files {
    let named = parent.iter().flat_map(|(role, files)| files.iter().filter_map(|file| Some((*role, name_and_arch(set, file)?))));
    let in_parent: BTreeSet<(RpmRole, (&str, &str))> = named.collect();
    let mut kept = Files::new();
    let mut completing: Vec<(RpmRole, String)> = Vec::new();
    for rpm in own(&tree.selection.packages) {
        let SelectedRpm { file, role, .. } = rpm;
        let Some(name_and_arch) = name_and_arch(set, file) else { continue };
        let is_removed = removed.get(role).is_some_and(|names| names.contains(name_and_arch.0));
        let stays_in_product = tree.kind == Kind::LayeredProduct && *role != RpmRole::Binary;
        if (is_removed && !stays_in_product) || in_parent.contains(&(*role, name_and_arch)) {
            continue;
        }
        let completes_parent = rpm.has_flag("fulltree-exclude") && !rpm.has_flag("input");
        if completes_parent && tree.kind != Kind::Optional {
            completing.push((*role, file.clone()));
        } else {
            kept.entry(*role).or_default().insert(file.clone());
        }
    }
    for (role, file) in completing {
        parent.entry(role).or_default().insert(file);
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
    let name = |file: &String| name_and_arch(set, file).map(|(name, _)| name.to_owned());
    files.iter().map(|(role, files)| (*role, files.iter().filter_map(name).collect())).collect()
}

fn merge(names: &mut Names, more: &Names) {
    for (role, more) in more {
        names.entry(*role).or_default().extend(more.iter().cloned());
    }
}

fn name_and_arch<'a>(set: &'a RpmSet, file: &str) -> Option<(&'a str, &'a str)> {
    let package = set.package(set.find(file)?);
    Some((package.name(), package.arch()))
}
