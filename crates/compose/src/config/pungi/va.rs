//! Options that depend on variant and arch: what holds for one variant and one arch, in the order of the configuration.
//!
//! `*` stands for every arch but `src`. Patterns match at the beginning of a variant's UID only, so `^Server` matches
//! `Server-optional` too.

use super::pattern::{Pattern, PatternError};
use super::value::{Dict, Value};

/// Options that are dicts with patterns of variants as keys.
pub(in crate::config) const BY_VARIANT: [&str; 14] = [
    "extra_isos",
    "gather_method",
    "image_build",
    "image_container",
    "image_name_format",
    "imagebuilder",
    "kiwibuild",
    "live_media",
    "osbs",
    "osbuild",
    "ostree",
    "ostree_container",
    "pkgset_koji_module_builds",
    "pkgset_scratch_modules",
];

/// `[(PATTERN, {ARCH or "*": value})]`
#[derive(Debug, Clone, Default)]
pub struct VariantArch {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    text: String,
    pattern: Pattern,
    values: Value,
}

impl VariantArch {
    /// Compiles an option that was validated; what has another shape is left out.
    pub fn new(option: Option<&Value>) -> Result<Self, PatternError> {
        let pairs = option.and_then(Value::as_items).unwrap_or_default().iter().filter_map(Value::as_items);
        let entries = pairs.filter_map(|pair| match pair {
            [Value::Text(text), values] => Some((text, values)),
            _ => None,
        });
        let compile = |(text, values): (&std::sync::Arc<str>, &Value)| {
            Ok(Entry { text: text.to_string(), pattern: Pattern::new(text)?, values: values.clone() })
        };
        Ok(Self { entries: entries.map(compile).collect::<Result<_, _>>()? })
    }

    /// All values for an arch of a variant; no variant means that every pattern matches. Lists are joined, other values appended.
    pub fn get(&self, uid: Option<&str>, arch: &str) -> Vec<Value> {
        let matching = self.entries.iter().filter(|entry| uid.is_none_or(|uid| entry.pattern.matches_start(uid)));
        matching.filter_map(|entry| entry.values.as_dict()).flat_map(|values| for_arch(values, arch)).collect()
    }

    /// Patterns that match none of the variants.
    pub fn unused<'a>(&'a self, uids: &'a [String]) -> impl Iterator<Item = &'a str> {
        let unused = |entry: &&Entry| !uids.iter().any(|uid| entry.pattern.matches_start(uid));
        self.entries.iter().filter(unused).map(|entry| entry.text.as_str())
    }
}

/// `{ARCH or "*": value}` for an arch.
pub fn for_arch(values: &Dict, arch: &str) -> Vec<Value> {
    let is_meant = |key: &str| key == arch || (key == "*" && arch != "src");
    let meant = values.iter().filter(|(key, _)| key.value().as_text().is_some_and(is_meant));
    meant.flat_map(|(_, value)| flattened(value)).collect()
}

/// `{PATTERN: value}` for a variant.
pub fn for_variant(values: &Dict, uid: &str) -> Result<Vec<Value>, PatternError> {
    let mut found = Vec::new();
    for (key, value) in values {
        let Some(pattern) = key.value().as_text() else { continue };
        if Pattern::new(pattern)?.matches_start(uid) {
            found.extend(flattened(value));
        }
    }
    Ok(found)
}

pub(in crate::config) fn flattened(value: &Value) -> Vec<Value> {
    value.as_items().map_or_else(|| vec![value.clone()], <[Value]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::super::show::repr;
    use super::super::validate::from_json;
    use super::*;

    fn found(uid: Option<&str>, arch: &str) -> String {
        let option = serde_json::json!([
            ["^Server", {"*": ["a"], "x86_64": ["b"], "src": ["s"]}],
            ["^Server$", {"x86_64": "c"}],
            ["Desk", {"*": ["d"]}],
        ]);
        repr(&Value::List(VariantArch::new(Some(&from_json(&option))).unwrap().get(uid, arch).into()))
    }

    #[test]
    fn star_and_arch_both_count_and_star_never_means_sources() {
        assert_eq!(found(Some("Server"), "x86_64"), "['a', 'b', 'c']");
        assert_eq!(found(Some("Server-optional"), "x86_64"), "['a', 'b']");
        assert_eq!(found(Some("Server"), "src"), "['s']");
        assert_eq!(found(None, "aarch64"), "['a', 'd']");
        assert_eq!(found(Some("MyDesk"), "aarch64"), "[]");
    }

    #[test]
    fn patterns_that_match_nothing_are_named() {
        let option = from_json(&serde_json::json!([["^A$", {}], ["^B$", {}]]));
        let list = VariantArch::new(Some(&option)).unwrap();
        assert_eq!(list.unused(&["A".to_owned()]).collect::<Vec<_>>(), ["^B$"]);
    }

    #[test]
    fn values_by_variant_are_joined() {
        let option = from_json(&serde_json::json!({"^Server": ["a"], "^Server$": "b", "^Desk": "c"}));
        let found = for_variant(option.as_dict().unwrap(), "Server").unwrap();
        assert_eq!(repr(&Value::List(found.into())), "['a', 'b']");
    }
}
