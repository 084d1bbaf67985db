//! The indexes' own texts, which stay in memory: stanzas, paths and requirements are pieces of them, and not copied.

use crate::ecosystem::{Origin, OriginId};

/// The texts of all indexes of a set.
#[derive(Debug, Default)]
pub(crate) struct Texts(Vec<IndexText>);

/// An index that was read: its name for messages, where it came from, and its text.
#[derive(Debug)]
pub(crate) struct IndexText {
    pub(crate) name: String,
    pub(crate) origin: Origin,
    pub(crate) bytes: Vec<u8>,
}

/// A piece of one of the texts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) text: u16,
    pub(crate) start: u32,
    pub(crate) length: u32,
}

impl Texts {
    /// Spans can name any part of these, as their readers limit number and size.
    pub(crate) fn new(texts: Vec<IndexText>) -> Texts {
        Texts(texts)
    }

    pub(crate) fn all(&self) -> &[IndexText] {
        &self.0
    }

    pub(crate) fn name(&self, text: u16) -> &str {
        &self.0[usize::from(text)].name
    }

    pub(crate) fn origin(&self, id: OriginId) -> &Origin {
        &self.0[usize::from(id.0)].origin
    }

    /// Whether both are indexes of one archive, for its suites, components or arches.
    pub(crate) fn are_of_one_archive(&self, left: OriginId, right: OriginId) -> bool {
        let (left, right) = (self.origin(left), self.origin(right));
        left.archive == right.archive && left.lookaside == right.lookaside
    }

    pub(crate) fn bytes(&self, span: Span) -> &[u8] {
        &self.0[usize::from(span.text)].bytes[span.start as usize..(span.start + span.length) as usize]
    }

    /// A piece of a stanza that was read, and so is UTF-8.
    pub(crate) fn str(&self, span: Span) -> &str {
        std::str::from_utf8(self.bytes(span)).expect("checked when it was read")
    }
}

/// A stanza that is being read, and where it lies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stanza<'t> {
    pub(crate) text: &'t str,
    pub(crate) span: Span,
}

impl Stanza<'_> {
    /// Where a piece of the stanza's text lies.
    pub(crate) fn span_of(&self, piece: &str) -> Span {
        let offset = piece.as_ptr() as usize - self.text.as_ptr() as usize;
        Span { text: self.span.text, start: self.span.start + number(offset), length: number(piece.len()) }
    }
}

/// Counts of what is held in less than 4 GiB of index text fit; the readers limit that.
pub(crate) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("readers limit the text that they take")
}
