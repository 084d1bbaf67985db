//! A comps file whose form depends on what it says only: Pungi's, byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use super::{Comps, Environment, Group, GroupPackage, PackageKind, Text};

/// A package whose kind cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("package {package} in group {group} has an unknown type: there are mandatory, default, optional and conditional")]
pub struct UnknownPackageKind {
    pub package: String,
    pub group: String,
}

impl Comps {
    /// The file's text. Whiteouts and the blacklist are not written: nothing that reads such files follows them.
    pub fn to_xml(&self) -> Result<String, UnknownPackageKind> {
        let mut out = Writer::new();
        let groups: BTreeMap<&str, &Group> = self.groups.iter().map(|group| (group.id.as_str(), group)).collect();
        let ids: BTreeSet<&str> = groups.keys().copied().collect();
        out.element("comps", |out| {
            for group in groups.values() {
                write_group(out, group)?;
            }
            self.write_categories(out, &ids);
            self.write_environments(out);
            self.write_langpacks(out);
            Ok(())
        })?;
        Ok(out.text)
    }

    fn write_categories(&self, out: &mut Writer, ids: &BTreeSet<&str>) {
        for category in &self.categories {
            let groups: BTreeSet<&str> = category.groups.iter().map(String::as_str).filter(|id| ids.contains(id)).collect();
            if groups.is_empty() {
                continue;
            }
            out.nested("category", |out| {
                out.identity(&category.id, &category.name, &category.description);
                out.display_order(category.display_order);
                out.nested("grouplist", |out| groups.iter().for_each(|id| out.leaf("groupid", &[], id)));
            });
        }
    }

    fn write_environments(&self, out: &mut Writer) {
        let mut environments: Vec<&Environment> =
            self.environments.iter().filter(|environment| !environment.groups.is_empty()).collect();
        environments.sort_by(|one, other| one.id.cmp(&other.id));
        for environment in environments {
            let groups: BTreeSet<&str> = environment.groups.iter().map(String::as_str).collect();
            let mut options: Vec<_> = environment.options.iter().collect();
            options.sort_by_key(|option| &option.group);
            out.nested("environment", |out| {
                out.identity(&environment.id, &environment.name, &environment.description);
                out.display_order(environment.display_order);
                out.nested("grouplist", |out| groups.iter().for_each(|id| out.leaf("groupid", &[], id)));
                if options.is_empty() {
                    return;
                }
                out.nested("optionlist", |out| {
                    for option in options {
                        let default: &[_] = if option.default { &[("default", "true")] } else { &[] };
                        out.leaf("groupid", default, &option.group);
                    }
                });
            });
        }
    }

    fn write_langpacks(&self, out: &mut Writer) {
        if self.langpacks.is_empty() {
            return;
        }
        out.nested("langpacks", |out| {
            for (name, install) in &self.langpacks {
                out.leaf("match", &[("install", install), ("name", name)], "");
            }
        });
    }
}

fn write_group(out: &mut Writer, group: &Group) -> Result<(), UnknownPackageKind> {
    out.element("group", |out| {
        let description = Text { plain: group.description.plain.clone().or(Some(String::new())), ..group.description.clone() };
        out.identity(&group.id, &group.name, &description);
        out.leaf("default", &[], truth(group.default));
        out.leaf("uservisible", &[], truth(group.user_visible));
        if let Some(language) = &group.language {
            out.leaf("langonly", &[], language);
        }
        if group.packages.is_empty() {
            out.leaf("packagelist", &[], "");
            return Ok(());
        }
        let mut packages: Vec<&GroupPackage> = group.packages.iter().collect();
        packages.sort_by_key(|package| (package.kind, &package.name));
        out.element("packagelist", |out| {
            for package in packages {
                write_package(out, group, package)?;
            }
            Ok(())
        })
    })
}

fn write_package(out: &mut Writer, group: &Group, package: &GroupPackage) -> Result<(), UnknownPackageKind> {
    let unknown = || UnknownPackageKind { package: package.name.clone(), group: group.id.clone() };
    let kind = package.kind.name().ok_or_else(unknown)?;
    let requires = (package.kind == PackageKind::Conditional).then(|| package.requires.as_deref().unwrap_or_default());
    let attributes: Vec<_> = requires.map(|requires| ("requires", requires)).into_iter().chain([("type", kind)]).collect();
    out.leaf("packagereq", &attributes, &package.name);
    Ok(())
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

struct Writer {
    text: String,
    level: usize,
}

impl Writer {
    fn new() -> Self {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE comps\n  PUBLIC '-//Red Hat, Inc.//DTD Comps info//EN'\n  'comps.dtd'>\n";
        Self { text: text.to_owned(), level: 0 }
    }

    /// An element with elements inside it, on lines of their own.
    fn element(
        &mut self,
        name: &str,
        inside: impl FnOnce(&mut Self) -> Result<(), UnknownPackageKind>,
    ) -> Result<(), UnknownPackageKind> {
        self.indent();
        self.text.extend(["<", name, ">\n"]);
        self.level += 1;
        let empty = self.text.len();
        inside(self)?;
        self.level -= 1;
        if self.text.len() == empty {
            self.text.truncate(empty - ">\n".len());
            self.text.push_str("/>\n");
            return Ok(());
        }
        self.indent();
        self.text.extend(["</", name, ">\n"]);
        Ok(())
    }

    fn nested(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let written = self.element(name, |out| {
            inside(out);
            Ok(())
        });
        written.expect("only packages can be impossible to write");
    }

    fn leaf(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.indent();
        self.text.extend(["<", name]);
        for (key, value) in attributes {
            self.text.extend([" ", key, "=\""]);
            self.escape(value);
            self.text.push('"');
        }
        if text.is_empty() {
            self.text.push_str("/>\n");
            return;
        }
        self.text.push('>');
        self.escape(text);
        self.text.extend(["</", name, ">\n"]);
    }

    fn identity(&mut self, id: &str, name: &Text, description: &Text) {
        self.leaf("id", &[], id);
        self.leaf("name", &[], name.plain.as_deref().unwrap_or_default());
        self.translations("name", name);
        if let Some(plain) = &description.plain {
            self.leaf("description", &[], plain);
            self.translations("description", description);
        }
    }

    fn translations(&mut self, name: &str, text: &Text) {
        for (language, translation) in &text.translations {
            self.leaf(name, &[("xml:lang", language)], translation);
        }
    }

    fn display_order(&mut self, order: Option<i64>) {
        if let Some(order) = order {
            self.leaf("display_order", &[], &order.to_string());
        }
    }

    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n("  ", self.level));
    }

    fn escape(&mut self, text: &str) {
        for character in text.chars() {
            match character {
                '&' => self.text.push_str("&amp;"),
                '<' => self.text.push_str("&lt;"),
                '>' => self.text.push_str("&gt;"),
                '"' => self.text.push_str("&quot;"),
                '\r' => self.text.push_str("&#13;"),
                other => self.text.push(other),
            }
        }
    }
}
