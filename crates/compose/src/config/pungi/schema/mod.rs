//! Every option that Pungi knows: its shape, its default, what it needs and what it excludes.
//!
//! Must not know: how a configuration is read or checked.

mod images;
mod options;
mod relations;
mod shape;

use serde_json::{Map, Value as Json, json};

pub use relations::{RELATIONS, Relation, When};

/// Options that must be given, in the order in which they are missed.
const REQUIRED: [&str; 6] =
    ["release_name", "release_short", "release_version", "variants_file", "pkgset_source", "gather_method"];

/// The JSON schema of a whole configuration; the number of processors is the default of a few options.
pub fn schema(processors: usize) -> Json {
    let mut definitions = Map::new();
    definitions.insert("scm_dict".to_owned(), options::scm_dict().into_json());
    let reference = json!({"$ref": "#/definitions/scm_dict"});
    definitions.insert("str_or_scm_dict".to_owned(), json!({"anyOf": [{"type": "string"}, reference]}));
    let options = options::options(processors).into_iter().chain(images::options());
    let properties: Map<String, Json> = options.map(|(name, shape)| (name.to_owned(), shape.into_json())).collect();
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "Pungi Configuration",
        "definitions": definitions,
        "type": "object",
        "properties": properties,
        "required": REQUIRED,
        "additionalProperties": false,
    })
}

/// Merges changes into a schema: objects key by key, anything else replaces what was there.
pub fn merge(schema: &mut Json, changes: Json) {
    match (schema, changes) {
        (Json::Object(schema), Json::Object(changes)) => {
            for (key, change) in changes {
                merge(schema.entry(key).or_insert(Json::Null), change);
            }
        }
        (schema, change) => *schema = change,
    }
}
