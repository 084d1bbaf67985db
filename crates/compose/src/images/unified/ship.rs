//! Images come into the compose: a copy in the folder of each variant, the checksum files of those folders, and `images.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::UnifiedError;
use super::finished::{FinishedCompose, read_json};
use super::volumes::Volume;
use crate::files::{link_over, write_whole};
use crate::images::optical::{MadeIso, run_values};
use crate::metadata::checksums::{ChecksumKind, ChecksummedFile, Checksums, TaggedFiles, checksums_of_file};
use crate::metadata::images::ImageRecord;
use crate::metadata::json;
use crate::metadata::python_format::expand;

const IMAGES: &str = "compose/metadata/images.json";

/// An image, and where it belongs.
#[derive(Debug)]
pub(super) struct MadeVolume {
    pub volume: Volume,
    pub iso: MadeIso,
}

/// A folder of images, whose checksum files are named for a variant and an arch.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ImageFolder<'a> {
    uid: &'a str,
    arch: &'a str,
    /// Relative to the folder `compose`.
    path: &'a str,
}

/// `images.json`, with all that other programs put in there.
#[derive(Deserialize, Serialize)]
struct ImagesDocument {
    header: Value,
    payload: ImagesPayload,
}

#[derive(Deserialize, Serialize)]
struct ImagesPayload {
    compose: Value,
    images: BTreeMap<String, BTreeMap<String, Vec<Value>>>,
}

/// Refuses to make what readers of `images.json` could not tell from an image that the compose has already: productmd reads no file
/// with two images of one variant, type, arch and additional variants.
pub(super) fn refuse_doubles(finished: &FinishedCompose, volumes: &[Volume]) -> Result<(), UnifiedError> {
    let Some(document) = read_json::<ImagesDocument>(&finished.layout.path(IMAGES))? else { return Ok(()) };
    for volume in volumes {
        let file_name = volume.file_name(finished);
        for uid in volume.members.keys() {
            let others = additional_variants(volume, uid);
            let is_double = |image: &&Value| {
                let identity =
                    ["subvariant", "type", "arch"].map(|key| image.get(key).and_then(Value::as_str).unwrap_or_default());
                identity == [uid, volume.image_type(), &volume.arch]
                    && image.get("unified").and_then(Value::as_bool) == Some(true)
                    && listed_variants(image) == others.iter().map(String::as_str).collect()
                    && path_of(image).rsplit('/').next() != Some(&file_name)
            };
            let mut images = document.payload.images.values().flat_map(BTreeMap::values).flatten();
            if let Some(double) = images.find(is_double) {
                let (arch, known) = (volume.arch.clone(), path_of(double).to_owned());
                return Err(UnifiedError::Double { arch, variant: uid.clone(), known });
            }
        }
    }
    Ok(())
}

fn additional_variants(volume: &Volume, uid: &str) -> Vec<String> {
    volume.members.keys().filter(|other| *other != uid).cloned().collect()
}

fn listed_variants(image: &Value) -> BTreeSet<&str> {
    let listed = image.get("additional_variants").and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Gives the paths of the images, relative to the folder `compose`.
pub(super) fn ship(finished: &FinishedCompose, made: &[MadeVolume]) -> Result<Vec<String>, UnifiedError> {
    let path = finished.layout.path(IMAGES);
    let mut document = read_json(&path)?.unwrap_or_else(|| ImagesDocument::empty(finished));
    let (mut shipped, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for MadeVolume { volume, iso } in made {
        for (uid, member) in &volume.members {
            for (arch, folder) in &member.image_folders {
                let image = put(finished, iso, folder)?;
                document.replace(uid, arch, record(volume, iso, uid, &image));
                folders.insert(ImageFolder { uid, arch, path: folder });
                shipped.insert(image);
            }
        }
    }
    for folder in &folders {
        write_checksum_files(finished, &document, folder)?;
    }
    write_whole(&path, json(&document).as_bytes())?;
    Ok(shipped.into_iter().collect())
}

/// Links an image and its manifest into a folder, and gives the path of the image.
fn put(finished: &FinishedCompose, iso: &MadeIso, folder: &str) -> Result<String, UnifiedError> {
    let absolute = finished.shipped(folder);
    fs_err::create_dir_all(&absolute)?;
    for file in [&iso.manifest, &iso.path] {
        link_over(file, &absolute.join(name_of(file)))?;
    }
    Ok(format!("{folder}/{}", name_of(&iso.path)))
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn record(volume: &Volume, iso: &MadeIso, uid: &str, path: &str) -> ImageRecord {
    ImageRecord {
        additional_variants: Some(additional_variants(volume, uid)),
        arch: volume.arch.clone(),
        bootable: iso.bootable,
        checksums: iso.checksums.iter().map(|(kind, digest)| (kind.name().to_owned(), digest.clone())).collect(),
        disc_count: iso.disc_count,
        disc_number: iso.disc_number,
        format: "iso".to_owned(),
        implant_md5: iso.implanted_md5.clone(),
        mtime: iso.mtime,
        path: path.to_owned(),
        size: iso.size,
        subvariant: uid.to_owned(),
        image_type: volume.image_type().to_owned(),
        unified: true,
        boot_tests: Vec::new(),
        differs: None,
        volume_id: Some(iso.volume_id.clone()),
    }
}

impl ImagesDocument {
    /// Of a compose that had no images.
    fn empty(finished: &FinishedCompose) -> Self {
        let text = crate::metadata::images::images_json(&finished.compose, &[]);
        serde_json::from_str(&text).expect("it was written a moment ago")
    }

    /// Adds an image, in the place of an earlier one at its path.
    fn replace(&mut self, uid: &str, arch: &str, record: ImageRecord) {
        let images = self.payload.images.entry(uid.to_owned()).or_default().entry(arch.to_owned()).or_default();
        images.retain(|image| path_of(image) != record.path);
        images.push(serde_json::to_value(record).expect("a record is plain data"));
        images.sort_by(|left, right| path_of(left).cmp(path_of(right)));
    }

    /// The images of a folder, each once: those of sources stand under each arch.
    fn in_folder(&self, folder: &str) -> BTreeMap<&str, &Value> {
        let images = self.payload.images.values().flat_map(BTreeMap::values).flatten();
        let named = images.filter_map(|image| Some((path_of(image).rsplit_once('/')?, image)));
        named.filter(|((above, _), _)| *above == folder).map(|((_, name), image)| (name, image)).collect()
    }
}

fn path_of(image: &Value) -> &str {
    image.get("path").and_then(Value::as_str).unwrap_or_default()
}

fn write_checksum_files(
    finished: &FinishedCompose,
    document: &ImagesDocument,
    folder: &ImageFolder<'_>,
) -> Result<(), UnifiedError> {
    let wanted = &finished.options.media_checksums;
    let absolute = finished.shipped(folder.path);
    let mut files = Vec::new();
    for (name, image) in document.in_folder(folder.path) {
        files.push(checksummed(&absolute, name, image, &wanted.kinds)?);
    }
    let base_name = base_name(finished, folder)?;
    let tagged = TaggedFiles { kinds: &wanted.kinds, one_file: wanted.one_file, base_name: &base_name };
    for (name, text) in tagged.texts(&files) {
        write_whole(&absolute.join(name), text.as_bytes())?;
    }
    Ok(())
}

/// What the compose knows of an image is believed; what it does not know is computed.
fn checksummed(
    folder: &Path,
    name: &str,
    image: &Value,
    kinds: &BTreeSet<ChecksumKind>,
) -> Result<ChecksummedFile, UnifiedError> {
    let known = |kind: &ChecksumKind| image.get("checksums")?.get(kind.name())?.as_str().map(str::to_owned);
    let mut checksums: Checksums = kinds.iter().filter_map(|kind| Some((*kind, known(kind)?))).collect();
    let missing: BTreeSet<ChecksumKind> = kinds.iter().copied().filter(|kind| !checksums.contains_key(kind)).collect();
    let path = folder.join(name);
    if !missing.is_empty() {
        checksums.extend(checksums_of_file(&path, &missing)?);
    }
    let size = match image.get("size").and_then(Value::as_u64) {
        Some(size) => size,
        None => fs_err::metadata(path)?.len(),
    };
    Ok(ChecksummedFile { name: name.to_owned(), size, checksums })
}

/// What the names of the checksum files begin with.
fn base_name(finished: &FinishedCompose, folder: &ImageFolder<'_>) -> Result<String, UnifiedError> {
    let mut values = run_values(&finished.compose, (&finished.release.short, &finished.release.version));
    let folder_name = folder.path.rsplit('/').next().unwrap_or(folder.path);
    for (key, value) in [("variant", folder.uid), ("arch", folder.arch), ("dirname", folder_name)] {
        values.insert(key, value.to_owned());
    }
    let name = expand(&finished.options.media_checksums.base_name, &values)?;
    if name.contains(['/', '\0']) {
        let what = "beginning of the name of a checksum file";
        return Err(UnifiedError::Unsound { path: finished.shipped(folder.path), value: name, what });
    }
    Ok(name)
}
