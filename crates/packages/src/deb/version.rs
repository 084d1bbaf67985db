//! The version order of dpkg: `[epoch:]upstream[-revision]`.

use std::cmp::Ordering;

use crate::deb::byte_set::ByteSet;

/// Compares two versions as `dpkg --compare-versions` does. Any two strings can be compared: what dpkg would refuse as a
/// version has a place in the order as well, so that one bad version cannot stop a compose.
pub fn compare(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    let (left, right) = (Parts::of(left.as_bytes()), Parts::of(right.as_bytes()));
    compare_numbers(left.epoch, right.epoch)
        .then_with(|| compare_part(left.upstream, right.upstream))
        .then_with(|| compare_part(left.revision, right.revision))
}

/// Whether dpkg takes this as a version.
pub fn is_valid(version: &str) -> bool {
    let bytes = version.as_bytes();
    let Parts { epoch, upstream, revision } = Parts::of(bytes);
    // What is left out of a version takes its separator with it.
    let has_all_parts = bytes.first() != Some(&b':') && bytes.last() != Some(&b'-');
    has_all_parts
        && epoch.len() <= 9
        && epoch.iter().all(u8::is_ascii_digit)
        && upstream.first().is_some_and(u8::is_ascii_digit)
        && upstream.iter().all(|byte| UPSTREAM_BYTES.contains(*byte))
        && revision.iter().all(|byte| REVISION_BYTES.contains(*byte))
}

static UPSTREAM_BYTES: ByteSet = ByteSet::alphanumeric_and(b".+~-:");
static REVISION_BYTES: ByteSet = ByteSet::alphanumeric_and(b".+~");

struct Parts<'a> {
    epoch: &'a [u8],
    upstream: &'a [u8],
    revision: &'a [u8],
}

impl Parts<'_> {
    /// The epoch ends at the first colon, the revision starts after the last hyphen.
    fn of(version: &[u8]) -> Parts<'_> {
        let (epoch, rest) = match memchr::memchr(b':', version) {
            Some(colon) => (&version[..colon], &version[colon + 1..]),
            None => (&version[..0], version),
        };
        let (upstream, revision) = match memchr::memrchr(b'-', rest) {
            Some(hyphen) => (&rest[..hyphen], &rest[hyphen + 1..]),
            None => (rest, &rest[..0]),
        };
        Parts { epoch, upstream, revision }
    }
}

/// Compares runs of non-digits and runs of digits in turn.
fn compare_part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let words = (split_run(&mut left, |byte| !byte.is_ascii_digit()), split_run(&mut right, |byte| !byte.is_ascii_digit()));
        let numbers = (split_run(&mut left, u8::is_ascii_digit), split_run(&mut right, u8::is_ascii_digit));
        let order = compare_words(words.0, words.1).then_with(|| compare_numbers(numbers.0, numbers.1));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

fn split_run<'a>(text: &mut &'a [u8], belongs: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = text.iter().position(|byte| !belongs(byte)).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    *text = rest;
    run
}

/// The tilde sorts before the end of the word, letters before all other characters.
fn compare_words(left: &[u8], right: &[u8]) -> Ordering {
    let weight = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    (0..left.len().max(right.len()))
        .map(|index| weight(left.get(index)).cmp(&weight(right.get(index))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares digits of any length; no digits are zero.
fn compare_numbers(left: &[u8], right: &[u8]) -> Ordering {
    let significant = |digits: &[u8]| digits.iter().take_while(|digit| **digit == b'0').count();
    let (left, right) = (&left[significant(left)..], &right[significant(right)..]);
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn orders_as_the_policy_says() {
        let ascending = [
            "0~~",
            "0~~a",
            "0~",
            "0",
            "0a",
            "0+",
            "1.0~rc1-1",
            "1.0-1~bpo1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1.1",
            "1.0a-0",
            "1:0.1",
            "02:0",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{} < {}", pair[0], pair[1]);
        }
        for (left, right) in [("1.0", "1.0-0"), ("1.00", "1.0"), ("0:1", "1"), ("1.a0", "1.a")] {
            assert_eq!(compare(left, right), Ordering::Equal, "{left} = {right}");
        }
    }

    #[test]
    fn knows_what_dpkg_refuses() {
        for version in ["1", "1:2-3", "1.0~rc1+dfsg-1ubuntu2", "1-2-3", "1:1:1"] {
            assert!(is_valid(version), "{version}");
        }
        for version in ["", "a", ":1", "x:1", "1-", "1_2", "1 2", "-1", "1:"] {
            assert!(!is_valid(version), "{version}");
        }
    }

    fn version() -> impl Strategy<Value = String> {
        "([0-9]:)?[0-9][0-9a-b.+~]{0,5}(-[0-9a-b.+~]{1,3})?"
    }

    proptest! {
        #[test]
        fn is_a_total_order(a in version(), b in version(), c in version()) {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            prop_assert_eq!(compare(&a, &a), Ordering::Equal);
            if compare(&a, &b).is_le() && compare(&b, &c).is_le() {
                prop_assert!(compare(&a, &c).is_le());
            }
        }

        #[test]
        fn never_panics(a in "\\PC{0,8}", b in "\\PC{0,8}") {
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            is_valid(&a);
        }
    }
}
