//! Why a configuration cannot be read: the class of Python's exception, its words, and the place.

use std::fmt;

/// Where in a file something stands: the line from 1, the column from 0 in characters, as Pungi counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

/// As editors count: columns from 1.
impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column + 1)
    }
}

/// The exception that Pungi would have died of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    FileNotFoundError,
    IndentationError,
    JsonDecodeError,
    KeyError,
    MemoryError,
    OsError,
    OverflowError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TokenError,
    TypeError,
    UnicodeDecodeError,
    ValueError,
}

impl Class {
    pub const fn name(self) -> &'static str {
        match self {
            Self::FileNotFoundError => "FileNotFoundError",
            Self::IndentationError => "IndentationError",
            Self::JsonDecodeError => "json.decoder.JSONDecodeError",
            Self::KeyError => "KeyError",
            Self::MemoryError => "MemoryError",
            Self::OsError => "OSError",
            Self::OverflowError => "OverflowError",
            Self::RecursionError => "RecursionError",
            Self::RuntimeError => "RuntimeError",
            Self::SyntaxError => "SyntaxError",
            Self::TokenError => "TokenError",
            Self::TypeError => "TypeError",
            Self::UnicodeDecodeError => "UnicodeDecodeError",
            Self::ValueError => "ValueError",
        }
    }
}

/// A configuration that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", class.name(), message.trim_end())]
pub struct DialectError {
    pub class: Class,
    /// In Pungi's words; a line of the file at its end keeps its line end.
    pub message: String,
    pub place: Option<Place>,
    pub hint: Option<&'static str>,
}

impl DialectError {
    pub(in super::super) fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), place: None, hint: None }
    }

    /// Names the place, unless one nearer to the cause is named already.
    pub(in super::super) fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }

    pub(super) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}
