//! Disks by mkosi(1), which finds the composed repositories as apt's only sources in its sandbox.

use std::path::{Path, PathBuf};

use super::Ingredients;
use crate::config::schema::images::Backend;
use crate::images::rootfs::sources;
use crate::images::{ImageError, RequiredProgram, program};
use crate::tools::{Command, Runner};

/// The first whose apt reads sources from a sandbox tree, and packages from `file:`.
pub(super) const OLDEST: u32 = 25;
pub(super) const PROGRAMS: &[RequiredProgram] = &[program(Backend::Mkosi.program(), "mkosi")];

/// Where mkosi's sandbox has the key.
const KEY: &str = "/etc/apt/keyrings/composed.asc";
const SOURCES: &str = "etc/apt/sources.list.d/mkosi.sources";
const NO_SOURCES: &str = "# Where the system installs from is for its packages to say.\n";

/// Makes the disk, and gives its path.
pub(super) async fn run(runner: &Runner, ingredients: &Ingredients<'_>) -> Result<PathBuf, ImageError> {
    // It splits what names several trees at these.
    if ingredients.work.to_string_lossy().contains([',', ':']) {
        let (value, reason) = (ingredients.work.display().to_string(), "mkosi takes no commas and colons in it");
        return Err(ImageError::Invalid { what: "folder", value, reason });
    }
    let (sandbox, skeleton) = (ingredients.work.join("sandbox"), ingredients.work.join("skeleton"));
    write_trees(ingredients, &sandbox, &skeleton)?;
    for folder in ["output", "workspace", "packages"] {
        fs_err::create_dir(ingredients.work.join(folder))?;
    }
    runner.run(&command(ingredients, &sandbox, &skeleton)).await?;
    Ok(ingredients.work.join("output/disk.raw"))
}

/// What mkosi copies into its sandbox, and into the disk before the first package.
fn write_trees(ingredients: &Ingredients<'_>, sandbox: &Path, skeleton: &Path) -> Result<(), ImageError> {
    let write = |file: &Path, text: &[u8]| {
        fs_err::create_dir_all(file.parent().unwrap_or(file))?;
        fs_err::write(file, text)
    };
    let keyring = ingredients.keyring.map(|_| Path::new(KEY));
    write(&sandbox.join(SOURCES), sources(ingredients.repositories, keyring, "file")?.as_bytes())?;
    if let Some(keyring) = ingredients.keyring {
        write(&sandbox.join(KEY.trim_start_matches('/')), &fs_err::read(keyring)?)?;
    }
    // Without it mkosi writes Debian's own mirror there.
    let own_sources = format!("etc/apt/sources.list.d/{}.sources", suite(ingredients));
    write(&skeleton.join(own_sources), NO_SOURCES.as_bytes())?;
    Ok(())
}

fn suite<'a>(ingredients: &'a Ingredients<'_>) -> &'a str {
    ingredients.repositories.first().map_or("", |repository| &repository.suite)
}

fn command(ingredients: &Ingredients<'_>, sandbox: &Path, skeleton: &Path) -> Command {
    let option = |name: &str, value: &Path| {
        let mut option = std::ffi::OsString::from(format!("--{name}="));
        option.push(value);
        option
    };
    let packages = ingredients.spec.packages.iter().map(|package| format!("--package={package}"));
    Command::new(Backend::Mkosi.program())
        .arg(option("directory", &ingredients.configuration))
        .args(["--distribution=debian", "--architecture=x86-64", "--format=disk", "--output=disk", "--compress-output=no"])
        .arg(format!("--release={}", suite(ingredients)))
        // It makes the folder readable in the sandbox; what is read from it, the sources say.
        .arg(format!("--local-mirror=file://{}", ingredients.compose.display()))
        .arg(option("sandbox-tree", sandbox))
        .arg(option("skeleton-tree", skeleton))
        .args(packages)
        .arg(option("output-directory", &ingredients.work.join("output")))
        .arg(option("workspace-directory", &ingredients.work.join("workspace")))
        .arg(option("package-cache-directory", &ingredients.work.join("packages")))
        .arg(format!("--seed={}", ingredients.ids.uuid("mkosi")))
        .arg(format!("--source-date-epoch={}", ingredients.epoch))
        .args(["--force", "build"])
        .contained()
}
