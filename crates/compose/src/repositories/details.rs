//! What the indexes say that archives' entries do not: it is in the package files themselves.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io;
use std::path::PathBuf;

use charmer_packages::deb;

use super::{AptRepositorySpec, RepositoryError};
use crate::digest::Sha256;
use crate::package_set::deb_file::{Description, full_description};
use crate::package_set::lock::LockedPackage;
use crate::parallel::in_parallel;

/// How the writer looks into the files of packages. It may be called from several threads at once.
#[derive(Clone, Copy)]
pub struct PackageReader<'a> {
    /// Where a file of this digest lies: packages, and files of sources.
    pub file: &'a (dyn Fn(&Sha256) -> PathBuf + Sync),
    /// The whole description, as the package's control file has it. Asked only for packages whose entry holds its digest.
    pub description: &'a (dyn Fn(&LockedPackage) -> io::Result<Option<Description>> + Sync),
    /// The paths of a package's files (not of its folders), relative to the root. Asked only for Contents.
    pub paths: &'a (dyn Fn(&LockedPackage) -> io::Result<Vec<String>> + Sync),
}

impl fmt::Debug for PackageReader<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PackageReader")
    }
}

/// What was read of each package file, which several architectures may share.
#[derive(Debug, Default)]
pub(super) struct PackageDetails(HashMap<Sha256, Details>);

#[derive(Debug)]
pub(super) struct Details {
    /// Only one whose digest stands in the package's entry: clients look it up by that.
    pub(super) description: Option<Description>,
    /// Empty unless Contents are wanted.
    pub(super) paths: Vec<String>,
}

impl PackageDetails {
    pub(super) fn read<'a>(
        packages: impl Iterator<Item = &'a LockedPackage>,
        spec: &AptRepositorySpec,
        reader: PackageReader<'_>,
        threads: usize,
    ) -> Result<Self, RepositoryError> {
        let packages: BTreeMap<Sha256, &LockedPackage> = packages.map(|package| (package.file.sha256, package)).collect();
        let packages: Vec<_> = packages.into_iter().collect();
        let details = in_parallel(threads, &packages, |(digest, package)| {
            let unreadable = |source| RepositoryError::Unreadable { package: package.id(), source };
            let description = read_description(package, spec, reader).map_err(unreadable)?;
            let paths = if spec.contents { (reader.paths)(package).map_err(unreadable)? } else { Vec::new() };
            Ok::<_, RepositoryError>((*digest, Details { description, paths }))
        })?;
        Ok(Self(details.into_iter().collect()))
    }

    pub(super) fn of(&self, package: &LockedPackage) -> &Details {
        self.0.get(&package.file.sha256).expect("details are read of every package that has a place in an index")
    }
}

fn read_description(
    package: &LockedPackage,
    spec: &AptRepositorySpec,
    reader: PackageReader<'_>,
) -> io::Result<Option<Description>> {
    let Some(md5) = deb::field(package.stanza.as_bytes(), "Description-md5") else {
        // The entry holds the long description itself, and keeps it unless it is of an own package.
        return Ok(full_description(&package.stanza).filter(|_| spec.overlays.contains(&*package.archive)));
    };
    Ok((reader.description)(package)?.filter(|description| description.md5 == md5))
}
