//! Sets of bytes, asked with one look into a table.

/// Some of the 256 bytes.
#[derive(Debug)]
pub(super) struct ByteSet([bool; 256]);

impl ByteSet {
    pub(super) const fn of(members: &[u8]) -> ByteSet {
        let mut set = ByteSet([false; 256]);
        let mut index = 0;
        while index < members.len() {
            set.0[members[index] as usize] = true;
            index += 1;
        }
        set
    }

    /// ASCII letters, digits, and these.
    pub(super) const fn alphanumeric_and(others: &[u8]) -> ByteSet {
        let mut set = ByteSet::of(others);
        let mut byte: u8 = 0;
        while byte < 128 {
            set.0[byte as usize] |= byte.is_ascii_alphanumeric();
            byte += 1;
        }
        set
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    pub(super) fn contains_all(&self, text: &str) -> bool {
        text.bytes().all(|byte| self.contains(byte))
    }

    /// The longest beginning of the text that has only bytes of the set, and the rest. The set must be of ASCII.
    pub(super) fn split<'t>(&self, text: &'t str) -> (&'t str, &'t str) {
        text.split_at(text.bytes().position(|byte| !self.contains(byte)).unwrap_or(text.len()))
    }
}
