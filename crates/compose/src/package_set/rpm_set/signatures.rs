//! Which keys packages must be signed with, and how good a package is by that.
//!
//! Must not know: where packages come from, who takes them.

use std::collections::BTreeSet;

use charmer_packages::rpm::header::KeyId;
use serde::{Deserialize, Serialize};

use crate::metadata::python_format::tuple_of_texts;

/// Ids of keys in the order in which they are preferred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SigningKeys {
    /// As configured: the last 8 digits, all 16, or a whole fingerprint.
    keys: Vec<String>,
    /// A package that none of them signed is as good as any, but comes last.
    others: bool,
}

/// What the signatures of one package are worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The least is the best.
    pub rank: usize,
    /// A compose may have it.
    pub allowed: bool,
    /// As metadata names it: by the last eight digits.
    pub key: Option<String>,
}

impl SigningKeys {
    /// Of keys as they are configured, where none stands for packages without a signature.
    pub fn new<'a>(listed: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let listed: Vec<Option<&str>> = listed.into_iter().map(|key| key.filter(|key| !key.is_empty())).collect();
        let keys: Vec<String> = listed.iter().flatten().map(|key| (*key).to_owned()).collect();
        Self { others: keys.is_empty() || listed.contains(&None), keys }
    }

    /// It makes no difference how packages are signed.
    pub fn is_indifferent(&self) -> bool {
        self.keys.is_empty()
    }

    pub(super) fn judge(&self, signed: &[KeyId]) -> Verdict {
        let signed: Vec<String> = signed.iter().map(ToString::to_string).collect();
        let found = self.keys.iter().enumerate().find_map(|(rank, key)| {
            let own = signed.iter().find(|own| is_id_of(key, own))?;
            Some((rank, own))
        });
        let key = found.map(|(_, own)| own).or(signed.first());
        Verdict {
            rank: found.map_or(self.keys.len(), |(rank, _)| rank),
            allowed: found.is_some() || self.others,
            key: key.map(|key| key.get(key.len().saturating_sub(8)..).unwrap_or(key).to_owned()),
        }
    }

    /// Refuses packages, given by name, version and release.
    pub(super) fn refusal(&self, packages: BTreeSet<String>) -> UnsignedPackages {
        UnsignedPackages { keys: self.keys.clone(), packages }
    }
}

/// Whether a key's 16 digits are those that a configuration means.
fn is_id_of(configured: &str, own: &str) -> bool {
    let configured = configured.to_ascii_lowercase();
    let configured = configured.strip_prefix("0x").unwrap_or(&configured);
    match configured.len() {
        8 | 16 => own.ends_with(configured),
        // The id of such a key is the end of its fingerprint, of a newer key with a longer one the beginning.
        40 => configured.ends_with(own),
        64 => configured.starts_with(own),
        _ => false,
    }
}

/// Packages that a compose would have, and that no right key signed; in the words that tools look for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "RPM(s) not found for sigs: {}. Check log for details. Unsigned packages:\n{}",
    tuple_of_texts(keys),
    packages.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
)]
pub struct UnsignedPackages {
    keys: Vec<String>,
    packages: BTreeSet<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const RED: KeyId = KeyId([1, 2, 3, 4, 0xaa, 0xbb, 0xcc, 0xdd]);
    const BLUE: KeyId = KeyId([5, 6, 7, 8, 0x11, 0x22, 0x33, 0x44]);

    fn judged(listed: &[Option<&str>], signed: &[KeyId]) -> (usize, bool, Option<String>) {
        let Verdict { rank, allowed, key } = SigningKeys::new(listed.iter().copied()).judge(signed);
        (rank, allowed, key)
    }

    #[test]
    fn ids_are_short_or_long_or_fingerprints_and_in_any_case() {
        let key = Some("aabbccdd".to_owned());
        let fingerprint = "00112233445566778899AABB01020304AABBCCDD";
        for id in ["aabbccdd", "AABBCCDD", "0xAABBCCDD", "01020304aabbccdd", fingerprint] {
            assert_eq!(judged(&[Some("11223344"), Some(id)], &[RED]), (1, true, key.clone()), "{id}");
        }
        for id in ["ccdd", "02020304aabbccdd", "not a key", "01020304"] {
            assert_eq!(judged(&[Some(id)], &[RED]), (1, false, key.clone()), "{id}");
        }
    }

    #[test]
    fn what_no_listed_key_signed_comes_last_wherever_it_is_allowed() {
        assert_eq!(judged(&[None], &[RED]), (0, true, Some("aabbccdd".to_owned())));
        assert_eq!(judged(&[], &[]), (0, true, None), "no list allows all");
        assert_eq!(judged(&[Some(""), Some("11223344")], &[]), (1, true, None));
        assert_eq!(judged(&[Some("11223344")], &[]), (1, false, None));
        let both = judged(&[Some("11223344")], &[RED, BLUE]);
        assert_eq!(both, (0, true, Some("11223344".to_owned())), "of several keys the listed one counts");
    }
}
