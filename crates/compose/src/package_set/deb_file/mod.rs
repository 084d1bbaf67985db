//! Reads .deb files without dpkg: the control file, the names of the files in it, and the stanza that an index has for it.
//!
//! Packages of an overlay come from anywhere, so everything about them is checked: sizes, names, kinds of entries, and how much
//! memory and time they may take. Files are read once, from front to back, and never extracted.
//! Must not know: which packages a compose selects, repositories.

mod ar;
mod description;
mod unpack;

use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::file_digests::{DigestReader, FileDigests};
use super::paragraph::{Paragraph, excerpt};
use ar::Members;
pub use description::{Description, full_description, with_short_description};
use unpack::{Kind, decompress, visit_entries};

/// The largest control file that is read. The largest of Debian has less than a tenth of it.
const CONTROL: u64 = 1 << 20;
/// What the archives in a .deb may hold when they are unpacked.
const CONTROL_ARCHIVE: u64 = 256 << 20;
const DATA_ARCHIVE: u64 = 64 << 30;
/// How many entries a package may have, and how many bytes their names may have together.
const ENTRIES: usize = 4_000_000;
const NAMES: usize = 256 << 20;

/// Fields that an index adds, or that dpkg's own database has: a control file has no say in them.
const INDEX_FIELDS: [&str; 10] =
    ["Filename", "Size", "MD5sum", "SHA1", "SHA256", "SHA512", "Description-md5", "Status", "Conffiles", "Config-Version"];

/// A .deb that cannot be used.
#[derive(Debug, thiserror::Error)]
pub struct DebFileError {
    pub file: PathBuf,
    /// The part of the file that is at fault: `control.tar.xz`.
    pub member: Option<String>,
    pub fault: Fault,
}

/// What is wrong with a .deb.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error("it is not a Debian package: an ar archive is expected")]
    NotAnArchive,
    #[error("the header of its member {number} is damaged")]
    DamagedHeader { number: usize },
    #[error("its format is '{0}', and only 2.x is known")]
    Format(String),
    #[error("it has no member {0}")]
    Missing(&'static str),
    #[error("dpkg does not take a member of this name here")]
    Unexpected,
    #[error("compression '{suffix}' is not supported: pack it again with xz, zstd or gzip")]
    Compression { suffix: String },
    #[error("it has more than {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
    #[error("entry '{name}': {reason}")]
    Entry { name: String, reason: &'static str },
    #[error("control file: {0}")]
    Control(String),
    #[error("{0}")]
    Read(#[from] io::Error),
}

impl Fault {
    fn entry(name: &[u8], reason: &'static str) -> Self {
        Self::Entry { name: excerpt(&String::from_utf8_lossy(name)), reason }
    }
}

impl fmt::Display for DebFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.file.display())?;
        if let Some(member) = &self.member {
            write!(formatter, "{member}: ")?;
        }
        write!(formatter, "{}", self.fault)
    }
}

/// The control file of a binary package. What identifies the package has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// To the byte, but for empty lines at its end; the last line has a line end.
    pub text: String,
    pub name: String,
    pub version: String,
    pub arch: String,
}

/// A .deb and its digests, from one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DebFile {
    pub(super) control: Control,
    pub(super) digests: FileDigests,
}

/// The control file of a .deb. Only the beginning of the file is read.
pub fn control(path: &Path) -> Result<Control, DebFileError> {
    let mut context = Context::default();
    open(path).and_then(|file| context.control(&mut Members::open(file)?)).map_err(|fault| context.at(path, fault))
}

/// When a .deb was built, in seconds since 1970: the date of its first member, which is that of its changelog for all packages that
/// are built reproducibly.
pub fn built(path: &Path) -> Result<i64, DebFileError> {
    let first_member = |file| {
        let mut members = Members::open(file)?;
        members.next()?;
        Ok(members.time())
    };
    open(path).and_then(first_member).map_err(|fault| Context::default().at(path, fault))
}

/// The names of what a .deb installs but for folders, sorted, without a slash in front, as Contents indexes have them. A name that
/// is not UTF-8, which Debian's policy forbids, has U+FFFD for what is not.
pub fn contents(path: &Path) -> Result<Vec<String>, DebFileError> {
    let mut context = Context::default();
    open(path).and_then(|file| context.contents(&mut Members::open(file)?)).map_err(|fault| context.at(path, fault))
}

/// The stanza that an index has for a .deb: the fields of its control file in their order, then where it is, its size and digests.
/// `file_path` is what the index gives as `Filename`. The description is whole; see [`with_short_description`].
pub fn stanza_of(path: &Path, file_path: &str) -> Result<String, DebFileError> {
    Ok(inspect(path)?.stanza(file_path))
}

/// Reads a whole .deb once: its control file, whether all of it is there, and its digests.
pub(super) fn inspect(path: &Path) -> Result<DebFile, DebFileError> {
    let mut context = Context::default();
    open(path).and_then(|file| context.inspect(file)).map_err(|fault| context.at(path, fault))
}

impl DebFile {
    pub(super) fn stanza(&self, file_path: &str) -> String {
        let FileDigests { size, md5, sha256 } = &self.digests;
        let mut text = String::with_capacity(self.control.text.len() + 256);
        // It has been read before, so it is a paragraph.
        for field in Paragraph::read(&self.control.text, 1).iter().flat_map(|paragraph| &paragraph.fields) {
            if !INDEX_FIELDS.iter().any(|name| name.eq_ignore_ascii_case(field.name)) {
                text.push_str(field.text);
            }
        }
        text + &format!("Filename: {file_path}\nSize: {size}\nMD5sum: {md5}\nSHA256: {sha256}\n")
    }
}

fn open(path: &Path) -> Result<std::fs::File, Fault> {
    // The error of this crate names the path already.
    fs_err::File::open(path).map(fs_err::File::into_file).map_err(|error| Fault::Read(error.kind().into()))
}

/// Which member is being read, for errors.
#[derive(Default)]
struct Context {
    member: Option<String>,
}

impl Context {
    fn at(self, file: &Path, fault: Fault) -> DebFileError {
        DebFileError { file: file.to_owned(), member: self.member, fault }
    }

    fn inspect(&mut self, file: impl Read) -> Result<DebFile, Fault> {
        let mut members = Members::open(DigestReader::new(file))?;
        let control = self.control(&mut members)?;
        self.enter(&mut members, "data.tar")?;
        // Members for signatures may follow; all must be whole.
        while let Some(name) = self.next(&mut members)? {
            if !name.starts_with('_') {
                return Err(Fault::Unexpected);
            }
        }
        Ok(DebFile { control, digests: members.into_inner().finish()? })
    }

    fn control(&mut self, members: &mut Members<impl Read>) -> Result<Control, Fault> {
        self.check_format(members)?;
        let suffix = self.enter(members, "control.tar")?;
        let mut text = None;
        visit_entries(decompress(&suffix, members, CONTROL_ARCHIVE)?, |name, kind, content| {
            if name != b"control" || kind != Kind::File {
                return Ok(false);
            }
            let mut bytes = Vec::new();
            content.take(CONTROL + 1).read_to_end(&mut bytes)?;
            text = Some(bytes);
            Ok(true)
        })?;
        let control = read_control(text.ok_or(Fault::Missing("control"))?)?;
        self.member = None;
        Ok(control)
    }

    fn contents(&mut self, members: &mut Members<impl Read>) -> Result<Vec<String>, Fault> {
        self.check_format(members)?;
        self.enter(members, "control.tar")?;
        let suffix = self.enter(members, "data.tar")?;
        let mut paths = Vec::new();
        let (mut entries, mut bytes) = (0, 0);
        visit_entries(decompress(&suffix, members, DATA_ARCHIVE)?, |name, kind, _| {
            (entries, bytes) = (entries + 1, bytes + name.len());
            if entries > ENTRIES || bytes > NAMES {
                return Err(Fault::TooMany { what: "entries", limit: ENTRIES });
            }
            if kind != Kind::Folder {
                paths.push(String::from_utf8_lossy(name).into_owned());
            }
            Ok(false)
        })?;
        paths.sort_unstable();
        paths.dedup();
        Ok(paths)
    }

    fn check_format(&mut self, members: &mut Members<impl Read>) -> Result<(), Fault> {
        if self.next(members)?.as_deref() != Some("debian-binary") {
            return Err(Fault::Missing("debian-binary at its beginning"));
        }
        let mut format = String::new();
        members.take(64).read_to_string(&mut format)?;
        let line = format.lines().next().unwrap_or_default();
        if line.starts_with("2.") { Ok(()) } else { Err(Fault::Format(excerpt(line))) }
    }

    /// Goes to the member of this name and any compression, whose suffix it gives. As with dpkg, only members whose names begin with
    /// an underscore may stand in between.
    fn enter(&mut self, members: &mut Members<impl Read>, stem: &'static str) -> Result<String, Fault> {
        while let Some(name) = self.next(members)? {
            match name.strip_prefix(stem) {
                Some(suffix) if suffix.is_empty() || suffix.starts_with('.') => return Ok(suffix.to_owned()),
                _ if name.starts_with('_') => {}
                _ => return Err(Fault::Unexpected),
            }
        }
        Err(Fault::Missing(stem))
    }

    fn next(&mut self, members: &mut Members<impl Read>) -> Result<Option<String>, Fault> {
        let next = members.next()?;
        self.member = next.map(|(name, _)| name);
        Ok(self.member.clone())
    }
}

fn read_control(bytes: Vec<u8>) -> Result<Control, Fault> {
    if bytes.len() as u64 > CONTROL {
        return Err(Fault::Control(format!("it has more than {CONTROL} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| Fault::Control("it is not UTF-8".into()))?;
    let text = format!("{}\n", text.trim_end_matches('\n'));
    let paragraph = Paragraph::read(&text, 1).map_err(|error| Fault::Control(error.to_string()))?;
    let get = |name: &str, valid: fn(&str) -> bool| {
        let value = paragraph.get(name).ok_or_else(|| Fault::Control(format!("it has no {name}")))?;
        let invalid = || Fault::Control(format!("{name} '{}' is not valid", excerpt(value)));
        if valid(value) { Ok(value.to_owned()) } else { Err(invalid()) }
    };
    let (name, version, arch) =
        (get("Package", is_package_name)?, get("Version", is_version)?, get("Architecture", is_architecture)?);
    Ok(Control { text, name, version, arch })
}

/// As dpkg has it, which takes more than Debian's policy.
pub(super) fn is_package_name(name: &str) -> bool {
    starts_plain(name) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte))
}

pub(super) fn is_version(version: &str) -> bool {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let upstream = rest.rsplit_once('-').map_or(rest, |(upstream, _)| upstream);
    epoch.parse::<u32>().is_ok_and(|epoch| i32::try_from(epoch).is_ok())
        && upstream.starts_with(|first: char| first.is_ascii_digit())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+._~:".contains(&byte))
}

pub(super) fn is_architecture(arch: &str) -> bool {
    starts_plain(arch) && arch.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn starts_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests;
