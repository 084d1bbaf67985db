//! What every package world has in common, and the one trait that knows where they differ.
//!
//! The records are small and hold no strings of their own: names and versions are [`Symbol`]s, requirements are
//! [`RequirementId`]s, both of the [`PackageSet`] that holds the record. Nothing outside an ecosystem's own folder may know
//! how a version is compared, how an index is written, or which arch may stand in for which.

use std::cmp::Ordering;
use std::fmt;

use crate::set::PackageSet;
use crate::symbols::Symbol;
use crate::texts::Span;

/// A world of packages: its indexes, its version order and its arch rules.
pub trait Ecosystem: fmt::Debug + Send + Sync {
    /// `deb` or `rpm`, as the lock names it.
    fn name(&self) -> &'static str;

    /// Reads all indexes into one set. An entry that cannot be understood is left out and reported.
    fn read(&'static self, files: Vec<IndexFile>) -> Result<(PackageSet, Vec<IndexProblem>), IndexError>;

    fn compare_versions(&self, left: &str, right: &str) -> Ordering;

    /// Whether a provided capability (with the version it is provided in, if any) answers a required version.
    fn provided_version_fits(&self, provided: Option<&str>, operator: Operator, wanted: &str) -> bool;

    /// Whether the arches of a requirement and of what may answer it agree.
    fn arch_fits(&self, question: ArchQuestion) -> bool;

    /// Whether a conflict of a package stands between it and a package of these arches.
    fn arch_conflicts(&self, question: ArchQuestion) -> bool;

    /// Whether two packages of one name, one version and different arches may be installed together.
    fn arches_install_together(&self, left: MultiArch, right: MultiArch) -> bool;
}

/// See [`Ecosystem::arch_fits`]. Arch-independent packages have the native arch here.
#[derive(Debug, Clone, Copy)]
pub struct ArchQuestion {
    /// The arch that the tree is made for.
    pub native: Symbol,
    /// Of the package that requires (or conflicts).
    pub requirer: Symbol,
    /// What the requirement itself says.
    pub qualifier: Qualifier,
    /// Of the package that may answer.
    pub provider: Symbol,
    pub multi_arch: MultiArch,
    /// What a `Provides` says of its own arch; `Unqualified` when the package answers by its name.
    pub provided: Qualifier,
}

/// A package of one [`PackageSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub u32);

impl PackageId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A source package of one [`PackageSet`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

impl SourceId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A requirement of one [`PackageSet`]; requirements written alike have one id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequirementId(pub u32);

impl RequirementId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One binary package file and what its index says about it.
#[derive(Debug, Clone)]
pub struct Package {
    pub name: Symbol,
    pub version: Symbol,
    pub arch: Symbol,
    pub source: Symbol,
    pub source_version: Symbol,
    pub section: Symbol,
    pub origin: OriginId,
    pub multi_arch: MultiArch,
    pub priority: Priority,
    /// It runs on every arch: `all`, `noarch`.
    pub independent: bool,
    /// The system does not work without it: it is installed everywhere.
    pub essential: bool,
    /// It is not removed without force.
    pub protected: bool,
    /// In the indexes of which arches it stands.
    pub arches: ArchSet,
    /// Of the file, in bytes.
    pub size: u64,
    /// In KiB.
    pub installed_size: u64,
    pub sha256: [u8; 32],
    pub(crate) stanza: Span,
    pub(crate) filename: Span,
    pub(crate) relations: RelationRange,
}

/// One source package.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: Symbol,
    pub version: Symbol,
    pub origin: OriginId,
    /// The binary packages that it builds.
    pub binaries: Vec<Symbol>,
    /// Relative to the archive's base.
    pub directory: String,
    pub files: Vec<SourceFile>,
    pub(crate) stanza: Span,
}

/// A file of a source package, in the package's directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    pub name: String,
    pub size: u64,
    pub sha256: [u8; 32],
}

/// Where a package came from: see [`PackageSet::origin_of`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginId(pub u16);

/// One index and what the configuration says about its archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The archive's name in the configuration.
    pub archive: String,
    pub suite: String,
    pub component: String,
    /// The pin priority: the higher one wins over any version, and below zero nothing is ever taken.
    pub priority: i32,
    /// Its packages satisfy dependencies, but are not part of any selection.
    pub lookaside: bool,
}

/// A decompressed index.
#[derive(Debug, Clone)]
pub struct IndexFile {
    /// For messages: `trixie/main/binary-amd64/Packages of archive debian`.
    pub name: String,
    pub kind: IndexKind,
    pub origin: Origin,
    pub text: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexKind {
    /// Binary packages for machines of this arch.
    Binaries {
        arch: String,
    },
    Sources,
}

/// A set of the arches in [`PackageSet::arches`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArchSet(u32);

impl ArchSet {
    /// How many arches one package set can have.
    pub const CAPACITY: usize = 32;

    pub(crate) fn only(index: usize) -> ArchSet {
        ArchSet(1 << index)
    }

    pub(crate) fn contains(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }

    pub(crate) fn insert_all(&mut self, other: ArchSet) {
        self.0 |= other.0;
    }
}

/// How a package may answer the dependencies of packages of other arches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MultiArch {
    #[default]
    No,
    /// Installable for several arches at once, in one version.
    Same,
    /// Answers for every arch.
    Foreign,
    /// Answers for every arch where the dependency says so.
    Allowed,
}

/// How much a system needs a package, the most needed first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Priority {
    Required,
    Important,
    Standard,
    #[default]
    Optional,
    Extra,
}

impl Priority {
    pub fn name(self) -> &'static str {
        match self {
            Priority::Required => "required",
            Priority::Important => "important",
            Priority::Standard => "standard",
            Priority::Optional => "optional",
            Priority::Extra => "extra",
        }
    }

    pub fn from_name(name: &str) -> Option<Priority> {
        [Priority::Required, Priority::Important, Priority::Standard, Priority::Optional, Priority::Extra]
            .into_iter()
            .find(|priority| priority.name() == name)
    }
}

/// One clause of a package's relation field: `bash (>= 5)` of its `Depends`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation {
    pub kind: RelationKind,
    pub requirement: RequirementId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationKind {
    PreDepends,
    Depends,
    Recommends,
    Suggests,
    Enhances,
    Breaks,
    Conflicts,
    Provides,
    /// Sources whose parts are in the package, in exact versions: their licences ask that they be kept.
    BuiltUsing,
    /// Sources that were linked in, in exact versions: for those who plan rebuilds.
    StaticBuiltUsing,
}

impl RelationKind {
    /// The field's name as Debian writes it, which is what people know; rpm's `Requires` is [`RelationKind::Depends`].
    pub fn name(self) -> &'static str {
        match self {
            RelationKind::PreDepends => "Pre-Depends",
            RelationKind::Depends => "Depends",
            RelationKind::Recommends => "Recommends",
            RelationKind::Suggests => "Suggests",
            RelationKind::Enhances => "Enhances",
            RelationKind::Breaks => "Breaks",
            RelationKind::Conflicts => "Conflicts",
            RelationKind::Provides => "Provides",
            RelationKind::BuiltUsing => "Built-Using",
            RelationKind::StaticBuiltUsing => "Static-Built-Using",
        }
    }

    /// Without an answer to it the package cannot be installed.
    pub fn is_mandatory(self) -> bool {
        matches!(self, RelationKind::PreDepends | RelationKind::Depends)
    }

    /// It names source packages.
    pub fn is_source(self) -> bool {
        matches!(self, RelationKind::BuiltUsing | RelationKind::StaticBuiltUsing)
    }

    /// Packages that match it cannot be installed beside the package.
    pub fn is_negative(self) -> bool {
        matches!(self, RelationKind::Breaks | RelationKind::Conflicts)
    }
}

impl fmt::Display for RelationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a clause asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    One(Atom),
    /// Any of these, the first ones preferred.
    Any(Box<[Atom]>),
}

impl Requirement {
    /// All atoms, in order of preference.
    pub fn atoms(&self) -> &[Atom] {
        match self {
            Requirement::One(atom) => std::slice::from_ref(atom),
            Requirement::Any(atoms) => atoms,
        }
    }
}

/// A name with what is asked of its arch and version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Atom {
    pub name: Symbol,
    pub qualifier: Qualifier,
    pub operator: Operator,
    /// Empty with [`Operator::Always`].
    pub version: Symbol,
}

/// The arch that a requirement names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Qualifier {
    #[default]
    Unqualified,
    Any,
    Native,
    Arch(Symbol),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Operator {
    /// Every version.
    #[default]
    Always,
    Less,
    LessEqual,
    Equal,
    GreaterEqual,
    Greater,
}

impl Operator {
    /// Whether a version that compares so with the wanted one is among those asked for.
    pub fn accepts(self, order: Ordering) -> bool {
        match self {
            Operator::Always => true,
            Operator::Less => order.is_lt(),
            Operator::LessEqual => order.is_le(),
            Operator::Equal => order.is_eq(),
            Operator::GreaterEqual => order.is_ge(),
            Operator::Greater => order.is_gt(),
        }
    }
}

/// A run of the set's relations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RelationRange {
    pub(crate) start: u32,
    pub(crate) length: u32,
}

/// Why indexes cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    #[error("the indexes hold {bytes} bytes, more than the {limit} that one package set can have")]
    TooLarge { bytes: u64, limit: u64 },
    #[error("{count} index files are more than one package set can have, {limit}")]
    TooManyFiles { count: usize, limit: usize },
    #[error("the indexes are for {count} arches, more than the {limit} that one package set can have")]
    TooManyArches { count: usize, limit: usize },
}

/// An index entry that is left out of the set, or of which a part is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexProblem {
    /// The name of the index file.
    pub index: String,
    /// Where the entry starts in the decompressed index.
    pub line: usize,
    pub offset: usize,
    /// The package that the entry is about; empty if it does not say.
    pub package: String,
    /// What is wrong with it, in a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for IndexProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IndexProblem { index, line, package, message, .. } = self;
        let package = if package.is_empty() { "an entry without a name" } else { package };
        write!(f, "{index}, line {line}, {package}: {message}")
    }
}
