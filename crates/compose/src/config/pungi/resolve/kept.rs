//! The options of a compose that was made already, as it keeps them: those that hold for images that are made of it later.

use std::path::Path;

use super::super::load_json;
use super::super::value::{Dict, Value};
use super::{ResolveError, is_on, isos, media_checksums, repository_rules};
use crate::config::pungi::dialect::DialectError;
use crate::config::rpm::{MediaChecksums, RepositoryRules};
use crate::images::optical::VolumeSpec;
use crate::metadata::checksums::ChecksumKind;

/// Pungi's own choice.
const CHECKSUMS: [ChecksumKind; 3] = [ChecksumKind::Md5, ChecksumKind::Sha1, ChecksumKind::Sha256];

#[derive(Debug, Clone)]
pub struct KeptOptions {
    pub media_checksums: MediaChecksums,
    pub repositories: RepositoryRules,
    /// Of images that no machine starts from.
    pub volume: VolumeSpec,
    /// Words in volume ids, and what stands for them.
    pub substitutions: Vec<(String, String)>,
    /// Volume ids have only letters, digits, underscores and dashes.
    pub restricted: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum KeptOptionsError {
    #[error(transparent)]
    Unreadable(#[from] DialectError),
    #[error(transparent)]
    Option(#[from] ResolveError),
}

impl KeptOptions {
    /// Reads the dump of a configuration; none where there is no such file.
    pub fn read(file: &Path) -> Result<Option<Self>, KeptOptionsError> {
        if !file.is_file() {
            return Ok(None);
        }
        Ok(Some(Self::of(&load_json(&file.to_string_lossy(), &[])?.values)?))
    }

    /// What holds where nothing was kept.
    pub fn usual() -> Self {
        Self::of(&Dict::new()).expect("no option is a sound one")
    }

    fn of(values: &Dict) -> Result<Self, ResolveError> {
        let mut media_checksums = media_checksums(values);
        if media_checksums.kinds.is_empty() {
            media_checksums.kinds = CHECKSUMS.into();
        }
        let level = match values.get("iso_level") {
            Some(Value::Int(level)) => level.to_i64().and_then(|level| level.try_into().ok()),
            // Levels of single variants say nothing of an image of all.
            _ => None,
        };
        Ok(Self {
            media_checksums,
            repositories: repository_rules(values)?,
            volume: VolumeSpec {
                xorriso: is_on(values, "createiso_use_xorrisofs"),
                iso_level: level,
                bootable: false,
                hfs: false,
                breaks_hardlinks: is_on(values, "createiso_break_hardlinks"),
                jigdo: false,
            },
            substitutions: isos::substitutions(values.get("volume_id_substitutions")),
            restricted: is_on(values, "restricted_volid"),
        })
    }
}
