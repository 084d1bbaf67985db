//! A configuration from its file: the dialect or, if the name ends so, JSON.

use super::dialect::{self, Class, DialectError, Loaded, Place};
use super::validate::from_json;
use super::value::{Dict, Key, Value};

/// Reads a configuration; the variables are there before its first line.
pub fn load(file: &str, variables: &[(String, String)]) -> Result<Loaded, DialectError> {
    let is_json = std::path::Path::new(file).extension().is_some_and(|extension| extension == "json");
    if is_json { load_json(file, variables) } else { dialect::load(file, variables) }
}

/// Reads a configuration in JSON, whatever its file's name.
pub fn load_json(file: &str, variables: &[(String, String)]) -> Result<Loaded, DialectError> {
    let text = dialect::read(file)?;
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| {
        let place = Place { file: file.to_owned(), line: error.line(), column: error.column().saturating_sub(1) };
        DialectError::new(Class::JsonDecodeError, error.to_string()).at(place)
    })?;
    let Value::Dict(read) = from_json(&json) else {
        let error = DialectError::new(Class::TypeError, format!("{file} holds no JSON object"));
        return Err(error.at(Place { file: file.to_owned(), line: 1, column: 0 }));
    };
    let mut values: Dict = variables.iter().map(|(name, text)| (Key::text(name), Value::text(text))).collect();
    values.extend(read.iter().map(|(key, value)| (key.clone(), value.clone())));
    Ok(Loaded { values, opened_files: vec![file.to_owned()], ..Loaded::default() })
}
