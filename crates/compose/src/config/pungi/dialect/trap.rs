//! What Pungi takes silently and hardly anybody means.

use super::error::Place;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TrapKind {
    /// `r'...'`: the quote stays in the value.
    Prefix,
    /// `'''...'''`: two quotes stay at each end.
    TripleQuotes,
    /// `'it\'s'`: the backslash stays.
    EscapedQuote,
    /// A text that goes on in the next line after a backslash, which stays.
    EscapedLineEnd,
    /// Two items without a comma between them.
    MissingComma,
    /// `('x')` is a tuple.
    Parentheses,
    /// A variable that the same file set before.
    SetTwice,
    /// `1` and `True` are one key.
    EqualKeys,
    /// `global x` after `x` was set.
    GlobalAfterValue,
    /// `^Server` matches `Server-optional` too.
    OpenPattern,
}

impl TrapKind {
    /// The name under which it is reported.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prefix => "string-prefix",
            Self::TripleQuotes => "triple-quotes",
            Self::EscapedQuote => "escaped-quote",
            Self::EscapedLineEnd => "escaped-line-end",
            Self::MissingComma => "missing-comma",
            Self::Parentheses => "parentheses",
            Self::SetTwice => "set-twice",
            Self::EqualKeys => "equal-keys",
            Self::GlobalAfterValue => "global-after-value",
            Self::OpenPattern => "open-pattern",
        }
    }
}

/// A trap that a configuration steps into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    pub kind: TrapKind,
    pub place: Place,
    pub message: String,
    pub hint: &'static str,
}
