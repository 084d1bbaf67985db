//! Tests of the compose crate's parts with the tools that users have.

mod apt_equivalence;
