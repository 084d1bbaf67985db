//! Strings kept once and named by a number: what makes a set of a hundred thousand packages small and quick to compare.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::number_table::NumberTable;

/// Different strings, numbered as they came. They lie close together, as most of them are met many times. All of them have less
/// than 4 GiB, which readers see to by limiting what they read.
#[derive(Debug, Clone)]
pub(crate) struct Strings {
    text: String,
    /// Where each string ends in `text`.
    ends: Vec<u32>,
    by_text: NumberTable,
    hasher: FixedState,
}

impl Strings {
    /// With room for this many strings, and for this many bytes in all.
    pub(crate) fn with_capacity(strings: usize, bytes: usize) -> Strings {
        Strings {
            text: String::with_capacity(bytes),
            ends: Vec::with_capacity(strings),
            by_text: NumberTable::with_capacity(strings),
            hasher: FixedState::with_seed(0),
        }
    }

    pub(crate) fn find(&self, text: &str) -> Result<u32, Unknown> {
        let hash = self.hasher.hash_one(text);
        self.by_text.find(hash, |number| self.get(number) == text).ok_or(Unknown { hash })
    }

    /// Adds a string that is not among these yet.
    pub(crate) fn insert(&mut self, text: &str, Unknown { hash }: Unknown) -> u32 {
        let number = position(self.ends.len());
        self.text.push_str(text);
        self.ends.push(position(self.text.len()));
        self.by_text.insert(hash, number);
        number
    }

    pub(crate) fn get(&self, number: u32) -> &str {
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] as usize };
        &self.text[start..self.ends[number] as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All strings, in the order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..position(self.ends.len())).map(|number| self.get(number))
    }

    pub(crate) fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
    }
}

/// A string that is not there, looked for once.
#[derive(Debug)]
pub(crate) struct Unknown {
    hash: u64,
}

fn position(length: usize) -> u32 {
    u32::try_from(length).expect("less than 4 GiB of strings")
}
