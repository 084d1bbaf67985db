//! Disks by kiwi-ng(8), which gets the composed repositories on its command line, in the place of those that its description names.
//!
//! It mounts loop devices, which belong to the whole machine and outlive whoever made them: they are released here.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Ingredients;
use crate::config::schema::images::Backend;
use crate::images::disk::formats;
use crate::images::{ComposedRepository, ImageError, RequiredProgram, program};
use crate::tools::{Command, Runner};

const PROGRAM: &str = Backend::Kiwi.program();
/// The first that needs no script of debootstrap for each suite.
pub(super) const OLDEST: u32 = 10;
pub(super) const PROGRAMS: &[RequiredProgram] = &[program(PROGRAM, "kiwi"), program("losetup", "mount")];

/// The disks that it makes, best first: a raw one is there besides others.
const RESULTS: [&str; 4] = ["raw", "qcow2", "vmdk", "vhd"];

/// Makes the disk, and gives its path.
pub(super) async fn run(runner: &Runner, ingredients: &Ingredients<'_>) -> Result<PathBuf, ImageError> {
    let output = ingredients.work.join("output");
    // What an earlier build was killed over.
    release_loops(runner, &output).await?;
    fs_err::create_dir(&output)?;
    let made = runner.run(&command(ingredients, &output)?).await;
    // Also where the compose stops.
    let cleaner = Runner { cancel: CancellationToken::new(), ..runner.clone() };
    let released = release_loops(&cleaner, &output).await;
    made?;
    released?;
    let result = result_in(&output)?;
    if result.extension().is_some_and(|end| end == "raw") {
        return Ok(result);
    }
    let raw = ingredients.work.join("disk.raw");
    formats::unpack(runner, &result, &raw).await?;
    fs_err::remove_file(result)?;
    Ok(raw)
}

fn command(ingredients: &Ingredients<'_>, output: &Path) -> Result<Command, ImageError> {
    let mut command = Command::new(PROGRAM)
        .args(["--logfile"])
        .arg(output.join("kiwi.log"))
        .arg("--temp-dir")
        .arg(ingredients.work)
        .arg("--shared-cache-dir")
        .arg(ingredients.work.join("packages"))
        .args(["system", "build", "--ignore-repos", "--description"])
        .arg(&ingredients.configuration)
        .arg("--target-dir")
        .arg(output)
        .args(ingredients.spec.packages.iter().map(|package| format!("--add-package={package}")))
        .env("SOURCE_DATE_EPOCH", ingredients.epoch.to_string())
        .contained();
    for (number, repository) in ingredients.repositories.iter().enumerate() {
        command = command.arg(format!("--add-repo={}", repository_option(number, repository)?));
    }
    if let Some(key) = ingredients.keyring {
        command = command.arg(format!("--signing-key={}", key.display()));
    }
    Ok(command)
}

/// `source,type,alias,priority,imageinclude,package_gpgcheck,signing_keys,components,distribution`, as its manual has it.
fn repository_option(number: usize, repository: &ComposedRepository) -> Result<String, ImageError> {
    let ComposedRepository { folder, suite, components } = repository;
    let (folder, components) = (folder.display().to_string(), components.join(" "));
    if [&folder, suite, &components].iter().any(|part| part.contains(',')) {
        let reason = "kiwi takes no commas in what describes a repository";
        return Err(ImageError::Invalid { what: "repository", value: folder, reason });
    }
    Ok(format!("dir://{folder},apt-deb,composed-{number},,false,,,{components},{suite}"))
}

/// The one disk that it made.
fn result_in(output: &Path) -> Result<PathBuf, ImageError> {
    let files = fs_err::read_dir(output)?.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()?;
    let with_end = |end: &str| files.iter().find(|file| file.extension().is_some_and(|found| found == end));
    RESULTS.iter().find_map(|end| with_end(end)).cloned().ok_or(ImageError::NoDisk { program: PROGRAM })
}

#[derive(Deserialize)]
struct Loops {
    #[serde(default)]
    loopdevices: Vec<Loop>,
}

#[derive(Deserialize)]
struct Loop {
    name: PathBuf,
    #[serde(rename = "back-file")]
    file: Option<String>,
}

/// Releases the loop devices of files in a folder.
async fn release_loops(runner: &Runner, folder: &Path) -> Result<(), ImageError> {
    let listed = runner.run(&Command::new("losetup").args(["--list", "--json", "--output", "NAME,BACK-FILE"])).await?.stdout;
    for device in loops_in(&listed, folder) {
        runner.run(&Command::new("losetup").arg("--detach").arg(device)).await?;
    }
    Ok(())
}

/// Nothing is listed where there are none.
fn loops_in(listed: &[u8], folder: &Path) -> Vec<PathBuf> {
    let loops = serde_json::from_slice(listed).unwrap_or(Loops { loopdevices: Vec::new() });
    let is_ours = |device: &Loop| device.file.as_deref().is_some_and(|file| Path::new(file).starts_with(folder));
    loops.loopdevices.into_iter().filter(is_ours).map(|device| device.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loop_devices_of_the_own_folder_are_released() {
        let listed = br#"{"loopdevices": [
            {"name": "/dev/loop0", "back-file": "/compose/work/1/output/a.raw"},
            {"name": "/dev/loop1", "back-file": "/compose/work/1/output-of-others/a.raw"},
            {"name": "/dev/loop2", "back-file": "/compose/work/1/output/a.raw (deleted)"},
            {"name": "/dev/loop3", "back-file": null}]}"#;
        assert_eq!(loops_in(listed, Path::new("/compose/work/1/output")), [Path::new("/dev/loop0"), Path::new("/dev/loop2")]);
        assert!(loops_in(b"", Path::new("/")).is_empty());
    }

    #[test]
    fn a_repository_is_one_option_or_none() {
        let mut repository = ComposedRepository {
            folder: "/compose/Base/repository".into(),
            suite: "quay".into(),
            components: vec!["main".into(), "extra".into()],
        };
        let option = repository_option(0, &repository).unwrap();
        assert_eq!(option, "dir:///compose/Base/repository,apt-deb,composed-0,,false,,,main extra,quay");
        repository.folder = "/a,b".into();
        repository_option(0, &repository).unwrap_err();
    }
}
