//! Where packages come from: archives behind signed indexes, overlay folders, or a lock; and how their files get here.
//!
//! Must not know: variants, images, phases.

pub mod archive;
pub mod cache;
pub mod credentials;
pub mod deb_file;
pub mod download;
pub mod dsc_file;
mod http;
pub mod lock;
pub mod overlay;
pub mod plan;
pub mod progress;
mod proof;
mod rate;
pub mod recheck;
pub mod release;
pub mod rpm_file;
pub mod rpm_md;
pub mod rpm_plan;
pub mod rpm_set;
pub mod udebs;
pub mod unpacked;

mod file_digests;
mod paragraph;
