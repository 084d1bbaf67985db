//! The JSON schema of the configuration: what editors check against, what the reference manual is made from, and what tells
//! the loader which keys there are.

use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::{Value, json};

use super::schema::Document;

static SCHEMA: LazyLock<Value> = LazyLock::new(schema_of::<Document>);

/// The JSON schema of what a type reads from TOML.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .with_transform(RecursiveTransform(without_null))
        .with_transform(RecursiveTransform(with_tag));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// The JSON schema of a configuration file.
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// TOML has no null: what schemars writes as "this or null" is a key that may be left out.
fn without_null(schema: &mut schemars::Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            object.extend(only);
        }
    }
    // The keys of a section have defaults of their own.
    if object.get("default").is_some_and(|value| value.is_null() || value.is_object()) {
        object.remove("default");
    }
}

/// A table of several kinds names its kind by a key. Written among the other keys it has a description and its words.
fn with_tag(schema: &mut schemars::Schema) {
    let words: Vec<Value> = kinds(schema.as_value())
        .map(|(_, word, kind)| json!({ "type": "string", "const": word, "description": kind.get("description") }))
        .collect();
    let Some(tag) = kinds(schema.as_value()).next().map(|(tag, ..)| tag.to_owned()) else { return };
    let Some(object) = schema.as_object_mut() else { return };
    let property = json!({ "description": "What is made.", "oneOf": words });
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.shift_insert(0, tag.clone(), property);
    }
    if let Some(Value::Array(required)) = object.get_mut("required") {
        required.insert(0, tag.into());
    }
}

/// The kinds of a table that has several: the key that tells them apart, the kind's word, and the kind's schema.
pub(super) fn kinds(schema: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let kinds = schema.get("oneOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    kinds.iter().filter_map(|kind| {
        let properties = kind.get("properties")?.as_object()?;
        let (tag, word) = properties.iter().find_map(|(tag, schema)| Some((tag, schema.get("const")?.as_str()?)))?;
        Some((tag.as_str(), word, kind))
    })
}
