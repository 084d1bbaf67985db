//! XML text to elements with their lines. Entities beyond the five of XML are refused, and so is what nests too deeply.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::VariantsError;

const DEPTH_LIMIT: usize = 32;
const ELEMENT_LIMIT: usize = 1_000_000;

/// An element with all that is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: String,
    /// The line on which its start tag ends.
    pub(super) line: usize,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    /// All text directly in it.
    pub(super) text: String,
    /// What is in it, in order: names of elements, and `CDATA` for text that is not blank.
    pub(super) content: Vec<String>,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The child elements of a name, and all children of those: `arches` gives every `arch`.
    pub(super) fn inner(&self, name: &str) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |child| child.name == name).flat_map(|child| &child.children)
    }
}

struct Parser<'a> {
    file: &'a str,
    text: &'a str,
    reader: Reader<&'a [u8]>,
    /// How far lines were counted.
    counted: usize,
    line: usize,
    elements: usize,
}

pub(super) fn parse(file: &str, text: &str) -> Result<Element, VariantsError> {
    let mut parser = Parser { file, text, reader: Reader::from_str(text), counted: 0, line: 1, elements: 0 };
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let event = parser.reader.read_event().map_err(|error| parser.malformed(error.to_string()))?;
        match event {
            Event::Start(start) => {
                let element = parser.element(&start)?;
                if open.len() >= DEPTH_LIMIT {
                    return Err(parser.malformed("elements are nested too deeply"));
                }
                open.push(element);
            }
            Event::Empty(start) => {
                let element = parser.element(&start)?;
                parser.close(element, &mut open, &mut root)?;
            }
            Event::End(_) => match open.pop() {
                Some(element) => parser.close(element, &mut open, &mut root)?,
                None => return Err(parser.malformed("an end tag too many")),
            },
            Event::Text(text) => {
                parser.add_text(&mut open, &text)?;
            }
            Event::CData(text) => {
                parser.add_text(&mut open, &text)?;
            }
            Event::GeneralRef(reference) => {
                let text = parser.entity(&reference)?;
                parser.add_text(&mut open, &text)?;
            }
            Event::DocType(doctype) => {
                if doctype.contains("<!ENTITY") {
                    return Err(parser.malformed("entities are not taken"));
                }
            }
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(parser.malformed("the document ends too early")),
    }
}

impl Parser<'_> {
    /// Where the reader is, as a line.
    fn line(&mut self) -> usize {
        let position = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX).min(self.text.len());
        if position > self.counted {
            let passed = &self.text.as_bytes()[self.counted..position];
            self.line += memchr::memchr_iter(b'\n', passed).count();
            self.counted = position;
        }
        self.line
    }

    fn malformed(&mut self, message: impl Into<String>) -> VariantsError {
        VariantsError::Malformed { file: self.file.to_owned(), line: self.line(), message: message.into() }
    }

    fn element(&mut self, start: &BytesStart<'_>) -> Result<Element, VariantsError> {
        self.elements += 1;
        if self.elements > ELEMENT_LIMIT {
            return Err(self.malformed("there are too many elements"));
        }
        let mut element = Element { name: start.name().as_ref().to_owned(), line: self.line(), ..Element::default() };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.malformed(error.to_string()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| self.malformed(error.to_string()))?;
            element.attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
        }
        Ok(element)
    }

    fn entity(&mut self, name: &str) -> Result<String, VariantsError> {
        quick_xml::escape::unescape(&format!("&{name};"))
            .map(std::borrow::Cow::into_owned)
            .map_err(|error| self.malformed(error.to_string()))
    }

    fn add_text(&mut self, open: &mut [Element], text: &str) -> Result<(), VariantsError> {
        let is_blank = text.chars().all(char::is_whitespace);
        match open.last_mut() {
            Some(element) => {
                element.text.push_str(text);
                if !is_blank && element.content.last().is_none_or(|last| last != "CDATA") {
                    element.content.push("CDATA".to_owned());
                }
                Ok(())
            }
            None if is_blank => Ok(()),
            None => Err(self.malformed("text stands outside of the document")),
        }
    }

    fn close(&mut self, element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), VariantsError> {
        match open.last_mut() {
            Some(parent) => {
                parent.content.push(element.name.clone());
                parent.children.push(element);
            }
            None if root.is_none() => *root = Some(element),
            None => return Err(self.malformed("there is a second document")),
        }
        Ok(())
    }
}
