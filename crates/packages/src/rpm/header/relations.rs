//! What a header says of other packages, with createrepo_c's rules about which of it a repository tells.

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use super::store::{Numbers, Store, Texts, decode};
use super::{HeaderError, tags};
use crate::rpm::dependency::{Comparison, Constraint, Dependency};
use crate::rpm::package::{File, PackageBuilder, Relation, RelationKind};
use crate::rpm::version::{Evr, compare_parts};

/// Bits of a dependency's flags.
mod sense {
    pub(super) const LESS: u64 = 1 << 1;
    pub(super) const GREATER: u64 = 1 << 2;
    pub(super) const EQUAL: u64 = 1 << 3;
    /// The four lowest bits.
    pub(super) const COMPARISON: u64 = 0xf;
    /// Needed before the package's own scripts run. Those of transactions are not among them, as createrepo_c 0.17 has it.
    pub(super) const PRE: u64 = 1 << 6 | 1 << 9 | 1 << 10;
    /// A requirement that need not be met.
    pub(super) const MISSING_OK: u64 = 1 << 19;
    /// Of the two kinds of weak dependency that SUSE once had, the stronger one.
    pub(super) const STRONG: u64 = 1 << 27;
}

/// The three arrays of one kind of dependency.
struct Arrays {
    kind: RelationKind,
    names: u32,
    flags: u32,
    versions: u32,
}

const fn arrays(kind: RelationKind, names: u32, flags: u32, versions: u32) -> Arrays {
    Arrays { kind, names, flags, versions }
}

/// Those that are taken as they are, in the order in which createrepo_c reads them.
const PLAIN: [Arrays; 3] = [
    arrays(RelationKind::Provides, tags::PROVIDE_NAME, tags::PROVIDE_FLAGS, tags::PROVIDE_VERSION),
    arrays(RelationKind::Conflicts, tags::CONFLICT_NAME, tags::CONFLICT_FLAGS, tags::CONFLICT_VERSION),
    arrays(RelationKind::Obsoletes, tags::OBSOLETE_NAME, tags::OBSOLETE_FLAGS, tags::OBSOLETE_VERSION),
];
const REQUIRES: Arrays = arrays(RelationKind::Requires, tags::REQUIRE_NAME, tags::REQUIRE_FLAGS, tags::REQUIRE_VERSION);
const WEAK: [Arrays; 4] = [
    arrays(RelationKind::Suggests, tags::SUGGEST_NAME, tags::SUGGEST_FLAGS, tags::SUGGEST_VERSION),
    arrays(RelationKind::Enhances, tags::ENHANCE_NAME, tags::ENHANCE_FLAGS, tags::ENHANCE_VERSION),
    arrays(RelationKind::Recommends, tags::RECOMMEND_NAME, tags::RECOMMEND_FLAGS, tags::RECOMMEND_VERSION),
    arrays(RelationKind::Supplements, tags::SUPPLEMENT_NAME, tags::SUPPLEMENT_FLAGS, tags::SUPPLEMENT_VERSION),
];
/// Before rpm had weak dependencies of its own, with the kind that the strong ones among them are.
const OLD_WEAK: [(Arrays, RelationKind); 2] = [
    (
        arrays(RelationKind::Suggests, tags::OLD_SUGGESTS_NAME, tags::OLD_SUGGESTS_FLAGS, tags::OLD_SUGGESTS_VERSION),
        RelationKind::Recommends,
    ),
    (
        arrays(RelationKind::Enhances, tags::OLD_ENHANCES_NAME, tags::OLD_ENHANCES_FLAGS, tags::OLD_ENHANCES_VERSION),
        RelationKind::Supplements,
    ),
];

/// One dependency as the header has it.
#[derive(Clone, Copy)]
struct Raw<'a> {
    name: &'a [u8],
    version: &'a [u8],
    flags: u64,
}

/// The versions that are meant, as the header has them.
type Range<'a> = (Option<Comparison>, &'a [u8]);

impl<'a> Raw<'a> {
    fn range(&self) -> Range<'a> {
        (self.comparison(), self.version)
    }

    fn comparison(&self) -> Option<Comparison> {
        const LESS_OR_EQUAL: u64 = sense::LESS | sense::EQUAL;
        const GREATER_OR_EQUAL: u64 = sense::GREATER | sense::EQUAL;
        match self.flags & sense::COMPARISON {
            sense::LESS => Some(Comparison::Less),
            LESS_OR_EQUAL => Some(Comparison::LessOrEqual),
            sense::EQUAL => Some(Comparison::Equal),
            GREATER_OR_EQUAL => Some(Comparison::GreaterOrEqual),
            sense::GREATER => Some(Comparison::Greater),
            _ => None,
        }
    }

    fn is_pre(&self) -> bool {
        self.flags & sense::PRE != 0
    }

    /// An epoch that is no number makes a dependency that nothing can meet or break.
    fn has_bad_epoch(&self) -> bool {
        let colon = memchr::memchr(b':', self.version);
        colon.is_some_and(|colon| !self.version[..colon].iter().all(u8::is_ascii_digit))
    }

    fn add_to(&self, builder: &mut PackageBuilder, kind: RelationKind, pre: bool) -> Result<(), HeaderError> {
        let (name, version) = (decode(self.name), decode(self.version));
        let constraint = self.comparison().map(|comparison| Constraint { comparison, evr: Evr::parse(&version) });
        Ok(builder.relation(kind, Relation { dependency: Dependency { name: &name, constraint }, pre })?)
    }
}

/// The dependencies of one kind; none unless all three arrays are there.
struct Raws<'a> {
    names: Texts<'a>,
    flags: Numbers<'a>,
    versions: Texts<'a>,
}

impl<'a> Raws<'a> {
    fn of(main: &Store<'a>, arrays: &Arrays) -> Result<Option<Raws<'a>>, HeaderError> {
        let (Some(names), Some(flags), Some(versions)) =
            (main.texts(arrays.names)?, main.numbers(arrays.flags)?, main.texts(arrays.versions)?)
        else {
            return Ok(None);
        };
        for (other, count) in [(arrays.flags, flags.len()), (arrays.versions, versions.len())] {
            if count != names.len() {
                return Err(HeaderError::CountsDiffer { tag: arrays.names, other });
            }
        }
        Ok(Some(Raws { names, flags, versions }))
    }
}

impl<'a> Iterator for Raws<'a> {
    type Item = Result<Raw<'a>, HeaderError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (name, flags, version) = (self.names.next()?, self.flags.next()?, self.versions.next()?);
        Some(name.and_then(|name| Ok(Raw { name, version: version?, flags })))
    }
}

/// Adds all dependencies to a record whose files are there already.
pub(super) fn read(main: &Store<'_>, builder: &mut PackageBuilder) -> Result<(), HeaderError> {
    for arrays in &PLAIN {
        each(main, arrays, |raw| raw.add_to(builder, arrays.kind, false))?;
    }
    read_requires(main, builder)?;
    for arrays in &WEAK {
        each(main, arrays, |raw| raw.add_to(builder, arrays.kind, false))?;
    }
    for (arrays, strong) in &OLD_WEAK {
        each(main, arrays, |raw| {
            let kind = if raw.flags & sense::STRONG == 0 { arrays.kind } else { *strong };
            raw.add_to(builder, kind, false)
        })?;
    }
    Ok(())
}

fn each<'a>(
    main: &Store<'a>,
    arrays: &Arrays,
    mut take: impl FnMut(Raw<'a>) -> Result<(), HeaderError>,
) -> Result<(), HeaderError> {
    for raw in Raws::of(main, arrays)?.into_iter().flatten() {
        let raw = raw?;
        if !raw.has_bad_epoch() {
            take(raw)?;
        }
    }
    Ok(())
}

fn read_requires(main: &Store<'_>, builder: &mut PackageBuilder) -> Result<(), HeaderError> {
    let own = OwnMeans::of(main, builder)?;
    // What was last taken under each name: only a repetition of that is left out.
    let mut last_taken: HashMap<&[u8], (Range<'_>, bool), FixedState> = HashMap::default();
    let mut glibc: Option<Raw<'_>> = None;
    each(main, &REQUIRES, |raw| {
        if raw.name.starts_with(b"rpmlib(") || own.meets(&raw) {
            return Ok(());
        }
        let shape = (raw.range(), raw.is_pre());
        if last_taken.get(raw.name) == Some(&shape) {
            return Ok(());
        }
        if raw.flags & sense::MISSING_OK != 0 {
            return raw.add_to(builder, RelationKind::Recommends, false);
        }
        if raw.name.starts_with(b"libc.so.6") {
            if glibc.is_none_or(|kept| Glibc::of(kept.name).is_below(&Glibc::of(raw.name))) {
                glibc = Some(raw);
            }
            return Ok(());
        }
        last_taken.insert(raw.name, shape);
        raw.add_to(builder, RelationKind::Requires, raw.is_pre())
    })?;
    match glibc {
        Some(raw) => raw.add_to(builder, RelationKind::Requires, raw.is_pre()),
        None => Ok(()),
    }
}

/// What a package requires and has itself.
struct OwnMeans<'a> {
    provides: HashSet<(&'a [u8], Range<'a>), FixedState>,
    /// Only those files that stand in a repository's primary index.
    files: HashSet<Vec<u8>, FixedState>,
}

impl<'a> OwnMeans<'a> {
    fn of(main: &Store<'a>, builder: &PackageBuilder) -> Result<OwnMeans<'a>, HeaderError> {
        let mut provides = HashSet::default();
        each(main, &PLAIN[0], |raw| {
            provides.insert((raw.name, raw.range()));
            Ok(())
        })?;
        let mut files = HashSet::default();
        let mut names = main.texts(tags::REQUIRE_NAME)?.into_iter().flatten();
        if names.any(|name| name.is_ok_and(|name| name.starts_with(b"/"))) {
            files = builder.files.iter().filter(File::is_primary).map(|file| file.path().into_bytes()).collect();
        }
        Ok(OwnMeans { provides, files })
    }

    fn meets(&self, raw: &Raw<'_>) -> bool {
        self.files.contains(raw.name) || self.provides.contains(&(raw.name, raw.range()))
    }
}

/// How new a glibc a requirement such as `libc.so.6(GLIBC_2.38)(64bit)` asks for. Of all of a package's only the newest is told.
enum Glibc<'a> {
    /// None, and how much of `libc.so.6()` is there.
    Any(u8),
    Version(&'a str),
}

impl<'a> Glibc<'a> {
    fn of(name: &'a [u8]) -> Glibc<'a> {
        let Some(open) = memchr::memchr(b'(', name) else { return Glibc::Any(0) };
        let Some(length) = memchr::memchr(b')', &name[open..]) else { return Glibc::Any(1) };
        let inside = &name[open + 1..open + length];
        match inside.iter().position(u8::is_ascii_digit) {
            None if inside.is_empty() => Glibc::Any(2),
            None => Glibc::Any(3),
            Some(digit) => Glibc::Version(std::str::from_utf8(&inside[digit..]).unwrap_or_default()),
        }
    }

    fn is_below(&self, other: &Glibc<'_>) -> bool {
        match (self, other) {
            (Glibc::Any(left), Glibc::Any(right)) => left < right,
            (Glibc::Any(_), Glibc::Version(_)) => true,
            (Glibc::Version(_), Glibc::Any(_)) => false,
            (Glibc::Version(left), Glibc::Version(right)) => compare_parts(left, right).is_lt(),
        }
    }
}
