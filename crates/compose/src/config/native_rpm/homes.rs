//! Where in the file each of Pungi's options is written.
//!
//! Must not know: any configuration.

use serde_json::Value as Json;

use crate::config::pungi::va::BY_VARIANT;

/// Options that have a key of their own: section, key, option.
pub(super) const KEYS: [(&str, &str, &str); 15] = [
    ("release", "name", "release_name"),
    ("release", "short", "release_short"),
    ("release", "version", "release_version"),
    ("release", "type", "release_type"),
    ("release", "internal", "release_internal"),
    ("release", "treeinfo-version", "treeinfo_version"),
    ("release", "media-description", "release_discinfo_description"),
    ("base-product", "name", "base_product_name"),
    ("base-product", "short", "base_product_short"),
    ("base-product", "version", "base_product_version"),
    ("base-product", "type", "base_product_type"),
    ("packages", "source", "pkgset_source"),
    ("packages", "repositories", "pkgset_repos"),
    ("comps", "file", "comps_file"),
    ("comps", "filter-environments", "comps_filter_environments"),
];

/// Where an option is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home<'s> {
    /// In `[options]`.
    All,
    /// In the options of variants or, with one value for all of them, in `[options]`.
    VariantOrAll(Grain),
    /// In the options of variants.
    Variant(Grain),
    /// At a key of its own.
    Key { section: &'static str, key: &'static str },
    /// The tables of variants take the place of this option.
    VariantsFile,
    /// Nowhere any more; what to do instead.
    Removed(&'s str),
}

/// How finely an option of variants tells them apart, and what several values of it are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grain {
    /// One value for a variant, whatever the arch.
    Variant,
    /// A list for a variant and arch; all that hold are joined.
    Lists,
    /// Tables for a variant and arch; all that hold count.
    Tables,
    /// One value for a variant and arch.
    Value,
}

/// Where an option is written, if there is one of this name.
pub(super) fn home<'s>(schema: &'s Json, option: &str) -> Option<Home<'s>> {
    let shape = schema["properties"].get(option)?;
    if let Some(advice) = shape.get("deprecated").and_then(Json::as_str) {
        return Some(Home::Removed(advice));
    }
    if option == "variants_file" {
        return Some(Home::VariantsFile);
    }
    if let Some((section, key, _)) = KEYS.iter().find(|(_, _, name)| *name == option) {
        return Some(Home::Key { section, key });
    }
    let choices = shape.get("anyOf").and_then(Json::as_array);
    let by_tree = choices.into_iter().flatten().chain([shape]).find_map(tree_value);
    let is_plain = |choice: &Json| choice.get("enum").is_some() || matches!(choice["type"].as_str(), Some("string" | "boolean"));
    let has_plain = choices.is_some_and(|choices| choices.iter().any(is_plain));
    let grain = match by_tree {
        Some(value) => grain(value),
        None if BY_VARIANT.contains(&option) => Grain::Variant,
        None => return Some(Home::All),
    };
    Some(if has_plain { Home::VariantOrAll(grain) } else { Home::Variant(grain) })
}

/// The schema of the values in `[(PATTERN, {ARCH: value})]`.
fn tree_value(shape: &Json) -> Option<&Json> {
    let pair = shape.get("items")?.get("items")?;
    (pair[0]["type"] == "regex").then(|| &pair[1]["patternProperties"][".+"])
}

fn grain(value: &Json) -> Grain {
    let is = |name: &str| {
        let choices = value.get("anyOf").and_then(Json::as_array).into_iter().flatten();
        choices.chain([value]).any(|choice| choice["type"] == name)
    };
    match (is("array"), is("object")) {
        (true, _) => Grain::Lists,
        (_, true) => Grain::Tables,
        _ => Grain::Value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::pungi::schema::schema;

    #[test]
    fn homes_follow_from_shapes() {
        let schema = schema(1);
        for (option, expected) in [
            ("createrepo_checksum", Home::All),
            ("multilib_whitelist", Home::All),
            ("additional_packages", Home::Variant(Grain::Lists)),
            ("gather_lookaside_repos", Home::Variant(Grain::Lists)),
            ("createiso_skip", Home::Variant(Grain::Value)),
            ("lorax_options", Home::Variant(Grain::Tables)),
            ("ostree", Home::Variant(Grain::Tables)),
            ("extra_isos", Home::Variant(Grain::Variant)),
            ("gather_method", Home::VariantOrAll(Grain::Variant)),
            ("image_name_format", Home::VariantOrAll(Grain::Variant)),
            ("iso_level", Home::VariantOrAll(Grain::Value)),
            ("createrepo_deltas", Home::VariantOrAll(Grain::Value)),
            ("comps_file", Home::Key { section: "comps", key: "file" }),
        ] {
            assert_eq!(home(&schema, option), Some(expected), "{option}");
        }
        assert_eq!(home(&schema, "no_such_option"), None);
    }
}
