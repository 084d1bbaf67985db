//! Whether a configuration is what Pungi takes: shapes, relations between options, unknown names; in Pungi's words.
//!
//! Must not know: files, variants, phases.

mod check;

use serde_json::Value as Json;

use super::git::References;
use super::schema::{RELATIONS, Relation, When};
use super::show::plain;
use super::value::{Dict, Value};
use check::{Checker, Fault, FaultKind};

pub(in crate::config) use check::from_json;

/// For how many unknown options a known one is sought, and how long their names may be: a comparison costs time.
const SUGGESTIONS: usize = 1000;
const NAME_LIMIT: usize = 200;

/// A message about a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The keys and positions that lead to what it is about.
    pub path: Vec<String>,
    /// As Pungi prints it; may have several lines.
    pub text: String,
}

/// A configuration with its defaults, and what is wrong with it.
#[derive(Debug, Clone)]
pub struct Checked {
    pub values: Dict,
    pub errors: Vec<Message>,
    pub warnings: Vec<Message>,
}

/// Checks a configuration and fills in defaults. References of git URLs are resolved if there is something to resolve them with.
pub fn validate(values: Dict, schema: &Json, references: Option<&mut (dyn References + '_)>) -> Checked {
    let given: Vec<String> = values.keys().map(|key| plain(key.value())).collect();
    let mut configuration = Value::Dict(values.into());
    let references = references.map(|references| -> &mut dyn References { references });
    let faults = Checker::new(schema, references).check(&mut configuration);
    let values = configuration.as_dict().cloned().unwrap_or_default();
    let (warned, failed): (Vec<Fault>, Vec<Fault>) = faults.into_iter().partition(|fault| fault.kind != FaultKind::Invalid);
    let mut errors: Vec<Message> = failed.into_iter().map(failure).collect();
    errors.extend(RELATIONS.iter().flat_map(|relation| unmet(relation, &values, schema)));
    let mut warnings: Vec<Message> = warned.into_iter().map(warning).collect();
    let unknown = given.iter().filter(|name| !is_option(schema, name)).enumerate();
    warnings.extend(unknown.map(|(position, name)| unknown_option(name, position < SUGGESTIONS, schema)));
    Checked { values, errors, warnings }
}

/// Whether the schema knows an option of this name.
pub fn is_option(schema: &Json, name: &str) -> bool {
    schema["properties"].get(name).is_some()
}

fn failure(fault: Fault) -> Message {
    let mut text = format!("Failed validation in {}: {}", fault.path.join("."), fault.message);
    for reason in fault.reasons {
        text.push_str("\n    Possible reason: ");
        text.push_str(&reason);
    }
    Message { path: fault.path, text }
}

fn warning(fault: Fault) -> Message {
    let text = match fault.kind {
        FaultKind::Removed => {
            let option = fault.path.last().map_or("", String::as_str);
            format!("WARNING: Config option {option} was removed and has no effect; {}.", fault.message)
        }
        _ => format!("WARNING: {}", fault.message),
    };
    Message { path: fault.path, text }
}

fn unmet(relation: &Relation, values: &Dict, schema: &Json) -> Vec<Message> {
    let option = relation.option;
    let value = values.get(option).unwrap_or(&Value::None);
    let holds = match relation.when {
        When::Set => value.is_truthy(),
        When::Unset => !value.is_truthy(),
        When::Is(text) => value.as_text() == Some(text),
    };
    if !holds {
        return Vec::new();
    }
    let shown = plain(value);
    let is_default =
        |name: &str, value: &Value| from_json(schema["properties"][name].get("default").unwrap_or(&Json::Null)) == *value;
    let missing = relation.requires.iter().filter(|needed| !values.contains_key(**needed));
    let clashing = relation.conflicts.iter().filter(|other| values.get(**other).is_some_and(|value| !is_default(other, value)));
    let message = |text: String| Message { path: vec![option.to_owned()], text };
    missing
        .map(|needed| message(format!("ERROR: Config option {option}={shown} requires {needed} which is not set.")))
        .chain(clashing.map(|other| message(format!("ERROR: Config option {option}={shown} conflicts with option {other}."))))
        .collect()
}

fn unknown_option(name: &str, suggest: bool, schema: &Json) -> Message {
    let mut text = format!("WARNING: Unrecognized config option: {name}.");
    let known = schema["properties"].as_object().into_iter().flat_map(|known| known.keys());
    let distance = |known: &&String| strsim::levenshtein(name, known);
    let nearest = known.filter(|_| suggest && name.len() <= NAME_LIMIT).min_by_key(distance);
    if let Some(nearest) = nearest.filter(|nearest| 2 * distance(nearest) < name.chars().count()) {
        text.extend([" Did you mean ", nearest, "?"]);
    }
    Message { path: vec![name.to_owned()], text }
}
