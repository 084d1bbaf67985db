//! The repository on a disc: signed, for one arch, with the variant's extra files beside its packages.
//!
//! Must not know: what else is on the disc.

use std::path::Path;
use std::sync::Arc;

use crate::config::resolved::Variant;
use crate::digest::Sha256;
use crate::engine::{JobContext, JobError};
use crate::package_set::lock::LockedPackage;
use crate::repositories::AptRepositorySpec;
use crate::repositories::plan::copy_extra_files;
use crate::repositories::write::write_signed;
use crate::services::Services;

/// What is common to the repositories of a variant's discs.
#[derive(Debug, Clone, Copy)]
pub(super) struct DiscRepository<'a> {
    pub(super) variant: &'a Variant,
    pub(super) arch: &'a str,
    pub(super) components: &'a [String],
    /// But for the path, the date, the components and the arches.
    pub(super) spec: &'a AptRepositorySpec,
    /// Its date, in seconds since 1970.
    pub(super) epoch: i64,
}

impl DiscRepository<'_> {
    /// Writes it into a folder of the compose, which is not there yet; gives the digest of its top index.
    pub(super) async fn write(
        &self,
        context: &JobContext,
        services: &Services,
        folder: &Path,
        packages: Vec<Arc<LockedPackage>>,
    ) -> Result<Sha256, JobError> {
        let relative = folder.strip_prefix(context.layout.root()).unwrap_or(folder).to_string_lossy().into_owned();
        fs_err::create_dir_all(folder)?;
        copy_extra_files(self.variant, &context.layout, &relative)?;
        let spec = AptRepositorySpec {
            path: relative,
            date: self.epoch,
            components: self.components.to_vec(),
            arches: vec![self.arch.to_owned()],
            ..self.spec.clone()
        };
        Ok(write_signed(context, services, spec, [(self.arch.to_owned(), packages)].into(), Vec::new()).await?.sha256)
    }
}
