//! Compressed files: read with a limit on what comes out, and written so that the same bytes in give the same bytes out.
//!
//! Must not know: what is compressed.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};

use liblzma::stream::{Check, MtStreamBuilder};
use serde::{Deserialize, Serialize};

/// How a file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    Xz,
    Zstd,
    Gzip,
    None,
}

/// Why a compressed file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum DecompressError {
    #[error("it unpacks to more than the {limit} bytes that it may have")]
    TooLarge { limit: u64 },
    #[error("it is not valid {compression} data: {source}")]
    Malformed { compression: Compression, source: io::Error },
}

/// What reading an xz stream may take, several times what `xz -9` asks for.
const XZ_MEMORY: u64 = 512 << 20;
/// The largest window of a zstd stream that is read, as a power of two: what `zstd --long` writes.
const ZSTD_WINDOW: u32 = 27;
/// Independent blocks of an xz stream. Fixed, so that the bytes do not depend on the number of processors.
const XZ_BLOCK: u64 = 16 << 20;

impl Compression {
    /// In the order in which an index is preferred.
    pub const ALL: [Self; 4] = [Self::Xz, Self::Zstd, Self::Gzip, Self::None];

    /// What it adds to a file's name.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
            Self::None => "",
        }
    }

    /// How a file of this name is compressed.
    pub fn of_name(name: &str) -> Self {
        let packed = [Self::Xz, Self::Zstd, Self::Gzip];
        packed.into_iter().find(|compression| name.ends_with(compression.suffix())).unwrap_or(Self::None)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::None => "plain",
        })
    }
}

/// Unpacks everything, or fails as soon as more than `limit` bytes come out.
pub fn decompress(compression: Compression, reader: impl Read, limit: u64) -> Result<Vec<u8>, DecompressError> {
    let malformed = |source| DecompressError::Malformed { compression, source };
    let limited = limit.saturating_add(1);
    let mut bytes = Vec::new();
    match compression {
        Compression::Xz => decompress_xz(reader, limited, &mut bytes),
        Compression::Zstd => zstd::Decoder::new(reader).and_then(|mut decoder| {
            decoder.window_log_max(ZSTD_WINDOW)?;
            decoder.take(limited).read_to_end(&mut bytes).map(drop)
        }),
        Compression::Gzip => flate2::read::MultiGzDecoder::new(reader).take(limited).read_to_end(&mut bytes).map(drop),
        Compression::None => reader.take(limited).read_to_end(&mut bytes).map(drop),
    }
    .map_err(malformed)?;
    if bytes.len() as u64 > limit { Err(DecompressError::TooLarge { limit }) } else { Ok(bytes) }
}

/// Unpacks as it is read, in memory that does not grow. Who reads it limits how much.
pub fn unpacking<'r>(compression: Compression, reader: impl BufRead + 'r) -> io::Result<Box<dyn BufRead + 'r>> {
    const BUFFER: usize = 128 * 1024;
    Ok(match compression {
        Compression::Xz => {
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
            let decoder = liblzma::bufread::XzDecoder::new_stream(reader, stream);
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        }
        Compression::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(reader)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        }
        Compression::Gzip => Box::new(BufReader::with_capacity(BUFFER, flate2::bufread::MultiGzDecoder::new(reader))),
        Compression::None => Box::new(reader),
    })
}

/// What is unpacked, until it becomes more than it may.
#[derive(Debug)]
pub struct Limited<R> {
    input: R,
    left: u64,
    limit: u64,
}

impl<R: BufRead> Limited<R> {
    pub fn new(input: R, limit: u64) -> Self {
        Self { input, left: limit, limit }
    }
}

impl<R: BufRead> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let available = self.input.fill_buf()?;
        if self.left == 0 && !available.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, DecompressError::TooLarge { limit: self.limit }));
        }
        let count = usize::try_from(self.left).map_or(available.len(), |left| left.min(available.len()));
        Ok(&available[..count])
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
        self.input.consume(count);
    }
}

/// Unpacks one stream after the other, each with its blocks in parallel if it has several.
fn decompress_xz(reader: impl Read, limit: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut reader = BufReader::with_capacity(128 * 1024, reader);
    loop {
        let stream = MtStreamBuilder::new()
            .threads(processors())
            .memlimit_threading(XZ_MEMORY)
            .memlimit_stop(XZ_MEMORY)
            .decoder()
            .map_err(io::Error::from)?;
        let room = limit.saturating_sub(bytes.len() as u64);
        let mut decoder = liblzma::bufread::XzDecoder::new_stream(&mut reader, stream);
        if (&mut decoder).take(room).read_to_end(bytes)? as u64 == room {
            return Ok(());
        }
        skip_padding(&mut reader)?;
        if reader.fill_buf()?.is_empty() {
            return Ok(());
        }
    }
}

/// Zero bytes may stand between streams and after the last one.
fn skip_padding(reader: &mut BufReader<impl Read>) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let zeros = buffer.iter().take_while(|byte| **byte == 0).count();
        let more = zeros > 0 && zeros == buffer.len();
        reader.consume(zeros);
        if !more {
            return Ok(());
        }
    }
}

/// Packs as `xz -6` does, in parallel. The same bytes give the same result on every machine.
pub fn compress_xz(bytes: &[u8], preset: u32) -> io::Result<Vec<u8>> {
    let mut writer = liblzma::write::XzEncoder::new_stream(Vec::new(), xz_encoder(preset)?);
    writer.write_all(bytes)?;
    writer.finish()
}

fn xz_encoder(preset: u32) -> io::Result<liblzma::stream::Stream> {
    let mut builder = MtStreamBuilder::new();
    builder.threads(processors()).block_size(XZ_BLOCK).preset(preset).check(Check::Crc64);
    builder.encoder().map_err(io::Error::from)
}

/// Packs as `gzip -n` does: without name and time.
pub fn compress_gz(bytes: &[u8], level: u32) -> io::Result<Vec<u8>> {
    let mut writer = gz_builder().write(Vec::new(), flate2::Compression::new(level));
    writer.write_all(bytes)?;
    writer.finish()
}

/// Without name and time, which gzip would keep.
fn gz_builder() -> flate2::GzBuilder {
    const UNIX: u8 = 3;
    flate2::GzBuilder::new().mtime(0).operating_system(UNIX)
}

/// Packs what is written to it, as xz, gzip and zstd do, so that the same bytes give the same result on every machine.
pub struct Packer<W: Write>(Stream<W>);

enum Stream<W: Write> {
    Xz(liblzma::write::XzEncoder<W>),
    Zstd(zstd::Encoder<'static, W>),
    Gzip(flate2::write::GzEncoder<W>),
    None(W),
}

impl<W: Write> fmt::Debug for Packer<W> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Packer").finish_non_exhaustive()
    }
}

impl<W: Write> Packer<W> {
    /// With the levels that people use for files that many download once.
    pub fn new(compression: Compression, output: W) -> io::Result<Self> {
        const XZ_PRESET: u32 = 6;
        const ZSTD_LEVEL: i32 = 12;
        Ok(Self(match compression {
            Compression::Xz => Stream::Xz(liblzma::write::XzEncoder::new_stream(output, xz_encoder(XZ_PRESET)?)),
            Compression::Zstd => Stream::Zstd(zstd::Encoder::new(output, ZSTD_LEVEL)?),
            Compression::Gzip => Stream::Gzip(gz_builder().write(output, flate2::Compression::default())),
            Compression::None => Stream::None(output),
        }))
    }

    /// Writes the end of the packed data.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Stream::Xz(encoder) => encoder.finish(),
            Stream::Zstd(encoder) => encoder.finish(),
            Stream::Gzip(encoder) => encoder.finish(),
            Stream::None(output) => Ok(output),
        }
    }

    fn stream(&mut self) -> &mut dyn Write {
        match &mut self.0 {
            Stream::Xz(encoder) => encoder,
            Stream::Zstd(encoder) => encoder,
            Stream::Gzip(encoder) => encoder,
            Stream::None(output) => output,
        }
    }
}

impl<W: Write> Write for Packer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream().flush()
    }
}

fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Larger than one block, and not all alike.
    fn text() -> Vec<u8> {
        (0..2_000_000_u32).flat_map(|number| format!("Package: p{number}\n").into_bytes()).collect()
    }

    #[test]
    fn what_was_packed_unpacks_to_the_same() {
        let text = text();
        assert!(text.len() as u64 > XZ_BLOCK);
        let limit = text.len() as u64;
        for (compression, packed) in [
            (Compression::Xz, compress_xz(&text, 0).unwrap()),
            (Compression::Gzip, compress_gz(&text, 1).unwrap()),
            (Compression::Zstd, zstd::encode_all(&text[..], 1).unwrap()),
            (Compression::None, text.clone()),
        ] {
            assert!(decompress(compression, &packed[..], limit).unwrap() == text, "{compression}");
            let mut packer = Packer::new(compression, Vec::new()).unwrap();
            packer.write_all(&text).unwrap();
            let streamed = packer.finish().unwrap();
            assert!(decompress(compression, &streamed[..], limit).unwrap() == text, "{compression}, in a stream");
            let error = decompress(compression, &packed[..], limit - 1).unwrap_err();
            assert!(matches!(error, DecompressError::TooLarge { .. }), "{compression}: {error}");
        }
    }

    #[test]
    fn files_of_several_streams_are_read_to_the_end() {
        let twice = |packed: Vec<u8>| [packed.clone(), packed].concat();
        for (compression, packed) in [
            (Compression::Xz, twice(compress_xz(b"half", 6).unwrap())),
            (Compression::Gzip, twice(compress_gz(b"half", 9).unwrap())),
            (Compression::Zstd, twice(zstd::encode_all(&b"half"[..], 3).unwrap())),
        ] {
            assert_eq!(decompress(compression, &packed[..], 100).unwrap(), b"halfhalf", "{compression}");
            let mut unpacked = Vec::new();
            unpacking(compression, &packed[..]).unwrap().read_to_end(&mut unpacked).unwrap();
            assert_eq!(unpacked, b"halfhalf", "{compression}");
        }
    }

    #[test]
    fn broken_data_is_an_error_that_names_the_format() {
        let packed = compress_xz(b"a text", 6).unwrap();
        for broken in [&packed[..packed.len() - 5], b"no xz at all"] {
            let error = decompress(Compression::Xz, broken, 100).unwrap_err();
            assert!(error.to_string().starts_with("it is not valid xz data"), "{error}");
        }
    }
}
