//! Reading XML as the files of RPM repositories have it, one element after the other, in memory that does not grow with the
//! document.
//!
//! Entities that a document declares itself are refused, and so is every reference to one: only the five of XML and
//! references to characters are known. Must not know: what the elements mean.

use std::borrow::Cow;
use std::io::{self, BufRead, Read};

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

/// The most that one tag, or all that stands in an element whose text is read, may have.
const PIECE_LIMIT: usize = 16 << 20;
/// How deep elements may be nested in one that is passed over or whose text is read.
const DEPTH_LIMIT: usize = 100;

/// Where in a document something is wrong, and what.
#[derive(Debug, thiserror::Error)]
#[error("byte {offset}: {problem}")]
pub struct XmlError {
    /// Bytes of the unpacked document before the place.
    pub offset: u64,
    pub problem: XmlProblem,
}

#[derive(Debug, thiserror::Error)]
pub enum XmlProblem {
    #[error(transparent)]
    Malformed(#[from] quick_xml::Error),
    #[error("the document declares entities of its own")]
    DeclaredEntities,
    #[error("the entity `&{0};` is not known")]
    UnknownEntity(String),
    #[error("the document ends within an element")]
    Truncated,
    #[error("elements are nested deeper than {DEPTH_LIMIT}")]
    TooDeep,
    #[error("the document is `{found}` and not `{expected}`")]
    OtherRoot { expected: &'static str, found: String },
    #[error("the document has no element")]
    Empty,
    #[error("the element `{element}` has no attribute `{attribute}`")]
    NoAttribute { element: String, attribute: &'static str },
    #[error("the attribute `{attribute}` of `{element}` is `{value}`, which is no number")]
    NotANumber { element: String, attribute: &'static str, value: String },
    #[error("{0}")]
    Content(String),
}

/// A document that is being read. The element last moved to is the current one; its children, its text, or nothing of it is
/// read before the element after it is moved to.
pub(crate) struct XmlReader<'r> {
    reader: quick_xml::Reader<Pieces<'r>>,
    buffer: Vec<u8>,
    /// The opening tag of the current element.
    tag: String,
    name_length: usize,
    text: String,
}

impl<'r> XmlReader<'r> {
    pub(crate) fn new(input: &'r mut dyn BufRead) -> XmlReader<'r> {
        let mut reader = quick_xml::Reader::from_reader(Pieces { input, left: PIECE_LIMIT });
        reader.config_mut().expand_empty_elements = true;
        XmlReader { reader, buffer: Vec::new(), tag: String::new(), name_length: 0, text: String::new() }
    }

    /// Moves to the outermost element.
    pub(crate) fn root(&mut self, expected: &'static str) -> Result<(), XmlError> {
        loop {
            let problem = match self.event()? {
                Event::Start(start) => {
                    let start = start.into_owned();
                    self.enter(&start);
                    if self.name() == expected {
                        return Ok(());
                    }
                    XmlProblem::OtherRoot { expected, found: self.name().to_owned() }
                }
                Event::Eof => XmlProblem::Empty,
                _ => continue,
            };
            return Err(self.error(problem));
        }
    }

    /// Moves to the next child of the element whose children are being read; false behind the last, where its parent's children
    /// go on.
    pub(crate) fn child(&mut self) -> Result<bool, XmlError> {
        loop {
            self.begin_piece();
            self.buffer.clear();
            match self.reader.read_event_into(&mut self.buffer) {
                Ok(Event::Start(start)) => {
                    // Not `enter`: the event borrows the buffer.
                    self.tag.clear();
                    self.tag.push_str(&start);
                    self.name_length = start.name().as_ref().len();
                    return Ok(true);
                }
                Ok(Event::End(_)) => return Ok(false),
                Ok(Event::DocType(kind)) if kind.contains('[') => return Err(self.error(XmlProblem::DeclaredEntities)),
                Ok(Event::Eof) => return Err(self.error(XmlProblem::Truncated)),
                Ok(_) => {}
                Err(error) => return Err(self.error(error)),
            }
        }
    }

    /// The current element's name without its prefix.
    pub(crate) fn name(&self) -> &str {
        let name = &self.tag[..self.name_length];
        name.rsplit_once(':').map_or(name, |(_, local)| local)
    }

    /// Gives each attribute of the current element by its name without a prefix.
    pub(crate) fn attributes(&self, mut take: impl FnMut(&str, Cow<'_, str>)) -> Result<(), XmlError> {
        let start = BytesStart::from_content(self.tag.as_str(), self.name_length);
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.error(quick_xml::Error::from(error)))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| self.error(error))?;
            take(attribute.key.local_name().as_ref(), value);
        }
        Ok(())
    }

    pub(crate) fn attribute(&self, name: &str) -> Result<Option<String>, XmlError> {
        let mut found = None;
        self.attributes(|key, value| {
            if key == name {
                found = Some(value.into_owned());
            }
        })?;
        Ok(found)
    }

    pub(crate) fn required_attribute(&self, attribute: &'static str) -> Result<String, XmlError> {
        let missing = || XmlProblem::NoAttribute { element: self.name().to_owned(), attribute };
        self.attribute(attribute)?.ok_or_else(|| self.error(missing()))
    }

    /// A number that an attribute has; 0 without it.
    pub(crate) fn number(&self, attribute: &'static str) -> Result<u64, XmlError> {
        let mut number = Ok(0);
        self.attributes(|key, value| {
            if key == attribute {
                number = value.trim().parse().map_err(|_| value.into_owned());
            }
        })?;
        let wrong = |value| XmlProblem::NotANumber { element: self.name().to_owned(), attribute, value };
        number.map_err(|value| self.error(wrong(value)))
    }

    /// Reads the current element to its end, and gives the text in it.
    pub(crate) fn text(&mut self) -> Result<&str, XmlError> {
        self.text.clear();
        self.begin_piece();
        let mut depth = 0_usize;
        loop {
            self.buffer.clear();
            match self.reader.read_event_into(&mut self.buffer) {
                Ok(Event::Text(text)) => self.text.push_str(&text.xml10_content()),
                Ok(Event::CData(text)) => self.text.push_str(&text.xml10_content()),
                Ok(Event::GeneralRef(reference)) => {
                    let pushed = push_reference(&mut self.text, &reference);
                    pushed.map_err(|problem| self.error(problem))?;
                }
                Ok(Event::Start(_)) if depth >= DEPTH_LIMIT => return Err(self.error(XmlProblem::TooDeep)),
                Ok(Event::Start(_)) => depth += 1,
                Ok(Event::End(_)) if depth == 0 => return Ok(&self.text),
                Ok(Event::End(_)) => depth -= 1,
                Ok(Event::Eof) => return Err(self.error(XmlProblem::Truncated)),
                Ok(_) => {}
                Err(error) => return Err(self.error(error)),
            }
        }
    }

    /// Reads the current element to its end and gives nothing of it.
    pub(crate) fn skip(&mut self) -> Result<(), XmlError> {
        let mut depth = 0_usize;
        loop {
            match self.event()? {
                Event::Start(_) if depth >= DEPTH_LIMIT => return Err(self.error(XmlProblem::TooDeep)),
                Event::Start(_) => depth += 1,
                Event::End(_) if depth == 0 => return Ok(()),
                Event::End(_) => depth -= 1,
                Event::Eof => return Err(self.error(XmlProblem::Truncated)),
                _ => {}
            }
        }
    }

    /// An error at the place that was read last.
    pub(crate) fn error(&self, problem: impl Into<XmlProblem>) -> XmlError {
        XmlError { offset: self.reader.buffer_position(), problem: problem.into() }
    }

    fn begin_piece(&mut self) {
        self.reader.get_mut().left = PIECE_LIMIT;
    }

    fn event(&mut self) -> Result<Event<'_>, XmlError> {
        self.begin_piece();
        self.buffer.clear();
        let offset = self.reader.buffer_position();
        match self.reader.read_event_into(&mut self.buffer) {
            Ok(Event::DocType(kind)) if kind.contains('[') => Err(XmlError { offset, problem: XmlProblem::DeclaredEntities }),
            Ok(event) => Ok(event),
            Err(error) => Err(XmlError { offset, problem: error.into() }),
        }
    }

    fn enter(&mut self, start: &BytesStart<'_>) {
        self.tag.clear();
        self.tag.push_str(start);
        self.name_length = start.name().as_ref().len();
    }
}

/// A document's bytes, so many at a time: whoever reads keeps a piece in memory until it ends, and some never end.
struct Pieces<'r> {
    input: &'r mut dyn BufRead,
    left: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let available = self.input.fill_buf()?;
        if self.left == 0 && !available.is_empty() {
            let text = format!("a tag or a text has more than {} MiB", PIECE_LIMIT >> 20);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(&available[..available.len().min(self.left)])
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        self.input.consume(count);
    }
}

fn push_reference(text: &mut String, reference: &BytesRef<'_>) -> Result<(), XmlProblem> {
    if let Some(character) = reference.resolve_char_ref()? {
        text.push(character);
        return Ok(());
    }
    let known = resolve_predefined_entity(reference).ok_or_else(|| XmlProblem::UnknownEntity(reference.to_string()))?;
    text.push_str(known);
    Ok(())
}

impl std::fmt::Debug for XmlReader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "XmlReader at <{}>", self.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(document: &str) -> Result<Vec<String>, String> {
        let read = || -> Result<Vec<String>, XmlError> {
            let mut input = document.as_bytes();
            let mut reader = XmlReader::new(&mut input);
            reader.root("r")?;
            let mut texts = Vec::new();
            while reader.child()? {
                match reader.name() {
                    "skipped" => reader.skip()?,
                    name => {
                        let name = name.to_owned() + "=";
                        let attribute = reader.attribute("a")?.unwrap_or_default();
                        texts.push(name + &attribute + "=" + reader.text()?);
                    }
                }
            }
            Ok(texts)
        };
        read().map_err(|error| error.to_string())
    }

    #[test]
    fn elements_attributes_and_texts_are_read() {
        let document = "<?xml version='1.0'?><!DOCTYPE r PUBLIC 'x' 'y.dtd'><r xmlns:p='q'> <p:e a='1 &lt; 2'/><!-- c -->\
                        <skipped><e>no</e><e/></skipped><e p:a='ü'>x &amp; &#x79;<![CDATA[<z>]]></e></r>";
        assert_eq!(texts(document).unwrap(), ["e=1 < 2=", "e=ü=x & y<z>"]);
    }

    #[test]
    fn bombs_and_broken_documents_are_errors() {
        for (document, message) in [
            ("<!DOCTYPE r [<!ENTITY a 'aaaa'>]><r>&a;</r>", "byte 0: the document declares entities of its own"),
            ("<r><e>&a;</e></r>", "byte 9: the entity `&a;` is not known"),
            ("<r><e>", "byte 6: the document ends within an element"),
            ("<s/>", "byte 4: the document is `s` and not `r`"),
            ("", "byte 0: the document has no element"),
        ] {
            assert_eq!(texts(document).unwrap_err(), message, "{document}");
        }
        for document in ["<r><e></r>", "<r><e a='&b;'/></r>", "<r><e a=1/></r>", "<r>\u{0}<"] {
            assert!(texts(document).is_err(), "{document}");
        }
        assert!(XmlReader::new(&mut &b"<r>\xff</r>"[..]).root("r").is_ok());
        let deep = "<r>".repeat(100_000);
        assert!(texts(&deep).unwrap_err().ends_with("elements are nested deeper than 100"));
    }

    #[test]
    fn what_never_ends_is_given_up() {
        for (begin, again) in
            [("<r><e>", "x"), ("<r><e a='", "x"), ("<r><e>", "<![CDATA[x]]>"), ("<r><skipped>", "<!-- -->x"), ("<r><!--", "-")]
        {
            let document = begin.to_owned() + &again.repeat((PIECE_LIMIT + 100) / again.len());
            let error = texts(&document).unwrap_err();
            let is_read_on = again.contains("<!-- -->");
            assert_eq!(error.ends_with("a tag or a text has more than 16 MiB"), !is_read_on, "{begin}: {error}");
        }
    }
}
