//! What may stand where in `variants.xml`, with the words of libxml2 for what does not.

use super::document::Element;

/// What an element may hold.
enum Content {
    /// Elements in this order, each with how often it may stand.
    Sequence(&'static [(&'static str, Often)]),
    /// The same, or nothing at all.
    OptionalSequence(&'static [(&'static str, Often)]),
    /// Elements of one name, at least one.
    Some(&'static str),
    Text,
    Empty,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Often {
    Once,
    Optional,
    Any,
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
        "variants" => (Content::Sequence(&[("ref", Often::Any), ("variant", Often::Any)]), NONE),
        "ref" => (Content::Empty, const { &[attribute("id", true, Values::Any)] }),
        "variant" => (
            Content::OptionalSequence(VARIANT_CONTENT),
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
            Content::Text,
            const {
                &[
                    attribute("name", false, Values::Any),
                    attribute("short", false, Values::Any),
                    attribute("version", false, Values::Any),
                ]
            },
        ),
        "arches" => (Content::Some("arch"), NONE),
        "groups" => (Content::Some("group"), NONE),
        "environments" => (Content::Some("environment"), NONE),
        "buildinstallpackages" => (Content::Some("package"), NONE),
        "modules" => (Content::Sequence(&[("module", Often::Any), ("kojitag", Often::Any)]), NONE),
        "group" => (
            Content::Text,
            const { &[attribute("glob", false, FLAG), attribute("default", false, FLAG), attribute("uservisible", false, FLAG)] },
        ),
        "environment" => (Content::Text, const { &[attribute("display_order", false, Values::Any)] }),
        "module" => (Content::Text, const { &[attribute("glob", false, FLAG)] }),
        "arch" | "package" | "kojitag" | "name" => (Content::Text, NONE),
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
            Content::OptionalSequence(sequence) => element.content.is_empty() || follows(&element.content, sequence),
            Content::Some(inner) => !element.content.is_empty() && element.content.iter().all(|name| name == inner),
            Content::Text => {
                if !element.children.is_empty() {
                    let message = format!("Element {name} was declared #PCDATA but contains non text nodes");
                    self.add(element, "DTD_NOT_PCDATA", message);
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

fn follows(content: &[String], sequence: &[(&str, Often)]) -> bool {
    let mut rest = content;
    for (name, often) in sequence {
        let count = rest.iter().take_while(|inner| inner == name).count();
        if *often == Often::Once && count == 0 {
            return false;
        }
        rest = &rest[if *often == Often::Any { count } else { count.min(1) }..];
    }
    rest.is_empty()
}

impl Content {
    /// As libxml2 writes what it expects.
    fn shown(&self) -> String {
        let listed = |sequence: &[(&str, Often)]| {
            let parts: Vec<String> = sequence.iter().map(|(name, often)| format!("{name}{}", often.sign())).collect();
            format!("({})", parts.join(" , "))
        };
        match self {
            Self::Sequence(sequence) => listed(sequence),
            Self::OptionalSequence(sequence) => format!("{}?", listed(sequence)),
            Self::Some(name) => format!("({name})+"),
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
