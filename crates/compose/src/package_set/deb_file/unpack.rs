//! The tar archives in a .deb, unpacked in memory entry by entry. Nothing is ever written to disk.
//!
//! What may appear is what dpkg takes: plain tar and GNU's long names. What a package of Debian may not hold (device nodes, named
//! pipes) or what could mislead a client (`..`, absolute names, line ends) is an error.

use std::io::{self, Read};

use tar::{Archive, EntryType};

use super::Fault;

/// A dictionary of `xz -9` takes 64 MiB; more is not from any packaging tool.
const XZ_MEMORY: u64 = 256 << 20;
/// 2^27 bytes, the most that the zstd program itself reads without being told.
const ZSTD_WINDOW: u32 = 27;
/// The longest name of an entry, as Linux has it.
const NAME: u64 = 4096;

/// The kinds of entries that a package may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File,
    Link,
}

/// A reader of what `compressed` holds, by the suffix of the member's name. More than `limit` bytes are an error.
pub(super) fn decompress<'a>(suffix: &str, compressed: impl Read + 'a, limit: u64) -> Result<Box<dyn Read + 'a>, Fault> {
    let unpacked: Box<dyn Read + 'a> = match suffix {
        "" => Box::new(compressed),
        ".gz" => Box::new(flate2::read::MultiGzDecoder::new(compressed)),
        ".xz" => {
            let stream =
                liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED).map_err(io::Error::from)?;
            Box::new(liblzma::read::XzDecoder::new_stream(compressed, stream))
        }
        ".zst" => {
            let mut decoder = zstd::Decoder::new(compressed)?;
            decoder.window_log_max(ZSTD_WINDOW)?;
            Box::new(decoder)
        }
        _ => return Err(Fault::Compression { suffix: suffix.to_owned() }),
    };
    Ok(Box::new(Limited { reader: unpacked, limit, left: limit }))
}

/// Calls `visit` with each entry's name (no leading `./`, no slash at the end, never empty), kind and content, until it says `true`
/// or the archive ends. Says whether `visit` ended it.
pub(super) fn visit_entries<R: Read>(
    unpacked: R,
    mut visit: impl FnMut(&[u8], Kind, &mut dyn Read) -> Result<bool, Fault>,
) -> Result<bool, Fault> {
    let mut archive = Archive::new(unpacked);
    let mut long_name = None;
    // Raw: the tar crate would read the content of long names and extended headers into memory, whatever their size.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let kind = match entry.header().entry_type() {
            EntryType::GNULongName => {
                long_name = Some(read_long_name(&mut entry)?);
                continue;
            }
            // The target of a link does not matter here.
            EntryType::GNULongLink => continue,
            EntryType::Regular | EntryType::Continuous | EntryType::Link => Kind::File,
            EntryType::Symlink => Kind::Link,
            EntryType::Directory => Kind::Folder,
            other => return Err(Fault::entry(&entry.path_bytes(), type_fault(other))),
        };
        let name = long_name.take().unwrap_or_else(|| entry.header().path_bytes().into_owned());
        if let Some(name) = plain_name(&name)?
            && visit(name, kind, &mut entry)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read_long_name(entry: &mut impl Read) -> Result<Vec<u8>, Fault> {
    let mut name = Vec::new();
    entry.take(NAME + 1).read_to_end(&mut name)?;
    if name.len() as u64 > NAME {
        return Err(Fault::entry(&name, "its name is too long"));
    }
    while name.last() == Some(&0) {
        name.pop();
    }
    Ok(name)
}

fn type_fault(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Char | EntryType::Block => "it is a device node, which no package may hold",
        EntryType::Fifo => "it is a named pipe, which no package may hold",
        _ => "its tar header is of a type that dpkg does not take",
    }
}

/// The name without `./` in front and a slash at its end; `None` for the folder itself.
fn plain_name(name: &[u8]) -> Result<Option<&[u8]>, Fault> {
    let fault = |reason| Err(Fault::entry(name, reason));
    if name.starts_with(b"/") {
        return fault("its name is absolute");
    }
    if name.iter().any(u8::is_ascii_control) {
        return fault("its name holds a control character");
    }
    let plain = name.strip_prefix(b"./").unwrap_or(name);
    let plain = plain.strip_suffix(b"/").unwrap_or(plain);
    if plain.is_empty() || plain == b"." {
        return Ok(None);
    }
    if plain.split(|byte| *byte == b'/').any(|part| matches!(part, b"" | b"." | b"..")) {
        return fault("its name has a part that is empty, '.' or '..'");
    }
    Ok(Some(plain))
}

/// A reader that fails, instead of ending, at its limit.
struct Limited<R> {
    reader: R,
    limit: u64,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("it holds more than {} bytes when it is unpacked", self.limit))
        })?;
        Ok(count)
    }
}
