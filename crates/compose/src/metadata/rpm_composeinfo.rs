//! The `composeinfo.json` of a compose of RPM packages, from its configuration and the folders that there are.
//!
//! Must not know: how anything was made.

use std::collections::BTreeSet;

use super::ComposeRecord;
use super::composeinfo::{BaseProductRecord, ReleaseRecord, VariantRecord, composeinfo_json};
use super::rpm_paths::{VariantPlace, variant_paths};
use super::rpm_trees::plain_id;
use crate::config::RpmConfig;
use crate::config::pungi::variants::{Kind, Variant};
use crate::config::rpm::RpmVariant;

/// The file's text. `is_folder` tells whether there is a folder below the compose's folder `compose`.
pub fn rpm_composeinfo_json(config: &RpmConfig, compose: &ComposeRecord, is_folder: impl Fn(&str) -> bool) -> String {
    let base_product = config.base_product.as_ref().map(|base| BaseProductRecord {
        name: base.name.clone(),
        short: base.short.clone(),
        release_type: base.kind.clone(),
        version: base.version.clone(),
    });
    let release = ReleaseRecord {
        internal: config.release.internal,
        is_layered: config.base_product.is_some(),
        name: config.release.name.clone(),
        short: config.release.short.clone(),
        release_type: config.release.kind.clone(),
        version: config.release.version.clone(),
    };
    let variants: Vec<_> = config.variants.iter().map(|variant| variant_record(config, variant, &is_folder)).collect();
    composeinfo_json(compose, &release, base_product.as_ref(), &variants)
}

fn variant_record(
    config: &RpmConfig,
    RpmVariant { identity, .. }: &RpmVariant,
    is_folder: &impl Fn(&str) -> bool,
) -> VariantRecord {
    let arches: BTreeSet<String> = identity.arches.iter().cloned().collect();
    VariantRecord {
        paths: variant_paths(place(identity), &arches, is_folder),
        arches,
        id: plain_id(&identity.id),
        name: identity.name.clone(),
        release: identity.release.as_ref().filter(|_| identity.kind == Kind::LayeredProduct).map(|own| ReleaseRecord {
            internal: false,
            is_layered: true,
            name: own.name.clone(),
            short: own.short.clone(),
            release_type: config.release.kind.clone(),
            version: own.version.clone(),
        }),
        variant_type: identity.kind.name().to_owned(),
        uid: identity.uid.clone(),
        variants: config.children(&identity.uid).map(|child| plain_id(&child.identity.id)).collect(),
    }
}

fn place(variant: &Variant) -> VariantPlace<'_> {
    match (&variant.parent, variant.kind) {
        (Some(parent), Kind::Addon) => VariantPlace::Addon { parent_uid: parent, id: &variant.id },
        _ => VariantPlace::Own { uid: &variant.uid },
    }
}
