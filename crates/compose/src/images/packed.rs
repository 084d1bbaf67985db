//! Root file systems as one packed tar file: as it is, or with what WSL or LXC want to find in it.

use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::root_tar::{Additions, write_tar};
use super::{ImageError, LxcSpec, Rootfs, WslSpec, blocking};
use crate::compression::{Compression, Packer};

/// For whom a root file system is packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PackedSpec {
    /// For whoever unpacks it.
    Tar(Compression),
    /// For the Windows Subsystem for Linux.
    Wsl(WslSpec),
    /// For LXD and Incus.
    Lxc(LxcSpec),
}

impl PackedSpec {
    /// The end of the image's file name.
    pub const fn file_extension(&self) -> &'static str {
        match self {
            Self::Tar(Compression::Xz) => "tar.xz",
            Self::Tar(Compression::Zstd) => "tar.zst",
            Self::Tar(Compression::Gzip) => "tar.gz",
            Self::Tar(Compression::None) => "tar",
            Self::Wsl(_) => "wsl",
            Self::Lxc(_) => "lxc.tar.xz",
        }
    }

    const fn compression(&self) -> Compression {
        match self {
            Self::Tar(compression) => *compression,
            // The one that every version of WSL imports.
            Self::Wsl(_) => Compression::Gzip,
            Self::Lxc(_) => Compression::Xz,
        }
    }

    fn additions(&self, rootfs: &Rootfs) -> Additions {
        match self {
            Self::Tar(_) => Additions::default(),
            Self::Wsl(wsl) => Additions { files: wsl.files(), ..Additions::default() },
            Self::Lxc(lxc) => lxc.additions(rootfs),
        }
    }
}

/// Writes the tar file to `output`.
pub(super) async fn build(
    spec: &PackedSpec,
    rootfs: &Rootfs,
    output: &Path,
    cancel: CancellationToken,
) -> Result<(), ImageError> {
    let (spec, rootfs, output) = (spec.clone(), rootfs.clone(), output.to_owned());
    blocking(move || {
        let file = std::io::BufWriter::new(fs_err::File::create(output)?);
        let packer = Packer::new(spec.compression(), file)?;
        let packer = write_tar(&rootfs.tar, rootfs.epoch, &spec.additions(&rootfs), packer, &cancel)?;
        packer.finish()?.flush()?;
        Ok(())
    })
    .await
}
