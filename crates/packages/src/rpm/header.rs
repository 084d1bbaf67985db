//! The headers of an RPM file: from its first bytes to the record of a package.
//!
//! A file begins with a lead (96 bytes that nothing uses any more), a signature header, padding to 8 bytes, and the main header;
//! the payload behind them is not looked at. The caller gives the first bytes of the file, as many as [`bytes_needed`] asks for:
//!
//! ```
//! # use charmer_packages::rpm::header;
//! # fn first_bytes_of_a_file(count: u64) -> Vec<u8> { vec![0; count as usize] }
//! let mut bytes = first_bytes_of_a_file(header::FIRST_READ);
//! let header = loop {
//!     match header::bytes_needed(&bytes) {
//!         Ok(needed) if needed > bytes.len() as u64 => bytes = first_bytes_of_a_file(needed),
//!         Ok(_) => break header::read(&bytes),
//!         Err(error) => break Err(error),
//!     }
//! };
//! assert_eq!(header.unwrap_err(), header::HeaderError::NotAnRpm);
//! ```
//!
//! Which dependencies count, and in which order, is what createrepo_c 0.17 makes of them, so that repositories written from these
//! records are those that it writes. Nothing in the bytes is trusted: a header is refused with the name of what is wrong, and the
//! memory taken is a small multiple of the bytes given. Must not know: files, repositories.

mod relations;
mod signature;
mod store;
mod tags;
#[cfg(test)]
mod tests;

pub use signature::KeyId;

use store::{Extent, Store};

use super::package::{Changelog, Field, FileKind, Package, PackageBuilder, TooLarge};

/// As much as most files' headers have.
pub const FIRST_READ: u64 = 16 << 10;

/// createrepo_c's default, which dnf's `changelog` shows.
const CHANGELOG_LIMIT: usize = 10;

const LEAD: usize = 96;
const LEAD_MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// All that the headers of one file say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Of its file only the header's range is known.
    pub package: Package,
    /// A source package that was made without some of its sources or patches: its file is called `.nosrc.rpm`.
    pub lacks_sources: bool,
    /// Of a source package: where it cannot be built, and the only arches where it can. Binary packages repeat them sometimes.
    pub exclude_arch: Vec<String>,
    pub exclusive_arch: Vec<String>,
    /// Keys that made signatures over the header or the whole file, without repetitions. None of them was verified.
    pub signing_keys: Vec<KeyId>,
}

/// One of the two headers of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Signature,
    Main,
}

impl std::fmt::Display for Section {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Section::Signature => "signature",
            Section::Main => "main",
        })
    }
}

/// What is wrong with the headers of a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    #[error("it does not begin as RPM files do")]
    NotAnRpm,
    #[error("it ends inside its headers: {needed} bytes are needed and there are {given}")]
    Truncated { needed: u64, given: u64 },
    #[error("its {0} header does not begin as headers do")]
    NotAHeader(Section),
    #[error("its {section} header claims {claimed} entries, and at most {limit} are allowed")]
    TooManyEntries { section: Section, claimed: u32, limit: u32 },
    #[error("its {section} header claims {claimed} bytes, and at most {limit} are allowed")]
    TooLong { section: Section, claimed: u32, limit: u32 },
    #[error("tag {tag} of its {section} header points outside of it")]
    Outside { section: Section, tag: u32 },
    #[error("tag {tag} of its {section} header has a string without end")]
    Unterminated { section: Section, tag: u32 },
    #[error("tag {tag} of its {section} header has type {found}, which it cannot have")]
    WrongType { section: Section, tag: u32, found: u32 },
    #[error("tags {tag} and {other} of its main header have different counts")]
    CountsDiffer { tag: u32, other: u32 },
    #[error("file {file} is in directory number {index}, which is not listed")]
    UnknownDirectory { file: String, index: u64 },
    #[error("its {0} is missing or empty")]
    Missing(&'static str),
    #[error("its {what} `{value}` cannot be part of a file name")]
    BadName { what: &'static str, value: String },
    #[error("its epoch {0} is larger than rpm allows")]
    BadEpoch(u64),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

/// How many of a file's first bytes [`read`] needs. The answer is final once so many are given; with fewer it may grow.
pub fn bytes_needed(bytes: &[u8]) -> Result<u64, HeaderError> {
    if !bytes.starts_with(&LEAD_MAGIC[..bytes.len().min(LEAD_MAGIC.len())]) {
        return Err(HeaderError::NotAnRpm);
    }
    let signature = match Extent::at(bytes, LEAD, Section::Signature)? {
        Ok(extent) => extent,
        Err(needed) => return Ok(needed as u64),
    };
    let main = match Extent::at(bytes, signature.end().next_multiple_of(8), Section::Main)? {
        Ok(extent) => extent,
        Err(needed) => return Ok(needed as u64),
    };
    Ok(main.end() as u64)
}

/// Reads both headers.
pub fn read(bytes: &[u8]) -> Result<Header, HeaderError> {
    let needed = bytes_needed(bytes)?;
    let truncated = HeaderError::Truncated { needed, given: bytes.len() as u64 };
    if needed > bytes.len() as u64 {
        return Err(truncated);
    }
    let extent = |start, section| Extent::at(bytes, start, section)?.map_err(|_| truncated.clone());
    let signature = extent(LEAD, Section::Signature)?;
    let main = extent(signature.end().next_multiple_of(8), Section::Main)?;
    let range = (main.start() as u64, main.end() as u64);
    let (signature, main) = (Store::read(bytes, signature)?, Store::read(bytes, main)?);

    let mut builder = PackageBuilder::default();
    builder.file.header_range = range;
    let is_source = is_source(&main)?;
    read_fields(&main, is_source, &mut builder)?;
    read_numbers(&main, &signature, &mut builder)?;
    read_files(&main, &mut builder)?;
    relations::read(&main, &mut builder)?;
    read_changelogs(&main, &mut builder)?;
    Ok(Header {
        lacks_sources: is_source && (main.has(tags::NO_SOURCE) || main.has(tags::NO_PATCH)),
        exclude_arch: main.words(tags::EXCLUDE_ARCH)?,
        exclusive_arch: main.words(tags::EXCLUSIVE_ARCH)?,
        signing_keys: signature::signing_keys(&signature)?,
        package: builder.finish(),
    })
}

/// Old source packages say it only by not naming one that they come from.
fn is_source(main: &Store<'_>) -> Result<bool, HeaderError> {
    Ok(main.number(tags::SOURCE_PACKAGE)?.is_some_and(|value| value != 0) || !main.has(tags::SOURCE_RPM))
}

fn read_fields(main: &Store<'_>, is_source: bool, builder: &mut PackageBuilder) -> Result<(), HeaderError> {
    let named = [
        (Field::Name, tags::NAME, "name"),
        (Field::Version, tags::VERSION, "version"),
        (Field::Release, tags::RELEASE, "release"),
        (Field::Arch, tags::ARCH, "arch"),
    ];
    for (field, tag, what) in named {
        let value = match main.text(tag)? {
            _ if is_source && field == Field::Arch => "src".into(),
            Some(value) if !value.is_empty() => value,
            _ => return Err(HeaderError::Missing(what)),
        };
        check_name(what, &value)?;
        builder.set(field, &value)?;
    }
    let texts = [
        (Field::Summary, tags::SUMMARY),
        (Field::Description, tags::DESCRIPTION),
        (Field::Url, tags::URL),
        (Field::License, tags::LICENSE),
        (Field::Vendor, tags::VENDOR),
        (Field::Group, tags::GROUP),
        (Field::Packager, tags::PACKAGER),
        (Field::BuildHost, tags::BUILD_HOST),
        (Field::SourceRpm, tags::SOURCE_RPM),
    ];
    for (field, tag) in texts {
        if let Some(value) = main.text(tag)? {
            builder.set(field, &value)?;
        }
    }
    check_name("source package", builder.field(Field::SourceRpm))
}

/// These become file names: they must not lead anywhere, nor break a list of files.
fn check_name(what: &'static str, value: &str) -> Result<(), HeaderError> {
    let bad = |character: char| character == '/' || character.is_whitespace() || character.is_control();
    if value.starts_with('.') || value.contains(bad) {
        let value = value.chars().take(80).flat_map(char::escape_debug).collect();
        return Err(HeaderError::BadName { what, value });
    }
    Ok(())
}

fn read_numbers(main: &Store<'_>, signature: &Store<'_>, builder: &mut PackageBuilder) -> Result<(), HeaderError> {
    let epoch = main.number(tags::EPOCH)?.unwrap_or(0);
    builder.epoch = u32::try_from(epoch).map_err(|_| HeaderError::BadEpoch(epoch))?;
    builder.build_time = main.number(tags::BUILD_TIME)?.unwrap_or(0);
    let first = |candidates: &[(&Store<'_>, u32)]| -> Result<u64, HeaderError> {
        for (store, tag) in candidates {
            if let Some(number) = store.number(*tag)? {
                return Ok(number);
            }
        }
        Ok(0)
    };
    builder.installed_size = first(&[(main, tags::LONG_SIZE), (main, tags::SIZE)])?;
    builder.archive_size = first(&[
        (main, tags::LONG_ARCHIVE_SIZE),
        (signature, tags::LONG_ARCHIVE_SIZE),
        (main, tags::ARCHIVE_SIZE),
        (signature, tags::SIGNATURE_PAYLOAD_SIZE),
    ])?;
    Ok(())
}

fn read_files(main: &Store<'_>, builder: &mut PackageBuilder) -> Result<(), HeaderError> {
    const TYPE_BITS: u64 = 0o170_000;
    const DIRECTORY: u64 = 0o040_000;
    const GHOST: u64 = 1 << 6;
    let (Some(names), Some(indexes)) = (main.texts(tags::BASE_NAMES)?, main.numbers(tags::DIR_INDEXES)?) else {
        return Ok(());
    };
    let (Some(flags), Some(modes)) = (main.numbers(tags::FILE_FLAGS)?, main.numbers(tags::FILE_MODES)?) else {
        return Ok(());
    };
    for (tag, count) in [(tags::DIR_INDEXES, indexes.len()), (tags::FILE_FLAGS, flags.len()), (tags::FILE_MODES, modes.len())] {
        if count != names.len() {
            return Err(HeaderError::CountsDiffer { tag: tags::BASE_NAMES, other: tag });
        }
    }
    let directories = main.directories()?;
    for (((name, index), flags), mode) in names.zip(indexes).zip(flags).zip(modes) {
        let name = store::decode(name?);
        let directory = usize::try_from(index).ok().and_then(|index| directories.get(index));
        let directory = directory.ok_or_else(|| HeaderError::UnknownDirectory { file: name.clone().into_owned(), index })?;
        let kind = match mode & TYPE_BITS {
            DIRECTORY => FileKind::Directory,
            _ if flags & GHOST != 0 => FileKind::Ghost,
            _ => FileKind::File,
        };
        builder.files.push(&store::decode(directory), &name, kind)?;
    }
    builder.files.shrink();
    Ok(())
}

/// The newest entries, the oldest of them first. Entries of one time are set a second apart, as clients sort by it.
fn read_changelogs(main: &Store<'_>, builder: &mut PackageBuilder) -> Result<(), HeaderError> {
    let (Some(times), Some(authors), Some(texts)) =
        (main.numbers(tags::CHANGELOG_TIME)?, main.texts(tags::CHANGELOG_NAME)?, main.texts(tags::CHANGELOG_TEXT)?)
    else {
        return Ok(());
    };
    let mut entries = Vec::with_capacity(CHANGELOG_LIMIT);
    for ((time, author), text) in times.zip(authors).zip(texts).take(CHANGELOG_LIMIT) {
        entries.push((time, author?, text?));
        for (step, (earlier, _, _)) in (0..).zip(entries.iter_mut().rev().skip(1)) {
            if *earlier != time.saturating_add(step) {
                break;
            }
            *earlier = earlier.saturating_add(1);
        }
    }
    for (time, author, text) in entries.into_iter().rev() {
        let (author, text) = (store::decode(author), store::decode(text));
        builder.changelogs.push(Changelog { author: author.trim_end_matches(' '), time, text: &text })?;
    }
    builder.changelogs.shrink();
    Ok(())
}
