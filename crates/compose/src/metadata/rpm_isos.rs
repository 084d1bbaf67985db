//! Jobs of the phase image-checksum in composes of RPM packages: the images of a folder get the names that users see, and their
//! checksum files.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::RpmConfig;
use crate::config::rpm::MediaChecksums;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase, Weight};
use crate::files::link_or_copy_over;
use crate::images::iso_folders::IsoFolders;
use crate::images::lorax::plan::{BootJobs, BootMedia, SmallIso};
use crate::images::optical::IsoNames;
use crate::images::rpm_plan::{Iso, Isos, PlannedIso, Spec};
use crate::layout::Layout;

use super::ComposeRecord;
use super::checksums::{ChecksummedFile, TaggedFiles};
use super::images::{ImageRecord, ListedImage};
use super::python_format::{FormatError, Values, expand, expand_percent};
use super::rpm_plan::write_file;

/// A folder of images: the UID of a variant, and an arch or `src`.
pub type FolderKey = (String, String);

/// The images of one folder as they are shipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippedIsos {
    pub images: Vec<ShippedIso>,
    files: Vec<OutputFile>,
}

/// An image under the name that users see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippedIso {
    pub variant: String,
    /// `src` for sources.
    pub arch: String,
    /// Relative to the compose's folder.
    pub path: String,
    /// `dvd` or `boot`.
    pub kind: String,
    /// Its own limit, in bytes.
    pub max_size: Option<u64>,
    /// Other variants on it, if it is of several.
    pub others: Option<Vec<String>>,
    pub iso: Iso,
}

impl Output for ShippedIsos {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// Adds a job for each folder of images.
pub fn plan_images(
    graph: &mut Graph,
    config: &Arc<RpmConfig>,
    compose: &ComposeRecord,
    run: &Values<'static>,
    planned: &[PlannedIso],
    boot: &BootJobs,
) -> Vec<(FolderKey, Handle<ShippedIsos>)> {
    let mut folders: BTreeMap<(&str, &str), Vec<&PlannedIso>> = BTreeMap::new();
    for image in planned {
        folders.entry((image.spec.variant(), image.spec.arch())).or_default().push(image);
    }
    for (variant, arch) in boot.keys() {
        folders.entry((variant, arch)).or_default();
    }
    let add = |((variant, arch), planned): ((&str, &str), Vec<&PlannedIso>)| {
        let specs: Vec<Spec> = planned.iter().map(|planned| planned.spec.clone()).collect();
        let shipping = Shipping {
            variant: variant.to_owned(),
            arch: arch.to_owned(),
            arches: config.variant(variant).map(|variant| variant.trees.keys().cloned().collect()).unwrap_or_default(),
            run: run.clone(),
            boot_names: config.variant(variant).and_then(|variant| Some(variant.lorax.get(arch)?.names.clone())),
            checksums: config.media_checksums.clone(),
            specs,
            folders: config.iso_folders.clone(),
            compose_id: compose.id.clone(),
        };
        let job = Job::new(Phase::ImageChecksum, format!("{variant}.{arch}"))
            .spec(&(&shipping.specs, &shipping.checksums, &shipping.folders))
            .of_compose(compose)
            .weight(Weight::NONE)
            .estimate(0.5);
        let images: Vec<_> = planned.iter().map(|planned| planned.made).collect();
        let media: Vec<_> = boot.get(&(variant.to_owned(), arch.to_owned())).copied().into_iter().collect();
        let key = (variant.to_owned(), arch.to_owned());
        let shipped = graph.add(job, (images, media), move |context, (images, media)| {
            let shipping = shipping.clone();
            async move { context.clone().blocking(move || shipping.ship(&context, &images, &media)).await }
        });
        (key, shipped)
    };
    folders.into_iter().map(add).collect()
}

/// How the images of one folder are shipped.
#[derive(Debug, Clone)]
struct Shipping {
    variant: String,
    arch: String,
    /// Of the variant.
    arches: Vec<String>,
    run: Values<'static>,
    /// What boot media are called, if there are any.
    boot_names: Option<IsoNames>,
    checksums: MediaChecksums,
    specs: Vec<Spec>,
    folders: IsoFolders,
    compose_id: String,
}

impl Shipping {
    fn ship(
        &self,
        context: &JobContext,
        images: &[Arc<Option<Isos>>],
        media: &[Arc<Option<BootMedia>>],
    ) -> Result<ShippedIsos, JobError> {
        let shown = if self.arch == "src" { "source" } else { &self.arch };
        let folder = format!("compose/{}/{shown}/iso", self.variant);
        let jigdo_folder = format!("compose/{}/{shown}/jigdo", self.variant);
        // Images of several variants of which none could be made leave nothing, as with Pungi.
        let are_any = images.iter().any(|isos| isos.is_some()) || media.iter().any(|media| media.is_some());
        let mut shipped = ShippedIsos { images: Vec::new(), files: Vec::new() };
        if !are_any && !self.specs.iter().any(|spec| matches!(spec, Spec::Tree(_))) {
            return Ok(shipped);
        }
        self.folders.make(&context.layout, &self.compose_id, &folder)?;
        for (spec, isos) in self.specs.iter().zip(images) {
            for iso in isos.iter().flat_map(|isos| &isos.discs) {
                let name = spec.file_name(iso.disc_number, &self.run)?;
                let path = format!("{folder}/{name}");
                shipped.files.push(link(&context.layout, &iso.file, &path)?);
                shipped.files.push(link(&context.layout, &iso.manifest, &format!("{path}.manifest"))?);
                for (file, ending) in iso.jigdo.iter().zip(["jigdo", "template"]) {
                    shipped.files.push(link(&context.layout, file, &format!("{jigdo_folder}/{name}.{ending}"))?);
                }
                let (others, max_size) = match spec {
                    Spec::Tree(_) => (None, None),
                    Spec::Extra(spec) => (Some(spec.included.clone()), spec.max_size),
                };
                let (variant, arch) = (self.variant.clone(), self.arch.clone());
                let kind = "dvd".to_owned();
                shipped.images.push(ShippedIso { variant, arch, path, kind, max_size, others, iso: iso.clone() });
            }
        }
        let small = media.iter().filter_map(|media| media.as_ref().as_ref()?.boot_iso.as_ref());
        for (small, names) in small.zip(&self.boot_names) {
            let path = format!("{folder}/{}", names.boot_file_name(&self.arch, &self.run)?);
            shipped.files.push(link(&context.layout, &small.file, &path)?);
            shipped.files.push(link(&context.layout, &small.manifest, &format!("{path}.manifest"))?);
            shipped.images.push(self.boot_medium(small, path));
        }
        for (name, text) in self.checksum_files(&shipped.images)? {
            shipped.files.push(write_file(&context.layout, &format!("{folder}/{name}"), &text)?);
        }
        Ok(shipped)
    }

    fn boot_medium(&self, small: &SmallIso, path: String) -> ShippedIso {
        let iso = Iso {
            file: small.file.clone(),
            manifest: small.manifest.clone(),
            jigdo: Vec::new(),
            checksums: small.checksums.clone(),
            mtime: small.mtime,
            volume_id: small.volume_id.clone(),
            implanted_md5: small.implanted_md5.clone(),
            disc_number: 1,
            disc_count: 1,
            bootable: true,
        };
        let (variant, arch, kind) = (self.variant.clone(), self.arch.clone(), "boot".to_owned());
        ShippedIso { variant, arch, path, kind, max_size: None, others: None, iso }
    }

    /// The folder of sources has files for each arch of the variant, where their names tell arches apart.
    fn checksum_files(&self, images: &[ShippedIso]) -> Result<BTreeMap<String, String>, FormatError> {
        let files = images.iter().map(|image| ChecksummedFile {
            name: image.path.rsplit('/').next().unwrap_or_default().to_owned(),
            size: image.iso.file.size,
            checksums: image.iso.checksums.clone(),
        });
        let files: Vec<_> = files.collect();
        let arches = if self.arch == "src" { self.arches.clone() } else { vec![self.arch.clone()] };
        let mut texts = BTreeMap::new();
        for arch in arches {
            let base_name = self.base_name(&arch)?;
            let MediaChecksums { kinds, one_file, .. } = &self.checksums;
            texts.extend(TaggedFiles { kinds, one_file: *one_file, base_name: &base_name }.texts(&files));
        }
        Ok(texts)
    }

    fn base_name(&self, arch: &str) -> Result<String, FormatError> {
        let mut values = self.run.clone();
        values.insert("variant", self.variant.clone());
        values.insert("arch", arch.to_owned());
        values.insert("dirname", "iso".to_owned());
        expand(&expand_percent(&self.checksums.base_name, &values)?, &values)
    }
}

/// Gives a file of the compose another name there.
fn link(layout: &Layout, file: &OutputFile, path: &str) -> Result<OutputFile, JobError> {
    let absolute = layout.path(path);
    fs_err::create_dir_all(absolute.parent().unwrap_or(layout.root()))?;
    link_or_copy_over(&layout.path(&file.path), &absolute)?;
    Ok(OutputFile { path: path.to_owned(), ..file.clone() })
}

/// Images of sources belong to each arch of their variant.
pub fn listed_images(config: &RpmConfig, folders: &[Arc<ShippedIsos>]) -> Vec<ListedImage> {
    let mut listed = Vec::new();
    for image in folders.iter().flat_map(|folder| &folder.images) {
        let Some(variant) = config.variant(&image.variant) else { continue };
        let arches: Vec<&String> = if image.arch == "src" { variant.trees.keys().collect() } else { vec![&image.arch] };
        for arch in arches {
            listed.push(ListedImage { variant: image.variant.clone(), arch: arch.clone(), image: image_record(image) });
        }
    }
    listed
}

fn image_record(ShippedIso { variant, arch, path, kind, others, iso, .. }: &ShippedIso) -> ImageRecord {
    ImageRecord {
        additional_variants: others.clone(),
        arch: arch.clone(),
        bootable: iso.bootable,
        checksums: iso.checksums.iter().map(|(kind, digest)| (kind.name().to_owned(), digest.clone())).collect(),
        disc_count: iso.disc_count,
        disc_number: iso.disc_number,
        format: "iso".to_owned(),
        implant_md5: iso.implanted_md5.clone(),
        mtime: iso.mtime,
        path: Layout::shipped(path).to_owned(),
        size: iso.file.size,
        subvariant: variant.clone(),
        image_type: kind.clone(),
        unified: others.is_some(),
        boot_tests: Vec::new(),
        differs: None,
        volume_id: Some(iso.volume_id.clone()),
    }
}

impl From<FormatError> for JobError {
    fn from(error: FormatError) -> Self {
        Self::caused(&error)
    }
}
