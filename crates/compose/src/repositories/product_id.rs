//! Product certificates: which one belongs into the repository of which variant and arch.
//!
//! They lie in one folder as `VARIANT-ARCH-ID.pem`, where layered products may have a name of theirs before the variant's.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use charmer_packages::Glob;
use serde::{Deserialize, Serialize};

use super::rpm_md::ExtraFile;
use crate::checksum::Algorithm;
use crate::compression::Compression;
use crate::scm::ScmSpec;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProductIdSpec {
    /// The folder of certificates.
    pub scm: ScmSpec,
    /// A tree without a certificate is said, and no failure.
    pub allow_missing: bool,
    /// Something may stand before the variant in a file's name.
    pub allow_name_prefix: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ProductIdError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("No product certificate found (arch: {arch}, variant: {variant})")]
    Missing { arch: String, variant: String },
    #[error("Multiple product certificates found (arch: {arch}, variant: {variant}): {}", files.join(", "))]
    Several { arch: String, variant: String, files: Vec<String> },
}

/// What was found for a compose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProductIds {
    /// Certificates by the variant's UID and arch.
    pub certificates: BTreeMap<(String, String), Vec<u8>>,
    /// What is to be said of trees that have none.
    pub warnings: Vec<String>,
}

/// Finds the certificate of each tree, a variant's UID and an arch, in a folder that was fetched.
pub fn product_ids(folder: &Path, spec: &ProductIdSpec, trees: &[(&str, &str)]) -> Result<ProductIds, ProductIdError> {
    let names = names_in(folder)?;
    let mut found = ProductIds::default();
    for (variant, arch) in trees {
        let prefix = if spec.allow_name_prefix { "*" } else { "" };
        let pattern = Glob::lenient(&format!("{prefix}{variant}-{arch}-*.pem"));
        let (variant, arch) = ((*variant).to_owned(), (*arch).to_owned());
        let files: Vec<&String> = names.iter().filter(|name| pattern.matches(name)).collect();
        match files.as_slice() {
            [file] => {
                found.certificates.insert((variant, arch), fs_err::read(folder.join(file))?);
            }
            [] if spec.allow_missing => found.warnings.push(ProductIdError::Missing { arch, variant }.to_string()),
            [] => return Err(ProductIdError::Missing { arch, variant }),
            _ => return Err(ProductIdError::Several { arch, variant, files: files.into_iter().cloned().collect() }),
        }
    }
    Ok(found)
}

/// A certificate as a file of a repository. Clients of old look for it under its plain name, and createrepo_c's `modifyrepo_c`
/// gives it a SHA-256 checksum whatever the other files have.
pub fn extra_file(certificate: Vec<u8>) -> ExtraFile {
    ExtraFile {
        kind: "productid".to_owned(),
        name: "productid".to_owned(),
        content: certificate,
        compression: Compression::Gzip,
        checksum: Algorithm::Sha256,
        plain_copy: true,
    }
}

fn names_in(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for entry in fs_err::read_dir(folder)? {
        // A hidden file is no certificate, whatever the pattern.
        names.extend(entry?.file_name().into_string().ok().filter(|name| !name.starts_with('.')));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scm::{ScmSource, Wanted};

    fn spec(allow_missing: bool, allow_name_prefix: bool) -> ProductIdSpec {
        let scm = ScmSpec { source: ScmSource::File { folder: "/".into() }, wanted: Wanted::Folders(Vec::new()) };
        ProductIdSpec { scm, allow_missing, allow_name_prefix }
    }

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            fs_err::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    /// The files, variants and warnings of the golden compose `h-options`.
    #[test]
    fn certificates_are_found_by_variant_and_arch() {
        let folder = folder(&["Server-s390x-bb-203.pem", "Server-x86_64-0f1e2d-201.pem", "harbour-Everything-x86_64-aa-202.pem"]);
        let trees = [("Server", "aarch64"), ("Everything", "x86_64"), ("Server", "x86_64"), ("Server-optional", "x86_64")];
        let found = product_ids(folder.path(), &spec(true, true), &trees).unwrap();
        let places: Vec<String> = found.certificates.keys().map(|(variant, arch)| format!("{variant}.{arch}")).collect();
        assert_eq!(places, ["Everything.x86_64", "Server.x86_64"]);
        assert_eq!(
            found.warnings,
            [
                "No product certificate found (arch: aarch64, variant: Server)",
                "No product certificate found (arch: x86_64, variant: Server-optional)"
            ]
        );
        let without_prefix = product_ids(folder.path(), &spec(true, false), &trees).unwrap();
        assert_eq!(without_prefix.certificates.len(), 1);
        assert!(matches!(product_ids(folder.path(), &spec(false, true), &trees), Err(ProductIdError::Missing { .. })));
    }

    #[test]
    fn two_certificates_of_a_tree_are_an_error() {
        let folder = folder(&["Server-x86_64-2.pem", "a-Server-x86_64-1.pem"]);
        let error = product_ids(folder.path(), &spec(true, true), &[("Server", "x86_64")]).unwrap_err();
        let expected =
            "Multiple product certificates found (arch: x86_64, variant: Server): Server-x86_64-2.pem, a-Server-x86_64-1.pem";
        assert_eq!(error.to_string(), expected);
    }
}
