//! The size and digests of a file, taken while somebody else reads it.

use std::fmt::Write as _;
use std::io::{self, Read};

use md5::Md5;
use sha2::{Digest as _, Sha256 as Sha256Hasher};

use crate::digest::Sha256;

/// What an index says about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileDigests {
    pub(super) size: u64,
    /// 32 hexadecimal digits. No proof of anything: apt's index format has it.
    pub(super) md5: String,
    pub(super) sha256: Sha256,
}

/// Passes on what it reads.
pub(super) struct DigestReader<R> {
    reader: R,
    size: u64,
    md5: Md5,
    sha256: Sha256Hasher,
}

impl<R: Read> DigestReader<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, size: 0, md5: Md5::new(), sha256: Sha256Hasher::new() }
    }

    /// Reads what is left, and concludes.
    pub(super) fn finish(mut self) -> io::Result<FileDigests> {
        let mut buffer = vec![0; 128 * 1024];
        while self.read(&mut buffer)? > 0 {}
        Ok(FileDigests {
            size: self.size,
            md5: hexadecimal(&self.md5.finalize()),
            sha256: Sha256::from_bytes(self.sha256.finalize().into()),
        })
    }
}

impl<R: Read> Read for DigestReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.size += count as u64;
        self.md5.update(&buffer[..count]);
        self.sha256.update(&buffer[..count]);
        Ok(count)
    }
}

/// The MD5 of bytes, as 32 hexadecimal digits.
pub(super) fn md5_of(bytes: &[u8]) -> String {
    hexadecimal(&Md5::digest(bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}
