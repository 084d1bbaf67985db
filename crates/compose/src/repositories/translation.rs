//! Translation-en: the long descriptions of the packages in a repository, which Debian's indexes do not hold.

use std::collections::BTreeMap;

use md5::{Digest as _, Md5};

use super::{PackageReader, RepositoryError, stanza};
use crate::package_set::lock::LockedPackage;

/// One entry for each package and description, sorted by them. Versions and architectures mostly share one.
pub(super) fn translation_text<'a>(
    packages: impl Iterator<Item = &'a LockedPackage>,
    reader: PackageReader<'_>,
) -> Result<Vec<u8>, RepositoryError> {
    let mut entries = BTreeMap::new();
    for package in packages {
        // Without this field the entry holds the long description itself.
        let Some(md5) = stanza::field(&package.stanza, "Description-md5") else { continue };
        let key = (package.name.as_str(), md5);
        if entries.contains_key(&key) {
            continue;
        }
        let description =
            (reader.description)(package).map_err(|source| RepositoryError::Unreadable { package: package.id(), source })?;
        // Another text than the one the entry speaks of would never be shown: clients look it up by its digest.
        if let Some(description) = description.filter(|text| description_md5(text) == md5) {
            entries.insert(key, description);
        }
    }
    let entry = |((name, md5), text): (&(&str, &str), &String)| {
        format!("Package: {name}\nDescription-md5: {md5}\nDescription-en: {}\n\n", text.trim_end())
    };
    Ok(entries.iter().map(entry).collect::<String>().into_bytes())
}

/// The digest by which apt finds a description: of the field's value as the control file has it, with a line end.
pub fn description_md5(description: &str) -> String {
    let mut hasher = Md5::new();
    hasher.update(description.trim_end().as_bytes());
    hasher.update(b"\n");
    format!("{:x}", hasher.finalize())
}
