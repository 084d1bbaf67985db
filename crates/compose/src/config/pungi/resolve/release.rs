//! Options of the release, and of the product that it stands on.

use super::{is_on, text};
use crate::config::pungi::value::Dict;
use crate::config::rpm::{BaseProduct, RpmRelease};
use crate::metadata::names::ComposeType;

pub(super) fn release(values: &Dict) -> RpmRelease {
    let version = text(values, "release_version").unwrap_or_default();
    RpmRelease {
        name: text(values, "release_name").unwrap_or_default().to_owned(),
        short: text(values, "release_short").unwrap_or_default().to_owned(),
        version: version.to_owned(),
        kind: text(values, "release_type").unwrap_or("ga").to_owned(),
        internal: is_on(values, "release_internal"),
        treeinfo_version: text(values, "treeinfo_version").unwrap_or(version).to_owned(),
        discinfo_description: text(values, "release_discinfo_description").map(str::to_owned),
    }
}

pub(super) fn base_product(values: &Dict) -> Option<BaseProduct> {
    Some(BaseProduct {
        name: text(values, "base_product_name")?.to_owned(),
        short: text(values, "base_product_short")?.to_owned(),
        version: text(values, "base_product_version")?.to_owned(),
        kind: text(values, "base_product_type").unwrap_or("ga").to_owned(),
    })
}

pub(super) fn compose_type(values: &Dict) -> Option<ComposeType> {
    match text(values, "compose_type")? {
        "test" => Some(ComposeType::Test),
        "ci" => Some(ComposeType::Ci),
        "nightly" => Some(ComposeType::Nightly),
        "development" => Some(ComposeType::Development),
        _ => Some(ComposeType::Production),
    }
}
