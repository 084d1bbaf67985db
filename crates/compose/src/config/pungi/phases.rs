//! What phases say about a configuration before they run: options that contradict each other, or the variants.
//!
//! Must not know: what phases do.

use super::pattern::PatternError;
use super::show::plain;
use super::va::VariantArch;
use super::value::{Dict, Value};
use super::variants::Variants;

/// The messages of all phases that are not skipped, each behind the name of its phase.
///
/// Without variants, what depends on them is not checked. `old_composes` says whether there are older composes to compare with.
pub fn messages(values: &Dict, variants: Option<&Variants>, old_composes: bool) -> Result<Vec<String>, PatternError> {
    let phases = [
        ("pkgset", pkgset(values)),
        ("gather", variants.map(|variants| gather(values, variants)).unwrap_or_default()),
        ("createrepo", createrepo(values, old_composes)),
        ("ostree_installer", variants.map_or_else(|| Ok(Vec::new()), |variants| ostree_installer(values, variants))?),
        ("image_checksum", image_checksum(values)),
    ];
    let skipped: Vec<String> = items(values, "skip_phases").iter().map(plain).collect();
    // Without checksums images could not be listed: nobody can skip that phase.
    let run = phases.into_iter().filter(|(phase, _)| *phase == "image_checksum" || !skipped.iter().any(|name| name == phase));
    let with_name = |(phase, messages): (&str, Vec<String>)| {
        let name = phase.to_uppercase();
        messages.into_iter().map(move |message| format!("{name}: {message}"))
    };
    Ok(run.flat_map(with_name).collect())
}

fn is_on(values: &Dict, option: &str) -> bool {
    values.get(option).is_some_and(Value::is_truthy)
}

fn items<'a>(values: &'a Dict, option: &str) -> &'a [Value] {
    values.get(option).and_then(Value::as_items).unwrap_or_default()
}

fn pkgset(values: &Dict) -> Vec<String> {
    let allows_unsigned = items(values, "sigkeys").iter().any(|key| !key.is_truthy());
    if is_on(values, "pkgset_koji_scratch_tasks") && !allows_unsigned {
        return vec!["Unsigned packages must be allowed to use the \"pkgset_koji_scratch_tasks\" option".to_owned()];
    }
    Vec::new()
}

fn gather(values: &Dict, variants: &Variants) -> Vec<String> {
    let pairs = items(values, "variant_as_lookaside").iter().filter_map(Value::as_items);
    let (mut unknown, mut fewer_arches) = (Vec::new(), Vec::new());
    for pair in pairs {
        let [uid, lookaside] = pair else { continue };
        let Some(variant) = uid.as_text().and_then(|uid| variants.get(uid)) else { continue };
        let (uid, lookaside_uid) = (plain(uid), plain(lookaside));
        match lookaside.as_text().and_then(|uid| variants.get(uid)) {
            None => unknown
                .push(format!("variant_as_lookaside: variant '{lookaside_uid}' doesn't exist but is required by '{uid}'")),
            Some(lookaside) if variant.arches.iter().any(|arch| !lookaside.arches.contains(arch)) => fewer_arches.push(format!(
                "variant_as_lookaside: architectures of variant '{uid}' aren't subset of architectures of variant '{lookaside_uid}'"
            )),
            Some(_) => {}
        }
    }
    unknown.into_iter().chain(fewer_arches).collect()
}

fn createrepo(values: &Dict, old_composes: bool) -> Vec<String> {
    if is_on(values, "createrepo_deltas") && !old_composes {
        return vec!["Can not generate deltas without old compose".to_owned()];
    }
    Vec::new()
}

fn ostree_installer(values: &Dict, variants: &Variants) -> Result<Vec<String>, PatternError> {
    let mut messages = Vec::new();
    if !is_on(values, "buildinstall_method") || is_on(values, "ostree_installer_overwrite") {
        return Ok(messages);
    }
    let installers = VariantArch::new(values.get("ostree_installer"))?;
    for variant in variants.all.iter().filter(|variant| !variant.is_empty) {
        for arch in variant.arches.iter().filter(|arch| !installers.get(Some(&variant.uid), arch).is_empty()) {
            messages.push(format!(
                "Can not generate ostree installer for {}.{arch}: it has buildinstall running already and the files would clash.",
                variant.uid
            ));
        }
    }
    Ok(messages)
}

fn image_checksum(values: &Dict) -> Vec<String> {
    if is_on(values, "media_checksum_one_file") && items(values, "media_checksums").len() != 1 {
        let message =
            "Config option \"media_checksum_one_file\" requires only one checksum to be configured in \"media_checksums\".";
        return vec![message.to_owned()];
    }
    Vec::new()
}
