//! `charmer-encapsulate <REQUEST`: writes an OSTree commit as an OCI image from which ostree and bootc deploy it. `REQUEST` is JSON as
//! [`Request`] has it; charmer writes it, for bootable containers of commits.
//!
//! The format is that of ostree-ext, which does the work: each object of the commit lies in one layer.
//! Must not know: packages, Debian; which file lies in which layer is told.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use anyhow::{Context, Result, bail};
use ostree_ext::chunking::ObjectMetaSized;
use ostree_ext::container::{Config, ExportOpts, ImageReference, Transport, encapsulate};
use ostree_ext::objectsource::{ContentID, ObjectMeta, ObjectSourceMeta};
use ostree_ext::ostree::{Repo, RepoFile};
use ostree_ext::prelude::*;
use ostree_ext::{gio, glib};
use serde::Deserialize;

/// Where files lie that no layer names.
const BASE: &str = "base";

/// What is to be written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    /// The OSTree repository that has the commit.
    repository: PathBuf,
    /// The commit's checksum.
    commit: String,
    /// Where nothing is yet: the folder that becomes an OCI image layout.
    output: PathBuf,
    /// Labels of the image, besides those that say what the commit is.
    labels: BTreeMap<String, String>,
    /// What a container runtime runs.
    command: Vec<String>,
    /// The layers; a file that none of them names lies in one of its own with all such files.
    layers: Vec<Layer>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    /// What is in it, in words.
    name: String,
    /// Paths in the commit, without a slash before them: `usr/bin/true`.
    paths: Vec<String>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    if std::env::args_os().len() > 1 {
        bail!("usage: charmer-encapsulate <REQUEST");
    }
    let request: Request = serde_json::from_reader(std::io::stdin().lock()).context("the request is not what is expected")?;
    let repository = Repo::new_for_path(&request.repository);
    repository.open(gio::Cancellable::NONE)?;
    let contents = contents(&repository, &request)?;
    write(&repository, &request, &contents)
}

/// Which layer each object of the commit lies in.
fn contents(repository: &Repo, request: &Request) -> Result<ObjectMetaSized> {
    let base: ContentID = Rc::from(BASE);
    let mut layers: HashMap<&str, ContentID> = HashMap::new();
    for layer in &request.layers {
        let name: ContentID = Rc::from(layer.name.as_str());
        layers.extend(layer.paths.iter().map(|path| (path.as_str(), Rc::clone(&name))));
    }
    let mut meta = ObjectMeta::default();
    let root = repository.read_commit(&request.commit, gio::Cancellable::NONE)?.0;
    each_file(&root, "", &mut |path, checksum| {
        let layer = layers.get(path).unwrap_or(&base);
        // What is the same in two layers lies in the first of them by path.
        meta.map.entry(checksum).or_insert_with(|| Rc::clone(layer));
    })?;
    meta.set = meta.map.values().map(source).collect();
    ObjectMetaSized::compute_sizes(repository, meta)
}

/// Calls for each file below a folder, and for each symbolic link, in the order of names.
fn each_file(folder: &gio::File, path: &str, call: &mut impl FnMut(&str, String)) -> Result<()> {
    let attributes = "standard::name,standard::type";
    let children = folder.enumerate_children(attributes, gio::FileQueryInfoFlags::NOFOLLOW_SYMLINKS, gio::Cancellable::NONE)?;
    let mut entries: Vec<gio::FileInfo> = children.collect::<Result<_, glib::Error>>()?;
    entries.sort_by_key(gio::FileInfo::name);
    for entry in entries {
        let name = entry.name();
        let name = name.to_str().with_context(|| format!("{path:?} has a file whose name is not UTF-8: {}", name.display()))?;
        let inner = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
        let file = folder.child(name);
        if entry.file_type() == gio::FileType::Directory {
            each_file(&file, &inner, call)?;
        } else {
            let file = file.downcast::<RepoFile>().ok().context("a file of a commit is in its repository")?;
            file.ensure_resolved()?;
            call(&inner, file.checksum().into());
        }
    }
    Ok(())
}

fn source(layer: &ContentID) -> ObjectSourceMeta {
    let (identifier, name, srcid) = (Rc::clone(layer), Rc::clone(layer), Rc::clone(layer));
    ObjectSourceMeta { identifier, name, srcid, change_time_offset: 0, change_frequency: 0 }
}

fn write(repository: &Repo, request: &Request, contents: &ObjectMetaSized) -> Result<()> {
    let mut options = ExportOpts::default();
    // Fewer than these are there, so that each gets a layer and none are put together.
    options.max_layers = u32::try_from(contents.sizes.len() + 8).ok().and_then(NonZeroU32::new);
    options.contentmeta = Some(contents);
    let config = Config { labels: Some(request.labels.clone()), cmd: Some(request.command.clone()) };
    let output = request.output.to_str().context("the output's path is not UTF-8")?.to_owned();
    let target = ImageReference { transport: Transport::OciDir, name: output };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(encapsulate(repository, &request.commit, &config, Some(options), &target))?;
    Ok(())
}
