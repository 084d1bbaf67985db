//! Integration tests of the library: one binary, a module for each area.

mod engine;
