//! RPM repositories: the metadata (rpm-md) of packages whose headers were read before, as `createrepo_c` writes it.
//!
//! Packages are put in order, cut into blocks of equal number, and the blocks formatted and packed on several threads; an index
//! is digested and written block by block as its turn comes, so that no index is ever in memory as a whole. The same records,
//! settings and date give the same bytes. Must not know: how packages got into the repository's folder, and why.

mod stream;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use charmer_packages::rpm::package::Package;
use charmer_packages::rpm::repodata::write::{self, Entry, Index, MetadataFile, Tags};

use crate::checksum::Algorithm;
use crate::compression::Compression;
use crate::digest::Sha256;
use crate::files;
use crate::package_set::rpm_file::stays_inside;
use crate::parallel::in_parallel;
use stream::{IndexFile, pack};

/// Packages of one block.
const BLOCK: usize = 256;

/// A package and its place in the repository.
#[derive(Debug, Clone, Copy)]
pub struct ListedPackage<'a> {
    pub package: &'a Package,
    /// Relative to the repository.
    pub location: &'a str,
}

/// How a repository's metadata is to be.
#[derive(Debug, Clone)]
pub struct RpmMdSpec {
    /// Of packages and of the metadata's own files. The packages' records must have it.
    pub checksum: Algorithm,
    /// Of the three indexes.
    pub compression: Compression,
    /// Whether files are called `<checksum>-primary.xml.gz` or just `primary.xml.gz`.
    pub unique_names: bool,
    /// The revision, and the time of every file, in seconds since 1970.
    pub date: u64,
    pub tags: Tags,
    /// Groups of packages (comps), plain and packed.
    pub groups: Option<Groups>,
    pub extras: Vec<ExtraFile>,
    pub threads: usize,
}

/// A comps file.
#[derive(Debug, Clone)]
pub struct Groups {
    /// `comps-Server.x86_64.xml`.
    pub name: String,
    pub content: Vec<u8>,
    /// Of the packed one: `group_gz`, `group_xz`.
    pub compression: Compression,
}

/// Another file that clients find by its kind: `modules`, `productid`.
#[derive(Debug, Clone)]
pub struct ExtraFile {
    pub kind: String,
    /// Without the compression's suffix.
    pub name: String,
    pub content: Vec<u8>,
    pub compression: Compression,
    pub checksum: Algorithm,
    /// Whether it lies in the folder under its plain name as well, for clients that do not read `repomd.xml`.
    pub plain_copy: bool,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenRpmMd {
    /// Of `repodata/repomd.xml`.
    pub repomd: Sha256,
    /// The files that `repomd.xml` names.
    pub files: Vec<MetadataFile>,
}

#[derive(Debug, thiserror::Error)]
pub enum RpmMdError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("package {package} cannot be listed at '{location}', which does not stay in the repository")]
    Location { package: String, location: String },
    #[error("the {wanted} checksum of {location} is not known: its {found} one is; read the file again with {wanted}")]
    Checksum { location: String, wanted: Algorithm, found: String },
    #[error("the metadata file '{name}' would not stay in its folder")]
    FileName { name: String },
}

/// Writes `repodata/` into a repository's folder, in the place of any that is there. Clients see the old metadata until
/// `repomd.xml` appears, as the last file.
pub fn write_rpm_md(repository: &Path, packages: &[ListedPackage<'_>], spec: &RpmMdSpec) -> Result<WrittenRpmMd, RpmMdError> {
    let mut entries = packages.iter().map(|listed| entry(listed, spec.checksum)).collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(Entry::order);
    let folder = repository.join("repodata");
    fs_err::create_dir_all(&folder)?;

    let mut written = write_indexes(&folder, &entries, spec)?;
    if let Some(groups) = &spec.groups {
        let (name, checksum) = (&groups.name, spec.checksum);
        written.push(write_packed(&folder, "group", name, &groups.content, Compression::None, checksum, spec)?);
        let kind = format!("group_{}", groups.compression.suffix().trim_start_matches('.'));
        written.push(write_packed(&folder, &kind, name, &groups.content, groups.compression, checksum, spec)?);
    }
    for extra in &spec.extras {
        written.push(write_extra(&folder, extra, spec)?);
    }
    let repomd = write::repomd(&spec.date.to_string(), &spec.tags, &written);
    write_dated(&folder.join("repomd.xml"), &repomd, spec.date)?;
    remove_others(&folder, &written, spec)?;
    Ok(WrittenRpmMd { repomd: Sha256::of(&repomd), files: written })
}

fn entry<'a>(listed: &ListedPackage<'a>, wanted: Algorithm) -> Result<Entry<'a>, RpmMdError> {
    let ListedPackage { package, location } = *listed;
    if !stays_inside(location) {
        let location = location.escape_debug().to_string();
        return Err(RpmMdError::Location { package: package.nevra().to_string(), location });
    }
    let checksum = &package.file.checksum;
    if *checksum.algorithm != *wanted.name() {
        let found = checksum.algorithm.to_string();
        return Err(RpmMdError::Checksum { location: location.to_owned(), wanted, found });
    }
    Ok(Entry { package, location, digest: &checksum.digest, algorithm: wanted.name() })
}

/// Primary, filelists and other, block by block.
fn write_indexes(folder: &Path, entries: &[Entry<'_>], spec: &RpmMdSpec) -> Result<Vec<MetadataFile>, RpmMdError> {
    let blocks: Vec<&[Entry<'_>]> = entries.chunks(BLOCK).collect();
    let open = |index: Index| {
        let partial = folder.join(format!(".{}.xml.partial", index.name()));
        IndexFile::create(partial, spec.compression, spec.checksum, index.head(entries.len()).as_bytes())
    };
    let files = [open(Index::Primary)?, open(Index::Filelists)?, open(Index::Other)?];
    // The indexes take turns, so that one of them is packed while another one is digested.
    let work: Vec<(usize, usize)> =
        (0..blocks.len()).flat_map(|block| (0..files.len()).map(move |index| (block, index))).collect();
    in_parallel(spec.threads, &work, |(block, index)| -> io::Result<()> {
        let mut xml = Vec::new();
        for entry in blocks[*block] {
            Index::ALL[*index].write(entry, &mut xml);
        }
        files[*index].add(*block, xml)
    })?;
    let finish = |(file, index): (IndexFile, Index)| -> Result<MetadataFile, RpmMdError> {
        let (partial, sums) = file.finish(index.tail().as_bytes())?;
        let name = format!("{}.xml{}", index.name(), spec.compression.suffix());
        let name = if spec.unique_names { format!("{}-{name}", sums.digest) } else { name };
        files::set_modified(&partial, date(spec.date))?;
        fs_err::rename(&partial, folder.join(&name))?;
        Ok(MetadataFile {
            kind: index.name().to_owned(),
            algorithm: spec.checksum.name().to_owned(),
            digest: sums.digest,
            location: format!("repodata/{name}"),
            timestamp: spec.date,
            size: sums.size,
            open: Some((sums.open_digest, sums.open_size)),
        })
    };
    files.into_iter().zip(Index::ALL).map(finish).collect()
}

/// Writes a file that is in no index into a folder of metadata.
pub(super) fn write_extra(folder: &Path, extra: &ExtraFile, spec: &RpmMdSpec) -> Result<MetadataFile, RpmMdError> {
    let ExtraFile { kind, name, content, compression, checksum, plain_copy } = extra;
    let written = write_packed(folder, kind, name, content, *compression, *checksum, spec)?;
    if *plain_copy {
        write_dated(&folder.join(name), content, spec.date)?;
    }
    Ok(written)
}

/// Writes a file that is in memory already.
fn write_packed(
    folder: &Path,
    kind: &str,
    name: &str,
    content: &[u8],
    compression: Compression,
    checksum: Algorithm,
    spec: &RpmMdSpec,
) -> Result<MetadataFile, RpmMdError> {
    if name.contains('/') || !stays_inside(name) {
        return Err(RpmMdError::FileName { name: name.escape_debug().to_string() });
    }
    let packed = pack(compression, content)?;
    let digest = checksum.of(&packed);
    let plain_name = format!("{name}{}", compression.suffix());
    let file_name = if spec.unique_names { format!("{digest}-{plain_name}") } else { plain_name };
    write_dated(&folder.join(&file_name), &packed, spec.date)?;
    let is_packed = compression != Compression::None;
    Ok(MetadataFile {
        kind: kind.to_owned(),
        algorithm: checksum.name().to_owned(),
        digest,
        location: format!("repodata/{file_name}"),
        timestamp: spec.date,
        size: packed.len() as u64,
        open: is_packed.then(|| (checksum.of(content), content.len() as u64)),
    })
}

fn write_dated(path: &Path, bytes: &[u8], seconds: u64) -> io::Result<()> {
    files::write_whole_dated(path, bytes, Some(date(seconds)))
}

fn date(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

/// Removes what an earlier writing left, whole or not.
fn remove_others(folder: &Path, written: &[MetadataFile], spec: &RpmMdSpec) -> io::Result<()> {
    let mut kept: BTreeSet<PathBuf> =
        written.iter().filter_map(|file| file.location.strip_prefix("repodata/")).map(PathBuf::from).collect();
    kept.insert("repomd.xml".into());
    kept.extend(spec.extras.iter().filter(|extra| extra.plain_copy).map(|extra| PathBuf::from(&extra.name)));
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() && !kept.contains(Path::new(&entry.file_name())) {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}
