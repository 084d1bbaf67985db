//! `[variants.NAME]`, `[[overrides]]`, `[[extra-files]]`: parents that are there, arches that parents have too, patterns that match.

use std::collections::BTreeMap;

use charmer_packages::Glob;

use super::names;
use crate::config::problem::Report;
use crate::config::schema::Document;
use crate::config::schema::variants::{Override, Variant};
use crate::config::source::Place;
use crate::config::suggest;

pub(super) fn check(document: &Document, report: &mut Report<'_>) {
    let section = Place::of(&["variants"]);
    if document.variants.is_empty() && !report.has_damage_in(&section) {
        report.key(&section, "there are no variants", "write a section such as `[variants.Base]`");
    }
    let adding = adding_overrides(&document.overrides);
    for (name, variant) in &document.variants {
        let place = section.key(name);
        check_name(name, &place, report);
        names::check_arches(&variant.arches, document.ecosystem, &place.key("arches"), report);
        check_parent(name, variant, document, &place, report);
        check_lookaside(variant, document, &place.key("lookaside"), report);
        check_selection(name, variant, document, &adding, &place, report);
    }
    check_cycles(document, report);
    check_overrides(document, report);
    check_extra_files(document, report);
}

/// Names become parts of paths and of job names, and productmd allows no more.
fn check_name(name: &str, place: &Place, report: &mut Report<'_>) {
    let is_sound = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|character| character.is_ascii_alphanumeric());
    if !is_sound {
        let hint = "letters and digits only, starting with a letter";
        report.key(place, format!("`{}` cannot be the name of a variant", name.escape_debug()), hint);
    } else if name == "metadata" {
        let hint = "its folder would be that of the compose's own description; give it another name";
        report.key(place, "`metadata` cannot be the name of a variant", hint);
    }
}

fn check_parent(name: &str, variant: &Variant, document: &Document, place: &Place, report: &mut Report<'_>) {
    let here = place.key("parent");
    let Some(parent_name) = &variant.parent else {
        if variant.optional && !report.is_damaged(&here) {
            let hint = "name the variant that it adds to: `parent = \"...\"`";
            report.key(&place.key("optional"), format!("variant `{name}` is optional but has no parent"), hint);
        }
        return;
    };
    let Some(parent) = document.variants.get(parent_name) else {
        if !report.is_damaged(&Place::of(&["variants", parent_name])) {
            let others = document.variants.keys().map(String::as_str).filter(|other| *other != name);
            let hint = suggest::hint(parent_name, "variants", others);
            report.value(&here, format!("unknown variant `{parent_name}`"), hint);
        }
        return;
    };
    if report.is_damaged(&Place::of(&["variants", parent_name, "arches"])) {
        return;
    }
    for (position, arch) in variant.arches.iter().enumerate().filter(|(_, arch)| !parent.arches.contains(arch)) {
        let hint = format!("add `{arch}` to the arches of `{parent_name}`, or take it away here");
        let message = format!("variant `{name}` has the arch `{arch}`, but its parent `{parent_name}` does not");
        report.value(&place.key("arches").item(position), message, hint);
    }
}

/// Reports each cycle of parents once, at its first variant by name.
fn check_cycles(document: &Document, report: &mut Report<'_>) {
    // For each variant the walk in which it was met, so that all walks together meet each variant once.
    let mut walks: BTreeMap<&str, usize> = BTreeMap::new();
    for (walk, start) in document.variants.keys().enumerate() {
        let mut path: Vec<&str> = Vec::new();
        let mut next = Some(start.as_str());
        while let Some(name) = next.filter(|name| document.variants.contains_key(*name)) {
            match walks.get(name) {
                Some(met) if *met == walk => {
                    let begin = path.iter().position(|other| *other == name).unwrap_or_default();
                    report_cycle(&path[begin..], report);
                    break;
                }
                Some(_) => break,
                None => {}
            }
            walks.insert(name, walk);
            path.push(name);
            next = document.variants.get(name).and_then(|variant| variant.parent.as_deref());
        }
    }
}

fn report_cycle(cycle: &[&str], report: &mut Report<'_>) {
    let Some(first) = cycle.first() else { return };
    let place = Place::of(&["variants", first, "parent"]);
    if let [only] = cycle {
        report.value(&place, format!("variant `{only}` is its own parent"), None);
        return;
    }
    let shown = cycle.iter().take(8).chain(if cycle.len() > 8 { &["..."][..] } else { &[] }).chain([first]);
    let shown: Vec<String> = shown.map(|name| format!("`{name}`")).collect();
    report.value(&place, format!("variants are their own parents in a circle: {}", shown.join(" -> ")), None);
}

fn check_lookaside(variant: &Variant, document: &Document, place: &Place, report: &mut Report<'_>) {
    names::check_once(&variant.lookaside, place, report);
    for (position, archive) in variant.lookaside.iter().enumerate() {
        if !document.archives.contains_key(archive) && !report.is_damaged(&Place::of(&["archives", archive])) {
            let hint = suggest::hint(archive, "archives", document.archives.keys().map(String::as_str));
            report.value(&place.item(position), format!("unknown archive `{archive}`"), hint);
        }
    }
}

fn check_selection(
    name: &str,
    variant: &Variant,
    document: &Document,
    adding: &[Vec<Glob>],
    place: &Place,
    report: &mut Report<'_>,
) {
    for (key, seeds) in [("seeds", &variant.seeds), ("include", &variant.include), ("exclude", &variant.exclude)] {
        let list = place.key(key);
        names::check_seed_arches(seeds, name, &variant.arches, &list, report);
        for (position, seed) in seeds.iter().enumerate() {
            check_word(key, &seed.seed, document, &list.item(position), report);
        }
    }
    let is_added_to = || adding.iter().any(|patterns| patterns.iter().any(|pattern| pattern.matches(name)));
    let is_damaged = report.is_damaged(&place.key("seeds")) || report.is_damaged(&place.key("include"));
    if variant.seeds.is_empty() && variant.include.is_empty() && !is_damaged && !is_added_to() {
        let hint = "say what it starts from: `seeds = [\"essential\", ...]`";
        report.key(place, format!("variant `{name}` has no seeds, so that it would be empty"), hint);
    }
}

/// The variant patterns of the overrides that add packages.
fn adding_overrides(overrides: &[Override]) -> Vec<Vec<Glob>> {
    let adding = overrides.iter().filter(|change| !change.seeds.is_empty() || !change.include.is_empty());
    adding.map(|change| change.variants.iter().filter_map(|text| Glob::parse(text).ok()).collect()).collect()
}

fn check_overrides(document: &Document, report: &mut Report<'_>) {
    let arches: Vec<&str> = document.arches().into_iter().collect();
    for (position, change) in document.overrides.iter().enumerate() {
        let place = Place::of(&["overrides"]).item(position);
        names::check_variant_patterns(&change.variants, document, &place.key("variants"), report);
        names::check_arch_patterns(&change.arches, &arches, &place.key("arches"), report);
        for (key, seeds) in [("seeds", &change.seeds), ("include", &change.include), ("exclude", &change.exclude)] {
            for (position, seed) in seeds.iter().enumerate() {
                check_word(key, seed, document, &place.key(key).item(position), report);
            }
        }
    }
}

fn check_word(key: &str, text: &str, document: &Document, place: &Place, report: &mut Report<'_>) {
    match key {
        "exclude" => names::check_excluded(text, place, report),
        _ => names::check_seed(text, document.ecosystem, place, report),
    }
}

fn check_extra_files(document: &Document, report: &mut Report<'_>) {
    for (position, files) in document.extra_files.iter().enumerate() {
        let place = Place::of(&["extra-files"]).item(position);
        names::check_path(&files.from, &place.key("from"), report);
        names::check_variant_patterns(&files.variants, document, &place.key("variants"), report);
        match &files.to {
            Some(to) if !names::is_inside(to) => {
                let message = format!("`{}` leads out of the repository", to.display());
                report.value(&place.key("to"), message, "it is relative to the repository, and has no `..` in it");
            }
            Some(to) => names::check_path(to, &place.key("to"), report),
            None if files.from.file_name().is_none() => {
                let message = format!("`{}` has no name of its own", files.from.display());
                report.value(&place.key("from"), message, "say where it goes: `to = \"...\"`");
            }
            None => {}
        }
    }
}
