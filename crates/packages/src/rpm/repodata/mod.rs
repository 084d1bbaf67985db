//! The metadata of an RPM repository (rpm-md): what it names, and its packages.

pub mod read;
//! The metadata of a repository of RPM packages (rpm-md): `repomd.xml`, and the primary, filelists and other indexes.
//!
//! Pure: files are compressed, named and digested by the caller.

pub mod write;
