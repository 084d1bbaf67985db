//! Bytes to a tree.

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use super::{Blanks, Document, Element, Node, XmlError};

/// The largest comps files are about 2 MB.
pub const SIZE_LIMIT: usize = 16 << 20;
const DEPTH_LIMIT: usize = 64;
/// Elements and texts; each takes many times the bytes that stand for it.
const NODE_LIMIT: usize = 500_000;

impl Document {
    pub fn parse(bytes: &[u8], blanks: Blanks) -> Result<Document, XmlError> {
        if bytes.len() > SIZE_LIMIT {
            return Err(XmlError::TooLarge { limit: SIZE_LIMIT });
        }
        let text = std::str::from_utf8(bytes).map_err(|error| XmlError::NotUtf8 { position: error.valid_up_to() })?;
        let mut reader = Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        let mut builder = Builder { blanks, ..Builder::default() };
        loop {
            let position = reader.buffer_position();
            let event = reader.read_event().map_err(|error| malformed(reader.error_position(), error))?;
            if matches!(event, Event::Eof) {
                return builder.finish();
            }
            builder.count(position)?;
            builder.take(event, position)?;
        }
    }
}

fn malformed(position: u64, problem: impl std::fmt::Display) -> XmlError {
    XmlError::Malformed { position, problem: problem.to_string() }
}

#[derive(Default)]
struct Builder {
    blanks: Blanks,
    doctype: Option<String>,
    before: Vec<Node>,
    root: Option<Element>,
    after: Vec<Node>,
    /// The elements that are not closed yet, outermost first.
    open: Vec<Element>,
    nodes: usize,
}

impl Builder {
    fn count(&mut self, position: u64) -> Result<(), XmlError> {
        self.nodes += 1;
        if self.nodes > NODE_LIMIT { Err(XmlError::TooMany { position, limit: NODE_LIMIT }) } else { Ok(()) }
    }

    fn take(&mut self, event: Event<'_>, position: u64) -> Result<(), XmlError> {
        match event {
            Event::Start(start) => {
                if self.open.len() >= DEPTH_LIMIT {
                    return Err(XmlError::TooDeep { position, limit: DEPTH_LIMIT });
                }
                self.open.push(element(&start, position)?);
            }
            Event::Empty(start) => {
                let element = element(&start, position)?;
                self.close(element, position)?;
            }
            Event::End(_) => {
                let element = self.open.pop().ok_or_else(|| malformed(position, "an element ends that did not begin"))?;
                self.close(element, position)?;
            }
            Event::Text(text) => self.text(&text.xml10_content(), position)?,
            Event::CData(text) => self.text(&text.xml10_content(), position)?,
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().map_err(|error| malformed(position, error))?;
                match character {
                    Some(character) => self.text(character.encode_utf8(&mut [0; 4]), position)?,
                    None => self.text(entity(&reference.into_inner(), position)?, position)?,
                }
            }
            Event::Comment(comment) => self.aside(Node::Comment(comment.into_inner().into_owned())),
            Event::PI(instruction) => self.aside(Node::Instruction(instruction.into_inner().into_owned())),
            Event::Decl(declaration) => {
                if let Some(encoding) = declaration.encoding() {
                    let encoding = encoding.map_err(|error| malformed(position, error))?;
                    if !["utf-8", "utf8", "us-ascii", "ascii"].contains(&encoding.to_ascii_lowercase().as_str()) {
                        return Err(XmlError::Encoding(encoding.chars().take(40).collect()));
                    }
                }
            }
            Event::DocType(doctype) => {
                let doctype = doctype.into_inner();
                if doctype.contains('[') {
                    return Err(XmlError::Declarations { position });
                }
                self.doctype = Some(doctype.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
            }
            Event::Eof => {}
        }
        Ok(())
    }

    fn close(&mut self, mut element: Element, position: u64) -> Result<(), XmlError> {
        if self.blanks == Blanks::Drop && !self.preserves(&element) {
            drop_blanks(&mut element);
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(Node::Element(element)),
            None if self.root.is_some() => return Err(XmlError::SecondRoot { position }),
            None => self.root = Some(element),
        }
        Ok(())
    }

    /// Whether `xml:space`, of the element or the nearest above that has it, keeps white space.
    fn preserves(&self, element: &Element) -> bool {
        let mut inwards_out = std::iter::once(element).chain(self.open.iter().rev());
        inwards_out.find_map(|element| element.attribute("xml:space")) == Some("preserve")
    }

    fn text(&mut self, text: &str, position: u64) -> Result<(), XmlError> {
        let Some(parent) = self.open.last_mut() else {
            return if text.bytes().all(is_blank) { Ok(()) } else { Err(XmlError::TextOutside { position }) };
        };
        match parent.children.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ if text.is_empty() => {}
            _ => parent.children.push(Node::Text(text.to_owned())),
        }
        Ok(())
    }

    fn aside(&mut self, node: Node) {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(node),
            None if self.root.is_none() => self.before.push(node),
            None => self.after.push(node),
        }
    }

    fn finish(self) -> Result<Document, XmlError> {
        let root = self.root.filter(|_| self.open.is_empty()).ok_or(XmlError::Unfinished)?;
        Ok(Document { doctype: self.doctype, before: self.before, root, after: self.after })
    }
}

fn element(start: &BytesStart<'_>, position: u64) -> Result<Element, XmlError> {
    if start.name().as_ref().is_empty() {
        return Err(malformed(position, "an element has no name"));
    }
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| malformed(position, error))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| malformed(position, error))?;
        attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(Element { name: start.name().as_ref().to_owned(), attributes, children: Vec::new() })
}

fn entity(name: &str, position: u64) -> Result<&'static str, XmlError> {
    quick_xml::escape::resolve_xml_entity(name)
        .ok_or_else(|| XmlError::UnknownEntity { position, name: name.chars().take(40).collect() })
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Drops white space between elements. In mixed content, which is what begins with text, it means something.
fn drop_blanks(element: &mut Element) {
    let blank = |node: &Node| matches!(node, Node::Text(text) if text.bytes().all(is_blank));
    let mixed = matches!(element.children.first(), Some(first @ Node::Text(_)) if !blank(first));
    if element.children.len() > 1 && !mixed {
        element.children.retain(|node| !blank(node));
    }
}
