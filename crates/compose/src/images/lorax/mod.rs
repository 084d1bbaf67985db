//! Boot media by lorax: installer images, kernels and boot loaders of one variant and arch, made from its repositories.
//!
//! [`run`] has lorax make them in a work folder, [`add_to_tree`] fits them to the tree and copies them there. Must not know: where
//! the repositories are from, and which ISOs are made of the tree.

mod configs;
pub mod plan;

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::medium;
use crate::checksum::{Algorithm, Hasher};
use crate::files::remove_folder;
use crate::metadata::treeinfo::{BootFiles, TreeInfoError};
use crate::parallel::blocking;
use crate::scm::{self, ScmProblem, ScmSpec};
use crate::tools::{Command, Runner, ToolError};
use configs::fit_configs;

/// The programs that [`run`] and [`add_to_tree`] need.
pub const PROGRAMS: &[super::RequiredProgram] =
    &[super::RequiredProgram { program: "lorax", package: "" }, super::RequiredProgram { program: "mcopy", package: "mtools" }];
/// Lines of lorax's log that an error repeats.
const LOG_LINES: usize = 100;
/// What lorax writes before the packages that it cannot install.
const UNRESOLVED: &str = "Dependency check failed";
/// Where ISO 9660 has its primary volume descriptor, and the volume id in it.
const DESCRIPTOR: u64 = 16 * 2048;
const VOLUME_ID: std::ops::Range<usize> = 40..72;

/// How the boot media of one variant and arch are made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LoraxSpec {
    pub product: String,
    pub version: String,
    pub build_arch: String,
    pub bug_url: Option<String>,
    pub no_mac_boot: bool,
    pub no_upgrade: bool,
    pub skip_branding: bool,
    pub squashfs_only: bool,
    /// Of the file system of the installer, in GiB.
    pub rootfs_size: Option<u64>,
    pub rootfs_type: Option<String>,
    pub install_packages: Vec<String>,
    pub templates: Vec<String>,
    pub arch_templates: Vec<String>,
    pub template_variables: Vec<String>,
    pub arch_template_variables: Vec<String>,
    pub dracut_arguments: Vec<String>,
    /// lorax's own configuration; fetched before it runs.
    pub configuration_file: Option<ScmSpec>,
    /// Repositories besides those of the compose: paths or URLs.
    pub extra_sources: Vec<String>,
    /// Answers for the installer, as `ks.cfg` in the tree; fetched before the tree is fitted.
    pub kickstart: Option<ScmSpec>,
    /// The compose goes on without it.
    pub is_failable: bool,
}

/// What only the compose knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoraxRun {
    /// The repositories of the compose: paths or URLs. Those of the configuration come after them.
    pub sources: Vec<String>,
    /// UID.
    pub variant: String,
    pub volume_id: String,
    /// The media are of a supported release.
    pub is_final: bool,
    /// lorax's own configuration, fetched.
    pub configuration_file: Option<PathBuf>,
    /// Must not be there yet when lorax starts.
    pub output: PathBuf,
    pub logs: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum LoraxError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{tool}{}", repeated(.unresolved))]
    Tool { tool: Box<ToolError>, unresolved: Vec<String> },
    #[error("lorax's tree cannot be copied: {0}")]
    Tree(#[from] ScmProblem),
    #[error("{}: {source}", path.display())]
    TreeInfo { path: PathBuf, source: TreeInfoError },
    #[error("{}: it is no ISO 9660 volume", .0.display())]
    NoIso(PathBuf),
}

fn repeated(unresolved: &[String]) -> String {
    unresolved.iter().flat_map(|line| ["\n  ", line]).collect()
}

impl From<ToolError> for LoraxError {
    fn from(tool: ToolError) -> Self {
        Self::Tool { tool: Box::new(tool), unresolved: Vec::new() }
    }
}

/// The command line of lorax, in Pungi's order.
pub fn command(spec: &LoraxSpec, run: &LoraxRun) -> Command {
    let sources = run.sources.iter().chain(&spec.extra_sources).map(|source| source_url(source));
    let optional = |name: &str, value: Option<String>| value.map(|value| format!("--{name}={value}"));
    let flag = |name: &str, is_on: bool| is_on.then(|| format!("--{name}"));
    let each = |name: &'static str, values: &[String]| values.iter().map(|value| format!("--{name}={value}")).collect::<Vec<_>>();
    let mut command = Command::new("lorax")
        .arg(format!("--product={}", spec.product))
        .arg(format!("--version={}", spec.version))
        .arg(format!("--release={}", spec.version))
        .args(sources.map(|source| format!("--source={source}")))
        .arg(format!("--variant={}", run.variant))
        .args(optional("bugurl", spec.bug_url.clone()))
        .args(flag("nomacboot", spec.no_mac_boot))
        .args(flag("noupgrade", spec.no_upgrade))
        .args(flag("isfinal", run.is_final))
        .arg(format!("--buildarch={}", spec.build_arch))
        .arg(format!("--volid={}", run.volume_id))
        .args(each("installpkgs", &spec.install_packages))
        .args(each("add-template", &spec.templates))
        .args(each("add-arch-template", &spec.arch_templates))
        .args(each("add-template-var", &spec.template_variables))
        .args(each("add-arch-template-var", &spec.arch_template_variables))
        .arg(format!("--logfile={}", run.logs.join("lorax.log").display()))
        .args(optional("rootfs-size", spec.rootfs_size.map(|size| size.to_string())))
        .args(optional("rootfs-type", spec.rootfs_type.clone()))
        .args(each("dracut-arg", &spec.dracut_arguments))
        .args(flag("skip-branding", spec.skip_branding))
        .args(flag("squashfs-only", spec.squashfs_only));
    if let Some(file) = &run.configuration_file {
        command = command.arg("--config").arg(file);
    }
    command.arg(&run.output)
}

fn source_url(source: &str) -> String {
    if source.contains("://") { source.to_owned() } else { format!("file://{source}") }
}

/// Has lorax make the media, in the place of whatever an earlier run left.
pub async fn run(runner: &Runner, spec: &LoraxSpec, run: &LoraxRun) -> Result<(), LoraxError> {
    remove_folder(&run.output)?;
    fs_err::create_dir_all(run.output.parent().unwrap_or(&run.output))?;
    fs_err::create_dir_all(&run.logs)?;
    match runner.run(&command(spec, run)).await {
        Ok(_) => Ok(()),
        Err(tool) => Err(LoraxError::Tool { tool: Box::new(tool), unresolved: unresolved_packages(&run.logs) }),
    }
}

/// What lorax's log says of packages that cannot be installed; nothing, if that was not the matter or there is no log.
fn unresolved_packages(logs: &Path) -> Vec<String> {
    let log = fs_err::read(logs.join("pylorax.log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines = log.lines().skip_while(|line| !line.contains(UNRESOLVED)).skip(1);
    lines.filter(|line| !line.trim().is_empty()).take(LOG_LINES).map(str::to_owned).collect()
}

/// How the media are fitted to their tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitting<'a> {
    /// What lorax made.
    pub output: &'a Path,
    /// For the copy that is changed; removed before and afterwards.
    pub work: &'a Path,
    /// Which the boot loaders look for.
    pub volume_id: &'a str,
    /// Answers for the installer, fetched.
    pub kickstart: Option<&'a Path>,
    /// The tree that gets it.
    pub tree: &'a Path,
    /// Of the files that `.treeinfo` names.
    pub checksum: Algorithm,
}

/// Copies the media into the tree, with boot loaders that find it. Gives what the tree's `.treeinfo` has to say of them, with the
/// checksums that the files have in the tree. `lorax`'s own `.treeinfo` and other hidden files stay behind.
pub async fn add_to_tree(runner: &Runner, fitting: &Fitting<'_>) -> Result<BootFiles, LoraxError> {
    let mut boot = read_treeinfo(&fitting.output.join(".treeinfo"))?;
    let (output, work) = (fitting.output.to_owned(), fitting.work.to_owned());
    blocking(move || {
        remove_folder(&work)?;
        scm::copy_content(&output, &work)
    })
    .await?;
    fit_configs(runner, fitting.work, fitting.volume_id, fitting.kickstart.is_some()).await?;
    if let Some(kickstart) = fitting.kickstart {
        scm::copy_file(kickstart, &fitting.work.join("ks.cfg"))?;
    }
    for entry in fs_err::read_dir(fitting.work)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            fs_err::remove_file(entry.path())?;
        }
    }
    let (work, tree, algorithm) = (fitting.work.to_owned(), fitting.tree.to_owned(), fitting.checksum);
    blocking(move || {
        for file in scm::copy_content(&work, &tree)? {
            configs::make_readable(&tree.join(file))?;
        }
        remove_folder(&work)?;
        boot.checksums = checksums(&boot, &tree, algorithm)?;
        Ok(boot)
    })
    .await
}

fn read_treeinfo(path: &Path) -> Result<BootFiles, LoraxError> {
    match fs_err::read_to_string(path) {
        Ok(text) => BootFiles::read(&text).map_err(|source| LoraxError::TreeInfo { path: path.to_owned(), source }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BootFiles::default()),
        Err(error) => Err(error.into()),
    }
}

/// Checksums of everything that a `.treeinfo` names and the tree has.
fn checksums(boot: &BootFiles, tree: &Path, algorithm: Algorithm) -> io::Result<BTreeMap<String, String>> {
    let images = boot.images.values().flat_map(BTreeMap::values);
    let named = images.chain(boot.checksums.keys()).chain(&boot.main_image).chain(&boot.install_image);
    let mut checksums = BTreeMap::new();
    for path in named {
        let file = tree.join(path);
        if !checksums.contains_key(path) && file.is_file() {
            checksums.insert(path.clone(), format!("{algorithm}:{}", checksum_of(&file, algorithm)?));
        }
    }
    Ok(checksums)
}

fn checksum_of(path: &Path, algorithm: Algorithm) -> io::Result<String> {
    let mut file = fs_err::File::open(path)?;
    let mut hasher = Hasher::new(algorithm);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// What metadata says of a boot medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootIso {
    pub volume_id: String,
    /// As `checkisomd5 --md5sumonly` prints it.
    pub implanted_md5: Option<String>,
}

/// Reads what a boot medium says of itself.
pub fn read_boot_iso(path: &Path) -> Result<BootIso, LoraxError> {
    use std::io::{Seek as _, SeekFrom};
    let mut descriptor = Vec::new();
    let mut file = fs_err::File::open(path)?;
    file.seek(SeekFrom::Start(DESCRIPTOR))?;
    file.take(2048).read_to_end(&mut descriptor)?;
    if descriptor.len() < VOLUME_ID.end || !descriptor.starts_with(b"\x01CD001") {
        return Err(LoraxError::NoIso(path.to_owned()));
    }
    let volume_id = String::from_utf8_lossy(&descriptor[VOLUME_ID]).trim_end_matches([' ', '\0']).to_owned();
    Ok(BootIso { volume_id, implanted_md5: medium::implanted_md5(path)? })
}
