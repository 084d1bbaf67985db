//! Index files under their digests, so that a client that has read one Release file finds just the indexes it names, even
//! while the next ones are written.
//!
//! A file's modification time is the date of the last Release file that named it: by it old generations are known.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::release::IndexFile;
use crate::digest::Sha256;
use crate::files;

/// The place of an index under its digest, relative to the Release file.
pub(super) fn path_by_hash(path: &str, sha256: &Sha256) -> String {
    let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    format!("{folder}by-hash/SHA256/{sha256}")
}

/// Writes one form of an index under its digest.
pub(super) fn write(dists: &Path, file: &IndexFile, bytes: &[u8], date: i64) -> io::Result<()> {
    let target = dists.join(path_by_hash(&file.path, &file.sha256));
    fs_err::create_dir_all(target.parent().expect("the path has folders"))?;
    if fs_err::metadata(&target).is_ok_and(|there| there.len() == file.size) {
        return files::set_modified(&target, date);
    }
    files::write_whole_dated(&target, bytes, Some(date))
}

/// Removes files that neither `current` names nor any of the `generations - 1` generations before it.
pub(super) fn prune(dists: &Path, current: &[IndexFile], generations: usize) -> io::Result<()> {
    let current: HashSet<PathBuf> = current.iter().map(|file| dists.join(path_by_hash(&file.path, &file.sha256))).collect();
    let folders: BTreeSet<&Path> = current.iter().filter_map(|path| path.parent()).collect();
    for folder in folders {
        let mut old: Vec<(SystemTime, PathBuf)> = Vec::new();
        for entry in fs_err::read_dir(folder)? {
            let path = entry?.path();
            if !current.contains(&path) {
                old.push((fs_err::metadata(&path)?.modified()?, path));
            }
        }
        let dates: BTreeSet<SystemTime> = old.iter().map(|(date, _)| *date).collect();
        let kept: HashSet<SystemTime> = dates.into_iter().rev().take(generations.saturating_sub(1)).collect();
        for (_, path) in old.iter().filter(|(date, _)| !kept.contains(date)) {
            fs_err::remove_file(path)?;
        }
    }
    Ok(())
}

/// Removes all of them, once each index has its name: for media, which never change.
pub(super) fn remove(dists: &Path, current: &[IndexFile]) -> io::Result<()> {
    let folder = |file: &IndexFile| dists.join(path_by_hash(&file.path, &file.sha256)).ancestors().nth(2).map(Path::to_owned);
    let folders: BTreeSet<PathBuf> = current.iter().filter_map(folder).collect();
    folders.iter().try_for_each(|folder| files::remove_folder(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(text: &[u8]) -> IndexFile {
        IndexFile {
            path: "main/binary-amd64/Packages.xz".into(),
            size: text.len() as u64,
            sha256: Sha256::of(text),
            shipped: true,
        }
    }

    #[test]
    fn a_file_stays_for_so_many_generations_after_it_was_last_named() {
        let folder = tempfile::tempdir().unwrap();
        let there = |text: &[u8]| folder.path().join(path_by_hash(&index(text).path, &Sha256::of(text))).exists();
        for (date, text) in [(1, b"a"), (2, b"b"), (3, b"b"), (4, b"c"), (5, b"d")] {
            write(folder.path(), &index(text), text, date).unwrap();
            prune(folder.path(), &[index(text)], 3).unwrap();
        }
        assert!(!there(b"a") && there(b"b") && there(b"c") && there(b"d"));
    }
}
