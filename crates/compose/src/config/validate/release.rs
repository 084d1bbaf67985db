//! `[release]`: what becomes part of paths must be fit for it, and productmd must be able to read it back.

use super::names::{check_line, check_web_address, is_path_part};
use crate::config::problem::Report;
use crate::config::schema::release::Release;
use crate::config::source::Place;

pub(super) fn check(release: &Release, report: &mut Report<'_>) {
    let section = Place::of(&["release"]);
    check_line(&release.name, &section.key("name"), report);
    check_short(&release.short, &section.key("short"), report);
    check_version(&release.version, &section.key("version"), report);
    if let Some(codename) = release.codename.as_deref().filter(|codename| !is_path_part(codename)) {
        let hint = "it becomes part of paths: letters, digits, `.`, `_`, `+` and `-`, and it starts with a letter or digit";
        report.value(&section.key("codename"), format!("`{}` cannot be a codename", codename.escape_debug()), hint);
    }
    for (key, text) in [("description", &release.description), ("vendor", &release.vendor)] {
        if let Some(text) = text {
            check_line(text, &section.key(key), report);
        }
    }
    for (key, url) in [("url", &release.url), ("bug-url", &release.bug_url)] {
        if let Some(url) = url {
            check_web_address(url, &section.key(key), report);
        }
    }
}

fn check_short(short: &str, place: &Place, report: &mut Report<'_>) {
    let is_sound = short.starts_with(|first: char| first.is_ascii_alphabetic())
        && short.split('-').all(|part| !part.is_empty() && part.chars().all(|character| character.is_ascii_alphanumeric()));
    if !is_sound {
        let hint = "it becomes part of paths: letters and digits, in parts joined by `-`, and it starts with a letter";
        report.value(place, format!("`{}` cannot be a short name", short.escape_debug()), hint);
    }
}

/// A version is numbers joined by dots, or starts with a letter: what productmd can tell from a short name.
fn check_version(version: &str, place: &Place, report: &mut Report<'_>) {
    let mut parts = version.split('.');
    let is_sound = if version.starts_with(|first: char| first.is_ascii_alphabetic()) {
        parts.all(|part| !part.is_empty() && part.chars().all(|character| character.is_ascii_alphanumeric()))
    } else {
        parts.all(|part| !part.is_empty() && part.chars().all(|character| character.is_ascii_digit()))
    };
    if !is_sound {
        let hint = "it becomes part of paths: numbers joined by dots such as `13.1`, or letters and digits such as `sid`";
        report.value(place, format!("`{}` cannot be a version", version.escape_debug()), hint);
    }
}
