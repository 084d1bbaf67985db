//! What the tests of several crates share: packages and archives made from a few lines of text.
//!
//! Nothing here uses charmer's own code: what charmer reads in a test must not have been written by charmer.

pub mod deb;
pub mod dsc;
mod tarball;

pub use tarball::Compression;
//! What tests of several crates share: fixtures, and drivers for real tools.
//!
//! Tests may start processes; everything here ends only what it started itself.

pub mod boot;
pub mod mirror;
