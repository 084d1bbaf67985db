//! `[variants.UID]`: tables to the variants that `variants.xml` would name, or what is wrong with them.
//!
//! Must not know: options of variants.

use std::collections::BTreeMap;

use super::schema::{self, VariantType};
use crate::config::problem::Report;
use crate::config::pungi::variants::{Environment, Group, Kind, Module, ReleaseIdentity, Variant};
use crate::config::source::Place;
use crate::config::suggest;

/// All variants that are sound; of the others it is reported what is wrong.
pub(super) fn read(tables: &BTreeMap<String, schema::Variant>, report: &mut Report<'_>) -> Vec<Variant> {
    if tables.is_empty() && !report.is_damaged(&Place::of(&["variants"])) {
        let place = Place::of(&["variants"]);
        report.key(&place, "there are no variants", "a variant is a table with a name of its own: `[variants.Server]`");
    }
    tables.iter().filter_map(|(uid, table)| Reader { tables, uid, table, place: place(uid) }.variant(report)).collect()
}

pub(super) fn place(uid: &str) -> Place {
    Place::of(&["variants", uid])
}

struct Reader<'a> {
    tables: &'a BTreeMap<String, schema::Variant>,
    uid: &'a str,
    table: &'a schema::Variant,
    place: Place,
}

impl Reader<'_> {
    fn variant(&self, report: &mut Report<'_>) -> Option<Variant> {
        let kind = self.kind(report);
        let id = self.id(report)?;
        let arches = self.arches(report);
        if kind == Kind::LayeredProduct && self.table.release.is_none() {
            let hint = "`release = { name = \"...\", short = \"...\", version = \"...\" }` says what it is a release of";
            report.key(&self.place, format!("the layered product `{}` has no `release`", self.uid), hint);
        }
        let table = self.table;
        let release = table.release.as_ref().map(|release| ReleaseIdentity {
            name: release.name.clone(),
            short: release.short.clone(),
            version: release.version.clone(),
        });
        Some(Variant {
            uid: self.uid.to_owned(),
            name: table.name.clone().unwrap_or_else(|| id.clone()),
            id,
            kind,
            arches,
            groups: sorted(table.groups.iter().map(group)),
            environments: sorted(table.environments.iter().map(environment)),
            modules: sorted(table.modules.iter().map(module)),
            koji_tags: table.koji_tags.clone(),
            buildinstall_packages: table.buildinstall_packages.clone(),
            is_empty: table.empty,
            release,
            parent: table.parent.clone(),
        })
    }

    fn kind(&self, report: &mut Report<'_>) -> Kind {
        match (self.table.kind, &self.table.parent) {
            (None | Some(VariantType::Variant), Some(_)) => {
                let hint = "a variant inside another has the type `addon`, `optional` or `layered-product`";
                report.value(
                    &self.place.key("type"),
                    format!("`{}` is inside another variant, but has no type for that", self.uid),
                    hint,
                );
                Kind::Optional
            }
            (Some(kind), None) if kind != VariantType::Variant => {
                let hint = "`parent = \"UID\"` says inside which variant it is";
                report.value(
                    &self.place.key("type"),
                    format!("`{}` has a type of variants inside others, but no parent", self.uid),
                    hint,
                );
                Kind::Variant
            }
            (None | Some(VariantType::Variant), None) => Kind::Variant,
            (Some(VariantType::Addon), _) => Kind::Addon,
            (Some(VariantType::Optional), _) => Kind::Optional,
            (Some(VariantType::LayeredProduct), _) => Kind::LayeredProduct,
        }
    }

    /// What is left of the UID without that of the parent.
    fn id(&self, report: &mut Report<'_>) -> Option<String> {
        let is_sound = |id: &str| !id.is_empty() && id.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-');
        if !is_sound(self.uid) {
            report.key(
                &self.place,
                format!("`{}` cannot be the UID of a variant", self.uid),
                "it has letters, digits and dashes",
            );
            return None;
        }
        let Some(parent) = &self.table.parent else { return Some(self.uid.to_owned()) };
        let at_parent = self.place.key("parent");
        match self.tables.get(parent) {
            None => {
                let hint = suggest::hint(parent, "variants", self.tables.keys().map(String::as_str));
                report.value(&at_parent, format!("there is no variant `{parent}`"), hint);
                return None;
            }
            Some(table) if table.parent.is_some() => {
                let hint = "only a variant of the type `variant` has others inside it";
                report.value(&at_parent, format!("`{parent}` is itself inside another variant"), hint);
                return None;
            }
            Some(_) => {}
        }
        let id = self.uid.strip_prefix(parent.as_str()).and_then(|rest| rest.strip_prefix('-')).filter(|id| is_sound(id));
        match id {
            Some(id) if id == parent => {
                report.key(&self.place, format!("`{}` has the ID of its parent", self.uid), None);
                None
            }
            Some(id) => Some(id.to_owned()),
            None => {
                let hint = format!("it begins with that of its parent: `[variants.{parent}-{}]`", self.uid);
                report.key(&self.place, format!("`{}` cannot be the UID of a variant inside `{parent}`", self.uid), hint);
                None
            }
        }
    }

    /// Sorted; of those that its parent lacks there is nothing to be inside of.
    fn arches(&self, report: &mut Report<'_>) -> Vec<String> {
        let of_parent = self.table.parent.as_ref().and_then(|parent| self.tables.get(parent)?.arches.as_ref());
        let place = self.place.key("arches");
        let Some(written) = self.table.arches.as_ref().or(of_parent) else {
            if !report.is_damaged(&place) {
                report.key(&self.place, format!("`{}` has no `arches`", self.uid), "write a list: `arches = [\"x86_64\"]`");
            }
            return Vec::new();
        };
        let is_sound =
            |arch: &str| !arch.is_empty() && arch.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        for (position, arch) in written.iter().enumerate().filter(|(_, arch)| !is_sound(arch) || *arch == "src") {
            let hint = "it has letters, digits and underscores; sources are made for every variant";
            report.value(&place.item(position), format!("`{arch}` cannot be the arch of a variant"), hint);
        }
        let is_shared = |arch: &&String| of_parent.is_none_or(|arches| arches.contains(*arch));
        let arches = sorted(written.iter().filter(is_shared).cloned());
        if arches.is_empty() && !report.has_damage_in(&place) {
            let message = match &self.table.parent {
                Some(parent) if !written.is_empty() => format!("`{}` has no arch in common with `{parent}`", self.uid),
                _ => format!("`{}` has no arches", self.uid),
            };
            report.value(&place, message, None);
        }
        arches
    }
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}

fn group(written: &schema::Group) -> Group {
    match written {
        schema::Group::Name(name) => Group { name: name.clone(), glob: false, default: None, uservisible: None },
        schema::Group::Table(table) => {
            Group { name: table.name.clone(), glob: table.glob, default: table.default, uservisible: table.uservisible }
        }
    }
}

fn environment(written: &schema::Environment) -> Environment {
    match written {
        schema::Environment::Name(name) => Environment { name: name.clone(), display_order: None },
        schema::Environment::Table(table) => Environment { name: table.name.clone(), display_order: table.display_order },
    }
}

fn module(written: &schema::Module) -> Module {
    match written {
        schema::Module::Name(name) => Module { name: name.clone(), glob: false },
        schema::Module::Table(table) => Module { name: table.name.clone(), glob: table.glob },
    }
}
