//! Tests of the library with real tools, in one binary.

mod config;
mod images;
