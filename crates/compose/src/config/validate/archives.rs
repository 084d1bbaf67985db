//! `[archives.NAME]`: each is a mirror or an overlay, and says why it is to be believed.

use std::collections::BTreeSet;

use super::names;
use crate::config::deb;
use crate::config::problem::Report;
use crate::config::schema::Document;
use crate::config::schema::archives::{Archive, HOST};
use crate::config::source::Place;
use crate::config::suggest;

pub(super) fn check(document: &Document, report: &mut Report<'_>) {
    let section = Place::of(&["archives"]);
    if document.archives.is_empty() && !report.has_damage_in(&section) {
        report.key(&section, "there are no archives to take packages from", "write a section such as `[archives.debian]`");
    }
    let arches = document.package_arches();
    for (name, archive) in &document.archives {
        let place = section.key(name);
        if !names::is_path_part(name) {
            let hint = "letters, digits, `.`, `_`, `+` and `-`, starting with a letter or digit";
            report.key(&place, format!("`{}` cannot be the name of an archive", name.escape_debug()), hint);
        }
        match (&archive.mirror, &archive.overlay) {
            (Some(url), None) => check_mirror(url, archive, &place, report),
            (None, Some(_)) => check_overlay(archive, &place, report),
            (Some(_), Some(_)) => report.key(
                &place.key("overlay"),
                format!("archive `{name}` is both a mirror and an overlay"),
                "make two archives of it",
            ),
            (None, None) if is_sound(&place, &["mirror", "overlay"], report) => check_mirror(HOST, archive, &place, report),
            (None, None) => {}
        }
        if let Some(own) = &archive.arches {
            check_arches(own, &arches, &place.key("arches"), report);
        }
    }
}

/// Whether the keys were not already reported as wrong.
fn is_sound(place: &Place, keys: &[&str], report: &Report<'_>) -> bool {
    !keys.iter().any(|key| report.is_damaged(&place.key(key)))
}

fn check_mirror(url: &str, archive: &Archive, place: &Place, report: &mut Report<'_>) {
    check_url(url, &place.key("mirror"), report);
    let suites = place.key("suites");
    if archive.suites.is_empty() && is_sound(place, &["suites"], report) {
        report.key(&suites, format!("a mirror needs suites, and `{place}` has none"), "for example `suites = [\"trixie\"]`");
    }
    names::check_once(&archive.suites, &suites, report);
    check_below_dists(&archive.suites, "suite", &suites, report);
    if let Some(components) = &archive.components {
        let place = place.key("components");
        if components.is_empty() {
            report.value(&place, format!("`{place}` is empty"), "leave the key out to read `main`");
        }
        names::check_once(components, &place, report);
        check_below_dists(components, "component", &place, report);
    }
    match (&archive.keyring, archive.trusted) {
        (Some(keyring), false) => names::check_path(keyring, &place.key("keyring"), report),
        (Some(_), true) => report.value(
            &place.key("trusted"),
            format!("`{place}` has a keyring, and says that signatures are not to be checked"),
            "leave one of them out",
        ),
        (None, false) if is_sound(place, &["keyring", "trusted"], report) => report.key(
            place,
            format!("`{place}` is a mirror without a keyring"),
            "name the file with its keys: `keyring = \"/usr/share/keyrings/...\"`; \
             or say that it is to be taken as it is: `trusted = true`",
        ),
        (None, _) => {}
    }
}

fn check_url(url: &str, place: &Place, report: &mut Report<'_>) {
    if matches!(url, "host" | "host-security") {
        return;
    }
    names::check_credentials(url, place, report);
    let rest = ["https://", "http://", "file:///"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let is_sound = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(['?', '#']));
    if !is_sound || url.chars().any(|character| character.is_whitespace() || character.is_control()) {
        let meant = suggest::nearest(url, ["host", "host-security"]).map(|meant| format!("did you mean `{meant}`?"));
        let forms = || "write `https://...`, `http://...`, `file:///...`, `host` or `host-security`".to_owned();
        report.value(place, format!("`{}` is not a mirror", url.escape_debug()), meant.unwrap_or_else(forms));
    }
}

fn check_below_dists(words: &[String], what: &str, place: &Place, report: &mut Report<'_>) {
    for (position, word) in words.iter().enumerate().filter(|(_, word)| !deb::is_path_below_dists(word)) {
        let hint = (word.ends_with('/')).then(|| "archives without `dists/` are not supported".to_owned());
        report.value(&place.item(position), format!("`{}` cannot be a {what}", word.escape_debug()), hint);
    }
}

fn check_overlay(archive: &Archive, place: &Place, report: &mut Report<'_>) {
    if let Some(folder) = &archive.overlay {
        names::check_path(folder, &place.key("overlay"), report);
    }
    let only_for_mirrors = [
        ("suites", !archive.suites.is_empty()),
        ("components", archive.components.is_some()),
        ("keyring", archive.keyring.is_some()),
        ("trusted", archive.trusted),
    ];
    for (key, _) in only_for_mirrors.iter().filter(|(_, is_there)| *is_there) {
        report.key(&place.key(key), format!("an overlay has no `{key}`"), "this key is only for mirrors");
    }
}

fn check_arches(own: &[String], arches: &BTreeSet<String>, place: &Place, report: &mut Report<'_>) {
    let is_damaged = report.has_damage_in(&Place::of(&["variants"]));
    if own.is_empty() {
        report.value(place, format!("`{place}` is empty"), "leave the key out to read all arches");
    }
    names::check_once(own, place, report);
    for (position, arch) in own.iter().enumerate().filter(|(_, arch)| !is_damaged && !arches.contains(*arch)) {
        let hint = suggest::hint(arch, "arches", arches.iter().map(String::as_str));
        report.value(&place.item(position), format!("nothing asks for packages of the arch `{arch}`"), hint);
    }
}
