//! The repository of a variant on an image: the packages of its tree, in one folder, with the groups, the product certificate and
//! what is said of modules as the tree's own repository has them.

use std::io::BufReader;
use std::path::Path;

use charmer_packages::rpm::repodata::read::{Data, Repomd, read_repomd};

use super::error::UnifiedError;
use crate::compression::{Compression, decompress};
use crate::config::rpm::RepositoryRules;
use crate::digest::Sha256;
use crate::images::optical::UnifiedTree;
use crate::package_set::rpm_file::read_rpms;
use crate::parallel::processors;
use crate::repositories::createrepo_c::Arguments;
use crate::repositories::rpm_md::{ExtraFile, Groups, ListedPackage, write_rpm_md};
use crate::repositories::rpm_plan::rpm_md_spec;
use crate::repositories::{modulemd, product_id};

/// No comps file, certificate or modules.yaml has more.
const LIMIT: u64 = 256 << 20;

/// Writes it into a folder, and gives the checksum of its `repodata/repomd.xml`.
pub(super) fn write_repository(
    root: &Path,
    tree: &UnifiedTree,
    folder: &Path,
    rules: &RepositoryRules,
    date: i64,
) -> Result<Sha256, UnifiedError> {
    let packages = tree.packages();
    let locations: Vec<String> = packages.values().map(|path| (*path).to_owned()).collect();
    let headers = read_rpms(root, &locations, Some(rules.checksum), processors()).map_err(UnifiedError::Packages)?;
    let listed =
        headers.iter().zip(packages.keys()).map(|(header, location)| ListedPackage { package: &header.package, location });
    let listed: Vec<_> = listed.collect();
    let kept = TreeMetadata::read(root)?;
    let mut spec = rpm_md_spec(rules, date);
    spec.groups = kept.groups(rules)?;
    spec.extras = kept.extras()?;
    Ok(write_rpm_md(folder, &listed, &spec)?.repomd)
}

/// The metadata of the tree's own repository.
struct TreeMetadata<'a> {
    root: &'a Path,
    repomd: Repomd,
}

impl<'a> TreeMetadata<'a> {
    /// A tree without any has nothing to keep.
    fn read(root: &'a Path) -> Result<Self, UnifiedError> {
        let path = root.join("repodata/repomd.xml");
        if !path.is_file() {
            return Ok(Self { root, repomd: Repomd::default() });
        }
        let mut file = BufReader::new(fs_err::File::open(&path)?);
        let repomd =
            read_repomd(&mut file).map_err(|error| UnifiedError::Repository { path: path.clone(), reason: error.to_string() })?;
        Ok(Self { root, repomd })
    }

    fn groups(&self, rules: &RepositoryRules) -> Result<Option<Groups>, UnifiedError> {
        let Some(data) = self.repomd.data.get("group") else { return Ok(None) };
        Ok(Some(Groups {
            name: plain_name(data).to_owned(),
            content: self.content(data)?,
            compression: Arguments::of(rules).group_compression,
        }))
    }

    fn extras(&self) -> Result<Vec<ExtraFile>, UnifiedError> {
        let mut extras = Vec::new();
        if let Some(data) = self.repomd.data.get("productid") {
            extras.push(product_id::extra_file(self.content(data)?));
        }
        if let Some(data) = self.repomd.data.get("modules") {
            extras.push(ExtraFile { content: self.content(data)?, ..modulemd::extra_file(String::new()) });
        }
        Ok(extras)
    }

    fn content(&self, data: &Data) -> Result<Vec<u8>, UnifiedError> {
        let path = self.root.join(&data.location);
        let file = fs_err::File::open(&path)?;
        decompress(Compression::of_name(&data.location), file, LIMIT).map_err(|source| UnifiedError::Packed { path, source })
    }
}

/// The name of a file without the checksum that stands before it.
fn plain_name(data: &Data) -> &str {
    let name = data.location.rsplit('/').next().unwrap_or(&data.location);
    let name = name.strip_prefix(&*data.checksum.digest).and_then(|name| name.strip_prefix('-')).unwrap_or(name);
    name.strip_suffix(Compression::of_name(name).suffix()).unwrap_or(name)
}
