//! Tests of the compose library as its users see it: one binary, one module for each area.

mod config;
