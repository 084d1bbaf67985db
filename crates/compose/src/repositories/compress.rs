//! Compression of index files: the same input gives the same bytes on every machine.

use std::io::{self, Write as _};

use flate2::write::GzEncoder;
use liblzma::stream::{Check, MtStreamBuilder};
use liblzma::write::XzEncoder;

/// Blocks are the unit in which clients decompress in parallel. The size is fixed, because it shapes the bytes.
const XZ_BLOCK: u64 = 16 << 20;

/// How a file lies in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Gz,
    Xz,
}

impl Form {
    /// What its name has after the index's own name.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Gz => ".gz",
            Self::Xz => ".xz",
        }
    }

    /// `threads` changes how long it takes, never the bytes.
    pub(super) fn encode(self, text: &[u8], threads: u32) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(text.to_vec()),
            Self::Gz => gzip(text),
            Self::Xz => xz(text, threads),
        }
    }
}

/// The header of it holds neither name nor time.
fn gzip(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text)?;
    encoder.finish()
}

fn xz(text: &[u8], threads: u32) -> io::Result<Vec<u8>> {
    let stream = MtStreamBuilder::new().threads(threads.max(1)).preset(6).block_size(XZ_BLOCK).check(Check::Crc64).encoder()?;
    let mut encoder = XzEncoder::new_stream(Vec::new(), stream);
    encoder.write_all(text)?;
    encoder.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_do_not_depend_on_the_number_of_threads() {
        let text: Vec<u8> =
            (0..3_000_000u32).flat_map(|number| (number.wrapping_mul(2_654_435_761) >> 20).to_le_bytes()).collect();
        assert!(text.len() as u64 > XZ_BLOCK / 2);
        let text = text.repeat(2);
        assert_eq!(xz(&text, 1).unwrap(), xz(&text, 3).unwrap());
    }
}
