//! What one arch, and one variant, has of an extended comps file.
//!
//! In such a file groups, environments and packages can have the attributes `arch` and `variant`: lists of those that have
//! the element. The filter takes out what others have, takes the attributes off, and then what has become empty or refers to
//! nothing.

use super::xml::{Document, Element};
use crate::Glob;

/// What to keep. The default keeps everything that any arch has, with nothing cleaned up: set `arch` at least.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub arch: String,
    /// Without it, the attribute `variant` is left as it is.
    pub variant: Option<String>,
    pub only_arch: OnlyArch,
    pub remove: Remove,
    /// None leaves empty groups and references to missing ones where they are.
    pub cleanup: Option<Cleanup>,
}

/// Of these kinds, elements that do not name the arch go too, and with a variant, those that do not name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OnlyArch {
    pub groups: bool,
    pub packages: bool,
    pub environments: bool,
}

/// What goes altogether.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Remove {
    pub categories: bool,
    pub langpacks: bool,
    pub translations: bool,
    pub environments: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Cleanup {
    /// Groups that stay when they are empty.
    pub keep_empty: Vec<Glob>,
    /// Groups that environments may refer to although the file does not have them.
    pub lookaside_groups: Vec<String>,
}

impl Filter {
    pub fn apply(&self, document: &mut Document) {
        let comps = &mut document.root;
        if comps.name != "comps" {
            return;
        }
        for group in comps.elements_mut("group") {
            for list in group.elements_mut("packagelist") {
                self.keep_own(list, "packagereq", self.only_arch.packages);
            }
        }
        self.keep_own(comps, "group", self.only_arch.groups);
        self.keep_own(comps, "environment", self.only_arch.environments);
        if let Some(cleanup) = &self.cleanup {
            cleanup.apply(comps, &self.arch);
        }
        self.remove_kinds(comps);
    }

    /// Keeps the children of one name that this arch and variant have.
    fn keep_own(&self, parent: &mut Element, name: &str, only_arch: bool) {
        let is_own = |element: &Element| {
            let of_arch = element.attribute("arch").map_or(!only_arch, |list| names(list, &self.arch));
            let of_variant = |variant: &String| element.attribute("variant").map_or(!only_arch, |list| names(list, variant));
            of_arch && self.variant.as_ref().is_none_or(of_variant)
        };
        parent.retain_elements(|element| element.name != name || is_own(element));
        for element in parent.elements_mut(name) {
            element.remove_attribute("arch");
            if self.variant.is_some() {
                element.remove_attribute("variant");
            }
        }
    }

    fn remove_kinds(&self, comps: &mut Element) {
        let Remove { categories, langpacks, translations, environments } = self.remove;
        comps.retain_elements(|element| match element.name.as_str() {
            "category" => !categories,
            "langpacks" => !langpacks,
            "environment" => !environments,
            _ => true,
        });
        if translations {
            remove_translations(comps);
        }
    }
}

impl Cleanup {
    /// The order matters: a category goes when its last group has gone.
    fn apply(&self, comps: &mut Element, arch: &str) {
        comps.retain_elements(|element| element.name != "group" || self.keeps_group(element));
        let groups: Vec<String> = comps.elements("group").flat_map(|group| group.elements("id")).map(Element::text).collect();
        let is_group = |reference: &Element| groups.contains(&reference.text());

        for category in comps.elements_mut("category") {
            keep_references(category, is_group);
        }
        comps.retain_elements(|element| element.name != "category" || refers_to_any(element));

        for environment in comps.elements_mut("environment") {
            keep_references(environment, |reference| {
                let known = is_group(reference) || self.lookaside_groups.contains(&reference.text());
                known && reference.attribute("arch").is_none_or(|list| names(list, arch))
            });
        }
        comps.retain_elements(|element| element.name != "environment" || refers_to_any(element));
    }

    fn keeps_group(&self, group: &Element) -> bool {
        let has_packages = group.elements("packagelist").any(|list| list.elements("packagereq").next().is_some());
        let id = group.elements("id").next().map(Element::text).unwrap_or_default();
        has_packages || self.keep_empty.iter().any(|pattern| pattern.matches(&id))
    }
}

/// Whether a list of the form `x86_64,aarch64` or `x86_64 aarch64` has a name.
fn names(list: &str, name: &str) -> bool {
    list.split([',', ' ']).any(|listed| !listed.is_empty() && listed == name)
}

fn keep_references(element: &mut Element, keep: impl Fn(&Element) -> bool) {
    for list in element.elements_mut("grouplist") {
        list.retain_elements(|reference| reference.name != "groupid" || keep(reference));
    }
}

fn refers_to_any(element: &Element) -> bool {
    element.elements("grouplist").any(|list| list.elements("groupid").next().is_some())
}

/// The reader limits how deep elements are nested, and so this.
fn remove_translations(element: &mut Element) {
    element.retain_elements(|child| child.attribute("xml:lang").is_none());
    for child in element.all_elements_mut() {
        remove_translations(child);
    }
}
