//! What goes into repositories of RPM packages besides packages and groups: product certificates, and what is said of modules.
//!
//! Must not know: which packages are in the repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::RpmConfig;
use crate::config::pungi::resolve::repository_files::RepositoryFiles;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, Phase};
use crate::finding::{Finding, Severity};
use crate::scm::{self, Fetching, ScmSpec};

use super::modulemd::{self, Document, DocumentKind, ModulemdError};
use super::product_id::{self, ProductIdError, product_ids};
use super::rpm_md::ExtraFile;

/// By the UID of a variant and by arch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepositoryExtras(BTreeMap<String, BTreeMap<String, TreeExtras>>);

/// What one repository gets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct TreeExtras {
    /// A certificate, in PEM.
    product_id: Option<String>,
    /// A `modules.yaml`.
    modules: Option<String>,
    /// The modules in it.
    streams: Vec<ModuleStream>,
}

/// A module, and which packages are its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ModuleStream {
    pub name: String,
    pub stream: String,
    pub version: String,
    pub context: String,
    pub packages: BTreeSet<String>,
}

impl Output for RepositoryExtras {}

impl RepositoryExtras {
    pub fn of(&self, uid: &str, arch: &str) -> Vec<ExtraFile> {
        let Some(extras) = self.0.get(uid).and_then(|arches| arches.get(arch)) else { return Vec::new() };
        let certificate = extras.product_id.clone().map(|text| product_id::extra_file(text.into_bytes()));
        let modules = extras.modules.clone().map(modulemd::extra_file);
        certificate.into_iter().chain(modules).collect()
    }

    /// The modules of a tree.
    pub fn modules(&self, uid: &str, arch: &str) -> &[ModuleStream] {
        self.0.get(uid).and_then(|arches| arches.get(arch)).map_or(&[], |extras| &extras.streams)
    }
}

/// Adds the job that fetches them.
pub fn plan(graph: &mut Graph, config: &Arc<RpmConfig>, compose_id: &str) -> Handle<RepositoryExtras> {
    // What is fetched lies outside of the compose, and may be something else in the next one.
    let job = Job::named("repository-files", Phase::Init, "").spec(&config.repository_files).of_compose(compose_id).estimate(0.1);
    let config = config.clone();
    graph.add(job, (), move |context, ()| {
        let config = config.clone();
        async move { fetch_all(&context, &config).await }
    })
}

async fn fetch_all(context: &JobContext, config: &RpmConfig) -> Result<RepositoryExtras, JobError> {
    let files = &config.repository_files;
    let RepositoryFiles { product_ids: certificates, module_defaults, module_default_overrides, module_obsoletes, extra_modules } =
        files;
    let mut extras = RepositoryExtras::default();
    if let Some(spec) = certificates {
        let folder = fetch(context, &spec.scm, "product-ids").await?;
        // A variant without packages is asked for one too.
        let trees = config.variants.iter().flat_map(|variant| variant.trees.keys().map(|arch| (variant.uid(), arch.as_str())));
        let found = product_ids(&folder, spec, &trees.collect::<Vec<_>>())?;
        found.warnings.into_iter().for_each(|warning| context.finding(missing_certificate(warning)));
        for ((uid, arch), certificate) in found.certificates {
            let text = String::from_utf8(certificate)
                .map_err(|_| JobError::new(format!("the certificate of {uid}.{arch} is no text")))?;
            extras.0.entry(uid).or_default().entry(arch).or_default().product_id = Some(text);
        }
    }
    let defaults = read_documents(context, module_defaults.as_ref(), "module-defaults", modulemd::read_defaults).await?;
    let overrides = module_default_overrides.as_ref();
    let overrides = read_documents(context, overrides, "module-default-overrides", modulemd::read_defaults).await?;
    let defaults = modulemd::override_defaults(defaults, overrides);
    let obsoletes = read_documents(context, module_obsoletes.as_ref(), "module-obsoletes", modulemd::read_folder).await?;
    for (uid, source) in extra_modules {
        let folder = fetch(context, source, &format!("modules-{uid}")).await?;
        let Some(variant) = config.variant(uid) else { continue };
        for arch in variant.trees.keys().filter(|arch| folder.join(arch).is_dir()) {
            let streams = modulemd::read_folder(&folder.join(arch))?;
            let text = modulemd::modules_yaml(&streams, &defaults, &obsoletes);
            let of_tree = extras.0.entry(uid.clone()).or_default().entry(arch.clone()).or_default();
            of_tree.modules = text;
            of_tree.streams =
                streams.iter().filter(|document| document.kind == DocumentKind::Module).map(module_stream).collect();
        }
    }
    Ok(extras)
}

fn module_stream(document: &Document) -> ModuleStream {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    ModuleStream {
        name: document.module.clone(),
        stream: text(&document.stream),
        version: text(&document.version),
        context: text(&document.context),
        packages: document.artifacts.clone(),
    }
}

async fn read_documents(
    context: &JobContext,
    source: Option<&ScmSpec>,
    name: &str,
    read: fn(&Path) -> Result<Vec<Document>, ModulemdError>,
) -> Result<Vec<Document>, JobError> {
    let Some(source) = source else { return Ok(Vec::new()) };
    Ok(read(&fetch(context, source, name).await?)?)
}

async fn fetch(context: &JobContext, source: &ScmSpec, name: &str) -> Result<PathBuf, JobError> {
    let (clones, folder) = (context.work().join("clones"), context.work().join(name));
    let fetching = Fetching { runner: &context.runner, work: &clones, composed: &[] };
    scm::fetch(source, &fetching, &folder).await?;
    Ok(folder)
}

fn missing_certificate(message: String) -> Finding {
    Finding {
        check: "product-id".to_owned(),
        severity: Severity::Warn,
        scope: String::new(),
        subject: "product_id".to_owned(),
        message,
        hint: None,
    }
}

impl From<ProductIdError> for JobError {
    fn from(error: ProductIdError) -> Self {
        Self::caused(&error).hint("see product_id in the configuration")
    }
}

impl From<ModulemdError> for JobError {
    fn from(error: ModulemdError) -> Self {
        Self::caused(&error)
    }
}
