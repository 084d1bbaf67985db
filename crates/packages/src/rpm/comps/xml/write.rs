//! A tree to text, byte for byte as libxml2 writes it.

use super::{Document, Element, Node};

impl Document {
    /// The text of the file. With `indent`, elements that hold no text of their own get a line each.
    pub fn to_xml(&self, indent: bool) -> String {
        let line_end = if indent { "\n" } else { "" };
        let mut out = String::from("<?xml version='1.0' encoding='UTF-8'?>\n");
        if let Some(doctype) = &self.doctype {
            out.extend(["<!DOCTYPE ", doctype, ">\n"]);
        }
        for node in &self.before {
            write_node(&mut out, node, None);
            out.push_str(line_end);
        }
        write_element(&mut out, &self.root, indent.then_some(0));
        for node in &self.after {
            out.push_str(line_end);
            write_node(&mut out, node, None);
        }
        out.push('\n');
        out
    }
}

/// `level` is how far the node is indented, if it is.
fn write_node(out: &mut String, node: &Node, level: Option<usize>) {
    match node {
        Node::Element(element) => write_element(out, element, level),
        Node::Text(text) => escape(out, text, Place::Text),
        Node::Comment(comment) => out.extend(["<!--", comment, "-->"]),
        Node::Instruction(instruction) => out.extend(["<?", instruction, "?>"]),
    }
}

fn write_element(out: &mut String, element: &Element, level: Option<usize>) {
    out.extend(["<", &element.name]);
    for (name, value) in &element.attributes {
        out.extend([" ", name, "=\""]);
        escape(out, value, Place::Attribute);
        out.push('"');
    }
    if element.children.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    let holds_text = element.children.iter().any(|child| matches!(child, Node::Text(_)));
    let level = level.filter(|_| !holds_text);
    for child in &element.children {
        start_line(out, level.map(|level| level + 1));
        write_node(out, child, level.map(|level| level + 1));
    }
    start_line(out, level);
    out.extend(["</", &element.name, ">"]);
}

fn start_line(out: &mut String, level: Option<usize>) {
    if let Some(level) = level {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", level));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Attribute,
}

fn escape(out: &mut String, text: &str, place: Place) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '"' if place == Place::Attribute => out.push_str("&quot;"),
            '\n' if place == Place::Attribute => out.push_str("&#10;"),
            '\t' if place == Place::Attribute => out.push_str("&#9;"),
            other => out.push(other),
        }
    }
}
