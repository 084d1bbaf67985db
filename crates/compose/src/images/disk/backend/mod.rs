//! Disks that other programs make: mkosi(1) and kiwi(1), each by its own configuration and of the composed repositories alone.
//!
//! What is in such a disk is read from the disk. Must not know: how the programs partition it, or what starts it.

mod kiwi;
mod mkosi;
pub(in crate::images) mod plan;

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::ids::Ids;
use super::{DiskSpec, package_database, write_formats};
use crate::config::schema::images::Backend;
use crate::digest::Sha256;
use crate::images::{BuiltImage, ComposedRepository, ImageError, RequiredProgram, finishing, installed_in_status, program};
use crate::scm::{copy_content, listed_files};
use crate::tools::Runner;

/// What such a disk is made by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BackendSpec {
    pub backend: Backend,
    /// The folder with the program's configuration.
    pub configuration: PathBuf,
    /// Packages besides those that the configuration names.
    pub packages: Vec<String>,
}

/// What only the compose knows.
#[derive(Debug)]
struct Ingredients<'a> {
    spec: &'a BackendSpec,
    ids: &'a Ids,
    repositories: &'a [ComposedRepository],
    /// The compose's folder, which holds the repositories.
    compose: &'a Path,
    /// The keys that signed them.
    keyring: Option<&'a Path>,
    epoch: i64,
    /// The program's configuration, in a copy that it may write to.
    configuration: PathBuf,
    /// A folder of this build alone.
    work: &'a Path,
}

impl BackendSpec {
    /// The programs of this machine that it needs.
    pub(super) fn programs(&self) -> Vec<RequiredProgram> {
        let own = match self.backend {
            Backend::Mkosi => mkosi::PROGRAMS,
            Backend::Kiwi => kiwi::PROGRAMS,
        };
        let read = [
            program("qemu-img", "qemu-utils"),
            program("sfdisk", "fdisk"),
            program("debugfs", "e2fsprogs"),
            program("btrfs", "btrfs-progs"),
        ];
        own.iter().copied().chain(read).collect()
    }

    pub(in crate::images) const fn differs(&self) -> &'static str {
        match self.backend {
            Backend::Mkosi => "whether mkosi makes the same bytes is for its configuration to say",
            Backend::Kiwi => "kiwi does not promise the same bytes",
        }
    }
}

/// Has the program make the disk, and writes it in each of its formats. Gives the packages in it too.
async fn build(
    runner: &Runner,
    disk: &DiskSpec,
    ingredients: &Ingredients<'_>,
    outputs: &[PathBuf],
) -> Result<(Vec<BuiltImage>, Vec<String>), ImageError> {
    copy_content(&ingredients.spec.configuration, &ingredients.configuration)
        .map_err(|error| std::io::Error::other(error.to_string()))?;
    let raw = match ingredients.spec.backend {
        Backend::Mkosi => mkosi::run(runner, ingredients).await?,
        Backend::Kiwi => kiwi::run(runner, ingredients).await?,
    };
    let installed = installed_in_status(&package_database(runner, &raw, ingredients.work).await?)?;
    let built = finishing(outputs, async |partials| {
        write_formats(runner, &disk.formats, ingredients.ids, ingredients.epoch, &raw, partials).await
    });
    Ok((built.await?, installed))
}

/// The program is new enough.
///
/// An older one has no way to be fed with repositories of an own name.
pub(crate) async fn check_version(runner: &Runner, backend: Backend) -> Result<(), ImageError> {
    let program = backend.program();
    let oldest = match backend {
        Backend::Mkosi => mkosi::OLDEST,
        Backend::Kiwi => kiwi::OLDEST,
    };
    let said = runner.run(&crate::tools::Command::new(program).arg("--version")).await?.text();
    match major_version(&said) {
        Some(version) if version >= oldest => Ok(()),
        _ => Err(ImageError::OldProgram { program, oldest: oldest.to_string(), said: said.trim().to_owned() }),
    }
}

/// Of `mkosi 25.3`, or `KIWI (next generation) version 10.2.33`.
fn major_version(said: &str) -> Option<u32> {
    let number = said.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Of the paths and contents of all files of a folder.
fn digest_of(folder: &Path) -> std::io::Result<Sha256> {
    let mut files = listed_files(folder)?;
    files.sort();
    let line = |file: &PathBuf| Ok(format!("{} {}\n", Sha256::of_file(&folder.join(file))?.0, file.display()));
    let lines = files.iter().map(line).collect::<std::io::Result<String>>()?;
    Ok(Sha256::of(lines.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_say_their_version_among_other_words() {
        assert_eq!(major_version("mkosi 25.3\n"), Some(25));
        assert_eq!(major_version("mkosi 26~devel"), Some(26));
        assert_eq!(major_version("KIWI (next generation) version 10.2.33"), Some(10));
        assert_eq!(major_version("no number"), None);
    }

    #[test]
    fn a_changed_configuration_has_another_digest() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("mkosi.conf"), "[Output]\n").unwrap();
        let before = digest_of(folder.path()).unwrap();
        fs_err::create_dir(folder.path().join("mkosi.extra")).unwrap();
        fs_err::write(folder.path().join("mkosi.extra/motd"), "hello\n").unwrap();
        assert_ne!(digest_of(folder.path()).unwrap(), before);
        assert!(digest_of(&folder.path().join("missing")).is_err());
    }
}
