//! What is written to Pungi's options: patterns and arches put in, each with the place where it was written.
//!
//! Must not know: what any option means, or which values it may have.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::homes::{Grain, Home, KEYS, home};
use super::variants::place as variant_place;
use crate::config::problem::Report;
use crate::config::pungi::Integer;
use crate::config::pungi::value::{Dict, Key, Value};
use crate::config::pungi::variants::Variant;
use crate::config::source::Place;
use crate::config::suggest;

/// The arch under which options of sources stand.
const SOURCES: &str = "src";

/// Options where nothing is written.
const DEFAULTS: [(&str, &str); 2] = [("pkgset_source", "repos"), ("gather_method", "deps")];

/// Pungi's options, and where each part of them was written.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) values: Dict,
    origins: BTreeMap<Vec<String>, Place>,
}

impl Written {
    /// Where that was written to which these keys and positions lead.
    pub(super) fn place(&self, path: &[String]) -> Place {
        let known = (1..=path.len()).rev().find_map(|length| Some((length, self.origins.get(&path[..length])?)));
        let Some((length, origin)) = known else { return Place::root() };
        path[length..].iter().fold(origin.clone(), |place, step| match step.parse() {
            Ok(position) => place.item(position),
            Err(_) => place.key(step),
        })
    }

    fn set(&mut self, option: &str, value: Value, place: Place) {
        self.values.insert(Key::text(option), value);
        self.origins.insert(vec![option.to_owned()], place);
    }
}

/// Everything that the file says, as Pungi's options. What stands at a wrong place is reported and left out.
pub(super) fn collect(root: &DeTable<'_>, variants: &[Variant], schema: &Json, report: &mut Report<'_>) -> Written {
    let mut collector = Collector {
        schema,
        variants,
        report,
        written: Written { values: Dict::new(), origins: BTreeMap::new() },
        settings: BTreeMap::new(),
    };
    collector.keys(root);
    collector.options(root);
    collector.variants(root);
    collector.assemble();
    for (option, value) in DEFAULTS {
        if !collector.written.values.contains_key(option) {
            collector.written.set(option, Value::text(value), Place::root());
        }
    }
    collector.written
}

struct Collector<'a, 'r, 'd> {
    schema: &'a Json,
    variants: &'a [Variant],
    report: &'r mut Report<'d>,
    written: Written,
    /// What depends on variants, by option.
    settings: BTreeMap<String, Settings>,
}

/// What is written of one option that depends on variants.
struct Settings {
    grain: Grain,
    of_all: Option<(Value, Place)>,
    of_variants: Vec<Setting>,
}

struct Setting {
    uid: String,
    /// None is every arch but that of sources.
    arch: Option<String>,
    value: Value,
    place: Place,
}

impl Collector<'_, '_, '_> {
    /// The options that have keys of their own.
    fn keys(&mut self, root: &DeTable<'_>) {
        for (section, key, option) in KEYS {
            let Some(written) = table_at(root, section).and_then(|table| table.get(key)) else { continue };
            let place = Place::of(&[section, key]);
            let Some(value) = self.value(written, &place) else { continue };
            let value = match value {
                Value::List(_) if option == "pkgset_repos" => Value::Dict(Dict::from([(Key::text("*"), value)]).into()),
                value => value,
            };
            self.written.set(option, value, place);
        }
    }

    /// `[options]`
    fn options(&mut self, root: &DeTable<'_>) {
        for (key, written) in table_at(root, "options").into_iter().flatten() {
            let option = key.get_ref().as_ref();
            let place = Place::of(&["options", option]);
            let Some(home) = self.home(option, &place) else { continue };
            match home {
                Home::All => {
                    if let Some(value) = self.value(written, &place) {
                        self.written.set(option, value, place);
                    }
                }
                Home::VariantOrAll(grain) => {
                    if let Some(value) = self.value(written, &place) {
                        self.settings(option, grain).of_all = Some((value, place));
                    }
                }
                Home::Variant(grain) => {
                    let by_arch = if grain == Grain::Variant { "" } else { " or `[variants.UID.arch.ARCH]`" };
                    let hint = format!("write it in `[variants.UID.options]`{by_arch}, without a pattern");
                    self.report.key(&place, format!("`{option}` is an option of variants"), hint);
                }
                Home::Key { .. } | Home::VariantsFile | Home::Removed(_) => {}
            }
        }
    }

    /// `[variants.UID.options]` and `[variants.UID.arch.ARCH]`
    fn variants(&mut self, root: &DeTable<'_>) {
        let tables = table_at(root, "variants");
        let mut arches: Vec<&str> = self.variants.iter().flat_map(|variant| &variant.arches).map(String::as_str).collect();
        arches.push(SOURCES);
        arches.sort_unstable();
        arches.dedup();
        for variant in self.variants {
            let Some(table) = tables.and_then(|tables| table_at(tables, &variant.uid)) else { continue };
            let place = variant_place(&variant.uid);
            if let Some(options) = table_at(table, "options") {
                self.of_variant(variant, None, options, &place.key("options"));
            }
            for (arch, options) in table_at(table, "arch").into_iter().flatten() {
                let name = arch.get_ref().as_ref();
                let place = place.key("arch").key(name);
                if !arches.contains(&name) {
                    let hint = suggest::hint(name, "known arches", arches.iter().copied());
                    self.report.key(&place, format!("no variant has the arch `{name}`"), hint);
                } else if let DeValue::Table(options) = options.get_ref() {
                    self.of_variant(variant, Some(name), options, &place);
                }
            }
        }
    }

    fn of_variant(&mut self, variant: &Variant, arch: Option<&str>, options: &DeTable<'_>, place: &Place) {
        for (key, written) in options {
            let option = key.get_ref().as_ref();
            let place = place.key(option);
            let Some(home) = self.home(option, &place) else { continue };
            let (Home::Variant(grain) | Home::VariantOrAll(grain)) = home else {
                self.report.key(
                    &place,
                    format!("`{option}` is no option of variants"),
                    "it holds for all of them: write it in `[options]`",
                );
                continue;
            };
            if grain == Grain::Variant && arch.is_some() {
                let hint = format!("write it in `[variants.{}.options]`", variant.uid);
                self.report.key(&place, format!("`{option}` is the same on all arches"), hint);
                continue;
            }
            let Some(value) = self.value(written, &place) else { continue };
            let setting = Setting { uid: variant.uid.clone(), arch: arch.map(str::to_owned), value, place };
            self.settings(option, grain).of_variants.push(setting);
        }
    }

    fn settings(&mut self, option: &str, grain: Grain) -> &mut Settings {
        let none = || Settings { grain, of_all: None, of_variants: Vec::new() };
        self.settings.entry(option.to_owned()).or_insert_with(none)
    }

    /// Where an option belongs, if it belongs into tables of options at all; if not, that is reported.
    fn home(&mut self, option: &str, place: &Place) -> Option<Home<'static>> {
        let (message, hint) = match home(self.schema, option) {
            Some(Home::All) => return Some(Home::All),
            Some(Home::Variant(grain)) => return Some(Home::Variant(grain)),
            Some(Home::VariantOrAll(grain)) => return Some(Home::VariantOrAll(grain)),
            Some(Home::Key { section, key }) => {
                (format!("`{option}` has a key of its own"), Some(format!("write `{key}` in `[{section}]`")))
            }
            Some(Home::VariantsFile) => {
                (format!("`{option}` has no place here"), Some("each variant is a table: `[variants.Server]`".to_owned()))
            }
            Some(Home::Removed(advice)) => (format!("`{option}` is an option no more"), Some(advice.to_owned())),
            None => {
                let known = self.schema["properties"].as_object().into_iter().flat_map(|known| known.keys());
                (format!("unknown option `{option}`"), nearest_option(option, known.map(String::as_str)))
            }
        };
        self.report.key(place, message, hint);
        None
    }

    fn value(&mut self, written: &Spanned<DeValue<'_>>, place: &Place) -> Option<Value> {
        let value = value(written.get_ref());
        if value.is_none() {
            self.report.value(
                place,
                format!("`{place}` holds what no option takes: a date, a time, or too large a number"),
                None,
            );
        }
        value
    }

    /// Makes of the settings of each option what Pungi would have as its value.
    fn assemble(&mut self) {
        for (option, settings) in std::mem::take(&mut self.settings) {
            let is_text = |value: &Value| !matches!(value, Value::Dict(_) | Value::List(_));
            match &settings.of_all {
                Some((value, place)) if settings.of_variants.is_empty() && is_text(value) => {
                    self.written.set(&option, value.clone(), place.clone());
                }
                _ if settings.grain == Grain::Variant => self.by_variant(&option, &settings),
                _ => self.by_tree(&option, &settings),
            }
        }
    }

    /// `{PATTERN: value}`
    fn by_variant(&mut self, option: &str, settings: &Settings) {
        let mut dict = Dict::new();
        for variant in self.variants {
            let own = settings.of_variants.iter().find(|setting| setting.uid == variant.uid);
            let own = own.map(|setting| (&setting.value, &setting.place));
            let Some((value, place)) = own.or(settings.of_all.as_ref().map(|(value, place)| (value, place))) else { continue };
            let pattern = pattern(&variant.uid);
            self.written.origins.insert(vec![option.to_owned(), pattern.clone()], place.clone());
            self.written.origins.entry(vec![option.to_owned()]).or_insert_with(|| place.clone());
            dict.insert(Key::text(&pattern), value.clone());
        }
        self.written.values.insert(Key::text(option), Value::Dict(dict.into()));
    }

    /// `[(PATTERN, {ARCH: value})]`
    fn by_tree(&mut self, option: &str, settings: &Settings) {
        let mut entries = Vec::new();
        let mut add = |uid: &str, arch: &str, value: Value, place: Place| {
            let position = entries.len().to_string();
            let path = [option, &position, "1", arch].map(str::to_owned);
            self.written.origins.entry(vec![option.to_owned()]).or_insert_with(|| place.clone());
            self.written.origins.insert(path[..2].to_vec(), place.clone());
            self.written.origins.insert(path.to_vec(), place);
            let by_arch = Dict::from([(Key::text(arch), value)]);
            entries.push(Value::Tuple(vec![Value::text(&pattern(uid)), Value::Dict(by_arch.into())].into()));
        };
        if settings.grain == Grain::Value {
            for variant in self.variants {
                for arch in variant.arches.iter().map(String::as_str).chain([SOURCES]) {
                    if let Some((value, place)) = settings.one_value(&variant.uid, arch) {
                        add(&variant.uid, arch, value.clone(), place.clone());
                    }
                }
            }
        } else {
            for Setting { uid, arch, value, place } in &settings.of_variants {
                let arch = arch.as_deref().unwrap_or("*");
                match value {
                    Value::List(items) if settings.grain == Grain::Tables => {
                        for (position, item) in items.iter().enumerate() {
                            add(uid, arch, item.clone(), place.item(position));
                        }
                    }
                    value => add(uid, arch, value.clone(), place.clone()),
                }
            }
        }
        self.written.values.insert(Key::text(option), Value::List(entries.into()));
    }
}

impl Settings {
    /// The value that holds: that of the arch, else that of the variant, else that of all.
    fn one_value(&self, uid: &str, arch: &str) -> Option<(&Value, &Place)> {
        let of = |wanted: Option<&str>| {
            self.of_variants.iter().find(|setting| setting.uid == uid && setting.arch.as_deref() == wanted)
        };
        let own = of(Some(arch)).or_else(|| of(None).filter(|_| arch != SOURCES));
        own.map(|setting| (&setting.value, &setting.place)).or(self.of_all.as_ref().map(|(value, place)| (value, place)))
    }
}

fn pattern(uid: &str) -> String {
    format!("^{uid}$")
}

fn nearest_option<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let distance = |name: &&str| strsim::damerau_levenshtein(wrong, name);
    let nearest = known.filter(|_| wrong.len() <= 100).min_by_key(distance)?;
    (distance(&nearest) <= 3).then(|| format!("did you mean `{nearest}`?"))
}

fn table_at<'t, 'd>(table: &'t DeTable<'d>, key: &str) -> Option<&'t DeTable<'d>> {
    match table.get(key)?.get_ref() {
        DeValue::Table(table) => Some(table),
        _ => None,
    }
}

/// The value as Pungi would have it; dates have no like there.
fn value(written: &DeValue<'_>) -> Option<Value> {
    Some(match written {
        DeValue::String(text) => Value::text(text),
        DeValue::Integer(number) => Value::Int(Integer::from(i64::from_str_radix(number.as_str(), number.radix()).ok()?)),
        DeValue::Float(number) => Value::Float(number.as_str().parse().ok()?),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(_) => return None,
        DeValue::Array(items) => {
            let items: Option<Vec<Value>> = items.iter().map(|item| value(item.get_ref())).collect();
            Value::List(items?.into())
        }
        DeValue::Table(table) => {
            let entry = |(key, inner): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
                let key: &std::borrow::Cow<'_, str> = key.get_ref();
                Some((Key::text(key), value(inner.get_ref())?))
            };
            let dict: Option<Dict> = table.iter().map(entry).collect();
            Value::Dict(dict?.into())
        }
    })
}
