//! Package files of an older compose, also of one that charmer did not make: what a server has too need not be downloaded again.
//!
//! Must not know: which compose it is.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::package_set::cache::Cache;
use crate::package_set::download::Proof;
use crate::package_set::rpm_file::stays_inside;

/// A larger list is not read. That of a distribution of 100,000 packages has 60 MiB.
const LIMIT: u64 = 1 << 30;

/// The files by their names. Nothing is known of what is in them.
#[derive(Debug, Clone, Default)]
pub struct OldPackages(HashMap<String, Vec<PathBuf>>);

/// `rpms.json`, as far as it is read: variants, arches, source packages, packages.
#[derive(Deserialize)]
struct Listed {
    payload: Payload,
}

/// Packages by source package, by arch.
type Arches = HashMap<String, HashMap<String, HashMap<String, Place>>>;

#[derive(Deserialize)]
struct Payload {
    rpms: HashMap<String, Arches>,
}

#[derive(Deserialize)]
struct Place {
    path: String,
}

impl OldPackages {
    /// What a compose lists. One without a list that can be read has none: it is no reason to fail.
    pub fn read(compose: &Path) -> Self {
        let shipped = compose.join("compose");
        let list = shipped.join("metadata/rpms.json");
        let is_sane = fs_err::metadata(&list).is_ok_and(|data| data.is_file() && data.len() <= LIMIT);
        let text = is_sane.then(|| fs_err::read(&list).ok()).flatten().unwrap_or_default();
        let Ok(listed) = serde_json::from_slice::<Listed>(&text) else { return Self::default() };
        let mut files: HashMap<String, Vec<PathBuf>> = HashMap::new();
        let arches = listed.payload.rpms.into_values().flat_map(HashMap::into_values);
        let packages = arches.flat_map(HashMap::into_values).flat_map(HashMap::into_values);
        for Place { path } in packages.filter(|place| stays_inside(&place.path)) {
            let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let paths = files.entry(name).or_default();
            let path = shipped.join(path);
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        Self(files)
    }

    /// Takes a file into the cache if a file of its name is the very same; whether it did. What cannot be read is passed over.
    pub fn take(&self, location: &str, proof: &Proof, size: u64, cache: &Cache) -> bool {
        let name = location.rsplit('/').next().unwrap_or(location);
        let paths = self.0.get(name).into_iter().flatten();
        // A tree may have links to the files.
        let files = paths.filter_map(|path| fs_err::canonicalize(path).ok());
        let mut fitting = files.filter(|path| fs_err::metadata(path).is_ok_and(|data| data.is_file() && data.len() == size));
        fitting.any(|path| cache.adopt(&path, proof, size).unwrap_or(false))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;
    use crate::digest::Sha256;

    #[test]
    fn lists_that_make_no_sense_and_paths_that_lead_out_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        let metadata = folder.path().join("old/compose/metadata");
        fs_err::create_dir_all(&metadata).unwrap();
        fs_err::write(folder.path().join("old/a.rpm"), "a").unwrap();
        fs_err::write(folder.path().join("old/compose/b.rpm"), "b").unwrap();
        let taken = |text: &str| {
            fs_err::write(metadata.join("rpms.json"), text).unwrap();
            let old = OldPackages::read(&folder.path().join("old"));
            ["a", "b"].map(|name| old.take(&format!("x/{name}.rpm"), &Sha256::of(name.as_bytes()).into(), 1, &cache))
        };
        assert_eq!(taken("{}"), [false, false]);
        assert_eq!(taken("[1"), [false, false]);
        let listed = r#"{"payload": {"rpms": {"S": {"x": {"s": {"a": {"path": "../a.rpm"}, "b": {"path": "b.rpm"}}}}}}}"#;
        assert_eq!(taken(listed), [false, true]);
        let b = Sha256::of(b"b");
        assert!(matches!(cache.look_for(b, 1).unwrap(), crate::package_set::cache::Found::Whole(_)));
        let links = fs_err::metadata(folder.path().join("old/compose/b.rpm")).unwrap().nlink();
        assert_eq!(links, 1, "nobody else writes to files of the cache, and it does not write to theirs");
        let old = OldPackages::read(&folder.path().join("old"));
        assert!(!old.take("b.rpm", &Sha256::of(b"c").into(), 1, &cache), "another content of the same size is not it");
    }
}
