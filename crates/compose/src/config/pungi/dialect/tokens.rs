//! Text to tokens, as Python 3.11's `tokenize` module cuts them: lines, columns and errors included.
//!
//! Tokens come line by line and only when asked for, because the parser's own errors in earlier lines stand above the errors found
//! here. Must not know: what tokens mean.

use std::collections::VecDeque;
use std::sync::LazyLock;

use regex::Regex;

use super::error::{Class, DialectError, Place};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Name,
    Number,
    Text,
    Operator,
    Comment,
    /// The end of a statement, or a line end that means nothing.
    LineEnd,
    /// A change of indentation.
    Indent,
    /// One character that no token begins with.
    Error,
    End,
}

/// A place in the file: the line from 1, the column from 0 in characters.
pub(super) type Position = (usize, usize);

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    pub(super) begin: Position,
    pub(super) end: Position,
}

impl Token {
    pub(super) fn is_operator(&self, text: &str) -> bool {
        self.kind == Kind::Operator && self.text == text
    }
}

/// A text literal that goes on in the next line.
#[derive(Debug)]
struct Unfinished {
    begin: Position,
    quote: char,
    triple: bool,
    text: String,
}

#[derive(Debug)]
pub(super) struct Tokenizer<'text> {
    file: &'text str,
    lines: Vec<&'text str>,
    /// How many lines were read; one more than there are at the end of the file.
    line: usize,
    depth: i64,
    continued: bool,
    indents: Vec<usize>,
    unfinished: Option<Unfinished>,
    ready: VecDeque<Token>,
    ended: bool,
    /// Where the rest of the line begins that is being cut.
    position: usize,
    /// A byte of the line and its column, from which later columns are counted.
    counted: (usize, usize),
}

impl<'text> Tokenizer<'text> {
    /// Line ends must all be `\n`.
    pub(super) fn new(file: &'text str, text: &'text str) -> Self {
        Self {
            file,
            lines: text.split_inclusive('\n').collect(),
            line: 0,
            depth: 0,
            continued: false,
            indents: vec![0],
            unfinished: None,
            ready: VecDeque::new(),
            ended: false,
            position: 0,
            counted: (0, 0),
        }
    }

    /// The next token; nothing after the end of the file was given.
    pub(super) fn next(&mut self) -> Result<Option<Token>, DialectError> {
        while self.ready.is_empty() && !self.ended {
            let line = self.current_line();
            if self.position < line.len() {
                self.cut(line);
            } else {
                self.read_line()?;
            }
        }
        Ok(self.ready.pop_front())
    }

    /// The text of the lines in which a token stands.
    pub(super) fn lines_of(&self, token: &Token) -> String {
        let first = token.begin.0.saturating_sub(1).min(self.lines.len());
        let last = token.end.0.clamp(first, self.lines.len());
        self.lines[first..last].concat()
    }

    fn current_line(&self) -> &'text str {
        self.line.checked_sub(1).and_then(|line| self.lines.get(line)).copied().unwrap_or_default()
    }

    /// Begins the next line.
    fn read_line(&mut self) -> Result<(), DialectError> {
        self.line += 1;
        self.counted = (0, 0);
        let line = self.current_line();
        self.position = line.len();
        if let Some(unfinished) = self.unfinished.take() {
            self.go_on_with_text(unfinished, line)
        } else if self.depth == 0 && !self.continued {
            self.measure_indent(line)
        } else if line.is_empty() {
            Err(self.gave_up("EOF in multi-line statement", (self.line, 0)))
        } else {
            self.continued = false;
            self.position = 0;
            Ok(())
        }
    }

    /// The column, in characters, of a byte of the line.
    fn column(&mut self, line: &str, position: usize) -> usize {
        let (counted, columns) = self.counted;
        let column = match position.checked_sub(counted) {
            Some(_) => columns + line[counted..position].chars().count(),
            None => line[..position].chars().count(),
        };
        self.counted = (position, column);
        column
    }

    fn gave_up(&self, message: &str, position: Position) -> DialectError {
        let place = Place { file: self.file.to_owned(), line: position.0, column: position.1 };
        DialectError::new(Class::TokenError, message).at(place)
    }

    /// Looks for the end of a literal that began in an earlier line.
    fn go_on_with_text(&mut self, mut unfinished: Unfinished, line: &str) -> Result<(), DialectError> {
        if line.is_empty() {
            return Err(self.gave_up("EOF in multi-line string", unfinished.begin));
        }
        if let Some(end) = end_of_text(line, 0, unfinished.quote, unfinished.triple) {
            unfinished.text.push_str(&line[..end]);
            let end_position = (self.line, self.column(line, end));
            let Unfinished { begin, text, .. } = unfinished;
            self.ready.push_back(Token { kind: Kind::Text, text, begin, end: end_position });
            self.position = end;
            return Ok(());
        }
        unfinished.text.push_str(line);
        if !unfinished.triple && !line.ends_with("\\\n") {
            let end = (self.line, self.column(line, line.len()));
            self.ready.push_back(Token { kind: Kind::Error, text: unfinished.text, begin: unfinished.begin, end });
        } else {
            self.unfinished = Some(unfinished);
        }
        Ok(())
    }

    /// At the beginning of a statement: skips the indentation, or the whole line where it holds nothing.
    fn measure_indent(&mut self, line: &str) -> Result<(), DialectError> {
        let mut indent = 0;
        let mut position = 0;
        for byte in line.bytes() {
            match byte {
                b' ' => indent += 1,
                b'\t' => indent = (indent / 8 + 1) * 8,
                b'\x0c' => indent = 0,
                _ => break,
            }
            position += 1;
        }
        let Some(first) = line[position..].chars().next() else {
            self.end();
            return Ok(());
        };
        if first == '#' {
            let comment = line[position..].trim_end_matches('\n');
            self.push(Kind::Comment, line, position, position + comment.len());
            return Ok(());
        }
        if first == '\n' {
            self.push(Kind::LineEnd, line, position, line.len());
            return Ok(());
        }
        if indent > *self.indents.last().expect("the first indent stays") {
            self.indents.push(indent);
            self.push(Kind::Indent, line, 0, position);
        }
        while indent < *self.indents.last().expect("the first indent stays") {
            if !self.indents.contains(&indent) {
                let place = Place { file: self.file.to_owned(), line: self.line, column: position };
                let message = "unindent does not match any outer indentation level";
                return Err(DialectError::new(Class::IndentationError, message).at(place));
            }
            self.indents.pop();
            self.push(Kind::Indent, line, position, position);
        }
        self.position = position;
        Ok(())
    }

    /// The end of the file: a line end where the last line has none, then the end itself.
    fn end(&mut self) {
        self.ended = true;
        self.ready.push_back(Token { kind: Kind::LineEnd, text: String::new(), begin: (self.line, 0), end: (self.line, 0) });
        self.ready.push_back(Token { kind: Kind::End, text: String::new(), begin: (self.line, 0), end: (self.line, 0) });
    }

    fn push(&mut self, kind: Kind, line: &str, start: usize, end: usize) {
        let begin = (self.line, self.column(line, start));
        let end_position = (self.line, self.column(line, end));
        self.ready.push_back(Token { kind, text: line[start..end].to_owned(), begin, end: end_position });
    }

    /// Cuts one token from the rest of a line.
    fn cut(&mut self, line: &str) {
        let rest = &line[self.position..];
        let start = line.len() - rest.trim_start_matches([' ', '\t', '\x0c']).len();
        let after = &line[start..];
        if after.is_empty() || after == "\\\n" {
            self.continued |= !after.is_empty();
            self.position = line.len();
            return;
        }
        match recognise(line, start) {
            Some(Found::Token(kind, end)) => {
                self.count_brackets(kind, &line[start..end]);
                self.push(kind, line, start, end);
                self.position = end;
            }
            Some(Found::Unfinished { quote, triple }) => {
                let begin = (self.line, self.column(line, start));
                self.unfinished = Some(Unfinished { begin, quote, triple, text: line[start..].to_owned() });
                self.position = line.len();
            }
            // Python reports the first character it looked at, which may be a blank before the one at fault.
            None => {
                let end = self.position + rest.chars().next().map_or(1, char::len_utf8);
                self.push(Kind::Error, line, self.position, end);
                self.position = end;
            }
        }
    }

    fn count_brackets(&mut self, kind: Kind, text: &str) {
        if kind == Kind::Operator {
            match text {
                "(" | "[" | "{" => self.depth += 1,
                ")" | "]" | "}" => self.depth -= 1,
                _ => {}
            }
        }
    }
}

enum Found {
    Token(Kind, usize),
    Unfinished { quote: char, triple: bool },
}

/// The token that begins at a byte which is no blank.
fn recognise(line: &str, start: usize) -> Option<Found> {
    let rest = &line[start..];
    let first = rest.chars().next()?;
    if first == '#' {
        return Some(Found::Token(Kind::Comment, start + rest.trim_end_matches('\n').len()));
    }
    if let Some((quote_at, quote)) = opening_quote(rest)
        && let Some(found) = recognise_text(line, start + quote_at, quote)
    {
        return Some(found);
    }
    if let Some(length) = number(rest) {
        return Some(Found::Token(Kind::Number, start + length));
    }
    if first == '\n' {
        return Some(Found::Token(Kind::LineEnd, start + 1));
    }
    if let Some(length) = operator(rest) {
        return Some(Found::Token(Kind::Operator, start + length));
    }
    let length: usize = rest.chars().take_while(|character| is_word(*character)).map(char::len_utf8).sum();
    let kind = if starts_name(first) { Kind::Name } else { Kind::Operator };
    (length > 0).then_some(Found::Token(kind, start + length))
}

/// Where the quote of a text literal stands, after a prefix such as `rb`.
fn opening_quote(rest: &str) -> Option<(usize, char)> {
    let at = rest.bytes().take(3).position(|byte| byte == b'\'' || byte == b'"')?;
    let prefix = rest[..at].to_ascii_lowercase();
    let known = matches!(prefix.as_str(), "" | "b" | "r" | "u" | "f" | "br" | "rb" | "fr" | "rf");
    known.then(|| (at, char::from(rest.as_bytes()[at])))
}

fn recognise_text(line: &str, quote_at: usize, quote: char) -> Option<Found> {
    let triple = line[quote_at..].chars().take(3).filter(|character| *character == quote).count() == 3;
    let inside = quote_at + if triple { 3 } else { 1 };
    if let Some(end) = end_of_text(line, inside, quote, triple) {
        return Some(Found::Token(Kind::Text, end));
    }
    // A simple literal may only go on after a backslash at the end of the line.
    let goes_on = triple || ends_with_open_backslash(line, inside);
    goes_on.then_some(Found::Unfinished { quote, triple })
}

/// The byte after the closing quote, if the literal ends in this line.
fn end_of_text(line: &str, start: usize, quote: char, triple: bool) -> Option<usize> {
    let closing = if triple { quote.to_string().repeat(3) } else { quote.to_string() };
    let mut position = start;
    loop {
        let rest = &line[position..];
        let step = rest.find([quote, '\\'])?;
        let found = &rest[step..];
        if found.starts_with('\\') {
            let escaped = found.chars().nth(1).filter(|character| *character != '\n')?;
            position += step + 1 + escaped.len_utf8();
        } else if found.starts_with(&closing) {
            return Some(position + step + closing.len());
        } else {
            position += step + 1;
        }
    }
}

fn ends_with_open_backslash(line: &str, start: usize) -> bool {
    line.strip_suffix('\n').is_some_and(|body| {
        let inside = &body[start.min(body.len())..];
        (inside.len() - inside.trim_end_matches('\\').len()) % 2 == 1
    })
}

/// The length of a number, in the order in which Python tries the forms: imaginary, with a point, with an exponent, whole.
fn number(rest: &str) -> Option<usize> {
    let first = rest.as_bytes()[0];
    let begins = if first == b'.' { rest.as_bytes().get(1).copied().unwrap_or_default() } else { first };
    if !begins.is_ascii_digit() {
        return None;
    }
    static FORMS: LazyLock<Regex> = LazyLock::new(|| {
        let digits = "[0-9](?:_?[0-9])*";
        let exponent = format!("[eE][-+]?{digits}");
        let point = format!(r"(?:{digits}\.(?:{digits})?|\.{digits})(?:{exponent})?|{digits}{exponent}");
        let whole = "0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0(?:_?0)*|[1-9](?:_?[0-9])*";
        Regex::new(&format!("^(?:{digits}[jJ]|(?:{point})[jJ]|{point}|{whole})")).expect("the pattern is sound")
    });
    FORMS.find(rest).map(|found| found.end())
}

fn operator(rest: &str) -> Option<usize> {
    const THREE: [&str; 5] = ["**=", "...", "//=", "<<=", ">>="];
    const TWO: [&str; 19] =
        ["!=", "%=", "&=", "**", "*=", "+=", "-=", "->", "//", "/=", ":=", "<<", "<=", "==", ">=", ">>", "@=", "^=", "|="];
    let begins = |known: &&str| rest.starts_with(known);
    let long = THREE.iter().find(|known| begins(known)).or_else(|| TWO.iter().find(|known| begins(known)));
    long.map(|known| known.len()).or_else(|| rest.starts_with(|first| "%&()*+,-./:;<=>@[]^{|}~".contains(first)).then_some(1))
}

fn is_word(character: char) -> bool {
    static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[\p{L}\p{N}_]$").expect("the pattern is sound"));
    matches_class(character, |byte| byte.is_ascii_alphanumeric() || byte == b'_', &WORD)
}

fn starts_name(character: char) -> bool {
    static START: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^[\p{XID_Start}_]$").expect("the pattern is sound"));
    matches_class(character, |byte| byte.is_ascii_alphabetic() || byte == b'_', &START)
}

fn matches_class(character: char, ascii: impl Fn(u8) -> bool, other: &Regex) -> bool {
    u8::try_from(character).ok().filter(u8::is_ascii).map_or_else(|| other.is_match(character.encode_utf8(&mut [0; 4])), ascii)
}
