//! Options with patterns to options of each variant and arch.
//!
//! What is written is read back to the same values in the same order: the values of all arches first, then those of the arch.
//! Where they were in another order, each arch gets all of its values.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::config::native_rpm::homes::{Grain, Home, home};
use crate::config::pungi::va::{VariantArch, flattened, for_arch, for_variant};
use crate::config::pungi::validate::from_json;
use crate::config::pungi::value::{Dict, Key, Value};
use crate::config::pungi::variants::{Kind, Variant, Variants};
use crate::config::pungi::{Pattern, PatternError, show};

/// The arch under which options of sources stand.
const SOURCES: &str = "src";

/// Options by arch that hold for all variants, of which several values hold.
const BY_ARCH: [&str; 3] = ["pkgset_repos", "multilib_whitelist", "multilib_blacklist"];

/// Options and their values, in the order in which they were configured.
pub(super) type Options = Vec<(String, Value)>;

/// What is to be written.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    /// By section and key.
    pub(super) keys: BTreeMap<(&'static str, &'static str), Value>,
    pub(super) options: Options,
    /// By UID.
    pub(super) variants: BTreeMap<String, VariantSheet>,
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct VariantSheet {
    pub(super) options: Options,
    pub(super) arches: BTreeMap<String, Options>,
}

pub(super) struct Expander<'a> {
    variants: &'a Variants,
    uids: Vec<String>,
    schema: &'a Json,
    pub(super) sheet: Sheet,
}

impl<'a> Expander<'a> {
    pub(super) fn new(variants: &'a Variants, schema: &'a Json) -> Self {
        Self { variants, uids: variants.uids(), schema, sheet: Sheet::default() }
    }

    /// Puts an option where it belongs.
    pub(super) fn option(&mut self, key: &Value, value: &Value) -> Result<(), PatternError> {
        let name = show::plain(key);
        let Some(home) = home(self.schema, &name) else {
            self.note(format!("{name}: there is no such option"));
            return Ok(());
        };
        if self.is_default(&name, value) {
            return Ok(());
        }
        let Some(value) = self.expressible(&name, value) else { return Ok(()) };
        match home {
            Home::Removed(advice) => self.note(format!("{name}: the option was removed: {advice}")),
            Home::VariantsFile => {}
            Home::Key { section, key } => {
                let value = self.by_arch(&name, value);
                self.sheet.keys.insert((section, key), value);
            }
            Home::All => {
                let value = self.by_arch(&name, value);
                self.sheet.options.push((name, value));
            }
            Home::Variant(Grain::Variant) | Home::VariantOrAll(Grain::Variant) => self.by_variant(&name, &value)?,
            Home::VariantOrAll(_) if !matches!(value, Value::List(_) | Value::Tuple(_)) => self.sheet.options.push((name, value)),
            Home::Variant(grain) | Home::VariantOrAll(grain) => match &value {
                // `ostree` may be by variant, which holds for all arches.
                Value::Dict(_) => self.by_variant(&name, &value)?,
                _ => self.by_tree(&name, grain, &value)?,
            },
        }
        Ok(())
    }

    /// Pungi looks for packages of `additional_packages` in the repositories of every arch of the compose, even for variants that
    /// lack the arch; those that no variant with the arch asks for stand in the variant that does.
    pub(super) fn packages_of_other_variants(&mut self, values: &Dict) -> Result<(), PatternError> {
        let name = "additional_packages";
        let option = VariantArch::new(values.get(name))?;
        for arch in self.variants.arches() {
            let mut written: Vec<&Value> = Vec::new();
            for sheet in self.sheet.variants.values() {
                let of_arch = sheet.arches.get(arch).into_iter().flatten();
                let found = sheet.options.iter().chain(of_arch).filter(|(option, _)| option == name);
                written.extend(found.flat_map(|(_, value)| value.as_items().unwrap_or_default()));
            }
            let missing: Vec<Value> = option.get(None, arch).into_iter().filter(|package| !written.contains(&package)).collect();
            for variant in self.variants.all.iter().filter(|variant| !missing.is_empty() && !has_arch(variant, arch)) {
                let asked = option.get(Some(&variant.uid), arch);
                let packages: Vec<Value> = missing.iter().filter(|package| asked.contains(package)).cloned().collect();
                if !packages.is_empty() {
                    self.push(&variant.uid, Some(arch), name, Value::List(packages.into()));
                }
            }
        }
        Ok(())
    }

    fn is_default(&self, name: &str, value: &Value) -> bool {
        let default = match name {
            "pkgset_source" => Some("repos".into()),
            "gather_method" => Some("deps".into()),
            _ => self.schema["properties"][name].get("default").cloned(),
        };
        default.is_some_and(|default| is_same(&from_json(&default), value))
    }

    /// The value if TOML has a like of it.
    fn expressible(&mut self, name: &str, value: &Value) -> Option<Value> {
        let value = match value {
            // A package without a signature.
            Value::List(items) if name == "sigkeys" => {
                let key = |item: &Value| if matches!(item, Value::None) { Value::text("") } else { item.clone() };
                Value::List(items.iter().map(key).collect::<Vec<_>>().into())
            }
            value => value.clone(),
        };
        if is_expressible(&value) {
            return Some(value);
        }
        self.note(format!("{name}: TOML has neither None, nor numbers of this size, nor keys that are no texts; it is left out"));
        None
    }

    /// In options by arch the values of all arches come first.
    fn by_arch(&self, name: &str, value: Value) -> Value {
        let Value::Dict(dict) = &value else { return value };
        let star = dict.get_index_of("*").unwrap_or_default();
        if !BY_ARCH.contains(&name) || star == 0 {
            return value;
        }
        let arches = self.variants.arches().into_iter().chain([SOURCES]);
        let own = arches.map(|arch| (Key::text(arch), Value::List(for_arch(dict, arch).into())));
        Value::Dict(own.filter(|(_, values)| values.is_truthy()).collect::<Dict>().into())
    }

    fn by_variant(&mut self, name: &str, value: &Value) -> Result<(), PatternError> {
        let Value::Dict(dict) = value else {
            self.sheet.options.push((name.to_owned(), value.clone()));
            return Ok(());
        };
        for pattern in dict.keys().filter_map(|key| key.value().as_text()) {
            let compiled = Pattern::new(pattern)?;
            if !self.uids.iter().any(|uid| compiled.matches_start(uid)) {
                self.unused(name, pattern);
            }
        }
        let mut of_variants = Vec::new();
        for variant in &self.variants.all {
            let found = for_variant(dict, &variant.uid)?;
            let value = match name {
                // Only variants that stand by themselves have such images.
                "extra_isos" if variant.kind != Kind::Variant => None,
                "gather_method" => found.last().cloned(),
                "image_name_format" => found.first().cloned(),
                _ => Some(Value::List(found.into())).filter(Value::is_truthy),
            };
            of_variants.push((variant, value));
        }
        let first = of_variants.first().and_then(|(_, value)| value.clone());
        let has_plain = matches!(home(self.schema, name), Some(Home::VariantOrAll(_)));
        match first {
            Some(first) if has_plain && of_variants.iter().all(|(_, value)| value.as_ref() == Some(&first)) => {
                if !self.is_default(name, &first) {
                    self.sheet.options.push((name.to_owned(), first));
                }
            }
            _ => {
                for (variant, value) in of_variants {
                    value.into_iter().for_each(|value| self.push(&variant.uid, None, name, value));
                }
            }
        }
        Ok(())
    }

    fn by_tree(&mut self, name: &str, grain: Grain, value: &Value) -> Result<(), PatternError> {
        let option = VariantArch::new(Some(value))?;
        for pattern in option.unused(&self.uids).map(str::to_owned).collect::<Vec<_>>() {
            self.unused(name, &pattern);
        }
        for variant in &self.variants.all {
            if grain == Grain::Value {
                self.one_value(name, &option, variant)
            } else {
                self.lists(name, &option, value, variant)?
            }
        }
        Ok(())
    }

    /// The value that holds on each arch; once, where it is the same on all of them.
    fn one_value(&mut self, name: &str, option: &VariantArch, variant: &Variant) {
        let of = |arch: &str| holding(name, &option.get(Some(&variant.uid), arch));
        let of_arches: Vec<Option<Value>> = variant.arches.iter().map(|arch| of(arch)).collect();
        match of_arches.first() {
            Some(Some(first)) if of_arches.iter().all(|value| value.as_ref() == Some(first)) => {
                self.push(&variant.uid, None, name, first.clone());
            }
            _ => {
                for (arch, value) in variant.arches.iter().zip(of_arches) {
                    value.into_iter().for_each(|value| self.push(&variant.uid, Some(arch), name, value));
                }
            }
        }
        if let Some(value) = of(SOURCES) {
            self.push(&variant.uid, Some(SOURCES), name, value);
        }
    }

    fn lists(&mut self, name: &str, option: &VariantArch, written: &Value, variant: &Variant) -> Result<(), PatternError> {
        let all = |arch: &str| option.get(Some(&variant.uid), arch);
        let of_star = values_of_key(written, &variant.uid, "*")?;
        let mut of_arches = Vec::new();
        for arch in &variant.arches {
            of_arches.push((arch, values_of_key(written, &variant.uid, arch)?));
        }
        let is_in_order = of_arches.iter().all(|(arch, own)| all(arch).iter().eq(of_star.iter().chain(own)));
        if is_in_order {
            self.push_list(&variant.uid, None, name, of_star);
            of_arches.into_iter().for_each(|(arch, own)| self.push_list(&variant.uid, Some(arch), name, own));
        } else {
            variant.arches.iter().for_each(|arch| self.push_list(&variant.uid, Some(arch), name, all(arch)));
        }
        self.push_list(&variant.uid, Some(SOURCES), name, all(SOURCES));
        Ok(())
    }

    fn push_list(&mut self, uid: &str, arch: Option<&str>, name: &str, values: Vec<Value>) {
        if !values.is_empty() {
            self.push(uid, arch, name, Value::List(values.into()));
        }
    }

    fn push(&mut self, uid: &str, arch: Option<&str>, name: &str, value: Value) {
        let sheet = self.sheet.variants.entry(uid.to_owned()).or_default();
        let options = match arch {
            Some(arch) => sheet.arches.entry(arch.to_owned()).or_default(),
            None => &mut sheet.options,
        };
        options.push((name.to_owned(), value));
    }

    fn unused(&mut self, name: &str, pattern: &str) {
        let more = match name {
            "additional_packages" => "; without it, its packages are no longer looked for in the repositories",
            _ => "",
        };
        self.note(format!("{name}: the pattern `{pattern}` matches no variant{more}"));
    }

    fn note(&mut self, note: String) {
        self.sheet.notes.push(note);
    }
}

/// Which of several values holds.
fn holding(name: &str, values: &[Value]) -> Option<Value> {
    match name {
        // More than one value is as good as none.
        "createiso_skip" | "buildinstall_skip" => values.first().filter(|_| values == [Value::Bool(true)]).cloned(),
        "createiso_max_size" => values.first().cloned(),
        "createiso_max_size_is_strict" => values.iter().find(|value| value.is_truthy()).cloned(),
        _ => values.last().cloned(),
    }
}

/// The values that stand under one key, without those of `*`.
fn values_of_key(option: &Value, uid: &str, key: &str) -> Result<Vec<Value>, PatternError> {
    let mut found = Vec::new();
    for pair in option.as_items().unwrap_or_default().iter().filter_map(Value::as_items) {
        let [Value::Text(pattern), Value::Dict(by_arch)] = pair else { continue };
        if let Some(value) = by_arch.get(key)
            && Pattern::new(pattern)?.matches_start(uid)
        {
            found.extend(flattened(value));
        }
    }
    Ok(found)
}

fn has_arch(variant: &Variant, arch: &str) -> bool {
    variant.arches.iter().any(|own| own == arch)
}

/// Equal, and of the same type: `1` is not `true`.
fn is_same(one: &Value, other: &Value) -> bool {
    one == other && matches!(one, Value::Bool(_)) == matches!(other, Value::Bool(_))
}

fn is_expressible(value: &Value) -> bool {
    match value {
        Value::None => false,
        Value::Int(number) => number.to_i64().is_some(),
        Value::Bool(_) | Value::Float(_) | Value::Text(_) => true,
        Value::List(items) | Value::Tuple(items) => items.iter().all(is_expressible),
        Value::Dict(dict) => dict.iter().all(|(key, value)| key.value().as_text().is_some() && is_expressible(value)),
    }
}
