//! A comps file as libcomps understands it.

use std::collections::BTreeMap;

use super::xml::{Blanks, Document, Element, XmlError};
use super::{Category, Comps, Environment, EnvironmentOption, Group, GroupPackage, PackageKind, Text};

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("malformed XML: {0}")]
    Xml(#[from] XmlError),
    #[error("the root element is '{0}', 'comps' is expected")]
    WrongRoot(String),
    #[error("{kind} number {number} has no id")]
    MissingId { kind: &'static str, number: usize },
}

/// Names that no package can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Comps file contains errors:\n{}", .0.join("\n"))]
pub struct NameErrors(pub Vec<String>);

impl Comps {
    pub fn parse(bytes: &[u8]) -> Result<Comps, ReadError> {
        Self::from_document(&Document::parse(bytes, Blanks::Keep)?)
    }

    /// Elements that nobody knows are passed over.
    pub fn from_document(document: &Document) -> Result<Comps, ReadError> {
        let root = &document.root;
        if root.name != "comps" {
            return Err(ReadError::WrongRoot(root.name.chars().take(40).collect()));
        }
        let mut comps = Comps::default();
        for element in root.all_elements() {
            match element.name.as_str() {
                "group" => comps.groups.push(group(element, comps.groups.len())?),
                "category" => comps.categories.push(category(element, comps.categories.len())?),
                "environment" => comps.environments.push(environment(element, comps.environments.len())?),
                "langpacks" => comps.langpacks.extend(element.elements("match").filter_map(langpack)),
                "whiteout" => comps.whiteouts.extend(element.elements("ignoredep").filter_map(whiteout)),
                "blacklist" => comps.blacklist.extend(element.elements("package").filter_map(blacklisted)),
                _ => {}
            }
        }
        Ok(comps)
    }

    /// White space around a package's name is a slip of the file's author: the package would never be found.
    pub fn check_names(&self) -> Result<(), NameErrors> {
        let mut errors = Vec::new();
        for group in &self.groups {
            for GroupPackage { name, .. } in &group.packages {
                if name.trim() != name {
                    let id = &group.id;
                    errors.push(format!("Package name {name} in group '{id}' contains leading or trailing whitespace"));
                }
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(NameErrors(errors)) }
    }
}

fn group(element: &Element, before: usize) -> Result<Group, ReadError> {
    let packages = element.elements("packagelist").flat_map(|list| list.elements("packagereq")).map(|package| GroupPackage {
        name: content(package),
        kind: package_kind(package.attribute("type")),
        requires: package.attribute("requires").map(str::to_owned),
    });
    Ok(Group {
        id: id(element, "group", before)?,
        name: text(element, "name"),
        description: text(element, "description"),
        default: value(element, "default").as_deref() == Some("true"),
        user_visible: value(element, "uservisible").as_deref() != Some("false"),
        language: value(element, "langonly"),
        display_order: display_order(element),
        packages: packages.collect(),
    })
}

fn package_kind(word: Option<&str>) -> PackageKind {
    match word {
        None | Some("mandatory") => PackageKind::Mandatory,
        Some("default") => PackageKind::Default,
        Some("optional") => PackageKind::Optional,
        Some("conditional") => PackageKind::Conditional,
        Some(_) => PackageKind::Unknown,
    }
}

fn category(element: &Element, before: usize) -> Result<Category, ReadError> {
    Ok(Category {
        id: id(element, "category", before)?,
        name: text(element, "name"),
        description: text(element, "description"),
        display_order: display_order(element),
        groups: references(element, "grouplist").map(content).collect(),
    })
}

fn environment(element: &Element, before: usize) -> Result<Environment, ReadError> {
    let option =
        |element: &Element| EnvironmentOption { group: content(element), default: element.attribute("default") == Some("true") };
    Ok(Environment {
        id: id(element, "environment", before)?,
        name: text(element, "name"),
        description: text(element, "description"),
        display_order: display_order(element),
        groups: references(element, "grouplist").map(content).collect(),
        options: references(element, "optionlist").map(option).collect(),
    })
}

fn references<'a>(element: &'a Element, list: &'a str) -> impl Iterator<Item = &'a Element> {
    element.elements(list).flat_map(|list| list.elements("groupid"))
}

fn langpack(element: &Element) -> Option<(String, String)> {
    let install = element.attribute("install").unwrap_or_default();
    Some((element.attribute("name")?.to_owned(), install.to_owned()))
}

fn whiteout(element: &Element) -> Option<(String, String)> {
    Some((element.attribute("package")?.to_owned(), element.attribute("requires")?.to_owned()))
}

fn blacklisted(element: &Element) -> Option<(String, Option<String>)> {
    Some((element.attribute("name")?.to_owned(), element.attribute("arch").map(str::to_owned)))
}

fn id(element: &Element, kind: &'static str, before: usize) -> Result<String, ReadError> {
    value(element, "id").ok_or(ReadError::MissingId { kind, number: before + 1 })
}

fn text(element: &Element, name: &str) -> Text {
    let mut text = Text { plain: None, translations: BTreeMap::new() };
    for element in element.elements(name) {
        match element.attribute("xml:lang") {
            Some(language) => _ = text.translations.insert(language.to_owned(), content(element)),
            None => text.plain = Some(content(element)),
        }
    }
    text
}

/// What stands in the last child of a name; an empty one counts as none.
fn value(element: &Element, name: &str) -> Option<String> {
    element.elements(name).last().map(content).filter(|text| !text.is_empty())
}

fn display_order(element: &Element) -> Option<i64> {
    value(element, "display_order").map(|text| text.trim().parse().unwrap_or(0))
}

/// The text of an element; libcomps joins its lines, with nothing between them.
fn content(element: &Element) -> String {
    element.text().replace('\n', "")
}
