//! Files that appear whole or not at all, and files that are linked rather than copied.
//!
//! Temporary names are made from the names that the files will have, so that what a killed process left is written over by the
//! next one; two writers of one path at once would disturb each other. Must not know: what the files are for.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a file for reading, which must be a regular one: a pipe would be waited for, and a device may have no end.
pub fn open_regular(path: &Path) -> io::Result<fs_err::File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = fs_err::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("'{}' is no regular file", path.display())))
}

/// Reads a regular file of at most `limit` bytes.
pub fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 <= limit {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("'{}' has more than {limit} bytes", path.display())))
}

/// Writes a file under a temporary name beside it, and renames it into place.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_whole_dated(path, bytes, None)
}

/// As [`write_whole`], with a modification time in seconds since 1970.
pub fn write_whole_dated(path: &Path, bytes: &[u8], modified: Option<i64>) -> io::Result<()> {
    let partial = partial_name(path)?;
    let written = (|| {
        let mut file = fs_err::File::create(&partial)?;
        file.write_all(bytes)?;
        if let Some(seconds) = modified {
            file.file().set_modified(time_of(seconds))?;
        }
        fs_err::rename(&partial, path)
    })();
    forget_partial_on_error(&partial, written)
}

/// Makes `path` a second name of the file `original`, in the place of whatever had that name.
pub fn link_over(original: &Path, path: &Path) -> io::Result<()> {
    let partial = partial_name(path)?;
    remove_if_there(&partial)?;
    fs_err::hard_link(original, &partial)?;
    forget_partial_on_error(&partial, fs_err::rename(&partial, path))?;
    // Renaming one name of a file over another name of the same file does nothing, and leaves both.
    remove_if_there(&partial)
}

/// Gives `path` the content of `original` in the cheapest way there is: a hard link, a copy that shares blocks, a copy.
///
/// There must be no file of that name yet.
pub fn link_or_copy(original: &Path, path: &Path) -> io::Result<()> {
    match fs_err::hard_link(original, path) {
        Err(error) if cannot_be_linked(&error) => copy(original, path),
        result => result,
    }
}

/// As [`link_over`], with a copy where there can be no link. Both have the same modification time.
pub fn link_or_copy_over(original: &Path, path: &Path) -> io::Result<()> {
    match link_over(original, path) {
        Err(error) if cannot_be_linked(&error) => {
            copy(original, path)?;
            fs_err::File::open(path)?.file().set_modified(fs_err::metadata(original)?.modified()?)
        }
        result => result,
    }
}

/// Copies a file, or a folder with everything in it, to `path` below `root`. Gives the path below `root` of each file, sorted.
/// Links are followed, so that nothing in the copy leads out of it.
pub fn copy_tree(from: &Path, root: &Path, path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut copied = Vec::new();
    let mut waiting = vec![(from.to_owned(), path.to_owned())];
    while let Some((from, path)) = waiting.pop() {
        if fs_err::metadata(&from)?.is_dir() {
            for entry in fs_err::read_dir(&from)? {
                let entry = entry?;
                waiting.push((entry.path(), path.join(entry.file_name())));
            }
            continue;
        }
        let target = root.join(&path);
        fs_err::create_dir_all(target.parent().unwrap_or(root))?;
        remove_if_there(&target)?;
        copy(&from, &target)?;
        copied.push(path);
    }
    copied.sort();
    Ok(copied)
}

/// Removes a file; that there is none is well.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Removes a folder with everything in it; that there is none is well.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    match fs_err::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Bytes that this user may still write to the file system of a folder.
pub fn free_space(folder: &Path) -> io::Result<u64> {
    let space = rustix::fs::statvfs(folder)?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Sets the modification time of a file, in seconds since 1970.
pub fn set_modified(path: &Path, seconds: i64) -> io::Result<()> {
    fs_err::File::open(path)?.file().set_modified(time_of(seconds))
}

/// Another file system, too many links, or links that this user may not make (`fs.protected_hardlinks`).
fn cannot_be_linked(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    let by_kind = matches!(error.kind(), io::ErrorKind::CrossesDevices | io::ErrorKind::TooManyLinks);
    by_kind
        || matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
        || matches!(errno, Some(Errno::XDEV | Errno::MLINK | Errno::PERM | Errno::OPNOTSUPP))
}

/// Copies a file, which is at its place whole or not at all.
pub fn copy(original: &Path, path: &Path) -> io::Result<()> {
    let partial = partial_name(path)?;
    let copied = (|| {
        let mut from = fs_err::File::open(original)?;
        let mut to = fs_err::File::create(&partial)?;
        // Not every file system can share blocks; those that cannot say so before anything is written.
        if rustix::fs::ioctl_ficlone(to.file(), from.file()).is_err() {
            io::copy(&mut from, &mut to)?;
        }
        fs_err::rename(&partial, path)
    })();
    forget_partial_on_error(&partial, copied)
}

fn forget_partial_on_error(partial: &Path, result: io::Result<()>) -> io::Result<()> {
    if result.is_err() {
        // The first error is the one to tell; the temporary file may not even have been made.
        let _ = fs_err::remove_file(partial);
    }
    result
}

/// The name that a file has until it is complete, in the same folder.
pub fn partial_name(path: &Path) -> io::Result<PathBuf> {
    let no_name = || io::Error::new(io::ErrorKind::InvalidInput, format!("'{}' has no file name", path.display()));
    let name = path.file_name().ok_or_else(no_name)?;
    Ok(path.with_file_name(format!(".{}.partial", name.to_string_lossy())))
}

fn time_of(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    fn names(folder: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs_err::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<_> = fs_err::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_link_over_its_own_other_name_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let (original, other) = (folder.path().join("original"), folder.path().join("other"));
        write_whole_dated(&original, b"text", Some(1_700_000_000)).unwrap();
        link_over(&original, &other).unwrap();
        link_over(&original, &other).unwrap();
        assert_eq!(names(folder.path()), ["original", "other"]);
        assert_eq!(fs_err::metadata(&other).unwrap().mtime(), 1_700_000_000);
    }

    #[test]
    fn a_copy_is_its_own_file_and_a_failed_one_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (original, other) = (folder.path().join("original"), folder.path().join("other"));
        write_whole(&original, b"text").unwrap();
        copy(&original, &other).unwrap();
        assert_eq!(fs_err::read(&other).unwrap(), b"text");
        assert_ne!(fs_err::metadata(&other).unwrap().ino(), fs_err::metadata(&original).unwrap().ino());
        copy(&folder.path().join("missing"), &folder.path().join("third")).unwrap_err();
        assert_eq!(names(folder.path()), ["original", "other"]);
    }
}
