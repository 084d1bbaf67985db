//! A value against its schema, with the words of Python's jsonschema library; defaults are filled in on the way.
//!
//! Must not know: any option.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::super::git::{self, References};
use super::super::integer::Integer;
use super::super::pattern::Pattern;
use super::super::show::{plain, repr, repr_text};
use super::super::value::{Dict, Key, Value};

/// How deeply schemas may nest; a changed schema may refer to itself.
const DEPTH_LIMIT: usize = 64;

/// What is wrong with one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// Keys and positions from the root.
    pub(super) path: Vec<String>,
    pub(super) message: String,
    /// Why none of the alternatives fits.
    pub(super) reasons: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    Invalid,
    /// The option was removed; the message is the advice.
    Removed,
    /// An old name is used; the message is whole.
    Outdated,
}

/// Checks values against one schema.
pub(super) struct Checker<'a, 'references> {
    root: &'a Json,
    references: Option<&'references mut dyn References>,
    path: Vec<String>,
    faults: Vec<Fault>,
    depth: usize,
}

impl<'a, 'references> Checker<'a, 'references> {
    pub(super) fn new(root: &'a Json, references: Option<&'references mut dyn References>) -> Self {
        Self { root, references, path: Vec::new(), faults: Vec::new(), depth: 0 }
    }

    /// All that is wrong with a configuration, in the order of the schema.
    pub(super) fn check(mut self, configuration: &mut Value) -> Vec<Fault> {
        self.value(configuration, self.root);
        self.faults
    }

    fn fault(&mut self, message: impl Into<String>) {
        let path = self.path.clone();
        self.faults.push(Fault { kind: FaultKind::Invalid, path, message: message.into(), reasons: Vec::new() });
    }

    fn value(&mut self, value: &mut Value, schema: &'a Json) {
        let Some(schema) = schema.as_object() else { return };
        self.depth += 1;
        if self.depth > DEPTH_LIMIT {
            self.fault("the schema is nested too deeply");
        } else if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
            self.reference(value, reference);
        } else {
            for (keyword, rule) in schema {
                self.keyword(value, schema, keyword, rule);
            }
        }
        self.depth -= 1;
    }

    fn reference(&mut self, value: &mut Value, reference: &str) {
        let Some(schema) = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) else {
            self.fault(format!("the schema has no {reference}"));
            return;
        };
        let before = self.faults.len();
        self.value(value, schema);
        if reference == "#/definitions/str_or_scm_dict" && self.faults.len() == before {
            self.resolve_branch(value);
        }
    }

    fn keyword(&mut self, value: &mut Value, schema: &'a Map<String, Json>, keyword: &str, rule: &'a Json) {
        match keyword {
            "type" => self.types(value, rule),
            "enum" => self.members(value, rule),
            "properties" => self.properties(value, rule),
            "patternProperties" => self.pattern_properties(value, rule),
            "additionalProperties" => self.additional_properties(value, schema, rule),
            "required" => self.required(value, rule),
            "items" => self.items(value, rule),
            "additionalItems" => self.additional_items(value, schema, rule),
            "minItems" | "maxItems" => self.length(value, keyword, rule),
            "minimum" | "maximum" => self.range(value, keyword, rule),
            "anyOf" | "oneOf" => self.alternatives(value, rule),
            "allOf" => rule.as_array().into_iter().flatten().for_each(|schema| self.value(value, schema)),
            "deprecated" => {
                let message = rule.as_str().unwrap_or_default().to_owned();
                self.faults.push(Fault { kind: FaultKind::Removed, path: self.path.clone(), message, reasons: Vec::new() });
            }
            _ => {}
        }
    }

    fn types(&mut self, value: &mut Value, rule: &'a Json) {
        let names: Vec<&str> = match rule {
            Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
            single => single.as_str().into_iter().collect(),
        };
        if !names.iter().any(|name| is_of_type(value, name)) {
            let names = names.iter().map(|name| repr_text(name)).collect::<Vec<_>>().join(", ");
            self.fault(format!("{} is not of type {names}", repr(value)));
            return;
        }
        let Some(text) = value.as_text() else { return };
        if names.contains(&"regex") {
            if let Err(error) = Pattern::new(text) {
                self.fault(format!("incorrect regular expression: {error}"));
            }
        } else if names.contains(&"url")
            && let Some(references) = self.references.as_deref_mut()
        {
            match git::resolve_url(text, references) {
                Ok(resolved) => *value = Value::text(&resolved),
                Err(message) => self.fault(message),
            }
        }
    }

    /// The branch of a git repository becomes its commit, so that all phases see the same files.
    fn resolve_branch(&mut self, value: &mut Value) {
        let Some(references) = self.references.as_deref_mut() else { return };
        let Value::Dict(dict) = value else { return };
        let text = |key: &str| dict.get(key).and_then(Value::as_text).filter(|text| !text.is_empty());
        let (Some("git"), Some(repository)) = (text("scm"), text("repo")) else { return };
        match git::resolve_branch(repository, text("branch").unwrap_or("HEAD"), references) {
            Ok(commit) => {
                Arc::make_mut(dict).insert(Key::text("branch"), Value::text(&commit));
            }
            Err(message) => self.fault(message),
        }
    }

    fn members(&mut self, value: &Value, rule: &Json) {
        let members: Vec<Value> = rule.as_array().into_iter().flatten().map(from_json).collect();
        let is_same = |member: &Value| member == value && matches!(member, Value::Bool(_)) == matches!(value, Value::Bool(_));
        if !members.iter().any(is_same) {
            self.fault(format!("{} is not one of {}", repr(value), repr(&Value::List(members.into()))));
        }
    }

    fn properties(&mut self, value: &mut Value, rule: &'a Json) {
        let (Value::Dict(dict), Some(properties)) = (value, rule.as_object()) else { return };
        let dict = Arc::make_mut(dict);
        for (name, schema) in properties {
            self.take_old_names(dict, name, schema);
            if let (Some(default), false) = (schema.get("default"), dict.contains_key(name.as_str())) {
                dict.insert(Key::text(name), from_json(default));
            }
        }
        for (name, schema) in properties {
            if let Some(value) = dict.get_mut(name.as_str()) {
                self.path.push(name.clone());
                self.value(value, schema);
                self.path.pop();
            }
        }
    }

    /// Moves what stands under older names to the name of today.
    fn take_old_names(&mut self, dict: &mut Dict, name: &str, schema: &Json) {
        if let Some(older) = schema.get("alias").and_then(Json::as_str)
            && let Some(value) = dict.shift_remove(older)
        {
            if dict.contains_key(name) {
                let message = format!("Config option '{older}' is an alias of '{name}', only one can be used.");
                self.fault(message);
            } else {
                self.outdated(format!(
                    "Config option '{older}' is deprecated and now an alias to '{name}', please use '{name}' instead"
                ));
                dict.insert(Key::text(name), value);
            }
        }
        for older in schema.get("append").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            let Some(value) = dict.shift_remove(older) else { continue };
            self.outdated(format!("Config option '{older}' is deprecated, its value will be appended to option '{name}'"));
            let items = |value: Value| value.as_items().map_or_else(|| vec![value.clone()], <[Value]>::to_vec);
            let mut all = dict.get(name).cloned().map(items).unwrap_or_default();
            all.extend(items(value));
            dict.insert(Key::text(name), Value::List(all.into()));
        }
    }

    fn outdated(&mut self, message: String) {
        let message = format!("{message}. In: {}", self.path.join("."));
        self.faults.push(Fault { kind: FaultKind::Outdated, path: self.path.clone(), message, reasons: Vec::new() });
    }

    fn pattern_properties(&mut self, value: &mut Value, rule: &'a Json) {
        let (Value::Dict(dict), Some(patterns)) = (value, rule.as_object()) else { return };
        let dict = Arc::make_mut(dict);
        for (pattern, schema) in patterns {
            let Ok(pattern) = regex::Regex::new(pattern) else { continue };
            for (key, value) in dict.iter_mut() {
                let Some(name) = key.value().as_text() else {
                    self.fault(format!("{} is no text, as keys must be", repr(key.value())));
                    continue;
                };
                if pattern.is_match(name) {
                    self.path.push(name.to_owned());
                    self.value(value, schema);
                    self.path.pop();
                }
            }
        }
    }

    fn additional_properties(&mut self, value: &mut Value, schema: &'a Map<String, Json>, rule: &'a Json) {
        // Unknown options are no errors; they are reported apart.
        if self.path.is_empty() {
            return;
        }
        let Value::Dict(dict) = value else { return };
        let patterns: Vec<&str> = keys_of(schema, "patternProperties");
        let compiled: Vec<regex::Regex> = patterns.iter().filter_map(|pattern| regex::Regex::new(pattern).ok()).collect();
        let is_known = |key: &Key| {
            let known = schema.get("properties").and_then(Json::as_object);
            key.value().as_text().is_some_and(|name| {
                known.is_some_and(|known| known.contains_key(name)) || compiled.iter().any(|pattern| pattern.is_match(name))
            })
        };
        let additional: Vec<Key> = dict.keys().filter(|key| !is_known(key)).cloned().collect();
        if rule.is_object() {
            let dict = Arc::make_mut(dict);
            for key in additional {
                self.path.push(plain(key.value()));
                self.value(&mut dict[&key], rule);
                self.path.pop();
            }
        } else if *rule == Json::Bool(false) && !additional.is_empty() {
            let mut names: Vec<String> = additional.iter().map(|key| repr(key.value())).collect();
            names.sort();
            let (names, one) = (names.join(", "), names.len() == 1);
            if patterns.is_empty() {
                let verb = if one { "was" } else { "were" };
                self.fault(format!("Additional properties are not allowed ({names} {verb} unexpected)"));
            } else {
                let verb = if one { "does" } else { "do" };
                let patterns = patterns.iter().map(|pattern| repr_text(pattern)).collect::<Vec<_>>().join(", ");
                self.fault(format!("{names} {verb} not match any of the regexes: {patterns}"));
            }
        }
    }

    fn required(&mut self, value: &Value, rule: &Json) {
        let Value::Dict(dict) = value else { return };
        for name in rule.as_array().into_iter().flatten().filter_map(Json::as_str) {
            if !dict.contains_key(name) {
                self.fault(format!("{} is a required property", repr_text(name)));
            }
        }
    }

    fn items(&mut self, value: &mut Value, rule: &'a Json) {
        let (Value::List(items) | Value::Tuple(items)) = value else { return };
        for (position, item) in Arc::make_mut(items).iter_mut().enumerate() {
            let schema = match rule {
                Json::Array(schemas) => schemas.get(position),
                single => Some(single),
            };
            let Some(schema) = schema else { return };
            self.path.push(position.to_string());
            self.value(item, schema);
            self.path.pop();
        }
    }

    fn additional_items(&mut self, value: &Value, schema: &Map<String, Json>, rule: &Json) {
        let (Some(items), Some(Json::Array(known))) = (value.as_items(), schema.get("items")) else { return };
        let additional = items.get(known.len()..).unwrap_or_default();
        if *rule == Json::Bool(false) && !additional.is_empty() {
            let verb = if additional.len() == 1 { "was" } else { "were" };
            let shown = additional.iter().map(repr).collect::<Vec<_>>().join(", ");
            self.fault(format!("Additional items are not allowed ({shown} {verb} unexpected)"));
        }
    }

    fn length(&mut self, value: &Value, keyword: &str, rule: &Json) {
        let (Some(items), Some(limit)) = (value.as_items(), rule.as_u64()) else { return };
        let length = items.len() as u64;
        if keyword == "minItems" && length < limit {
            self.fault(format!("{} is too short", repr(value)));
        } else if keyword == "maxItems" && length > limit {
            self.fault(format!("{} is too long", repr(value)));
        }
    }

    fn range(&mut self, value: &Value, keyword: &str, rule: &Json) {
        let (Some(number), Some(limit)) = (value.as_number(), rule.as_f64()) else { return };
        let limit_shown = repr(&from_json(rule));
        if keyword == "minimum" && number < limit {
            self.fault(format!("{} is less than the minimum of {limit_shown}", repr(value)));
        } else if keyword == "maximum" && number > limit {
            self.fault(format!("{} is greater than the maximum of {limit_shown}", repr(value)));
        }
    }

    fn alternatives(&mut self, value: &mut Value, rule: &'a Json) {
        let before = std::mem::take(&mut self.faults);
        let mut tried = Vec::new();
        for schema in rule.as_array().into_iter().flatten() {
            self.value(value, schema);
            let found = std::mem::take(&mut self.faults);
            // What is merely outdated or removed does not keep an alternative from fitting.
            if found.iter().all(|fault| fault.kind != FaultKind::Invalid) {
                self.faults = before;
                self.faults.extend(found);
                return;
            }
            tried.extend(found.into_iter().filter(|fault| fault.kind == FaultKind::Invalid).map(|fault| fault.message));
        }
        self.faults = before;
        self.fault(format!("{} is not valid under any of the given schemas", repr(value)));
        if let Some(fault) = self.faults.last_mut() {
            fault.reasons = tried;
        }
    }
}

fn keys_of<'a>(schema: &'a Map<String, Json>, keyword: &str) -> Vec<&'a str> {
    schema.get(keyword).and_then(Json::as_object).into_iter().flat_map(|keys| keys.keys().map(String::as_str)).collect()
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "string" | "regex" | "url" => matches!(value, Value::Text(_)),
        "boolean" => matches!(value, Value::Bool(_)),
        "number" => matches!(value, Value::Int(_) | Value::Float(_)),
        "integer" => matches!(value, Value::Int(_)),
        "array" => value.as_items().is_some(),
        "object" => matches!(value, Value::Dict(_)),
        "null" => matches!(value, Value::None),
        _ => false,
    }
}

/// A value of a schema, or of a configuration in JSON, as Python reads it.
pub(in crate::config) fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => {
            let text = number.to_string();
            let (negative, digits) = text.strip_prefix('-').map_or((false, text.as_str()), |digits| (true, digits));
            match Integer::parse(digits) {
                Some(number) => Value::Int(if negative { number.negated() } else { number }),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            }
        }
        Json::String(text) => Value::text(text),
        Json::Array(items) => Value::List(items.iter().map(from_json).collect::<Vec<_>>().into()),
        Json::Object(entries) => {
            let dict: Dict = entries.iter().map(|(key, value)| (Key::text(key), from_json(value))).collect();
            Value::Dict(dict.into())
        }
    }
}
