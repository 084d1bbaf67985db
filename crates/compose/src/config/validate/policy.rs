//! `[[failable]]`, `[limits]`, `[signing]`, `[publish]`, and the maps of `[gather]`.

use super::names;
use crate::config::problem::Report;
use crate::config::schema::Document;
use crate::config::schema::policy::{Limits, Publish, Signing};
use crate::config::schema::quantity::Size;
use crate::config::source::Place;

pub(super) fn check(document: &Document, report: &mut Report<'_>) {
    check_failable(document, report);
    check_limits(&document.limits, report);
    if let Some(signing) = &document.signing {
        check_signing(signing, report);
    }
    check_publish(&document.publish, report);
}

fn check_failable(document: &Document, report: &mut Report<'_>) {
    let mut arches: Vec<&str> = document.arches().into_iter().collect();
    arches.push("source");
    for (position, failable) in document.failable.iter().enumerate() {
        let place = Place::of(&["failable"]).item(position);
        names::check_variant_patterns(&failable.variants, document, &place.key("variants"), report);
        names::check_arch_patterns(&failable.arches, &arches, &place.key("arches"), report);
        if failable.kinds.is_empty() {
            report.value(&place.key("kinds"), "there are no kinds, so that nothing may fail", None);
        }
    }
}

fn check_limits(limits: &Limits, report: &mut Report<'_>) {
    let section = Place::of(&["limits"]);
    for (key, size) in [("memory", limits.memory), ("download-rate", limits.download_rate)] {
        if size.is_some_and(|size: Size| size.bytes() == 0) {
            report.value(
                &section.key(key),
                format!("with `{key}` of nothing, nothing can run"),
                "leave the key out for no limit",
            );
        }
    }
    if limits.timeout.duration().is_zero() {
        report.value(&section.key("timeout"), "with a timeout of nothing, nothing can run", None);
    }
}

fn check_signing(signing: &Signing, report: &mut Report<'_>) {
    let section = Place::of(&["signing"]);
    match (&signing.key, &signing.command) {
        (Some(_), Some(_)) => {
            report.key(&section.key("command"), "there is both a key and a command to sign with", "leave one of them out");
        }
        (None, None) if !report.is_damaged(&section.key("key")) && !report.is_damaged(&section.key("command")) => {
            let hint = "name the file with the secret key: `key = \"...\"`, or leave out the section to sign nothing";
            report.key(&section, "there is neither a key nor a command to sign with", hint);
        }
        (None, Some(command)) => check_signing_command(command, signing, &section, report),
        _ => {}
    }
}

fn check_signing_command(command: &[String], signing: &Signing, section: &Place, report: &mut Report<'_>) {
    if command.first().is_none_or(String::is_empty) {
        report.value(&section.key("command"), "the command has no program", None);
    }
    if signing.passphrase_file.is_some() {
        let hint = "the command gets its passphrase by its own means";
        report.key(&section.key("passphrase-file"), "`passphrase-file` is only for a key in a file", hint);
    }
}

fn check_publish(publish: &Publish, report: &mut Report<'_>) {
    let place = Place::of(&["publish", "checksums"]);
    for (position, checksum) in publish.checksums.iter().enumerate() {
        if publish.checksums[..position].contains(checksum) {
            report.value(&place.item(position), "this checksum stands twice", None);
        }
    }
}
