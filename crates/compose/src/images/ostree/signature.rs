//! Signatures of commits and summaries as OSTree keeps them: detached metadata, a GVariant of type `a{sv}` that has a list of binary
//! signatures for each kind of key. The format: the GVariant specification (Alexander Larsson, Ryan Lortie), "Serialisation Format".
//!
//! Must not know: who signs.

/// The name under which signatures of OpenPGP keys are kept.
pub(super) const GPG: &str = "ostree.gpgsigs";
/// The name under which signatures of Ed25519 keys are kept.
pub(super) const ED25519: &str = "ostree.sign.ed25519";

const SIGNATURES: &[u8] = b"aay";

/// The detached metadata of an object with these signatures, by their kinds.
pub(super) fn detached_metadata(signatures: &[(&str, Vec<Vec<u8>>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for (kind, signatures) in signatures {
        align(&mut bytes);
        bytes.extend(entry(kind, signatures));
        ends.push(bytes.len());
    }
    frame(bytes, &ends)
}

/// A dictionary's entry: a text, and a variant that is the list of signatures.
fn entry(kind: &str, signatures: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = kind.as_bytes().to_vec();
    bytes.push(0);
    let end_of_kind = bytes.len();
    align(&mut bytes);
    let ends = signatures.iter().scan(0, |end, signature| {
        *end += signature.len();
        Some(*end)
    });
    bytes.extend(frame(signatures.concat(), &ends.collect::<Vec<_>>()));
    bytes.push(0);
    bytes.extend(SIGNATURES);
    frame(bytes, &[end_of_kind])
}

/// Variants begin at multiples of eight bytes, and so does what holds one.
fn align(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
}

/// Puts the ends of a container's parts behind it, each in as few bytes as the size of the whole needs.
fn frame(mut bytes: Vec<u8>, ends: &[usize]) -> Vec<u8> {
    let fits = |width: &usize| bytes.len() + ends.len() * width < 1 << (8 * width);
    let width = [1, 2, 4].into_iter().find(fits).unwrap_or(8);
    for end in ends {
        bytes.extend(&end.to_le_bytes()[..width]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_framed_as_the_specification_says() {
        let bytes = detached_metadata(&[("a", vec![b"sig".to_vec()])]);
        // "a\0", padding to 8, "sig", the end of it, 0, "aay", the end of the key, the end of the entry.
        let expected = [&b"a\0\0\0\0\0\0\0"[..], b"sig", &[3], b"\0aay", &[2], &[17]].concat();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn long_signatures_have_wider_ends() {
        let bytes = detached_metadata(&[("a", vec![vec![7; 300]])]);
        assert_eq!(bytes[8 + 300..8 + 302], 300_u16.to_le_bytes());
        assert_eq!(bytes[bytes.len() - 4..bytes.len() - 2], 2_u16.to_le_bytes());
        let end = u16::from_le_bytes([bytes[bytes.len() - 2], bytes[bytes.len() - 1]]);
        assert_eq!(usize::from(end), bytes.len() - 2);
    }
}
