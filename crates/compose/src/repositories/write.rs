//! An apt repository of the package files that a compose holds: written, signed, and then made the one that clients see.
//!
//! Must not know: which packages, and where in the compose.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::digest::Sha256;
use crate::engine::{JobContext, JobError};
use crate::layout::Layout;
use crate::package_set::deb_file::{self, Description, full_description};
use crate::package_set::lock::{LockedPackage, LockedSource};
use crate::package_set::plan::stored_path;
use crate::services::Services;

use super::{AptRepositorySpec, PackageReader, ReleaseSignatures, Repository, stage_apt_repository};

/// Writes a repository at `spec.path`; `packages` are those of each arch. Signatures bear its date.
pub(crate) async fn write_signed(
    context: &JobContext,
    services: &Services,
    spec: AptRepositorySpec,
    packages: BTreeMap<String, Vec<Arc<LockedPackage>>>,
    sources: Vec<Arc<LockedSource>>,
) -> Result<Repository, JobError> {
    let signer = services.signer(context).await?;
    let (layout, cache, date) = (context.layout.clone(), services.cache.clone(), spec.date);
    let stage = move || {
        let files = Files { layout: &layout, cache };
        let reader = PackageReader {
            file: &|sha256| files.path(sha256),
            description: &|package| files.description(package),
            paths: &|package| files.contents(package),
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        stage_apt_repository(layout.root(), &spec, &packages, &sources, reader, threads).map_err(|error| JobError::caused(&error))
    };
    let staged = context.blocking(stage).await?;
    let signatures = match &signer {
        None => None,
        Some(signer) => {
            let time = signer.time_for(SystemTime::UNIX_EPOCH + Duration::from_secs(date.unsigned_abs()));
            let clear_signed = signer.clear_sign(staged.release().as_bytes(), time, &context.runner).await?;
            let detached = signer.detach_sign(staged.release().as_bytes(), time, &context.runner).await?;
            Some(ReleaseSignatures { clear_signed, detached })
        }
    };
    staged.publish(signatures.as_ref()).map_err(|error| JobError::caused(&error))
}

/// The package files of a compose, and what was read out of them once and for all.
struct Files<'a> {
    layout: &'a Layout,
    cache: PathBuf,
}

impl Files<'_> {
    fn path(&self, sha256: &Sha256) -> PathBuf {
        self.layout.path(&stored_path(sha256))
    }

    fn description(&self, package: &LockedPackage) -> io::Result<Option<Description>> {
        let control = deb_file::control(&self.path(&package.file.sha256)).map_err(io::Error::other)?;
        Ok(full_description(&control.text))
    }

    /// The list of a package's files: read once for all composes that share the cache.
    fn contents(&self, package: &LockedPackage) -> io::Result<Vec<String>> {
        let digits = package.file.sha256.to_string();
        let known = self.cache.join("contents").join(&digits[..2]).join(&digits);
        // The first line is the digest of the others: a list that was damaged is read out of the package again.
        let text = fs_err::read_to_string(&known).unwrap_or_default();
        if let Some((digest, list)) = text.split_once('\n')
            && digest.parse() == Ok(Sha256::of(list.as_bytes()))
        {
            return Ok(list.lines().map(str::to_owned).collect());
        }
        let paths = deb_file::contents(&self.path(&package.file.sha256)).map_err(io::Error::other)?;
        fs_err::create_dir_all(known.parent().unwrap_or(&known))?;
        let list = paths.iter().flat_map(|path| [path, "\n"]).collect::<String>();
        crate::files::write_whole(&known, format!("{}\n{list}", Sha256::of(list.as_bytes())).as_bytes())?;
        Ok(paths)
    }
}
