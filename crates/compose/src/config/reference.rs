//! The reference manual of the configuration, in Markdown, from its JSON schema.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::json_schema::{kinds, schema};

/// A section for each table, with a row for each key.
pub fn reference() -> String {
    let mut reference = Reference { schema: schema(), text: String::new() };
    reference.document();
    reference.text
}

struct Reference<'s> {
    schema: &'s Value,
    text: String,
}

impl<'s> Reference<'s> {
    fn document(&mut self) {
        self.line("# Configuration");
        self.line(description(self.schema));
        self.line(
            "The file is TOML. A key without a default may be left out unless it is required. \
             An amount of bytes is written as `500 MB` or `8 GiB`, a span of time as `90s` or `1h 30m`.",
        );
        let sections: Vec<(String, &'s Value, &'s Value)> = self.sections();
        self.line("## Top level");
        let is_section = |name: &str| sections.iter().any(|(_, property, _)| self.property(name) == Some(*property));
        let plain = properties(self.schema).filter(|(name, _)| !is_section(name)).collect::<Vec<_>>();
        self.table(&plain, &required(self.schema));
        for (title, property, target) in sections {
            self.section(&title, property, target);
        }
    }

    /// The properties of the root that are tables: how each is written, what it is for, and the table's schema.
    fn sections(&self) -> Vec<(String, &'s Value, &'s Value)> {
        let section = |(name, property): (&'s str, &'s Value)| {
            let target = self.target(property);
            let (title, table) = if let Some(items) = target.get("additionalProperties").filter(|items| items.is_object()) {
                (format!("[{name}.NAME]"), self.target(items))
            } else if let Some(items) = target.get("items") {
                (format!("[[{name}]]"), self.target(items))
            } else {
                (format!("[{name}]"), target)
            };
            table.get("properties").map(|_| (title, property, table))
        };
        properties(self.schema).filter_map(section).collect()
    }

    fn section(&mut self, title: &str, property: &'s Value, table: &'s Value) {
        self.line(&format!("## `{title}`"));
        self.line(description(property));
        if description(table) != description(property) {
            self.line(description(table));
        }
        self.table(&properties(table).collect::<Vec<_>>(), &required(table));
        for (tag, word, kind) in kinds(table) {
            self.line(&format!("### `{title}` with `{tag} = \"{word}\"`"));
            self.line(description(kind));
            let own = self.target(&kind["$ref"]);
            self.table(&properties(own).collect::<Vec<_>>(), &required(own));
        }
    }

    fn table(&mut self, rows: &[(&'s str, &'s Value)], required: &[&str]) {
        if rows.is_empty() {
            return;
        }
        let mut words: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        self.text.push_str("| key | type | default | meaning |\n| --- | --- | --- | --- |\n");
        for (name, schema) in rows {
            let default = match schema.get("default") {
                _ if required.contains(name) => "required".to_owned(),
                Some(value) => format!("`{value}`"),
                None => String::new(),
            };
            let meaning = description(schema).replace("\n\n", "<br>").replace('\n', " ").replace('|', "\\|");
            let kind = self.kind(schema).replace('|', "\\|");
            let _ = writeln!(self.text, "| `{name}` | {kind} | {default} | {meaning} |");
            if let Some(list) = word_list(self.target(schema)).or_else(|| word_list(self.item(schema))) {
                words.entry(list).or_default().push(name);
            }
        }
        self.text.push('\n');
        for (list, names) in words {
            let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            self.line(&format!("Values of {names}:"));
            self.line(&list);
        }
    }

    /// The type of a value, in words.
    fn kind(&self, schema: &'s Value) -> String {
        let schema = self.target(schema);
        if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
            let words = choices.iter().filter_map(|choice| choice.get("const").and_then(Value::as_str));
            return words.map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or ");
        }
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            return choices.iter().map(|choice| self.kind(choice)).collect::<Vec<_>>().join(" or ");
        }
        match (schema.get("type").and_then(Value::as_str), schema.get("format").and_then(Value::as_str)) {
            (Some("array"), _) => format!("list of: {}", self.kind(self.item(schema))),
            (Some("boolean"), _) => "`true` or `false`".to_owned(),
            (Some("integer"), _) => format!("whole number, {} to {}", schema["minimum"], schema["maximum"]),
            (Some("object"), _) if schema.get("properties").is_some() => {
                let keys: Vec<&str> = properties(schema).map(|(name, _)| name).collect();
                format!("table with `{}`", keys.join("`, `"))
            }
            (Some("object"), _) => format!("table of names, each with: {}", self.kind(&schema["additionalProperties"])),
            (_, Some("byte-size")) => "amount of bytes".to_owned(),
            (_, Some("duration")) => "span of time".to_owned(),
            _ => "string".to_owned(),
        }
    }

    fn property(&self, name: &str) -> Option<&'s Value> {
        self.schema.get("properties")?.get(name)
    }

    fn item(&self, schema: &'s Value) -> &'s Value {
        schema.get("items").map_or(&Value::Null, |items| self.target(items))
    }

    /// The schema, or what it, or a reference by itself, refers to.
    fn target(&self, schema: &'s Value) -> &'s Value {
        let reference = schema.get("$ref").unwrap_or(schema).as_str();
        let target = reference.and_then(|reference| self.schema.pointer(reference.trim_start_matches('#')));
        target.unwrap_or(schema)
    }

    fn line(&mut self, text: &str) {
        if !text.is_empty() {
            let _ = writeln!(self.text, "{text}\n");
        }
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(Map::iter).map(|(name, schema)| (name.as_str(), schema))
}

fn required(schema: &Value) -> Vec<&str> {
    let required = schema.get("required").and_then(Value::as_array);
    required.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

/// What each word of a schema that allows only certain words stands for.
fn word_list(schema: &Value) -> Option<String> {
    let choices = schema.get("oneOf")?.as_array()?;
    let row = |choice: &Value| Some(format!("- `{}`: {}", choice.get("const")?.as_str()?, description(choice)));
    let rows: Option<Vec<String>> = choices.iter().map(row).collect();
    Some(rows?.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_meaning() {
        fn check(path: &str, schema: &Value) {
            for (name, property) in properties(schema) {
                let is_tag = property.get("const").is_some();
                assert!(is_tag || !description(property).is_empty(), "{path}.{name} has no documentation");
            }
            for choice in schema.get("oneOf").and_then(Value::as_array).into_iter().flatten() {
                assert!(!description(choice).is_empty(), "a choice of {path} has no documentation: {choice}");
            }
        }
        let schema = schema();
        check("root", schema);
        for (name, definition) in schema["$defs"].as_object().unwrap() {
            check(name, definition);
        }
    }

    #[test]
    fn every_section_and_kind_of_image_has_its_table() {
        let reference = reference();
        for title in ["[release]", "[archives.NAME]", "[variants.NAME]", "[[images]]", "[[failable]]", "[limits]", "[signing]"] {
            assert!(reference.contains(&format!("## `{title}`\n")), "{title}:\n{reference}");
        }
        assert!(reference.contains("### `[[images]]` with `kind = \"live\"`"));
        assert!(reference.contains("| `retries` | whole number, 0 to 20 | `4` |"), "{reference}");
        assert!(reference.contains("| `short` | string | required |"));
        assert!(reference.contains("- `off`: Not reported."));
    }
}
