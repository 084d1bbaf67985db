//! Jobs of the phase createrepo in composes of RPM packages: package files are put into trees, and repositories written over them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::RpmConfig;
use crate::config::rpm::{LinkKind, RepositoryRules, RpmVariant};
use crate::digest::Sha256;
use crate::engine::graph::Held;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::files::set_modified;
use crate::gather::rpm_plan::Shares;
use crate::init::CompsFiles;
use crate::package_set::rpm_set::RpmSet;
use crate::parallel::processors;

use super::createrepo_c::{self, Additions, Arguments, CreaterepoError, Writing};
use super::rpm_extras::RepositoryExtras;
use super::rpm_md::{Groups, ListedPackage, RpmMdError, RpmMdSpec, write_rpm_md};
use super::rpm_trees::{PlacedFile, RepositoryPlace, TreeKind, place_files, remove_others};

/// What the jobs behind it know of a variant's trees.
#[derive(Debug, Clone)]
pub struct VariantTrees {
    /// By arch.
    pub arches: BTreeMap<String, ArchTrees>,
    pub sources: SourceTree,
}

/// The trees of a variant for one arch.
#[derive(Debug, Clone, Copy)]
pub struct ArchTrees {
    pub binary: Handle<TreePackages>,
    pub debug: Handle<TreePackages>,
    pub repositories: Handle<RpmRepositories>,
}

/// The tree of a variant's sources.
#[derive(Debug, Clone, Copy)]
pub struct SourceTree {
    pub packages: Handle<TreePackages>,
    pub repositories: Handle<RpmRepositories>,
}

/// The packages of one repository, whose files are in place.
#[derive(Debug)]
pub struct TreePackages {
    pub place: RepositoryPlace,
    pub set: Arc<RpmSet>,
    /// Which packages of the set, and where each lies in the repository.
    pub packages: Vec<(u32, String)>,
}

impl TreePackages {
    pub fn listed(&self) -> Vec<ListedPackage<'_>> {
        let package = |number: u32| &self.set.packages[number as usize].package;
        self.packages.iter().map(|(number, location)| ListedPackage { package: package(*number), location }).collect()
    }

    /// When the newest of them was built, in seconds since 1970; 0 if there is none.
    pub fn newest(&self) -> i64 {
        let times = self.packages.iter().map(|(number, _)| self.set.packages[*number as usize].package.build_time);
        times.max().and_then(|time| i64::try_from(time).ok()).unwrap_or(0)
    }
}

impl Held for TreePackages {
    fn digest(&self) -> Sha256 {
        let of_package = |(number, location): &(u32, String)| {
            let file = &self.set.packages[*number as usize].package.file;
            format!("{location} {}", file.checksum.digest)
        };
        Sha256::of_value(&(&self.place, self.packages.iter().map(of_package).collect::<Vec<_>>()))
    }
}

/// Repositories that were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RpmRepositories {
    /// The files of their metadata.
    pub files: Vec<OutputFile>,
}

impl RpmRepositories {
    /// The file that describes modules, relative to the compose's folder.
    pub fn modules(&self) -> Option<&str> {
        self.files.iter().map(|file| file.path.as_str()).find(|path| path.ends_with("-modules.yaml.gz"))
    }
}

impl Output for RpmRepositories {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// What holds for all repositories of one run, beside the configuration.
#[derive(Debug, Clone)]
pub struct RepositorySettings {
    pub source_date_epoch: Option<i64>,
    /// The folder of the finished compose that deltas are made against.
    pub delta_base: Option<PathBuf>,
}

/// Adds the jobs of all variants' trees.
pub fn plan(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    set: Handle<RpmSet>,
    shares: Handle<Shares>,
    comps: Handle<CompsFiles>,
    extras: Handle<RepositoryExtras>,
    settings: &RepositorySettings,
) -> BTreeMap<String, VariantTrees> {
    let with_packages = config.variants.iter().filter(|variant| !variant.identity.is_empty);
    let trees = |variant: &RpmVariant| {
        let mut trees = TreeJobs { graph, config, variant, set, shares, comps, extras, settings };
        (variant.uid().to_owned(), trees.plan())
    };
    with_packages.map(trees).collect()
}

/// What the jobs of one variant's trees are made with.
struct TreeJobs<'a> {
    graph: &'a mut Graph,
    config: &'a Arc<RpmConfig>,
    variant: &'a RpmVariant,
    set: Handle<RpmSet>,
    shares: Handle<Shares>,
    comps: Handle<CompsFiles>,
    extras: Handle<RepositoryExtras>,
    settings: &'a RepositorySettings,
}

impl TreeJobs<'_> {
    fn plan(&mut self) -> VariantTrees {
        let arches: Vec<String> = self.variant.trees.keys().cloned().collect();
        let of_arch = |arch: String| {
            let binary = self.packages(TreeKind::Binary, &arch);
            let debug = self.packages(TreeKind::Debug, &arch);
            let repositories = self.repositories(&arch, vec![binary, debug]);
            (arch, ArchTrees { binary, debug, repositories })
        };
        let arches = arches.into_iter().map(of_arch).collect();
        let packages = self.packages(TreeKind::Source, "src");
        let repositories = self.repositories("src", vec![packages]);
        VariantTrees { arches, sources: SourceTree { packages, repositories } }
    }

    /// Puts the files of packages into a tree. It is done in each run: what is there already stays. Trees have their packages also
    /// when no repositories are wanted.
    fn packages(&mut self, kind: TreeKind, arch: &str) -> Handle<TreePackages> {
        let (uid, rules) = (self.variant.uid().to_owned(), self.config.repositories.clone());
        let place = RepositoryPlace::of(&self.variant.identity, kind, arch);
        let name = if kind == TreeKind::Debug { "debug-packages" } else { "packages" };
        let job = Job::named(name, Phase::Gather, format!("{uid}.{arch}"))
            .spec(&(&place, &rules))
            .weight(Weight::new(1, 32))
            .writes_much();
        let arch = arch.to_owned();
        self.graph.add_held(job, (self.set, self.shares), move |context, (set, shares)| {
            let (place, rules, uid, arch) = (place.clone(), rules.clone(), uid.clone(), arch.clone());
            async move {
                let work = move |context: &JobContext| put_in_place(context, place, &rules, set, shares.of(&uid, kind, &arch));
                context.clone().blocking(move || work(&context)).await
            }
        })
    }

    /// Writes the repositories of trees. Only the first one, of binary packages, has groups and what else clients find there.
    fn repositories(&mut self, arch: &str, trees: Vec<Handle<TreePackages>>) -> Handle<RpmRepositories> {
        if self.config.is_skipped(Phase::Createrepo) {
            return self.no_repositories(arch);
        }
        let (uid, rules) = (self.variant.uid().to_owned(), self.config.repositories.clone());
        let with_deltas = rules.deltas.contains(&(uid.clone(), arch.to_owned()));
        let delta_base = self.settings.delta_base.clone().filter(|_| with_deltas);
        let writer = Writer { arguments: Arguments::of(&rules), epoch: self.settings.source_date_epoch, delta_base };
        // It uses all cores, but does not wait until all are free: images wait for it, and little else that runs then does.
        let job = Job::new(Phase::Createrepo, format!("{uid}.{arch}"))
            .spec(&(&rules, writer.epoch, &writer.delta_base))
            .weight(Weight::new(1, 64))
            .tools(if with_deltas || writer.runs_createrepo_c() { &[createrepo_c::PROGRAM.program] } else { &[] })
            .estimate(2.0);
        let arch = arch.to_owned();
        self.graph.add(job, (trees, self.comps, self.extras), move |context, (trees, comps, extras)| {
            let (uid, arch, rules, writer) = (uid.clone(), arch.clone(), rules.clone(), writer.clone());
            async move {
                let mut groups = comps.of(&uid, &arch).map(|file| groups(&context, file, &rules)).transpose()?;
                let mut extras = extras.of(&uid, &arch);
                let mut files = Vec::new();
                for (number, tree) in trees.into_iter().enumerate() {
                    let date = writer.epoch.unwrap_or_else(|| tree.newest());
                    let spec =
                        RpmMdSpec { groups: groups.take(), extras: std::mem::take(&mut extras), ..rpm_md_spec(&rules, date) };
                    files.extend(writer.write(&context, tree, spec, number == 0).await?);
                }
                Ok(RpmRepositories { files })
            }
        })
    }

    /// Stands for the repositories that are skipped: images are made of trees without them.
    fn no_repositories(&mut self, arch: &str) -> Handle<RpmRepositories> {
        let job = Job::named("no-repository", Phase::Gather, format!("{}.{arch}", self.variant.uid()));
        self.graph.add(job.weight(Weight::NONE).estimate(0.1), (), |_, ()| async { Ok(RpmRepositories { files: Vec::new() }) })
    }
}

fn put_in_place(
    context: &JobContext,
    place: RepositoryPlace,
    rules: &RepositoryRules,
    set: Arc<RpmSet>,
    packages: Vec<u32>,
) -> Result<TreePackages, JobError> {
    let locate = |number: u32| (number, place.location(set.packages[number as usize].file_name(), rules.hashed_directories));
    let packages: Vec<(u32, String)> = packages.into_iter().map(locate).collect();
    let original = |number: u32| set.packages[number as usize].path.as_path();
    let files: Vec<_> = packages.iter().map(|(number, location)| PlacedFile { original: original(*number), location }).collect();
    let repository = context.layout.path(&place.repository);
    fs_err::create_dir_all(repository.join(&place.packages))?;
    match rules.link {
        LinkKind::Symlink | LinkKind::AbspathSymlink => link_through_work(context, &repository, &files, rules.link)?,
        LinkKind::Hardlink | LinkKind::Copy | LinkKind::HardlinkOrCopy => place_files(&repository, &files, rules.link)?,
    }
    let locations = packages.iter().map(|(_, location)| location.as_str()).collect();
    remove_others(&repository, &place.packages, &locations)?;
    let placed = TreePackages { place, set, packages };
    // Images take over the times of folders.
    date_folders(&repository, &placed.listed(), placed.newest())?;
    Ok(placed)
}

/// Gives the folders of packages, but not the repository itself, a time that does not change from compose to compose.
fn date_folders(repository: &Path, packages: &[ListedPackage<'_>], date: i64) -> std::io::Result<()> {
    let above = packages.iter().flat_map(|listed| Path::new(listed.location).ancestors().skip(1));
    let folders: BTreeSet<&Path> = above.filter(|folder| !folder.as_os_str().is_empty()).collect();
    folders.into_iter().try_for_each(|folder| set_modified(&repository.join(folder), date))
}

/// Symbolic links stay inside of the compose: they lead to its own work folder, where the files are.
fn link_through_work(context: &JobContext, repository: &Path, files: &[PlacedFile<'_>], link: LinkKind) -> Result<(), JobError> {
    let downloads = context.layout.path("work/global/download");
    let name = |file: &PlacedFile<'_>| file.location.rsplit('/').next().unwrap_or(file.location).to_owned();
    let names: Vec<String> = files.iter().map(name).collect();
    let to_work: Vec<_> =
        files.iter().zip(&names).map(|(file, name)| PlacedFile { original: file.original, location: name }).collect();
    place_files(&downloads, &to_work, LinkKind::HardlinkOrCopy)?;
    let in_work: Vec<_> = names.iter().map(|name| downloads.join(name)).collect();
    let linked: Vec<_> =
        files.iter().zip(&in_work).map(|(file, original)| PlacedFile { original, location: file.location }).collect();
    Ok(place_files(repository, &linked, link)?)
}

fn groups(context: &JobContext, file: &OutputFile, rules: &RepositoryRules) -> Result<Groups, JobError> {
    let path = context.layout.path(&file.path);
    Ok(Groups {
        name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        content: fs_err::read(path)?,
        compression: Arguments::of(rules).group_compression,
    })
}

/// Writes the repositories of trees, itself as far as it can.
#[derive(Debug, Clone)]
struct Writer {
    arguments: Arguments,
    epoch: Option<i64>,
    delta_base: Option<PathBuf>,
}

impl Writer {
    fn runs_createrepo_c(&self) -> bool {
        self.arguments.databases || !self.arguments.others.is_empty()
    }

    async fn write(
        &self,
        context: &JobContext,
        tree: Arc<TreePackages>,
        spec: RpmMdSpec,
        is_first: bool,
    ) -> Result<Vec<OutputFile>, JobError> {
        let additions = self.additions(&tree.place, is_first);
        let (repository, folder) = (context.layout.path(&tree.place.repository), tree.place.repository.clone());
        let (place, date) = (tree.place.clone(), i64::try_from(spec.date).unwrap_or(0));
        let paths = if additions.is_empty() {
            context.blocking(move || Ok(write_itself(&repository, &tree.listed(), &spec)?)).await?
        } else {
            let work = context.work().join(folder.replace('/', "_"));
            let writing = Arc::new(Writing { repository, spec, additions, work });
            let (preparing, finishing) = (writing.clone(), writing.clone());
            context.blocking(move || Ok(preparing.prepare(&tree.listed())?)).await?;
            writing.run(&context.runner).await?;
            context.blocking(move || Ok(finishing.finish()?)).await?
        };
        date_repository(&context.layout.path(&folder), &place, date)?;
        paths.iter().map(|path| output_file(context, &format!("{folder}/{path}"))).collect()
    }

    /// Clients patch up binary packages only, and of a repository that is new they have none.
    fn additions(&self, place: &RepositoryPlace, is_first: bool) -> Additions {
        let older = self.delta_base.as_ref().filter(|_| is_first);
        let older = older.map(|base| base.join(&place.repository).join(&place.packages));
        Additions {
            deltas: older.filter(|folder| folder.is_dir()),
            databases: self.arguments.databases,
            arguments: self.arguments.others.clone(),
        }
    }
}

/// Gives what was written a time that does not change from compose to compose: images take over the times of folders.
fn date_repository(repository: &Path, place: &RepositoryPlace, date: i64) -> std::io::Result<()> {
    set_modified(&repository.join("repodata"), date)?;
    if place.packages.is_empty() {
        // An addon's repository and the folder of all addons lie inside the tree.
        set_modified(repository, date)?;
        set_modified(repository.parent().unwrap_or(repository), date)?;
    }
    Ok(())
}

/// The paths of the written files, relative to the repository.
fn write_itself(repository: &Path, packages: &[ListedPackage<'_>], spec: &RpmMdSpec) -> Result<Vec<String>, RpmMdError> {
    let written = write_rpm_md(repository, packages, spec)?;
    let plain = spec.extras.iter().filter(|extra| extra.plain_copy).map(|extra| format!("repodata/{}", extra.name));
    Ok(std::iter::once("repodata/repomd.xml".to_owned())
        .chain(plain)
        .chain(written.files.iter().map(|file| file.location.clone()))
        .collect())
}

/// How repositories of a compose are written, apart from groups and what else clients find in them.
pub fn rpm_md_spec(rules: &RepositoryRules, date: i64) -> RpmMdSpec {
    let arguments = Arguments::of(rules);
    RpmMdSpec {
        checksum: rules.checksum,
        compression: arguments.compression,
        unique_names: arguments.unique_names,
        date: u64::try_from(date).unwrap_or(0),
        tags: arguments.tags,
        groups: None,
        extras: Vec::new(),
        threads: processors(),
    }
}

fn output_file(context: &JobContext, path: &str) -> Result<OutputFile, JobError> {
    let (sha256, size) = Sha256::of_file(&context.layout.path(path))?;
    Ok(OutputFile { path: path.to_owned(), size, sha256 })
}

impl From<CreaterepoError> for JobError {
    fn from(error: CreaterepoError) -> Self {
        match error {
            CreaterepoError::Tool(error) => error.into(),
            error => Self::caused(&error),
        }
    }
}

impl From<RpmMdError> for JobError {
    fn from(error: RpmMdError) -> Self {
        Self::caused(&error)
    }
}
