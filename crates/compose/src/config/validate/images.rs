//! `[[images]]`: variants and arches that are there, names that differ, values that the image's kind can have.

use std::collections::BTreeMap;

use super::names;
use crate::config::problem::Report;
use crate::config::schema::Document;
use crate::config::schema::images::{Container, Image, ImageKind, Live};
use crate::config::source::Place;
use crate::config::suggest;

pub(super) fn check(document: &Document, report: &mut Report<'_>) {
    // By variant, arch and name: the image's position.
    let mut seen = BTreeMap::new();
    for (position, image) in document.images.iter().enumerate() {
        let place = Place::of(&["images"]).item(position);
        check_name(image, &place, report);
        check_origin(image, document, &place, report);
        if report.is_damaged(&place.key("kind")) {
            continue;
        }
        match &image.kind {
            ImageKind::Container(container) => check_container(container, &place, report),
            ImageKind::Live(live) => check_live(live, &place, report),
        }
        for arch in image.arches_in(document) {
            let key = (image.variant.as_str(), arch.as_str(), image.name());
            let Some(other) = seen.insert(key, position) else { continue };
            let line = report.line_of(&Place::of(&["images"]).item(other));
            let what = format!("`{}` of variant `{}` on `{arch}`", image.name(), image.variant);
            let hint = format!("the other one is on line {line}; give one of them another `name`");
            report.key(&place, format!("there are two images {what}"), hint);
            break;
        }
    }
}

fn check_name(image: &Image, place: &Place, report: &mut Report<'_>) {
    if let Some(name) = image.name.as_deref().filter(|name| !names::is_path_part(name)) {
        let hint = "it becomes part of file names: letters, digits, `.`, `_`, `+` and `-`";
        report.value(&place.key("name"), format!("`{}` cannot be the name of an image", name.escape_debug()), hint);
    }
}

/// The variant, its arches, and the packages.
fn check_origin(image: &Image, document: &Document, place: &Place, report: &mut Report<'_>) {
    let Some(variant) = document.variants.get(&image.variant) else {
        if !report.is_damaged(&Place::of(&["variants", &image.variant])) {
            let hint = suggest::hint(&image.variant, "variants", document.variants.keys().map(String::as_str));
            report.value(&place.key("variant"), format!("unknown variant `{}`", image.variant), hint);
        }
        return;
    };
    if let Some(arches) = &image.arches {
        names::check_arches_within(arches, &image.variant, &variant.arches, &place.key("arches"), report);
    }
    let packages = place.key("packages");
    names::check_seeds(&image.packages, &image.variant, &variant.arches, &packages, report);
    if image.packages.is_empty() && !report.is_damaged(&packages) {
        report.value(&packages, "an image needs packages", "name at least one to install");
    }
}

fn check_container(container: &Container, place: &Place, report: &mut Report<'_>) {
    for name in container.env.keys() {
        let is_sound = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
        if !is_sound {
            let message = format!("`{}` cannot be the name of an environment variable", name.escape_debug());
            report.key(&place.key("env").key(name), message, None);
        }
    }
    for name in container.labels.keys().filter(|name| name.is_empty()) {
        report.key(&place.key("labels").key(name), "a label has no name", None);
    }
    if let Some(user) = &container.user
        && !user.split(':').all(is_account)
    {
        let message = format!("`{}` is not a user", user.escape_debug());
        report.value(&place.key("user"), message, "a name or number, with `:GROUP` if need be");
    }
    if let Some(folder) = container.workdir.as_deref().filter(|folder| !folder.starts_with('/')) {
        report.value(&place.key("workdir"), format!("`{folder}` is not an absolute path"), None);
    }
}

fn check_live(live: &Live, place: &Place, report: &mut Report<'_>) {
    for (position, argument) in live.boot_arguments.iter().enumerate() {
        if argument.is_empty() || argument.chars().any(|character| character.is_whitespace() || character.is_control()) {
            let message = format!("`{}` is not one boot argument", argument.escape_debug());
            report.value(&place.key("boot-arguments").item(position), message, "write each as a string of its own");
        }
    }
    if let Some(hostname) = &live.hostname
        && !is_hostname(hostname)
    {
        let message = format!("`{}` cannot be a host name", hostname.escape_debug());
        report.value(&place.key("hostname"), message, "letters, digits and `-`, at most 63");
    }
    match (&live.user, &live.password) {
        (Some(user), _) if !is_account(user) || user.starts_with(|first: char| first.is_ascii_digit()) => {
            let message = format!("`{}` cannot be the name of a user", user.escape_debug());
            report.value(&place.key("user"), message, "lower-case letters, digits, `_` and `-`, starting with a letter");
        }
        (None, Some(_)) if !report.is_damaged(&place.key("user")) => {
            report.key(&place.key("password"), "there is a password but no user", "name the user: `user = \"...\"`");
        }
        _ => {}
    }
    if live.password.as_deref().is_some_and(|password| password.is_empty() || password.chars().any(char::is_control)) {
        report.value(&place.key("password"), "this cannot be a password", None);
    }
}

fn is_account(name: &str) -> bool {
    let allowed = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || "_-".contains(character);
    !name.is_empty() && name.len() <= 32 && !name.starts_with('-') && name.chars().all(allowed)
}

fn is_hostname(name: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || character == '-';
    (1..=63).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('-') && !name.ends_with('-')
}
