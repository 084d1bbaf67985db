//! `charmer verify` of the images of a compose of RPM packages: against their records, `images.json`, the checksum files beside them,
//! and the trees that they are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Surroundings;
use super::verify::read_text;
use super::verify::{Verified, VerifyError, finding, go_on};
use crate::config::RpmConfig;
use crate::config::rpm::RpmVariant;
use crate::engine::journal::recorded_output;
use crate::extra_files::plan::AddedFiles;
use crate::finding::Finding;
use crate::layout::Layout;
use crate::metadata::checksums::{ChecksumKind, Checksums, checksums_of_file};
use crate::metadata::rpm_isos::{ShippedIso, ShippedIsos};
use crate::metadata::rpm_plan::WrittenFiles;
use crate::package_set::lock::{LockedRpm, RpmLock};
use crate::package_set::rpm_file::{find_rpms, stays_inside};
use crate::repositories::rpm_trees::{RepositoryPlace, TreeKind};
use crate::tools::runner::find_program;
use crate::tools::{Command, Runner, ToolError};

pub(super) const IMAGES: &str = "compose/metadata/images.json";
const XORRISO: &str = "xorriso";

/// Verifies all images that records and metadata know of.
pub(super) async fn verify_isos(
    layout: &Layout,
    config: &RpmConfig,
    lock: Option<&RpmLock>,
    surroundings: &Surroundings,
    cancel: &CancellationToken,
    verified: &mut Verified,
) -> Result<(), VerifyError> {
    let shipped = shipped_isos(layout, config);
    let listed = listed_images(layout, &mut verified.findings);
    let paths: BTreeSet<&String> = shipped.iter().map(|shipped| &shipped.path).chain(listed.keys()).collect();
    let mut found: BTreeMap<&String, Checksums> = BTreeMap::new();
    for path in paths {
        go_on(cancel)?;
        let kinds = listed.get(path).into_iter().flat_map(|image| image.checksums.keys().filter_map(|name| kind(name)));
        match checksums_of_file(&layout.path(path), &kinds.chain([ChecksumKind::Sha256]).collect()) {
            Ok(checksums) => drop(found.insert(path, checksums)),
            Err(error) => verified.findings.push(finding("checksums", path, error.to_string())),
        }
        verified.looked_at.push(path.clone());
    }
    for image in &shipped {
        verified.findings.extend(found.get(&image.path).and_then(|found| is_as_recorded(image, found)));
        if !listed.contains_key(&image.path) {
            verified.findings.push(finding("metadata", &image.path, "images.json does not list it".to_owned()));
        }
    }
    verified.findings.extend(listed.iter().flat_map(|(path, image)| is_as_listed(layout, path, image, found.get(path))));
    let folders: BTreeSet<&str> = found.keys().filter_map(|path| Some(path.rsplit_once('/')?.0)).collect();
    for folder in folders {
        go_on(cancel)?;
        verified.findings.extend(verify_checksum_files(layout, folder, &found));
    }
    if find_program(XORRISO.as_ref(), &surroundings.path).is_none() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let runner = Runner::new(folder.path().join("log"), folder.path().to_owned(), surroundings.path.clone(), cancel.clone());
    let reading = Reading { layout, config, lock, added: added_files(layout, config), runner: &runner };
    for discs in sets(&shipped).into_values() {
        go_on(cancel)?;
        verified.findings.extend(reading.compare(&discs).await);
    }
    Ok(())
}

/// The images that the compose made itself.
fn shipped_isos(layout: &Layout, config: &RpmConfig) -> Vec<ShippedIso> {
    let folders = config.variants.iter().flat_map(|variant| {
        let arches = variant.trees.keys().map(String::as_str).chain(["src"]);
        arches.map(|arch| format!("image-checksum:{}.{arch}", variant.uid())).collect::<Vec<_>>()
    });
    folders.filter_map(|job| recorded_output::<ShippedIsos>(layout, &job)).flat_map(|shipped| shipped.images).collect()
}

/// Names and sizes of the extra files of trees and images.
fn added_files(layout: &Layout, config: &RpmConfig) -> BTreeSet<(String, u64)> {
    let of_tree = |variant: &RpmVariant| -> Vec<String> {
        variant.extra_files.keys().map(|arch| format!("extra-files:{}.{arch}", variant.uid())).collect()
    };
    let of_images = config.extra_isos.iter().map(|extra| &extra.spec);
    let of_images = of_images.map(|spec| format!("extra-files:{}.{}.{}", spec.variant, spec.number, spec.arch));
    let jobs = config.variants.iter().flat_map(of_tree).chain(of_images);
    let added = jobs.filter_map(|job| recorded_output::<AddedFiles>(layout, &job)).flat_map(|added| added.records);
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    added.map(|record| (name(&record.file), record.size)).collect()
}

fn is_as_recorded(image: &ShippedIso, found: &Checksums) -> Option<Finding> {
    let sha256 = found.get(&ChecksumKind::Sha256)?;
    let recorded = image.iso.file.sha256.to_string();
    (*sha256 != recorded).then(|| finding("checksums", &image.path, format!("its SHA-256 is {sha256}, not {recorded}")))
}

#[derive(Deserialize)]
struct ImageList {
    payload: ImageListPayload,
}

#[derive(Deserialize)]
struct ImageListPayload {
    /// By variant and arch.
    images: BTreeMap<String, BTreeMap<String, Vec<ListedImage>>>,
}

#[derive(Deserialize)]
struct ListedImage {
    path: String,
    size: u64,
    checksums: BTreeMap<String, String>,
}

/// What `images.json` lists, by paths relative to the compose's folder.
fn listed_images(layout: &Layout, findings: &mut Vec<Finding>) -> BTreeMap<String, ListedImage> {
    let recorded = recorded_output::<WrittenFiles>(layout, "composeinfo");
    if !recorded.is_some_and(|written| written.files.iter().any(|file| file.path == IMAGES)) {
        return BTreeMap::new();
    }
    let text = read_text(&layout.path(IMAGES)).map_err(|error| error.to_string());
    let list = text.and_then(|text| serde_json::from_str::<ImageList>(&text).map_err(|error| error.to_string()));
    let images = match list {
        Ok(list) => list.payload.images.into_values().flat_map(BTreeMap::into_values).flatten(),
        Err(error) => {
            findings.push(finding("metadata", IMAGES, error));
            return BTreeMap::new();
        }
    };
    let mut listed = BTreeMap::new();
    for image in images {
        if stays_inside(&image.path) {
            listed.insert(format!("compose/{}", image.path), image);
        } else {
            findings.push(finding("metadata", &image.path, "it is no path that stays in the compose".to_owned()));
        }
    }
    listed
}

fn kind(name: &str) -> Option<ChecksumKind> {
    use ChecksumKind::{Md5, Sha1, Sha256, Sha512};
    [Md5, Sha1, Sha256, Sha512].into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
}

/// Size and checksums are those that `images.json` has.
fn is_as_listed(layout: &Layout, path: &str, image: &ListedImage, found: Option<&Checksums>) -> Vec<Finding> {
    // That it is not there is told of already.
    let Some(found) = found else { return Vec::new() };
    let mut problems = Vec::new();
    if let Ok(data) = fs_err::metadata(layout.path(path))
        && data.len() != image.size
    {
        problems.push(format!("it has {} bytes, and images.json says {}", data.len(), image.size));
    }
    for (name, digest) in &image.checksums {
        if kind(name).and_then(|kind| found.get(&kind)).is_some_and(|found| found != digest) {
            problems.push(format!("its {name} is not the one that images.json has"));
        }
    }
    problems.into_iter().map(|problem| finding("checksums", path, problem)).collect()
}

/// Each line of each checksum file of a folder is right, and each image of the folder is in one, if there are any.
fn verify_checksum_files(layout: &Layout, folder: &str, found: &BTreeMap<&String, Checksums>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lists = checksum_files(layout, folder).unwrap_or_else(|error| {
        findings.push(finding("checksums", folder, error.to_string()));
        BTreeSet::new()
    });
    let mut named: BTreeSet<String> = BTreeSet::new();
    for list in &lists {
        let text = read_text(&layout.path(list)).unwrap_or_else(|error| {
            findings.push(finding("checksums", list, error.to_string()));
            String::new()
        });
        for (kind, name, digest) in text.lines().filter_map(tagged_line) {
            let path = format!("{folder}/{name}");
            let is_right = if let Some(known) = found.get(&path).and_then(|known| known.get(&kind)) {
                known == digest
            } else {
                let computed = Some(name).filter(|name| stays_inside(name)).map(|_| layout.path(&path));
                let computed = computed.and_then(|path| checksums_of_file(&path, &BTreeSet::from([kind])).ok());
                computed.is_some_and(|computed| computed.get(&kind).is_some_and(|computed| computed == digest))
            };
            if !is_right {
                findings.push(finding("checksums", list, format!("its {} of {name} is not right", kind.name())));
            }
            named.insert(path);
        }
    }
    let own = found.keys().filter(|path| path.rsplit_once('/').is_some_and(|(own, _)| own == folder));
    let unnamed = own.filter(|path| !lists.is_empty() && !named.contains(**path));
    findings.extend(unnamed.map(|path| finding("checksums", path, "no checksum file of its folder names it".to_owned())));
    findings
}

fn checksum_files(layout: &Layout, folder: &str) -> std::io::Result<BTreeSet<String>> {
    let mut lists = BTreeSet::new();
    for entry in fs_err::read_dir(layout.path(folder))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with("SUM") || name.ends_with("CHECKSUM") {
            lists.insert(format!("{folder}/{name}"));
        }
    }
    Ok(lists)
}

/// `SHA256 (NAME) = DIGEST`.
fn tagged_line(line: &str) -> Option<(ChecksumKind, &str, &str)> {
    let (name, rest) = line.split_once(" (")?;
    let (file, digest) = rest.rsplit_once(") = ")?;
    Some((kind(name)?, file, digest.trim()))
}

/// Images by what they are of: the discs of one tree are a set; images of several variants are each one of its own.
fn sets(shipped: &[ShippedIso]) -> BTreeMap<(&str, &str, &str), Vec<&ShippedIso>> {
    let mut sets: BTreeMap<_, Vec<&ShippedIso>> = BTreeMap::new();
    for image in shipped.iter().filter(|image| image.kind == "dvd") {
        let own = if image.others.is_some() { image.path.as_str() } else { "" };
        sets.entry((image.variant.as_str(), image.arch.as_str(), own)).or_default().push(image);
    }
    sets
}

/// What images are compared with, and read by.
struct Reading<'a> {
    layout: &'a Layout,
    config: &'a RpmConfig,
    lock: Option<&'a RpmLock>,
    /// Names and sizes of extra files.
    added: BTreeSet<(String, u64)>,
    runner: &'a Runner,
}

impl Reading<'_> {
    /// The discs of a tree hold together what the tree holds, in the sizes that the lock has.
    async fn compare(&self, discs: &[&ShippedIso]) -> Vec<Finding> {
        let mut on_discs: BTreeMap<String, u64> = BTreeMap::new();
        let (first, mut findings) = (discs[0], Vec::new());
        for disc in discs {
            match self.packages_on(&self.layout.path(&disc.path)).await {
                Ok(packages) => on_discs.extend(packages),
                Err(error) => return vec![finding("image-equals-tree", &disc.path, error.to_string())],
            }
        }
        let mut add = |message: String| findings.push(finding("image-equals-tree", &first.path, message));
        if let Some(lock) = self.lock {
            let locked: BTreeMap<&str, &LockedRpm> = lock.packages.iter().map(|package| (package.file_name(), package)).collect();
            for (path, size) in &on_discs {
                let name = path.rsplit('/').next().unwrap_or(path);
                match locked.get(name) {
                    Some(package) if package.file.size == *size => {}
                    Some(package) => add(format!("{path} has {size} bytes on it, and {} in the lock", package.file.size)),
                    // What is no package of the compose may be an extra file all the same.
                    None if self.added.contains(&(name.to_owned(), *size)) => {}
                    None => add(format!("the lock has no {path}, which is on it")),
                }
            }
        }
        if let Some(in_tree) = self.packages_in_tree(first) {
            let on_discs: BTreeSet<&String> = on_discs.keys().collect();
            let in_tree: BTreeSet<&String> = in_tree.iter().collect();
            in_tree.difference(&on_discs).for_each(|path| add(format!("{path} of its tree is not on it")));
            on_discs.difference(&in_tree).for_each(|path| add(format!("{path} is on it and not in its tree")));
        }
        findings
    }

    /// The packages in the tree that an image is of; none if it is of several.
    fn packages_in_tree(&self, image: &ShippedIso) -> Option<Vec<String>> {
        let variant = self.config.variant(&image.variant).filter(|_| image.others.is_none())?;
        let kind = if image.arch == "src" { TreeKind::Source } else { TreeKind::Binary };
        find_rpms(&self.layout.path(&RepositoryPlace::of(&variant.identity, kind, &image.arch).tree)).ok()
    }

    /// Paths and sizes of the packages on an image.
    async fn packages_on(&self, image: &Path) -> Result<BTreeMap<String, u64>, ToolError> {
        let list = ["-find", "/", "-type", "f", "-name", "*.rpm", "-exec", "lsdl", "--"];
        let list = Command::new(XORRISO).args(["-no_rc", "-indev"]).arg(image).args(list);
        Ok(self.runner.run(&list).await?.text().lines().filter_map(listed_file).collect())
    }
}

/// A line such as `-r--r--r--    1 0        0             980 Jan  1  2026 '/Packages/b/bash-5-1.x86_64.rpm'`.
fn listed_file(line: &str) -> Option<(String, u64)> {
    let (details, path) = line.split_once(" '/")?;
    let size = details.split_whitespace().nth(4)?.parse().ok()?;
    Some((path.strip_suffix('\'')?.to_owned(), size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_for_what_they_say() {
        let line = "-r--r--r--    1 0        0             980 Jan  1  2026 '/Packages/b/bash-5-1.x86_64.rpm'";
        assert_eq!(listed_file(line), Some(("Packages/b/bash-5-1.x86_64.rpm".to_owned(), 980)));
        assert_eq!(listed_file("Drive current: -indev '/a.iso'"), None);
        assert_eq!(tagged_line("SHA256 (a (b).iso) = 00ff"), Some((ChecksumKind::Sha256, "a (b).iso", "00ff")));
        assert_eq!(tagged_line("# a.iso: 12 bytes"), None);
    }
}
