//! The one layer of a container image: a root file system's tar file written again so that its bytes depend on nothing but the
//! files: numeric owners, clamped times, no devices.
//!
//! Must not know: OCI's documents.

use std::io::{self, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256 as Hasher};
use tar::{EntryType, Header};
use tokio_util::sync::CancellationToken;

use super::ImageError;
use crate::digest::Sha256;

/// Extended attributes, in pax's terms. All else that pax records is in the header, or names the moment of the build.
const EXTENDED_ATTRIBUTE: &str = "SCHILY.xattr.";
/// The most that a ustar header can hold of a path without a prefix, and of a link's target.
const USTAR_NAME: usize = 100;

/// What the documents of an image say of its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layer {
    /// Of the compressed file.
    pub(super) digest: Sha256,
    pub(super) size: u64,
    /// Of the tar file in it.
    pub(super) diff_id: Sha256,
}

/// Writes the layer, in the order of the root file system's tar file, which mmdebstrap sorts.
pub(super) fn write_layer(rootfs: &Path, epoch: i64, output: &Path, cancel: &CancellationToken) -> Result<Layer, ImageError> {
    let compressed = Hashing::new(io::BufWriter::new(fs_err::File::create(output)?));
    // Without name and time, which gzip would keep.
    let gzip = GzEncoder::new(compressed, Compression::default());
    let mut layer = tar::Builder::new(Hashing::new(gzip));
    let mut source = tar::Archive::new(io::BufReader::with_capacity(1 << 20, fs_err::File::open(rootfs)?));
    for entry in source.entries()? {
        if cancel.is_cancelled() {
            return Err(ImageError::Cancelled);
        }
        copy_entry(entry?, epoch, &mut layer, rootfs)?;
    }
    let tar = layer.into_inner()?;
    let (diff_id, _) = tar.digest();
    let mut compressed = tar.inner.finish()?;
    compressed.flush()?;
    let (digest, size) = compressed.digest();
    Ok(Layer { digest, size, diff_id })
}

fn copy_entry<R: Read>(
    mut entry: tar::Entry<'_, R>,
    epoch: i64,
    layer: &mut tar::Builder<impl Write>,
    rootfs: &Path,
) -> Result<(), ImageError> {
    let kind = entry.header().entry_type();
    let path = entry.path_bytes().into_owned();
    let path = path.strip_prefix(b"./").unwrap_or(&path);
    // The runtime brings its own /dev; whoever unpacks a layer without privilege could not make devices.
    if path.is_empty() || path.starts_with(b"dev/") && path != b"dev/" {
        return Ok(());
    }
    if !is_known(kind) {
        let (archive, entry) = (rootfs.to_owned(), String::from_utf8_lossy(path).into_owned());
        return Err(ImageError::UnknownEntry { archive, entry, kind: format!("{kind:?}") });
    }
    let target = entry.link_name_bytes().unwrap_or_default().into_owned();
    let target = if kind == EntryType::Link { target.strip_prefix(b"./").unwrap_or(&target) } else { &target[..] };

    let mut extensions = extended_attributes(&mut entry)?;
    let mut header = bare_header(entry.header(), kind, epoch)?;
    let name = &mut header.as_ustar_mut().expect("the header was made as ustar").name;
    if !set_field(name, path) {
        extensions.insert(0, ("path".to_owned(), path.to_owned()));
    }
    let linkname = &mut header.as_ustar_mut().expect("the header was made as ustar").linkname;
    if !set_field(linkname, target) {
        extensions.insert(0, ("linkpath".to_owned(), target.to_owned()));
    }
    let size = if kind.is_file() { entry.size() } else { 0 };
    header.set_size(size);
    header.set_cksum();
    if !extensions.is_empty() {
        layer.append_pax_extensions(extensions.iter().map(|(key, value)| (key.as_str(), value.as_slice())))?;
    }
    layer.append(&header, entry.take(size))?;
    Ok(())
}

fn is_known(kind: EntryType) -> bool {
    kind.is_file()
        || kind.is_dir()
        || kind.is_symlink()
        || kind.is_hard_link()
        || kind.is_fifo()
        || kind.is_character_special()
        || kind.is_block_special()
}

/// Mode, numeric owners and the clamped time; no names of users and groups.
fn bare_header(from: &Header, kind: EntryType, epoch: i64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(from.mode()? & 0o7777);
    header.set_uid(from.uid()?);
    header.set_gid(from.gid()?);
    header.set_mtime(from.mtime()?.min(epoch.unsigned_abs()));
    if kind.is_character_special() || kind.is_block_special() {
        header.set_device_major(from.device_major()?.unwrap_or(0))?;
        header.set_device_minor(from.device_minor()?.unwrap_or(0))?;
    }
    Ok(header)
}

fn extended_attributes<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut attributes = Vec::new();
    for extension in entry.pax_extensions()?.into_iter().flatten() {
        let extension = extension?;
        if let Some(key) = extension.key().ok().filter(|key| key.starts_with(EXTENDED_ATTRIBUTE)) {
            attributes.push((key.to_owned(), extension.value_bytes().to_owned()));
        }
    }
    attributes.sort();
    Ok(attributes)
}

/// Puts a name in a header's field; false if it had to be cut, and pax must say it whole.
fn set_field(field: &mut [u8; USTAR_NAME], name: &[u8]) -> bool {
    let length = name.len().min(field.len());
    field[..length].copy_from_slice(&name[..length]);
    length == name.len()
}

/// Passes bytes on and digests them.
struct Hashing<W> {
    inner: W,
    hasher: Hasher,
    size: u64,
}

impl<W> Hashing<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: Hasher::new(), size: 0 }
    }

    fn digest(&self) -> (Sha256, u64) {
        (Sha256::from_bytes(self.hasher.clone().finalize().into()), self.size)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Entries = Vec<(String, EntryType, u64, Vec<u8>)>;

    /// A tar file as another build of the same files on another machine could give it.
    fn rootfs(owner: &str, mtime: u64) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let long = format!("./usr/{}/", "long-name/".repeat(15));
        let entries: [(&str, EntryType, &str, &[u8]); 7] = [
            ("./", EntryType::Directory, "", b""),
            ("./bin", EntryType::Symlink, "usr/bin", b""),
            ("./dev/", EntryType::Directory, "", b""),
            ("./dev/null", EntryType::Char, "", b""),
            ("./etc/ping", EntryType::Regular, "", b"ping"),
            ("./etc/pong", EntryType::Link, "./etc/ping", b""),
            (&long, EntryType::Directory, "", b""),
        ];
        for (path, kind, target, data) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o755);
            header.set_uid(7);
            header.set_gid(8);
            header.set_mtime(mtime);
            header.set_username(owner).unwrap();
            header.set_size(data.len() as u64);
            if !target.is_empty() {
                header.set_link_name(target).unwrap();
            }
            if path == "./etc/ping" {
                let time = format!("{mtime}.25");
                let extensions = [("SCHILY.xattr.security.capability", &b"\x01\0\0\x02"[..]), ("mtime", time.as_bytes())];
                tar.append_pax_extensions(extensions).unwrap();
            }
            tar.append_data(&mut header, path, data).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn layer_of(rootfs: &[u8]) -> (Layer, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("rootfs.tar"), rootfs).unwrap();
        let output = folder.path().join("layer");
        let layer = write_layer(&folder.path().join("rootfs.tar"), 1000, &output, &CancellationToken::new()).unwrap();
        (layer, fs_err::read(output).unwrap())
    }

    fn entries(layer: &[u8]) -> Entries {
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(layer).read_to_end(&mut tar).unwrap();
        let mut archive = tar::Archive::new(&tar[..]);
        let entry = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let attributes = extended_attributes(&mut entry).unwrap().into_iter().flat_map(|(_, value)| value).collect();
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            (path, entry.header().entry_type(), entry.header().mtime().unwrap(), attributes)
        };
        archive.entries().unwrap().map(entry).collect()
    }

    #[test]
    fn builders_and_their_moment_leave_no_trace() {
        assert_eq!(layer_of(&rootfs("alice", 5000)), layer_of(&rootfs("bob", 6000)));
    }

    #[test]
    fn files_links_attributes_and_long_names_stay_and_devices_go() {
        let (layer, bytes) = layer_of(&rootfs("alice", 5000));
        assert_eq!((layer.digest, layer.size), (Sha256::of(&bytes), bytes.len() as u64));
        let entries = entries(&bytes);
        let paths: Vec<_> = entries.iter().map(|entry| entry.0.as_str()).collect();
        let long = format!("usr/{}", "long-name/".repeat(15));
        assert_eq!(paths[..4], ["bin", "dev/", "etc/ping", "etc/pong"]);
        assert_eq!(paths[4].trim_end_matches('/'), long.trim_end_matches('/'));
        assert_eq!(entries[2], ("etc/ping".into(), EntryType::Regular, 1000, b"\x01\0\0\x02".to_vec()));
        assert_eq!(entries[3].1, EntryType::Link);
    }
}
