//! An RPM repository in a folder: its packages and groups, read from its metadata.
//!
//! What `repomd.xml` names is checked against the size and the digest that it gives, and unpacked as it is read.
//! Must not know: what the packages are for.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use charmer_packages::rpm::comps::{self, Comps, ReadError};
use charmer_packages::rpm::package::{Checksum, Package};
use charmer_packages::rpm::repodata::read::{Data, Repomd, read_filelists, read_primary, read_repomd};
use charmer_packages::rpm::xml::XmlError;

use super::lock::{LockedFile, LockedRepository, REPOMD};
use super::rpm_file::stays_inside;
use crate::checksum::{Algorithm, UnknownAlgorithm};
use crate::compression::{Compression, Limited, unpacking};
use crate::digest::Sha256;
use crate::files::open_regular;

/// The parts of a repository's metadata that are read.
pub const PARTS: [&str; 6] = ["primary", "filelists", "group", "group_gz", "group_xz", "group_zst"];
/// The most that `repomd.xml` may have.
const REPOMD_LIMIT: u64 = 4 << 20;
/// How many times larger than packed a file of the metadata may be: many times what repositories have, far less than what a bomb has.
const RATIO_LIMIT: u64 = 250;
/// Smaller files may be as large as this, whatever they are packed in.
const SMALL: u64 = 8 << 20;

/// A repository that was read.
#[derive(Debug, Default)]
pub struct RpmRepository {
    pub folder: PathBuf,
    /// As the configuration names it.
    pub place: Arc<str>,
    pub repomd: Repomd,
    /// The file that holds it; none if the folder has no metadata.
    pub repomd_file: Option<LockedFile>,
    /// In the order of `primary.xml`, with the files that this has.
    pub packages: Vec<Package>,
    pub comps: Option<Comps>,
}

#[derive(Debug, thiserror::Error)]
pub enum RpmMetadataError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{}: {source}", path.display())]
    Xml { path: PathBuf, source: XmlError },
    #[error("{}: {source}", path.display())]
    Comps { path: PathBuf, source: ReadError },
    #[error("{}: there is no {kind} metadata", path.display())]
    Absent { path: PathBuf, kind: &'static str },
    #[error("{}: there is {kind} metadata as zchunk only, which is not read: let createrepo_c write the usual files beside it", path.display())]
    OnlyZchunk { path: PathBuf, kind: &'static str },
    #[error("{}: {source}", path.display())]
    Algorithm { path: PathBuf, source: UnknownAlgorithm },
    #[error("{}: it is not the file that repomd.xml names: {what} differs", path.display())]
    Other { path: PathBuf, what: String },
    #[error("{}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
}

impl RpmRepository {
    /// Reads everything but the whole lists of files.
    pub fn read(folder: &Path) -> Result<RpmRepository, RpmMetadataError> {
        let path = folder.join(REPOMD);
        let mut bytes = Vec::new();
        let read = Limited::new(&mut BufReader::new(open_regular(&path)?), REPOMD_LIMIT).read_to_end(&mut bytes);
        read.map_err(|source| RpmMetadataError::Unreadable { path: path.clone(), source })?;
        let repomd = read_repomd(&mut &*bytes).map_err(|source| RpmMetadataError::Xml { path, source })?;
        let file = LockedFile { path: REPOMD.to_owned(), size: bytes.len() as u64, sha256: Sha256::of(&bytes) };
        let folder = folder.to_owned();
        let mut repository = RpmRepository { folder, repomd, repomd_file: Some(file), ..RpmRepository::default() };
        let mut packages = Vec::new();
        repository.read_xml("primary", |input| read_primary(input, |package| packages.push(package)))?;
        packages.shrink_to_fit();
        repository.packages = packages;
        repository.comps = repository.read_comps()?;
        Ok(repository)
    }

    /// Puts all files of each package in the place of those that `primary.xml` has.
    pub fn read_file_lists(&mut self) -> Result<(), RpmMetadataError> {
        let mut files = HashMap::new();
        self.read_xml("filelists", |input| {
            read_filelists(input, |digest, list| {
                files.insert(digest.to_owned(), list);
            })
        })?;
        for package in &mut self.packages {
            if let Some(list) = files.remove(&*package.file.checksum.digest) {
                package.files = list;
            }
        }
        Ok(())
    }

    /// What a lock says of it: the files by which it was believed.
    pub fn locked(&self) -> io::Result<LockedRepository> {
        let parts = PARTS.iter().filter_map(|part| self.repomd.data.get(*part));
        let locked = |data: &Data| {
            let known = (&*data.checksum.algorithm == "sha256").then(|| data.checksum.digest.parse().ok()).flatten();
            let (sha256, size) = match (known, data.size) {
                (Some(sha256), Some(size)) => (sha256, size),
                _ => Sha256::of_file(&self.folder.join(&data.location))?,
            };
            Ok(LockedFile { path: data.location.clone(), size, sha256 })
        };
        let mut files = parts.filter(|data| stays_inside(&data.location)).map(locked).collect::<io::Result<Vec<_>>>()?;
        files.sort();
        Ok(LockedRepository { place: self.place.to_string(), repomd: self.repomd_file.clone(), files })
    }

    fn read_xml<T>(
        &self,
        kind: &'static str,
        read: impl FnOnce(&mut dyn BufRead) -> Result<T, XmlError>,
    ) -> Result<T, RpmMetadataError> {
        let absent = || {
            let path = self.folder.join(REPOMD);
            let as_zchunk = self.repomd.data.contains_key(&format!("{kind}_zck"));
            if as_zchunk { RpmMetadataError::OnlyZchunk { path, kind } } else { RpmMetadataError::Absent { path, kind } }
        };
        let data = self.repomd.data.get(kind).ok_or_else(absent)?;
        let (path, mut input) = self.open(data)?;
        read(&mut input).map_err(|source| RpmMetadataError::Xml { path, source })
    }

    fn read_comps(&self) -> Result<Option<Comps>, RpmMetadataError> {
        let data = ["group", "group_xz", "group_gz", "group_zst"].iter().find_map(|kind| self.repomd.data.get(*kind));
        let Some(data) = data else { return Ok(None) };
        let (path, input) = self.open(data)?;
        let mut bytes = Vec::new();
        // What is larger is refused whatever follows.
        let read = input.take(comps::xml::SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|source| RpmMetadataError::Unreadable { path: path.clone(), source })?;
        Comps::parse(&bytes).map(Some).map_err(|source| RpmMetadataError::Comps { path, source })
    }

    /// Opens a file of the metadata after a look at its digest.
    fn open(&self, data: &Data) -> Result<(PathBuf, impl BufRead), RpmMetadataError> {
        let path = self.folder.join(&data.location);
        let packed = fs_err::metadata(&path)?.len();
        let differs = |what: String| RpmMetadataError::Other { path: path.clone(), what };
        if data.size.is_some_and(|expected| expected != packed) {
            return Err(differs("its size".to_owned()));
        }
        let Checksum { algorithm, digest } = &data.checksum;
        // Repositories of old call SHA-1 just so.
        let name: &str = if &**algorithm == "sha" { "sha1" } else { algorithm };
        let algorithm: Algorithm = name.parse().map_err(|source| RpmMetadataError::Algorithm { path: path.clone(), source })?;
        if algorithm.of_file(&path)? != **digest {
            return Err(differs(format!("its {algorithm} digest")));
        }
        let file = BufReader::with_capacity(128 * 1024, open_regular(&path)?);
        let limit = packed.saturating_mul(RATIO_LIMIT).max(SMALL);
        let input = Limited::new(unpacking(Compression::of_name(&data.location), file)?, limit);
        Ok((path, input))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::compression::{compress_gz, compress_xz};
    use crate::digest::Sha256;

    const PRIMARY: &str = r#"<metadata><package type="rpm"><name>a</name><arch>noarch</arch><version epoch="0" ver="1" rel="1"/>
<checksum type="sha256" pkgid="YES">aa</checksum><location href="a.rpm"/><format><file>/usr/bin/a</file></format></package></metadata>"#;
    const FILELISTS: &str = r#"<filelists><package pkgid="aa" name="a" arch="noarch"><version epoch="0" ver="1" rel="1"/>
<file>/usr/bin/a</file><file>/usr/share/a</file></package></filelists>"#;
    const COMPS: &str = "<comps><group><id>core</id></group></comps>";

    /// A repository of files by type, name and content, each with the digest that it should have.
    fn repository(files: &[(&str, &str, Vec<u8>)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let repodata = folder.path().join("repodata");
        fs_err::create_dir(&repodata).unwrap();
        let mut repomd = "<repomd>".to_owned();
        for (kind, name, content) in files {
            let (digest, size) = (Sha256::of(content), content.len());
            write!(
                repomd,
                "<data type='{kind}'><checksum type='sha256'>{digest}</checksum><location href='repodata/{name}'/><size>{size}</size></data>"
            )
            .unwrap();
            fs_err::write(repodata.join(name), content).unwrap();
        }
        fs_err::write(repodata.join("repomd.xml"), repomd + "</repomd>").unwrap();
        folder
    }

    fn packed(primary: &str) -> tempfile::TempDir {
        repository(&[
            ("primary", "primary.xml.gz", compress_gz(primary.as_bytes(), 6).unwrap()),
            ("filelists", "filelists.xml.zst", zstd::encode_all(FILELISTS.as_bytes(), 3).unwrap()),
            ("group", "comps.xml.xz", compress_xz(COMPS.as_bytes(), 6).unwrap()),
        ])
    }

    #[test]
    fn packages_groups_and_files_are_read_however_they_are_packed() {
        let folder = packed(PRIMARY);
        let mut read = RpmRepository::read(folder.path()).unwrap();
        assert_eq!(read.packages[0].nevra().to_string(), "a-1-1.noarch");
        assert_eq!(read.packages[0].files.len(), 1);
        assert_eq!(read.comps.as_ref().unwrap().groups[0].id, "core");
        read.read_file_lists().unwrap();
        assert_eq!(read.packages[0].files.iter().map(|file| file.path()).collect::<Vec<_>>(), ["/usr/bin/a", "/usr/share/a"]);
    }

    #[test]
    fn bombs_are_given_up_before_they_are_unpacked() {
        let spaces = vec![b' '; 20 << 20];
        let many = format!("<metadata>{}", format!("<a b='{}'/>", "c".repeat(1000)).repeat(9000));
        let folder = repository(&[("primary", "primary.xml.gz", compress_gz(many.as_bytes(), 9).unwrap())]);
        let message = RpmRepository::read(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains("primary.xml.gz: ") && message.contains("it unpacks to more than the 8388608 bytes"),
            "{message}"
        );

        let groups = [b"<comps>".as_slice(), &spaces].concat();
        let primary = ("primary", "primary.xml.gz", compress_gz(PRIMARY.as_bytes(), 6).unwrap());
        let folder = repository(&[primary, ("group", "comps.xml.xz", compress_xz(&groups, 6).unwrap())]);
        let message = RpmRepository::read(folder.path()).unwrap_err().to_string();
        assert!(message.contains("comps.xml.xz: it unpacks to more than the 8388608 bytes"), "{message}");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_path() {
        let message = |folder: &Path| RpmRepository::read(folder).unwrap_err().to_string();
        let empty = tempfile::tempdir().unwrap();
        assert!(message(empty.path()).contains("repodata/repomd.xml"));
        assert!(message(repository(&[]).path()).ends_with("there is no primary metadata"));

        let zchunk = repository(&[("primary_zck", "primary.xml.zck", Vec::new())]);
        assert!(message(zchunk.path()).contains("there is primary metadata as zchunk only"));

        for (algorithm, problem) in [("sha512", "its sha512 digest differs"), ("md5", "'md5' is no checksum algorithm")] {
            let folder = packed(PRIMARY);
            let repomd = folder.path().join("repodata/repomd.xml");
            let text = fs_err::read_to_string(&repomd).unwrap();
            fs_err::write(&repomd, text.replace("sha256", algorithm)).unwrap();
            assert!(message(folder.path()).contains(problem), "{algorithm}");
        }

        let changed = packed(PRIMARY);
        let path = changed.path().join("repodata/primary.xml.gz");
        let mut bytes = fs_err::read(&path).unwrap();
        bytes[20] ^= 1;
        fs_err::write(&path, &bytes).unwrap();
        assert!(
            message(changed.path())
                .ends_with("primary.xml.gz: it is not the file that repomd.xml names: its sha256 digest differs")
        );
        bytes.pop();
        fs_err::write(&path, &bytes).unwrap();
        assert!(message(changed.path()).ends_with("its size differs"));

        for bad in
            [PRIMARY.replace("a.rpm", "../a.rpm"), format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{PRIMARY}"), PRIMARY[..200].to_owned()]
        {
            let folder = packed(&bad);
            assert!(message(folder.path()).contains("primary.xml.gz: byte "), "{bad}");
        }
    }
}
