//! The payload of an RPM package: a cpio archive in the `newc` form, unpacked into a folder.
//!
//! Nothing in it is trusted. Files and folders are written first and links last, so that no path can lead through a link of the
//! archive; owners and devices are left out. Must not know: which files are wanted.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::files::set_modified;
use crate::package_set::rpm_file::stays_inside;

/// `newc`, and the same with checksums.
const MAGICS: [&[u8]; 2] = [b"070701", b"070702"];
/// The form of packages with files of 4 GiB and more: names and sizes are in the package's header only.
const STRIPPED_MAGIC: &[u8] = b"07070X";
const FIELDS: usize = 13;
const FIELD: usize = 8;
const MAGIC: usize = 6;
const NAME_LIMIT: u64 = 4096;
/// Of all files together.
const TOTAL_LIMIT: u64 = 64 << 30;
const TRAILER: &str = "TRAILER!!!";

const KIND: u32 = 0o170_000;
const FOLDER: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

#[derive(Debug, thiserror::Error)]
pub enum CpioError {
    #[error("its payload cannot be unpacked: {0}")]
    Io(#[from] io::Error),
    #[error("its payload has files of 4 GiB or more, which charmer does not unpack yet")]
    LargeFiles,
    #[error("its payload has more than {} GiB", TOTAL_LIMIT >> 30)]
    TooLarge,
    #[error("its payload is damaged: {0}")]
    Damaged(&'static str),
    #[error("its payload has a file '{0}', whose path does not stay in the package")]
    PathOutside(String),
    #[error("its payload has '{0}' twice")]
    Twice(String),
}

struct Entry {
    inode: u32,
    mode: u32,
    links: u32,
    modified: u32,
    size: u64,
    name: String,
}

/// Unpacks an archive into an empty folder.
pub(super) fn unpack(mut archive: impl Read, folder: &Path) -> Result<(), CpioError> {
    let mut symbolic: Vec<(PathBuf, PathBuf)> = Vec::new();
    // Names of a file that has several, of which only the last one comes with the content.
    let mut names: HashMap<u32, Vec<PathBuf>> = HashMap::new();
    let mut total = 0;
    while let Some(entry) = read_entry(&mut archive)? {
        total += entry.size;
        if total > TOTAL_LIMIT {
            return Err(CpioError::TooLarge);
        }
        let path = path_in_package(&entry.name)?.map(|path| folder.join(path));
        match (entry.mode & KIND, path) {
            (FILE, Some(path)) if entry.links > 1 && entry.size == 0 => names.entry(entry.inode).or_default().push(path),
            (FILE, Some(path)) => {
                write_file(&mut archive, &entry, &path)?;
                for other in names.remove(&entry.inode).filter(|_| entry.links > 1).unwrap_or_default() {
                    make_parent(&other)?;
                    fs_err::hard_link(&path, &other).map_err(|error| twice(error, &entry.name))?;
                }
            }
            (LINK, Some(path)) => symbolic.push((path, read_link(&mut archive, &entry)?)),
            (kind, path) => {
                if let Some(path) = path.filter(|_| kind == FOLDER) {
                    fs_err::create_dir_all(path)?;
                }
                skip(&mut archive, entry.size)?;
            }
        }
        skip(&mut archive, padding(entry.size))?;
    }
    for path in names.into_values().flatten() {
        make_parent(&path)?;
        fs_err::OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| twice(error, &shown(&path)))?;
    }
    make_links(&symbolic)
}

/// All folders are made before the first link, so that no folder is made through one.
fn make_links(links: &[(PathBuf, PathBuf)]) -> Result<(), CpioError> {
    links.iter().try_for_each(|(path, _)| make_parent(path))?;
    for (path, target) in links {
        fs_err::os::unix::fs::symlink(target, path).map_err(|error| twice(error, &shown(path)))?;
    }
    Ok(())
}

/// Gives nothing at the end of the archive.
fn read_entry(archive: &mut impl Read) -> Result<Option<Entry>, CpioError> {
    let mut header = [0; MAGIC + FIELDS * FIELD];
    archive.read_exact(&mut header[..MAGIC])?;
    if header.starts_with(STRIPPED_MAGIC) {
        return Err(CpioError::LargeFiles);
    }
    if !MAGICS.contains(&&header[..MAGIC]) {
        return Err(CpioError::Damaged("a file does not begin as files in it do"));
    }
    archive.read_exact(&mut header[MAGIC..])?;
    let field = |number: usize| {
        let text = std::str::from_utf8(&header[MAGIC + number * FIELD..][..FIELD]).ok();
        let number = text.and_then(|text| u32::from_str_radix(text, 16).ok());
        number.ok_or(CpioError::Damaged("a number in it is none"))
    };
    let name_length = u64::from(field(11)?);
    if !(1..=NAME_LIMIT).contains(&name_length) {
        return Err(CpioError::Damaged("a file's name is empty or too long"));
    }
    let mut name = read_bytes(archive, name_length)?;
    if name.pop() != Some(0) {
        return Err(CpioError::Damaged("a file's name has no end"));
    }
    skip(archive, padding(header.len() as u64 + name_length))?;
    let name = String::from_utf8(name).map_err(|_| CpioError::Damaged("a file's name is not UTF-8"))?;
    if name == TRAILER {
        return Ok(None);
    }
    let (inode, mode, links, modified, size) = (field(0)?, field(1)?, field(4)?, field(5)?, u64::from(field(6)?));
    Ok(Some(Entry { inode, mode, links, modified, size, name }))
}

/// The path in the package, or nothing for the package's root.
fn path_in_package(name: &str) -> Result<Option<&str>, CpioError> {
    let path = name.strip_prefix('.').filter(|rest| rest.is_empty() || rest.starts_with('/')).unwrap_or(name);
    let path = path.trim_matches('/');
    match path {
        "" => Ok(None),
        path if stays_inside(path) => Ok(Some(path)),
        _ => Err(CpioError::PathOutside(name.escape_debug().to_string())),
    }
}

fn write_file(archive: &mut impl Read, entry: &Entry, path: &Path) -> Result<(), CpioError> {
    make_parent(path)?;
    let opened = fs_err::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = opened.map_err(|error| twice(error, &entry.name))?;
    if io::copy(&mut archive.take(entry.size), &mut file)? != entry.size {
        return Err(CpioError::Damaged("it ends inside a file"));
    }
    // We must be able to read it, and nobody needs what it would be allowed to do as somebody else.
    fs_err::set_permissions(path, PermissionsExt::from_mode(entry.mode & 0o777 | 0o400))?;
    Ok(set_modified(path, i64::from(entry.modified))?)
}

fn read_link(archive: &mut impl Read, entry: &Entry) -> Result<PathBuf, CpioError> {
    if entry.size > NAME_LIMIT {
        return Err(CpioError::Damaged("a link leads too far"));
    }
    let target = read_bytes(archive, entry.size)?;
    if target.is_empty() || target.contains(&0) {
        return Err(CpioError::Damaged("a link leads to no path"));
    }
    Ok(OsString::from_vec(target).into())
}

/// The count was checked before.
fn read_bytes(archive: &mut impl Read, count: u64) -> Result<Vec<u8>, CpioError> {
    let mut bytes = Vec::new();
    if archive.take(count).read_to_end(&mut bytes)? as u64 != count {
        return Err(CpioError::Damaged("it ends inside a file"));
    }
    Ok(bytes)
}

fn skip(archive: &mut impl Read, count: u64) -> Result<(), CpioError> {
    let skipped = io::copy(&mut archive.take(count), &mut io::sink())?;
    if skipped == count { Ok(()) } else { Err(CpioError::Damaged("it ends inside a file")) }
}

/// What follows so many bytes up to the next multiple of four.
fn padding(count: u64) -> u64 {
    count.next_multiple_of(4) - count
}

fn make_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs_err::create_dir_all)
}

fn twice(error: io::Error, name: &str) -> CpioError {
    if error.kind() == io::ErrorKind::AlreadyExists { CpioError::Twice(name.to_owned()) } else { error.into() }
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, mode: u32, inode: u32, links: u32, content: &str) -> Vec<u8> {
        let fields = [inode, mode, 0, 0, links, 1_700_000_000, content.len().try_into().unwrap(), 0, 0, 0, 0];
        let mut bytes = b"070701".to_vec();
        for field in fields.into_iter().chain([u32::try_from(name.len()).unwrap() + 1, 0]) {
            bytes.extend(format!("{field:08x}").bytes());
        }
        bytes.extend(name.bytes().chain([0]));
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes.extend(content.bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn unpacked(entries: &[Vec<u8>]) -> Result<tempfile::TempDir, String> {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("in")).unwrap();
        let archive = [entries.concat(), entry(TRAILER, 0, 0, 1, "")].concat();
        unpack(&archive[..], &folder.path().join("in")).map_err(|error| error.to_string())?;
        Ok(folder)
    }

    #[test]
    fn several_names_of_a_file_all_have_its_content() {
        let name = |name, content| entry(name, FILE | 0o644, 7, 3, content);
        let folder = unpacked(&[name("./a", ""), name("./d/b", ""), name("./c", "text")]).unwrap();
        for path in ["in/a", "in/d/b", "in/c"] {
            assert_eq!(fs_err::read_to_string(folder.path().join(path)).unwrap(), "text");
        }
    }

    #[test]
    fn hostile_archives_write_nothing_outside() {
        let outside = tempfile::tempdir().unwrap();
        let target = outside.path().to_str().unwrap();
        let link = entry("./a", LINK | 0o777, 1, 1, target);
        let file = |name| entry(name, FILE | 0o644, 2, 1, "text");
        for entries in [
            vec![link.clone(), file("./a/file")],
            vec![link.clone(), entry("./a/link", LINK | 0o777, 3, 1, "x")],
            vec![link.clone(), entry("./a/folder", FOLDER | 0o755, 3, 1, "")],
            vec![link.clone(), link.clone()],
            vec![file("./../file")],
            vec![file("./b/../../file")],
            vec![file("./b\nc")],
            vec![file("./file"), file("./file")],
        ] {
            unpacked(&entries).unwrap_err();
        }
        assert_eq!(fs_err::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn damage_is_an_error() {
        let whole = [entry("./file", FILE | 0o644, 1, 1, "some text"), entry(TRAILER, 0, 0, 1, "")].concat();
        for length in 0..whole.len() - 1 {
            let folder = tempfile::tempdir().unwrap();
            assert!(unpack(&whole[..length], folder.path()).is_err(), "{length}");
        }
        let unpack_bytes = |bytes: &[u8]| unpack(bytes, tempfile::tempdir().unwrap().path()).unwrap_err().to_string();
        assert!(unpack_bytes(b"07070X00000000").contains("4 GiB"));
        assert!(unpack_bytes(&[b"070701".as_slice(), &[b'z'; 104]].concat()).contains("a number"));
    }
}
