//! RPM repositories by `createrepo_c`, where a configuration asks for what charmer does not write itself: databases, deltas, and
//! arguments that mean nothing here. It is told what charmer knows of the packages, so that it reads them only for deltas.
//!
//! Everything is made in a work folder, and put into the repository when it is whole. Must not know: why it is asked for.

use std::path::{Path, PathBuf};

use charmer_packages::rpm::repodata::write::{Tags, listed_in_repomd};

use super::rpm_md::{ListedPackage, RpmMdError, RpmMdSpec, write_extra, write_rpm_md};
use crate::compression::Compression;
use crate::config::rpm::RepositoryRules;
use crate::images::RequiredProgram;
use crate::tools::{Command, Runner, ToolError};

pub const PROGRAM: RequiredProgram = RequiredProgram { program: "createrepo_c", package: "createrepo-c" };

/// Folders of a repository that are not its packages.
const METADATA: &str = "repodata";
const DELTAS: &str = "drpms";
const END: &str = "</repomd>";

/// What `createrepo_extra_args` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arguments {
    pub tags: Tags,
    /// Of the indexes.
    pub compression: Compression,
    /// Of the packed groups.
    pub group_compression: Compression,
    pub unique_names: bool,
    pub databases: bool,
    /// Those that only `createrepo_c` understands.
    pub others: Vec<String>,
}

impl Arguments {
    pub fn of(rules: &RepositoryRules) -> Self {
        let mut arguments = Self {
            tags: Tags::default(),
            compression: Compression::Gzip,
            group_compression: if rules.xz { Compression::Xz } else { Compression::Gzip },
            unique_names: true,
            databases: rules.databases,
            others: Vec::new(),
        };
        for argument in &rules.extra_arguments {
            if arguments.take(argument).is_none() {
                arguments.others.push(argument.clone());
            }
        }
        arguments
    }

    /// None if it means nothing here.
    fn take(&mut self, argument: &str) -> Option<()> {
        let (option, value) = argument.split_once('=').map_or((argument, None), |(option, value)| (option, Some(value)));
        match (option, value) {
            ("--content", Some(value)) => self.tags.content.push(value.to_owned()),
            ("--repo", Some(value)) => self.tags.repo.push(value.to_owned()),
            ("--distro", Some(value)) => self.tags.distro.push(match value.split_once(',') {
                Some((cpe, name)) => (Some(cpe.to_owned()), name.to_owned()),
                None => (None, value.to_owned()),
            }),
            ("--compress-type", Some(value)) => self.group_compression = compression(value)?,
            ("--general-compress-type", Some(value)) => {
                self.compression = compression(value)?;
                self.group_compression = self.compression;
            }
            ("--xz", None) => self.group_compression = Compression::Xz,
            ("--simple-md-filenames", None) => self.unique_names = false,
            ("--unique-md-filenames", None) => self.unique_names = true,
            ("--database" | "-d", None) => self.databases = true,
            ("--no-database", None) => self.databases = false,
            _ => return None,
        }
        Some(())
    }
}

fn compression(name: &str) -> Option<Compression> {
    match name {
        "gz" => Some(Compression::Gzip),
        "xz" => Some(Compression::Xz),
        "zstd" | "zst" => Some(Compression::Zstd),
        _ => None,
    }
}

/// What one repository has that charmer does not write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Additions {
    /// Deltas against the packages in this folder.
    pub deltas: Option<PathBuf>,
    pub databases: bool,
    pub arguments: Vec<String>,
}

impl Additions {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum CreaterepoError {
    #[error(transparent)]
    Metadata(#[from] RpmMdError),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("createrepo_c wrote a {METADATA}/repomd.xml without an end")]
    NoEnd,
}

/// A repository to be written by `createrepo_c`.
#[derive(Debug)]
pub struct Writing {
    pub repository: PathBuf,
    pub spec: RpmMdSpec,
    pub additions: Additions,
    /// A folder of its own on the file system of the repository.
    pub work: PathBuf,
}

impl Writing {
    /// Writes the files that it is told with.
    pub fn prepare(&self, packages: &[ListedPackage<'_>]) -> Result<(), CreaterepoError> {
        fs_err::create_dir_all(self.made())?;
        let list: Vec<&str> = packages.iter().map(|package| package.location).collect();
        fs_err::write(self.list(), list.join("\n") + "\n")?;
        if let Some(groups) = &self.spec.groups {
            fs_err::write(self.work.join(&groups.name), &groups.content)?;
        }
        if self.additions.deltas.is_none() {
            fs_err::create_dir_all(self.known())?;
            let plain = RpmMdSpec { groups: None, extras: Vec::new(), compression: Compression::Gzip, ..self.spec.clone() };
            write_rpm_md(&self.known(), packages, &plain)?;
        }
        Ok(())
    }

    pub async fn run(&self, runner: &Runner) -> Result<(), CreaterepoError> {
        runner.run(&self.command()).await?;
        Ok(())
    }

    /// The command line of Pungi, without its caches: what is known of the packages is not older than they are.
    fn command(&self) -> Command {
        let Self { repository, spec, additions, .. } = self;
        let mut command = Command::new(PROGRAM.program)
            .arg(repository)
            .arg(option("--outputdir", &self.made()))
            .arg(option("--pkglist", &self.list()));
        if let Some(groups) = &spec.groups {
            command = command.arg(option("--groupfile", &self.work.join(&groups.name)));
        }
        command = match &additions.deltas {
            Some(older) => command.args(["--update", "--deltas"]).arg(option("--oldpackagedirs", older)),
            None => command.arg("--update").arg(option("--update-md-path", &self.known())).arg("--skip-stat"),
        };
        let date = spec.date.to_string();
        command
            .arg(if additions.databases { "--database" } else { "--no-database" })
            .arg(format!("--checksum={}", spec.checksum.name()))
            .arg(if spec.unique_names { "--unique-md-filenames" } else { "--simple-md-filenames" })
            .arg(format!("--workers={}", spec.threads))
            .args([format!("--revision={date}"), "--set-timestamp-to-revision".to_owned()])
            .args(self.compressions())
            .args(tag_arguments(&spec.tags))
            .args(&additions.arguments)
    }

    fn compressions(&self) -> Vec<String> {
        let groups = self.spec.groups.as_ref().map(|groups| groups.compression);
        let plain = |compression: Compression| compression.suffix().trim_start_matches('.').to_owned();
        let general = (self.spec.compression != Compression::Gzip)
            .then(|| format!("--general-compress-type={}", plain(self.spec.compression)));
        let of_groups = groups.filter(|it| *it != Compression::Gzip && *it != self.spec.compression);
        general.into_iter().chain(of_groups.map(|it| format!("--compress-type={}", plain(it)))).collect()
    }

    /// Adds what clients find besides, and puts all of it in its place. Gives the paths of the files, relative to the repository.
    pub fn finish(&self) -> Result<Vec<String>, CreaterepoError> {
        self.add_extras()?;
        let mut paths = Vec::new();
        for folder in [METADATA, DELTAS] {
            let (made, place) = (self.made().join(folder), self.repository.join(folder));
            if place.exists() {
                fs_err::remove_dir_all(&place)?;
            }
            if !made.is_dir() {
                continue;
            }
            fs_err::rename(made, &place)?;
            for entry in fs_err::read_dir(place)? {
                paths.push(format!("{folder}/{}", entry?.file_name().to_string_lossy()));
            }
        }
        paths.sort_unstable();
        Ok(paths)
    }

    fn add_extras(&self) -> Result<(), CreaterepoError> {
        let folder = self.made().join(METADATA);
        let mut entries = Vec::new();
        for extra in &self.spec.extras {
            entries.extend(listed_in_repomd(&write_extra(&folder, extra, &self.spec)?));
        }
        let path = folder.join("repomd.xml");
        let mut repomd = fs_err::read(&path)?;
        let end = repomd.windows(END.len()).rposition(|window| window == END.as_bytes()).ok_or(CreaterepoError::NoEnd)?;
        repomd.splice(end..end, entries);
        fs_err::write(path, repomd)?;
        Ok(())
    }

    fn made(&self) -> PathBuf {
        self.work.join("made")
    }

    fn known(&self) -> PathBuf {
        self.work.join("known")
    }

    fn list(&self) -> PathBuf {
        self.work.join("packages.list")
    }
}

fn option(name: &str, path: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(format!("{name}="));
    option.push(path);
    option
}

fn tag_arguments(tags: &Tags) -> Vec<String> {
    let distro = |(cpe, name): &(Option<String>, String)| match cpe {
        Some(cpe) => format!("--distro={cpe},{name}"),
        None => format!("--distro={name}"),
    };
    let content = tags.content.iter().map(|value| format!("--content={value}"));
    let repo = tags.repo.iter().map(|value| format!("--repo={value}"));
    content.chain(repo).chain(tags.distro.iter().map(distro)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::Algorithm;
    use crate::config::rpm::LinkKind;

    fn arguments(words: &[&str], xz: bool) -> Arguments {
        Arguments::of(&RepositoryRules {
            checksum: Algorithm::Sha256,
            xz,
            extra_arguments: words.iter().map(|word| (*word).to_owned()).collect(),
            databases: false,
            deltas: std::collections::BTreeSet::new(),
            hashed_directories: false,
            link: LinkKind::HardlinkOrCopy,
        })
    }

    #[test]
    fn what_is_known_here_needs_no_createrepo() {
        let known = arguments(&["--distro=cpe:/o:x,X 1", "--content=a", "--general-compress-type=zstd", "--no-database"], true);
        assert_eq!(known.tags.distro, [(Some("cpe:/o:x".to_owned()), "X 1".to_owned())]);
        assert_eq!((known.compression, known.group_compression), (Compression::Zstd, Compression::Zstd));
        assert!(known.others.is_empty() && known.unique_names);
        let more = arguments(&["--xz", "--zck", "--general-compress-type=bz2", "--simple-md-filenames"], false);
        assert_eq!((more.compression, more.group_compression), (Compression::Gzip, Compression::Xz));
        assert_eq!(more.others, ["--zck", "--general-compress-type=bz2"]);
        assert!(!more.unique_names && !more.databases);
    }
}
