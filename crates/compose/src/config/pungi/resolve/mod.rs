//! Validated options and variants to what each part of a compose needs to know, without patterns and defaults.
//!
//! Must not know: how options are written, or checked.

pub mod extra_files;
mod gather;
pub mod isos;
pub mod kept;
pub mod lorax;
mod release;
pub mod repository_files;
pub mod scm;
mod unsupported;

pub use unsupported::omissions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::early::EarlyFileError;
use super::git::References;
use super::logins::{LOGIN_REFUSED, logins};
use super::pattern::PatternError;
use super::va::VariantArch;
use super::value::{Dict, Value};
use super::variants::Variants;
use crate::checksum::Algorithm;
use crate::config::credentials::CREDENTIALS_HINT;
use crate::config::rpm::{LinkKind, MediaChecksums, RepositoryRules, RpmConfig, RpmExtraIso, RpmTree, RpmVariant, Strictness};
use crate::engine::Phase;
use crate::images::iso_folders::IsoFolders;
use crate::images::lorax::plan::BootSpec;
use crate::metadata::checksums::ChecksumKind;

/// Where a configuration is read.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The configuration's folder, absolute.
    pub folder: PathBuf,
    /// Where the program was started: files of scm dicts are relative to it.
    pub current: PathBuf,
    /// All files that were read for the configuration.
    pub files: Vec<PathBuf>,
}

/// Why options that are sound one by one make no compose.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    #[error(transparent)]
    Pattern(#[from] PatternError),
    #[error(transparent)]
    Iso(#[from] isos::IsoConfigError),
    #[error(transparent)]
    ExtraFiles(#[from] extra_files::ExtraFilesConfigError),
    #[error(transparent)]
    Lorax(#[from] lorax::LoraxConfigError),
    #[error(transparent)]
    Scm(#[from] scm::ScmSpecError),
    #[error(transparent)]
    File(#[from] EarlyFileError),
    #[error("{0}")]
    Option(String),
}

/// The configuration of a compose. Without references, files that it depends on can only be on disk.
pub fn resolve(
    values: &Dict,
    variants: &Variants,
    surroundings: &Surroundings,
    references: Option<&mut (dyn References + '_)>,
) -> Result<RpmConfig, ResolveError> {
    let strictness = VariantArch::new(values.get("repoclosure_strictness"))?;
    let comps = values.get("comps_file").filter(|value| value.is_truthy());
    if let Some(reason) = unsupported::refusal(values) {
        return Err(ResolveError::Option(reason));
    }
    if let Some((option, _)) = logins(values).next() {
        return Err(ResolveError::Option(format!("{option}: {LOGIN_REFUSED}; {CREDENTIALS_HINT}")));
    }
    let gathering = gather::GatherOptions::new(values, surroundings, references)?;
    let mut resolved = Vec::new();
    let mut size_limits = BTreeMap::new();
    for variant in &variants.all {
        let tree = |arch: &String| {
            let repoclosure = last_strictness(&strictness, &variant.uid, arch);
            Ok((arch.clone(), RpmTree { gather: gathering.tree(variant, arch)?, repoclosure }))
        };
        let limit = |arch: &str| Ok((arch.to_owned(), isos::size_limit(values, &variant.uid, arch)?));
        let limits = variant.arches.iter().map(String::as_str).chain(["src"]).map(limit);
        size_limits.insert(variant.uid.clone(), limits.collect::<Result<_, PatternError>>()?);
        resolved.push(RpmVariant {
            trees: variant.arches.iter().map(tree).collect::<Result<_, ResolveError>>()?,
            lorax: boot_specs(values, variant, surroundings)?,
            extra_files: extra_files::of_variant(values, variant, &surroundings.current)?.into_iter().collect(),
            identity: variant.clone(),
        });
    }
    Ok(RpmConfig {
        release: release::release(values),
        base_product: release::base_product(values),
        compose_type: release::compose_type(values),
        variants: resolved,
        comps: comps.map(|value| scm::file_spec("comps_file", value, surroundings)).transpose()?,
        filter_environments: is_on(values, "comps_filter_environments"),
        variant_lookasides: pairs(values, "variant_as_lookaside")?,
        package_set: gathering.package_set(variants)?,
        gather: gather::rules(values),
        repositories: RepositoryRules { deltas: trees_with_deltas(values, variants)?, ..repository_rules(values)? },
        repository_files: repository_files::repository_files(values, surroundings)?,
        isos: isos::isos(values, variants)?,
        extra_isos: extra_isos(values, variants, surroundings)?,
        iso_folders: IsoFolders {
            elsewhere: text(values, "symlink_isos_to").filter(|path| !path.is_empty()).map(|path| surroundings.folder.join(path)),
        },
        always_anew: always_anew(values),
        size_limits,
        media_checksums: media_checksums(values),
        skip: texts(values, "skip_phases").iter().filter_map(|name| phase(name)).collect(),
        asked: asked(values),
        translate_paths: pairs(values, "translate_paths")?,
        limits: crate::config::schema::policy::Limits::default(),
        files: surroundings.files.clone(),
        options: serde_json::from_str(&super::show::json(&Value::Dict(values.clone().into()))).unwrap_or_default(),
    })
}

fn boot_specs(
    values: &Dict,
    variant: &super::variants::Variant,
    surroundings: &Surroundings,
) -> Result<BTreeMap<String, BootSpec>, ResolveError> {
    let (lorax, names) = (lorax::of_variant(values, variant, surroundings)?, isos::boot_names(values, variant)?);
    Ok(lorax.into_iter().map(|(arch, lorax)| (arch, BootSpec { lorax, names: names.clone() })).collect())
}

fn extra_isos(values: &Dict, variants: &Variants, surroundings: &Surroundings) -> Result<Vec<RpmExtraIso>, ResolveError> {
    let with_files = |extra: isos::ExtraIso| {
        let variant = variants.get(&extra.spec.variant).expect("images are of variants that there are");
        let files = extra_files::of_list("extra_isos", &extra.extra_files, variant, &extra.spec.arch, &surroundings.current)?;
        Ok(RpmExtraIso { spec: extra.spec, files })
    };
    isos::extra_isos(values, variants)?.into_iter().map(with_files).collect()
}

/// Phases for which a configuration forbids what others merely do not need, as outputs are used again only if all that they depend on
/// is the same.
fn always_anew(values: &Dict) -> BTreeSet<Phase> {
    let phases = [("createiso_allow_reuse", Phase::Createiso), ("extraiso_allow_reuse", Phase::ExtraIsos)];
    let is_off = |option: &str| values.get(option).is_some_and(|value| !value.is_truthy());
    phases.into_iter().filter(|(option, _)| is_off(option)).map(|(_, phase)| phase).collect()
}

fn asked(values: &Dict) -> BTreeSet<Phase> {
    let phases =
        [("extra_files", Phase::ExtraFiles), ("extra_isos", Phase::ExtraIsos), ("buildinstall_method", Phase::Buildinstall)];
    let is_set = |option: &str| values.get(option).is_some_and(Value::is_truthy);
    phases.into_iter().filter(|(option, _)| is_set(option)).map(|(_, phase)| phase).collect()
}

/// A phase by Pungi's name of it.
pub fn phase(name: &str) -> Option<Phase> {
    Phase::from_name(&name.replace('_', "-"))
}

fn last_strictness(option: &VariantArch, uid: &str, arch: &str) -> Strictness {
    match option.get(Some(uid), arch).last().and_then(Value::as_text) {
        Some("off") => Strictness::Off,
        Some("fatal") => Strictness::Fatal,
        _ => Strictness::Lenient,
    }
}

/// Those that hold for any tree.
fn repository_rules(values: &Dict) -> Result<RepositoryRules, ResolveError> {
    let checksum = text(values, "createrepo_checksum").unwrap_or("sha256");
    Ok(RepositoryRules {
        checksum: checksum.parse::<Algorithm>().map_err(|error| ResolveError::Option(format!("createrepo_checksum: {error}")))?,
        xz: is_on(values, "createrepo_use_xz"),
        extra_arguments: texts(values, "createrepo_extra_args"),
        databases: is_on(values, "createrepo_database"),
        deltas: BTreeSet::new(),
        hashed_directories: is_on(values, "hashed_directories"),
        link: match text(values, "link_type") {
            Some("hardlink") => LinkKind::Hardlink,
            Some("copy") => LinkKind::Copy,
            Some("symlink") => LinkKind::Symlink,
            Some("abspath-symlink") => LinkKind::AbspathSymlink,
            _ => LinkKind::HardlinkOrCopy,
        },
    })
}

/// `createrepo_deltas`: for all trees, or for those that a list names.
fn trees_with_deltas(values: &Dict, variants: &Variants) -> Result<BTreeSet<(String, String)>, PatternError> {
    let option = values.get("createrepo_deltas");
    let by_tree = VariantArch::new(option)?;
    let has_deltas = |uid: &str, arch: &str| match option {
        Some(Value::Bool(on)) => *on,
        _ => by_tree.get(Some(uid), arch).iter().any(Value::is_truthy),
    };
    let trees = variants.all.iter().flat_map(|variant| variant.arches.iter().map(|arch| (variant.uid.as_str(), arch.as_str())));
    let with_deltas = trees.filter(|(uid, arch)| has_deltas(uid, arch));
    Ok(with_deltas.map(|(uid, arch)| (uid.to_owned(), arch.to_owned())).collect())
}

fn media_checksums(values: &Dict) -> MediaChecksums {
    let kinds = [ChecksumKind::Md5, ChecksumKind::Sha1, ChecksumKind::Sha256, ChecksumKind::Sha512];
    let wanted = texts(values, "media_checksums");
    MediaChecksums {
        kinds: kinds.into_iter().filter(|kind| wanted.iter().any(|name| name.eq_ignore_ascii_case(kind.name()))).collect(),
        one_file: is_on(values, "media_checksum_one_file"),
        base_name: text(values, "media_checksum_base_filename").unwrap_or_default().to_owned(),
    }
}

fn text<'a>(values: &'a Dict, option: &str) -> Option<&'a str> {
    values.get(option).and_then(Value::as_text)
}

fn is_on(values: &Dict, option: &str) -> bool {
    values.get(option).is_some_and(Value::is_truthy)
}

/// A list of texts; a text alone is a list of one.
pub(in crate::config) fn texts(values: &Dict, option: &str) -> Vec<String> {
    match values.get(option) {
        Some(Value::Text(text)) => vec![text.to_string()],
        Some(value) => value.as_items().unwrap_or_default().iter().filter_map(Value::as_text).map(str::to_owned).collect(),
        None => Vec::new(),
    }
}

fn pairs(values: &Dict, option: &str) -> Result<Vec<(String, String)>, ResolveError> {
    let items = values.get(option).and_then(Value::as_items).unwrap_or_default().iter();
    let pair = |item: &Value| match item.as_items() {
        Some([Value::Text(one), Value::Text(other)]) => Ok((one.to_string(), other.to_string())),
        _ => Err(ResolveError::Option(format!("{option}: {} is no pair of texts", super::show::repr(item)))),
    };
    items.map(pair).collect()
}
