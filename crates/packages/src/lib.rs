//! Packages: their indexes, versions, dependencies, and what follows from them.
//!
//! Pure: bytes in, values out. No files, processes, network or clock.
//!
//! In reading order: indexes are read by an [`ecosystem`] into one [`set`] of [`symbols`] and records.

pub mod deb;
pub mod ecosystem;
pub mod set;
pub mod symbols;

pub use deb::Deb;
pub use ecosystem::{
    Ecosystem, IndexError, IndexFile, IndexKind, IndexProblem, Origin, Package, PackageId, RelationKind, Requirement, SourceId,
};
pub use set::PackageSet;
