//! What the tests of several crates share: packages and archives made from a few lines of text, and drivers for real tools.
//!
//! Nothing here uses charmer's own code: what charmer reads in a test must not have been written by charmer. Tests may start
//! processes; everything here ends only what it started itself.

pub mod archive;
pub mod boot;
pub mod deb;
pub mod dsc;
pub mod fake_tools;
pub mod faults;
pub mod http_server;
pub mod mirror;
pub mod python;
pub mod rpm_build;
pub mod rpm_case;
pub mod rpm_file;
pub mod rpm_world;
mod tarball;

pub use tarball::{Compression, tar_of};
