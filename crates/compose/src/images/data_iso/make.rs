//! One disc: a signed repository of its packages, the files that say which disc it is, and the volume.

use std::path::Path;
use std::sync::Arc;

use super::jigdo;
use super::{DISK_INFO, DataIsoSpec};
use crate::config::resolved::Variant;
use crate::digest::Sha256;
use crate::engine::{JobContext, JobError, OutputFile};
use crate::images::disc_repository::DiscRepository;
use crate::images::medium::{self, volume_id_with_end, write_iso};
use crate::images::{DiscPlace, Image, ImageError, JigdoFiles};
use crate::package_set::lock::LockedPackage;
use crate::services::Services;
use crate::tools::Runner;

/// A disc that shall be made.
#[derive(Debug)]
pub(super) struct Disc {
    pub place: DiscPlace,
    pub packages: Vec<Arc<LockedPackage>>,
}

/// What is common to the discs of a set.
pub(super) struct Set<'a> {
    pub spec: &'a DataIsoSpec,
    pub variant: &'a Variant,
    pub arch: &'a str,
    /// Every repository of packages has these, whichever disc they are on.
    pub components: Vec<String>,
    /// Seconds since 1970: when the newest package was built.
    pub epoch: i64,
    pub runner: Runner,
}

impl Set<'_> {
    /// Makes a disc at `path`, relative to the compose's folder. It is there whole or not at all.
    pub(super) async fn make(
        &self,
        context: &JobContext,
        services: &Services,
        disc: Disc,
        path: String,
    ) -> Result<Image, JobError> {
        let Disc { place, packages } = disc;
        let name = format!("disc{}", place.number);
        let folder = context.work().join(&name);
        let installed = packages.iter().map(|package| package.id()).collect();
        let repository = DiscRepository {
            variant: self.variant,
            arch: self.arch,
            components: &self.components,
            spec: &self.spec.repository,
            epoch: self.epoch,
        };
        let digest = repository.write(context, services, &folder, packages).await?;
        let number_of = if place.count > 1 { format!("_{}", place.number) } else { String::new() };
        let volume_id = volume_id_with_end(&self.spec.volume_id, &number_of);
        self.write_marks(&folder, place, &digest)?;

        let made = context.work().join(format!("{name}.iso"));
        write_iso(&self.runner, &volume_id, None, self.date_of(place), &folder, &made).await?;
        let size = fs_err::metadata(&made)?.len();
        if let Some(media_size) = self.spec.media_size.filter(|limit| *limit < size) {
            return Err(ImageError::DiscTooLarge { number: place.number, size, media_size }.into());
        }
        let target = context.layout.path(&path);
        fs_err::create_dir_all(target.parent().unwrap_or(&target))?;
        let mut files = None;
        if let Some(url) = &self.spec.jigdo_url {
            let [jigdo, template] = [".jigdo", ".template"].map(|end| format!("{path}{end}"));
            let [jigdo_made, template_made] = [&jigdo, &template].map(|path| context.layout.path(path));
            let label = &self.variant.name;
            self.runner.run(&jigdo::command(&made, &jigdo_made, &template_made, &folder, label, url)).await?;
            let description = output_file(context, jigdo).await?;
            files = Some(JigdoFiles { description, template: output_file(context, template).await? });
        }
        fs_err::rename(&made, &target)?;
        fs_err::remove_dir_all(&folder)?;
        let OutputFile { path, size, sha256 } = output_file(context, path).await?;
        Ok(Image {
            path,
            kind: "data-iso".to_owned(),
            variant: self.variant.name.clone(),
            arch: self.arch.to_owned(),
            format: "iso".to_owned(),
            size,
            sha256,
            volume_id: Some(volume_id),
            implanted_md5: medium::implanted_md5(&target)?,
            bootable: false,
            installed,
            epoch: self.epoch,
            disc: place,
            jigdo: files,
            zsync: None,
            differs: None,
            boot_tests: Vec::new(),
        })
    }

    /// apt tells discs apart by the size of the volume and the names and times of what lies in its root (`IdentCdrom` in
    /// apt-pkg/cdromutl.cc). Names are alike on all discs, and sizes may be, so that times must not be.
    fn date_of(&self, place: DiscPlace) -> i64 {
        self.epoch + i64::from(place.number) - 1
    }

    /// apt asks people for a disc by the line in [`DISK_INFO`]. It has the date, lest they give it the one of another day. Where a
    /// disc was copied to something that can be written to, apt knows it by the names and times in `.disk`: one is the disc's own.
    fn write_marks(&self, folder: &Path, place: DiscPlace, digest: &Sha256) -> Result<(), JobError> {
        let date = jiff::Timestamp::from_second(self.epoch).unwrap_or_default().strftime("%Y%m%d").to_string();
        let mark = folder.join(DISK_INFO);
        fs_err::create_dir_all(mark.parent().unwrap_or(folder))?;
        let DiscPlace { number, count } = place;
        fs_err::write(mark, format!("{} - disc {number} of {count} {date}\n", self.spec.title))?;
        fs_err::write(folder.join(format!(".disk/{}", digest.short())), format!("{digest}\n"))?;
        Ok(())
    }
}

async fn output_file(context: &JobContext, path: String) -> Result<OutputFile, JobError> {
    let file = context.layout.path(&path);
    let (sha256, size) = context.blocking(move || Ok(Sha256::of_file(&file)?)).await?;
    Ok(OutputFile { path, size, sha256 })
}
