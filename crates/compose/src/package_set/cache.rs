//! The cache: files by their SHA-256, shared by all composes of a user, also by those that run at once. Of a file that came by another
//! digest it knows the SHA-256.
//!
//! A file gets its final name only when it is whole and its digest is right, so whoever sees it may use it. Files that are being
//! fetched stay under their own name, locked, and are gone on with by whoever comes next.
//!
//! Must not know: what the files are, where they come from.

use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, ioctl_ficlone};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256 as Hasher};
use tempfile::NamedTempFile;

use super::proof::{Proof, Prover};
use crate::digest::Sha256;
use crate::files::open_regular;

/// A folder of files by digest.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

/// A file of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    pub sha256: Sha256,
    pub path: PathBuf,
}

/// How a file of the cache got its second name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    Hard,
    Reflink,
    Copy,
}

/// What is remembered about a URL whose content changes, to ask a server only for news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    pub url: String,
    pub sha256: Sha256,
    pub size: u64,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// What the cache has of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Whole(PathBuf),
    Nothing,
    /// It had another content, and was removed.
    Damaged,
}

impl Cache {
    /// Opens a cache; makes its folders if they are not there, and removes what killed processes have left in it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        for name in ["sha256", "partial", "remembered", "temporary", "known"] {
            fs_err::create_dir_all(folder.join(name))?;
        }
        remove_abandoned(&folder.join("temporary"))?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Keeps files from being removed from a cache for as long as the lock is held. A cache of another user's, where there can be no
    /// lock, is left to that user.
    pub fn use_together(folder: &Path) -> Option<fs_err::File> {
        let file = open_use_lock(folder).ok()?;
        flock(&file, FlockOperation::LockShared).ok()?;
        Some(file)
    }

    /// Keeps everybody else from using a cache for as long as the lock is held; none if somebody uses it.
    pub fn use_alone(folder: &Path) -> io::Result<Option<fs_err::File>> {
        let file = open_use_lock(folder)?;
        Ok(take_lock(file.file())?.then_some(file))
    }

    /// Where a file lies, or would lie.
    pub fn path(&self, sha256: Sha256) -> PathBuf {
        let digits = sha256.to_string();
        self.folder.join("sha256").join(&digits[..2]).join(&digits[2..])
    }

    /// The file, if the cache has it. One of the wrong size is removed.
    pub fn get(&self, sha256: Sha256, size: u64) -> io::Result<Option<PathBuf>> {
        let path = self.path(sha256);
        match fs_err::metadata(&path) {
            Ok(data) if data.is_file() && data.len() == size => Ok(Some(path)),
            Ok(_) => remove(&path).map(|()| None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// As [`Cache::get`], and reads the file. One that was damaged is removed.
    pub fn look_for(&self, sha256: Sha256, size: u64) -> io::Result<Found> {
        let path = self.path(sha256);
        match Sha256::of_file(&path) {
            Ok(found) if found == (sha256, size) => Ok(Found::Whole(path)),
            Ok(_) => remove(&path).map(|()| Found::Damaged),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) => Err(error),
        }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The SHA-256 of the file that a proof means, if the cache ever had it.
    pub fn known(&self, proof: &Proof) -> Option<Sha256> {
        match proof {
            Proof::Sha256(sha256) => Some(*sha256),
            // What cannot be read is worth as much as nothing: the file is fetched again.
            Proof::Other(other) => fs_err::read_to_string(self.folder.join("known").join(other.key())).ok()?.parse().ok(),
        }
    }

    fn know(&self, proof: &Proof, sha256: Sha256) -> io::Result<()> {
        let Proof::Other(other) = proof else { return Ok(()) };
        let mut file = self.temporary()?;
        write!(file, "{sha256}")?;
        file.persist(self.folder.join("known").join(other.key())).map_err(|error| error.error)?;
        Ok(())
    }

    /// Stores bytes; they need not be new.
    pub fn insert_bytes(&self, bytes: &[u8]) -> io::Result<(Sha256, PathBuf)> {
        let sha256 = Sha256::of(bytes);
        let mut file = self.temporary()?;
        file.write_all(bytes)?;
        Ok((sha256, self.keep(file, sha256)?))
    }

    /// Stores a copy of what a reader gives, for example of a file in an overlay folder.
    pub fn insert_reader(&self, reader: &mut impl io::Read) -> io::Result<(Sha256, u64, PathBuf)> {
        let mut file = self.temporary()?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 128 * 1024];
        let mut size = 0;
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hasher.update(&buffer[..count]);
            file.write_all(&buffer[..count])?;
            size += count as u64;
        }
        let sha256 = Sha256::from_bytes(hasher.finalize().into());
        Ok((sha256, size, self.keep(file, sha256)?))
    }

    /// Takes a copy of a file that lies elsewhere, if it has this size and is what the proof means; whether it did. The copy shares
    /// blocks where it can. It is no link: the file belongs to somebody else, who may write to it, and may want its date kept.
    pub fn adopt(&self, file: &Path, proof: &Proof, size: u64) -> io::Result<bool> {
        let (mut prover, mut copy) = (Prover::new(proof.clone()), self.temporary()?);
        let mut original = open_regular(file)?;
        if ioctl_ficlone(copy.as_file(), original.file()).is_err() {
            io::copy(&mut io::Read::take(&mut original, size.saturating_add(1)), copy.as_file_mut())?;
        }
        let read = io::copy(&mut fs_err::File::open(copy.path())?, &mut prover)?;
        let Some(sha256) = prover.verdict().ok().filter(|_| read == size) else { return Ok(false) };
        self.know(proof, sha256)?;
        self.keep(copy, sha256).map(|_| true)
    }

    /// Gives a file of the cache a second name: by hard link, else by sharing its blocks, else as a copy. What had that name is
    /// replaced. A hard link must not be written to.
    pub fn link_to(&self, sha256: Sha256, destination: &Path) -> io::Result<Link> {
        let source = self.path(sha256);
        let folder = destination.parent().unwrap_or(Path::new("."));
        match fs_err::hard_link(&source, destination) {
            Ok(()) => return Ok(Link::Hard),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if same_file(&source, destination)? {
                    return Ok(Link::Hard);
                }
                fs_err::remove_file(destination)?;
            }
            Err(_) => fs_err::create_dir_all(folder)?,
        }
        if fs_err::hard_link(&source, destination).is_ok() {
            return Ok(Link::Hard);
        }
        let mut original = fs_err::File::open(&source)?;
        let mut copy = NamedTempFile::new_in(folder)?;
        let link = if ioctl_ficlone(copy.as_file(), original.file()).is_ok() {
            Link::Reflink
        } else {
            io::copy(&mut original, copy.as_file_mut())?;
            Link::Copy
        };
        copy.as_file().set_permissions(std::fs::Permissions::from_mode(0o444))?;
        copy.persist(destination).map_err(|error| error.error)?;
        Ok(link)
    }

    /// What was remembered about a URL, if the cache still has the file.
    pub fn remembered(&self, url: &str) -> Option<(Remembered, PathBuf)> {
        // An entry that cannot be read is worth as much as none: the file is fetched again.
        let text = fs_err::read(self.entry(url)).ok()?;
        let remembered: Remembered = serde_json::from_slice(&text).ok()?;
        match self.look_for(remembered.sha256, remembered.size).ok()? {
            Found::Whole(path) if remembered.url == url => Some((remembered, path)),
            _ => None,
        }
    }

    pub fn remember(&self, remembered: &Remembered) -> io::Result<()> {
        let mut file = self.temporary()?;
        serde_json::to_writer(&mut file, remembered)?;
        file.persist(self.entry(&remembered.url)).map_err(|error| error.error)?;
        Ok(())
    }

    fn entry(&self, url: &str) -> PathBuf {
        self.folder.join("remembered").join(Sha256::of(url.as_bytes()).to_string())
    }

    /// A file that is locked for as long as it is written to: one without a lock belongs to nobody any more.
    fn temporary(&self) -> io::Result<NamedTempFile> {
        loop {
            let file = NamedTempFile::new_in(self.folder.join("temporary"))?;
            // Between its making and its lock, another process may have taken it for abandoned.
            if take_lock(file.as_file())? && has_name(file.as_file(), file.path()) {
                return Ok(file);
            }
        }
    }

    fn keep(&self, file: NamedTempFile, sha256: Sha256) -> io::Result<PathBuf> {
        let path = self.prepare(file.as_file(), sha256)?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(path)
    }

    /// Makes a whole file ready to get its final name. Nobody should write to a file that has hard links elsewhere.
    fn prepare(&self, file: &std::fs::File, sha256: Sha256) -> io::Result<PathBuf> {
        file.set_permissions(std::fs::Permissions::from_mode(0o444))?;
        let path = self.path(sha256);
        fs_err::create_dir_all(path.parent().expect("files of the cache lie in folders"))?;
        Ok(path)
    }

    /// Begins to fetch a file, or goes on where somebody stopped. `None` while somebody else is at it.
    pub(super) fn partial(&self, proof: &Proof) -> io::Result<Option<Partial>> {
        let name = match proof {
            Proof::Sha256(sha256) => sha256.to_string(),
            Proof::Other(other) => other.key(),
        };
        let path = self.folder.join("partial").join(name);
        let mut file = fs_err::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
        // Whoever had the lock may have given the file its final name since it was opened here.
        if !take_lock(file.file())? || !has_name(file.file(), &path) {
            return Ok(None);
        }
        let mut prover = Prover::new(proof.clone());
        let length = io::copy(&mut file, &mut prover)?;
        let validator = fs_err::read_to_string(validator_path(&path)).ok().filter(|_| length > 0);
        Ok(Some(Partial { cache: self.clone(), path, file, prover, length, validator }))
    }
}

/// The file that is locked by those who use a cache.
fn open_use_lock(folder: &Path) -> io::Result<fs_err::File> {
    fs_err::OpenOptions::new().create(true).append(true).open(folder.join("in-use"))
}

/// Removes the files that nobody holds a lock on.
fn remove_abandoned(folder: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        // Its owner may give it another name, or remove it, at any moment.
        let Ok(file) = fs_err::File::open(&path) else { continue };
        if take_lock(file.file())? && has_name(file.file(), &path) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Takes the lock of a file, which the kernel lets go of with the process, unless another has it.
fn take_lock(file: &std::fs::File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether an open file still has its name, or another has it now.
fn has_name(file: &std::fs::File, path: &Path) -> bool {
    fs_err::symlink_metadata(path).is_ok_and(|named| file.metadata().is_ok_and(|open| open.ino() == named.ino()))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn validator_path(partial: &Path) -> PathBuf {
    partial.with_extension("validator")
}

fn same_file(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (fs_err::metadata(one)?, fs_err::symlink_metadata(other)?);
    Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
}

/// A file on its way into the cache. It is locked against other fetchers, and stays when it is dropped.
#[derive(Debug)]
pub(super) struct Partial {
    cache: Cache,
    path: PathBuf,
    file: fs_err::File,
    prover: Prover,
    length: u64,
    /// The server's word for this state of the file, to go on only with the same one.
    validator: Option<String>,
}

impl Partial {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn validator(&self) -> Option<&str> {
        self.validator.as_deref()
    }

    pub(super) fn set_validator(&mut self, validator: Option<&str>) -> io::Result<()> {
        if self.validator.as_deref() == validator {
            return Ok(());
        }
        self.validator = validator.map(str::to_owned);
        match validator {
            Some(text) => fs_err::write(validator_path(&self.path), text),
            None => remove(&validator_path(&self.path)),
        }
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.prover.update(bytes);
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Forgets what there is.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        use std::io::Seek as _;
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.prover.restart();
        self.length = 0;
        self.set_validator(None)
    }

    /// Leaves nothing of it.
    pub(super) fn discard(mut self) -> io::Result<()> {
        self.set_validator(None)?;
        remove(&self.path)
    }

    /// Whether it is the file that is wanted, or else what speaks against it.
    pub(super) fn verdict(&self) -> Result<Sha256, Proof> {
        self.prover.verdict()
    }

    /// Gives the file its final name. It must be the right one.
    pub(super) fn finish(mut self) -> io::Result<Cached> {
        let sha256 = self.verdict().expect("only verified files get into the cache");
        self.set_validator(None)?;
        let path = self.cache.prepare(self.file.file(), sha256)?;
        self.cache.know(self.prover.proof(), sha256)?;
        fs_err::rename(&self.path, &path)?;
        Ok(Cached { sha256, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        (folder, cache)
    }

    #[test]
    fn a_corrupted_file_is_noticed_and_removed() {
        let (_folder, cache) = cache();
        let (sha256, path) = cache.insert_bytes(b"package").unwrap();
        assert_eq!(cache.look_for(sha256, 7).unwrap(), Found::Whole(path.clone()));
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        fs_err::write(&path, b"pockage").unwrap();
        assert_eq!(cache.get(sha256, 7).unwrap().as_ref(), Some(&path), "its size is right");
        assert_eq!(cache.look_for(sha256, 7).unwrap(), Found::Damaged);
        assert_eq!(cache.look_for(sha256, 7).unwrap(), Found::Nothing);
        assert!(!path.exists());
        cache.insert_bytes(b"package").unwrap();
        assert_eq!(cache.get(sha256, 8).unwrap(), None);
        assert!(!path.exists());
    }

    #[test]
    fn a_second_name_is_a_hard_link_and_replaces_what_was_there() {
        let (folder, cache) = cache();
        let (sha256, path) = cache.insert_bytes(b"package").unwrap();
        let name = folder.path().join("pool/main/p/package.deb");
        assert_eq!(cache.link_to(sha256, &name).unwrap(), Link::Hard);
        assert_eq!(cache.link_to(sha256, &name).unwrap(), Link::Hard);
        assert!(same_file(&path, &name).unwrap());
        fs_err::remove_file(&name).unwrap();
        fs_err::write(&name, b"older").unwrap();
        cache.link_to(sha256, &name).unwrap();
        assert_eq!(fs_err::read(&name).unwrap(), b"package");
    }

    #[test]
    fn across_file_systems_it_is_a_copy() {
        let (_folder, cache) = cache();
        let (sha256, path) = cache.insert_bytes(b"package").unwrap();
        let Ok(other) = tempfile::tempdir_in("/dev/shm") else { return };
        if fs_err::metadata(other.path()).unwrap().dev() == fs_err::metadata(&path).unwrap().dev() {
            return;
        }
        let name = other.path().join("package.deb");
        assert_eq!(cache.link_to(sha256, &name).unwrap(), Link::Copy);
        assert_eq!(fs_err::read(&name).unwrap(), b"package");
    }

    #[test]
    fn one_fetcher_at_a_time_and_the_next_goes_on() {
        let (_folder, cache) = cache();
        let sha256 = Sha256::of(b"package");
        let proof = Proof::from(sha256);
        let mut partial = cache.partial(&proof).unwrap().unwrap();
        assert!(cache.partial(&proof).unwrap().is_none());
        partial.append(b"pack").unwrap();
        partial.set_validator(Some("\"v1\"")).unwrap();
        drop(partial);
        let mut partial = cache.partial(&proof).unwrap().unwrap();
        assert_eq!((partial.length(), partial.validator()), (4, Some("\"v1\"")));
        partial.append(b"age").unwrap();
        let path = partial.finish().unwrap().path;
        assert_eq!(cache.look_for(sha256, 7).unwrap(), Found::Whole(path));
        assert_eq!(fs_err::read_dir(cache.folder.join("partial")).unwrap().count(), 0);
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_a_living_one_writes_is_not() {
        let (folder, cache) = cache();
        let abandoned = cache.folder.join("temporary/.tmpdead");
        fs_err::write(&abandoned, "half a pack").unwrap();
        let mut living = cache.temporary().unwrap();
        living.write_all(b"package").unwrap();
        Cache::open(&folder.path().join("cache")).unwrap();
        assert!(!abandoned.exists() && living.path().exists());
        cache.keep(living, Sha256::of(b"package")).unwrap();
        assert!(matches!(cache.look_for(Sha256::of(b"package"), 7).unwrap(), Found::Whole(_)));
    }

    #[test]
    fn what_is_remembered_needs_its_file() {
        let (_folder, cache) = cache();
        let (sha256, path) = cache.insert_bytes(b"InRelease").unwrap();
        let url = "http://example.org/InRelease".to_owned();
        let etag = Some("\"1\"".to_owned());
        let remembered = Remembered { url: url.clone(), sha256, size: 9, etag, last_modified: None };
        cache.remember(&remembered).unwrap();
        assert_eq!(cache.remembered(&url), Some((remembered, path.clone())));
        fs_err::remove_file(&path).unwrap();
        assert_eq!(cache.remembered(&url), None);
    }
}
