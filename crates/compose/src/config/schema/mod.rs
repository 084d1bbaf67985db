//! The configuration as it is written, one struct for each section.
//!
//! The comments on these fields are the reference manual and the JSON schema: they are written for the person who writes
//! a configuration. Structs that hold no pattern and no relative path are used in [`super::Config`] as they are.

pub mod archives;
pub mod disks;
pub mod gather;
pub mod images;
pub mod policy;
pub mod quantity;
pub mod release;
pub mod variants;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::archives::Archive;
use self::gather::Gather;
use self::images::Image;
use self::policy::{Checks, Failable, Limits, Publish, Registry, Signing};
use self::release::Release;
use self::variants::{ExtraFiles, Override, Variant};

/// A compose: everything charmer needs to know to make a distribution.
///
/// Relative paths start at the folder of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(title = "charmer configuration")]
pub struct Document {
    /// The kind of packages that the distribution is made of.
    #[serde(default)]
    pub ecosystem: Ecosystem,
    /// What is released.
    pub release: Release,
    /// Where packages come from, by a name of your choice: `[archives.debian]`.
    pub archives: BTreeMap<String, Archive>,
    /// How packages are selected, for all variants.
    #[serde(default)]
    pub gather: Gather,
    /// The parts of the distribution, by name: `[variants.Server]`. Each has a repository of its own.
    pub variants: BTreeMap<String, Variant>,
    /// Changes to variants on some arches, for names that match patterns. They apply in the order in which they are written.
    #[serde(default)]
    pub overrides: Vec<Override>,
    /// The images to make, each a `[[images]]` table.
    #[serde(default)]
    pub images: Vec<Image>,
    /// Files to put beside the packages in the variants' repositories.
    #[serde(default)]
    pub extra_files: Vec<ExtraFiles>,
    /// What may fail without dooming the compose, which is then FINISHED_INCOMPLETE.
    #[serde(default)]
    pub failable: Vec<Failable>,
    /// What is checked, and how much each check matters.
    #[serde(default)]
    pub checks: Checks,
    /// How much of the machine and the network a compose may take.
    #[serde(default)]
    pub limits: Limits,
    /// Who signs. Without this section nothing is signed.
    #[serde(default)]
    pub signing: Option<Signing>,
    /// What is made around the finished compose.
    #[serde(default)]
    pub publish: Publish,
    /// How registries are reached to which containers are pushed, by host name and port: `[registries."registry.example.org"]`. One that
    /// needs nothing special is not named here.
    #[serde(default)]
    pub registries: BTreeMap<String, Registry>,
}

/// A kind of packages, with their repositories and tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ecosystem {
    /// Debian and its derivatives: .deb packages and apt repositories.
    #[default]
    Deb,
}

impl Ecosystem {
    /// As the configuration and the lock write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
        }
    }
}

impl Document {
    /// Every arch of which packages are wanted: those of the variants, and of seeds such as `libc6:i386`.
    pub(crate) fn package_arches(&self) -> BTreeSet<String> {
        let of_variants = self.variants.values().flat_map(|variant| variant.seeds.iter().chain(&variant.include));
        let of_overrides = self.overrides.iter().flat_map(|change| change.seeds.iter().chain(&change.include));
        let seeds = of_variants.map(|seed| &seed.seed).chain(of_overrides);
        let foreign = seeds.filter_map(|text| Some(charmer_packages::Seed::parse(text).ok()?.arch()?.to_owned()));
        self.arches().into_iter().map(str::to_owned).chain(foreign).collect()
    }

    /// Every arch that some variant has.
    pub(crate) fn arches(&self) -> BTreeSet<&str> {
        self.variants.values().flat_map(|variant| variant.arches.iter().map(String::as_str)).collect()
    }
}
