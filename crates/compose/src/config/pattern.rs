//! Globs over names of variants and arches: `*`, `?`, `[abc]`, `[a-z]`, `[!a]`.

/// A glob that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Character(char),
    AnyCharacter,
    AnyText,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// Why a text is no glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidPattern {
    #[error("an empty pattern matches nothing")]
    Empty,
    #[error("the pattern `{0}` has a `[` without its `]`")]
    Unclosed(String),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidPattern> {
        if text.is_empty() {
            return Err(InvalidPattern::Empty);
        }
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            parts.push(match character {
                '*' => Part::AnyText,
                '?' => Part::AnyCharacter,
                '[' => class(&mut rest).ok_or_else(|| InvalidPattern::Unclosed(text.to_owned()))?,
                other => Part::Character(other),
            });
        }
        Ok(Self(parts))
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut part, mut position) = (0, 0);
        // The last `*`, and how much of the name it has taken: on a mismatch it takes one more.
        let mut star = None;
        while position < name.len() {
            match self.0.get(part) {
                Some(Part::AnyText) => {
                    star = Some((part, position));
                    part += 1;
                }
                Some(one) if one.accepts(name[position]) => {
                    part += 1;
                    position += 1;
                }
                _ => match star {
                    Some((star_part, taken)) => {
                        star = Some((star_part, taken + 1));
                        part = star_part + 1;
                        position = taken + 1;
                    }
                    None => return false,
                },
            }
        }
        self.0[part..].iter().all(|rest| *rest == Part::AnyText)
    }
}

impl Part {
    fn accepts(&self, character: char) -> bool {
        match self {
            Self::Character(own) => *own == character,
            Self::AnyCharacter => true,
            Self::AnyText => false,
            Self::Class { negated, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *negated,
        }
    }
}

/// What follows a `[`, up to its `]`; a `]` that comes first stands for itself.
fn class(rest: &mut std::str::Chars<'_>) -> Option<Part> {
    let negated = rest.as_str().starts_with(['!', '^']);
    if negated {
        rest.next();
    }
    let mut ranges = Vec::new();
    loop {
        let low = rest.next()?;
        if low == ']' && !ranges.is_empty() {
            return Some(Part::Class { negated, ranges });
        }
        let mut after = rest.clone();
        let high = match (after.next(), after.next()) {
            (Some('-'), Some(high)) if high != ']' => {
                *rest = after;
                high
            }
            _ => low,
        };
        ranges.push((low, high));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(name)
    }

    #[test]
    fn globs_match_as_in_a_shell() {
        for (pattern, name) in
            [("*", ""), ("*", "Server"), ("Serv*", "Server"), ("*r*r", "Server"), ("arm??", "arm64"), ("[a-c]md64", "amd64")]
        {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("Serv", "Server"), ("?", ""), ("[!a]*", "amd64"), ("*64x", "amd64"), ("Server", "server")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        assert!(matches("[]x]", "]") && matches("[a-]", "-"));
    }

    #[test]
    fn a_bad_glob_is_refused() {
        assert_eq!(Pattern::parse("arm[6"), Err(InvalidPattern::Unclosed("arm[6".to_owned())));
        assert_eq!(Pattern::parse(""), Err(InvalidPattern::Empty));
    }

    #[test]
    fn many_stars_do_not_hang() {
        assert!(!matches(&"*a".repeat(50), &"a".repeat(40)));
    }
}
