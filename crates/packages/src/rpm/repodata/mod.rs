//! The metadata of an RPM repository (rpm-md): what it names, and its packages.

pub mod read;
pub mod write;
