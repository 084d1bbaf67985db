//! A header as a table of tags: 16 bytes of introduction, 16 for each tag, and the tags' data.
//!
//! Values are looked for where the tag says and nowhere else; each is checked when it is asked for. Must not know: what tags mean.

use std::borrow::Cow;

use super::{HeaderError, Section, tags};

const MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 0x01];
const INTRODUCTION: usize = 16;
const ENTRY: usize = 16;

/// Type numbers of the values.
const INT8: u32 = 2;
const INT64: u32 = 5;
const STRING: u32 = 6;
const BINARY: u32 = 7;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

impl Section {
    /// What rpm itself allows: entries, and bytes of data.
    const fn limits(self) -> (u32, u32) {
        match self {
            Section::Signature => (32, 64 << 20),
            Section::Main => (0xffff, 256 << 20),
        }
    }
}

/// Where a header lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    section: Section,
    start: usize,
    entries: usize,
    data: usize,
}

impl Extent {
    /// What the introduction at `start` says, or how many bytes of the file are needed to see it.
    pub(super) fn at(bytes: &[u8], start: usize, section: Section) -> Result<Result<Extent, usize>, HeaderError> {
        let Some(introduction) = bytes.get(start..start + INTRODUCTION) else { return Ok(Err(start + INTRODUCTION)) };
        if introduction[..MAGIC.len()] != MAGIC {
            return Err(HeaderError::NotAHeader(section));
        }
        let (entries, data) = (big_endian(introduction, 8), big_endian(introduction, 12));
        let (most_entries, most_data) = section.limits();
        if entries > most_entries {
            return Err(HeaderError::TooManyEntries { section, claimed: entries, limit: most_entries });
        }
        if data > most_data {
            return Err(HeaderError::TooLong { section, claimed: data, limit: most_data });
        }
        Ok(Ok(Extent { section, start, entries: entries as usize, data: data as usize }))
    }

    pub(super) fn start(&self) -> usize {
        self.start
    }

    pub(super) fn end(&self) -> usize {
        self.start + INTRODUCTION + self.entries * ENTRY + self.data
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u32,
    kind: u32,
    offset: u32,
    count: u32,
}

/// The tags of one header.
#[derive(Debug)]
pub(super) struct Store<'a> {
    section: Section,
    /// Sorted by tag.
    entries: Vec<Entry>,
    data: &'a [u8],
}

impl<'a> Store<'a> {
    /// The bytes hold the whole header.
    pub(super) fn read(bytes: &'a [u8], extent: Extent) -> Result<Store<'a>, HeaderError> {
        let needed = extent.end() as u64;
        let truncated = HeaderError::Truncated { needed, given: bytes.len() as u64 };
        let header = bytes.get(extent.start + INTRODUCTION..extent.end()).ok_or(truncated)?;
        let (table, data) = header.split_at(extent.entries * ENTRY);
        let read_entry = |entry: &[u8]| Entry {
            tag: big_endian(entry, 0),
            kind: big_endian(entry, 4),
            offset: big_endian(entry, 8),
            count: big_endian(entry, 12),
        };
        let mut entries: Vec<Entry> = table.chunks_exact(ENTRY).map(read_entry).collect();
        entries.sort_by_key(|entry| entry.tag);
        Ok(Store { section: extent.section, entries, data })
    }

    pub(super) fn has(&self, tag: u32) -> bool {
        self.find(tag).is_some()
    }

    /// The first entry of a tag.
    fn find(&self, tag: u32) -> Option<Entry> {
        let position = self.entries.partition_point(|entry| entry.tag < tag);
        self.entries.get(position).filter(|entry| entry.tag == tag).copied()
    }

    fn data_of(&self, entry: Entry) -> Result<&'a [u8], HeaderError> {
        self.data.get(entry.offset as usize..).ok_or(HeaderError::Outside { section: self.section, tag: entry.tag })
    }

    fn wrong_type(&self, entry: Entry) -> HeaderError {
        HeaderError::WrongType { section: self.section, tag: entry.tag, found: entry.kind }
    }

    /// The string of a tag, or the first one.
    pub(super) fn text(&self, tag: u32) -> Result<Option<Cow<'a, str>>, HeaderError> {
        let first = self.texts(tag)?.and_then(|mut texts| texts.next()).transpose()?;
        Ok(first.map(decode))
    }

    pub(super) fn texts(&self, tag: u32) -> Result<Option<Texts<'a>>, HeaderError> {
        let Some(entry) = self.find(tag) else { return Ok(None) };
        let left = match entry.kind {
            STRING => 1,
            STRING_ARRAY | I18N_STRING => entry.count as usize,
            _ => return Err(self.wrong_type(entry)),
        };
        let data = self.data_of(entry)?;
        // Each string has at least its end, so a larger count is wrong whatever follows.
        if left > data.len() {
            return Err(HeaderError::Outside { section: self.section, tag });
        }
        Ok(Some(Texts { data, left, section: self.section, tag }))
    }

    /// All strings of a tag.
    pub(super) fn words(&self, tag: u32) -> Result<Vec<String>, HeaderError> {
        let Some(texts) = self.texts(tag)? else { return Ok(Vec::new()) };
        texts.map(|text| Ok(decode(text?).into_owned())).collect()
    }

    /// The directories that files are in.
    pub(super) fn directories(&self) -> Result<Vec<&'a [u8]>, HeaderError> {
        self.texts(tags::DIR_NAMES)?.map_or(Ok(Vec::new()), Iterator::collect)
    }

    /// The number of a tag, or the first one.
    pub(super) fn number(&self, tag: u32) -> Result<Option<u64>, HeaderError> {
        Ok(self.numbers(tag)?.and_then(|mut numbers| numbers.next()))
    }

    pub(super) fn numbers(&self, tag: u32) -> Result<Option<Numbers<'a>>, HeaderError> {
        let Some(entry) = self.find(tag) else { return Ok(None) };
        if !(INT8..=INT64).contains(&entry.kind) {
            return Err(self.wrong_type(entry));
        }
        let width = 1 << (entry.kind - INT8);
        Ok(Some(Numbers { data: self.sized(entry, entry.count as usize * width)?, width }))
    }

    pub(super) fn binary(&self, tag: u32) -> Result<Option<&'a [u8]>, HeaderError> {
        let Some(entry) = self.find(tag) else { return Ok(None) };
        if entry.kind != BINARY {
            return Err(self.wrong_type(entry));
        }
        self.sized(entry, entry.count as usize).map(Some)
    }

    fn sized(&self, entry: Entry, length: usize) -> Result<&'a [u8], HeaderError> {
        self.data_of(entry)?.get(..length).ok_or(HeaderError::Outside { section: self.section, tag: entry.tag })
    }
}

/// Strings of a tag, each to be found when the one before it was.
#[derive(Debug, Clone)]
pub(super) struct Texts<'a> {
    data: &'a [u8],
    left: usize,
    section: Section,
    tag: u32,
}

impl Texts<'_> {
    /// How many the tag claims.
    pub(super) fn len(&self) -> usize {
        self.left
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = Result<&'a [u8], HeaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let Some(end) = memchr::memchr(0, self.data) else {
            self.left = 0;
            return Some(Err(HeaderError::Unterminated { section: self.section, tag: self.tag }));
        };
        let text = &self.data[..end];
        self.data = &self.data[end + 1..];
        Some(Ok(text))
    }
}

/// Numbers of a tag, of whatever width.
#[derive(Debug, Clone)]
pub(super) struct Numbers<'a> {
    data: &'a [u8],
    width: usize,
}

impl Numbers<'_> {
    pub(super) fn len(&self) -> usize {
        self.data.len() / self.width
    }
}

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (number, rest) = self.data.split_at_checked(self.width)?;
        self.data = rest;
        Some(number.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }
}

fn big_endian(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The text of bytes that may be anything: what is not UTF-8 is taken for Latin-1, as createrepo_c does, and characters that XML
/// cannot hold are left out.
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.iter().any(|byte| is_control(*byte)) && !has_non_characters(text) => Cow::Borrowed(text),
        Ok(text) => Cow::Owned(text.chars().filter(|character| is_allowed(*character)).collect()),
        Err(_) => Cow::Owned(
            bytes
                .iter()
                .copied()
                .filter(|byte| !matches!(byte, 0x80..=0xbf))
                .map(char::from)
                .filter(|character| is_allowed(*character))
                .collect(),
        ),
    }
}

fn is_control(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')
}

/// U+FFFE and U+FFFF begin with this byte, and little else does.
fn has_non_characters(text: &str) -> bool {
    memchr::memchr(0xef, text.as_bytes()).is_some() && text.contains(['\u{fffe}', '\u{ffff}'])
}

fn is_allowed(character: char) -> bool {
    !matches!(character, '\u{fffe}' | '\u{ffff}') && !u8::try_from(character).is_ok_and(is_control)
}
