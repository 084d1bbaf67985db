//! What is wrong with a configuration: each problem with its place, all of them in one error.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use toml::de::DeTable;

use super::source::{Place, Text};

/// Everything that is wrong with a configuration, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// How many characters of the line it is about; at least 1.
    pub width: usize,
    /// The line as written, or, of a very long one, the part around the place.
    pub line_text: String,
    /// Where in `line_text` it is, in characters from 1.
    pub line_text_column: usize,
    pub message: String,
    pub hint: Option<String>,
}

/// How many problems are shown; one mistake may be there ten thousand times.
const SHOWN: usize = 50;
/// How much of a line is shown, in characters.
const LINE_LIMIT: usize = 160;

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.problems.iter().take(SHOWN).enumerate() {
            let between = if position == 0 { "" } else { "\n\n" };
            write!(formatter, "{between}{problem}")?;
        }
        match self.problems.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(formatter, "\n\n... and {more} more"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        // A tab before the caret stays a tab, so that the caret stands right whatever width the terminal gives it.
        let before = self.line_text.chars().take(self.line_text_column - 1);
        let indent: String = before.map(|character| if character == '\t' { '\t' } else { ' ' }).collect();
        writeln!(formatter, "error: {}", self.message)?;
        writeln!(formatter, "{margin}--> {}:{}:{}", self.file, self.line, self.column)?;
        writeln!(formatter, "{margin} |")?;
        writeln!(formatter, "{number} | {}", self.line_text)?;
        write!(formatter, "{margin} | {indent}{}", "^".repeat(self.width))?;
        match &self.hint {
            Some(hint) => write!(formatter, "\n{margin} = help: {hint}"),
            None => Ok(()),
        }
    }
}

impl Problem {
    /// A problem with the bytes `span` of `text`.
    pub(super) fn new(text: &Text<'_>, span: Range<usize>, message: String, hint: Option<String>) -> Self {
        let line = text.line(span.start.min(text.content.len()));
        let line_span = text.line_span(line);
        let start = text.boundary(span.start.min(line_span.end));
        let end = text.boundary(span.end.clamp(start, line_span.end));
        let before = text.content[line_span.start..start].chars().count();
        let (line_text, shift) = part_around(&text.content[line_span], before);
        let room = line_text.chars().count().saturating_sub(before - shift).max(1);
        Self {
            file: text.file.to_owned(),
            line,
            column: before + 1,
            width: text.content[start..end].chars().count().clamp(1, room),
            line_text,
            line_text_column: before - shift + 1,
            message,
            hint,
        }
    }
}

/// The part of a line that is shown, and how many characters were left out before it.
fn part_around(line: &str, position: usize) -> (String, usize) {
    if line.len() <= LINE_LIMIT {
        return (line.to_owned(), 0);
    }
    let shift = position.saturating_sub(LINE_LIMIT / 2);
    (line.chars().skip(shift).take(LINE_LIMIT).collect(), shift)
}

/// Collects problems while a configuration is checked.
#[derive(Debug)]
pub(super) struct Report<'a> {
    text: &'a Text<'a>,
    tree: &'a DeTable<'a>,
    problems: Vec<Found>,
    damaged: BTreeSet<Place>,
}

#[derive(Debug)]
struct Found {
    span: Range<usize>,
    message: String,
    hint: Option<String>,
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a Text<'a>, tree: &'a DeTable<'a>) -> Self {
        Self { text, tree, problems: Vec::new(), damaged: BTreeSet::new() }
    }

    /// From now on places are looked up in this tree, which has other keys but the same positions in the text.
    pub(super) fn look_in(&mut self, tree: &'a DeTable<'a>) {
        self.tree = tree;
    }

    /// Something is wrong with the value at a place.
    pub(super) fn value(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<Hint>) {
        self.add(place, place.of_value(self.tree), message.into(), hint.into());
    }

    /// Something is wrong with there being such a key, or with what a whole table says.
    pub(super) fn key(&mut self, place: &Place, message: impl Into<String>, hint: impl Into<Hint>) {
        self.add(place, place.of_key(self.tree), message.into(), hint.into());
    }

    /// Something is wrong at bytes of the file.
    pub(super) fn span(&mut self, span: Range<usize>, message: impl Into<String>, hint: impl Into<Hint>) {
        self.problems.push(Found { span, message: message.into(), hint: hint.into().0 });
    }

    fn add(&mut self, place: &Place, span: Range<usize>, message: String, hint: Hint) {
        if !self.is_damaged(place) {
            self.span(span, message, hint);
        }
    }

    /// What stands at the place was reported and replaced: whatever else would be said about it is no news.
    pub(super) fn damage(&mut self, place: &Place) {
        self.damaged.insert(place.clone());
    }

    /// Whether the value at the place, or one around it, stands in for one that was wrong.
    pub(super) fn is_damaged(&self, place: &Place) -> bool {
        if self.damaged.is_empty() {
            return false;
        }
        let mut around = Some(place.clone());
        while let Some(place) = around {
            if self.damaged.contains(&place) {
                return true;
            }
            around = place.parent();
        }
        false
    }

    /// Whether the value at the place, or one around it or in it, stands in for one that was wrong.
    pub(super) fn has_damage_in(&self, place: &Place) -> bool {
        let next = self.damaged.range(place.clone()..).next();
        next.is_some_and(|damaged| damaged.is_in(place)) || self.is_damaged(place)
    }

    /// The line on which a value stands, to point at it from elsewhere.
    pub(super) fn line_of(&self, place: &Place) -> usize {
        self.text.line(place.of_key(self.tree).start)
    }

    /// `harbour.toml:52:5`, where a key stands.
    pub(super) fn text_place(&self, place: &Place) -> String {
        self.text.place(place.of_key(self.tree).start)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub(super) fn into_error(mut self) -> ConfigError {
        self.problems.sort_by_key(|found| (found.span.start, found.span.end));
        let problem = |found: Found| Problem::new(self.text, found.span, found.message, found.hint);
        ConfigError { problems: self.problems.into_iter().map(problem).collect() }
    }
}

/// What to do about a problem, if there is something to say.
#[derive(Debug)]
pub(super) struct Hint(Option<String>);

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Self(Some(text.to_owned()))
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self(Some(text))
    }
}

impl From<Option<String>> for Hint {
    fn from(text: Option<String>) -> Self {
        Self(text)
    }
}
