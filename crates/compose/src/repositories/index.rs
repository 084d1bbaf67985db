//! The index files of an apt repository: which there are, and the text of each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use charmer_packages::deb::version::compare;

use super::details::PackageDetails;
use super::{AptRepositorySpec, RepositoryError, contents, pool, release, stanza, translation};
use crate::compression::Compression;
use crate::package_set::deb_file::with_short_description;
use crate::package_set::lock::{LockedPackage, LockedSource};
use crate::package_set::udebs;

/// What the indexes are made from.
#[derive(Clone, Copy)]
pub(super) struct IndexInput<'a> {
    pub(super) spec: &'a AptRepositorySpec,
    pub(super) packages: &'a BTreeMap<String, Vec<Arc<LockedPackage>>>,
    pub(super) sources: &'a [Arc<LockedSource>],
    pub(super) details: &'a PackageDetails,
}

/// One index of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Index<'a> {
    component: &'a str,
    kind: Kind<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind<'a> {
    /// The binary packages of an architecture.
    Packages(&'a str),
    /// The udebs of an architecture, in an index below the component's.
    Udebs(&'a str),
    Sources,
    /// The small Release file of an architecture's folder, or of the `source` folder.
    FolderRelease(&'a str),
    /// The long descriptions.
    Translation,
    /// Which package of an architecture has which file.
    Contents(&'a str),
}

impl<'a> Index<'a> {
    /// All indexes of a repository, the ones that take longest first.
    pub(super) fn all(input: &IndexInput<'a>) -> Vec<Self> {
        let spec = input.spec;
        let mut kinds: Vec<Kind<'a>> = Vec::new();
        if spec.contents {
            kinds.extend(spec.arches.iter().map(|arch| Kind::Contents(arch)));
        }
        kinds.extend(spec.arches.iter().map(|arch| Kind::Packages(arch)));
        if input.packages.values().flatten().any(|package| udebs::are_in(&package.component)) {
            kinds.extend(spec.arches.iter().map(|arch| Kind::Udebs(arch)));
        }
        kinds.push(Kind::Translation);
        if !input.sources.is_empty() {
            kinds.extend([Kind::Sources, Kind::FolderRelease("source")]);
        }
        kinds.extend(spec.arches.iter().map(|arch| Kind::FolderRelease(arch)));
        let of_kind = |kind| spec.components.iter().map(move |component| Self { component, kind });
        kinds.into_iter().flat_map(of_kind).collect()
    }

    /// Relative to the Release file, without the suffix of a compression.
    pub(super) fn path(&self) -> String {
        let component = self.component;
        match self.kind {
            Kind::Packages(arch) => format!("{component}/binary-{arch}/Packages"),
            Kind::Udebs(arch) => format!("{}/binary-{arch}/Packages", udebs::of_component(component)),
            Kind::Sources => format!("{component}/source/Sources"),
            Kind::FolderRelease("source") => format!("{component}/source/Release"),
            Kind::FolderRelease(arch) => format!("{component}/binary-{arch}/Release"),
            Kind::Translation => format!("{component}/i18n/Translation-en"),
            Kind::Contents(arch) => format!("{component}/Contents-{arch}"),
        }
    }

    /// The forms in which it lies in the repository.
    pub(super) fn forms(&self) -> &'static [Compression] {
        match self.kind {
            Kind::Packages(_) | Kind::Udebs(_) | Kind::Sources => &[Compression::Xz, Compression::Gzip],
            Kind::Translation => &[Compression::Xz],
            Kind::Contents(_) => &[Compression::Gzip],
            Kind::FolderRelease(_) => &[Compression::None],
        }
    }

    pub(super) fn text(&self, input: &IndexInput<'_>) -> Result<Vec<u8>, RepositoryError> {
        match self.kind {
            Kind::Packages(arch) => packages_text(&self.packages(input, arch), input.spec),
            Kind::Udebs(arch) => {
                let component = udebs::of_component(self.component);
                packages_text(&packages_of(input, arch, &component), input.spec)
            }
            Kind::Sources => {
                let sources = input.sources.iter().map(AsRef::as_ref).filter(|source| source.component == self.component);
                sources_text(sources.collect())
            }
            Kind::FolderRelease(arch) => Ok(release::folder_release_text(input.spec, self.component, arch).into_bytes()),
            Kind::Translation => {
                let packages: BTreeSet<_> =
                    input.packages.values().flatten().filter(|package| *package.component == *self.component).collect();
                Ok(translation::translation_text(packages.into_iter().map(AsRef::as_ref), input.details))
            }
            Kind::Contents(arch) => Ok(contents::contents_text(&self.packages(input, arch), input.details)),
        }
    }

    fn packages<'i>(&self, input: &IndexInput<'i>, arch: &str) -> Vec<&'i LockedPackage> {
        packages_of(input, arch, self.component)
    }
}

fn packages_of<'i>(input: &IndexInput<'i>, arch: &str, component: &str) -> Vec<&'i LockedPackage> {
    let of_arch = input.packages.get(arch).into_iter().flatten().map(AsRef::as_ref);
    of_arch.filter(|package| *package.component == *component).collect()
}

/// The archives' own entries, to the byte but for the place in this repository's pool.
fn packages_text(packages: &[&LockedPackage], spec: &AptRepositorySpec) -> Result<Vec<u8>, RepositoryError> {
    let mut packages = packages.to_vec();
    packages.sort_by(|left, right| {
        let by_version = || compare(&left.version, &right.version);
        left.name.cmp(&right.name).then_with(by_version).then_with(|| left.arch.cmp(&right.arch))
    });
    packages.dedup();
    let mut text = Vec::with_capacity(packages.iter().map(|package| package.stanza.len() + 64).sum());
    for package in packages {
        let own = spec.overlays.contains(&*package.archive).then(|| with_short_description(&package.stanza));
        let entry = stanza::with_field(own.as_ref().unwrap_or(&package.stanza), "Filename", &pool::package_path(package)?);
        text.extend_from_slice(entry.as_bytes());
        text.push(b'\n');
    }
    Ok(text)
}

fn sources_text(mut sources: Vec<&LockedSource>) -> Result<Vec<u8>, RepositoryError> {
    sources.sort_by(|left, right| left.name.cmp(&right.name).then_with(|| compare(&left.version, &right.version)));
    sources.dedup();
    let mut text = Vec::new();
    for source in sources {
        let entry = stanza::with_field(&source.stanza, "Directory", &pool::source_folder(source)?);
        text.extend_from_slice(entry.as_bytes());
        text.push(b'\n');
    }
    Ok(text)
}
