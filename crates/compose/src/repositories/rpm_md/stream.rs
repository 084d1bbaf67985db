//! An index file that is written block by block, by several threads, in the order of the blocks.
//!
//! gzip is packed by the threads themselves: each block becomes a piece of one deflate stream that ends at a byte's boundary. xz
//! and zstd are packed in the stream. Must not know: what is in the blocks.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Mutex;

use flate2::{Compress, Crc, FlushCompress};
use liblzma::stream::{Check, MtStreamBuilder};

use crate::checksum::{Algorithm, Hasher};
use crate::compression::{Compression, compress_gz, compress_xz};
use crate::parallel::processors;

/// createrepo_c's levels.
const GZIP_LEVEL: u32 = 6;
const XZ_PRESET: u32 = 5;
const ZSTD_LEVEL: i32 = 10;
/// Fixed, so that the bytes do not depend on the number of processors.
const XZ_BLOCK: u64 = 4 << 20;

/// Header of a gzip stream without name and time, made on Unix.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
/// An empty deflate block that is the last one.
const DEFLATE_END: [u8; 2] = [3, 0];

/// Packs what is in memory as a whole.
pub(super) fn pack(compression: Compression, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match compression {
        Compression::Gzip => compress_gz(bytes, GZIP_LEVEL),
        Compression::Xz => compress_xz(bytes, XZ_PRESET),
        Compression::Zstd => zstd::encode_all(bytes, ZSTD_LEVEL),
        Compression::None => Ok(bytes.to_vec()),
    }
}

/// Digests and sizes of a written file and of what is in it.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) digest: String,
    pub(super) size: u64,
    pub(super) open_digest: String,
    pub(super) open_size: u64,
}

/// A file in the making; it may be shared by threads.
pub(super) struct IndexFile {
    compression: Compression,
    partial: PathBuf,
    stream: Mutex<Stream>,
}

struct Stream {
    encoder: Encoder,
    open: Digesting<io::Sink>,
    crc: Crc,
    /// The block whose turn it is.
    next: usize,
    /// Blocks that came before their turn: few, as blocks are begun in order.
    waiting: BTreeMap<usize, Block>,
}

enum Encoder {
    /// gzip and plain: blocks come as they are to be written.
    Written(Digesting<fs_err::File>),
    Xz(liblzma::write::XzEncoder<Digesting<fs_err::File>>),
    Zstd(zstd::Encoder<'static, Digesting<fs_err::File>>),
}

/// A block, and what it is packed if the threads pack.
struct Block {
    plain: Vec<u8>,
    packed: Option<(Vec<u8>, Crc)>,
}

impl IndexFile {
    pub(super) fn create(partial: PathBuf, compression: Compression, algorithm: Algorithm, head: &[u8]) -> io::Result<IndexFile> {
        let file = Digesting::new(fs_err::File::create(&partial)?, algorithm);
        let mut stream = Stream {
            encoder: Encoder::new(file, compression)?,
            open: Digesting::new(io::sink(), algorithm),
            crc: Crc::new(),
            next: 0,
            waiting: BTreeMap::new(),
        };
        if compression == Compression::Gzip {
            stream.encoder.write_all(&GZIP_HEAD)?;
        }
        stream.write(Block::new(head.to_vec(), compression)?)?;
        Ok(IndexFile { compression, partial, stream: Mutex::new(stream) })
    }

    /// Adds a block; blocks are numbered from 0, and each number comes once.
    pub(super) fn add(&self, number: usize, plain: Vec<u8>) -> io::Result<()> {
        let block = Block::new(plain, self.compression)?;
        let mut stream = self.stream.lock().expect("no thread panics while it writes");
        stream.waiting.insert(number, block);
        while let Some(block) = stream.take_next() {
            stream.write(block)?;
        }
        Ok(())
    }

    /// Ends the file; it still has its temporary name.
    pub(super) fn finish(self, tail: &[u8]) -> io::Result<(PathBuf, Sums)> {
        let mut stream = self.stream.into_inner().expect("no thread panics while it writes");
        stream.write(Block::new(tail.to_vec(), self.compression)?)?;
        if self.compression == Compression::Gzip {
            stream.encoder.write_all(&DEFLATE_END)?;
            stream.encoder.write_all(&stream.crc.sum().to_le_bytes())?;
            stream.encoder.write_all(&stream.crc.amount().to_le_bytes())?;
        }
        let file = stream.encoder.finish()?;
        let (digest, size) = (file.hasher.finish(), file.size);
        Ok((self.partial, Sums { digest, size, open_size: stream.open.size, open_digest: stream.open.hasher.finish() }))
    }
}

impl Stream {
    /// The block whose turn it is, if it has come.
    fn take_next(&mut self) -> Option<Block> {
        let block = self.waiting.remove(&self.next)?;
        self.next += 1;
        Some(block)
    }

    fn write(&mut self, block: Block) -> io::Result<()> {
        self.open.write_all(&block.plain)?;
        match block.packed {
            Some((packed, crc)) => {
                self.crc.combine(&crc);
                self.encoder.write_all(&packed)
            }
            None => self.encoder.write_all(&block.plain),
        }
    }
}

impl Block {
    fn new(plain: Vec<u8>, compression: Compression) -> io::Result<Block> {
        let packed = match compression {
            Compression::Gzip => {
                let mut crc = Crc::new();
                crc.update(&plain);
                Some((deflate_piece(&plain)?, crc))
            }
            Compression::Xz | Compression::Zstd | Compression::None => None,
        };
        Ok(Block { plain, packed })
    }
}

/// A piece of a deflate stream that ends at a byte's boundary, and after which any other may follow.
fn deflate_piece(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut deflate = Compress::new(flate2::Compression::new(GZIP_LEVEL), false);
    let mut packed = Vec::with_capacity(plain.len() / 6 + 64);
    loop {
        let read = usize::try_from(deflate.total_in()).map_err(io::Error::other)?;
        deflate.compress_vec(&plain[read..], &mut packed, FlushCompress::Sync).map_err(io::Error::other)?;
        // Room that was not used means that nothing is held back any more.
        if deflate.total_in() == plain.len() as u64 && packed.len() < packed.capacity() {
            return Ok(packed);
        }
        packed.reserve(packed.capacity().max(64));
    }
}

impl Encoder {
    fn new(file: Digesting<fs_err::File>, compression: Compression) -> io::Result<Encoder> {
        Ok(match compression {
            Compression::Gzip | Compression::None => Encoder::Written(file),
            Compression::Zstd => Encoder::Zstd(zstd::Encoder::new(file, ZSTD_LEVEL)?),
            Compression::Xz => {
                let encoder = MtStreamBuilder::new()
                    .threads(u32::try_from(processors()).unwrap_or(1))
                    .block_size(XZ_BLOCK)
                    .preset(XZ_PRESET)
                    .check(Check::Crc32)
                    .encoder()
                    .map_err(io::Error::from)?;
                Encoder::Xz(liblzma::write::XzEncoder::new_stream(file, encoder))
            }
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Encoder::Written(file) => file.write_all(bytes),
            Encoder::Xz(encoder) => encoder.write_all(bytes),
            Encoder::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<Digesting<fs_err::File>> {
        match self {
            Encoder::Written(file) => Ok(file),
            Encoder::Xz(encoder) => encoder.finish(),
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

/// Digests what it passes on.
struct Digesting<W> {
    writer: W,
    hasher: Hasher,
    size: u64,
}

impl<W> Digesting<W> {
    fn new(writer: W, algorithm: Algorithm) -> Digesting<W> {
        Digesting { writer, hasher: Hasher::new(algorithm), size: 0 }
    }
}

impl<W: io::Write> io::Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
