//! Text with places in it, as Python's `text % values` and `text.format(**values)` fill them, as far as configurations use them.
//!
//! Must not know: what the values are.

use std::collections::BTreeMap;

/// Values by the keys that formats name.
pub type Values<'a> = BTreeMap<&'a str, String>;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Callers say what the format is for.
    #[error("unknown format element: '{0}'")]
    UnknownKey(String),
    #[error("the format '{format}' cannot be filled in: {problem}")]
    Unusable { format: String, problem: &'static str },
}

/// Fills in `%(key)s`, and then `{key}`.
pub fn expand(format: &str, values: &Values<'_>) -> Result<String, FormatError> {
    expand_braces(&expand_percent(format, values)?, values)
}

/// Fills in `%(key)s` and `%(key)d`; `%%` is a percent sign.
pub fn expand_percent(format: &str, values: &Values<'_>) -> Result<String, FormatError> {
    let unusable = |problem| FormatError::Unusable { format: format.to_owned(), problem };
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let place = after.strip_prefix('(').ok_or_else(|| unusable("a percent sign stands alone, write '%%'"))?;
        let (key, after) = place.split_once(')').ok_or_else(|| unusable("a parenthesis is not closed"))?;
        text.push_str(value(values, key)?);
        rest = after.strip_prefix(['s', 'd']).ok_or_else(|| unusable("a place ends in neither 's' nor 'd'"))?;
    }
    Ok(text + rest)
}

/// Fills in `{key}`; `{{` and `}}` are braces.
fn expand_braces(format: &str, values: &Values<'_>) -> Result<String, FormatError> {
    let unusable = |problem| FormatError::Unusable { format: format.to_owned(), problem };
    let mut text = String::new();
    let mut rest = format;
    while let Some(position) = rest.find(['{', '}']) {
        let (before, after) = rest.split_at(position);
        text.push_str(before);
        let doubled = after.starts_with("{{") || after.starts_with("}}");
        if doubled {
            text.push_str(&after[..1]);
            rest = &after[2..];
            continue;
        }
        let place = after.strip_prefix('{').ok_or_else(|| unusable("a brace is closed that was not opened"))?;
        let (key, after) = place.split_once('}').ok_or_else(|| unusable("a brace is not closed"))?;
        text.push_str(value(values, key)?);
        rest = after;
    }
    Ok(text + rest)
}

fn value<'a>(values: &'a Values<'_>, key: &str) -> Result<&'a str, FormatError> {
    values.get(key).map(String::as_str).ok_or_else(|| FormatError::UnknownKey(key.to_owned()))
}

/// A list of texts as Python prints it.
pub fn list_of_texts(texts: &[String]) -> String {
    format!("[{}]", quoted(texts))
}

/// A tuple of texts as Python prints it.
pub fn tuple_of_texts(texts: &[String]) -> String {
    let last = if texts.len() == 1 { "," } else { "" };
    format!("({}{last})", quoted(texts))
}

fn quoted(texts: &[String]) -> String {
    let quoted = texts.iter().map(|text| {
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        let inner = text.replace('\\', "\\\\").replace('\n', "\\n");
        let inner = if quote == '\'' { inner.replace('\'', "\\'") } else { inner };
        format!("{quote}{inner}{quote}")
    });
    quoted.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_places_are_filled_in() {
        let values = Values::from([("a", "1".to_owned()), ("b", "{a}".to_owned())]);
        assert_eq!(expand("100%% %(a)s-{a} {{x}} %(a)d", &values).unwrap(), "100% 1-1 {x} 1");
        assert_eq!(expand("%(b)s", &values).unwrap(), "1", "what the first puts in the second fills");
        assert_eq!(expand("{c}", &values), Err(FormatError::UnknownKey("c".to_owned())));
        for bad in ["%", "%s", "%(a", "%(a)x", "{a", "a}"] {
            assert!(matches!(expand(bad, &values), Err(FormatError::Unusable { .. })), "{bad}");
        }
    }

    #[test]
    fn lists_are_quoted_as_python_does_it() {
        assert_eq!(list_of_texts(&["a b".to_owned(), "it's".to_owned()]), r#"['a b', "it's"]"#);
        assert_eq!(tuple_of_texts(&["a".to_owned()]), "('a',)");
        assert_eq!(tuple_of_texts(&["a".to_owned(), "b".to_owned()]), "('a', 'b')");
    }
}
