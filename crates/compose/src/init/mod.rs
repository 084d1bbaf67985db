//! What a compose of RPM packages begins with: the comps file of the configuration, and what each variant and arch takes of it.
//!
//! Must not know: packages, repositories.

pub mod plan;

use std::path::Path;

use charmer_packages::rpm::comps::select::{EnvironmentRule, GroupRule, Wanted, unmatched_group_warning, variant_comps};
use charmer_packages::rpm::comps::xml::{Blanks, Document};
use charmer_packages::rpm::comps::{Comps, Filter};
use serde::{Deserialize, Serialize};

use crate::config::RpmConfig;
use crate::config::pungi::variants::{Kind, Variant};
use crate::digest::Sha256;
use crate::engine::{Output, OutputFile};
use crate::files::write_whole;
use crate::finding::{Finding, Severity};
use crate::parallel::{in_parallel, processors};

/// The comps files of a compose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompsFiles {
    files: Vec<CompsFile>,
}

/// One of them: of everything, of an arch, or of a variant on an arch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CompsFile {
    variant: Option<String>,
    arch: Option<String>,
    file: OutputFile,
}

impl Output for CompsFiles {
    fn files(&self) -> Vec<OutputFile> {
        self.files.iter().map(|comps| comps.file.clone()).collect()
    }
}

impl CompsFiles {
    /// The comps file of a variant on an arch.
    pub fn of(&self, variant: &str, arch: &str) -> Option<&OutputFile> {
        self.find(Some(variant), Some(arch))
    }

    /// The comps file of an arch, with the groups of all variants.
    pub fn of_arch(&self, arch: &str) -> Option<&OutputFile> {
        self.find(None, Some(arch))
    }

    fn find(&self, variant: Option<&str>, arch: Option<&str>) -> Option<&OutputFile> {
        let is_meant = |comps: &&CompsFile| comps.variant.as_deref() == variant && comps.arch.as_deref() == arch;
        self.files.iter().find(is_meant).map(|comps| &comps.file)
    }
}

/// Why comps cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CompsError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{path}: {reason}")]
    Unusable { path: String, reason: String },
}

/// One comps file to be made.
struct Task<'a> {
    variant: Option<&'a Variant>,
    arch: Option<&'a str>,
}

/// Writes all comps files below the compose's folder, and says which groups of variants are not there.
pub fn write_comps(config: &RpmConfig, source: &Path, root: &Path) -> Result<(CompsFiles, Vec<Finding>), CompsError> {
    let unusable = |reason: String| CompsError::Unusable { path: source.display().to_string(), reason };
    let global = Document::parse(&fs_err::read(source)?, Blanks::Drop).map_err(|error| unusable(error.to_string()))?;
    let comps = Comps::from_document(&global).map_err(|error| unusable(error.to_string()))?;
    comps.check_names().map_err(|error| unusable(error.to_string()))?;

    let arches = config.arches();
    let of_arch = arches.iter().map(|arch| Task { variant: None, arch: Some(arch) });
    let of_variants = config.variants.iter().flat_map(|variant| {
        variant.trees.keys().map(move |arch| Task { variant: Some(&variant.identity), arch: Some(arch.as_str()) })
    });
    let tasks: Vec<Task<'_>> = std::iter::once(Task { variant: None, arch: None }).chain(of_arch).chain(of_variants).collect();
    let make = |task: &Task<'_>| make_file(config, &global, task, root).map_err(&unusable_or_io(&unusable));
    let made = in_parallel(processors(), &tasks, make)?;
    let (files, findings): (Vec<_>, Vec<_>) = made.into_iter().unzip();
    Ok((CompsFiles { files }, findings.into_iter().flatten().collect()))
}

fn unusable_or_io(unusable: &impl Fn(String) -> CompsError) -> impl Fn(TaskError) -> CompsError {
    |error| match error {
        TaskError::Io(error) => error.into(),
        TaskError::Comps(reason) => unusable(reason),
    }
}

/// Why one file could not be made.
enum TaskError {
    Io(std::io::Error),
    Comps(String),
}

fn make_file(
    config: &RpmConfig,
    global: &Document,
    task: &Task<'_>,
    root: &Path,
) -> Result<(CompsFile, Vec<Finding>), TaskError> {
    let failed = |error: &dyn std::fmt::Display| TaskError::Comps(error.to_string());
    let mut findings = Vec::new();
    let (path, text) = match (task.variant, task.arch) {
        (Some(variant), Some(arch)) => {
            let wanted = wanted(config, variant);
            let (comps, unmatched) = variant_comps(global, &variant.uid, arch, &wanted).map_err(|error| failed(&error))?;
            findings.extend(unmatched.iter().map(|group| unmatched_group(&variant.uid, arch, group)));
            let text = comps.to_xml().map_err(|error| failed(&error))?;
            (format!("work/{arch}/comps/comps-{}.{arch}.xml", variant.uid), text)
        }
        (_, Some(arch)) => {
            let mut document = global.clone();
            Filter { arch: arch.to_owned(), ..Filter::default() }.apply(&mut document);
            (format!("work/{arch}/comps/comps-{arch}.xml"), document.to_xml(true))
        }
        (_, None) => ("work/global/comps/comps-global.xml".to_owned(), global.to_xml(true)),
    };
    let absolute = root.join(&path);
    fs_err::create_dir_all(absolute.parent().unwrap_or(root)).map_err(TaskError::Io)?;
    write_whole(&absolute, text.as_bytes()).map_err(TaskError::Io)?;
    let file = OutputFile { path, size: text.len() as u64, sha256: Sha256::of(text.as_bytes()) };
    let variant = task.variant.map(|variant| variant.uid.clone());
    Ok((CompsFile { variant, arch: task.arch.map(str::to_owned), file }, findings))
}

fn unmatched_group(variant: &str, arch: &str, group: &str) -> Finding {
    Finding {
        check: "unmatched-group".to_owned(),
        severity: Severity::Warn,
        scope: format!("{variant}.{arch}"),
        subject: group.to_owned(),
        message: unmatched_group_warning(variant, arch, group),
        hint: Some("add the group to the comps file, or take it out of the variant".to_owned()),
    }
}

/// What a variant takes of the comps file.
pub fn wanted(config: &RpmConfig, variant: &Variant) -> Wanted {
    let has_lists = !variant.groups.is_empty() || !variant.modules.is_empty() || !variant.koji_tags.is_empty();
    let rule = |group: &crate::config::pungi::variants::Group| GroupRule {
        name: group.name.clone(),
        is_glob: group.glob,
        default: group.default,
        user_visible: group.uservisible,
    };
    let environment = |environment: &crate::config::pungi::variants::Environment| EnvironmentRule {
        id: environment.name.clone(),
        display_order: environment.display_order,
    };
    let has_environments = !variant.groups.is_empty() || !variant.environments.is_empty();
    Wanted {
        groups: (has_lists || variant.kind != Kind::Variant).then(|| variant.groups.iter().map(rule).collect()),
        environments: (config.filter_environments && has_environments)
            .then(|| variant.environments.iter().map(environment).collect()),
        lookaside_groups: groups_built_upon(config, variant),
    }
}

/// The groups of the parent, and of the variants that are lookasides of this one.
fn groups_built_upon(config: &RpmConfig, variant: &Variant) -> Vec<String> {
    let lookasides = config.variant_lookasides.iter().filter(|(of, _)| *of == variant.uid).map(|(_, lookaside)| lookaside);
    let uids = variant.parent.iter().chain(lookasides);
    let variants = uids.filter_map(|uid| config.variant(uid));
    variants.flat_map(|variant| variant.identity.groups.iter().map(|group| group.name.clone())).collect()
}
