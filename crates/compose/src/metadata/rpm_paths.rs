//! Where the parts of a variant of RPM packages lie, relative to the compose's `compose` folder.

use std::collections::{BTreeMap, BTreeSet};

use super::composeinfo::PathKind;

/// Whose folders a variant's parts lie in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VariantPlace<'a> {
    /// Its own, named by its uid.
    Own { uid: &'a str },
    /// Its parent's tree, in a folder named by its id: an addon has no media of its own.
    Addon { parent_uid: &'a str, id: &'a str },
}

/// A variant's paths by kind and architecture. Those that `is_folder` does not know are left out.
pub fn variant_paths(
    place: VariantPlace<'_>,
    arches: &BTreeSet<String>,
    is_folder: impl Fn(&str) -> bool,
) -> BTreeMap<PathKind, BTreeMap<String, String>> {
    let mut paths: BTreeMap<PathKind, BTreeMap<String, String>> = BTreeMap::new();
    for arch in arches {
        for (kind, path) in paths_of_arch(place, arch) {
            if is_folder(&path) {
                paths.entry(kind).or_default().insert(arch.clone(), path);
            }
        }
    }
    paths
}

fn paths_of_arch(place: VariantPlace<'_>, arch: &str) -> Vec<(PathKind, String)> {
    let uid = match place {
        VariantPlace::Own { uid } | VariantPlace::Addon { parent_uid: uid, .. } => uid,
    };
    let os = format!("{uid}/{arch}/os");
    let source = format!("{uid}/source/tree");
    let debug = format!("{uid}/{arch}/debug/tree");
    let repository = |tree: &str| match place {
        VariantPlace::Own { .. } => tree.to_owned(),
        VariantPlace::Addon { id, .. } => format!("{tree}/addons/{id}"),
    };
    let packages = |tree: &str| match place {
        VariantPlace::Own { .. } => format!("{tree}/Packages"),
        VariantPlace::Addon { .. } => repository(tree),
    };
    let mut paths = vec![
        (PathKind::Packages, packages(&os)),
        (PathKind::Repository, repository(&os)),
        (PathKind::OsTree, os),
        (PathKind::SourcePackages, packages(&source)),
        (PathKind::SourceRepository, repository(&source)),
        (PathKind::SourceTree, source),
        (PathKind::DebugPackages, packages(&debug)),
        (PathKind::DebugRepository, repository(&debug)),
        (PathKind::DebugTree, debug),
    ];
    if let VariantPlace::Own { uid } = place {
        paths.extend([
            (PathKind::Images, format!("{uid}/{arch}/images")),
            (PathKind::Isos, format!("{uid}/{arch}/iso")),
            (PathKind::Jigdos, format!("{uid}/{arch}/jigdo")),
            (PathKind::SourceIsos, format!("{uid}/source/iso")),
            (PathKind::SourceJigdos, format!("{uid}/source/jigdo")),
        ]);
    }
    paths
}
