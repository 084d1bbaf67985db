//! Everything that can be said about a configuration, each with its place: what Pungi refuses, what it warns of, and the traps
//! that it says nothing about.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use serde_json::Value as Json;

use super::dialect::{Loaded, Place, Trap, TrapKind};
use super::load::load;
use super::logins::{LOGIN_REFUSED, logins};
use super::schema::schema;
use super::va::BY_VARIANT;
use super::validate::{Message, validate};
use super::value::{Dict, Value};
use crate::config::credentials::CREDENTIALS_HINT;
use crate::finding::{Finding, Severity};

/// One thing to say, before it is put in order.
struct Remark {
    place: Option<Place>,
    finding: Finding,
}

/// Reads and checks a configuration without anything else: no variants, no network.
pub fn findings(file: &str, variables: &[(String, String)], processors: usize) -> Vec<Finding> {
    let loaded = match load(file, variables) {
        Ok(loaded) => loaded,
        Err(error) => {
            let message = error.to_string();
            let hint = error.hint.map(str::to_owned);
            return vec![remark("syntax", Severity::Fatal, error.place, file, message, hint).finding];
        }
    };
    let places = Places::new(&loaded);
    let mut remarks: Vec<Remark> = loaded.traps.iter().map(|trap| of_trap(trap, file)).collect();
    remarks.extend(open_patterns(&loaded, &places).iter().map(|trap| of_trap(trap, file)));
    remarks.extend(logins(&loaded.values).map(|(option, url)| {
        let place = places.of(&[option.to_owned(), url.to_owned()]).cloned();
        remark("login", Severity::Fatal, place, file, format!("{option}: {LOGIN_REFUSED}"), Some(CREDENTIALS_HINT.to_owned()))
    }));
    let schema = schema(processors);
    let values = options_only(&loaded.values, variables, &schema);
    let checked = validate(values, &schema, None);
    let of_message = |message: &Message, severity: Severity| {
        let check = if severity == Severity::Fatal { "option" } else { "option-warning" };
        let text = message.text.trim_start_matches("ERROR: ").trim_start_matches("WARNING: ").trim_end_matches('.');
        remark(check, severity, places.of(&message.path).cloned(), file, text.to_owned(), None)
    };
    remarks.extend(checked.errors.iter().map(|message| of_message(message, Severity::Fatal)));
    remarks.extend(checked.warnings.iter().map(|message| of_message(message, Severity::Warn)));
    remarks.sort_by(|one, other| one.place.cmp(&other.place));
    remarks.into_iter().map(|remark| remark.finding).collect()
}

/// The values without those variables that are no options: they were there only to be used by others.
pub fn options_only(values: &Dict, variables: &[(String, String)], schema: &Json) -> Dict {
    let is_helper =
        |name: &str| variables.iter().any(|(variable, _)| variable == name) && !super::validate::is_option(schema, name);
    let kept = values.iter().filter(|(key, _)| !key.value().as_text().is_some_and(is_helper));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn remark(check: &str, severity: Severity, place: Option<Place>, file: &str, message: String, hint: Option<String>) -> Remark {
    let subject = place.as_ref().map_or_else(|| file.to_owned(), Place::to_string);
    Remark { place, finding: Finding { check: check.to_owned(), severity, scope: String::new(), subject, message, hint } }
}

fn of_trap(trap: &Trap, file: &str) -> Remark {
    let (message, hint) = (trap.message.clone(), Some(trap.hint.to_owned()));
    remark(trap.kind.name(), Severity::Warn, Some(trap.place.clone()), file, message, hint)
}

/// Where variables and texts stand.
struct Places<'a> {
    assigned: &'a HashMap<String, Place>,
    /// The assignments in order: each ends where the next begins.
    beginnings: BTreeSet<&'a Place>,
    /// The places of each text, in order.
    literals: HashMap<&'a str, Vec<&'a Place>>,
}

impl<'a> Places<'a> {
    fn new(loaded: &'a Loaded) -> Self {
        let mut literals: HashMap<&str, Vec<&Place>> = HashMap::new();
        for (text, place) in &loaded.literals {
            literals.entry(text).or_default().push(place);
        }
        for places in literals.values_mut() {
            places.sort();
        }
        Self { assigned: &loaded.assigned, beginnings: loaded.assigned.values().collect(), literals }
    }

    /// The place of what a path leads to: the last key of it that stands in the file as a text, else the option.
    fn of(&self, path: &[String]) -> Option<&'a Place> {
        let (option, inner) = path.split_first()?;
        let assigned = self.assigned.get(option)?;
        Some(inner.iter().rev().find_map(|key| self.literal(assigned, key)).unwrap_or(assigned))
    }

    /// The first such text in the assignment that begins at a place.
    fn literal(&self, assigned: &Place, text: &str) -> Option<&'a Place> {
        let places = self.literals.get(text)?;
        let place = *places.get(places.partition_point(|place| *place <= assigned))?;
        let next = self.beginnings.range::<&Place, _>((Bound::Excluded(&assigned), Bound::Unbounded)).next();
        (place.file == assigned.file && next.is_none_or(|next| place < *next)).then_some(place)
    }
}

/// Patterns of variants that also match what only begins so: `^Server` means `Server-optional` too.
fn open_patterns(loaded: &Loaded, places: &Places<'_>) -> Vec<Trap> {
    let mut traps = Vec::new();
    for (key, value) in &loaded.values {
        let Some((option, assigned)) = key.value().as_text().and_then(|name| Some((name, loaded.assigned.get(name)?))) else {
            continue;
        };
        for pattern in patterns(option, value).filter(|pattern| is_open(pattern)) {
            let place = places.literal(assigned, pattern).unwrap_or(assigned).clone();
            let message = format!("the pattern `{pattern}` of `{option}` also matches variants whose names only begin so");
            traps.push(Trap {
                kind: TrapKind::OpenPattern,
                place,
                message,
                hint: "end it with `$`, or with `.*` if that is meant",
            });
        }
    }
    traps
}

fn patterns<'a>(option: &str, value: &'a Value) -> Box<dyn Iterator<Item = &'a str> + 'a> {
    match value {
        Value::Dict(dict) if BY_VARIANT.contains(&option) => Box::new(dict.keys().filter_map(|key| key.value().as_text())),
        _ => {
            let pairs = value.as_items().unwrap_or_default().iter().filter_map(Value::as_items);
            Box::new(pairs.filter_map(|pair| match pair {
                [Value::Text(pattern), Value::Dict(_)] => Some(&**pattern),
                _ => None,
            }))
        }
    }
}

fn is_open(pattern: &str) -> bool {
    let closed = ["$", "\\Z", ".*", ".+", "$)"].iter().any(|end| pattern.ends_with(end));
    !closed && pattern.chars().any(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_and_mistakes_are_found_at_their_places() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.conf");
        let text = "release_name = r'x'\nmultilib = [\n    ('^Server', {'*': 'devel'})\n    ('^A$', {}),\n]\nzzz = 1\n";
        fs_err::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        let found = findings(file, &[], 1);
        let shown: Vec<(String, String, bool)> = found
            .iter()
            .map(|finding| (finding.check.clone(), finding.subject.replace(file, ""), finding.severity == Severity::Fatal))
            .collect();
        let expect = |check: &str, place: &str, fatal: bool| {
            assert!(shown.contains(&(check.to_owned(), place.to_owned(), fatal)), "{check} {place}: {shown:?}");
        };
        expect("string-prefix", ":1:16", false);
        expect("open-pattern", ":3:6", false);
        expect("option", ":3:18", true);
        expect("missing-comma", ":4:5", false);
        expect("option-warning", ":6:1", false);
    }

    #[test]
    fn a_file_that_cannot_be_read_gives_one_finding() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.conf");
        fs_err::write(&file, "a = [1,\nb = true\n").unwrap();
        let found = findings(file.to_str().unwrap(), &[], 1);
        assert_eq!(found.len(), 1);
        assert!(found[0].subject.ends_with(":2:1") && found[0].severity == Severity::Fatal, "{found:?}");
    }
}
