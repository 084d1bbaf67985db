//! `extra_files`: what is added to the tree of one variant and arch, or of a variant's sources.

use std::path::Path;

use super::scm::{ScmSpecError, ScmSpecProblem, dict_spec};
use super::text;
use crate::config::pungi::pattern::PatternError;
use crate::config::pungi::va::VariantArch;
use crate::config::pungi::value::{Dict, Value};
use crate::config::pungi::variants::Variant;
use crate::extra_files::{ExtraFileSpec, ExtraFilesSpec};
use crate::metadata::python_format::{Values, expand_percent};
use crate::scm::ScmSource;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExtraFilesConfigError {
    #[error("extra_files: {0}")]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    Scm(#[from] ScmSpecError),
}

/// What the option says of one variant, for each of its arches and `src`; arches without extra files are left out.
pub fn of_variant(
    values: &Dict,
    variant: &Variant,
    current: &Path,
) -> Result<Vec<(String, ExtraFilesSpec)>, ExtraFilesConfigError> {
    let option = VariantArch::new(values.get("extra_files"))?;
    let mut specs = Vec::new();
    for arch in variant.arches.iter().map(String::as_str).chain(["src"]) {
        let spec = of_list("extra_files", &option.get(Some(&variant.uid), arch), variant, arch, current)?;
        if !spec.files.is_empty() {
            specs.push((arch.to_owned(), spec));
        }
    }
    Ok(specs)
}

/// What a list of extra files says, of a tree or of an ISO; the option's name is for errors.
pub fn of_list(
    option: &str,
    items: &[Value],
    variant: &Variant,
    arch: &str,
    current: &Path,
) -> Result<ExtraFilesSpec, ScmSpecError> {
    let at_option = |problem| ScmSpecError { option: option.to_owned(), problem };
    let dicts = items.iter().filter_map(Value::as_dict);
    let files = dicts.map(|dict| extra_file(dict, variant, arch, current)).collect::<Result<_, _>>().map_err(at_option)?;
    Ok(ExtraFilesSpec { files })
}

fn extra_file(dict: &Dict, variant: &Variant, arch: &str, current: &Path) -> Result<ExtraFileSpec, ScmSpecProblem> {
    let mut scm = dict_spec(dict, current)?;
    if let ScmSource::Rpm { packages, .. } = &scm.source
        && packages.iter().all(|package| !package.starts_with('/'))
    {
        let values = placeholders(variant, arch);
        let packages = packages.iter().map(|package| expand_percent(package, &values)).collect::<Result<_, _>>()?;
        scm.source = ScmSource::ComposedRpm { packages };
    }
    let target = text(dict, "target").unwrap_or_default().trim_matches('/');
    if target.contains('\0') || target.split('/').any(|part| part == "..") {
        return Err(ScmSpecProblem::Target(target.to_owned()));
    }
    Ok(ExtraFileSpec { scm, target: target.to_owned() })
}

fn placeholders<'a>(variant: &Variant, arch: &str) -> Values<'a> {
    Values::from([
        ("arch", arch.to_owned()),
        ("variant_id", variant.id.clone()),
        ("variant_id_lower", variant.id.to_lowercase()),
        ("variant_uid", variant.uid.clone()),
        ("variant_uid_lower", variant.uid.to_lowercase()),
    ])
}
