//! comps.xml: which packages make up which groups, and which groups make up what a user installs.
//!
//! There are two views of such a file. [`xml`] is the file as it stands: [`filter`] takes elements out of it and leaves all
//! else alone. [`Comps`] is what it means, as libcomps reads it: [`read`] makes it, [`select`] keeps what one variant asks for,
//! [`mod@write`] gives it a form that does not depend on the order of the input.
//!
//! Must not know: configurations, variants and files.

use std::collections::BTreeMap;

pub mod filter;
pub mod read;
pub mod select;
pub mod write;
pub mod xml;

pub use filter::Filter;
pub use read::ReadError;
pub use select::{EnvironmentRule, GroupRule};
pub use xml::{Document, XmlError};

/// What a comps file means.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comps {
    /// In the order of the file; of several with one id the last one counts.
    pub groups: Vec<Group>,
    pub categories: Vec<Category>,
    pub environments: Vec<Environment>,
    /// What to install with a package when a language is chosen, by the package: `spell-%s`.
    pub langpacks: BTreeMap<String, String>,
    /// Dependencies to ignore: a package and what it requires.
    pub whiteouts: Vec<(String, String)>,
    /// Packages never to install, with the arch if it is for one only.
    pub blacklist: Vec<(String, Option<String>)>,
}

/// A text that users see, with its translations by language.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    pub plain: Option<String>,
    pub translations: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: String,
    pub name: Text,
    pub description: Text,
    /// Selected unless the user says otherwise.
    pub default: bool,
    pub user_visible: bool,
    /// The language that the group is for.
    pub language: Option<String>,
    pub display_order: Option<i64>,
    pub packages: Vec<GroupPackage>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupPackage {
    pub name: String,
    pub kind: PackageKind,
    /// The package that a conditional one comes with.
    pub requires: Option<String>,
}

/// How a package belongs to its group, in the order in which packages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageKind {
    Mandatory,
    Default,
    Optional,
    Conditional,
    /// The file has a word that nobody knows.
    Unknown,
}

impl PackageKind {
    /// As the file has it.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Mandatory => Some("mandatory"),
            Self::Default => Some("default"),
            Self::Optional => Some("optional"),
            Self::Conditional => Some("conditional"),
            Self::Unknown => None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    pub id: String,
    pub name: Text,
    pub description: Text,
    pub display_order: Option<i64>,
    /// Ids of groups, which need not exist.
    pub groups: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    pub id: String,
    pub name: Text,
    pub description: Text,
    pub display_order: Option<i64>,
    /// Ids of groups, which need not exist.
    pub groups: Vec<String>,
    pub options: Vec<EnvironmentOption>,
}

/// A group that a user may add to an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvironmentOption {
    pub group: String,
    /// Added unless the user says otherwise.
    pub default: bool,
}

#[cfg(test)]
mod tests;
