//! Ed25519 keys as ostree(1) keeps them: a line of base64, 64 bytes of which the first half is the seed and the second the public key.
//!
//! Must not know: what is signed.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};

/// A secret key. It is wiped from memory when it is let go.
#[derive(Debug)]
pub struct SecretKey(SigningKey);

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// `fs_err` names the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{} is no secret Ed25519 key: one line of base64, of 64 bytes, is expected", .0.display())]
    Malformed(PathBuf),
    #[error("{} is no Ed25519 key: its public half does not belong to its secret one", .0.display())]
    Mismatch(PathBuf),
}

impl SecretKey {
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let malformed = || KeyError::Malformed(path.to_owned());
        let text = fs_err::read_to_string(path)?;
        let bytes = STANDARD.decode(text.trim()).map_err(|_| malformed())?;
        let pair: [u8; 64] = bytes.try_into().map_err(|_| malformed())?;
        SigningKey::from_keypair_bytes(&pair).map(Self).map_err(|_| KeyError::Mismatch(path.to_owned()))
    }

    /// A signature: 64 bytes, the same each time.
    pub fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        self.0.sign(bytes).to_bytes().to_vec()
    }

    /// The public key as clients configure it: a line of base64.
    pub fn public(&self) -> String {
        STANDARD.encode(self.0.verifying_key().as_bytes()) + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_signs_as_rfc_8032_says_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = folder.path().join("key");
            fs_err::write(&path, text).unwrap();
            SecretKey::read(&path)
        };
        // RFC 8032, 7.1, test 1: of the empty message.
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
        };
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let key = read(&(STANDARD.encode([&seed[..], &public].concat()) + "\n")).unwrap();
        let signature = key.sign(b"");
        assert!(signature.starts_with(&hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155")));
        assert_eq!(key.public(), STANDARD.encode(&public) + "\n");
        assert!(matches!(read("no key"), Err(KeyError::Malformed(_))));
        assert!(matches!(read(&STANDARD.encode(&seed)), Err(KeyError::Malformed(_))));
        let error = read(&STANDARD.encode([&seed[..], &seed].concat())).unwrap_err().to_string();
        assert!(error.contains("does not belong"), "{error}");
    }
}
