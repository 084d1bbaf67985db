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

/// A package as one variant tells it from another's.
type Key<'a> = (RpmRole, &'a str, &'a str);

/// Shares packages between all variants: addons take nothing that their parents have; layered products nothing of addons besides;
/// optional variants nothing of either. Names of any arch count, and so does what a variant only builds upon.
pub fn trim(set: &RpmSet, trees: &[Tree<'_>]) -> Trimmed {
    let mut trimmed = Trimmed::new();
    let mut known: BTreeMap<(String, String), BTreeSet<Key<'_>>> = BTreeMap::new();
    for tree in trees.iter().filter(|tree| tree.parent.is_none()) {
        let keys = tree.selection.packages.iter().filter_map(|rpm| key_of(set, rpm));
        known.insert(key(tree.uid, tree.arch), keys.chain(keys_elsewhere(tree.selection)).collect());
        trimmed.insert(key(tree.uid, tree.arch), files(set, tree.selection));
    }
    let mut removed = Names::new();
    for kind in [Kind::Addon, Kind::LayeredProduct, Kind::Optional] {
        let mut of_kind: Vec<&Tree<'_>> = trees.iter().filter(|tree| tree.kind == kind).collect();
        of_kind.sort_by_key(|tree| (tree.arch, tree.uid));
        let mut taken = Names::new();
        for tree in of_kind {
            let parent = key(tree.parent.unwrap_or_default(), tree.arch);
            let of_parent = known.entry(parent.clone()).or_default();
            let kept = keep(set, of_parent, tree, &removed, &mut taken);
            let parent = trimmed.entry(parent).or_default();
            for rpm in kept.to_parent {
                if !is_lookaside(rpm) {
                    parent.entry(rpm.role).or_default().insert(rpm.file.clone());
                }
                of_parent.extend(key_of(set, rpm));
            }
            trimmed.insert(key(tree.uid, tree.arch), kept.files);
        }
        for (role, names) in taken {
            removed.entry(role).or_default().extend(names);
        }
    }
    trimmed
}

fn key(uid: &str, arch: &str) -> (String, String) {
    (uid.to_owned(), arch.to_owned())
}

/// What becomes of a variant's packages.
struct Kept<'a> {
    files: Files,
    /// What only completes the source packages of its parent.
    to_parent: Vec<&'a SelectedRpm>,
}

fn keep<'a>(set: &RpmSet, of_parent: &BTreeSet<Key<'_>>, tree: &Tree<'a>, removed: &Names, taken: &mut Names) -> Kept<'a> {
    let mut kept = Kept { files: Files::new(), to_parent: Vec::new() };
    let mut keep = |rpm: &SelectedRpm| {
        if !is_lookaside(rpm) {
            kept.files.entry(rpm.role).or_default().insert(rpm.file.clone());
        }
    };
    for rpm in &tree.selection.packages {
        let Some(key) = key_of(set, rpm) else { continue };
        let (role, name, _) = key;
        if removed.get(&role).is_some_and(|names| names.contains(name)) {
            // Whoever has the product may not have the addon: what its packages are built from must be there.
            if tree.kind == Kind::LayeredProduct && role != RpmRole::Binary {
                keep(rpm);
            }
            continue;
        }
        if of_parent.contains(&key) {
            continue;
        }
        if tree.kind != Kind::Optional && rpm.has_flag("fulltree-exclude") && !rpm.has_flag("input") {
            kept.to_parent.push(rpm);
            continue;
        }
        keep(rpm);
        taken.entry(role).or_default().insert(name.to_owned());
    }
    for key in keys_elsewhere(tree.selection).filter(|key| !of_parent.contains(key)) {
        taken.entry(key.0).or_default().insert(key.1.to_owned());
    }
    kept
}

fn key_of<'a>(set: &'a RpmSet, rpm: &SelectedRpm) -> Option<Key<'a>> {
    let package = set.package(set.find(&rpm.file)?);
    Some((rpm.role, package.name(), package.arch()))
}

fn keys_elsewhere(selection: &RpmSelection) -> impl Iterator<Item = Key<'_>> {
    selection.elsewhere.iter().map(|rpm| (rpm.role, rpm.name.as_str(), rpm.arch.as_str()))
}

/// Packages of lookaside repositories are nobody's.
fn is_lookaside(rpm: &SelectedRpm) -> bool {
    rpm.has_flag("lookaside")
}

fn files(set: &RpmSet, selection: &RpmSelection) -> Files {
    let mut files = Files::new();
    for rpm in selection.packages.iter().filter(|rpm| !is_lookaside(rpm) && set.find(&rpm.file).is_some()) {
        files.entry(rpm.role).or_default().insert(rpm.file.clone());
    }
    files
}
