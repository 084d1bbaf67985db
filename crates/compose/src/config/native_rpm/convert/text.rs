//! The sheet as TOML, for people: sections apart, short lists on one line, long ones with an item on each.
//!
//! Must not know: patterns, or how options are resolved.

use std::fmt::Write as _;

use super::expand::{Options, Sheet};
use crate::config::native_rpm::homes::KEYS;
use crate::config::pungi::show::float;
use crate::config::pungi::value::Value;
use crate::config::pungi::variants::{Environment, Group, Kind, Module, Variant, Variants};

/// How long a line may be before a list gets a line for each item.
const LINE_LIMIT: usize = 110;

/// The whole file.
pub(super) fn document(source: &str, sheet: &Sheet, variants: &Variants) -> String {
    let mut out = format!("# Converted by charmer from {}.\n\necosystem = \"rpm\"\n", source.replace(char::is_control, " "));
    for section in ["release", "base-product", "packages", "comps"] {
        let keys = KEYS.iter().filter(|(own, ..)| *own == section);
        let pairs = keys.filter_map(|(own, key, _)| Some((*key, sheet.keys.get(&(*own, *key))?)));
        table(&mut out, section, pairs.map(|(key, value)| (key.to_owned(), value.clone())).collect());
    }
    table(&mut out, "options", sheet.options.clone());
    for variant in &variants.all {
        let of_variant = format!("variants.{}", key(&variant.uid));
        let _ = write!(out, "\n[{of_variant}]\n");
        identity(&mut out, variant, variants);
        let Some(sheet) = sheet.variants.get(&variant.uid) else { continue };
        table(&mut out, &format!("{of_variant}.options"), sheet.options.clone());
        for (arch, options) in &sheet.arches {
            table(&mut out, &format!("{of_variant}.arch.{}", key(arch)), options.clone());
        }
    }
    out
}

/// A table, if there is anything in it. What are tables themselves stand after it.
fn table(out: &mut String, name: &str, options: Options) {
    let is_large = |value: &Value| value.as_dict().is_some_and(|dict| inline(value).len() > LINE_LIMIT || dict.len() > 3);
    let (tables, plain): (Options, Options) = options.into_iter().partition(|(_, value)| is_large(value));
    if !plain.is_empty() {
        let _ = write!(out, "\n[{name}]\n");
    }
    for (option, value) in plain {
        pair(out, &option, &value);
    }
    for (option, value) in tables {
        let entries = value.as_dict().into_iter().flatten();
        let entries = entries.filter_map(|(key, value)| Some((key.value().as_text()?.to_owned(), value.clone())));
        table(out, &format!("{name}.{}", key(&option)), entries.collect());
    }
}

fn pair(out: &mut String, name: &str, value: &Value) {
    let line = format!("{} = {}", key(name), inline(value));
    match value {
        Value::List(items) | Value::Tuple(items) if line.len() > LINE_LIMIT => {
            let _ = writeln!(out, "{} = [", key(name));
            for item in items.iter() {
                let _ = writeln!(out, "    {},", inline(item));
            }
            out.push_str("]\n");
        }
        _ => out.extend([&line, "\n"]),
    }
}

fn identity(out: &mut String, variant: &Variant, variants: &Variants) {
    let mut pairs: Options = Vec::new();
    let mut add = |name: &str, value: Value| pairs.push((name.to_owned(), value));
    if variant.name != variant.id {
        add("name", Value::text(&variant.name));
    }
    if variant.kind != Kind::Variant {
        add("type", Value::text(variant.kind.name()));
    }
    let parent = variant.parent.as_deref().and_then(|uid| variants.get(uid));
    if let Some(parent) = parent {
        add("parent", Value::text(&parent.uid));
    }
    if parent.is_none_or(|parent| parent.arches != variant.arches) {
        add("arches", texts(&variant.arches));
    }
    let lists = [
        ("groups", variant.groups.iter().map(group).collect::<Vec<_>>()),
        ("environments", variant.environments.iter().map(environment).collect()),
        ("modules", variant.modules.iter().map(module).collect()),
    ];
    for (name, items) in lists.into_iter().filter(|(_, items)| !items.is_empty()) {
        add(name, Value::List(items.into()));
    }
    for (name, names) in [("koji-tags", &variant.koji_tags), ("buildinstall-packages", &variant.buildinstall_packages)] {
        if !names.is_empty() {
            add(name, texts(names));
        }
    }
    if variant.is_empty {
        add("empty", Value::Bool(true));
    }
    if let Some(release) = &variant.release {
        let text = |text: &str| Some(Value::text(text));
        let release = [("name", text(&release.name)), ("short", text(&release.short)), ("version", text(&release.version))];
        add("release", named(release));
    }
    for (name, value) in pairs {
        pair(out, &name, &value);
    }
}

fn group(group: &Group) -> Value {
    if !group.glob && group.default.is_none() && group.uservisible.is_none() {
        return Value::text(&group.name);
    }
    named([
        ("name", Some(Value::text(&group.name))),
        ("glob", group.glob.then_some(Value::Bool(true))),
        ("default", group.default.map(Value::Bool)),
        ("uservisible", group.uservisible.map(Value::Bool)),
    ])
}

fn environment(environment: &Environment) -> Value {
    let Some(order) = environment.display_order else { return Value::text(&environment.name) };
    named([("name", Some(Value::text(&environment.name))), ("display-order", Some(Value::Int(order.into())))])
}

fn module(module: &Module) -> Value {
    if !module.glob {
        return Value::text(&module.name);
    }
    named([("name", Some(Value::text(&module.name))), ("glob", Some(Value::Bool(true)))])
}

fn named<const COUNT: usize>(pairs: [(&str, Option<Value>); COUNT]) -> Value {
    let pairs = pairs.into_iter().filter_map(|(name, value)| Some((crate::config::pungi::value::Key::text(name), value?)));
    Value::Dict(pairs.collect::<crate::config::pungi::value::Dict>().into())
}

fn texts(texts: &[String]) -> Value {
    Value::List(texts.iter().map(|text| Value::text(text)).collect::<Vec<_>>().into())
}

/// A value on one line.
fn inline(value: &Value) -> String {
    let items = |items: &[Value]| format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "));
    match value {
        Value::Text(text) => quoted(text),
        Value::Bool(value) => value.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => float(*number),
        Value::List(list) | Value::Tuple(list) => items(list),
        Value::Dict(dict) if dict.is_empty() => "{}".to_owned(),
        Value::Dict(dict) => {
            let entries =
                dict.iter().filter_map(|(name, value)| Some(format!("{} = {}", key(name.value().as_text()?), inline(value))));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        // TOML has no null; the expansion leaves out what holds one.
        Value::None => "\"\"".to_owned(),
    }
}

fn key(name: &str) -> String {
    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if !name.is_empty() && name.chars().all(is_bare) { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        // Writing to a String cannot fail.
        let _ = match letter {
            '"' | '\\' => write!(out, "\\{letter}"),
            '\n' => write!(out, "\\n"),
            '\t' => write!(out, "\\t"),
            _ if letter.is_control() => write!(out, "\\u{:04X}", u32::from(letter)),
            _ => write!(out, "{letter}"),
        };
    }
    out.push('"');
    out
}
