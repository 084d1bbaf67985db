//! Which keys signed a package: the key ids in its signature packets. Nothing is verified here.

use std::fmt;

use super::store::Store;
use super::{HeaderError, tags};

/// The id of an OpenPGP key, 8 bytes. Printed in 16 hexadecimal digits, of which people often write the last 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 8]);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

const SIGNATURE_PACKET: u8 = 2;
const ISSUER: u8 = 16;
const ISSUER_FINGERPRINT: u8 = 33;

/// The keys of all signatures, those over the header first. Packets that cannot be read name no key.
pub(super) fn signing_keys(signature: &Store<'_>) -> Result<Vec<KeyId>, HeaderError> {
    let mut found = Vec::new();
    for tag in [tags::SIGNATURE_RSA, tags::SIGNATURE_DSA, tags::SIGNATURE_PGP, tags::SIGNATURE_GPG] {
        found.extend(signature.binary(tag)?.and_then(issuer));
    }
    for text in signature.texts(tags::SIGNATURE_OPENPGP)?.into_iter().flatten() {
        found.extend(base64(text?).as_deref().and_then(issuer));
    }
    let mut keys = Vec::new();
    for key in found {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(keys)
}

/// The key id in the first packet, which must be a signature of version 3, 4 or 6.
fn issuer(packet: &[u8]) -> Option<KeyId> {
    let body = signature_body(packet)?;
    let (version, rest) = body.split_first()?;
    match version {
        // Length 5, type, time.
        3 => key_id(rest.get(6..14)?),
        4 => issuer_in_subpackets(rest.get(3..)?, 2),
        6 => issuer_in_subpackets(rest.get(3..)?, 4),
        _ => None,
    }
}

fn signature_body(packet: &[u8]) -> Option<&[u8]> {
    const NEW_FORMAT: u8 = 0x40;
    let (first, rest) = packet.split_first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let (kind, length, body) = if first & NEW_FORMAT == 0 {
        let width = [1, 2, 4].get(usize::from(first & 3))?;
        let (length, body) = number(rest, *width)?;
        (first >> 2 & 0xf, length, body)
    } else {
        let (length, body) = new_length(rest)?;
        (first & 0x3f, length, body)
    };
    if kind == SIGNATURE_PACKET { body.get(..length) } else { None }
}

/// Lengths of packets in the new format, and of subpackets.
fn new_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match first {
        0..192 => Some((usize::from(*first), rest)),
        192..=223 => {
            let (second, rest) = rest.split_first()?;
            Some(((usize::from(*first) - 192) * 256 + usize::from(*second) + 192, rest))
        }
        255 => number(rest, 4),
        _ => None,
    }
}

/// Both the hashed and the other subpackets, each behind its length.
fn issuer_in_subpackets(bytes: &[u8], width: usize) -> Option<KeyId> {
    let (length, bytes) = number(bytes, width)?;
    let (hashed, bytes) = bytes.split_at_checked(length)?;
    let (length, bytes) = number(bytes, width)?;
    find_issuer(hashed).or_else(|| find_issuer(bytes.get(..length)?))
}

fn find_issuer(mut subpackets: &[u8]) -> Option<KeyId> {
    while !subpackets.is_empty() {
        let (length, rest) = new_length(subpackets)?;
        let (subpacket, rest) = rest.split_at_checked(length)?;
        let (kind, value) = subpacket.split_first()?;
        // The highest bit says that the subpacket must be understood.
        match kind & 0x7f {
            ISSUER => return key_id(value),
            ISSUER_FINGERPRINT => return id_of_fingerprint(value),
            _ => subpackets = rest,
        }
    }
    None
}

/// The last bytes of a version 4 fingerprint, and the first of a later one.
fn id_of_fingerprint(value: &[u8]) -> Option<KeyId> {
    let (version, fingerprint) = value.split_first()?;
    match version {
        4 => key_id(fingerprint.get(12..20)?),
        _ => key_id(fingerprint.get(..8)?),
    }
}

fn key_id(bytes: &[u8]) -> Option<KeyId> {
    bytes.try_into().ok().map(KeyId)
}

fn number(bytes: &[u8], width: usize) -> Option<(usize, &[u8])> {
    let (digits, rest) = bytes.split_at_checked(width)?;
    Some((digits.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)), rest))
}

/// rpm 6 keeps its signatures as base64, without line ends.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for character in text.iter().filter(|character| !character.is_ascii_whitespace() && **character != b'=') {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).expect("one byte was cut out"));
        }
    }
    Some(bytes)
}
