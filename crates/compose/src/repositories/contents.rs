//! Contents: which package has which file, for `apt-file` and its like.

use std::fmt::Write as _;

use charmer_packages::deb;

use super::details::PackageDetails;
use crate::package_set::lock::LockedPackage;

/// One line for each path, sorted, with all packages that have it.
pub(super) fn contents_text(packages: &[&LockedPackage], details: &PackageDetails) -> Vec<u8> {
    let names: Vec<String> = packages.iter().map(|package| qualified_name(package)).collect();
    let mut lines: Vec<(&str, &str)> = Vec::new();
    for (package, name) in packages.iter().zip(&names) {
        let paths = details.of(package).paths.iter().filter(|path| !path.contains('\n'));
        lines.extend(paths.map(|path| (path.as_str(), name.as_str())));
    }
    lines.sort_unstable();
    // Several versions of a package have mostly the same files.
    lines.dedup();
    let mut text = String::new();
    for same_path in lines.chunk_by(|left, right| left.0 == right.0) {
        let owners: Vec<&str> = same_path.iter().map(|(_, name)| *name).collect();
        writeln!(text, "{:<55} {}", same_path[0].0, owners.join(",")).expect("memory takes it");
    }
    text.into_bytes()
}

/// `section/name`, as the lines name packages.
fn qualified_name(package: &LockedPackage) -> String {
    match deb::field(package.stanza.as_bytes(), "Section") {
        Some(section) => format!("{section}/{}", package.name),
        None => package.name.clone(),
    }
}
