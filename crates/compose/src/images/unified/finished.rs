//! A compose that was made already: what its metadata says of its variants, and the options that it was made with.
//!
//! Everything that is read may come from anywhere: names must be names, and paths stay in the compose. Must not know: images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::UnifiedError;
use crate::config::pungi::resolve::kept::KeptOptions;
use crate::engine::event::Status;
use crate::layout::Layout;
use crate::metadata::ComposeRecord;
use crate::package_set::rpm_file::stays_inside;

const COMPOSEINFO: &str = "compose/metadata/composeinfo.json";
const OPTIONS: &str = "logs/global/config-dump.global.log";

/// A compose with everything in it.
#[derive(Debug, Clone)]
pub struct FinishedCompose {
    pub layout: Layout,
    pub(super) compose: ComposeRecord,
    pub(super) release: Release,
    /// By UID.
    pub(super) variants: BTreeMap<String, Variant>,
    pub(super) options: KeptOptions,
    /// Whether those are the compose's own: names and checksum files may be others otherwise.
    pub(super) has_options: bool,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Release {
    pub short: String,
    pub version: String,
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Variant {
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    paths: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Document {
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    compose: ComposeRecord,
    release: Release,
    variants: BTreeMap<String, Variant>,
}

impl FinishedCompose {
    /// Reads a compose's folder.
    pub fn read(folder: &Path) -> Result<Self, UnifiedError> {
        let layout = Layout::new(folder);
        let none = |missing| UnifiedError::NoCompose { folder: folder.to_owned(), missing };
        let status = read_if_there(&layout.status())?.ok_or_else(|| none("STATUS"))?;
        if !matches!(Status::from_word(&status), Some(Status::Finished | Status::FinishedIncomplete)) {
            let status = status.trim().escape_debug().to_string();
            return Err(UnifiedError::NotFinished { folder: folder.to_owned(), status });
        }
        let path = layout.path(COMPOSEINFO);
        let Payload { compose, release, variants } =
            read_json::<Document>(&path)?.ok_or_else(|| none("compose/metadata/composeinfo.json"))?.payload;
        variants.iter().try_for_each(|(uid, variant)| variant.check(uid, &path))?;
        let kept = KeptOptions::read(&layout.path(OPTIONS))?;
        let has_options = kept.is_some();
        let options = kept.unwrap_or_else(KeptOptions::usual);
        Ok(Self { layout, compose, release, variants, options, has_options })
    }

    /// The file of a path that metadata name.
    pub(super) fn shipped(&self, path: &str) -> PathBuf {
        self.layout.path(&format!("compose/{path}"))
    }
}

impl Variant {
    /// Where a part of the variant lies, relative to the folder `compose`.
    pub(super) fn path(&self, part: &str, arch: &str) -> Option<&str> {
        self.paths.get(part)?.get(arch).map(String::as_str)
    }

    /// The arches that it has trees for. The tree of an addon is that of its parent.
    pub(super) fn arches(&self) -> BTreeSet<&str> {
        let trees = self.paths.get("os_tree").filter(|_| self.kind != "addon");
        trees.into_iter().flat_map(BTreeMap::keys).map(String::as_str).collect()
    }

    fn check(&self, uid: &str, file: &Path) -> Result<(), UnifiedError> {
        let unsound = |value: &str, what| UnifiedError::Unsound { path: file.to_owned(), value: value.to_owned(), what };
        if !is_name(uid) {
            return Err(unsound(uid, "UID of a variant"));
        }
        for (arch, path) in self.paths.values().flatten() {
            if !is_name(arch) {
                return Err(unsound(arch, "name of an arch"));
            }
            if !stays_inside(path) {
                return Err(unsound(path, "path that stays in the compose"));
            }
        }
        Ok(())
    }
}

/// Names of variants and arches become names of files.
fn is_name(text: &str) -> bool {
    !text.starts_with(['.', '-']) && stays_inside(text) && !text.contains('/')
}

/// None where there is no such file.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, UnifiedError> {
    let Some(text) = read_if_there(path)? else { return Ok(None) };
    let parsed = serde_json::from_str(&text).map_err(|source| UnifiedError::Json { path: path.to_owned(), source })?;
    Ok(Some(parsed))
}

pub(super) fn read_if_there(path: &Path) -> std::io::Result<Option<String>> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    match fs_err::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
