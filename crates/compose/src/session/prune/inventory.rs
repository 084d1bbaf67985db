//! What there is on the disk: composes and the files below them, as far as pruning asks.
//!
//! Must not know: policies.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::engine::event::Status;
use crate::files::read_regular;
use crate::layout::Layout;

use super::removal::REMOVING;

/// Status words and ids have a line, descriptions of composes some thousand.
const WORD_LIMIT: u64 = 4096;
const INFO_LIMIT: u64 = 64 << 20;

/// A compose's folder as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) layout: Layout,
    pub(super) id: String,
    pub(super) status: Option<Status>,
    pub(super) label: Option<String>,
    /// Links in the same folder that lead to it.
    pub(super) links: BTreeSet<String>,
}

/// What lies in a folder of composes.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub(super) composes: Vec<Found>,
    pub(super) half_removed: Vec<PathBuf>,
}

impl Target {
    /// Folders without a `COMPOSE_ID` are no composes, and nothing is said of them.
    pub(super) fn read(folder: &Path) -> io::Result<Target> {
        let folder = fs_err::canonicalize(folder)?;
        let (mut target, mut links) = (Target::default(), Vec::new());
        for entry in fs_err::read_dir(&folder)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_symlink() {
                links.extend(fs_err::canonicalize(&path).map(|to| (name, to)).ok());
            } else if kind.is_dir() && name.starts_with(REMOVING) {
                target.half_removed.push(path);
            } else if kind.is_dir() {
                target.composes.extend(read_compose(&path)?);
            }
        }
        for compose in &mut target.composes {
            let to_it = links.iter().filter(|(_, to)| to.starts_with(compose.layout.root()));
            compose.links.extend(to_it.map(|(name, _)| name.clone()));
        }
        target.composes.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(target)
    }
}

fn read_compose(folder: &Path) -> io::Result<Option<Found>> {
    let layout = Layout::new(folder);
    let Some(id) = word(&layout.compose_id())? else { return Ok(None) };
    let status = word(&layout.status())?.and_then(|word| Status::from_word(&word));
    let label = label(&layout);
    Ok(Some(Found { layout, id, status, label, links: BTreeSet::new() }))
}

fn word(path: &Path) -> io::Result<Option<String>> {
    match read_regular(path, WORD_LIMIT) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[derive(Deserialize)]
struct Info {
    payload: Payload,
}

#[derive(Deserialize)]
struct Payload {
    compose: Compose,
}

#[derive(Deserialize)]
struct Compose {
    label: Option<String>,
}

/// What `composeinfo.json` says; a compose that has come to no description has none.
fn label(layout: &Layout) -> Option<String> {
    let text = read_regular(&layout.metadata().join("composeinfo.json"), INFO_LIMIT).ok()?;
    serde_json::from_slice::<Info>(&text).ok()?.payload.compose.label
}

/// The files below a folder.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Of each file, by device and number: how many names it has here, how many at all, and what it takes on the disk, in bytes.
    pub(super) names: HashMap<(u64, u64), Names>,
    /// Where symbolic links lead in the end.
    pub(super) led_to: BTreeSet<PathBuf>,
    /// A folder of another file system.
    pub(super) mounted: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) here: u64,
    pub(super) all: u64,
    pub(super) size: u64,
}

impl Files {
    /// Nothing is followed out of the folder.
    pub(super) fn below(folder: &Path) -> io::Result<Files> {
        let mut files = Files::default();
        let device = fs_err::symlink_metadata(folder)?.dev();
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            for entry in fs_err::read_dir(folder)? {
                let path = entry?.path();
                let data = fs_err::symlink_metadata(&path)?;
                if data.dev() != device {
                    files.mounted.get_or_insert(path);
                } else if data.is_dir() {
                    open.push(path);
                } else if data.is_symlink() {
                    files.led_to.extend(fs_err::canonicalize(&path).ok());
                } else {
                    files.add(&data);
                }
            }
        }
        Ok(files)
    }

    pub(super) fn add(&mut self, data: &std::fs::Metadata) {
        let names =
            self.names.entry((data.dev(), data.ino())).or_insert(Names { here: 0, all: data.nlink(), size: data.blocks() * 512 });
        names.here += 1;
    }

    /// Adds what lies below another folder.
    pub(super) fn merge(&mut self, other: Files) {
        for (file, names) in other.names {
            self.names.entry(file).and_modify(|own| own.here += names.here).or_insert(names);
        }
        self.led_to.extend(other.led_to);
    }
}
