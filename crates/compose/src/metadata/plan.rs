//! Jobs of the phases image-checksum and metadata: images get their final names and checksums, the compose its description.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::config::resolved::{ImageSpec, Variant};
use crate::config::schema::images::ImageKind;
use crate::digest::Sha256;
use crate::engine::journal::write_durably;
use crate::engine::{Graph, Handle, Job, JobContext, JobError, Output, OutputFile, Phase};
use crate::files::{link_or_copy, remove_folder};
use crate::gather::Selection;
use crate::gather::plan::{ComposeDate, LockFile, Selections};
use crate::images::data_iso::with_names;
use crate::images::ostree::plan::OstreeRepository;
use crate::images::plan::PlannedImage;
use crate::images::{
    BootRecord, DiscPlace, Image, ImageSet, JigdoFiles, NETBOOT, NETBOOT_SQUASHFS, unpack_archive, zsync_with_name,
};
use crate::layout::Layout;
use crate::package_set::lock::{LockedFile, LockedPackage, LockedSource};
use crate::repositories::plan::VariantRepository;
use crate::repositories::{Repository, RepositoryError, package_path, source_folder};
use crate::services::Services;

use super::ComposeRecord;
use super::checksums::{ChecksumKind, Checksums, SIGNATURE_SUFFIX, checksum_files, checksums_of_file};
use super::composeinfo::{PathKind, ReleaseRecord, VariantRecord, composeinfo_json};
use super::debs::{DebCategory, DebPlace, DebRecord, debs_json};
use super::images::{BootTestRecord, ImageRecord, ListedImage, has_own_type, images_json, productmd_kind};
use super::ostree::ostree_json;

/// An image under the name that users see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShippedImage {
    pub image: Image,
    /// What tells it apart from others of its variant and arch.
    pub name: String,
    /// It is of the only image of its kind that the variant has, and so needs no name among them.
    is_default: bool,
    /// Relative to the compose's folder.
    pub path: String,
    pub checksums: BTreeMap<ChecksumKind, String>,
}

impl ShippedImage {
    /// For people: the name, and of a set which disc it is.
    pub fn title(&self) -> String {
        match self.image.disc {
            DiscPlace { count: 1, .. } => self.name.clone(),
            DiscPlace { number, count } => format!("{} {number}/{count}", self.name),
        }
    }
}

/// The images of one folder, with its checksum files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShippedFolder {
    pub images: Vec<ShippedImage>,
    files: Vec<OutputFile>,
}

impl ShippedFolder {
    /// `SHA256SUMS` and its like.
    pub fn checksum_files(&self) -> impl Iterator<Item = &OutputFile> {
        self.files.iter().filter(|file| file.path.ends_with("SUMS"))
    }

    /// The files by which people make an image of what they have: those of jigdo and of zsync.
    pub fn files_about(&self, image: &ShippedImage) -> impl Iterator<Item = &OutputFile> {
        let jigdo = image.path.rsplit('/').next().map(|name| format!("{}/{name}.", jigdo_folder(&image.image)));
        let zsync = format!("{}.zsync", image.path);
        let is_one =
            move |file: &&OutputFile| file.path == zsync || jigdo.as_ref().is_some_and(|start| file.path.starts_with(start));
        self.files.iter().filter(is_one)
    }

    /// Where the signature of a checksum file lies.
    pub fn signature_of(&self, file: &OutputFile) -> String {
        format!("{}{SIGNATURE_SUFFIX}", file.path)
    }
}

impl Output for ShippedFolder {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// The files that describe the compose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetadataFiles {
    files: Vec<OutputFile>,
}

impl Output for MetadataFiles {
    fn files(&self) -> Vec<OutputFile> {
        self.files.clone()
    }
}

/// Adds a job for each folder of images that the compose ships.
pub fn plan_images(
    graph: &mut Graph,
    config: &Arc<Config>,
    services: &Arc<Services>,
    compose: &ComposeRecord,
    images: &[PlannedImage],
    date: Handle<ComposeDate>,
) -> Vec<Handle<ShippedFolder>> {
    let mut folders: BTreeMap<String, Vec<&PlannedImage>> = BTreeMap::new();
    for planned in images {
        folders.entry(image_folder(&planned.spec)).or_default().push(planned);
    }
    let add = |(folder, planned): (String, Vec<&PlannedImage>)| {
        let shipments: Vec<_> = planned.iter().map(|planned| Shipment::of(&planned.spec)).collect();
        let spec = (&shipments, &config.publish, &config.signing);
        let job = Job::new(Phase::ImageChecksum, scope_of_folder(&folder)).spec(&spec).of_compose(compose).estimate(2.0);
        let inputs: Vec<_> = planned.iter().map(|planned| planned.made).collect();
        let (services, id) = (services.clone(), compose.id.clone());
        let kinds: BTreeSet<_> = config.publish.checksums.iter().copied().collect();
        graph.add(job, (inputs, date), move |context, (images, date)| {
            let (services, id, shipments, kinds, folder) =
                (services.clone(), id.clone(), shipments.clone(), kinds.clone(), folder.clone());
            async move {
                let made = |(shipment, set): (Shipment, Arc<Option<ImageSet>>)| {
                    let images = set.as_ref().clone().into_iter().flat_map(|set| set.0);
                    images.map(move |image| (shipment.clone(), image))
                };
                let present = shipments.into_iter().zip(images).flat_map(made).collect();
                let shipped = ship(&context, &id, &folder, present, kinds).await?;
                sign_checksums(&context, &services, shipped, *date).await
            }
        })
    };
    folders.into_iter().map(add).collect()
}

/// How an image is shipped.
#[derive(Debug, Clone, Serialize)]
struct Shipment {
    name: String,
    /// The OCI image layout lies beside the archive of it.
    layout: bool,
    /// The number of the disc is part of the name.
    numbered: bool,
    is_default: bool,
}

impl Shipment {
    fn of(image: &ImageSpec) -> Self {
        let layout = match &image.kind {
            ImageKind::Container(container) => container.layout,
            ImageKind::Bootc(bootc) => bootc.layout,
            _ => false,
        };
        let numbered = matches!(image.kind, ImageKind::DataIso(_));
        Self { name: image.name.clone(), layout, numbered, is_default: image.name == image.kind.default_name() }
    }
}

/// Where an image is shipped, as Pungi has it.
fn image_folder(image: &ImageSpec) -> String {
    let folder = match image.kind {
        ImageKind::Container(_)
        | ImageKind::Bootc(_)
        | ImageKind::Disk(_)
        | ImageKind::Tar(_)
        | ImageKind::Squashfs(_)
        | ImageKind::Wsl(_)
        | ImageKind::Lxc(_)
        | ImageKind::Ostree(_) => "images",
        ImageKind::Live(_) | ImageKind::Installer(_) | ImageKind::DataIso(_) => "iso",
    };
    Layout::image_folder(&image.variant, &image.arch, folder)
}

fn scope_of_folder(folder: &str) -> String {
    Layout::shipped(folder).replace('/', ".")
}

/// The job that ships an image.
pub fn image_folder_job(image: &ImageSpec) -> String {
    format!("{}:{}", Phase::ImageChecksum, scope_of_folder(&image_folder(image)))
}

/// Gives images their final names, and writes the checksum files.
async fn ship(
    context: &JobContext,
    id: &str,
    folder: &str,
    images: Vec<(Shipment, Image)>,
    kinds: BTreeSet<ChecksumKind>,
) -> Result<ShippedFolder, JobError> {
    let (layout, id, folder) = (context.layout.clone(), id.to_owned(), folder.to_owned());
    let work = move || {
        let mut shipping = Shipping { layout: &layout, kinds, files: Vec::new(), sums: BTreeMap::new() };
        let jigdo_folders: BTreeSet<String> =
            images.iter().filter(|(_, image)| image.jigdo.is_some()).map(|(_, image)| jigdo_folder(image)).collect();
        let netboot_folders: BTreeSet<String> =
            images.iter().filter(|(_, image)| image.format == NETBOOT).map(|(_, image)| netboot_folder(image)).collect();
        for folder in jigdo_folders.iter().chain(&netboot_folders).chain([&folder]) {
            remove_folder(&layout.path(folder))?;
        }
        let mut shipped = Vec::new();
        for (shipment, image) in images {
            shipped.push(shipping.ship(&id, &folder, shipment, image)?);
        }
        shipping.write_sums()?;
        Ok(ShippedFolder { images: shipped, files: shipping.files })
    };
    context.blocking(work).await
}

/// The files of a folder of images on their way to what users see.
struct Shipping<'a> {
    layout: &'a Layout,
    kinds: BTreeSet<ChecksumKind>,
    files: Vec<OutputFile>,
    /// By folder and name.
    sums: BTreeMap<String, BTreeMap<String, Checksums>>,
}

impl Shipping<'_> {
    fn ship(&mut self, id: &str, folder: &str, shipment: Shipment, image: Image) -> std::io::Result<ShippedImage> {
        if image.format == NETBOOT {
            return self.ship_netboot(shipment.name, image);
        }
        let Shipment { name, layout: with_layout, numbered, is_default } = shipment;
        let number = if numbered { image.disc.number.to_string() } else { String::new() };
        let base = format!("{id}-{}-{}-{name}{number}", image.variant, image.arch);
        let file_name = format!("{base}.{}", image.format);
        let path = format!("{folder}/{file_name}");
        fs_err::create_dir_all(self.layout.path(folder))?;
        link_or_copy(&self.layout.path(&image.path), &self.layout.path(&path))?;
        let checksums = self.add(folder, &file_name, image.size, image.sha256)?;
        if with_layout {
            let files = unpack_archive(&self.layout.path(&path), &self.layout.path(&format!("{folder}/{base}.oci")))?;
            for file in files {
                self.add_file(folder, &format!("{base}.oci/{file}"))?;
            }
        }
        if let Some(jigdo) = &image.jigdo {
            self.ship_jigdo(&jigdo_folder(&image), &file_name, jigdo)?;
        }
        if let Some(zsync) = &image.zsync {
            self.ship_zsync(folder, &file_name, zsync)?;
        }
        Ok(ShippedImage { image, name, is_default, path, checksums })
    }

    /// Files for a start over the network, under the names by which they know each other; the squashfs stands for all of them.
    fn ship_netboot(&mut self, name: String, image: Image) -> std::io::Result<ShippedImage> {
        let folder = format!("{}/{name}", netboot_folder(&image));
        fs_err::create_dir_all(self.layout.path(&netboot_folder(&image)))?;
        for file in unpack_archive(&self.layout.path(&image.path), &self.layout.path(&folder))? {
            self.add_file(&folder, &file)?;
        }
        let path = format!("{folder}/{NETBOOT_SQUASHFS}");
        let (sha256, size) = Sha256::of_file(&self.layout.path(&path))?;
        let checksums = self.sums[&folder][NETBOOT_SQUASHFS].clone();
        let image = Image { format: "squashfs".to_owned(), size, sha256, bootable: true, ..image };
        Ok(ShippedImage { image, name: format!("{name}-netboot"), is_default: false, path, checksums })
    }

    /// The template of an image, and the description with the names of image and template as users see them.
    fn ship_jigdo(&mut self, folder: &str, image: &str, jigdo: &JigdoFiles) -> std::io::Result<()> {
        fs_err::create_dir_all(self.layout.path(folder))?;
        let [description, template] = ["jigdo", "template"].map(|end| format!("{image}.{end}"));
        let text = fs_err::read_to_string(self.layout.path(&jigdo.description.path))?;
        let text = with_names(&text, image, &template);
        write_durably(&self.layout.path(&format!("{folder}/{description}")), text.as_bytes())?;
        link_or_copy(&self.layout.path(&jigdo.template.path), &self.layout.path(&format!("{folder}/{template}")))?;
        self.add_file(folder, &description)?;
        self.add_file(folder, &template)
    }

    fn ship_zsync(&mut self, folder: &str, image: &str, zsync: &OutputFile) -> std::io::Result<()> {
        let described = fs_err::read(self.layout.path(&zsync.path))?;
        let damaged = || std::io::Error::other(format!("{}: it has no header of zsync", zsync.path));
        let name = format!("{image}.zsync");
        write_durably(&self.layout.path(&format!("{folder}/{name}")), &zsync_with_name(&described, image).ok_or_else(damaged)?)?;
        self.add_file(folder, &name)
    }

    fn add_file(&mut self, folder: &str, name: &str) -> std::io::Result<()> {
        let (sha256, size) = Sha256::of_file(&self.layout.path(&format!("{folder}/{name}")))?;
        self.add(folder, name, size, sha256)?;
        Ok(())
    }

    fn add(&mut self, folder: &str, name: &str, size: u64, sha256: Sha256) -> std::io::Result<Checksums> {
        let path = format!("{folder}/{name}");
        let checksums = checksums_of_file(&self.layout.path(&path), &self.kinds)?;
        self.sums.entry(folder.to_owned()).or_default().insert(name.to_owned(), checksums.clone());
        self.files.push(OutputFile { path, size, sha256 });
        Ok(checksums)
    }

    fn write_sums(&mut self) -> std::io::Result<()> {
        for (folder, sums) in &self.sums {
            for (file_name, text) in checksum_files(sums) {
                self.files.push(write(self.layout, format!("{folder}/{file_name}"), text.as_bytes())?);
            }
        }
        Ok(())
    }
}

/// Where jigdo's files of an image are shipped, as Pungi has it.
fn jigdo_folder(image: &Image) -> String {
    Layout::image_folder(&image.variant, &image.arch, "jigdo")
}

/// Where files for a start over the network are shipped, each image's in a folder of its own.
fn netboot_folder(image: &Image) -> String {
    Layout::image_folder(&image.variant, &image.arch, "netboot")
}

async fn sign_checksums(
    context: &JobContext,
    services: &Services,
    mut shipped: ShippedFolder,
    date: ComposeDate,
) -> Result<ShippedFolder, JobError> {
    let Some(signer) = services.signer(context).await? else { return Ok(shipped) };
    let time = signer.time_for(SystemTime::UNIX_EPOCH + Duration::from_secs(date.0.unsigned_abs()));
    let lists: Vec<_> = shipped.checksum_files().map(|file| file.path.clone()).collect();
    for path in lists {
        let text = fs_err::read(context.layout.path(&path))?;
        let signature = signer.detach_sign(&text, time, &context.runner).await?;
        shipped.files.push(write(&context.layout, format!("{path}{SIGNATURE_SUFFIX}"), &signature)?);
    }
    Ok(shipped)
}

fn write(layout: &Layout, path: String, bytes: &[u8]) -> std::io::Result<OutputFile> {
    write_durably(&layout.path(&path), bytes)?;
    Ok(OutputFile { path, size: bytes.len() as u64, sha256: Sha256::of(bytes) })
}

/// What the description of a compose is made of.
#[derive(Debug, Clone)]
pub struct Described {
    pub lock: Handle<LockFile>,
    pub date: Handle<ComposeDate>,
    pub folders: Vec<Handle<ShippedFolder>>,
    /// None where there are no commits.
    pub ostree: Option<Handle<Option<OstreeRepository>>>,
}

/// Adds the job that writes `composeinfo.json`, `images.json`, `debs.json` and `ostree.json`.
pub fn plan(
    graph: &mut Graph,
    config: &Arc<Config>,
    compose: &ComposeRecord,
    selections: &Selections,
    repositories: &BTreeMap<String, VariantRepository>,
    services: &Arc<Services>,
    described: Described,
) -> Handle<MetadataFiles> {
    let repositories: Vec<_> = repositories.values().map(|planned| planned.repository).collect();
    let all: Vec<_> = selections.values().copied().collect();
    let ostree: Vec<_> = described.ostree.into_iter().collect();
    let inputs = (described.folders, all, repositories, described.lock, described.date, ostree);
    let (config, compose, services) = (config.clone(), compose.clone(), services.clone());
    let job = Job::new(Phase::Metadata, "").spec(&(&config.release, &config.signing)).of_compose(&compose).estimate(0.5);
    graph.add(job, inputs, move |context, (folders, selections, repositories, _lock, date, ostree)| {
        let (config, compose, services) = (config.clone(), compose.clone(), services.clone());
        async move {
            let selections: Vec<&Selection> = selections.iter().filter_map(|selection| selection.as_ref().as_ref()).collect();
            let images: Vec<&ShippedImage> = folders.iter().flat_map(|folder| &folder.images).collect();
            let variants: Vec<_> = config.variants.iter().map(|variant| variant_record(variant, &selections, &images)).collect();
            let mut texts = vec![
                ("composeinfo.json", composeinfo_json(&compose, &release_record(&config), None, &variants)),
                (
                    "images.json",
                    images_json(&compose, &images.iter().map(|image| listed_image(image, date.0)).collect::<Vec<_>>()),
                ),
                (
                    "debs.json",
                    debs_json(&compose, &deb_records(&selections, &repositories).map_err(|error| JobError::caused(&error))?),
                ),
            ];
            let commits = ostree.iter().filter_map(|ostree| ostree.as_ref().as_ref());
            texts.extend(commits.map(|ostree| ("ostree.json", ostree_json(&compose, &ostree.commits))));
            let written =
                texts.into_iter().map(|(name, text)| write(&context.layout, format!("compose/metadata/{name}"), text.as_bytes()));
            let mut files = written.collect::<Result<Vec<_>, _>>()?;
            if let Some(signer) = services.signer(&context).await? {
                files.push(write(&context.layout, "compose/metadata/signing-key.asc".to_owned(), &signer.certificate())?);
            }
            Ok(MetadataFiles { files })
        }
    })
}

fn release_record(config: &Config) -> ReleaseRecord {
    let release = &config.release;
    ReleaseRecord {
        internal: false,
        is_layered: false,
        name: release.name.clone(),
        short: release.short.clone(),
        release_type: release.kind.name().to_owned(),
        version: release.version.clone(),
    }
}

fn variant_record(variant: &Variant, selections: &[&Selection], images: &[&ShippedImage]) -> VariantRecord {
    let arches: BTreeSet<String> =
        selections.iter().filter(|selection| selection.variant == variant.name).map(|selection| selection.arch.clone()).collect();
    let everywhere = |path: String| arches.iter().map(|arch| (arch.clone(), path.clone())).collect::<BTreeMap<_, _>>();
    let repository = format!("{}/repository", variant.name);
    let mut paths = BTreeMap::from([
        (PathKind::Repository, everywhere(repository.clone())),
        (PathKind::Packages, everywhere(format!("{repository}/pool"))),
    ]);
    if selections.iter().any(|selection| selection.variant == variant.name && !selection.sources.is_empty()) {
        paths.insert(PathKind::SourceRepository, everywhere(repository));
    }
    // Where files for a start over the network lie, productmd has no word for.
    let is_listed = |shipped: &&&ShippedImage| {
        shipped.image.variant == variant.name && !shipped.path.starts_with(&netboot_folder(&shipped.image))
    };
    for shipped in images.iter().filter(is_listed) {
        let kind = if shipped.image.format == "iso" { PathKind::Isos } else { PathKind::Images };
        let folder = Layout::shipped(&shipped.path).rsplit_once('/').map_or("", |(folder, _)| folder);
        paths.entry(kind).or_default().insert(shipped.image.arch.clone(), folder.to_owned());
        if shipped.image.jigdo.is_some() {
            let folder = jigdo_folder(&shipped.image);
            paths.entry(PathKind::Jigdos).or_default().insert(shipped.image.arch.clone(), Layout::shipped(&folder).to_owned());
        }
    }
    VariantRecord {
        arches,
        id: variant.name.clone(),
        name: variant.title.clone(),
        paths,
        release: None,
        variant_type: "variant".to_owned(),
        uid: variant.name.clone(),
        variants: BTreeSet::new(),
    }
}

fn listed_image(shipped: &ShippedImage, date: i64) -> ListedImage {
    let image = &shipped.image;
    let (image_type, format) = productmd_kind(&image.kind, &image.format).unwrap_or((&image.kind, &image.format));
    let record = ImageRecord {
        additional_variants: None,
        arch: image.arch.clone(),
        boot_tests: image.boot_tests.iter().map(boot_test_record).collect(),
        bootable: image.bootable,
        checksums: shipped.checksums.iter().map(|(kind, digest)| (kind.name().to_owned(), digest.clone())).collect(),
        disc_count: image.disc.count,
        differs: image.differs.clone(),
        disc_number: image.disc.number,
        format: format.to_owned(),
        implant_md5: image.implanted_md5.clone(),
        mtime: date,
        path: Layout::shipped(&shipped.path).to_owned(),
        size: image.size,
        subvariant: if shipped.is_default && has_own_type(&image.kind) {
            image.variant.clone()
        } else {
            format!("{}-{}", image.variant, shipped.name)
        },
        image_type: image_type.to_owned(),
        unified: false,
        volume_id: image.volume_id.clone(),
    };
    ListedImage { variant: image.variant.clone(), arch: image.arch.clone(), image: record }
}

fn boot_test_record(test: &BootRecord) -> BootTestRecord {
    BootTestRecord {
        firmware: test.firmware.clone(),
        passed: test.passed,
        console: test.console.path.clone(),
        screenshot: test.screenshot.as_ref().map(|file| file.path.clone()),
    }
}

fn deb_records(
    selections: &[&Selection],
    repositories: &[Arc<Repository>],
) -> Result<BTreeMap<DebPlace, DebRecord>, RepositoryError> {
    let shipped: BTreeSet<&str> =
        repositories.iter().flat_map(|repository| repository.files.iter().map(|file| file.path.as_str())).collect();
    let mut records = BTreeMap::new();
    for selection in selections {
        records.extend(
            selection
                .packages
                .iter()
                .map(|selected| binary_record(selection, &selected.package))
                .collect::<Result<Vec<_>, _>>()?,
        );
        for source in &selection.sources {
            let record = source_record(selection, source)?;
            // Sources that could not be had are in no repository.
            records.extend(record.filter(|(_, record)| shipped.contains(format!("compose/{}", record.path).as_str())));
        }
    }
    Ok(records)
}

fn binary_record(selection: &Selection, package: &LockedPackage) -> Result<(DebPlace, DebRecord), RepositoryError> {
    let place = DebPlace {
        variant: selection.variant.clone(),
        arch: selection.arch.clone(),
        source: format!("{}_{}", package.source, package.source_version),
        package: package.id(),
    };
    let path = format!("{}/repository/{}", selection.variant, package_path(package)?);
    Ok((place, DebRecord { category: DebCategory::Binary, path, sha256: package.file.sha256, size: package.file.size }))
}

fn source_record(selection: &Selection, source: &LockedSource) -> Result<Option<(DebPlace, DebRecord)>, RepositoryError> {
    let is_description = |file: &&LockedFile| Path::new(&file.path).extension().is_some_and(|extension| extension == "dsc");
    let Some(description) = source.files.iter().find(is_description) else { return Ok(None) };
    let id = format!("{}_{}", source.name, source.version);
    let place =
        DebPlace { variant: selection.variant.clone(), arch: "source".to_owned(), package: format!("{id}_source"), source: id };
    let name = description.path.rsplit('/').next().unwrap_or(&description.path);
    let path = format!("{}/repository/{}/{name}", selection.variant, source_folder(source)?);
    Ok(Some((place, DebRecord { category: DebCategory::Source, path, sha256: description.sha256, size: description.size })))
}
