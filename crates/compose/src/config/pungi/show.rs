//! Values as text: as Python's `repr` and `str`, as which they stand in messages, and as the JSON that Python writes.

use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::Regex;

use super::value::{Dict, Key, Value};

/// As Python's `repr`.
pub fn repr(value: &Value) -> String {
    let mut text = String::new();
    write_repr(&mut text, value);
    text
}

/// As Python's `str`: a text is itself, all else its `repr`.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        other => repr(other),
    }
}

fn write_repr(out: &mut String, value: &Value) {
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&float(*number)),
        Value::Text(text) => out.push_str(&repr_text(text)),
        Value::List(items) => write_items(out, '[', items, "]"),
        Value::Tuple(items) => write_items(out, '(', items, if items.len() == 1 { ",)" } else { ")" }),
        Value::Dict(dict) => write_dict(out, dict),
    }
}

fn write_items(out: &mut String, open: char, items: &[Value], close: &str) {
    out.push(open);
    for (position, item) in items.iter().enumerate() {
        out.push_str(if position == 0 { "" } else { ", " });
        write_repr(out, item);
    }
    out.push_str(close);
}

fn write_dict(out: &mut String, dict: &Dict) {
    out.push('{');
    for (position, (key, value)) in dict.iter().enumerate() {
        out.push_str(if position == 0 { "" } else { ", " });
        write_repr(out, key.value());
        out.push_str(": ");
        write_repr(out, value);
    }
    out.push('}');
}

/// A text in quotes, as Python's `repr`.
pub(super) fn repr_text(text: &str) -> String {
    static HIDDEN: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[\p{C}\p{Z}]$").expect("the pattern is sound"));
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for character in text.chars() {
        let code = u32::from(character);
        // Writing to a String cannot fail.
        let _ = match character {
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            _ if character == quote => write!(out, "\\{quote}"),
            ' '..='~' => write!(out, "{character}"),
            _ if code < 0x80 || (code < 0x100 && HIDDEN.is_match(character.encode_utf8(&mut [0; 4]))) => {
                write!(out, "\\x{code:02x}")
            }
            _ if !HIDDEN.is_match(character.encode_utf8(&mut [0; 4])) => write!(out, "{character}"),
            _ if code < 0x1_0000 => write!(out, "\\u{code:04x}"),
            _ => write!(out, "\\U{code:08x}"),
        };
    }
    out.push(quote);
    out
}

/// A float with the fewest digits that name it, with an exponent where Python shows one.
pub(in crate::config) fn float(number: f64) -> String {
    if !number.is_finite() {
        return if number.is_nan() {
            "nan"
        } else if number > 0.0 {
            "inf"
        } else {
            "-inf"
        }
        .to_owned();
    }
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..16).contains(&exponent) {
        let text = number.to_string();
        if text.contains('.') { text } else { text + ".0" }
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{digits}e{sign}{:02}", exponent.abs())
    }
}

/// As Python's `json.dumps(value, indent=4, sort_keys=True)`.
pub fn json(value: &Value) -> String {
    let mut text = String::new();
    write_json(&mut text, value, 0);
    text
}

fn write_json(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&json_float(*number)),
        Value::Text(text) => write_json_text(out, text),
        Value::List(items) | Value::Tuple(items) => {
            let write = |out: &mut String, item: &Value| write_json(out, item, depth + 1);
            write_block(out, "[]", depth, items.iter(), write);
        }
        Value::Dict(dict) => {
            let mut entries: Vec<(String, &Value)> = dict.iter().map(|(key, value)| (json_key(key), value)).collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            write_block(out, "{}", depth, entries.into_iter(), |out, (key, value)| {
                write_json_text(out, &key);
                out.push_str(": ");
                write_json(out, value, depth + 1);
            });
        }
    }
}

fn write_block<T>(
    out: &mut String,
    brackets: &str,
    depth: usize,
    entries: impl ExactSizeIterator<Item = T>,
    write: impl Fn(&mut String, T),
) {
    if entries.len() == 0 {
        out.push_str(brackets);
        return;
    }
    out.push_str(&brackets[..1]);
    for (position, entry) in entries.enumerate() {
        out.push_str(if position == 0 { "\n" } else { ",\n" });
        out.push_str(&"    ".repeat(depth + 1));
        write(out, entry);
    }
    out.push('\n');
    out.push_str(&"    ".repeat(depth));
    out.push_str(&brackets[1..]);
}

/// Keys become text; those that JSON cannot have are shown as Python shows them.
fn json_key(key: &Key) -> String {
    match key.value() {
        Value::Text(text) => text.to_string(),
        Value::None => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Float(number) => json_float(*number),
        other => repr(other),
    }
}

fn json_float(number: f64) -> String {
    match number {
        _ if number.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        _ => float(number),
    }
}

fn write_json_text(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        // Writing to a String cannot fail.
        let _ = match character {
            '"' => write!(out, "\\\""),
            '\\' => write!(out, "\\\\"),
            '\n' => write!(out, "\\n"),
            '\r' => write!(out, "\\r"),
            '\t' => write!(out, "\\t"),
            '\u{8}' => write!(out, "\\b"),
            '\u{c}' => write!(out, "\\f"),
            ' '..='~' => write!(out, "{character}"),
            _ => character.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}")),
        };
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_as_python_does() {
        assert_eq!(repr_text("it's"), "\"it's\"");
        assert_eq!(repr_text("it's \"x\""), "'it\\'s \"x\"'");
        assert_eq!(repr_text("\u{a0}\u{0}é\u{2028}\u{e000}🐧"), "'\\xa0\\x00é\\u2028\\ue000🐧'");
    }

    #[test]
    fn floats_have_the_fewest_digits() {
        let shown = [1500.0, 1e16, 1e15, 1e-5, 0.0001, -0.0, 0.1, 1.5e300].map(float);
        assert_eq!(shown, ["1500.0", "1e+16", "1000000000000000.0", "1e-05", "0.0001", "-0.0", "0.1", "1.5e+300"]);
    }
}
