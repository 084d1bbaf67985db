//! What goes into repositories besides packages and comps: product certificates, and what is said about modules.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Surroundings;
use super::scm::{ScmSpecError, folder_spec};
use crate::config::pungi::value::{Dict, Value};
use crate::repositories::product_id::ProductIdSpec;
use crate::scm::ScmSpec;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RepositoryFiles {
    pub product_ids: Option<ProductIdSpec>,
    pub module_defaults: Option<ScmSpec>,
    /// Whose modules take the place of those.
    pub module_default_overrides: Option<ScmSpec>,
    pub module_obsoletes: Option<ScmSpec>,
    /// Folders with `ARCH/*.yaml`, by the variant's UID.
    pub extra_modules: BTreeMap<String, ScmSpec>,
}

pub fn repository_files(values: &Dict, surroundings: &Surroundings) -> Result<RepositoryFiles, ScmSpecError> {
    let folder = |option: &str| {
        let given = values.get(option).filter(|value| value.is_truthy());
        given.map(|value| folder_spec(option, value, surroundings)).transpose()
    };
    let is_on = |option: &str, default: bool| values.get(option).map_or(default, Value::is_truthy);
    let certificates = folder("product_id")?.map(|scm| ProductIdSpec {
        scm,
        allow_missing: is_on("product_id_allow_missing", false),
        allow_name_prefix: is_on("product_id_allow_name_prefix", true),
    });
    let option = "createrepo_extra_modulemd";
    let by_variant = values.get(option).and_then(Value::as_dict).into_iter().flatten();
    let extra = by_variant.filter_map(|(uid, value)| Some((uid.value().as_text()?.to_owned(), value)));
    Ok(RepositoryFiles {
        product_ids: certificates,
        module_defaults: folder("module_defaults_dir")?,
        module_default_overrides: folder("module_defaults_override_dir")?,
        module_obsoletes: folder("module_obsoletes_dir")?,
        extra_modules: extra
            .map(|(uid, value)| Ok((uid, folder_spec(option, value, surroundings)?)))
            .collect::<Result<_, ScmSpecError>>()?,
    })
}
