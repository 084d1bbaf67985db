//! Python's regular expressions: read by Python's rules, with Python's words for what is wrong, and matched as `re.match` does.
//!
//! A pattern is translated for the `regex` crate or, where it looks around or back, for `fancy-regex`, which gives up on
//! patterns that take too long.

use super::show::repr_text;

/// How deeply groups may nest.
const DEPTH_LIMIT: usize = 100;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Engine);

#[derive(Debug, Clone)]
enum Engine {
    Plain(regex::Regex),
    Looking(fancy_regex::Regex),
}

/// What is wrong with a pattern, as Python says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PatternError {
    pub message: String,
}

impl Pattern {
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let characters: Vec<char> = pattern.chars().collect();
        let mut reader = Reader::new(&characters);
        reader.read()?;
        let translated = reader.out;
        let failed = |message: String| PatternError { message: format!("{} cannot be used: {message}", repr_text(pattern)) };
        let engine = if reader.looks {
            fancy_regex::Regex::new(&translated).map(Engine::Looking).map_err(|error| match error.to_string() {
                message if message.to_lowercase().contains("look-behind") => {
                    PatternError { message: "look-behind requires fixed-width pattern".to_owned() }
                }
                message => failed(message),
            })?
        } else {
            regex::Regex::new(&translated).map(Engine::Plain).map_err(|error| failed(error.to_string()))?
        };
        Ok(Self(engine))
    }

    /// Whether the pattern matches at the beginning of the text, as `re.match`.
    pub fn matches_start(&self, text: &str) -> bool {
        match &self.0 {
            Engine::Plain(regex) => regex.is_match(text),
            Engine::Looking(regex) => regex.is_match(text).unwrap_or(false),
        }
    }
}

/// What a repetition would repeat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    Nothing,
    Item,
    Repeated,
}

/// Reads a Python pattern and writes the translated one.
struct Reader<'a> {
    characters: &'a [char],
    position: usize,
    out: String,
    last: Last,
    /// Where the open groups began.
    open: Vec<usize>,
    groups: usize,
    names: Vec<String>,
    verbose: bool,
    looks: bool,
}

type Result<T, E = PatternError> = std::result::Result<T, E>;

fn wrong<T>(message: &str, position: usize) -> Result<T> {
    Err(PatternError { message: format!("{message} at position {position}") })
}

impl<'a> Reader<'a> {
    fn new(characters: &'a [char]) -> Self {
        Self {
            characters,
            position: 0,
            out: "\\A(?:".to_owned(),
            last: Last::Nothing,
            open: Vec::new(),
            groups: 0,
            names: Vec::new(),
            verbose: false,
            looks: false,
        }
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.position).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let taken = self.peek() == Some(wanted);
        self.position += usize::from(taken);
        taken
    }

    fn read(&mut self) -> Result<()> {
        while let Some(character) = self.peek() {
            let start = self.position;
            self.position += 1;
            match character {
                _ if self.verbose && character.is_whitespace() => {}
                '#' if self.verbose => {
                    while self.peek().is_some_and(|next| next != '\n') {
                        self.position += 1;
                    }
                }
                '\\' => self.escape(start)?,
                '[' => self.set(start)?,
                '(' => self.group(start)?,
                ')' => {
                    if self.open.pop().is_none() {
                        return wrong("unbalanced parenthesis", start);
                    }
                    self.item(")");
                }
                '*' | '+' | '?' => self.repeat(start, character.to_string())?,
                '{' => self.counted_repeat(start)?,
                '|' => {
                    self.out.push('|');
                    self.last = Last::Nothing;
                }
                '^' => self.assertion("^"),
                '$' => self.assertion("$"),
                '.' => self.item("."),
                literal => self.literal(literal),
            }
        }
        if let Some(start) = self.open.last() {
            return wrong("missing ), unterminated subpattern", *start);
        }
        self.out.push(')');
        Ok(())
    }

    fn item(&mut self, text: &str) {
        self.out.push_str(text);
        self.last = Last::Item;
    }

    fn assertion(&mut self, text: &str) {
        self.out.push_str(text);
        self.last = Last::Nothing;
    }

    fn literal(&mut self, literal: char) {
        self.item(&regex::escape(literal.encode_utf8(&mut [0; 4])));
    }

    fn repeat(&mut self, start: usize, mut repetition: String) -> Result<()> {
        match self.last {
            Last::Nothing => return wrong("nothing to repeat", start),
            Last::Repeated => return wrong("multiple repeat", start),
            Last::Item => {}
        }
        if self.take('?') {
            repetition.push('?');
        } else if self.take('+') {
            // A possessive repetition does not give back what it took.
            repetition.push('+');
            self.looks = true;
        }
        self.out.push_str(&repetition);
        self.last = Last::Repeated;
        Ok(())
    }

    /// `{2,5}`; what is no count stands for itself.
    fn counted_repeat(&mut self, start: usize) -> Result<()> {
        let low = self.digits();
        let comma = self.take(',');
        let high = if comma { self.digits() } else { low.clone() };
        if self.peek() != Some('}') || (low.is_empty() && !comma) {
            self.position = start + 1;
            self.literal('{');
            return Ok(());
        }
        self.position += 1;
        let number = |digits: &str| {
            digits.parse::<u32>().map_err(|_| PatternError { message: "the repetition number is too large".to_owned() })
        };
        let least = if low.is_empty() { 0 } else { number(&low)? };
        if !high.is_empty() && number(&high)? < least {
            return wrong("min repeat greater than max repeat", start + 1);
        }
        self.repeat(start, format!("{{{least}{}{}}}", if comma { "," } else { "" }, if comma { &high } else { "" }))
    }

    fn digits(&mut self) -> String {
        let rest = &self.characters[self.position..];
        let digits: String = rest.iter().take_while(|character| character.is_ascii_digit()).collect();
        self.position += digits.len();
        digits
    }

    fn escape(&mut self, start: usize) -> Result<()> {
        match self.peek() {
            Some('A') => self.escaped_assertion("\\A"),
            Some('Z') => self.escaped_assertion("\\z"),
            Some('b') => self.escaped_assertion("\\b"),
            Some('B') => self.escaped_assertion("\\B"),
            Some(digit @ '1'..='9') => {
                self.position += 1;
                let mut number = usize::from(u8::try_from(digit).unwrap_or(b'0') - b'0');
                if let Some(second) = self.peek().and_then(|next| next.to_digit(10)) {
                    self.position += 1;
                    number = number * 10 + second as usize;
                }
                if number > self.groups {
                    return wrong(&format!("invalid group reference {number}"), start + 1);
                }
                self.looks = true;
                // In a group of its own, so that a digit after it does not count.
                self.item(&format!("(?:\\{number})"));
            }
            _ => match self.escaped(start)? {
                Escaped::Class(class) => self.item(&format!("\\{class}")),
                Escaped::Character(character) => self.literal(character),
            },
        }
        Ok(())
    }

    fn escaped_assertion(&mut self, text: &str) {
        self.position += 1;
        self.assertion(text);
    }

    /// What follows a backslash, in a set or outside.
    fn escaped(&mut self, start: usize) -> Result<Escaped> {
        let Some(character) = self.peek() else {
            return wrong("bad escape (end of pattern)", start);
        };
        self.position += 1;
        let character = match character {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(Escaped::Class(character)),
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '0' => {
                let octal: String =
                    self.characters[self.position..].iter().take(2).take_while(|next| ('0'..='7').contains(*next)).collect();
                self.position += octal.len();
                u32::from_str_radix(&octal, 8).ok().and_then(char::from_u32).unwrap_or('\0')
            }
            'x' => self.code(start, 2)?,
            'u' => self.code(start, 4)?,
            'U' => self.code(start, 8)?,
            letter if letter.is_ascii_alphanumeric() => return wrong(&format!("bad escape \\{letter}"), start),
            literal => literal,
        };
        Ok(Escaped::Character(character))
    }

    fn code(&mut self, start: usize, length: usize) -> Result<char> {
        let rest = &self.characters[self.position..];
        let digits: String = rest.iter().take(length).take_while(|next| next.is_ascii_hexdigit()).collect();
        self.position += digits.len();
        let character = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).filter(|_| digits.len() == length);
        character.map_or_else(
            || {
                let written: String = self.characters[start..self.position].iter().collect();
                wrong(&format!("incomplete escape {written}"), start)
            },
            Ok,
        )
    }

    /// `[...]`; the bracket was read.
    fn set(&mut self, start: usize) -> Result<()> {
        let mut set = String::from(if self.take('^') { "[^" } else { "[" });
        let first = self.position;
        loop {
            let at = self.position;
            let Some(character) = self.peek() else {
                return wrong("unterminated character set", start);
            };
            if character == ']' && at > first {
                self.position += 1;
                break;
            }
            let low = self.set_member(start)?;
            let is_range = self.peek() == Some('-') && self.characters.get(self.position + 1).is_some_and(|next| *next != ']');
            if !is_range {
                set.push_str(&low.in_set());
                continue;
            }
            self.position += 1;
            let high = self.set_member(start)?;
            match (&low, &high) {
                (Escaped::Character(from), Escaped::Character(to)) if from <= to => {
                    set.extend([low.in_set(), "-".to_owned(), high.in_set()]);
                }
                _ => {
                    let range: String = self.characters[at..self.position].iter().collect();
                    return wrong(&format!("bad character range {range}"), at);
                }
            }
        }
        set.push(']');
        self.item(&set);
        Ok(())
    }

    fn set_member(&mut self, start: usize) -> Result<Escaped> {
        let at = self.position;
        match self.peek() {
            None => wrong("unterminated character set", start),
            Some('\\') => {
                self.position += 1;
                if self.take('b') { Ok(Escaped::Character('\x08')) } else { self.escaped(at) }
            }
            Some(character) => {
                self.position += 1;
                Ok(Escaped::Character(character))
            }
        }
    }

    /// `(...`; the parenthesis was read.
    fn group(&mut self, start: usize) -> Result<()> {
        if self.open.len() >= DEPTH_LIMIT {
            return wrong("too many nested groups", start);
        }
        let opening = if self.take('?') { self.extension(start)? } else { Some("(".to_owned()) };
        let Some(opening) = opening else { return Ok(()) };
        if opening == "(" || opening.starts_with("(?P<") {
            self.groups += 1;
        }
        self.open.push(start);
        self.out.push_str(&opening);
        self.last = Last::Nothing;
        Ok(())
    }

    /// `(?...`: how the group opens; nothing for what is no group.
    fn extension(&mut self, start: usize) -> Result<Option<String>> {
        let rest: String = self.characters[self.position..].iter().take(2).collect();
        for opening in ["<=", "<!", "=", "!", ">"] {
            if rest.starts_with(opening) {
                self.position += opening.len();
                self.looks = true;
                return Ok(Some(format!("(?{opening}")));
            }
        }
        match self.peek() {
            Some(':') => {
                self.position += 1;
                Ok(Some("(?:".to_owned()))
            }
            Some('#') => {
                let end = self.characters[self.position..].iter().position(|next| *next == ')');
                let Some(end) = end else { return wrong("missing ), unterminated comment", start) };
                self.position += end + 1;
                Ok(None)
            }
            Some('P') => self.named(),
            Some('(') => self.condition(start),
            Some(flag) if flag == '-' || flag.is_ascii_alphabetic() => self.flags(start),
            Some(other) => wrong(&format!("unknown extension ?{other}"), start + 1),
            None => wrong("unexpected end of pattern", self.position),
        }
    }

    fn named(&mut self) -> Result<Option<String>> {
        self.position += 1;
        let at = self.position + 1;
        let end = match self.peek() {
            Some('<') => '>',
            Some('=') => ')',
            Some(other) => return wrong(&format!("unknown extension ?P{other}"), at - 2),
            None => return wrong("unexpected end of pattern", self.position),
        };
        self.position += 1;
        let name = self.name_until(end)?;
        if end == '>' {
            if self.names.contains(&name) {
                return wrong(&format!("redefinition of group name {}", repr_text(&name)), at);
            }
            self.names.push(name.clone());
            return Ok(Some(format!("(?P<{name}>")));
        }
        if !self.names.contains(&name) {
            return wrong(&format!("unknown group name {}", repr_text(&name)), at);
        }
        self.looks = true;
        self.item(&format!("(?P={name})"));
        Ok(None)
    }

    fn name_until(&mut self, end: char) -> Result<String> {
        let at = self.position;
        let length = self.characters[at..].iter().position(|next| *next == end);
        let Some(length) = length else {
            return wrong(&format!("missing {end}, unterminated name"), at);
        };
        let name: String = self.characters[at..at + length].iter().collect();
        self.position += length + 1;
        let sound = name.chars().all(|next| next.is_ascii_alphanumeric() || next == '_')
            && name.starts_with(|first: char| !first.is_ascii_digit());
        match name.as_str() {
            "" => wrong("missing group name", at),
            _ if !sound => wrong(&format!("bad character in group name {}", repr_text(&name)), at),
            _ => Ok(name),
        }
    }

    /// `(?(1)yes|no)`: the condition with its parentheses.
    fn condition(&mut self, start: usize) -> Result<Option<String>> {
        self.position += 1;
        let at = self.position;
        let number = self.digits();
        let known = match number.parse::<usize>() {
            Ok(number) => self.take(')') && (1..=self.groups).contains(&number),
            Err(_) => self.name_until(')').is_ok_and(|name| self.names.contains(&name)),
        };
        if !known {
            return wrong("invalid group reference", at);
        }
        self.looks = true;
        let condition: String = self.characters[start + 2..self.position].iter().collect();
        Ok(Some(format!("(?{condition}")))
    }

    /// `(?i)` at the beginning of the pattern, `(?i:...)` anywhere.
    fn flags(&mut self, start: usize) -> Result<Option<String>> {
        let mut flags = String::new();
        while let Some(flag) = self.peek() {
            self.position += 1;
            match flag {
                'i' | 'm' | 's' | '-' => flags.push(flag),
                'x' if start == 0 => self.verbose = true,
                // Texts are Unicode already; to match only ASCII makes no difference for names of variants.
                'u' | 'a' => {}
                ')' if start > 0 => return wrong("global flags not at the start of the expression", start),
                ')' => {
                    if !flags.is_empty() {
                        self.out.extend(["(?", &flags, ")"]);
                    }
                    return Ok(None);
                }
                ':' => return Ok(Some(format!("(?{flags}:"))),
                _ => return wrong("unknown flag", self.position - 1),
            }
        }
        wrong("missing -, : or )", self.position)
    }
}

enum Escaped {
    /// `\d` and its like.
    Class(char),
    Character(char),
}

impl Escaped {
    fn in_set(&self) -> String {
        match self {
            Self::Class(class) => format!("\\{class}"),
            Self::Character(character) => format!("\\x{{{:x}}}", u32::from(*character)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(pattern: &str) -> String {
        Pattern::new(pattern).unwrap_err().message
    }

    #[test]
    fn what_is_wrong_is_said_as_python_says_it() {
        let cases = [
            ("*", "nothing to repeat at position 0"),
            ("^Server(", "missing ), unterminated subpattern at position 7"),
            ("a)", "unbalanced parenthesis at position 1"),
            ("a**", "multiple repeat at position 2"),
            ("[a", "unterminated character set at position 0"),
            ("[z-a]", "bad character range z-a at position 1"),
            (r"\q", r"bad escape \q at position 0"),
            ("a\\", "bad escape (end of pattern) at position 1"),
            ("a{3,2}", "min repeat greater than max repeat at position 2"),
            (r"(a)\2", "invalid group reference 2 at position 4"),
            ("(?P<n>a)(?P=m)", "unknown group name 'm' at position 12"),
            ("(?<=a*)b", "look-behind requires fixed-width pattern"),
            ("a(?i)", "global flags not at the start of the expression at position 1"),
        ];
        for (pattern, expected) in cases {
            assert_eq!(error(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn patterns_match_at_the_beginning() {
        let matches = |pattern: &str, text: &str| Pattern::new(pattern).unwrap().matches_start(text);
        assert!(matches("Server", "Server-optional"));
        assert!(!matches("Server$", "Server-optional"));
        assert!(!matches("erver", "Server"));
        assert!(matches("a|b", "bc"));
        assert!(matches(r"^(?!Server)", "Desk") && !matches(r"^(?!Server)", "Server"));
        assert!(matches("x{a}", "x{a}") && matches("a{,2}$", "aa") && !matches("a{,2}$", "aaa"));
        assert!(matches(r"[]&&-]+\Z", "]&-&") && matches(r"[\w.-]+$", "a.b-c"));
        assert!(matches(r"(a|b)\1$", "bb") && !matches(r"(a|b)\1$", "ab"));
        assert!(matches("(?i)server", "SERVER") && matches("(?#note)x", "x"));
    }
}
