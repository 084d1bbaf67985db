//! `buildinstall_*` and `lorax_*`: how the boot media of a variant are made on each of its arches.

use charmer_packages::rpm::arch::of_tree;

use super::scm::{ScmSpecError, file_spec};
use super::{Surroundings, text, texts};
use crate::config::pungi::pattern::PatternError;
use crate::config::pungi::va::VariantArch;
use crate::config::pungi::value::{Dict, Value};
use crate::config::pungi::variants::{Kind, Variant};
use crate::images::lorax::LoraxSpec;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoraxConfigError {
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    Scm(#[from] ScmSpecError),
    #[error("buildinstall_method: charmer does not run '{0}', only lorax")]
    Method(String),
    #[error("lorax_use_koji_plugin: charmer does not build in Koji yet")]
    KojiPlugin,
}

/// What is configured for a variant, for each of its arches that gets boot media. Only variants of the type `variant` that hold
/// packages do.
pub fn of_variant(
    values: &Dict,
    variant: &Variant,
    surroundings: &Surroundings,
) -> Result<Vec<(String, LoraxSpec)>, LoraxConfigError> {
    match text(values, "buildinstall_method") {
        None => return Ok(Vec::new()),
        Some("lorax") => {}
        Some(other) => return Err(LoraxConfigError::Method(other.to_owned())),
    }
    if values.get("lorax_use_koji_plugin").is_some_and(Value::is_truthy) {
        return Err(LoraxConfigError::KojiPlugin);
    }
    if variant.kind != Kind::Variant || variant.is_empty {
        return Ok(Vec::new());
    }
    let option = |name: &str| VariantArch::new(values.get(name));
    let (skip, options) = (option("buildinstall_skip")?, option("lorax_options")?);
    let (sources, failable) = (option("lorax_extra_sources")?, option("failable_deliverables")?);
    let kickstart = values.get("buildinstall_kickstart").filter(|value| value.is_truthy());
    let kickstart = kickstart.map(|value| file_spec("buildinstall_kickstart", value, surroundings)).transpose()?;
    let mut specs = Vec::new();
    for arch in &variant.arches {
        let uid = Some(variant.uid.as_str());
        if skip.get(uid, arch) == [Value::Bool(true)] {
            continue;
        }
        let mut spec = LoraxSpec {
            product: text(values, "release_name").unwrap_or_default().to_owned(),
            version: version(values),
            build_arch: of_tree(arch).to_owned(),
            no_mac_boot: true,
            no_upgrade: true,
            install_packages: variant.buildinstall_packages.clone(),
            extra_sources: texts_of(&sources.get(uid, arch)),
            kickstart: kickstart.clone(),
            is_failable: texts_of(&failable.get(uid, arch)).iter().any(|name| name == "buildinstall"),
            ..LoraxSpec::default()
        };
        for given in options.get(uid, arch).iter().filter_map(Value::as_dict) {
            apply(given, &mut spec, surroundings)?;
        }
        specs.push((arch.clone(), spec));
    }
    Ok(specs)
}

/// Takes over what one entry of `lorax_options` says. Lists of several entries are joined; of other values the last one holds.
fn apply(given: &Dict, spec: &mut LoraxSpec, surroundings: &Surroundings) -> Result<(), ScmSpecError> {
    let set_flag = |key: &str, flag: &mut bool| {
        if let Some(value) = given.get(key) {
            *flag = value.is_truthy();
        }
    };
    set_flag("nomacboot", &mut spec.no_mac_boot);
    set_flag("noupgrade", &mut spec.no_upgrade);
    set_flag("skip_branding", &mut spec.skip_branding);
    set_flag("squashfs_only", &mut spec.squashfs_only);
    let set_text = |key: &str, field: &mut Option<String>| {
        if let Some(value) = text(given, key) {
            *field = Some(value.to_owned());
        }
    };
    set_text("bugurl", &mut spec.bug_url);
    set_text("rootfs_type", &mut spec.rootfs_type);
    if let Some(version) = text(given, "version") {
        version.clone_into(&mut spec.version);
    }
    if let Some(Value::Int(size)) = given.get("rootfs_size") {
        spec.rootfs_size = size.to_i64().and_then(|size| u64::try_from(size).ok());
    }
    spec.templates.extend(texts(given, "add_template"));
    spec.arch_templates.extend(texts(given, "add_arch_template"));
    spec.template_variables.extend(texts(given, "add_template_var"));
    spec.arch_template_variables.extend(texts(given, "add_arch_template_var"));
    spec.dracut_arguments.extend(texts(given, "dracut_args"));
    if let Some(value) = given.get("configuration_file") {
        spec.configuration_file = Some(file_spec("lorax_options.configuration_file", value, surroundings)?);
    }
    Ok(())
}

fn version(values: &Dict) -> String {
    text(values, "treeinfo_version").or_else(|| text(values, "release_version")).unwrap_or_default().to_owned()
}

fn texts_of(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::as_text).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::pungi::validate::from_json;

    fn variant() -> Variant {
        Variant {
            id: "Server".into(),
            uid: "Server".into(),
            name: "Server".into(),
            kind: Kind::Variant,
            arches: vec!["aarch64".into(), "x86_64".into()],
            groups: Vec::new(),
            environments: Vec::new(),
            modules: Vec::new(),
            koji_tags: Vec::new(),
            buildinstall_packages: vec!["memtest86+".into()],
            is_empty: false,
            release: None,
            parent: None,
        }
    }

    fn resolved(options: serde_json::Value, variant: &Variant) -> Result<Vec<(String, LoraxSpec)>, String> {
        let surroundings = Surroundings { folder: "/etc".into(), current: "/".into(), files: Vec::new() };
        let values = from_json(&options);
        of_variant(values.as_dict().unwrap(), variant, &surroundings).map_err(|error| error.to_string())
    }

    #[test]
    fn options_of_variant_and_arch_are_joined_and_defaults_hold() {
        let options = serde_json::json!({
            "release_name": "Harbour", "release_version": "1", "buildinstall_method": "lorax",
            "buildinstall_skip": [["^Server$", {"aarch64": true}]],
            "failable_deliverables": [["^.*$", {"*": ["buildinstall"]}]],
            "lorax_extra_sources": [["^Server$", {"*": "https://a", "x86_64": ["/b"]}]],
            "lorax_options": [
                ["^Server$", {"*": {"bugurl": "https://bugs", "nomacboot": false, "add_template": ["a.tmpl"], "version": "1.1"}}],
                ["^.*$", {"x86_64": {"add_template": ["b.tmpl"], "rootfs_size": 4, "noupgrade": true}}],
            ],
        });
        let specs = resolved(options, &variant()).unwrap();
        let expected = LoraxSpec {
            product: "Harbour".into(),
            version: "1.1".into(),
            build_arch: "x86_64".into(),
            bug_url: Some("https://bugs".into()),
            no_upgrade: true,
            install_packages: vec!["memtest86+".into()],
            templates: vec!["a.tmpl".into(), "b.tmpl".into()],
            rootfs_size: Some(4),
            extra_sources: vec!["https://a".into(), "/b".into()],
            is_failable: true,
            ..LoraxSpec::default()
        };
        assert_eq!(specs, [("x86_64".to_owned(), expected)]);
    }

    #[test]
    fn without_a_method_there_is_nothing_and_another_one_is_refused() {
        assert!(resolved(serde_json::json!({}), &variant()).unwrap().is_empty());
        let lorax = serde_json::json!({"buildinstall_method": "lorax"});
        assert!(resolved(lorax.clone(), &Variant { is_empty: true, ..variant() }).unwrap().is_empty());
        assert!(resolved(lorax, &Variant { kind: Kind::Optional, ..variant() }).unwrap().is_empty());
        assert!(
            resolved(serde_json::json!({"buildinstall_method": "buildinstall"}), &variant()).unwrap_err().contains("only lorax")
        );
    }
}
