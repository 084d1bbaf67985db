//! Whether a TOML file has the shape of a configuration: its keys, types, words and numbers, by the JSON schema.
//!
//! serde would stop at the first mistake. This goes on: it reports each one and mends the tree, by what was most likely meant
//! or else by an empty value whose place is noted as damaged, so that the tree can be deserialised and checked further.
//!
//! Must not know: what any key means.

use std::borrow::Cow;
use std::str::FromStr as _;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::json_schema::kinds;
use super::problem::Report;
use super::schema::quantity::{Size, Timeout};
use super::source::Place;
use super::suggest;

/// Checks a document against the JSON schema and mends it.
pub(super) fn check(schema: &Value, root: &mut DeTable<'_>, report: &mut Report<'_>) {
    Shape { schema, report }.table(schema, root, &Place::root());
}

struct Shape<'s, 'r, 'd> {
    schema: &'s Value,
    report: &'r mut Report<'d>,
}

/// A table's keys as the schema has them.
#[derive(Default)]
struct Fields<'s> {
    known: Vec<(&'s str, &'s Value)>,
    required: Vec<&'s str>,
    /// Keys that only tables of another kind have, with how that kind is written.
    elsewhere: Vec<(&'s str, String)>,
}

impl<'s> Shape<'s, '_, '_> {
    /// Whether the value may stay; it is mended where it can be. What may not stay was reported.
    fn value(&mut self, schema: &'s Value, value: &mut Spanned<DeValue<'_>>, place: &Place) -> bool {
        let schema = self.target(schema);
        if let Some(words) = words(schema) {
            return self.word(&words, value, place);
        }
        if let Some(Value::Array(choices)) = schema.get("anyOf") {
            let fitting = choices.iter().find(|choice| self.accepts(choice, value.get_ref()));
            return match fitting {
                Some(choice) => self.value(choice, value, place),
                None => self.wrong_type(schema, value, place),
            };
        }
        if !self.accepts(schema, value.get_ref()) {
            return self.wrong_type(schema, value, place);
        }
        match value.get_mut() {
            DeValue::Table(table) => self.table(schema, table, place),
            DeValue::Array(items) => self.items(schema, items, place),
            DeValue::Integer(number) => return self.number(schema, &number.clone(), place),
            DeValue::String(text) => return self.text(schema, &text.clone(), place),
            _ => {}
        }
        true
    }

    fn table(&mut self, schema: &'s Value, table: &mut DeTable<'_>, place: &Place) {
        if let Some(items) = schema.get("additionalProperties").filter(|items| items.is_object()) {
            let kept = std::mem::take(table).into_iter().filter_map(|(key, mut value)| {
                let place = place.key(key.get_ref());
                let stays = self.entry(items, &mut value, &place);
                if !stays {
                    self.report.damage(&place);
                }
                stays.then_some((key, value))
            });
            *table = kept.collect();
            return;
        }
        if schema.get("additionalProperties") == Some(&Value::Bool(true)) {
            return;
        }
        let fields = self.fields(schema, table);
        self.keys(&fields, table, place);
        self.missing(&fields, table, place);
    }

    /// Checks a value whose key is a name of the user's choice. What is a table has mostly lost its name if it is none.
    fn entry(&mut self, schema: &'s Value, value: &mut Spanned<DeValue<'_>>, place: &Place) -> bool {
        let is_section = self.target(schema).get("properties").is_some();
        if !is_section || value.get_ref().is_table() {
            return self.value(schema, value, place);
        }
        let section = place.parent().unwrap_or_default();
        let hint = format!("each of them is a table with a name of its own: `[{section}.NAME]`");
        self.report.value(place, type_message(value.get_ref(), "a table", place), hint);
        false
    }

    /// Checks the keys that are there. A misspelt key takes the place of the one that was meant.
    fn keys(&mut self, fields: &Fields<'s>, table: &mut DeTable<'_>, place: &Place) {
        let written = std::mem::take(table);
        let absent: Vec<&str> = fields.known.iter().map(|(name, _)| *name).filter(|name| !written.contains_key(*name)).collect();
        for (key, mut value) in written {
            let name = key.get_ref().to_string();
            let here = place.key(&name);
            let Some((_, schema)) = fields.known.iter().find(|(known, _)| *known == name) else {
                let meant = suggest::nearest(&name, absent.iter().copied());
                self.unknown_key(fields, &name, meant, &here);
                if let Some(meant) = meant.filter(|meant| !table.contains_key(*meant)) {
                    let schema = fields.known.iter().find(|(known, _)| *known == meant).expect("it was found there").1;
                    if self.value(schema, &mut value, &here) {
                        table.insert(Spanned::new(key.span(), Cow::Owned(meant.to_owned())), value);
                    } else {
                        self.report.damage(&place.key(meant));
                    }
                }
                continue;
            };
            if self.value(schema, &mut value, &here) {
                table.insert(key, value);
            } else {
                self.report.damage(&here);
            }
        }
    }

    fn unknown_key(&mut self, fields: &Fields<'s>, name: &str, meant: Option<&str>, here: &Place) {
        let section = here.parent().unwrap_or_default().to_string();
        let message = match section.as_str() {
            "" => format!("unknown key `{name}`"),
            section => format!("unknown key `{name}` in `{section}`"),
        };
        let others: Vec<&str> = fields.elsewhere.iter().filter(|(key, _)| *key == name).map(|(_, kind)| kind.as_str()).collect();
        let hint = match meant {
            _ if !others.is_empty() => Some(format!("only images with {} have this key", others.join(" or "))),
            Some(meant) => Some(format!("did you mean `{meant}`?")),
            None => suggest::hint(name, "known keys", fields.known.iter().map(|(known, _)| *known)),
        };
        self.report.key(here, message, hint);
    }

    /// Reports and fills in what has to be there and is not.
    fn missing(&mut self, fields: &Fields<'s>, table: &mut DeTable<'_>, place: &Place) {
        for &name in &fields.required {
            if table.contains_key(name) {
                continue;
            }
            let here = place.key(name);
            let section = place.to_string();
            let message = match section.as_str() {
                "" => format!("missing section `{name}`"),
                section => format!("missing key `{name}` in `{section}`"),
            };
            let schema = fields.known.iter().find(|(known, _)| *known == name).map_or(&Value::Null, |(_, schema)| schema);
            self.report.key(&here, message, self.meaning(name, schema));
            self.report.damage(&here);
            let value = self.stand_in(schema, 8);
            table.insert(Spanned::new(0..0, Cow::Owned(name.to_owned())), Spanned::new(0..0, value));
        }
    }

    /// What a key is for, or which words it may have.
    fn meaning(&self, name: &str, schema: &'s Value) -> Option<String> {
        if let Some(words) = words(self.target(schema)) {
            return Some(format!("`{name}` is one of {}", suggest::list(words)));
        }
        let description = schema.get("description").and_then(Value::as_str)?;
        let first = description.split("\n\n").next()?.replace('\n', " ");
        Some(format!("`{name}`: {first}"))
    }

    /// An empty value that the schema accepts.
    fn stand_in(&self, schema: &'s Value, depth: usize) -> DeValue<'static> {
        let schema = self.target(schema);
        if let Some(first) = words(schema).and_then(|words| words.first().copied()) {
            return DeValue::String(Cow::Owned(first.to_owned()));
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("array") => DeValue::Array(DeArray::new()),
            Some("boolean") => DeValue::Boolean(false),
            Some("integer") => DeValue::Integer(DeInteger::default()),
            Some("object") if depth > 0 => {
                let mut table = DeTable::new();
                let fields = self.fields(schema, &table);
                for (name, inner) in fields.known.iter().filter(|(name, _)| fields.required.contains(name)) {
                    let value = Spanned::new(0..0, self.stand_in(inner, depth - 1));
                    table.insert(Spanned::new(0..0, Cow::Owned((*name).to_owned())), value);
                }
                DeValue::Table(table)
            }
            _ => DeValue::String(Cow::Borrowed("")),
        }
    }

    /// Checks a list. An item that may not stay is left as it is, but empty, so that the others keep their positions.
    fn items(&mut self, schema: &'s Value, items: &mut DeArray<'_>, place: &Place) {
        let Some(inner) = schema.get("items") else { return };
        for (position, item) in items.iter_mut().enumerate() {
            let here = place.item(position);
            if !self.value(inner, item, &here) {
                self.report.damage(&here);
                *item.get_mut() = self.stand_in(inner, 8);
            }
        }
    }

    fn word(&mut self, words: &[&str], value: &Spanned<DeValue<'_>>, place: &Place) -> bool {
        let expected = || format!("expected one of {}", suggest::list(words.iter().copied()));
        match value.get_ref().as_str() {
            Some(text) if words.contains(&text) => return true,
            Some(text) => {
                let meant = suggest::nearest(text, words.iter().copied());
                let hint = meant.map_or_else(expected, |meant| format!("did you mean `\"{meant}\"`?"));
                self.report.value(place, format!("`{text}` is not a value of `{place}`"), hint);
            }
            None => self.report.value(place, type_message(value.get_ref(), "a string", place), expected()),
        }
        false
    }

    fn number(&mut self, schema: &Value, number: &DeInteger<'_>, place: &Place) -> bool {
        let value = i64::from_str_radix(number.as_str(), number.radix()).ok();
        let bound = |name| schema.get(name).and_then(Value::as_i64);
        let (low, high) = (bound("minimum").unwrap_or(i64::MIN), bound("maximum").unwrap_or(i64::MAX));
        let fits = value.is_some_and(|value| (low..=high).contains(&value));
        if !fits {
            let hint = format!("it must be from {low} to {high}");
            self.report.value(place, format!("`{place}` is out of range"), hint);
        }
        fits
    }

    fn text(&mut self, schema: &Value, text: &str, place: &Place) -> bool {
        let problem = match schema.get("format").and_then(Value::as_str) {
            Some("byte-size") => Size::from_str(text).err(),
            Some("duration") => Timeout::from_str(text).err(),
            _ => None,
        };
        if let Some(problem) = &problem {
            self.report.value(place, format!("`{place}`: {problem}"), problem.hint());
        }
        problem.is_none()
    }

    /// Reports a value of the wrong type, and mends it if it is clear what was meant.
    fn wrong_type(&mut self, schema: &'s Value, value: &mut Spanned<DeValue<'_>>, place: &Place) -> bool {
        let message = type_message(value.get_ref(), &self.describe(schema), place);
        let (hint, meant) = self.meant(schema, value.get_ref(), place);
        self.report.value(place, message, hint);
        let written = std::mem::replace(value, Spanned::new(value.span(), DeValue::Boolean(false)));
        *value.get_mut() = match meant {
            Meant::Unknown => return false,
            Meant::List => DeValue::Array(DeArray::from_iter([written])),
            Meant::Text(text) => DeValue::String(Cow::Owned(text)),
        };
        self.value(schema, value, place)
    }

    /// What somebody who wrote a value of the wrong type most likely meant.
    fn meant(&self, schema: &'s Value, value: &DeValue<'_>, place: &Place) -> (Option<String>, Meant) {
        let key = place.to_string();
        let key = key.rsplit('.').next().unwrap_or_default();
        let kind = schema.get("type").and_then(Value::as_str);
        let is_item = kind == Some("array") && schema.get("items").is_some_and(|items| self.accepts(items, value));
        match (value, kind) {
            (DeValue::Table(_), _) if is_item => (Some(format!("write `[[{key}]]` instead of `[{key}]`")), Meant::List),
            (DeValue::String(text), _) if is_item => (Some(format!("write a list: `[\"{text}\"]`")), Meant::List),
            (DeValue::Array(_), Some("object")) => (Some(format!("write `[{key}]` instead of `[[{key}]]`")), Meant::Unknown),
            (DeValue::Integer(number), Some("string")) => quoted(number.to_string()),
            (DeValue::Float(number), Some("string")) => quoted(number.to_string()),
            (DeValue::String(text), Some("boolean" | "integer")) => {
                let bare = DeValue::parse(text).ok().filter(|bare| self.accepts(schema, bare.get_ref()));
                (bare.map(|_| format!("write it without quotes: `{text}`")), Meant::Unknown)
            }
            _ => (None, Meant::Unknown),
        }
    }

    fn describe(&self, schema: &'s Value) -> String {
        let schema = self.target(schema);
        if let Some(Value::Array(choices)) = schema.get("anyOf") {
            return choices.iter().map(|choice| self.describe(choice)).collect::<Vec<_>>().join(" or ");
        }
        let text = match schema.get("type").and_then(Value::as_str) {
            Some("array") => "a list",
            Some("boolean") => "`true` or `false`",
            Some("integer") => "a whole number",
            Some("object") => "a table",
            _ => "a string",
        };
        text.to_owned()
    }

    /// Whether a value has the type that the schema asks for, whatever is inside.
    fn accepts(&self, schema: &'s Value, value: &DeValue<'_>) -> bool {
        let schema = self.target(schema);
        if let Some(Value::Array(choices)) = schema.get("anyOf") {
            return choices.iter().any(|choice| self.accepts(choice, value));
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("array") => value.is_array(),
            Some("boolean") => value.is_bool(),
            Some("integer") => value.is_integer(),
            Some("object") => value.is_table(),
            _ => value.is_str(),
        }
    }

    /// The schema, or what it refers to.
    fn target(&self, schema: &'s Value) -> &'s Value {
        let has_own = schema.get("properties").is_some() || schema.get("oneOf").is_some();
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) if !has_own => self.definition(reference),
            _ => schema,
        }
    }

    fn definition(&self, reference: &str) -> &'s Value {
        self.schema.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null)
    }

    /// The keys that a table of this schema may have; where there are kinds of it, of the kind that it is.
    fn fields(&self, schema: &'s Value, table: &DeTable<'_>) -> Fields<'s> {
        let mut fields = Fields::default();
        self.add_fields(schema, &mut fields);
        let kinds: Vec<_> = kinds(schema).collect();
        let Some(&(tag, ..)) = kinds.first() else { return fields };
        let written = table.get(tag).and_then(|value| value.get_ref().as_str());
        let is_known = kinds.iter().any(|(_, word, _)| written == Some(word));
        for (_, word, kind) in kinds {
            let mut own = Fields::default();
            self.add_fields(kind, &mut own);
            own.known.retain(|(name, _)| *name != tag);
            // Without a kind it is not known which keys are wrong.
            if written == Some(word) || !is_known {
                fields.known.append(&mut own.known);
            } else {
                fields.elsewhere.extend(own.known.iter().map(|(name, _)| (*name, format!("`{tag} = \"{word}\"`"))));
            }
        }
        fields
    }

    fn add_fields(&self, schema: &'s Value, fields: &mut Fields<'s>) {
        if let Some(Value::Object(properties)) = schema.get("properties") {
            fields.known.extend(properties.iter().map(|(name, schema)| (name.as_str(), schema)));
        }
        if let Some(Value::Array(required)) = schema.get("required") {
            fields.required.extend(required.iter().filter_map(Value::as_str));
        }
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            self.add_fields(self.definition(reference), fields);
        }
    }
}

/// What to put in place of a value of the wrong type.
enum Meant {
    Unknown,
    /// A list with this one item.
    List,
    Text(String),
}

fn quoted(text: String) -> (Option<String>, Meant) {
    (Some(format!("put it in quotes: `\"{text}\"`")), Meant::Text(text))
}

fn type_message(value: &DeValue<'_>, expected: &str, place: &Place) -> String {
    let written = match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "`true` or `false`",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    format!("`{place}` is {written}, but must be {expected}")
}

/// The words of a schema that allows only certain words.
fn words(schema: &Value) -> Option<Vec<&str>> {
    let choices = schema.get("oneOf")?.as_array()?;
    choices.iter().map(|choice| choice.get("const").and_then(Value::as_str)).collect()
}
