//! "Did you mean": the known name that is nearest to one that is not known.

/// With more names than this no suggestion is sought: a file with thousands of mistakes must not take minutes to refuse.
const MANY: usize = 1000;

/// The nearest of `known`, if it is near enough to be what was meant.
pub(super) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.into_iter().take(MANY + 1).collect();
    if known.len() > MANY || wrong.len() > 100 {
        return None;
    }
    let folded = wrong.to_lowercase().replace('_', "-");
    let distance = |name: &str| strsim::damerau_levenshtein(&folded, &name.to_lowercase());
    let (distance, name) = known.into_iter().map(|name| (distance(name), name)).min_by_key(|(distance, _)| *distance)?;
    let limit = match name.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=8 => 2,
        _ => 3,
    };
    (distance <= limit).then_some(name)
}

/// A hint: the nearest known name or, where none is near and they are few, all of them.
pub(super) fn hint<'a>(wrong: &str, what: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = nearest(wrong, known.clone()) {
        return Some(format!("did you mean `{name}`?"));
    }
    let names: Vec<&str> = known.into_iter().take(31).collect();
    match names.len() {
        0 => Some(format!("there are no {what}")),
        1..=30 => Some(format!("{what}: {}", list(names))),
        _ => None,
    }
}

/// `` `a`, `b`, `c` ``
pub(super) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["arches", "seeds", "recommends-of", "amd64", "arm64"];
        assert_eq!(nearest("archs", known), Some("arches"));
        assert_eq!(nearest("recommends_of", known), Some("recommends-of"));
        assert_eq!(nearest("amd46", known), Some("amd64"));
        assert_eq!(nearest("banana", known), None);
    }
}
