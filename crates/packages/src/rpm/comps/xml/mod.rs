//! A small XML file as a tree: what is needed to take elements out of a file and write the rest as it was.
//!
//! The bytes may come from anywhere: there are no entities but XML's own five, no declarations of any kind, and limits to size
//! and depth. Must not know: what the elements mean.

mod read;
mod write;

pub use read::SIZE_LIMIT;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What follows `<!DOCTYPE `, without declarations of its own.
    doctype: Option<String>,
    /// Comments and instructions before and after the root.
    before: Vec<Node>,
    pub root: Element,
    after: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Element(Element),
    Text(String),
    Comment(String),
    Instruction(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Element {
    pub name: String,
    /// In the order of the file.
    pub attributes: Vec<(String, String)>,
    pub children: Vec<Node>,
}

/// What becomes of text between elements that is nothing but white space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blanks {
    #[default]
    Keep,
    /// It goes, except where it is all that an element holds or stands beside text, as libxml2 decides it.
    Drop,
}

#[derive(Debug, thiserror::Error)]
pub enum XmlError {
    #[error("the file is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("byte {position}: there are more than {limit} elements and texts")]
    TooMany { position: u64, limit: usize },
    #[error("byte {position}: elements are nested deeper than {limit}")]
    TooDeep { position: u64, limit: usize },
    #[error("the file is not UTF-8 from byte {position} on")]
    NotUtf8 { position: usize },
    #[error("the file is in the encoding '{0}', only UTF-8 is read")]
    Encoding(String),
    #[error("byte {position}: declarations inside a DOCTYPE are not read")]
    Declarations { position: u64 },
    #[error("byte {position}: the entity '&{name};' is not known, only XML's own five are")]
    UnknownEntity { position: u64, name: String },
    #[error("byte {position}: {problem}")]
    Malformed { position: u64, problem: String },
    #[error("byte {position}: there is text outside the root element")]
    TextOutside { position: u64 },
    #[error("byte {position}: there is more than one root element")]
    SecondRoot { position: u64 },
    #[error("the file ends before its root element does")]
    Unfinished,
}

impl Element {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn remove_attribute(&mut self, name: &str) {
        self.attributes.retain(|(known, _)| known != name);
    }

    /// The child elements of one name.
    pub fn elements<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.all_elements().filter(move |element| element.name == name)
    }

    pub fn elements_mut<'a>(&'a mut self, name: &'a str) -> impl Iterator<Item = &'a mut Element> {
        self.all_elements_mut().filter(move |element| element.name == name)
    }

    /// The child elements.
    pub fn all_elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    pub fn all_elements_mut(&mut self) -> impl Iterator<Item = &mut Element> {
        self.children.iter_mut().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            _ => None,
        })
    }

    /// The text that stands directly in it.
    pub fn text(&self) -> String {
        let texts = self.children.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Takes out child elements, each with the text that follows it: what separated it from its neighbour goes with it.
    pub fn retain_elements(&mut self, mut keep: impl FnMut(&Element) -> bool) {
        let mut follows_removed = false;
        self.children.retain(|node| match node {
            Node::Element(element) => {
                let kept = keep(element);
                follows_removed = !kept;
                kept
            }
            Node::Text(_) => !std::mem::take(&mut follows_removed),
            Node::Comment(_) | Node::Instruction(_) => {
                follows_removed = false;
                true
            }
        });
    }
}
