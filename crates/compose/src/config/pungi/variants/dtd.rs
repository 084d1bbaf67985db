//! What may stand where in `variants.xml`, with the words of libxml2 for what does not.

use super::document::Element;

/// What an element may hold.
enum Content {
    /// Elements in this order, each with how often it may stand.
    Sequence(&'static [(&'static str, Often)]),
    /// Elements in any order; at least one if so said.
    Choice(&'static [&'static str], Often),
    Text,
    Empty,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Often {
    Once,
    Optional,
    Any,
    AtLeastOnce,
}

/// A value that an attribute may have.
enum Values {
    Any,
    OneOf(&'static [&'static str]),
}

struct Attribute {
    name: &'static str,
    required: bool,
    values: Values,
}

struct Declaration {
    content: Content,
    attributes: &'static [Attribute],
}

const FLAG: Values = Values::OneOf(&["true", "false"]);

const fn attribute(name: &'static str, required: bool, values: Values) -> Attribute {
    Attribute { name, required, values }
}

const VARIANT_CONTENT: &[(&str, Often)] = &[
    ("release", Often::Optional),
    ("arches", Often::Once),
    ("groups", Often::Optional),
    ("environments", Often::Any),
    ("variants", Often::Any),
    ("buildinstallpackages", Often::Optional),
    ("modules", Often::Optional),
];

fn declaration(name: &str) -> Option<Declaration> {
    const NONE: &[Attribute] = &[];
    let (content, attributes): (Content, &'static [Attribute]) = match name {
        "variants" => (Content::Choice(&["ref", "variant"], Often::Any), NONE),
        "ref" => (Content::Empty, const { &[attribute("id", true, Values::Any)] }),
        "variant" => (
            Content::Sequence(VARIANT_CONTENT),
            const {
                &[
                    attribute("id", true, Values::Any),
                    attribute("name", true, Values::Any),
                    attribute("type", true, Values::OneOf(&["variant", "addon", "optional", "layered-product"])),
                    attribute("has_optional", false, FLAG),
                    attribute("is_empty", false, FLAG),
                ]
            },
        ),
        "release" => (
            Content::Empty,
            const {
                &[
                    attribute("name", true, Values::Any),
                    attribute("version", true, Values::Any),
                    attribute("short", true, Values::Any),
                    attribute("type", false, Values::Any),
                ]
            },
        ),
        "arches" => (Content::Choice(&["arch"], Often::AtLeastOnce), NONE),
        "groups" => (Content::Choice(&["group"], Often::AtLeastOnce), NONE),
        "environments" => (Content::Choice(&["environment"], Often::AtLeastOnce), NONE),
        "buildinstallpackages" => (Content::Choice(&["package"], Often::AtLeastOnce), NONE),
        "modules" => (Content::Choice(&["module", "kojitag"], Often::AtLeastOnce), NONE),
        "group" => (
            Content::Text,
            const { &[attribute("glob", false, FLAG), attribute("default", false, FLAG), attribute("uservisible", false, FLAG)] },
        ),
        "environment" => (Content::Text, const { &[attribute("display_order", false, Values::Any)] }),
        "module" => (Content::Text, const { &[attribute("glob", false, FLAG)] }),
        "arch" | "package" | "kojitag" => (Content::Text, NONE),
        _ => return None,
    };
    Some(Declaration { content, attributes })
}

/// Everything that does not follow the rules, one line each.
pub(super) fn faults(file: &str, root: &Element) -> Vec<String> {
    let mut faults = Faults { file, lines: Vec::new() };
    if root.name != "variants" {
        faults.add(root, "DTD_ROOT_NAME", format!("root and DTD name do not match '{}' and 'variants'", root.name));
    }
    faults.element(root);
    faults.lines
}

struct Faults<'a> {
    file: &'a str,
    lines: Vec<String>,
}

impl Faults<'_> {
    fn add(&mut self, element: &Element, code: &str, message: String) {
        self.lines.push(format!("{}:{}:0:ERROR:VALID:{code}: {message}", self.file, element.line));
    }

    fn element(&mut self, element: &Element) {
        let name = &element.name;
        match declaration(name) {
            None => self.add(element, "DTD_UNKNOWN_ELEM", format!("No declaration for element {name}")),
            Some(declaration) => {
                self.content(element, &declaration.content);
                self.attributes(element, declaration.attributes);
            }
        }
        element.children.iter().for_each(|child| self.element(child));
    }

    fn content(&mut self, element: &Element, content: &Content) {
        let name = &element.name;
        let fits = match content {
            Content::Sequence(sequence) => follows(&element.content, sequence),
            Content::Choice(names, often) => {
                let known = element.content.iter().all(|inner| names.contains(&inner.as_str()));
                known && (*often != Often::AtLeastOnce || !element.content.is_empty())
            }
            Content::Text => {
                for child in &element.children {
                    let message = format!("Element {} is not declared in {name} list of possible children", child.name);
                    self.add(child, "DTD_INVALID_CHILD", message);
                }
                true
            }
            Content::Empty => {
                if !element.content.is_empty() {
                    self.add(element, "DTD_NOT_EMPTY", format!("Element {name} was declared EMPTY this one has content"));
                }
                true
            }
        };
        if !fits {
            let got: String = element.content.iter().flat_map(|inner| [inner, " "]).collect();
            let message = format!("Element {name} content does not follow the DTD, expecting {}, got ({got})", content.shown());
            self.add(element, "DTD_CONTENT_MODEL", message);
        }
    }

    fn attributes(&mut self, element: &Element, known: &[Attribute]) {
        let name = &element.name;
        for attribute in known.iter().filter(|attribute| attribute.required && element.attribute(attribute.name).is_none()) {
            let message = format!("Element {name} does not carry attribute {}", attribute.name);
            self.add(element, "DTD_MISSING_ATTRIBUTE", message);
        }
        for (key, value) in &element.attributes {
            match known.iter().find(|attribute| attribute.name == key) {
                None => {
                    let message = format!("No declaration for attribute {key} of element {name}");
                    self.add(element, "DTD_UNKNOWN_ATTRIBUTE", message);
                }
                Some(Attribute { values: Values::OneOf(values), .. }) if !values.contains(&value.as_str()) => {
                    let message = format!("Value \"{value}\" for attribute {key} of {name} is not among the enumerated set");
                    self.add(element, "DTD_ATTRIBUTE_VALUE", message);
                }
                Some(_) => {}
            }
        }
    }
}

/// Whether the content is the sequence, or nothing at all.
fn follows(content: &[String], sequence: &[(&str, Often)]) -> bool {
    let mut rest = content;
    for (name, often) in sequence {
        let count = rest.iter().take_while(|inner| inner == name).count();
        let taken = match often {
            Often::Once => usize::from(count > 0),
            Often::Optional => count.min(1),
            Often::Any | Often::AtLeastOnce => count,
        };
        if matches!(often, Often::Once | Often::AtLeastOnce) && taken == 0 && !content.is_empty() {
            return false;
        }
        rest = &rest[taken..];
    }
    rest.is_empty()
}

impl Content {
    fn shown(&self) -> String {
        match self {
            Self::Sequence(sequence) => {
                let parts: Vec<String> = sequence.iter().map(|(name, often)| format!("{name}{}", often.sign())).collect();
                format!("({})?", parts.join(" , "))
            }
            Self::Choice([name], often) => format!("({name}){}", often.sign()),
            Self::Choice(names, often) => format!("({}){}", names.join(" | "), often.sign()),
            Self::Text => "(#PCDATA)".to_owned(),
            Self::Empty => "EMPTY".to_owned(),
        }
    }
}

impl Often {
    fn sign(self) -> &'static str {
        match self {
            Self::Once => "",
            Self::Optional => "?",
            Self::Any => "*",
            Self::AtLeastOnce => "+",
        }
    }
}

/// Texts with blanks around them, which would be taken as part of the name.
pub(super) fn surrounded_by_blanks(root: &Element) -> Vec<String> {
    const TEXTS: [&str; 6] = ["arch", "environment", "group", "kojitag", "module", "package"];
    let mut lines = Vec::new();
    if TEXTS.contains(&root.name.as_str()) && root.text.trim() != root.text {
        lines.push(format!("Tag {} on line {} contains leading or trailing whitespace", root.name, root.line));
    }
    lines.extend(root.children.iter().flat_map(surrounded_by_blanks));
    lines
}
