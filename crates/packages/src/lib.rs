//! Packages: their indexes, versions, dependencies, and what follows from them.
//!
//! Pure: bytes in, values out. No files, processes, network or clock.
//!
//! In reading order: an [`ecosystem`] reads indexes into one [`set`] of records and [`symbols`]; an [`index`] finds packages
//! by name and by what they provide; a [`closure`] makes a selection out of [`seed`]s; [`sources`] are those of a selection;
//! [`installability`] tells which packages can be installed at all.

pub mod closure;
pub mod deb;
pub mod ecosystem;
pub mod glob;
pub mod index;
pub mod installability;
mod number_table;
mod rows;
pub mod rpm;
pub mod seed;
pub mod set;
pub mod sources;
mod strings;
pub mod symbols;
mod texts;
mod tree;

pub use deb::Deb;
pub use ecosystem::{
    Ecosystem, IndexError, IndexFile, IndexKind, IndexProblem, Origin, Package, PackageId, RelationKind, Requirement, SourceId,
};
pub use glob::Glob;
pub use seed::Seed;
pub use set::PackageSet;
