//! Names, versions and other words of a set, as numbers.

use crate::strings::Strings;

/// A string of one [`Symbols`] table. Equal symbols of one table are equal strings; their order means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Symbol(u32);

impl Symbol {
    /// The empty string, in every table.
    pub const EMPTY: Symbol = Symbol(0);

    /// For tables that are indexed by symbol.
    pub fn index(self) -> usize {
        self.0 as usize
    }

    pub fn is_empty(self) -> bool {
        self == Symbol::EMPTY
    }
}

/// The table of all strings that have symbols.
#[derive(Debug, Clone)]
pub struct Symbols(Strings);

impl Default for Symbols {
    fn default() -> Symbols {
        Symbols::with_capacity(0, 0)
    }
}

impl Symbols {
    /// With room for this many strings, and for this many bytes in all.
    pub(crate) fn with_capacity(strings: usize, bytes: usize) -> Symbols {
        let mut symbols = Symbols(Strings::with_capacity(strings, bytes));
        symbols.intern("");
        symbols
    }

    pub fn intern(&mut self, text: &str) -> Symbol {
        Symbol(self.0.find(text).unwrap_or_else(|unknown| self.0.insert(text, unknown)))
    }

    /// The symbol of a string, if it was ever interned.
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.0.find(text).ok().map(Symbol)
    }

    pub fn text(&self, symbol: Symbol) -> &str {
        self.0.get(symbol.0)
    }

    #[expect(clippy::len_without_is_empty, reason = "the empty string is always in it")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All strings, in the order of their symbols' indexes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter()
    }

    pub(crate) fn shrink(&mut self) {
        self.0.shrink();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_are_one_symbol() {
        let mut symbols = Symbols::default();
        let bash = symbols.intern("bash");
        assert_eq!(symbols.intern("bash"), bash);
        assert_ne!(symbols.intern("bas"), bash);
        assert_eq!(symbols.text(bash), "bash");
        assert_eq!(symbols.find("bash"), Some(bash));
        assert_eq!(symbols.find("dash"), None);
        assert_eq!(symbols.find(""), Some(Symbol::EMPTY));
    }
}
