//! Numbers found by the hash of what they stand for, which lies elsewhere: the table under everything that is kept once.

use hashbrown::HashTable;

/// Each number stands beside its hash, so that the table grows, and passes over most others, without a look at what they
/// stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct NumberTable(HashTable<Entry>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    number: u32,
}

impl NumberTable {
    pub(crate) fn with_capacity(numbers: usize) -> NumberTable {
        NumberTable(HashTable::with_capacity(numbers))
    }

    /// The number with this hash that stands for the right thing.
    pub(crate) fn find(&self, hash: u64, is_right: impl Fn(u32) -> bool) -> Option<u32> {
        let hash = fold(hash);
        let found = self.0.find(spread(hash), |entry| entry.hash == hash && is_right(entry.number));
        found.map(|entry| entry.number)
    }

    /// Adds a number that is not in the table yet.
    pub(crate) fn insert(&mut self, hash: u64, number: u32) {
        let hash = fold(hash);
        self.0.insert_unique(spread(hash), Entry { hash, number }, |entry| spread(entry.hash));
    }
}

#[expect(clippy::cast_possible_truncation, reason = "any 32 bits of a hash are a hash")]
fn fold(hash: u64) -> u32 {
    hash as u32
}

/// hashbrown looks at both ends of a hash.
fn spread(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}
