//! Checks of names, lists and patterns that several sections share.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use charmer_packages::seed::SeedError;
use charmer_packages::{Glob, Seed as Wish};

use crate::config::credentials::{CREDENTIALS_HINT, has_credentials};
use crate::config::deb;
use crate::config::problem::Report;
use crate::config::schema::variants::Seed;
use crate::config::schema::{Document, Ecosystem};
use crate::config::source::Place;
use crate::config::suggest;

/// Text for people, which also stands on one line of a file: not empty, no line ends.
pub(super) fn check_line(text: &str, place: &Place, report: &mut Report<'_>) {
    if text.trim().is_empty() {
        report.value(place, format!("`{place}` is empty"), None);
    } else if text.chars().any(char::is_control) {
        report.value(place, format!("`{place}` has control characters or line ends"), "write it on one line");
    }
}

/// A name that becomes part of a path.
pub(super) fn is_path_part(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "._+-".contains(character))
}

/// A path that stays in the folder to which it is relative.
pub(super) fn is_inside(path: &Path) -> bool {
    let mut components = path.components();
    components.clone().next().is_some()
        && components.all(|component| matches!(component, Component::Normal(_) | Component::CurDir))
}

/// A path with something in it that could be one.
pub(super) fn check_path(path: &Path, place: &Place, report: &mut Report<'_>) {
    let text = path.to_string_lossy();
    if text.is_empty() || text.chars().any(char::is_control) {
        report.value(place, format!("`{place}` is no path"), None);
    }
}

/// Each entry of a list stands there once.
pub(super) fn check_once(list: &[String], place: &Place, report: &mut Report<'_>) {
    let mut seen = BTreeMap::new();
    for (position, entry) in list.iter().enumerate() {
        if seen.insert(entry, position).is_some() {
            let here = place.item(position);
            report.value(&here, format!("`{entry}` stands twice in `{place}`"), None);
        }
    }
}

/// A list of arches as a section of its own names them: known to the ecosystem, each once, at least one.
pub(super) fn check_arches(arches: &[String], ecosystem: Ecosystem, place: &Place, report: &mut Report<'_>) {
    if arches.is_empty() {
        report.value(place, format!("`{place}` is empty"), "name at least one arch");
    }
    check_once(arches, place, report);
    let known = known_arches(ecosystem);
    for (position, arch) in arches.iter().enumerate() {
        if !known.contains(&arch.as_str()) {
            let hint = other_name(arch, ecosystem).or_else(|| suggest::hint(arch, "known arches", known.iter().copied()));
            report.value(&place.item(position), format!("unknown arch `{arch}`"), hint);
        }
    }
}

/// A list of arches that has to stay within those of a variant.
pub(super) fn check_arches_within(arches: &[String], variant: &str, own: &[String], place: &Place, report: &mut Report<'_>) {
    if arches.is_empty() {
        report.value(place, format!("`{place}` is empty"), "name at least one arch, or leave the key out");
    }
    check_once(arches, place, report);
    if report.is_damaged(&Place::of(&["variants", variant, "arches"])) {
        return;
    }
    for (position, arch) in arches.iter().enumerate().filter(|(_, arch)| !own.contains(arch)) {
        let hint = suggest::hint(arch, &format!("arches of `{variant}`"), own.iter().map(String::as_str));
        report.value(&place.item(position), format!("variant `{variant}` has no arch `{arch}`"), hint);
    }
}

/// Where the seeds of a list are for some arches only, the variant has these.
pub(super) fn check_seed_arches(seeds: &[Seed], variant: &str, own: &[String], place: &Place, report: &mut Report<'_>) {
    for (position, seed) in seeds.iter().enumerate() {
        if let Some(arches) = &seed.arches {
            check_arches_within(arches, variant, own, &place.item(position).key("arches"), report);
        }
    }
}

/// The word of a seed. Whether there is such a package is seen when packages are selected.
pub(super) fn check_seed(text: &str, ecosystem: Ecosystem, place: &Place, report: &mut Report<'_>) {
    match Wish::parse(text) {
        Ok(seed) => {
            let known = known_arches(ecosystem);
            if let Some(arch) = seed.arch().filter(|arch| !known.contains(arch)) {
                let near = || suggest::nearest(arch, known.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
                let meant = other_name(arch, ecosystem).or_else(near);
                let forms = || "what may stand before a colon: `priority`, `source`, or a package before its arch".to_owned();
                report.value(place, format!("unknown arch `{arch}` in the seed `{text}`"), meant.unwrap_or_else(forms));
            }
        }
        Err(error @ SeedError::Space(_)) => {
            report.value(place, error.to_string(), "write each package as a string of its own");
        }
        Err(error) => report.value(place, error.to_string(), None),
    }
}

/// A name or glob of packages that are never selected.
pub(super) fn check_excluded(text: &str, place: &Place, report: &mut Report<'_>) {
    if text == "essential" || text.contains(':') {
        let message = format!("`{text}` cannot be excluded");
        report.value(place, message, "only packages can, by name or glob; a table with `arches` says where");
    }
}

/// A hint for an arch that the ecosystem names otherwise.
fn other_name(arch: &str, ecosystem: Ecosystem) -> Option<String> {
    let Ecosystem::Deb = ecosystem;
    deb::own_name(arch).map(|own| format!("Debian calls it `{own}`"))
}

fn known_arches(ecosystem: Ecosystem) -> &'static [&'static str] {
    match ecosystem {
        Ecosystem::Deb => &deb::ARCHES,
    }
}

/// The patterns of a list; `None` if one of them is bad, which is reported.
pub(super) fn patterns(texts: &[String], place: &Place, report: &mut Report<'_>) -> Option<Vec<Glob>> {
    if texts.is_empty() {
        report.value(place, format!("`{place}` is empty, so that nothing matches"), "leave the key out to match everything");
        return None;
    }
    let mut good = Vec::new();
    for (position, text) in texts.iter().enumerate() {
        match Glob::parse(text) {
            Ok(pattern) => good.push(pattern),
            Err(error) => report.value(&place.item(position), error.to_string(), None),
        }
    }
    (good.len() == texts.len()).then_some(good)
}

/// Each pattern matches a variant; `None` if one is bad or matches none, which is reported.
pub(super) fn check_variant_patterns(texts: &[String], document: &Document, place: &Place, report: &mut Report<'_>) {
    let Some(patterns) = patterns(texts, place, report) else { return };
    if report.has_damage_in(&Place::of(&["variants"])) {
        return;
    }
    for (position, pattern) in patterns.iter().enumerate() {
        if !document.variants.keys().any(|name| pattern.matches(name)) {
            let text = &texts[position];
            let hint = suggest::hint(text, "variants", document.variants.keys().map(String::as_str));
            report.value(&place.item(position), format!("no variant matches `{text}`"), hint);
        }
    }
}

/// Each pattern matches an arch that some variant has, or a word that stands beside arches.
pub(super) fn check_arch_patterns(texts: &[String], known: &[&str], place: &Place, report: &mut Report<'_>) {
    let Some(patterns) = patterns(texts, place, report) else { return };
    if report.has_damage_in(&Place::of(&["variants"])) {
        return;
    }
    for (position, pattern) in patterns.iter().enumerate() {
        if !known.iter().any(|arch| pattern.matches(arch)) {
            let text = &texts[position];
            let hint = suggest::hint(text, "arches", known.iter().copied());
            report.value(&place.item(position), format!("no arch matches `{text}`"), hint);
        }
    }
}

/// A URL is shown in logs and locks.
pub(super) fn check_credentials(url: &str, place: &Place, report: &mut Report<'_>) {
    if has_credentials(url) {
        report.value(place, format!("`{place}` has a login in its URL, which logs and locks would show"), CREDENTIALS_HINT);
    }
}

/// A web address.
pub(super) fn check_web_address(url: &str, place: &Place, report: &mut Report<'_>) {
    check_credentials(url, place, report);
    let rest = ["https://", "http://"].iter().find_map(|scheme| url.strip_prefix(scheme));
    let is_sound = rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
    if !is_sound || url.chars().any(|character| character.is_whitespace() || character.is_control()) {
        report.value(place, format!("`{}` is not a web address", url.escape_debug()), "it starts with `https://` or `http://`");
    }
}
