//! The version order of rpm: `[epoch:]version[-release]`.

use std::cmp::Ordering;
use std::fmt;

/// An epoch, a version and a release. A dependency may leave out all but the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Evr<'a> {
    pub epoch: Option<u32>,
    pub version: &'a str,
    pub release: Option<&'a str>,
}

impl<'a> Evr<'a> {
    /// Takes any text apart as rpm does: digits before the first colon are the epoch, what follows the last hyphen the release.
    /// An epoch that is too large for rpm counts as the largest.
    pub fn parse(text: &'a str) -> Evr<'a> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (epoch, rest) = match text[digits..].strip_prefix(':') {
            Some(rest) if digits == 0 => (Some(0), rest),
            Some(rest) => (Some(text[..digits].parse().unwrap_or(u32::MAX)), rest),
            None => (None, text),
        };
        match rest.rsplit_once('-') {
            Some((version, release)) => Evr { epoch, version, release: Some(release) },
            None => Evr { epoch, version: rest, release: None },
        }
    }

    /// Total order: no epoch is 0, and no release comes before any release.
    pub fn compare(&self, other: &Evr<'_>) -> Ordering {
        self.compare_without_release(other).then_with(|| match (self.release, other.release) {
            (Some(left), Some(right)) => compare_parts(left, right),
            (left, right) => left.is_some().cmp(&right.is_some()),
        })
    }

    pub(super) fn compare_without_release(&self, other: &Evr<'_>) -> Ordering {
        let epochs = self.epoch.unwrap_or(0).cmp(&other.epoch.unwrap_or(0));
        epochs.then_with(|| compare_parts(self.version, other.version))
    }
}

/// As rpm prints it: an epoch of 0 is left out.
impl fmt::Display for Evr<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(epoch) = self.epoch.filter(|epoch| *epoch != 0) {
            write!(formatter, "{epoch}:")?;
        }
        formatter.write_str(self.version)?;
        match self.release {
            Some(release) => write!(formatter, "-{release}"),
            None => Ok(()),
        }
    }
}

/// Compares two versions, or two releases, as `rpmvercmp` does. Equal does not mean the same text: `1.0` and `1_0` are equal.
pub fn compare_parts(left: &str, right: &str) -> Ordering {
    if left == right {
        return Ordering::Equal;
    }
    let (mut left, mut right) = (left.as_bytes(), right.as_bytes());
    loop {
        skip_separators(&mut left);
        skip_separators(&mut right);
        let (first, ranks) = (left.first(), rank(left.first()).cmp(&rank(right.first())));
        let order = match first {
            _ if ranks.is_ne() => return ranks,
            None => return Ordering::Equal,
            Some(b'~' | b'^') => {
                (left, right) = (&left[1..], &right[1..]);
                continue;
            }
            Some(digit) if digit.is_ascii_digit() => {
                let digits = split_run(&mut left, u8::is_ascii_digit);
                let others = split_run(&mut right, u8::is_ascii_digit);
                // Digits are newer than letters.
                if others.is_empty() { Ordering::Greater } else { compare_numbers(digits, others) }
            }
            Some(_) => {
                let letters = split_run(&mut left, u8::is_ascii_alphabetic);
                let others = split_run(&mut right, u8::is_ascii_alphabetic);
                if others.is_empty() { Ordering::Less } else { letters.cmp(others) }
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// A tilde comes before the end, which comes before a caret, which comes before all else.
fn rank(next: Option<&u8>) -> u8 {
    match next {
        Some(b'~') => 0,
        None => 1,
        Some(b'^') => 2,
        Some(_) => 3,
    }
}

fn skip_separators(text: &mut &[u8]) {
    split_run(text, |byte| !byte.is_ascii_alphanumeric() && *byte != b'~' && *byte != b'^');
}

fn split_run<'a>(text: &mut &'a [u8], belongs: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = text.iter().position(|byte| !belongs(byte)).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    *text = rest;
    run
}

/// Compares digits of any length.
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
    fn evr_is_taken_apart_and_put_together() {
        for (text, epoch, version, release, printed) in [
            ("1:2.0-3.fc40", Some(1), "2.0", Some("3.fc40"), "1:2.0-3.fc40"),
            ("0:2-1", Some(0), "2", Some("1"), "2-1"),
            ("2", None, "2", None, "2"),
            (":2", Some(0), "2", None, "2"),
            ("a:2", None, "a:2", None, "a:2"),
            ("1-2-3", None, "1-2", Some("3"), "1-2-3"),
            ("99999999999:1", Some(u32::MAX), "1", None, "4294967295:1"),
        ] {
            let evr = Evr::parse(text);
            assert_eq!(evr, Evr { epoch, version, release }, "{text}");
            assert_eq!(evr.to_string(), printed);
        }
    }

    #[test]
    fn epochs_outrank_versions_and_versions_releases() {
        let ascending = ["1~rc1-1", "1", "1-1", "1-2", "1^git1-1", "1.1-1", "1:0-1", "2:0"];
        for pair in ascending.windows(2) {
            assert_eq!(Evr::parse(pair[0]).compare(&Evr::parse(pair[1])), Ordering::Less, "{} < {}", pair[0], pair[1]);
        }
    }

    /// `tests/data/rpmvercmp.py` tells how the table was made.
    #[test]
    fn five_thousand_random_pairs_are_ordered_as_the_rpm_library_orders_them() {
        let table = include_str!("../../tests/data/rpmvercmp.txt");
        for line in table.lines() {
            let [left, right, order] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line} has three columns") };
            let expected = order.parse::<i8>().unwrap().cmp(&0);
            assert_eq!(Evr::parse(left).compare(&Evr::parse(right)), expected, "{line}");
        }
        assert_eq!(table.lines().count(), 5000);
    }

    proptest! {
        #[test]
        fn never_panics(a in "\\PC{0,8}", b in "\\PC{0,8}") {
            prop_assert_eq!(Evr::parse(&a).compare(&Evr::parse(&a)), Ordering::Equal);
            compare_parts(&a, &b);
        }
    }
}
