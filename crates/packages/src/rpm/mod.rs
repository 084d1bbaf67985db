//! RPM packages: versions, arches, dependencies, the record of a package, and what is made of many of them.
//!
//! Pure: compressed files are unpacked by the caller. In reading order: [`version`] and [`arch`] are the orders and tables,
//! [`dependency`] is what packages say of each other, and [`package`] is all that is known of one, which [`header`] reads from its
//! file; [`repodata`] and [`comps`] are the files of a repository; [`gather`] selects what a request needs.

pub mod arch;
pub mod comps;
pub mod dependency;
pub mod gather;
pub mod header;
pub mod package;
pub mod repodata;
pub mod version;
pub mod xml;

pub use dependency::{Comparison, Constraint, Dependency};
pub use package::{Field, FileKind, Package, PackageBuilder, Relation, RelationKind};
pub use version::Evr;
