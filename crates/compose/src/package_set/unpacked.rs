//! Indexes as they are when unpacked, kept beside the cache because unpacking one takes longer than reading it.
//!
//! There is one for each index, the last that was read. What is here is not missed: it is proved by the signed Release file's digest
//! before it is used, and made anew from the packed index otherwise.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::files::write_whole;

/// Those that unpack in no time are not kept, in bytes.
const SMALL: u64 = 1 << 20;

/// What a Release file says of an index without compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpacked {
    pub size: u64,
    pub sha256: Sha256,
}

/// The folder that they lie in.
#[derive(Debug, Clone)]
pub struct UnpackedIndexes(PathBuf);

impl UnpackedIndexes {
    /// Those of the cache in a folder.
    pub fn of_cache(cache: &Path) -> Self {
        Self(cache.join("unpacked"))
    }

    /// The text of an index, if it is the one that is wanted.
    pub fn get(&self, name: &str, wanted: &Unpacked) -> Option<Vec<u8>> {
        let path = self.path(name);
        let data = fs_err::metadata(&path).ok()?;
        if !data.is_file() || data.len() != wanted.size {
            return None;
        }
        let text = fs_err::read(path).ok()?;
        (Sha256::of(&text) == wanted.sha256).then_some(text)
    }

    /// Keeps the text of an index, in the place of an older one.
    pub fn keep(&self, name: &str, wanted: &Unpacked, text: &[u8]) -> io::Result<()> {
        if wanted.size < SMALL || Sha256::of(text) != wanted.sha256 {
            return Ok(());
        }
        fs_err::create_dir_all(&self.0)?;
        write_whole(&self.path(name), text)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(Sha256::of(name.as_bytes()).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_wanted_is_kept_and_given() {
        let folder = tempfile::tempdir().unwrap();
        let indexes = UnpackedIndexes::of_cache(folder.path());
        let text = vec![b'a'; 2 << 20];
        let wanted = Unpacked { size: text.len() as u64, sha256: Sha256::of(&text) };
        assert_eq!(indexes.get("stable/main/Packages", &wanted), None);
        indexes.keep("stable/main/Packages", &wanted, b"another one").unwrap();
        assert_eq!(indexes.get("stable/main/Packages", &wanted), None);
        indexes.keep("stable/main/Packages", &wanted, &text).unwrap();
        assert!(indexes.get("stable/main/Packages", &wanted).as_ref() == Some(&text));
        assert_eq!(indexes.get("stable/contrib/Packages", &wanted), None);

        let mut damaged = text.clone();
        damaged[1000] = b'b';
        fs_err::write(indexes.path("stable/main/Packages"), damaged).unwrap();
        assert_eq!(indexes.get("stable/main/Packages", &wanted), None);
    }
}
