//! All that is known of one RPM package, from its header or from a repository's metadata.
//!
//! A record owns one text in which all its words lie, so that a package costs a handful of allocations and eighty thousand of
//! them fit in memory. Records are made with a [`PackageBuilder`] and only read afterwards; the parts that a repository keeps
//! in files of their own ([`Files`], [`Changelogs`]) or that are not of the package but of its file ([`PackageFile`]) can be put
//! in later.
//!
//! Must not know: where a record came from.

mod changelogs;
mod files;

use std::fmt;

pub use changelogs::{Changelog, Changelogs};
pub use files::{File, FileKind, Files};

use super::arch;
use super::dependency::{Comparison, Constraint, Dependency};
use super::version::Evr;

/// A word, or a text, of which a package has one at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Name,
    Version,
    Release,
    Arch,
    Summary,
    Description,
    Url,
    License,
    Vendor,
    Group,
    Packager,
    BuildHost,
    /// File name of the source package; empty in a source package.
    SourceRpm,
}

const FIELDS: usize = Field::SourceRpm as usize + 1;

/// What a dependency is to the package that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RelationKind {
    Provides,
    Requires,
    Conflicts,
    Obsoletes,
    Recommends,
    Suggests,
    Supplements,
    Enhances,
}

impl RelationKind {
    /// In the order in which rpm-md lists them.
    pub const ALL: [RelationKind; 8] = [
        RelationKind::Provides,
        RelationKind::Requires,
        RelationKind::Conflicts,
        RelationKind::Obsoletes,
        RelationKind::Recommends,
        RelationKind::Suggests,
        RelationKind::Supplements,
        RelationKind::Enhances,
    ];
}

/// A dependency, and whether it must be met before the package's scripts run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation<'a> {
    pub dependency: Dependency<'a>,
    pub pre: bool,
}

/// What is known of the file that holds the package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageFile {
    /// Path in the repository, as its metadata has it.
    pub location: Box<str>,
    /// Only where the location is relative to something else than the repository.
    pub location_base: Option<Box<str>>,
    pub checksum: Checksum,
    pub size: u64,
    /// Time of the file's last change, in seconds since 1970.
    pub time: u64,
    /// First byte of the header, and first byte behind it.
    pub header_range: (u64, u64),
}

/// A digest of a file, with the name of its algorithm as rpm-md writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Checksum {
    pub algorithm: Box<str>,
    /// In hexadecimal.
    pub digest: Box<str>,
}

#[derive(Clone, PartialEq, Eq)]
pub struct Package {
    text: Box<str>,
    fields: [Piece; FIELDS],
    relations: Box<[StoredRelation]>,
    /// Where the relations of each kind end.
    relation_ends: [u32; RelationKind::ALL.len()],
    pub epoch: u32,
    /// In seconds since 1970.
    pub build_time: u64,
    pub installed_size: u64,
    pub archive_size: u64,
    pub files: Files,
    pub changelogs: Changelogs,
    pub file: PackageFile,
}

/// A part of a record's text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Piece {
    start: u32,
    end: u32,
}

impl Piece {
    fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StoredRelation {
    name: Piece,
    evr: Piece,
    comparison: Option<Comparison>,
    pre: bool,
}

impl Package {
    pub fn field(&self, field: Field) -> &str {
        self.fields[field as usize].of(&self.text)
    }

    pub fn name(&self) -> &str {
        self.field(Field::Name)
    }

    pub fn version(&self) -> &str {
        self.field(Field::Version)
    }

    pub fn release(&self) -> &str {
        self.field(Field::Release)
    }

    pub fn arch(&self) -> &str {
        self.field(Field::Arch)
    }

    /// File name of the source package; empty in a source package.
    pub fn source_rpm(&self) -> &str {
        self.field(Field::SourceRpm)
    }

    pub fn evr(&self) -> Evr<'_> {
        Evr { epoch: Some(self.epoch), version: self.version(), release: Some(self.release()) }
    }

    pub fn is_source(&self) -> bool {
        arch::is_source(self.arch())
    }

    /// `name-version-release.arch`, with the epoch before the version unless it is 0.
    pub fn nevra(&self) -> Nevra<'_> {
        Nevra(self)
    }

    pub fn relations(&self, kind: RelationKind) -> impl ExactSizeIterator<Item = Relation<'_>> {
        let start = match kind as usize {
            0 => 0,
            kind => self.relation_ends[kind - 1] as usize,
        };
        let stored = &self.relations[start..self.relation_ends[kind as usize] as usize];
        stored.iter().map(|relation| relation.read(&self.text))
    }

    pub fn provides(&self) -> impl ExactSizeIterator<Item = Dependency<'_>> {
        self.relations(RelationKind::Provides).map(|relation| relation.dependency)
    }

    pub fn requires(&self) -> impl ExactSizeIterator<Item = Relation<'_>> {
        self.relations(RelationKind::Requires)
    }
}

impl StoredRelation {
    fn read(self, text: &str) -> Relation<'_> {
        let constraint = self.comparison.map(|comparison| Constraint { comparison, evr: Evr::parse(self.evr.of(text)) });
        Relation { dependency: Dependency { name: self.name.of(text), constraint }, pre: self.pre }
    }
}

impl fmt::Debug for Package {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Package({})", self.nevra())
    }
}

/// A package's full name, to be printed.
#[derive(Debug, Clone, Copy)]
pub struct Nevra<'a>(&'a Package);

impl fmt::Display for Nevra<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}.{}", self.0.name(), self.0.evr(), self.0.arch())
    }
}

/// What a record cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the texts of one package have more than 4 GiB")]
pub struct TooLarge;

/// A record in the making. What is not set is empty or 0.
#[derive(Debug, Clone, Default)]
pub struct PackageBuilder {
    text: String,
    fields: [Piece; FIELDS],
    relations: Vec<(RelationKind, StoredRelation)>,
    pub epoch: u32,
    pub build_time: u64,
    pub installed_size: u64,
    pub archive_size: u64,
    pub files: Files,
    pub changelogs: Changelogs,
    pub file: PackageFile,
}

impl PackageBuilder {
    /// Sets a field; the last value counts.
    pub fn set(&mut self, field: Field, value: &str) -> Result<(), TooLarge> {
        self.fields[field as usize] = self.keep(value)?;
        Ok(())
    }

    pub fn field(&self, field: Field) -> &str {
        self.fields[field as usize].of(&self.text)
    }

    /// Adds a relation behind those of its kind.
    pub fn relation(&mut self, kind: RelationKind, relation: Relation<'_>) -> Result<(), TooLarge> {
        let Relation { dependency: Dependency { name, constraint }, pre } = relation;
        let name = self.keep(name)?;
        let evr = match constraint {
            Some(Constraint { evr, .. }) => self.keep_evr(&evr)?,
            None => Piece::default(),
        };
        self.relations.push((kind, StoredRelation { name, evr, comparison: constraint.map(|it| it.comparison), pre }));
        Ok(())
    }

    pub fn finish(mut self) -> Package {
        self.relations.sort_by_key(|(kind, _)| *kind);
        let ends = RelationKind::ALL.map(|kind| {
            let end = self.relations.partition_point(|(of, _)| *of <= kind);
            u32::try_from(end).unwrap_or(u32::MAX)
        });
        Package {
            text: self.text.into_boxed_str(),
            fields: self.fields,
            relations: self.relations.into_iter().map(|(_, relation)| relation).collect(),
            relation_ends: ends,
            epoch: self.epoch,
            build_time: self.build_time,
            installed_size: self.installed_size,
            archive_size: self.archive_size,
            files: self.files,
            changelogs: self.changelogs,
            file: self.file,
        }
    }

    fn keep(&mut self, value: &str) -> Result<Piece, TooLarge> {
        let start = self.text.len();
        self.text.push_str(value);
        self.piece_from(start)
    }

    fn keep_evr(&mut self, evr: &Evr<'_>) -> Result<Piece, TooLarge> {
        use fmt::Write as _;
        let start = self.text.len();
        write!(self.text, "{evr}").expect("memory takes it");
        self.piece_from(start)
    }

    fn piece_from(&self, start: usize) -> Result<Piece, TooLarge> {
        let position = |at: usize| u32::try_from(at).map_err(|_| TooLarge);
        Ok(Piece { start: position(start)?, end: position(self.text.len())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> Package {
        let mut builder = PackageBuilder { epoch: 1, ..PackageBuilder::default() };
        for (field, value) in
            [(Field::Name, "bash"), (Field::Version, "5.2"), (Field::Release, "1.fc40"), (Field::Arch, "x86_64")]
        {
            builder.set(field, value).unwrap();
        }
        for (kind, text, pre) in [
            (RelationKind::Requires, "glibc >= 2.38", false),
            (RelationKind::Provides, "bash = 1:5.2-1.fc40", false),
            (RelationKind::Requires, "/bin/sh", true),
            (RelationKind::Enhances, "(a or b)", false),
        ] {
            let dependency = Dependency::parse(text).unwrap();
            builder.relation(kind, Relation { dependency, pre }).unwrap();
        }
        builder.finish()
    }

    #[test]
    fn a_record_gives_back_what_was_put_in() {
        let package = built();
        assert_eq!(package.nevra().to_string(), "bash-1:5.2-1.fc40.x86_64");
        assert_eq!((package.field(Field::Summary), package.source_rpm()), ("", ""));
        let of = |kind| -> Vec<_> {
            package.relations(kind).map(|relation| (relation.dependency.to_string(), relation.pre)).collect()
        };
        assert_eq!(of(RelationKind::Requires), [("glibc >= 2.38".to_owned(), false), ("/bin/sh".to_owned(), true)]);
        assert_eq!(of(RelationKind::Provides), [("bash = 1:5.2-1.fc40".to_owned(), false)]);
        assert_eq!(of(RelationKind::Enhances), [("(a or b)".to_owned(), false)]);
        assert!(of(RelationKind::Conflicts).is_empty());
    }
}
