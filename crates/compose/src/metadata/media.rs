//! `.discinfo` and `media.repo`: what installers look for to know a medium.

use std::collections::BTreeMap;

use super::python_format::{FormatError, expand_percent};

/// Which of a set of discs a `.discinfo` is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disc {
    /// A tree, which is all of them.
    All,
    Number(u32),
}

/// The text of a `.discinfo`. The time stamp tells one compose's media from another's.
pub fn discinfo(timestamp: &str, description: &str, arch: &str, disc: Disc) -> String {
    let disc = match disc {
        Disc::All => "ALL".to_owned(),
        Disc::Number(number) => number.to_string(),
    };
    format!("{timestamp}\n{description}\n{arch}\n{disc}\n")
}

/// The text of a `media.repo`, by which a running system knows that the right medium is in the drive. Where there is no time stamp Pungi
/// writes the word `None`.
pub fn media_repo(description: &str, timestamp: Option<&str>) -> String {
    let id = timestamp.unwrap_or("None");
    format!("[InstallMedia]\nname={description}\nmediaid={id}\nmetadata_expire=-1\ngpgcheck=0\ncost=500\n")
}

/// What a medium calls itself: `Harbour Storage 3.2 for Harbour Linux 1`.
pub fn medium_description(release: (&str, &str), base_product: Option<(&str, &str)>) -> String {
    let (name, version) = release;
    let base = base_product.map(|(name, version)| format!(" for {name} {version}")).unwrap_or_default();
    format!("{name} {version}{base}")
}

/// What the configuration has a medium call itself, with `%(variant_name)s` and `%(arch)s` put in.
pub fn configured_description(format: &str, variant_name: &str, arch: &str) -> Result<String, FormatError> {
    expand_percent(format, &BTreeMap::from([("variant_name", variant_name.to_owned()), ("arch", arch.to_owned())]))
}
