//! Jobs of the phase buildinstall: what installers of trees are made from, and the boot media.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::compression::Compression;
use crate::config::RpmConfig;
use crate::config::rpm::RpmVariant;
use crate::digest::Sha256;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::files::{link_or_copy_over, write_whole};
use crate::images::optical::IsoNames;
use crate::init::CompsFiles;
use crate::metadata::checksums::{Checksums, checksums_of_file};
use crate::metadata::python_format::Values;
use crate::metadata::treeinfo::BootFiles;
use crate::package_set::rpm_set::RpmSet;
use crate::repositories::rpm_md::{Groups, ListedPackage, write_rpm_md};
use crate::repositories::rpm_plan::rpm_md_spec;
use crate::repositories::rpm_trees::{PlacedFile, place_files};
use crate::scm::{self, Fetching, ScmSpec};

use super::{Fitting, LoraxError, LoraxRun, LoraxSpec, add_to_tree, read_boot_iso, run};

/// The jobs by the UID of their variant and by arch.
pub type BootJobs = BTreeMap<(String, String), Handle<Option<BootMedia>>>;

/// What machines start a tree's installer from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BootMedia {
    /// What `.treeinfo` says of them.
    pub boot: BootFiles,
    /// lorax's own tree, relative to the compose's folder.
    pub output: String,
    pub boot_iso: Option<SmallIso>,
    files: Vec<OutputFile>,
}

/// The small image that starts the installer and has no packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SmallIso {
    pub file: OutputFile,
    pub manifest: OutputFile,
    pub checksums: Checksums,
    /// In seconds since 1970.
    pub mtime: i64,
    pub volume_id: String,
    pub implanted_md5: Option<String>,
}

impl Output for BootMedia {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// The repositories that installers of one arch are made from, relative to the compose's folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sources {
    packages: String,
    files: Vec<OutputFile>,
}

impl Output for Sources {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// How boot media of a variant on an arch are made and called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BootSpec {
    pub lorax: LoraxSpec,
    pub names: IsoNames,
}

/// Adds the jobs of all boot media.
pub fn plan(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    set: Handle<RpmSet>,
    comps: Handle<CompsFiles>,
    names: &Values<'static>,
    is_final: bool,
) -> BootJobs {
    let mut jobs = BootJobs::new();
    let mut sources: BTreeMap<String, Handle<Sources>> = BTreeMap::new();
    if config.is_skipped(Phase::Buildinstall) {
        return jobs;
    }
    for variant in &config.variants {
        for (arch, spec) in &variant.lorax {
            let sources = *sources.entry(arch.clone()).or_insert_with(|| plan_sources(graph, config, set, arch));
            let key = (variant.uid().to_owned(), arch.clone());
            let boot = Booting { config: config.clone(), spec: spec.clone(), key: key.clone(), names: names.clone(), is_final };
            jobs.insert(key, plan_one(graph, variant, boot, sources, comps));
        }
    }
    jobs
}

/// Adds the job that puts the whole package set of an arch into a repository of its own.
fn plan_sources(graph: &mut Graph, config: &Arc<RpmConfig>, set: Handle<RpmSet>, arch: &str) -> Handle<Sources> {
    let job = Job::named("pkgset-repository", Phase::Pkgset, arch)
        .spec(&config.repositories)
        .weight(Weight::new(2, 64))
        .estimate(2.0)
        .writes_much();
    let (config, arch) = (config.clone(), arch.to_owned());
    graph.add(job, set, move |context, set| {
        let (config, arch) = (config.clone(), arch.clone());
        async move { context.clone().blocking(move || write_sources(&context, &config, &set, &arch)).await }
    })
}

fn write_sources(context: &JobContext, config: &RpmConfig, set: &RpmSet, arch: &str) -> Result<Sources, JobError> {
    let path = format!("work/{arch}/repo/repos");
    let repository = context.layout.path(&path);
    let members = set.of_arch(arch).iter().map(|&number| &set.packages[number as usize]);
    let located: Vec<_> = members.map(|package| (package, format!("Packages/{}", package.file_name()))).collect();
    let files: Vec<_> = located.iter().map(|(package, location)| PlacedFile { original: &package.path, location }).collect();
    place_files(&repository, &files, config.repositories.link)?;
    let listed: Vec<_> =
        located.iter().map(|(package, location)| ListedPackage { package: &package.package, location }).collect();
    write_rpm_md(&repository, &listed, &rpm_md_spec(&config.repositories, 0))?;
    let repomd = format!("{path}/repodata/repomd.xml");
    let (sha256, size) = Sha256::of_file(&context.layout.path(&repomd))?;
    Ok(Sources { packages: path, files: vec![OutputFile { path: repomd, size, sha256 }] })
}

/// What one job knows.
#[derive(Debug, Clone)]
struct Booting {
    config: Arc<RpmConfig>,
    spec: BootSpec,
    key: (String, String),
    names: Values<'static>,
    is_final: bool,
}

fn plan_one(
    graph: &mut Graph,
    variant: &RpmVariant,
    boot: Booting,
    sources: Handle<Sources>,
    comps: Handle<CompsFiles>,
) -> Handle<Option<BootMedia>> {
    let (uid, arch) = &boot.key;
    let volume_id = boot.spec.names.volume_id(arch, &[], &boot.names).ok();
    let job = Job::new(Phase::Buildinstall, format!("{uid}.{arch}"))
        .spec(&(&boot.spec, &variant.identity, volume_id, boot.is_final, &boot.config.media_checksums.kinds))
        .tools(&["lorax"])
        .failable(boot.spec.lorax.is_failable)
        .weight(Weight::new(2, 2048))
        .estimate(1800.0)
        .writes_much();
    graph.add_deliverable(job, (sources, comps), move |context, (sources, comps)| {
        let boot = boot.clone();
        async move { boot.make(&context, &sources, &comps).await }
    })
}

impl Booting {
    async fn make(&self, context: &JobContext, sources: &Sources, comps: &CompsFiles) -> Result<BootMedia, JobError> {
        let (uid, arch) = &self.key;
        let (layout, spec) = (&context.layout, &self.spec.lorax);
        let output = format!("work/{arch}/buildinstall/{uid}");
        let volume_id = self.spec.names.volume_id(arch, &[], &self.names)?;
        let mut repositories = vec![layout.path(&sources.packages).to_string_lossy().into_owned()];
        repositories.extend(self.groups_repository(context, comps)?);
        let lorax = LoraxRun {
            sources: repositories,
            variant: uid.clone(),
            volume_id: volume_id.clone(),
            is_final: self.is_final,
            configuration_file: fetch(context, spec.configuration_file.as_ref(), "lorax-configuration").await?,
            output: layout.path(&output),
            logs: layout.path(&format!("logs/{arch}/buildinstall-{uid}-logs")),
        };
        run(&context.runner, spec, &lorax).await?;
        let kickstart = fetch(context, spec.kickstart.as_ref(), "kickstart").await?;
        let tree = format!("compose/{uid}/{arch}/os");
        let boot = add_to_tree(
            &context.runner,
            &Fitting {
                output: &lorax.output,
                work: &context.work().join("fitted"),
                volume_id: &volume_id,
                kickstart: kickstart.as_deref(),
                tree: &layout.path(&tree),
                checksum: self.config.repositories.checksum,
            },
        )
        .await?;
        let boot_iso = self.small_iso(context, &tree).await?;
        let named = boot.checksums.keys().map(|path| format!("{tree}/{path}"));
        let files = named.map(|path| {
            let (sha256, size) = Sha256::of_file(&layout.path(&path))?;
            Ok(OutputFile { path, size, sha256 })
        });
        let mut files: Vec<OutputFile> = files.collect::<Result<_, JobError>>()?;
        files.extend(boot_iso.iter().flat_map(|iso| [iso.file.clone(), iso.manifest.clone()]));
        Ok(BootMedia { boot, output, boot_iso, files })
    }

    /// The groups of the variant, in a repository without packages.
    fn groups_repository(&self, context: &JobContext, comps: &CompsFiles) -> Result<Option<String>, JobError> {
        let (uid, arch) = &self.key;
        let Some(file) = comps.of(uid, arch) else { return Ok(None) };
        let path = context.layout.path(&file.path);
        let groups = Groups {
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            content: fs_err::read(&path)?,
            compression: Compression::Gzip,
        };
        let repository = context.layout.path(&format!("work/{arch}/comps_repo_{uid}"));
        let mut spec = rpm_md_spec(&self.config.repositories, 0);
        spec.groups = Some(groups);
        write_rpm_md(&repository, &[], &spec)?;
        Ok(Some(repository.to_string_lossy().into_owned()))
    }

    /// The tree's `boot.iso`, under a name of its own beside the other images.
    async fn small_iso(&self, context: &JobContext, tree: &str) -> Result<Option<SmallIso>, JobError> {
        let original = context.layout.path(&format!("{tree}/images/boot.iso"));
        if !original.is_file() {
            return Ok(None);
        }
        let (uid, arch) = &self.key;
        let path = format!("work/images/{uid}/{arch}/boot.iso");
        let kinds = self.config.media_checksums.kinds.clone();
        let listing = crate::images::optical::listing(&context.runner, &original).await?;
        let layout = context.layout.clone();
        let describe = move || {
            let absolute = layout.path(&path);
            fs_err::create_dir_all(absolute.parent().unwrap_or(layout.root()))?;
            link_or_copy_over(&original, &absolute)?;
            let manifest = format!("{path}.manifest");
            write_whole(&layout.path(&manifest), listing.as_bytes())?;
            let manifest = OutputFile { path: manifest, size: listing.len() as u64, sha256: Sha256::of(listing.as_bytes()) };
            let facts = read_boot_iso(&absolute)?;
            let (sha256, size) = Sha256::of_file(&absolute)?;
            let mtime = std::os::unix::fs::MetadataExt::mtime(&fs_err::metadata(&absolute)?);
            Ok(SmallIso {
                checksums: checksums_of_file(&absolute, &kinds)?,
                file: OutputFile { path, size, sha256 },
                manifest,
                mtime,
                volume_id: facts.volume_id,
                implanted_md5: facts.implanted_md5,
            })
        };
        context.blocking(describe).await.map(Some)
    }
}

/// Fetches what is one file.
async fn fetch(context: &JobContext, source: Option<&ScmSpec>, name: &str) -> Result<Option<PathBuf>, JobError> {
    let Some(source) = source else { return Ok(None) };
    let (clones, folder) = (context.work().join("clones"), context.work().join(name));
    let fetching = Fetching { runner: &context.runner, work: &clones, composed: &[] };
    let files = scm::fetch(source, &fetching, &folder).await?;
    Ok(files.first().map(|file| folder.join(file)))
}

impl From<LoraxError> for JobError {
    fn from(error: LoraxError) -> Self {
        match error {
            LoraxError::Tool { tool, unresolved } if unresolved.is_empty() => (*tool).into(),
            error => Self::caused(&error),
        }
    }
}

impl From<crate::metadata::pungi_names::NameError> for JobError {
    fn from(error: crate::metadata::pungi_names::NameError) -> Self {
        Self::caused(&error)
    }
}
