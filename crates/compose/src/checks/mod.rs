//! Checks: what is read back of a compose's artifacts and compared with what was meant. What is wrong is a finding, as data.
//!
//! Must not know: how an artifact was made.

mod closure;
pub mod image;
pub mod iso;
pub mod plan;
mod versions;
