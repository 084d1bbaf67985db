//! Translation-en: the long descriptions of the packages in a repository, which Debian's indexes do not hold.

use std::collections::BTreeMap;

use charmer_packages::deb;

use super::{PackageReader, RepositoryError};
use crate::package_set::lock::LockedPackage;

/// One entry for each package and description, sorted by them. Versions and architectures mostly share one.
pub(super) fn translation_text<'a>(
    packages: impl Iterator<Item = &'a LockedPackage>,
    reader: PackageReader<'_>,
) -> Result<Vec<u8>, RepositoryError> {
    let mut entries = BTreeMap::new();
    for package in packages {
        // Without this field the entry holds the long description itself.
        let Some(md5) = deb::field(package.stanza.as_bytes(), "Description-md5") else { continue };
        let key = (package.name.as_str(), md5);
        if entries.contains_key(&key) {
            continue;
        }
        let description =
            (reader.description)(package).map_err(|source| RepositoryError::Unreadable { package: package.id(), source })?;
        // Another text than the one the entry speaks of would never be shown: clients look it up by its digest.
        if let Some(description) = description.filter(|description| description.md5 == md5) {
            entries.insert(key, description.text);
        }
    }
    let entry = |((name, md5), text): (&(&str, &str), &String)| {
        format!("Package: {name}\nDescription-md5: {md5}\nDescription-en: {}\n\n", text.trim_end())
    };
    Ok(entries.iter().map(entry).collect::<String>().into_bytes())
}
