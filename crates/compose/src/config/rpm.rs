//! The configuration of a compose of RPM packages as the rest of charmer sees it: resolved per variant and arch, and never changed.
//!
//! It is saved in the compose and read again by resume, so each type here reads what it writes. What one kind of work needs is
//! in the spec of that work, which the module of the work declares.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::pungi::resolve::repository_files::RepositoryFiles;
use super::pungi::variants::{Kind, Variant};
use super::schema::policy::Limits;
use crate::checksum::Algorithm;
use crate::engine::Phase;
use crate::extra_files::ExtraFilesSpec;
use crate::gather::rpm::{GatherRules, GatherSpec};
use crate::images::iso_folders::IsoFolders;
use crate::images::lorax::plan::BootSpec;
use crate::images::optical::{ExtraIsoSpec, IsoSpec, SizeLimit};
use crate::metadata::checksums::ChecksumKind;
use crate::metadata::names::ComposeType;
use crate::package_set::rpm_set::PackageSetSpec;
use crate::scm::ScmSpec;

/// A whole compose, as configured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RpmConfig {
    pub release: RpmRelease,
    pub base_product: Option<BaseProduct>,
    /// What a compose is made for when nobody says.
    pub compose_type: Option<ComposeType>,
    /// By type, then by UID: parents before their children.
    pub variants: Vec<RpmVariant>,
    /// None has no groups at all.
    pub comps: Option<ScmSpec>,
    /// Environments that a variant does not list are taken out of its comps.
    pub filter_environments: bool,
    /// UIDs of variants, each with that of one whose packages it does not repeat.
    pub variant_lookasides: Vec<(String, String)>,
    pub package_set: PackageSetSpec,
    pub gather: GatherRules,
    pub repositories: RepositoryRules,
    /// What goes into repositories besides packages and groups.
    pub repository_files: RepositoryFiles,
    pub isos: Vec<IsoSpec>,
    pub extra_isos: Vec<RpmExtraIso>,
    pub iso_folders: IsoFolders,
    /// Phases whose outputs are never those of an older compose.
    pub always_anew: BTreeSet<Phase>,
    /// How large images may be, by the UID of their variant and by arch.
    pub size_limits: BTreeMap<String, BTreeMap<String, SizeLimit>>,
    pub media_checksums: MediaChecksums,
    /// Phases that are left out.
    pub skip: BTreeSet<Phase>,
    /// Phases that options are set for: their lists are written though no tree of any variant is meant by them.
    #[serde(default)]
    pub asked: BTreeSet<Phase>,
    /// What paths begin with, and what URLs of them begin with instead.
    pub translate_paths: Vec<(String, String)>,
    pub limits: Limits,
    /// The files that it was read from.
    pub files: Vec<PathBuf>,
    /// Every option with its value, as the user's own tools may want to see them.
    pub options: serde_json::Value,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RpmRelease {
    pub name: String,
    pub short: String,
    pub version: String,
    /// `ga`, `updates` and so on.
    pub kind: String,
    /// Not meant for the public.
    pub internal: bool,
    /// The version that trees name.
    pub treeinfo_version: String,
    /// What media call themselves, with `%(variant_name)s` and `%(arch)s` put in.
    pub discinfo_description: Option<String>,
}

/// What a layered product stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BaseProduct {
    pub name: String,
    pub short: String,
    pub version: String,
    pub kind: String,
}

/// A part of the distribution, with trees of its own or inside its parent's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RpmVariant {
    #[serde(flatten)]
    pub identity: Variant,
    /// What it is on each of its arches.
    pub trees: BTreeMap<String, RpmTree>,
    /// How boot media are made, by arch; only of those that get any.
    pub lorax: BTreeMap<String, BootSpec>,
    /// By arch, and `src`; only of those that have any.
    pub extra_files: BTreeMap<String, ExtraFilesSpec>,
}

/// An image of several variants, with files of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RpmExtraIso {
    pub spec: ExtraIsoSpec,
    pub files: ExtraFilesSpec,
}

/// What one variant is on one arch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RpmTree {
    pub gather: GatherSpec,
    pub repoclosure: Strictness,
}

/// What becomes of a compose whose packages require what nothing provides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strictness {
    /// Nobody looks.
    Off,
    /// It is said.
    Lenient,
    /// It is doomed.
    Fatal,
}

/// How repositories are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RepositoryRules {
    pub checksum: Algorithm,
    /// The packed groups are xz instead of gzip.
    pub xz: bool,
    /// More arguments of createrepo_c.
    pub extra_arguments: Vec<String>,
    /// Databases (sqlite) beside the indexes.
    pub databases: bool,
    /// Trees, by the UID of their variant and by arch, whose packages clients may patch up from those of the last compose.
    pub deltas: BTreeSet<(String, String)>,
    /// Packages lie in folders named by their first letter.
    pub hashed_directories: bool,
    pub link: LinkKind,
}

/// How package files get into the compose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LinkKind {
    Hardlink,
    Copy,
    HardlinkOrCopy,
    Symlink,
    AbspathSymlink,
}

/// The checksum files of folders of images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MediaChecksums {
    pub kinds: BTreeSet<ChecksumKind>,
    pub one_file: bool,
    /// With `%(variant)s` and its like put in.
    pub base_name: String,
}

impl RpmConfig {
    pub fn variant(&self, uid: &str) -> Option<&RpmVariant> {
        self.variants.iter().find(|variant| variant.identity.uid == uid)
    }

    pub fn children<'a>(&'a self, uid: &'a str) -> impl Iterator<Item = &'a RpmVariant> {
        self.variants.iter().filter(move |variant| variant.identity.parent.as_deref() == Some(uid))
    }

    /// Every arch that some variant has.
    pub fn arches(&self) -> BTreeSet<&str> {
        self.variants.iter().flat_map(|variant| variant.trees.keys().map(String::as_str)).collect()
    }

    pub fn is_skipped(&self, phase: Phase) -> bool {
        self.skip.contains(&phase)
    }

    pub fn is_asked(&self, phase: Phase) -> bool {
        self.asked.contains(&phase) && !self.is_skipped(phase)
    }
}

impl RpmVariant {
    pub fn uid(&self) -> &str {
        &self.identity.uid
    }

    pub fn is_addon(&self) -> bool {
        self.identity.kind == Kind::Addon
    }
}
