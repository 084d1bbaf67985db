//! ISO images of trees of RPM packages: which there are and what they are called ([`spec`]), which files lie on which disc
//! ([`discs`], [`extra`]), and the programs that write them ([`make()`]).
//!
//! ```text
//! IsoSpec ──► prepare_discs (tree, metadata) ──► Disc ──► make ──► MadeIso
//! ExtraIsoSpec ──► prepare_extra (several trees) ──^
//! UnifiedMedium ──► prepare_unified (all of an arch) ──^
//! ```
//!
//! Must not know: configurations, how trees came to be, images.json.

mod boot_arguments;
mod discs;
mod error;
mod extra;
mod graft;
mod make;
mod mkisofs;
mod names;
pub mod patch;
mod spec;
mod split;
mod tree;
mod unified;

/// The paths on an image, as its manifest has them.
pub async fn listing(runner: &crate::tools::Runner, image: &std::path::Path) -> Result<String, IsoError> {
    let volume =
        VolumeSpec { xorriso: true, iso_level: None, bootable: false, hfs: false, breaks_hardlinks: false, jigdo: false };
    let listed = runner.run(&mkisofs::listing_command(&volume, &image.to_string_lossy())).await?;
    Ok(mkisofs::manifest(&volume, &listed.text()))
}

pub use discs::{Disc, Medium, Prepared, prepare_discs};
pub use error::IsoError;
pub use extra::{ExtraMedium, IncludedTree, prepare_extra};
pub(super) use make::blocking;
pub use make::{MadeIso, Places, make, required_programs};
pub use names::{IsoNames, LayeredProduct, run_values};
pub use spec::{ExtraIsoSpec, IsoSpec, SizeLimit, VolumeSpec};
pub(super) use split::{Piece, split};
pub use tree::TreeFiles;
pub use unified::{UnifiedMedium, UnifiedTree, prepare_unified};
