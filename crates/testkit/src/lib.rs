//! What tests of several crates share: fixtures, and drivers for real tools.
//!
//! Tests may start processes; everything here ends only what it started itself.

pub mod boot;
pub mod mirror;
