//! The changelog entries of a package, in one text.

use super::TooLarge;

/// One entry of a changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changelog<'a> {
    pub author: &'a str,
    /// In seconds since 1970.
    pub time: u64,
    pub text: &'a str,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changelogs {
    text: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    author_end: u32,
    text_end: u32,
    time: u64,
}

impl Changelogs {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn push(&mut self, entry: Changelog<'_>) -> Result<(), TooLarge> {
        let position = |at: usize| u32::try_from(at).map_err(|_| TooLarge);
        self.text.push_str(entry.author);
        let author_end = position(self.text.len())?;
        self.text.push_str(entry.text);
        self.entries.push(Entry { author_end, text_end: position(self.text.len())?, time: entry.time });
        Ok(())
    }

    /// Gives back the room that was kept for more.
    pub fn shrink(&mut self) {
        self.text.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// In the order in which they were added.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Changelog<'_>> {
        let mut start = 0;
        self.entries.iter().map(move |entry| {
            let (author_end, text_end) = (entry.author_end as usize, entry.text_end as usize);
            let (author, text) = (&self.text[start..author_end], &self.text[author_end..text_end]);
            start = text_end;
            Changelog { author, time: entry.time, text }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_in_their_order() {
        let entries = [
            Changelog { author: "A <a@b> - 1-1", time: 5, text: "- first\n- more" },
            Changelog { author: "", time: 4, text: "" },
        ];
        let mut changelogs = Changelogs::default();
        for entry in entries {
            changelogs.push(entry).unwrap();
        }
        assert_eq!(changelogs.iter().collect::<Vec<_>>(), entries);
    }
}
