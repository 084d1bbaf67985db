//! Files appear whole: by rename, by hard link, or not at all.

use std::io;
use std::path::Path;

/// Gives a file another name: by hard link, else by reflink or copy under a temporary name. What stood there before is replaced.
pub fn link_or_copy(source: &Path, destination: &Path) -> io::Result<()> {
    let folder = destination.parent().ok_or_else(|| io::Error::other("a file lies in a folder"))?;
    fs_err::create_dir_all(folder)?;
    let temporary = tempfile::Builder::new().prefix(".link-").tempdir_in(folder)?;
    let name = temporary.path().join("file");
    if fs_err::hard_link(source, &name).is_err() {
        copy(source, &name)?;
    }
    // Renaming one link over another of the same file does nothing and leaves both, which the temporary folder takes with it.
    fs_err::rename(&name, destination)
}

fn copy(source: &Path, destination: &Path) -> io::Result<()> {
    let from = fs_err::File::open(source)?;
    let to = fs_err::File::create_new(destination)?;
    if rustix::fs::ioctl_ficlone(&to, &from).is_ok() {
        return Ok(());
    }
    drop((from, to));
    fs_err::copy(source, destination).map(drop)
}

/// Writes a file so that readers see its old content or its new one.
pub fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    use io::Write as _;
    let folder = path.parent().ok_or_else(|| io::Error::other("a file lies in a folder"))?;
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(content)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}
