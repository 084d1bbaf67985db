//! The one layer of a container image: a root file system's tar file, packed, with the digests that OCI asks for.
//!
//! Must not know: OCI's documents.

use std::io::{self, Write};
use std::path::Path;

use sha2::{Digest as _, Sha256 as Hasher};
use tokio_util::sync::CancellationToken;

use super::ImageError;
use super::root_tar::{Additions, write_tar};
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
    let open = write_tar(rootfs, epoch, &Additions::default(), open, cancel)?;
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
