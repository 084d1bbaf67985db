//! Strings kept once and named by a number: what makes a set of a hundred thousand packages small and quick to compare.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;
use hashbrown::HashTable;

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
    by_text: HashTable<Entry>,
    hasher: FixedState,
}

/// The hash stands beside the symbol, so that the table grows without a look at the strings.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    symbol: Symbol,
}

impl Default for Symbols {
    fn default() -> Symbols {
        let mut symbols =
            Symbols { text: String::new(), ends: Vec::new(), by_text: HashTable::new(), hasher: FixedState::with_seed(0) };
        symbols.intern("");
        symbols
    }
}

impl Symbols {
    pub fn intern(&mut self, text: &str) -> Symbol {
        let hash = self.hash(text);
        if let Some(symbol) = self.find_hashed(text, hash) {
            return symbol;
        }
        let symbol = Symbol(position(self.ends.len()));
        self.text.push_str(text);
        self.ends.push(position(self.text.len()));
        self.by_text.insert_unique(spread(hash), Entry { hash, symbol }, |entry| spread(entry.hash));
        symbol
    }

    /// The symbol of a string, if it was ever interned.
    pub fn find(&self, text: &str) -> Option<Symbol> {
        self.find_hashed(text, self.hash(text))
    }

    fn find_hashed(&self, text: &str, hash: u32) -> Option<Symbol> {
        let is_equal = |entry: &Entry| entry.hash == hash && self.text(entry.symbol) == text;
        self.by_text.find(spread(hash), is_equal).map(|entry| entry.symbol)
    }

    #[expect(clippy::cast_possible_truncation, reason = "any 32 bits of a hash are a hash")]
    fn hash(&self, text: &str) -> u32 {
        self.hasher.hash_one(text) as u32
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

/// The table looks at both ends of a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
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
