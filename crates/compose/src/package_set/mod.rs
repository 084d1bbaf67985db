//! Where packages come from: archives behind signed indexes, overlay folders, or a lock; and how their files get here.
//!
//! Must not know: variants, images, phases.

pub mod compression;
pub mod deb_file;
pub mod dsc_file;
pub mod lock;
pub mod overlay;
pub mod release;

mod file_digests;
mod paragraph;
