//! Which packages of a set each arch has.

use std::collections::{BTreeMap, HashMap, HashSet};

use charmer_packages::rpm::arch;

use super::{PackageSetSpec, RpmSet, SetPackage};

/// Sorts packages into the arches of the compose.
pub(super) fn sort_into_arches(mut packages: Vec<SetPackage>, spec: &PackageSetSpec) -> RpmSet {
    if spec.noarch_inherits_exclusive_arch {
        inherit_restrictions(&mut packages);
    }
    let mut set = RpmSet { packages, arches: BTreeMap::new(), excluded: Vec::new(), repositories: Vec::new() };
    for (tree, of_arch) in &spec.arches {
        let members = members(&set.packages, tree, of_arch.multilib, spec.exclusive_arch_considers_noarch, &mut set.excluded);
        set.arches.insert(tree.clone(), members);
    }
    set.excluded.sort();
    set.excluded.dedup();
    set
}

/// A package for any arch is only for those that its source is for.
fn inherit_restrictions(packages: &mut [SetPackage]) {
    let restrictions = |package: &SetPackage| (package.exclude_arch.clone(), package.exclusive_arch.clone());
    let sources: HashMap<String, _> = packages
        .iter()
        .filter(|package| package.package.is_source())
        .map(|source| (source.file_name().to_owned(), restrictions(source)))
        .collect();
    for package in packages.iter_mut().filter(|package| package.package.arch() == "noarch") {
        if let Some((exclude, exclusive)) = sources.get(package.package.source_rpm()) {
            package.exclude_arch.clone_from(exclude);
            package.exclusive_arch.clone_from(exclusive);
        }
    }
}

/// The packages that run on an arch, then the sources of those.
fn members(packages: &[SetPackage], tree: &str, multilib: bool, considers_noarch: bool, excluded: &mut Vec<String>) -> Vec<u32> {
    let package_arch = arch::of_tree(tree);
    let usable: HashSet<&str> =
        if multilib { arch::compatible(package_arch) } else { arch::native(package_arch) }.into_iter().collect();
    let natives: HashSet<&str> =
        arch::native(package_arch).into_iter().filter(|arch| considers_noarch || *arch != "noarch").collect();
    let numbered = || (0_u32..).zip(packages);
    let mut members = Vec::new();
    let mut source_names: HashSet<&str> = HashSet::new();
    for (number, package) in numbered().filter(|(_, package)| usable.contains(package.package.arch())) {
        if package.package.arch() == "noarch"
            && let Some(reason) = exclusion(package, &natives)
        {
            excluded.push(reason);
            continue;
        }
        source_names.insert(source_name(package.package.source_rpm()));
        members.push(number);
    }
    let is_source_of_one = |package: &SetPackage| package.package.is_source() && source_names.contains(package.package.name());
    members.extend(numbered().filter(|(_, package)| is_source_of_one(package)).map(|(number, _)| number));
    members.sort_unstable();
    members
}

/// Why a package is not for any of some arches.
fn exclusion(package: &SetPackage, natives: &HashSet<&str>) -> Option<String> {
    let is_native = |arch: &String| natives.contains(arch.as_str());
    let said = |what: &str, arches: &[String]| {
        let list: Vec<String> = arches.iter().map(|arch| format!("'{arch}'")).collect();
        format!("Excluding ({what}: [{}]): {}", list.join(", "), package.file_name())
    };
    if package.exclude_arch.iter().any(is_native) {
        return Some(said("EXCLUDEARCH", &package.exclude_arch));
    }
    let exclusive = &package.exclusive_arch;
    (!exclusive.is_empty() && !exclusive.iter().any(is_native)).then(|| said("EXCLUSIVEARCH", exclusive))
}

/// The name of a source package by its file name.
fn source_name(file_name: &str) -> &str {
    let mut parts = file_name.rsplitn(3, '-');
    parts.nth(2).unwrap_or(file_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_names_may_have_dashes() {
        assert_eq!(source_name("a-b-1.0-2.src.rpm"), "a-b");
        assert_eq!(source_name("odd"), "odd");
    }
}
