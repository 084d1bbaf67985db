//! By what a file is known to be the one that an index means.
//!
//! Must not know: indexes, files, where either comes from.

use std::fmt;

use sha2::Digest as _;

use crate::checksum::{Algorithm, Hasher as OtherHasher};
use crate::digest::Sha256;

/// The digest that a file must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    Sha256(Sha256),
    Other(Other),
}

/// A digest of another algorithm than charmer's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    algorithm: Algorithm,
    /// Lower-case hexadecimal digits.
    digits: Box<str>,
}

impl From<Sha256> for Proof {
    fn from(sha256: Sha256) -> Self {
        Self::Sha256(sha256)
    }
}

impl Proof {
    /// A checksum as rpm-md has it; `None` if there is no such algorithm here, or the digest is none of it.
    pub fn read(algorithm: &str, digest: &str) -> Option<Self> {
        // Repositories of old call SHA-1 just so.
        let algorithm = if algorithm == "sha" { Algorithm::Sha1 } else { algorithm.parse().ok()? };
        if algorithm == Algorithm::Sha256 {
            return digest.parse().ok().map(Self::Sha256);
        }
        let digits = digest.to_ascii_lowercase().into_boxed_str();
        let is_one = digits.len() == algorithm.digits() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then_some(Self::Other(Other { algorithm, digits }))
    }
}

impl Other {
    /// Fit for the name of a file.
    pub(super) fn key(&self) -> String {
        format!("{}-{}", self.algorithm, self.digits)
    }
}

/// As errors name it, with its first digits.
impl fmt::Display for Proof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(sha256) => write!(formatter, "SHA-256 {}", sha256.short()),
            Self::Other(Other { algorithm, digits }) => {
                let name = if *algorithm == Algorithm::Sha1 { "SHA-1" } else { "SHA-512" };
                write!(formatter, "{name} {}", &digits[..12])
            }
        }
    }
}

/// Takes bytes in, and tells whether they were those that a proof means.
#[derive(Debug, Clone)]
pub(super) struct Prover {
    proof: Proof,
    sha256: sha2::Sha256,
    other: Option<OtherHasher>,
}

impl Prover {
    pub(super) fn new(proof: Proof) -> Self {
        let other = match &proof {
            Proof::Sha256(_) => None,
            Proof::Other(other) => Some(OtherHasher::new(other.algorithm)),
        };
        Self { proof, sha256: sha2::Sha256::new(), other }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(other) = &mut self.other {
            other.update(bytes);
        }
    }

    /// What was taken in so far, told by the SHA-256 that it has, or else by what it has in place of what the proof says.
    pub(super) fn verdict(&self) -> Result<Sha256, Proof> {
        let sha256 = Sha256::from_bytes(self.sha256.clone().finalize().into());
        let found = match (&self.proof, &self.other) {
            (Proof::Other(wanted), Some(hasher)) => {
                Proof::Other(Other { algorithm: wanted.algorithm, digits: hasher.clone().finish().into() })
            }
            _ => Proof::Sha256(sha256),
        };
        if found == self.proof { Ok(sha256) } else { Err(found) }
    }

    pub(super) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// As if nothing had been taken in.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.proof.clone());
    }
}

impl std::io::Write for Prover {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_algorithm_of_repositories_proves_its_bytes_and_no_others() {
        let digests = [
            ("sha", "A9993E364706816ABA3E25717850C26C9CD0D89D".to_owned()),
            ("sha1", Algorithm::Sha1.of(b"abc")),
            ("sha256", Algorithm::Sha256.of(b"abc")),
            ("sha512", Algorithm::Sha512.of(b"abc")),
        ];
        for (algorithm, digest) in digests {
            let mut prover = Prover::new(Proof::read(algorithm, &digest).unwrap());
            prover.update(b"ab");
            assert!(prover.verdict().is_err(), "{algorithm}");
            prover.update(b"c");
            assert_eq!(prover.verdict(), Ok(Sha256::of(b"abc")), "{algorithm}");
        }
        for (algorithm, digest) in
            [("md5", "900150983cd24fb0d6963f7d28e17f72"), ("sha512", "../x"), ("sha1", "é"), ("sha256", "")]
        {
            assert_eq!(Proof::read(algorithm, digest), None, "{algorithm} {digest}");
        }
    }
}
