//! Installers: an ISO with a variant's repository and debian-installer, started by BIOS and EFI, that installs from the repository on it.
//!
//! ```text
//! package of netboot images ─► kernel, initrd ─► initrd with what reads a disc ─┐
//! packages and udebs ─► signed repository ──────────────────────────────────────┴─► ISO
//! ```
//!
//! Debian's archive has the initrd for discs in no package, only that which loads its parts from the network. The parts that read a disc are
//! udebs: they are put behind that initrd, with the key by which the repository is believed.
//!
//! Must not know: configurations, where packages came from, which udebs there are.

mod initrd;
mod make;
pub mod plan;

use serde::Serialize;

use super::{RequiredProgram, medium, program};
use crate::repositories::AptRepositorySpec;

/// Where kernel and initrd lie on the medium, as on Debian's.
pub const KERNEL: &str = "install.amd/vmlinuz";
pub const INITRD: &str = "install.amd/initrd.gz";

const PROGRAMS: &[RequiredProgram] = &[program("dpkg-deb", "dpkg"), program("cpio", "cpio")];

/// What an installer is and says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct InstallerSpec {
    /// Of the menu: release, version and variant.
    pub title: String,
    pub volume_id: String,
    /// Answers to questions, as a preseed file has them.
    pub preseed: String,
    pub boot_parameters: Vec<String>,
    /// Installed with the base system.
    pub packages: Vec<String>,
    /// But for the path, the components and the time.
    pub repository: AptRepositorySpec,
}

/// The programs that make installers.
pub fn programs() -> impl Iterator<Item = RequiredProgram> {
    medium::PROGRAMS.iter().chain(PROGRAMS).copied()
}
