//! The outermost shell of a .deb: an ar archive, read once from front to back.
//!
//! Must not know: what the members hold.

use std::io::{self, Read};

use super::Fault;

const MAGIC: &[u8; 8] = b"!<arch>\n";
const HEADER: usize = 60;
/// A .deb has three members, and may have a few for signatures.
const MEMBERS: usize = 64;

/// The members of an ar archive. Reading from it reads the member that [`Members::next`] gave last.
pub(super) struct Members<R> {
    reader: R,
    /// Bytes of the current member that are not read yet.
    left: u64,
    /// Whether a byte of padding follows the current member.
    padded: bool,
    count: usize,
    /// When the current member was put in, in seconds since 1970.
    time: i64,
}

impl<R: Read> Members<R> {
    pub(super) fn open(mut reader: R) -> Result<Self, Fault> {
        let mut magic = [0; MAGIC.len()];
        if read_fully(&mut reader, &mut magic)? < magic.len() || &magic != MAGIC {
            return Err(Fault::NotAnArchive);
        }
        Ok(Self { reader, left: 0, padded: false, count: 0, time: 0 })
    }

    /// The next member's name and size; what is left of the current member is passed over.
    pub(super) fn next(&mut self) -> Result<Option<(String, u64)>, Fault> {
        io::copy(self, &mut io::sink())?;
        if self.padded {
            read_fully(&mut self.reader, &mut [0])?;
            self.padded = false;
        }
        let mut header = [0; HEADER];
        match read_fully(&mut self.reader, &mut header)? {
            0 => return Ok(None),
            HEADER if &header[58..] == b"`\n" => {}
            _ => return Err(Fault::DamagedHeader { number: self.count + 1 }),
        }
        self.count += 1;
        if self.count > MEMBERS {
            return Err(Fault::TooMany { what: "members", limit: MEMBERS });
        }
        let (Some(name), Some(size)) = (member_name(&header[..16]), number(&header[48..58])) else {
            return Err(Fault::DamagedHeader { number: self.count });
        };
        self.left = size;
        self.time = number(&header[16..28]).and_then(|time| i64::try_from(time).ok()).unwrap_or_default();
        self.padded = size % 2 == 1;
        Ok(Some((name, size)))
    }

    pub(super) const fn time(&self) -> i64 {
        self.time
    }

    pub(super) fn into_inner(self) -> R {
        self.reader
    }
}

impl<R: Read> Read for Members<R> {
    /// A file that ends within a member is an error, not the member's end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.reader.read(&mut buffer[..wanted])?;
        if count == 0 && wanted > 0 {
            let reason = format!("the file ends {} bytes before the end of this member", self.left);
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// Reads until the buffer is full or the input ends.
fn read_fully(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Some programs end names with a slash, as the format's System V variant has it.
fn member_name(field: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(field).ok()?.trim_end_matches(' ').trim_end_matches('/');
    let plain = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    plain.then(|| name.to_owned())
}

fn number(field: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(field).ok()?.trim_end_matches(' ');
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}
