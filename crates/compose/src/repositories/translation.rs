//! Translation-en: the long descriptions of the packages in a repository, which Debian's indexes do not hold.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::details::PackageDetails;
use crate::package_set::lock::LockedPackage;

/// One entry for each package and description, sorted by them. Versions and architectures mostly share one.
pub(super) fn translation_text<'a>(packages: impl Iterator<Item = &'a LockedPackage>, details: &PackageDetails) -> Vec<u8> {
    let mut entries = BTreeMap::new();
    for package in packages {
        if let Some(description) = &details.of(package).description {
            entries.insert((package.name.as_str(), description.md5.as_str()), description.text.trim_end());
        }
    }
    let mut text = String::new();
    for ((name, md5), description) in entries {
        write!(text, "Package: {name}\nDescription-md5: {md5}\nDescription-en: {description}\n\n").expect("memory takes it");
    }
    text.into_bytes()
}
