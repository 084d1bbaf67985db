//! Root file systems: mmdebstrap from composed repositories, with everything removed that names the machine or the moment of the
//! build. The same spec and repositories give the same tar file.
//!
//! Must not know: what kind of image is made of it.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{ImageError, RequiredProgram, blocking, installed_in_tar, program};
use crate::files::partial_name;
use crate::tools::{Command, Runner};

pub(super) const PROGRAMS: &[RequiredProgram] = &[
    program("arch-test", "arch-test"),
    program("mmdebstrap", "mmdebstrap"),
    program("apt-get", "apt"),
    program("gpgv", "gpgv"),
    program("tar", "tar"),
];

/// The last step inside the tree, before mmdebstrap packs it: see the file itself.
const FINISH: &str = include_str!("finish.sh");

/// What a root file system is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RootfsSpec {
    /// Composed repositories, the variant's own and those of its parents. apt takes the newest version over all of them.
    pub repositories: Vec<ComposedRepository>,
    /// Public keys that signed the repositories, which are believed without one: binary in a file named `*.gpg`, armoured in one named `*.asc`.
    #[serde(skip)]
    pub keyring: Option<PathBuf>,
    /// As Debian names it.
    pub arch: String,
    pub base: BaseSet,
    /// Package names; `name:arch` and `name=version` are allowed. Recommends are never followed: what shall be in is named.
    pub packages: Vec<String>,
    /// `SOURCE_DATE_EPOCH`: no file is newer.
    pub epoch: i64,
}

/// A repository of this compose. Its folder is no part of the spec's digest: the job that made it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ComposedRepository {
    /// The folder that holds `dists` and `pool`.
    #[serde(skip)]
    pub folder: PathBuf,
    pub suite: String,
    pub components: Vec<String>,
}

/// What is in a root file system before the first package that is named.
///
/// `Apt` is the default: everything else can then be named, and later be installed. `Essential` has no way to install anything.
/// mmdebstrap's `custom` would leave out packages that Debian allows every maintainer script to rely on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BaseSet {
    /// The packages that are Essential, and what they depend on.
    Essential,
    /// `essential` and apt.
    #[default]
    Apt,
    /// `apt` and every package of priority `required` that the repositories hold, as debootstrap's `minbase`.
    Required,
}

impl BaseSet {
    const fn variant(self) -> &'static str {
        match self {
            Self::Essential => "essential",
            Self::Apt => "apt",
            Self::Required => "required",
        }
    }
}

/// A root file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rootfs {
    /// All files, with numeric owners and extended attributes, sorted by name.
    pub tar: PathBuf,
    pub arch: String,
    pub epoch: i64,
    /// `name_version_arch` of every package in it, sorted.
    pub installed: Vec<String>,
}

impl Rootfs {
    /// Packages that every image of a kind needs are in it.
    pub(super) fn require(&self, kind: &'static str, packages: &[&'static str]) -> Result<(), ImageError> {
        let is_missing = |name: &&&str| !self.installed.iter().any(|package| package.split('_').next() == Some(**name));
        match packages.iter().find(is_missing) {
            Some(package) => Err(ImageError::MissingPackage { kind, package }),
            None => Ok(()),
        }
    }
}

/// Makes a root file system's tar file at `tar`. `work` is an empty folder of the caller's on a disk with room for the unpacked
/// tree; nothing that is left in it is needed afterwards.
pub async fn build_rootfs(runner: &Runner, spec: &RootfsSpec, work: &Path, tar: &Path) -> Result<Rootfs, ImageError> {
    spec.validate()?;
    let partial = partial_name(tar)?;
    write_inputs(spec, work)?;
    runner.run(&mmdebstrap(spec, work, &partial)?).await?;
    fs_err::rename(partial, tar)?;
    let finished = tar.to_owned();
    let installed = blocking(move || Ok(installed_in_tar(&finished)?)).await?;
    Ok(Rootfs { tar: tar.to_owned(), arch: spec.arch.clone(), epoch: spec.epoch, installed })
}

/// Writes what mmdebstrap and the last step read: all data reaches them as files, none as text of a shell.
fn write_inputs(spec: &RootfsSpec, work: &Path) -> Result<(), ImageError> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    let write = |name: &str, mode: u32, bytes: &[u8]| {
        let options = fs_err::OpenOptions::new().create_new(true).write(true).mode(mode).open(work.join(name));
        options.and_then(|mut file| file.write_all(bytes))
    };
    write("composed.sources", 0o644, spec.sources()?.as_bytes())?;
    write("finish", 0o755, FINISH.as_bytes())?;
    fs_err::create_dir(work.join("tree"))?;
    Ok(())
}

fn mmdebstrap(spec: &RootfsSpec, work: &Path, tar: &Path) -> Result<Command, ImageError> {
    let root = rustix::process::geteuid().is_root();
    let mut command = Command::new("mmdebstrap")
        .arg(if root { "--mode=root" } else { "--mode=unshare" })
        .args(["--format=tar", &format!("--variant={}", spec.base.variant()), &format!("--architectures={}", spec.arch)])
        .arg(format!("--customize-hook={}", path_text("work folder", &work.join("finish"))?))
        .env("SOURCE_DATE_EPOCH", spec.epoch.to_string())
        .env("TMPDIR", work.join("tree"));
    if !spec.packages.is_empty() {
        command = command.arg(format!("--include={}", spec.packages.join(",")));
    }
    if root {
        command = command.contained();
    }
    // No suite: it would limit what counts as essential to one of several repositories.
    Ok(command.arg("").arg(tar).arg(work.join("composed.sources")))
}

impl RootfsSpec {
    fn validate(&self) -> Result<(), ImageError> {
        let invalid = |what, value: &str, reason| Err(ImageError::Invalid { what, value: value.to_owned(), reason });
        if let Some(package) = self.packages.iter().find(|package| !is_package(package)) {
            return invalid("package", package, "a name, 'name:arch' or 'name=version' is expected");
        }
        if self.epoch < 0 {
            return invalid("SOURCE_DATE_EPOCH", &self.epoch.to_string(), "it is before 1970");
        }
        Ok(())
    }

    /// The repositories as apt reads them during the build. `copy://`, because apt gives dpkg paths of `file://` repositories,
    /// which mean nothing inside the tree.
    fn sources(&self) -> Result<String, ImageError> {
        sources(&self.repositories, self.keyring.as_deref(), "copy")
    }
}

/// Composed repositories as apt reads them, by this scheme of URLs.
pub(super) fn sources(repositories: &[ComposedRepository], keyring: Option<&Path>, scheme: &str) -> Result<String, ImageError> {
    let trust = match keyring {
        Some(keyring) => format!("Signed-By: {}", path_text("keyring", keyring)?),
        None => "Trusted: yes".to_owned(),
    };
    let stanza = |repository: &ComposedRepository| {
        let folder = path_text("repository", &repository.folder)?;
        let ComposedRepository { suite, components, .. } = repository;
        let fields = [
            "Types: deb".to_owned(),
            format!("URIs: {scheme}://{folder}"),
            format!("Suites: {}", word("suite", suite)?),
            format!("Components: {}", word("component", &components.join(" "))?),
            trust.clone(),
            // The date of a Release file is the compose's: an older lock is composed again as it was.
            "Check-Valid-Until: no".to_owned(),
        ];
        Ok(fields.join("\n") + "\n")
    };
    let stanzas: Result<Vec<_>, ImageError> = repositories.iter().map(stanza).collect();
    Ok(stanzas?.join("\n"))
}

/// Whether root file systems can be made in this folder.
pub fn check_folder(folder: &Path) -> Result<(), ImageError> {
    path_text("folder", folder).map(drop)
}

/// An absolute path as it may stand in apt's sources and in mmdebstrap's arguments, which have no way to quote.
fn path_text<'a>(what: &'static str, path: &'a Path) -> Result<std::borrow::Cow<'a, str>, ImageError> {
    let plain = |c: char| c.is_alphanumeric() || "/._-+~,=@".contains(c);
    let text = path.to_string_lossy();
    if path.is_absolute() && path.to_str().is_some_and(|text| text.chars().all(plain)) {
        return Ok(text);
    }
    let reason = "apt needs an absolute path of letters, digits and /._-+~,=@";
    Err(ImageError::Invalid { what, value: text.into_owned(), reason })
}

fn word<'a>(what: &'static str, text: &'a str) -> Result<&'a str, ImageError> {
    if !text.trim().is_empty() && !text.contains(char::is_control) {
        return Ok(text);
    }
    Err(ImageError::Invalid { what, value: text.to_owned(), reason: "it is empty or has control characters" })
}

fn is_package(text: &str) -> bool {
    let plain = |part: &str, more: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c))
    };
    let (name, version) = text.split_once('=').unwrap_or((text, "0"));
    let (name, arch) = name.split_once(':').unwrap_or((name, "any"));
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    starts_well && plain(name, "+-.") && plain(arch, "-") && plain(&version.to_ascii_lowercase(), "+-.~:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> RootfsSpec {
        let repository = ComposedRepository {
            folder: "/compose/Base/repository".into(),
            suite: "quay".into(),
            components: vec!["main".into(), "extra".into()],
        };
        RootfsSpec {
            repositories: vec![repository],
            keyring: Some("/compose/key.gpg".into()),
            arch: "amd64".into(),
            base: BaseSet::Apt,
            packages: Vec::new(),
            epoch: 1_763_000_000,
        }
    }

    #[test]
    fn each_repository_is_named_to_apt_with_its_key() {
        let mut spec = spec();
        spec.repositories
            .push(ComposedRepository { folder: "/compose/Server/repository".into(), ..spec.repositories[0].clone() });
        let sources = spec.sources().unwrap();
        assert_eq!(sources.matches("Signed-By: /compose/key.gpg\n").count(), 2);
        assert!(sources.contains("URIs: copy:///compose/Base/repository\nSuites: quay\nComponents: main extra\n"), "{sources}");
    }

    #[test]
    fn what_could_change_a_command_or_leave_the_tree_is_refused() {
        let refused = |change: &dyn Fn(&mut RootfsSpec)| {
            let mut spec = spec();
            change(&mut spec);
            spec.validate().and_then(|()| spec.sources().map(|_| ())).unwrap_err().to_string()
        };
        assert!(refused(&|spec| spec.packages = vec!["vim,?essential".into()]).contains("package 'vim,?essential'"));
        assert!(refused(&|spec| spec.packages = vec!["-o".into()]).contains("package"));
        assert!(refused(&|spec| spec.repositories[0].folder = "/a b".into()).contains("repository '/a b'"));
        assert!(refused(&|spec| spec.repositories[0].suite = "x\nTrusted: yes".into()).contains("suite"));
    }

    #[test]
    fn packages_may_name_an_arch_or_a_version() {
        for package in ["g++", "libc6:arm64", "vim=2:9.1.0-1~bpo12+1", "0ad"] {
            assert!(is_package(package), "{package}");
        }
    }
}
