//! `docs/reference/events.md` and `json.md`: what charmer prints as JSON, from the JSON schemas of its types.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use charmer_cli::commands::StatusDocument;
use charmer_cli::plan_view::json::PlanDocument;
use charmer_compose::finding::Finding;
use charmer_compose::metadata::ComposeRecord;
use charmer_compose::metadata::composeinfo::{ReleaseRecord, VariantRecord};
use charmer_compose::metadata::debs::DebRecord;
use charmer_compose::metadata::images::ImageRecord;
use charmer_compose::metadata::ostree::OstreeRecord;
use serde_json::Value;

/// The event stream: the fields that all entries have, each event, and the types of their fields.
pub(crate) fn events(schema: &Value) -> String {
    let mut page = Page::new(
        "# Events\n\n\
         `logs/events.jsonl` of a compose, and stdout with `--message-format json`, hold one JSON document on each line. \
         `events.schema.json` is their schema. Readers pass over events and fields that they do not know: new ones may come.\n\n\
         Generated from `crates/compose/src/engine/event.rs` by `cargo xtask generate`.\n",
    );
    page.section(2, "Every entry", description(schema));
    page.fields(schema, &["event"]);
    for event in variants(schema) {
        page.section(2, &format!("`{}`", tag(event).unwrap_or_default()), description(event));
        page.fields(event, &["event"]);
    }
    page.types(definitions(schema));
    page.text
}

/// The documents of `--format json`.
pub(crate) fn documents() -> String {
    let mut page = Page::new(
        "# JSON documents\n\n\
         What commands print for programs. Fields may be added; one that changes its meaning raises `format`. \
         The event stream is described in [events.md](events.md).\n\n\
         Generated from the types by `cargo xtask generate`.\n",
    );
    let mut types = BTreeMap::new();
    let plan = schemars::schema_for!(PlanDocument<'static>).to_value();
    let status = schemars::schema_for!(StatusDocument<'static>).to_value();
    for (title, schema) in [("charmer plan --format json", &plan), ("charmer status --format json", &status)] {
        page.section(2, &format!("`{title}`"), "");
        page.fields(schema, &[]);
        types.extend(definitions(schema));
    }
    page.types(types);
    page.text
}

/// The files of `compose/metadata`.
pub(crate) fn metadata() -> String {
    let mut page = Page::new(
        "# Metadata\n\n\
         The files of `compose/metadata`. The JSON files have a `header` with `type` and `version`, and a `payload` whose `compose` is the \
         compose record; only `deliverables.json` is without, as Pungi writes it. `composeinfo.json` and `images.json` are in productmd's forms (1.2) and are loaded by productmd, with arches as \
         Debian names them; productmd's `images.json` refuses the arches armel, armhf, ppc64el and loong64, which it does not know. \
         `debs.json`, `ostree.json` and `findings.json` are charmer's own, in the same style.\n\n\
         | file | payload |\n|---|---|\n\
         | `composeinfo.json` | `release`, and `variants` by uid |\n\
         | `images.json` | `images`: variant, arch, list of images |\n\
         | `debs.json` | `debs`: variant, arch, source package, package |\n\
         | `ostree.json` | `commits`: variant, arch, list of commits; only where there are some |\n\
         | `deliverables.json` | in Pungi's form: `required`, `attempted` (may fail) and `failed`, each by kind as lists of variant, arch and name of the image (null where it is the kind); `reasons` of failures |\n\
         | `findings.json` | `findings` of all checks |\n\
         | `charmer.lock` | the lock: see [the guide](../guides/locks.md) |\n\
         | `signing-key.asc` | the public key that repositories and checksums are signed with |\n\n\
         Beside images lie `SHA256SUMS` (and others by `publish.checksums`) and their detached signatures, `SHA256SUMS.sign`.\n\n\
         Generated from the types by `cargo xtask generate`.\n",
    );
    let records = [
        ("Compose", schemars::schema_for!(ComposeRecord).to_value()),
        ("Release", schemars::schema_for!(ReleaseRecord).to_value()),
        ("Variant", schemars::schema_for!(VariantRecord).to_value()),
        ("Image", schemars::schema_for!(ImageRecord).to_value()),
        ("Package", schemars::schema_for!(DebRecord).to_value()),
        ("OSTree commit", schemars::schema_for!(OstreeRecord).to_value()),
        ("Finding", schemars::schema_for!(Finding).to_value()),
    ];
    let mut types = BTreeMap::new();
    for (title, schema) in &records {
        page.section(2, title, description(schema));
        page.fields(schema, &[]);
        types.extend(definitions(schema));
    }
    page.types(types);
    page.text
}

struct Page {
    text: String,
}

impl Page {
    fn new(head: &str) -> Self {
        Self { text: head.to_owned() }
    }

    fn line(&mut self, line: &str) {
        writeln!(self.text, "{line}").expect("a string can be written to");
    }

    fn section(&mut self, level: usize, title: &str, description: &str) {
        self.line(&format!("\n{} {title}", "#".repeat(level)));
        if !description.is_empty() {
            self.line(&format!("\n{description}"));
        }
    }

    /// A table of an object's fields.
    fn fields(&mut self, schema: &Value, left_out: &[&str]) {
        let Some(properties) = schema["properties"].as_object() else { return };
        let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let fields: Vec<_> = properties.iter().filter(|(name, _)| !left_out.contains(&name.as_str())).collect();
        if fields.is_empty() {
            return;
        }
        self.line("\n| field | type | meaning |\n|---|---|---|");
        for (name, field) in fields {
            let kind = if required.contains(&name.as_str()) { kind(field) } else { format!("{}, may be left out", kind(field)) };
            self.line(&format!("| `{name}` | {kind} | {} |", cell(description(field))));
        }
    }

    fn types(&mut self, types: BTreeMap<String, Value>) {
        self.line("\n## Types");
        for (name, schema) in types {
            self.section(3, &name, description(&schema));
            self.fields(&schema, &[]);
            let variants = variants(&schema);
            if !variants.is_empty() {
                self.line("");
            }
            for variant in variants {
                self.variant(variant);
            }
            if schema["enum"].is_array() {
                self.line("");
                self.variant(&schema);
            } else if schema["properties"].is_null() && schema["oneOf"].is_null() && schema["anyOf"].is_null() {
                self.line(&format!("\nA {}.", kind(&schema)));
            }
        }
    }

    /// A line for a word, or for an object with its fields.
    fn variant(&mut self, schema: &Value) {
        let text = cell(description(schema));
        let said = if text.is_empty() { String::new() } else { format!(": {text}") };
        if let Some(words) = schema["enum"].as_array() {
            words.iter().filter_map(Value::as_str).for_each(|word| self.line(&format!("- `\"{word}\"`")));
        } else if let Some(word) = schema["const"].as_str() {
            self.line(&format!("- `\"{word}\"`{said}"));
        } else if let Some(properties) = schema["properties"].as_object() {
            let fields = properties.iter().map(|(name, field)| match field["const"].as_str() {
                Some(word) => format!("`{name}`: `\"{word}\"`"),
                None => format!("`{name}`: {}", nested_kind(field)),
            });
            self.line(&format!("- {{{}}}{said}", fields.collect::<Vec<_>>().join(", ")));
        }
    }
}

/// The type of a field, with the fields of an object that has no name of its own.
fn nested_kind(schema: &Value) -> String {
    match schema["properties"].as_object() {
        None => kind(schema),
        Some(properties) => {
            let fields = properties.iter().map(|(name, field)| format!("`{name}`: {}", kind(field)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
    }
}

fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(choices) = schema["anyOf"].as_array() {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::String(name) if name == "array" => format!("list of {}", kind(&schema["items"])),
        Value::String(name) => name.clone(),
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "value".to_owned(),
    }
}

fn variants(schema: &Value) -> Vec<&Value> {
    schema["oneOf"].as_array().or(schema["anyOf"].as_array()).into_iter().flatten().collect()
}

fn tag(variant: &Value) -> Option<&str> {
    variant["properties"]["event"]["const"].as_str()
}

fn definitions(schema: &Value) -> BTreeMap<String, Value> {
    schema["$defs"].as_object().into_iter().flatten().map(|(name, schema)| (name.clone(), schema.clone())).collect()
}

fn description(schema: &Value) -> &str {
    schema["description"].as_str().unwrap_or_default()
}

/// Text that stays in its cell.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
