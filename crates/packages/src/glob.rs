//! Name patterns as shells have them: `*` any run of characters, `?` one character, `[a-c]` and `[!a-c]` one of a list.

/// A pattern that matches whole names. Without any of `*`, `?` and `[` it matches the name it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    text: String,
    tokens: Vec<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Character(char),
    One,
    Run,
    List { ranges: Vec<(char, char)>, negated: bool },
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern `{0}` has no closing bracket")]
pub struct GlobError(String);

impl Glob {
    pub fn parse(text: &str) -> Result<Glob, GlobError> {
        let (tokens, closed) = read_tokens(text);
        if closed { Ok(Glob { text: text.to_owned(), tokens }) } else { Err(GlobError(text.to_owned())) }
    }

    /// As Python's `fnmatch` has it: a bracket that is never closed stands for itself.
    pub fn lenient(text: &str) -> Glob {
        Glob { text: text.to_owned(), tokens: read_tokens(text).0 }
    }

    /// Whether it matches one name only, the one it is.
    pub fn is_plain(&self) -> bool {
        self.tokens.iter().all(|token| matches!(token, Token::Character(_)))
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Goes back to the last `*` alone when it is stuck, so it is never slower than name times pattern.
    pub fn matches(&self, name: &str) -> bool {
        let mut characters = name.chars();
        let mut position = 0;
        let mut last_run: Option<(usize, std::str::Chars<'_>)> = None;
        loop {
            match self.tokens.get(position) {
                Some(Token::Run) => {
                    position += 1;
                    last_run = Some((position, characters.clone()));
                    continue;
                }
                None if characters.as_str().is_empty() => return true,
                Some(token) if characters.clone().next().is_some_and(|character| token.accepts(character)) => {
                    characters.next();
                    position += 1;
                    continue;
                }
                _ => {}
            }
            let Some((behind_run, from)) = &mut last_run else { return false };
            if from.next().is_none() {
                return false;
            }
            position = *behind_run;
            characters = from.clone();
        }
    }
}

/// Also says whether all brackets are closed.
fn read_tokens(text: &str) -> (Vec<Token>, bool) {
    let mut tokens = Vec::new();
    let mut all_closed = true;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            '*' => Token::Run,
            '?' => Token::One,
            '[' => {
                if let Some((list, rest)) = characters.as_str().split_once(']') {
                    characters = rest.chars();
                    read_list(list)
                } else {
                    all_closed = false;
                    Token::Character('[')
                }
            }
            other => Token::Character(other),
        });
    }
    (tokens, all_closed)
}

fn read_list(list: &str) -> Token {
    let (negated, list) = match list.strip_prefix(['!', '^']) {
        Some(rest) => (true, rest),
        None => (false, list),
    };
    let mut ranges = Vec::new();
    let mut rest: &[char] = &list.chars().collect::<Vec<_>>();
    while let [first, behind @ ..] = rest {
        let (last, behind) = match behind {
            ['-', last, behind @ ..] => (last, behind),
            _ => (first, behind),
        };
        ranges.push((*first, *last));
        rest = behind;
    }
    Token::List { ranges, negated }
}

impl Token {
    fn accepts(&self, character: char) -> bool {
        match self {
            Token::Character(wanted) => *wanted == character,
            Token::One | Token::Run => true,
            Token::List { ranges, negated } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&character)) != *negated
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bracket_that_is_never_closed_stands_for_itself_if_that_is_wanted() {
        assert!(Glob::parse("a[bc*").is_err());
        let glob = Glob::lenient("[ab]-[x*");
        assert!(glob.matches("a-[xyz") && !glob.matches("a-x"));
    }

    #[test]
    fn matches_as_shells_do() {
        for (pattern, name, expected) in [
            ("bash", "bash", true),
            ("bash", "bash-doc", false),
            ("task-*", "task-gnome-desktop", true),
            ("*-doc", "bash-doc", true),
            ("*-doc", "doc", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*ab", "aab", true),
            ("libssl?", "libssl3", true),
            ("libssl?", "libssl", false),
            ("python3.1[0-3]", "python3.12", true),
            ("python3.1[!0-3]", "python3.12", false),
            ("*", "", true),
            ("", "a", false),
        ] {
            assert_eq!(Glob::parse(pattern).unwrap().matches(name), expected, "{pattern} {name}");
        }
        assert!(Glob::parse("a[b").is_err());
        assert!(Glob::parse("a").unwrap().is_plain() && !Glob::parse("a?").unwrap().is_plain());
    }
}
