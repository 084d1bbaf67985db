//! Tests of the library by what it leaves: files, repositories and images, read back by the tools that users have.

mod apt_equivalence;
mod archives;
mod config;
mod downloads;
mod engine;
mod harbour_packages;
mod metadata;
mod openpgp;
mod plan;
mod pungi_dialect;
mod repository;
