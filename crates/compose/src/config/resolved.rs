//! The configuration as the rest of charmer sees it: resolved per variant and arch, and never changed.
//!
//! It is saved in the compose and read again by resume, so each type here reads what it writes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::places::SeedPlaces;
use super::schema::Ecosystem;
use super::schema::gather::Sources;
use super::schema::images::{BootTest, ImageKind};
use super::schema::policy::{Checks, Limits, Publish};
use super::schema::quantity::Timeout;
use super::schema::release::Release;
use crate::images::BaseSet;
use crate::registry::RegistrySettings;

/// A whole compose, as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    pub ecosystem: Ecosystem,
    /// The folder of the configuration file. All paths below are joined to it already.
    pub folder: PathBuf,
    pub release: Release,
    /// By name.
    pub archives: BTreeMap<String, Archive>,
    /// Parents before their children, and by name where neither is the other's parent.
    pub variants: Vec<Variant>,
    /// One for each arch, in the order of the configuration.
    pub images: Vec<ImageSpec>,
    pub checks: Checks,
    pub limits: Limits,
    pub signing: Option<Signing>,
    pub publish: Publish,
    /// By host name and port.
    pub registries: BTreeMap<String, RegistrySettings>,
    /// Where the file asks for each seed.
    pub seed_places: SeedPlaces,
}

/// Where packages come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Archive {
    pub origin: Origin,
    /// The pin priority, from 1 to 1000; none leaves it to each suite.
    pub priority: Option<i32>,
    /// The arches to read: those of the variants and of seeds such as `libc6:i386`, or fewer.
    pub arches: Vec<String>,
    /// Its packages satisfy dependencies but are put into no repository.
    pub lookaside: bool,
}

/// What kind of place an archive is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A mirror of an apt archive.
    DebMirror(DebMirror),
    /// A folder with packages, which count as the distribution's own.
    Overlay { folder: PathBuf },
}

/// A mirror of an apt archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DebMirror {
    pub url: MirrorUrl,
    pub suites: Vec<String>,
    pub components: Vec<String>,
    pub trust: Trust,
}

/// The base URL of a mirror, or which mirror of this machine's own apt sources it is (see [`super::host`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MirrorUrl {
    /// Without a slash at its end.
    Url(String),
    Host,
    HostSecurity,
}

/// Why an archive's index is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// It is signed by a key of this file.
    Keyring(PathBuf),
    /// The configuration says `trusted = true`.
    Unchecked,
}

/// A part of the distribution with a repository of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Variant {
    pub name: String,
    /// The name for people.
    pub title: String,
    pub parent: Option<String>,
    /// Packages that the parent has are not repeated.
    pub optional: bool,
    /// Sorted by arch.
    pub arches: Vec<VariantArch>,
    pub sources: Sources,
    /// The compose goes on when the source packages cannot be had.
    pub sources_failable: bool,
    /// Names of the archives whose packages satisfy dependencies here but are not put into the repository, sorted.
    pub lookaside: Vec<String>,
    pub extra_files: Vec<ExtraFiles>,
}

/// What one variant is on one arch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VariantArch {
    pub arch: String,
    /// In the order of the configuration, each once.
    pub seeds: Vec<String>,
    /// Added without what they depend on.
    pub include: Vec<String>,
    /// Names and globs of packages that are never selected.
    pub exclude: Vec<String>,
    pub recommends: bool,
    /// Packages for which `recommends` is otherwise.
    pub recommends_of: BTreeMap<String, bool>,
    /// Virtual package -> package to take.
    pub providers: BTreeMap<String, String>,
    /// The lists of all files are written.
    pub contents: bool,
    /// The compose goes on without the packages of this arch when they cannot be gathered.
    pub failable: bool,
}

/// Files to put into a variant's repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ExtraFiles {
    pub from: PathBuf,
    /// Relative to the repository; no part of it is `..`.
    pub to: PathBuf,
}

/// One image of one arch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageSpec {
    /// No other image of the same variant and arch has this name.
    pub name: String,
    pub variant: String,
    pub arch: String,
    /// In the order of the configuration, each once.
    pub packages: Vec<String>,
    /// What is installed before them.
    pub base: BaseSet,
    /// How long each program that makes it may run.
    pub timeout: Timeout,
    /// The compose goes on when it cannot be made.
    pub failable: bool,
    /// How it is started before it is shipped; none when it is not.
    pub boot_test: Option<BootTest>,
    pub kind: ImageKind,
}

/// Who signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Signing {
    /// A secret key in a file.
    Key { key: PathBuf, passphrase_file: Option<PathBuf> },
    /// A program with arguments, for keys in hardware: see [`super::schema::policy::Signing`].
    Command { command: Vec<String> },
}

impl Config {
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    /// The archives that are folders of the distribution's own packages.
    pub fn overlays(&self) -> BTreeSet<String> {
        let overlays = self.archives.iter().filter(|(_, archive)| matches!(archive.origin, Origin::Overlay { .. }));
        overlays.map(|(name, _)| name.clone()).collect()
    }

    /// Whether anything is installed by debian-installer: then its own packages are needed.
    pub fn makes_installers(&self) -> bool {
        self.installers().next().is_some()
    }

    pub fn installers(&self) -> impl Iterator<Item = &ImageSpec> {
        self.images.iter().filter(|image| matches!(image.kind, ImageKind::Installer(_)))
    }

    /// Every arch that some variant has, sorted.
    pub fn arches(&self) -> Vec<&str> {
        let arches = self.variants.iter().flat_map(|variant| variant.arches.iter().map(|arch| arch.arch.as_str()));
        arches.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

impl Variant {
    pub fn arch(&self, name: &str) -> Option<&VariantArch> {
        self.arches.iter().find(|arch| arch.arch == name)
    }
}
