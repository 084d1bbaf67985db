//! Data ISOs: the packages of a variant on one arch as an apt repository on discs, each of them whole by itself for apt-cdrom(8).
//!
//! ```text
//! Selection ──► in_order ──► discs ──► Disc ──► make ──► Image, one for each disc
//! ```
//!
//! Must not know: configurations, where packages came from.

mod discs;
mod jigdo;
mod make;
mod order;
pub mod plan;

use serde::Serialize;

use super::{RequiredProgram, program};
use crate::repositories::AptRepositorySpec;

pub(crate) use discs::SMALLEST_MEDIUM;
pub(crate) use jigdo::with_names;

/// What every disc has for people and for apt-cdrom: its name.
pub const DISK_INFO: &str = ".disk/info";

const PROGRAMS: &[RequiredProgram] =
    &[program("xorriso", "xorriso"), program("implantisomd5", "isomd5sum"), program("checkisomd5", "isomd5sum")];
const JIGDO: RequiredProgram = program("jigdo-file", "jigdo-file");

/// What is written on the discs of a variant and an arch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DataIsoSpec {
    /// Release, version, variant and arch: what apt asks for, with the disc's number.
    pub title: String,
    /// Of a single disc; the number of one of several is put behind it.
    pub volume_id: String,
    /// Bytes of a disc; none: everything is on one.
    pub media_size: Option<u64>,
    /// Where the variant's repository is published: jigdo's files are made, and name it as the place to have packages from.
    pub jigdo_url: Option<String>,
    /// Of each disc, but for the path, the components and the time.
    pub repository: AptRepositorySpec,
}

/// The programs that write such discs.
pub fn programs(with_jigdo: bool) -> impl Iterator<Item = RequiredProgram> {
    PROGRAMS.iter().copied().chain(with_jigdo.then_some(JIGDO))
}
