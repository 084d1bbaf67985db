//! Shared by the tests of all crates: real servers and packages, made on the spot.

pub mod http_server;
