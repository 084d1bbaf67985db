//! Layers of container images: root file systems' tar files, packed, with the digests that OCI asks for.
//!
//! Must not know: OCI's documents.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256 as Hasher};
use tokio_util::sync::CancellationToken;

use super::ImageError;
use super::chunks::Chunks;
use super::root_tar::{Additions, split_tar, write_tar};
use crate::compression::{Compression, Packer};
use crate::digest::Sha256;

/// What the documents of an image say of its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layer {
    /// Of the compressed file.
    pub(super) digest: Sha256,
    pub(super) size: u64,
    /// Of the tar file in it.
    pub(super) diff_id: Sha256,
}

/// Writes the layer.
pub(super) fn write_layer(rootfs: &Path, epoch: i64, output: &Path, cancel: &CancellationToken) -> Result<Layer, ImageError> {
    let compressed = Hashing::new(io::BufWriter::new(fs_err::File::create(output)?));
    let open = Hashing::new(Packer::new(Compression::Gzip, compressed)?);
    finish(write_tar(rootfs, epoch, &Additions::default(), open, cancel)?)
}

/// Writes a layer for each chunk that has something, the lowest first, each with its file in `folder`.
pub(super) fn write_layers(
    tree: &Path,
    files: &BTreeMap<String, String>,
    chunks: &Chunks,
    folder: &Path,
    cancel: &CancellationToken,
) -> Result<Vec<(Layer, PathBuf)>, ImageError> {
    let paths: Vec<PathBuf> = (0..chunks.count()).map(|number| folder.join(format!("layer-{number}.tar.gz"))).collect();
    let open = |path: &PathBuf| {
        let compressed = Hashing::new(io::BufWriter::new(fs_err::File::create(path)?));
        Ok(Hashing::new(Packer::new(Compression::Gzip, compressed)?))
    };
    let outputs = paths.iter().map(open).collect::<io::Result<Vec<_>>>()?;
    let written = split_tar(tree, files, &|path| chunks.number(path), outputs, cancel)?;
    let mut layers = Vec::new();
    for (open, path) in written.into_iter().zip(paths) {
        // The end of a tar file alone is no layer.
        let is_empty = open.size <= EMPTY_TAR;
        let layer = finish(open)?;
        if !is_empty {
            layers.push((layer, path));
        }
    }
    Ok(layers)
}

/// Two blocks of zeros.
const EMPTY_TAR: u64 = 1024;

type Open = Hashing<Packer<Hashing<io::BufWriter<fs_err::File>>>>;

fn finish(open: Open) -> Result<Layer, ImageError> {
    let (diff_id, _) = open.digest();
    let mut compressed = open.inner.finish()?;
    compressed.flush()?;
    let (digest, size) = compressed.digest();
    Ok(Layer { digest, size, diff_id })
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
