//! Contents: which package has which file, for `apt-file` and its like.

use std::fmt::Write as _;

use charmer_packages::deb;

use super::{PackageReader, RepositoryError};
use crate::package_set::lock::LockedPackage;

/// One line for each path, sorted, with all packages that have it. It holds every path of the packages in memory.
pub(super) fn contents_text(packages: &[&LockedPackage], reader: PackageReader<'_>) -> Result<Vec<u8>, RepositoryError> {
    let mut names: Vec<String> = Vec::with_capacity(packages.len());
    let mut lines: Vec<(String, u32)> = Vec::new();
    for package in packages {
        let paths = (reader.paths)(package).map_err(|source| RepositoryError::Unreadable { package: package.id(), source })?;
        let number = u32::try_from(names.len()).expect("a repository has fewer packages");
        names.push(qualified_name(package));
        lines.extend(paths.into_iter().filter(|path| !path.contains('\n')).map(|path| (path, number)));
    }
    lines.sort_unstable_by(|left, right| (&left.0, &names[left.1 as usize]).cmp(&(&right.0, &names[right.1 as usize])));
    // Several versions of a package have mostly the same files.
    lines.dedup_by(|left, right| left.0 == right.0 && names[left.1 as usize] == names[right.1 as usize]);
    let mut text = String::new();
    for same_path in lines.chunk_by(|left, right| left.0 == right.0) {
        let owners: Vec<&str> = same_path.iter().map(|(_, number)| names[*number as usize].as_str()).collect();
        writeln!(text, "{:<55} {}", same_path[0].0, owners.join(",")).expect("memory takes it");
    }
    Ok(text.into_bytes())
}

/// `section/name`, as the lines name packages.
fn qualified_name(package: &LockedPackage) -> String {
    match deb::field(package.stanza.as_bytes(), "Section") {
        Some(section) => format!("{section}/{}", package.name),
        None => package.name.clone(),
    }
}
