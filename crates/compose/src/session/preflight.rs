//! Before anything is downloaded: whether what the compose will need is there. All that is missing is said at once.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::cgroup::{self, Bounds, Kernel};
use crate::config::resolved::{Archive, ImageSpec, Origin, Signing, Trust};
use crate::config::schema::images::{Backend, ImageKind};
use crate::config::schema::policy::Limits;
use crate::config::schema::quantity::Size;
use crate::config::{Config, RpmConfig};
use crate::digest::Sha256;
use crate::ed25519::SecretKey;
use crate::engine::{Graph, Phase};
use crate::files::free_space;
use crate::images::plan::{planned_backends, required_programs, rootfs_arches};
use crate::images::{ImageError, RequiredProgram, XFS_PROGRAMS, check_backend, check_folder, check_xfs};
use crate::openpgp::{Keyring, Signer, SigningError};
use crate::package_set::cache::Cache;
use crate::package_set::plan::PackageSource;
use crate::services::Services;
use crate::tools::runner::find_program;
use crate::tools::{Command, Runner, ToolError};

use super::Surroundings;

/// Something that is missing, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    pub what: String,
    pub mend: String,
}

/// The compose cannot begin.
#[derive(Debug, Clone, thiserror::Error)]
pub struct Unready(pub Vec<Lack>);

impl fmt::Display for Unready {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "this machine is not ready for the compose:")?;
        self.0.iter().try_for_each(|lack| write!(formatter, "\n  {}\n    {}", lack.what, lack.mend))
    }
}

/// What a compose of each package world needs.
#[derive(Debug, Clone, Copy)]
pub enum Needs<'a> {
    Deb { config: &'a Config, source: &'a PackageSource },
    Rpm { config: &'a RpmConfig },
}

/// Looks at everything that the jobs of the graph will need. When nothing is lacking, charmer goes within its bounds.
pub async fn check(
    needs: &Needs<'_>,
    graph: &Graph,
    services: &Services,
    target: &Path,
    surroundings: &Surroundings,
) -> Result<(), Unready> {
    let phases: BTreeSet<Phase> = graph.jobs().iter().map(|planned| planned.job.phase).collect();
    let mut lacks = match needs {
        Needs::Deb { config, source } => missing_for_debs(config, source, graph, &phases, services, target, surroundings).await,
        Needs::Rpm { config } => missing_programs(crate::rpm_plan::required_programs(config, graph), &surroundings.path),
    };
    let limits = match needs {
        Needs::Deb { config, .. } => &config.limits,
        Needs::Rpm { config } => &config.limits,
    };
    lacks.extend(missing_space(limits.min_free.bytes(), target));
    lacks.extend(inputs_around(needs, target));
    if let Err(error) = Cache::open(&services.cache) {
        lacks.push(lack(format!("the cache folder cannot be used: {error}"), "choose another one with --cache-dir"));
    }
    if lacks.is_empty() && limits.cgroup {
        lacks.extend(outside_of_bounds(limits));
    }
    if lacks.is_empty() { Ok(()) } else { Err(Unready(lacks)) }
}

fn outside_of_bounds(limits: &Limits) -> Option<Lack> {
    let bounds = Bounds { memory: limits.memory.map(Size::bytes), nice: limits.nice };
    let error = cgroup::enter(&Kernel::default(), bounds, std::process::id()).err()?;
    Some(lack(
        format!("limits.cgroup: {error}"),
        "run it as root in a service of its own (`systemd-run --pipe --wait charmer ...`), or leave out limits.cgroup",
    ))
}

async fn missing_for_debs(
    config: &Config,
    source: &PackageSource,
    graph: &Graph,
    phases: &BTreeSet<Phase>,
    services: &Services,
    target: &Path,
    surroundings: &Surroundings,
) -> Vec<Lack> {
    let mut lacks = Vec::new();
    let backends = planned_backends(config, graph);
    let programs = required_programs(config, graph);
    lacks.extend(old_xfs(&programs, &surroundings.path).await);
    lacks.extend(missing_programs(programs, &surroundings.path));
    for (backend, folder) in &backends {
        lacks.extend(unusable_backend(*backend, folder, &surroundings.path).await);
    }
    if phases.contains(&Phase::Rootfs) || !backends.is_empty() {
        lacks.extend(missing_abilities(&surroundings.path).await);
        for arch in rootfs_arches(config, graph) {
            lacks.extend(foreign(&arch, &surroundings.path).await);
        }
        lacks.extend(unfit_for_images(target));
    }
    if phases.contains(&Phase::Boot) {
        lacks.extend(missing_programs(crate::checks::boot::plan::required_programs(config, graph), &surroundings.path));
    }
    if phases.contains(&Phase::Ostree) && !rustix::process::geteuid().is_root() {
        lacks.push(lack(
            "OSTree trees can be made by root only: dracut runs inside of them",
            "run charmer as root, or leave out commits with --skip ostree",
        ));
    }
    if phases.contains(&Phase::Ostree) {
        lacks.extend(unusable_ostree_keys(config));
    }
    if matches!(source, PackageSource::Archives { .. }) {
        lacks.extend(missing_archives(config, services));
    }
    if phases.contains(&Phase::Createrepo) {
        lacks.extend(unusable_key(config, services, &surroundings.path).await);
    }
    lacks
}

fn lack(what: impl Into<String>, mend: impl Into<String>) -> Lack {
    Lack { what: what.into(), mend: mend.into() }
}

fn missing_programs(programs: BTreeSet<RequiredProgram>, path: &OsStr) -> Vec<Lack> {
    let is_there = |program: &&RequiredProgram| {
        if program.program.contains('/') {
            fs_err::metadata(program.program).is_ok()
        } else {
            find_program(program.program.as_ref(), path).is_some()
        }
    };
    let missing: Vec<_> = programs.iter().filter(|program| !is_there(program)).collect();
    let describe = |program: &&RequiredProgram| {
        let mend = match program.package {
            "" => "Debian has no package of it: run charmer where the program is, or leave out what needs it".to_owned(),
            "charmer" => "it is charmer's own: `make encapsulate` builds it, `make install` puts it beside charmer".to_owned(),
            package => format!("install the Debian package {package}: apt-get install {package}"),
        };
        lack(format!("{} is not there", program.program), mend)
    };
    missing.iter().map(describe).collect()
}

/// Tries what containing a program takes, where it will be done.
async fn missing_abilities(path: &OsStr) -> Option<Lack> {
    let folder = tempfile::tempdir().ok()?;
    let trial = if rustix::process::geteuid().is_root() {
        Command::new("true").contained()
    } else {
        Command::new("unshare").args(["--user", "--map-root-user", "true"])
    };
    let error = trial_runner(folder.path(), path).run(&trial).await.err()?;
    Some(lack(
        format!("the kernel does not let this user make namespaces for mounts and processes ({})", in_short(&error)),
        "run as root, outside of containers that forbid it, or leave out images with --skip rootfs",
    ))
}

/// Packages of an arch are installed by programs of that arch, which this machine may not run.
async fn foreign(arch: &str, path: &OsStr) -> Option<Lack> {
    // Whether that is there is asked elsewhere.
    find_program("arch-test".as_ref(), path)?;
    let folder = tempfile::tempdir().ok()?;
    trial_runner(folder.path(), path).run(&Command::new("arch-test").arg(arch)).await.err()?;
    Some(lack(
        format!("this machine runs no programs for {arch}, and cannot install root file systems of it"),
        "install qemu-user-static (Debian 12) or qemu-user-binfmt (Debian 13), or leave the arch out of the images' `arches`",
    ))
}

/// Another program that makes disks: it is new enough and has its configuration.
async fn unusable_backend(backend: Backend, folder: &Path, path: &OsStr) -> Vec<Lack> {
    let mut lacks = Vec::new();
    let mut names = fs_err::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let expected = backend.configuration_files();
    if !names.any(|name| expected.iter().any(|end| name.to_string_lossy().ends_with(end))) {
        lacks.push(lack(
            format!("{} has no configuration of {}", folder.display(), backend.name()),
            format!("write `{}` there, or change `configuration` of the image", expected[0]),
        ));
    }
    if !rustix::process::geteuid().is_root() {
        lacks.push(lack(format!("disks are made by {} as root only", backend.name()), "run charmer as root"));
    }
    let trial = tempfile::tempdir().ok().filter(|_| find_program(backend.program().as_ref(), path).is_some());
    if let Some(folder) = trial
        && let Err(error) = check_backend(&trial_runner(folder.path(), path), backend).await
    {
        lacks.push(unfit(backend.name(), error));
    }
    lacks
}

/// What fills a file system from a folder is newer than Debian 13.
async fn old_xfs(programs: &BTreeSet<RequiredProgram>, path: &OsStr) -> Option<Lack> {
    let mkfs = XFS_PROGRAMS.first().filter(|mkfs| programs.contains(mkfs))?;
    // Whether that is there is asked elsewhere.
    find_program(mkfs.program.as_ref(), path)?;
    let folder = tempfile::tempdir().ok()?;
    let error = check_xfs(&trial_runner(folder.path(), path)).await.err()?;
    Some(unfit(mkfs.program, error))
}

/// A program that says no version, or one that is too old.
fn unfit(program: &str, error: ImageError) -> Lack {
    let (what, mend) = match error {
        ImageError::Tool(error) => (in_short(&error), "see whether it runs by hand"),
        error => (error.to_string(), "install a newer one; docs/guides/disks.md says from where"),
    };
    lack(format!("{program}: {what}"), mend)
}

fn unusable_ostree_keys(config: &Config) -> impl Iterator<Item = Lack> {
    let key = |image: &ImageSpec| match &image.kind {
        ImageKind::Ostree(ostree) => ostree.ed25519_key.clone(),
        _ => None,
    };
    let keys: BTreeSet<PathBuf> = config.images.iter().filter_map(key).collect();
    let error = |path: PathBuf| SecretKey::read(&path).err();
    keys.into_iter().filter_map(error).map(|error| lack(error.to_string(), "write the key there, or change `ed25519-key`"))
}

/// Runs what is only tried, in a folder that is removed with its log.
fn trial_runner(folder: &Path, path: &OsStr) -> Runner {
    Runner::new(folder.join("log"), folder.to_owned(), path.to_owned(), CancellationToken::new())
}

/// A trial's failure without its log, which is gone.
fn in_short(error: &ToolError) -> String {
    let said = error.tail.last().map(|line| format!(": {line}")).unwrap_or_default();
    format!("{}{said}", error.cause)
}

fn missing_archives(config: &Config, services: &Services) -> Vec<Lack> {
    let mut lacks = Vec::new();
    for (name, archive) in &config.archives {
        match &archive.origin {
            Origin::Overlay { folder } if !fs_err::metadata(folder).is_ok_and(|data| data.is_dir()) => {
                lacks.push(lack(
                    format!("archive '{name}': the folder {} is not there", folder.display()),
                    "put the packages there, or change `overlay`",
                ));
            }
            Origin::Overlay { .. } => {}
            Origin::DebMirror(mirror) => {
                if let Trust::Keyring(path) = &mirror.trust
                    && let Err(error) = Keyring::read([path])
                {
                    lacks.push(lack(
                        format!("archive '{name}': {error}"),
                        "install the archive's keyring package, or change `keyring`",
                    ));
                }
                if let Err(error) = services.base_url(mirror) {
                    lacks.push(lack(
                        format!("archive '{name}': {}", error.report.message),
                        "give the mirror's URL in the configuration",
                    ));
                }
            }
        }
    }
    lacks
}

async fn unusable_key(config: &Config, services: &Services, path: &OsStr) -> Option<Lack> {
    let mend = "see [signing] in the configuration";
    match config.signing.as_ref()? {
        Signing::Key { key, passphrase_file } => {
            let passphrase = passphrase_file.as_ref().map(fs_err::read_to_string).transpose();
            let passphrase = match passphrase {
                Ok(passphrase) => passphrase,
                Err(error) => return Some(lack(error.to_string(), mend)),
            };
            let first_line = passphrase.as_deref().and_then(|text| text.lines().next());
            let checked = Signer::from_key_file(key, first_line).and_then(|signer| signer.check(services.now));
            checked.err().map(|error| lack(format!("the signing key cannot be used: {error}"), mend))
        }
        Signing::Command { command } => {
            let folder = tempfile::tempdir().ok()?;
            let error = Signer::from_command(command.clone(), &trial_runner(folder.path(), path)).await.err()?;
            match error {
                SigningError::Command(error) => Some(lack(format!("the signing command failed: {}", in_short(&error)), mend)),
                error => Some(lack(error.to_string(), mend)),
            }
        }
    }
}

/// Root file systems are made from repositories in the compose's folder, by a tool that has no way to quote.
fn unfit_for_images(target: &Path) -> Option<Lack> {
    let absolute = fs_err::canonicalize(target).ok()?;
    let error = check_folder(&absolute).err()?;
    Some(lack(error.to_string(), "choose another one with --target-dir, or leave out images with --skip rootfs"))
}

/// Folders that are searched for packages and hold the target: what this compose makes would be input of the next one.
fn inputs_around(needs: &Needs<'_>, target: &Path) -> Vec<Lack> {
    let searched: BTreeSet<PathBuf> = match needs {
        Needs::Deb { config, .. } => {
            let overlay = |archive: &Archive| match &archive.origin {
                Origin::Overlay { folder } => Some(folder.clone()),
                Origin::DebMirror(_) => None,
            };
            config.archives.values().filter_map(overlay).collect()
        }
        Needs::Rpm { config } => {
            let repositories = config.package_set.arches.values().flat_map(|arch| &arch.repositories);
            let folders = repositories.filter(|repository| !repository.contains("://")).map(PathBuf::from);
            // One with metadata has what that lists.
            folders.filter(|folder| fs_err::metadata(folder.join("repodata/repomd.xml")).is_err()).collect()
        }
    };
    let Ok(target) = fs_err::canonicalize(target) else { return Vec::new() };
    let holds = |folder: &PathBuf| fs_err::canonicalize(folder).is_ok_and(|folder| target.starts_with(folder));
    let describe = |folder: PathBuf| {
        let what = format!("the target folder {} lies in {}, which is searched for packages", target.display(), folder.display());
        lack(what, "choose another one with --target-dir, or put the packages into a folder of their own")
    };
    searched.into_iter().filter(holds).map(describe).collect()
}

fn missing_space(wanted: u64, target: &Path) -> Option<Lack> {
    let free = match free_space(target) {
        Ok(free) => free,
        Err(error) => {
            return Some(lack(
                format!("the target folder {} cannot be used: {error}", target.display()),
                "make the folder, or choose another one with --target-dir",
            ));
        }
    };
    if rustix::fs::access(target, rustix::fs::Access::WRITE_OK).is_err() {
        return Some(lack(format!("nothing can be written to {}", target.display()), "choose another folder with --target-dir"));
    }
    (free < wanted).then(|| {
        let what = format!("{} has {} MiB free; {} MiB are to stay free", target.display(), free >> 20, wanted >> 20);
        lack(what, "remove old composes, choose another folder, or lower limits.min-free")
    })
}

/// What stands for a program's version: that of the Debian package that owns it, where dpkg knows one, and the digest of the program
/// itself, so that a local change counts too.
pub(super) async fn tool_versions(tools: BTreeSet<&'static str>, path: &OsStr) -> std::io::Result<BTreeMap<String, String>> {
    let found = tools.into_iter().filter_map(|tool| Some((tool, find_program(tool.as_ref(), path)?)));
    let found: BTreeMap<_, _> = found.collect();
    let packages = package_versions(found.values(), path).await.unwrap_or_default();
    let described = found.into_iter().map(|(tool, file)| {
        let digest = Sha256::of_file(&file)?.0.short();
        let version = packages.get(&file).map(|version| format!("{version} ")).unwrap_or_default();
        Ok((tool.to_owned(), format!("{version}({digest})")))
    });
    described.collect()
}

/// The version of the Debian package that each file belongs to, for those that belong to one. All are asked for at once, since dpkg
/// reads the lists of all packages for each question.
async fn package_versions(files: impl Iterator<Item = &PathBuf>, path: &OsStr) -> Option<BTreeMap<PathBuf, String>> {
    let folder = tempfile::tempdir().ok()?;
    let runner = trial_runner(folder.path(), path);
    let names: BTreeMap<PathBuf, &PathBuf> = files.flat_map(|file| names_of(file).map(move |name| (name, file))).collect();
    let owners = runner.run(&Command::new("dpkg-query").arg("--search").args(names.keys()).success(&[0, 1])).await.ok()?.text();
    let owners = owners.lines().filter(|line| !line.starts_with("diversion by ")).filter_map(|line| line.split_once(": "));
    // A file of several packages has the same version in all.
    let owners = owners.map(|(packages, file)| (packages.split(", ").next().unwrap_or(packages), file));
    let owners: Vec<(&str, &PathBuf)> =
        owners.filter_map(|(package, file)| Some((package, *names.get(Path::new(file))?))).collect();
    let packages = owners.iter().map(|(package, _)| package);
    let show = Command::new("dpkg-query").args(["--show", "--showformat=${binary:Package} ${Version}\\n"]).args(packages);
    let shown = runner.run(&show).await.ok()?.text();
    let versions: BTreeMap<&str, &str> = shown.lines().filter_map(|line| line.split_once(' ')).collect();
    let versions = owners.iter().filter_map(|(package, file)| Some(((*file).clone(), (*versions.get(package)?).to_owned())));
    Some(versions.collect())
}

/// A file by its name, and by the one that it has too where `/bin` is a link to `/usr/bin`: dpkg knows only the name that the package
/// gave it.
fn names_of(file: &Path) -> impl Iterator<Item = PathBuf> {
    let other = match file.strip_prefix("/usr") {
        Ok(inner) => Path::new("/").join(inner),
        Err(_) => Path::new("/usr").join(file.strip_prefix("/").unwrap_or(file)),
    };
    let real = |path: &Path| fs_err::canonicalize(path).ok();
    let same = real(&other).is_some_and(|real_other| real(file) == Some(real_other));
    std::iter::once(file.to_owned()).chain(same.then_some(other))
}
