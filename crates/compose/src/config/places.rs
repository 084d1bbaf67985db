//! Where in the file the words stand that only the archives can judge: seeds. A compose that misses one says where it was asked for.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::source::Text;

/// `harbour.toml:52:5` by variant and seed. Seeds of overrides stand under the variant ``.
pub type SeedPlaces = BTreeMap<String, BTreeMap<String, String>>;

/// Looks up all seeds of a file.
pub(super) fn seed_places(text: &Text<'_>, root: &DeTable<'_>) -> SeedPlaces {
    let mut places = SeedPlaces::new();
    if let Some(DeValue::Table(variants)) = root.get("variants").map(toml::Spanned::get_ref) {
        for (name, variant) in variants {
            add(&mut places, name.get_ref(), variant.get_ref(), text);
        }
    }
    if let Some(DeValue::Array(overrides)) = root.get("overrides").map(toml::Spanned::get_ref) {
        for change in overrides {
            add(&mut places, "", change.get_ref(), text);
        }
    }
    places
}

fn add(places: &mut SeedPlaces, variant: &str, table: &DeValue<'_>, text: &Text<'_>) {
    let DeValue::Table(table) = table else { return };
    let lists = ["seeds", "include"].into_iter().filter_map(|key| table.get(key));
    for list in lists {
        let DeValue::Array(items) = list.get_ref() else { continue };
        for item in items {
            let seed = match item.get_ref() {
                DeValue::String(seed) => Some((seed.as_ref(), item.span())),
                DeValue::Table(table) => table.get("seed").and_then(|seed| Some((seed.get_ref().as_str()?, seed.span()))),
                _ => None,
            };
            if let Some((seed, span)) = seed {
                let of_variant = places.entry(variant.to_owned()).or_default();
                of_variant.entry(seed.to_owned()).or_insert_with(|| text.place(span.start));
            }
        }
    }
}
