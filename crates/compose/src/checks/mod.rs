//! Checks: what is read back of a compose's artifacts and compared with what was meant. What is wrong is a finding, as data.
//!
//! Must not know: how an artifact was made.

pub mod boot;
pub mod commits;
pub mod discs;
pub mod first_blocks;
pub mod image;
pub mod index_files;
mod installability;
pub mod iso;
pub mod plan;
pub mod repoclosure;
pub mod rpm_plan;
mod versions;
