//! Tests of the library by what it leaves: files, repositories and images, read back by the tools that users have.

mod config;
mod engine;
mod images;
