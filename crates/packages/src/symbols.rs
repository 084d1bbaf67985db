//! Strings kept once and named by a number: what makes a set of a hundred thousand packages small and quick to compare.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::number_table::NumberTable;

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

/// The table of all strings. It holds less than 4 GiB of text, which its readers see to by limiting what they read.
#[derive(Debug, Clone)]
pub struct Symbols {
    text: String,
    /// Where each string ends in `text`.
    ends: Vec<u32>,
    by_text: NumberTable,
    hasher: FixedState,
}

impl Default for Symbols {
    fn default() -> Symbols {
        Symbols::with_capacity(0, 0)
    }
}

impl Symbols {
    /// With room for this many strings, and for this many bytes in all.
    pub(crate) fn with_capacity(strings: usize, bytes: usize) -> Symbols {
        let mut symbols = Symbols {
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(strings),
            by_text: NumberTable::with_capacity(strings),
            hasher: FixedState::with_seed(0),
        };
        symbols.intern("");
        symbols
    }

    pub fn intern(&mut self, text: &str) -> Symbol {
        let hash = self.hasher.hash_one(text);
        if let Some(symbol) = self.find_hashed(text, hash) {
            return symbol;
        }
        let symbol = Symbol(position(self.ends.len()));
        self.text.push_str(text);
        self.ends.push(position(self.text.len()));
        self.by_text.insert(hash, symbol.0);
        symbol
    }

    /// The symbol of a string, if it was ever interned.
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.find_hashed(text, self.hasher.hash_one(text))
    }

    fn find_hashed(&self, text: &str, hash: u64) -> Option<Symbol> {
        self.by_text.find(hash, |number| self.text(Symbol(number)) == text).map(Symbol)
    }

    pub fn text(&self, symbol: Symbol) -> &str {
        let index = symbol.index();
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.text[start..self.ends[index] as usize]
    }

    #[expect(clippy::len_without_is_empty, reason = "the empty string is always in it")]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// All strings, in the order of their symbols' indexes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|index| self.text(Symbol(position(index))))
    }

    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

fn position(length: usize) -> u32 {
    u32::try_from(length).expect("less than 4 GiB of strings")
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
