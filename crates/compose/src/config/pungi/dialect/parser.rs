//! Tokens to values: assignments, imports and globals, as kobo's PyConfigParser takes them, and the traps met on the way.
//!
//! Must not know: what any option means.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::super::integer::Integer;
use super::super::show::repr;
use super::super::value::{Dict, Key, Value};
use super::error::{Class, DialectError, Place};
use super::format::format;
use super::source;
use super::tokens::{Kind, Token, Tokenizer};
use super::trap::{Trap, TrapKind};

/// How deeply values may nest in the text; about where Python gives up.
const NESTING_LIMIT: usize = 450;
/// How deeply values may nest once variables are put in.
const DEPTH_LIMIT: usize = 900;
/// How deeply files may import each other.
const IMPORT_DEPTH_LIMIT: usize = 150;
const FILE_LIMIT: usize = 5000;
/// How many values all variables together may unfold to: a list of itself, named again and again, grows without end in few lines.
const UNFOLDED_LIMIT: usize = 1 << 24;
/// The longest path of a file to import.
const FILE_NAME_LIMIT: usize = 4096;
/// How many characters that are no tokens the name of a file may have; to look for each costs a walk over the line.
const STRAY_LIMIT: usize = 16;

const KEYWORDS: [&str; 35] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del", "elif", "else",
    "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or", "pass", "raise",
    "return", "try", "while", "with", "yield",
];

type Result<T> = std::result::Result<T, DialectError>;

/// A value, with how much it unfolds to and how deep it is.
#[derive(Debug, Clone)]
struct Measured {
    value: Value,
    size: usize,
    depth: usize,
}

impl Measured {
    fn single(value: Value) -> Self {
        let size = 1 + value.as_text().map_or(0, str::len) / 16;
        Self { value, size, depth: 1 }
    }
}

type Namespace = IndexMap<String, Measured>;

/// What a file gives to the one that imports it.
struct Imported {
    namespace: Namespace,
    globals: HashSet<String>,
}

/// What the files of one configuration share.
#[derive(Debug, Default)]
pub(super) struct Session {
    unfolded: usize,
    import_depth: usize,
    pub(super) opened_files: Vec<String>,
    pub(super) traps: Vec<Trap>,
    /// Where each variable was last assigned, in any file.
    pub(super) assigned: HashMap<String, Place>,
    /// Every text literal with its place.
    pub(super) literals: Vec<(Arc<str>, Place)>,
}

impl Session {
    /// Reads a file and what it imports; `variables` are there before.
    pub(super) fn load(&mut self, file: &str, variables: &[(String, String)]) -> Result<Dict> {
        let text = source::read(file)?;
        let variable = |(name, text): &(String, String)| (name.clone(), Measured::single(Value::text(text)));
        let namespace = variables.iter().map(variable).collect();
        let Imported { namespace, .. } = self.parse(file, &text, namespace, HashSet::new())?;
        Ok(namespace.into_iter().map(|(name, measured)| (Key::text(&name), measured.value)).collect())
    }

    fn parse(&mut self, file: &str, text: &str, namespace: Namespace, globals: HashSet<String>) -> Result<Imported> {
        self.opened_files.push(file.to_owned());
        if self.opened_files.len() > FILE_LIMIT {
            return Err(DialectError::new(Class::OsError, format!("more than {FILE_LIMIT} files are imported")));
        }
        let mut parser = Parser {
            namespace,
            globals,
            session: self,
            file,
            tokens: Tokenizer::new(file, text),
            token: Token { kind: Kind::End, text: String::new(), begin: (0, 0), end: (0, 0) },
            waiting: None,
            nesting: 0,
        };
        parser.statements()?;
        Ok(Imported { namespace: parser.namespace, globals: parser.globals })
    }

    /// Reads a file that begins with the given variables, which are global there too.
    fn import(&mut self, file: &str, variables: Namespace) -> Result<Imported> {
        self.import_depth += 1;
        if self.import_depth > IMPORT_DEPTH_LIMIT {
            let error = DialectError::new(Class::RecursionError, "maximum recursion depth exceeded");
            return Err(error.hint("the files import each other in a circle"));
        }
        let text = source::read(file)?;
        let globals = variables.keys().cloned().collect();
        let imported = self.parse(file, &text, variables, globals)?;
        self.import_depth -= 1;
        Ok(imported)
    }
}

struct Parser<'session, 'text> {
    session: &'session mut Session,
    file: &'text str,
    tokens: Tokenizer<'text>,
    /// The token that is looked at.
    token: Token,
    /// A token that was read ahead.
    waiting: Option<Token>,
    namespace: Namespace,
    /// Which variables imported files see.
    globals: HashSet<String>,
    nesting: usize,
}

impl Parser<'_, '_> {
    fn statements(&mut self) -> Result<()> {
        loop {
            self.advance()?;
            if self.token.text == "from" {
                self.import()?;
                continue;
            }
            let is_global = self.token.text == "global";
            if is_global {
                self.advance()?;
            }
            if KEYWORDS.contains(&self.token.text.as_str()) {
                let message = format!("Cannot assign to a python keyword: {}", self.token.text);
                return Err(DialectError::new(Class::SyntaxError, message).at(self.place()));
            }
            match self.token.kind {
                Kind::End => return Ok(()),
                Kind::Name if is_global => self.global()?,
                Kind::Name => self.assignment()?,
                _ => return Err(self.invalid_syntax()),
            }
        }
    }

    fn assignment(&mut self) -> Result<()> {
        let name = self.token.text.clone();
        let place = self.place();
        self.advance()?;
        if !self.token.is_operator("=") {
            return Err(self.invalid_syntax());
        }
        self.advance()?;
        let value = self.value()?;
        check_name(&name, &place)?;
        let again = self.session.assigned.get(&name).filter(|earlier| earlier.file == self.file);
        if let Some(earlier) = again {
            let message = format!("`{name}` was set on line {} already; that value is lost", earlier.line);
            self.trap(TrapKind::SetTwice, place.clone(), message, "remove one of them");
        }
        self.session.assigned.insert(name.clone(), place);
        self.namespace.insert(name, value);
        Ok(())
    }

    /// `global NAME`: later imports see the variable, which is empty until it is assigned.
    fn global(&mut self) -> Result<()> {
        let name = self.token.text.clone();
        check_name(&name, &self.place())?;
        if self.namespace.get(&name).is_some_and(|known| !matches!(known.value, Value::None)) {
            let message = format!("`global {name}` sets the variable to None: its value is lost");
            self.trap(TrapKind::GlobalAfterValue, self.place(), message, "write it before the assignment");
        }
        self.session.assigned.remove(&name);
        self.namespace.insert(name.clone(), Measured::single(Value::None));
        self.globals.insert(name);
        Ok(())
    }

    /// `from NAME import ...`; the names end with the line on which the first of them is.
    fn import(&mut self) -> Result<()> {
        let place = self.place();
        let file = self.imported_file()?;
        let mut names = Vec::new();
        self.advance()?;
        while self.token.kind != Kind::LineEnd {
            if self.token.kind != Kind::Name && !self.token.is_operator("*") {
                return Err(self.invalid_syntax());
            }
            names.push(std::mem::take(&mut self.token.text));
            self.advance_within_line()?;
            while self.token.is_operator(",") {
                self.advance_within_line()?;
            }
        }
        let seen = self.namespace.iter().filter(|(name, _)| self.globals.contains(*name));
        let seen = seen.map(|(name, value)| (name.clone(), value.clone())).collect();
        let Imported { namespace, globals } = self.session.import(&file, seen).map_err(|error| error.at(place.clone()))?;
        self.globals.extend(globals);
        if names.iter().any(|name| name == "*") {
            self.namespace.extend(namespace);
            return Ok(());
        }
        for name in names {
            let Some(value) = namespace.get(&name).cloned() else {
                let message = format!("\"Can't import {name} from {file}.\"");
                return Err(DialectError::new(Class::KeyError, message).at(place));
            };
            self.namespace.insert(name, value);
        }
        Ok(())
    }

    /// Everything up to `import`, put together as it stands, names a file beside this one.
    fn imported_file(&mut self) -> Result<String> {
        let mut name = String::new();
        let mut strays = 0;
        loop {
            self.advance()?;
            strays += usize::from(self.token.kind == Kind::Error);
            match (self.token.kind, self.token.text.as_str()) {
                (Kind::End, _) => {
                    let error = DialectError::new(Class::RuntimeError, "generator raised StopIteration").at(self.place());
                    return Err(error.hint("there is no `import` after `from`"));
                }
                (Kind::Name, "import") => break,
                (_, text) => name.push_str(text),
            }
            if name.len() > FILE_NAME_LIMIT || strays > STRAY_LIMIT {
                return Err(self.invalid_syntax());
            }
        }
        let folder = self.file.rfind('/').map_or("", |end| &self.file[..=end]);
        Ok(format!("{folder}{name}.conf"))
    }

    /// The value that begins with the current token; its last token is current afterwards.
    fn value(&mut self) -> Result<Measured> {
        let is_variable = self.token.kind == Kind::Name;
        self.nesting += 1;
        if self.nesting > NESTING_LIMIT {
            let error = DialectError::new(Class::RecursionError, "maximum recursion depth exceeded").at(self.place());
            return Err(error.hint("values are nested too deeply"));
        }
        let value = match (self.token.kind, self.token.text.as_str()) {
            (Kind::Text, _) => self.text()?,
            (Kind::Number, _) => self.number(false)?,
            (Kind::Operator, "-") => {
                self.advance()?;
                match self.token.kind {
                    Kind::Number => self.number(true)?,
                    _ => return Err(self.invalid_syntax()),
                }
            }
            (Kind::Name, _) => self.name()?,
            (Kind::Operator, "{") => self.dict()?,
            (Kind::Operator, "[") => {
                let (items, size, depth) = self.items("]")?;
                Measured { value: Value::List(items.into()), size, depth }
            }
            (Kind::Operator, "(") => {
                let (items, size, depth) = self.items(")")?;
                Measured { value: Value::Tuple(items.into()), size, depth }
            }
            _ => return Err(self.invalid_syntax()),
        };
        self.nesting -= 1;
        self.bound(&value, is_variable)?;
        Ok(value)
    }

    /// Refuses what would unfold to more than memory can hold.
    fn bound(&mut self, value: &Measured, is_variable: bool) -> Result<()> {
        // The items of a container in the text are counted one by one.
        let added = if is_variable || value.depth == 1 { value.size } else { 1 };
        self.session.unfolded = self.session.unfolded.saturating_add(added);
        if self.session.unfolded > UNFOLDED_LIMIT {
            let message = format!("the configuration unfolds to more than {UNFOLDED_LIMIT} values");
            return Err(DialectError::new(Class::MemoryError, message).at(self.place()));
        }
        if value.depth > DEPTH_LIMIT {
            let error = DialectError::new(Class::RecursionError, "maximum recursion depth exceeded").at(self.place());
            return Err(error.hint("values are nested too deeply through variables"));
        }
        Ok(())
    }

    /// A text, and what is formatted into it: only a `%` right after the literal, on its line, formats.
    fn text(&mut self) -> Result<Measured> {
        let place = self.place();
        self.note_text_traps();
        let token = &self.token.text;
        let inner = inside(token).to_owned();
        if !self.next_is_percent()? {
            let text: Arc<str> = inner.into();
            self.session.literals.push((text.clone(), place));
            return Ok(Measured::single(Value::Text(text)));
        }
        self.advance()?;
        self.advance()?;
        let argument = self.value()?;
        let text = format(&inner, &argument.value).map_err(|error| error.at(place.clone()))?;
        let text: Arc<str> = text.into();
        self.session.literals.push((text.clone(), place));
        Ok(Measured::single(Value::Text(text)))
    }

    fn next_is_percent(&mut self) -> Result<bool> {
        if self.waiting.is_none() {
            self.waiting = self.tokens.next()?;
        }
        Ok(self.waiting.as_ref().is_some_and(|token| token.is_operator("%")))
    }

    fn number(&mut self, negative: bool) -> Result<Measured> {
        let text = &self.token.text;
        let value = if text.contains('.') {
            let plain = text.replace('_', "");
            plain.parse().ok().map(|number: f64| Value::Float(if negative { -number } else { number }))
        } else {
            Integer::parse(text).map(|number| Value::Int(if negative { number.negated() } else { number }))
        };
        value.map(Measured::single).ok_or_else(|| {
            let message = if text.contains('.') {
                format!("could not convert string to float: '{text}'")
            } else {
                format!("invalid literal for int() with base 10: '{text}'")
            };
            DialectError::new(Class::ValueError, message).at(self.place())
        })
    }

    fn name(&mut self) -> Result<Measured> {
        let name = self.token.text.as_str();
        match name {
            "True" => return Ok(Measured::single(Value::Bool(true))),
            "False" => return Ok(Measured::single(Value::Bool(false))),
            "None" => return Ok(Measured::single(Value::None)),
            _ => {}
        }
        self.namespace.get(name).cloned().ok_or_else(|| {
            let message = format!("Undefined variable '{name}': {}", self.described_place());
            let error = DialectError::new(Class::SyntaxError, message).at(self.place());
            match name {
                "true" => error.hint("Python writes `True`"),
                "false" => error.hint("Python writes `False`"),
                "null" | "none" => error.hint("Python writes `None`"),
                _ => error.hint("variables must be set before they are used, and in the same file unless they are `global`"),
            }
        })
    }

    /// The items up to a closing bracket, what they unfold to, and how deep that is.
    fn items(&mut self, close: &str) -> Result<(Vec<Value>, usize, usize)> {
        let open = self.place();
        let mut items = Vec::new();
        let (mut size, mut depth) = (1_usize, 0);
        let mut commas = 0;
        let mut separated = true;
        loop {
            self.advance()?;
            if self.token.is_operator(close) {
                break;
            }
            if self.token.is_operator(",") {
                separated = true;
                commas += 1;
                continue;
            }
            if !separated {
                self.note_missing_comma();
            }
            let item = self.value()?;
            size = size.saturating_add(item.size);
            depth = depth.max(item.depth);
            items.push(item.value);
            separated = false;
        }
        if close == ")" && items.len() == 1 && commas == 0 {
            let message = "parentheses always make a tuple: this is a tuple with one item, no value in parentheses";
            self.trap(TrapKind::Parentheses, open, message, "remove the parentheses, or write a comma before the closing one");
        }
        Ok((items, size, depth + 1))
    }

    fn dict(&mut self) -> Result<Measured> {
        let mut dict = Dict::new();
        let (mut size, mut depth) = (1_usize, 0);
        let mut separated = true;
        loop {
            self.advance()?;
            if self.token.is_operator("}") {
                break;
            }
            if self.token.is_operator(",") {
                separated = true;
                continue;
            }
            if !separated {
                self.note_missing_comma();
            }
            let key = self.key()?;
            self.check_key(&dict, &key)?;
            self.advance()?;
            if !self.token.is_operator(":") {
                return Err(self.invalid_syntax());
            }
            self.advance()?;
            let value = self.value()?;
            size = size.saturating_add(value.size + 1);
            depth = depth.max(value.depth);
            let type_name = key.type_name();
            let Some(key) = Key::new(key) else {
                let message = format!("unhashable type: '{type_name}'");
                return Err(DialectError::new(Class::TypeError, message).at(self.place()));
            };
            if dict.insert(key, value.value).is_some() {
                let message = "Python holds this key equal to an earlier one of another type: the earlier value is lost";
                self.trap(TrapKind::EqualKeys, self.place(), message, "use texts as keys");
            }
            separated = false;
        }
        Ok(Measured { value: Value::Dict(dict.into()), size, depth: depth + 1 })
    }

    fn key(&mut self) -> Result<Value> {
        let simple = matches!(self.token.kind, Kind::Text | Kind::Number | Kind::Name) || self.token.is_operator("-");
        if simple { Ok(self.value()?.value) } else { Err(self.invalid_syntax()) }
    }

    /// Of keys that Python holds equal, such as `1` and `True`, the first one stays in the dict with the last value; only one of its
    /// own type is refused.
    fn check_key(&self, dict: &Dict, key: &Value) -> Result<()> {
        let hashable = Key::new(key.clone());
        let known = hashable.and_then(|key| dict.get_key_value(&key).map(|(known, _)| known.value().type_name()));
        if known != Some(key.type_name()) {
            return Ok(());
        }
        let line = self.token.begin.0;
        let message = format!("Duplicate dict key {} in file {} on line {line}", repr(key), self.file);
        Err(DialectError::new(Class::SyntaxError, message).at(self.place()).hint("each key may stand once"))
    }

    /// The next token that is neither a line end, an indent nor a comment.
    fn advance(&mut self) -> Result<()> {
        self.advance_within_line()?;
        while self.token.kind == Kind::LineEnd {
            self.advance_within_line()?;
        }
        Ok(())
    }

    /// The next token that is neither an indent nor a comment.
    fn advance_within_line(&mut self) -> Result<()> {
        self.advance_by_one()?;
        while matches!(self.token.kind, Kind::Indent | Kind::Comment) {
            self.advance_by_one()?;
        }
        Ok(())
    }

    fn advance_by_one(&mut self) -> Result<()> {
        let next = match self.waiting.take() {
            Some(token) => Some(token),
            None => self.tokens.next()?,
        };
        // After the end comes the end: whoever needs more has seen that it is no token of theirs.
        if let Some(token) = next {
            self.token = token;
        }
        Ok(())
    }

    fn place(&self) -> Place {
        let (line, column) = self.token.begin;
        Place { file: self.file.to_owned(), line, column }
    }

    fn described_place(&self) -> String {
        let (begin, end) = (self.token.begin, self.token.end);
        let line = self.tokens.lines_of(&self.token);
        let (file, text) = (self.file, if self.token.kind == Kind::End { "" } else { &line });
        format!("file: {file}, begin: ({}, {}), end: ({}, {}), text: {text}", begin.0, begin.1, end.0, end.1)
    }

    fn invalid_syntax(&self) -> DialectError {
        let error = DialectError::new(Class::SyntaxError, format!("Invalid syntax: {}", self.described_place())).at(self.place());
        match self.token.text.as_str() {
            "+" => error.hint("nothing is added or joined: write `'%s%s' % (a, b)`"),
            "%" => error.hint("`%` formats only right after a text, on the same line"),
            ";" => error.hint("write each assignment on a line of its own"),
            _ if self.token.kind == Kind::Text => error.hint("texts that stand side by side are not joined"),
            _ => error,
        }
    }

    fn trap(&mut self, kind: TrapKind, place: Place, message: impl Into<String>, hint: &'static str) {
        self.session.traps.push(Trap { kind, place, message: message.into(), hint });
    }

    fn note_missing_comma(&mut self) {
        let message = "a comma is missing before this item; Pungi takes it as an item of its own";
        self.trap(TrapKind::MissingComma, self.place(), message, "write the comma");
    }

    fn note_text_traps(&mut self) {
        let token = self.token.text.clone();
        let prefix = token.find(['\'', '"']).unwrap_or_default();
        let inner = inside(&token);
        if prefix > 0 {
            let message = format!("the prefix `{}` has no meaning: the value is {}", &token[..prefix], repr(&Value::text(inner)));
            self.trap(TrapKind::Prefix, self.place(), message, "remove the prefix; backslashes are kept as they are anyway");
        } else if token.starts_with("'''") || token.starts_with("\"\"\"") {
            let message = "triple quotes are not known: two quotes stay at each end of the value";
            self.trap(TrapKind::TripleQuotes, self.place(), message, "use simple quotes");
        } else if inner.contains("\\'") || inner.contains("\\\"") {
            let message = "the backslash before the quote stays in the value";
            self.trap(TrapKind::EscapedQuote, self.place(), message, "put the text into quotes of the other kind");
        } else if inner.contains("\\\n") {
            let message = "the backslash and the line end stay in the value";
            self.trap(TrapKind::EscapedLineEnd, self.place(), message, "write the text on one line");
        }
    }
}

fn check_name(name: &str, place: &Place) -> Result<()> {
    if !name.starts_with('_') {
        return Ok(());
    }
    let error = DialectError::new(Class::KeyError, format!("'{name}'")).at(place.clone());
    Err(error.hint("names must not begin with an underscore"))
}

/// What stands between the first and the last character.
fn inside(token: &str) -> &str {
    let mut characters = token.chars();
    characters.next();
    characters.next_back();
    characters.as_str()
}
