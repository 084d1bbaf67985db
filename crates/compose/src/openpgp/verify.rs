//! Signatures of others: is this text signed by a key that we were told to trust, at a time at which that key was good?
//!
//! One good signature suffices: archives sign with an old and a new key while they change keys, and not every keyring has both.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sequoia_openpgp::cert::amalgamation::{ValidAmalgamation as _, ValidateAmalgamation as _};
use sequoia_openpgp::cert::{Cert, CertParser};
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::parse::Parse as _;
use sequoia_openpgp::parse::stream::{
    DetachedVerifierBuilder, GoodChecksum, MessageLayer, MessageStructure, VerificationError, VerificationHelper, VerifierBuilder,
};
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::types::RevocationStatus;
use sequoia_openpgp::{Fingerprint, KeyHandle};

use super::{CLEARTEXT_BEGIN, SIGNATURE_BEGIN, SIGNATURE_END};

/// The certificates whose signatures are believed.
#[derive(Debug, Clone, Default)]
pub struct Keyring {
    certificates: Vec<Cert>,
}

/// A keyring file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    #[error("keyring {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("keyring {}: not OpenPGP certificates: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("keyring {}: it holds no certificate", path.display())]
    Empty { path: PathBuf },
}

impl Keyring {
    /// Reads keyring files, each of one or several certificates, binary or armored.
    pub fn read<P: AsRef<Path>>(paths: impl IntoIterator<Item = P>) -> Result<Self, KeyringError> {
        let mut keyring = Self::default();
        for path in paths {
            let path = path.as_ref();
            let bytes = fs_err::read(path).map_err(|source| KeyringError::Unreadable { path: path.to_owned(), source })?;
            let malformed = |reason| KeyringError::Malformed { path: path.to_owned(), reason };
            let found = Self::from_bytes(&bytes).map_err(malformed)?;
            if found.certificates.is_empty() {
                return Err(KeyringError::Empty { path: path.to_owned() });
            }
            keyring.certificates.extend(found.certificates);
        }
        Ok(keyring)
    }

    /// Reads certificates from memory; says why if that fails.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let mut certificates = Vec::new();
        for block in armor_blocks(bytes) {
            for certificate in CertParser::from_bytes(block).map_err(|error| error.to_string())? {
                certificates.push(certificate.map_err(|error| error.to_string())?);
            }
        }
        Ok(Self { certificates })
    }

    /// The primary keys' fingerprints.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.certificates.iter().map(Cert::fingerprint).collect()
    }
}

impl From<Cert> for Keyring {
    fn from(certificate: Cert) -> Self {
        Self { certificates: vec![certificate] }
    }
}

/// The armored blocks of a file one by one, since the parser reads only the first; binary files whole.
fn armor_blocks(bytes: &[u8]) -> Vec<&[u8]> {
    let begin = b"-----BEGIN PGP";
    let mut starts: Vec<usize> = memchr::memmem::find_iter(bytes, begin).collect();
    starts.push(bytes.len());
    if starts[0] != 0 && starts.len() == 1 || !bytes.is_ascii() {
        return vec![bytes];
    }
    starts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// A text whose signature is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What was signed. An inline signature does not cover white space at line ends, so there is none.
    pub text: Vec<u8>,
    /// The primary keys' fingerprints of all good signatures, sorted.
    pub signers: Vec<Fingerprint>,
}

/// Why a text is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    #[error("not a signed text: {0}")]
    Malformed(String),
    #[error("there is text outside the signed part, at line {line}")]
    UnsignedText { line: usize },
    #[error("no signature is good: {}", Problems(.0))]
    NoGoodSignature(Vec<SignatureProblem>),
}

/// One signature that is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureProblem {
    /// The signing key's fingerprint, or its key id where the signature gives no more.
    pub key: String,
    pub fault: SignatureFault,
}

/// What is wrong with a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("is not in the keyring")]
    NotInKeyring,
    #[error("expired on {}", Day(*.0))]
    Expired(SystemTime),
    #[error("is not valid before {}", Day(*.0))]
    NotYetValid(SystemTime),
    #[error("was revoked: {0}")]
    Revoked(String),
    #[error("did not sign this text: the signature is bad")]
    Bad,
    #[error("signed with methods that are too weak: {0}")]
    Weak(String),
    #[error("cannot be used: {0}")]
    Unusable(String),
}

impl fmt::Display for SignatureProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "key {} {}", self.key, self.fault)
    }
}

struct Problems<'a>(&'a [SignatureProblem]);

impl fmt::Display for Problems<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.0.iter().map(SignatureProblem::to_string).collect();
        formatter.write_str(if texts.is_empty() { "it has none" } else { "" })?;
        formatter.write_str(&texts.join("; "))
    }
}

struct Day(SystemTime);

impl fmt::Display for Day {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::try_from(self.0) {
            Ok(time) => write!(formatter, "{}", time.strftime("%Y-%m-%d")),
            Err(_) => formatter.write_str("an unknown day"),
        }
    }
}

/// Verifies a text signed in the cleartext signature framework, as InRelease is. Nothing may stand before, after or between.
pub fn verify_inline(keyring: &Keyring, document: &[u8], at: SystemTime) -> Result<Verified, VerifyError> {
    check_framework(document)?;
    let policy = StandardPolicy::at(at);
    let helper = Judge::new(keyring, &policy, at);
    let mut verifier = VerifierBuilder::from_bytes(document)
        .and_then(|builder| builder.with_policy(&policy, at, helper))
        .map_err(|error| VerifyError::Malformed(error.to_string()))?;
    let mut text = Vec::new();
    verifier.read_to_end(&mut text).map_err(|error| VerifyError::Malformed(error.to_string()))?;
    // The line end before the signature is not part of the signed text.
    if !text.ends_with(b"\n") {
        text.push(b'\n');
    }
    verifier.into_helper().verdict(text)
}

/// Verifies a text by a signature in a file of its own, as Release is by Release.gpg.
pub fn verify_detached(keyring: &Keyring, text: &[u8], signature: &[u8], at: SystemTime) -> Result<Verified, VerifyError> {
    let policy = StandardPolicy::at(at);
    let helper = Judge::new(keyring, &policy, at);
    let mut verifier = DetachedVerifierBuilder::from_bytes(signature)
        .and_then(|builder| builder.with_policy(&policy, at, helper))
        .map_err(|error| VerifyError::Malformed(error.to_string()))?;
    verifier.verify_bytes(text).map_err(|error| VerifyError::Malformed(error.to_string()))?;
    verifier.into_helper().verdict(text.to_owned())
}

/// The text of a document in the cleartext signature framework whose signature nobody checks, because its origin is trusted.
pub fn text_without_verifying(document: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let mut text = String::new();
    for line in check_framework(document)? {
        text.push_str(line.strip_prefix("- ").unwrap_or(line));
        text.push('\n');
    }
    Ok(text.into_bytes())
}

/// Holds a document to the form of one signed text and nothing else: a reader that skips what it does not expect would let
/// unsigned lines pass as signed ones. Gives the lines of the text, as they stand.
fn check_framework(document: &[u8]) -> Result<Vec<&str>, VerifyError> {
    let document = std::str::from_utf8(document).map_err(|_| VerifyError::Malformed("it is not UTF-8".into()))?;
    let mut lines = document.lines().map(str::trim_end).enumerate();
    if lines.next().is_none_or(|(_, line)| line != CLEARTEXT_BEGIN) {
        return Err(VerifyError::Malformed(format!("it does not begin with '{CLEARTEXT_BEGIN}'")));
    }
    for (index, line) in lines.by_ref() {
        match line {
            "" => break,
            _ if line.starts_with("Hash: ") => {}
            _ => return Err(VerifyError::UnsignedText { line: index + 1 }),
        }
    }
    let mut text = Vec::new();
    for (index, line) in lines.by_ref() {
        match line {
            SIGNATURE_BEGIN => break,
            _ if line.starts_with('-') && !line.starts_with("- ") => return Err(VerifyError::UnsignedText { line: index + 1 }),
            _ => text.push(line),
        }
    }
    let ended = lines.by_ref().any(|(_, line)| line == SIGNATURE_END);
    if !ended {
        return Err(VerifyError::Malformed("its signature has no end".into()));
    }
    match lines.find(|(_, line)| !line.is_empty()) {
        Some((index, _)) => Err(VerifyError::UnsignedText { line: index + 1 }),
        None => Ok(text),
    }
}

/// Collects what the verifier finds about each signature; the verdict is ours.
struct Judge<'a> {
    keyring: &'a Keyring,
    policy: &'a StandardPolicy<'a>,
    at: SystemTime,
    signers: Vec<Fingerprint>,
    problems: Vec<SignatureProblem>,
}

impl<'a> Judge<'a> {
    fn new(keyring: &'a Keyring, policy: &'a StandardPolicy<'a>, at: SystemTime) -> Self {
        Self { keyring, policy, at, signers: Vec::new(), problems: Vec::new() }
    }

    fn verdict(mut self, text: Vec<u8>) -> Result<Verified, VerifyError> {
        if self.signers.is_empty() {
            return Err(VerifyError::NoGoodSignature(self.problems));
        }
        self.signers.sort();
        self.signers.dedup();
        Ok(Verified { text, signers: self.signers })
    }

    /// The verifier asks whether the key was good when it signed; it must also be good now, or an old text of a key that was
    /// given up long ago could be served for ever.
    fn good_at_present(&self, good: &GoodChecksum<'_>) -> Result<(), SignatureFault> {
        let key = good.ka.clone().with_policy(self.policy, self.at).map_err(|error| fault_of_key(&error))?;
        key.valid_cert().alive().and_then(|()| key.alive()).map_err(|error| fault_of_key(&error))?;
        match (key.valid_cert().revocation_status(), key.revocation_status()) {
            (RevocationStatus::Revoked(by), _) | (_, RevocationStatus::Revoked(by)) => {
                Err(SignatureFault::Revoked(revocation_reason(&by)))
            }
            _ => Ok(()),
        }
    }

    fn problem(error: &VerificationError<'_>) -> SignatureProblem {
        match error {
            VerificationError::MissingKey { sig } => SignatureProblem { key: issuer(sig), fault: SignatureFault::NotInKeyring },
            VerificationError::UnboundKey { sig, error, .. } => SignatureProblem { key: issuer(sig), fault: fault_of_key(error) },
            VerificationError::BadKey { ka, error, .. } => {
                let revoked = [ka.valid_cert().revocation_status(), ka.revocation_status()].into_iter().find_map(|status| {
                    if let RevocationStatus::Revoked(by) = status { Some(revocation_reason(&by)) } else { None }
                });
                let fault = revoked.map_or_else(|| fault_of_key(error), SignatureFault::Revoked);
                SignatureProblem { key: ka.key().fingerprint().to_hex(), fault }
            }
            VerificationError::BadSignature { ka, error, .. } => {
                let fault = match error.downcast_ref() {
                    Some(
                        sequoia_openpgp::Error::PolicyViolation(..)
                        | sequoia_openpgp::Error::Expired(_)
                        | sequoia_openpgp::Error::NotYetLive(_),
                    ) => fault_of_key(error),
                    _ => SignatureFault::Bad,
                };
                SignatureProblem { key: ka.key().fingerprint().to_hex(), fault }
            }
            VerificationError::MalformedSignature { sig, error } => {
                SignatureProblem { key: issuer(sig), fault: SignatureFault::Unusable(error.to_string()) }
            }
            other => SignatureProblem { key: "(unknown)".into(), fault: SignatureFault::Unusable(other.to_string()) },
        }
    }
}

impl VerificationHelper for Judge<'_> {
    fn get_certs(&mut self, _: &[KeyHandle]) -> sequoia_openpgp::Result<Vec<Cert>> {
        Ok(self.keyring.certificates.clone())
    }

    fn check(&mut self, structure: MessageStructure<'_>) -> sequoia_openpgp::Result<()> {
        for layer in structure {
            let MessageLayer::SignatureGroup { results } = layer else { continue };
            for result in results {
                match result {
                    Ok(good) => match self.good_at_present(&good) {
                        Ok(()) => self.signers.push(good.ka.cert().fingerprint()),
                        Err(fault) => self.problems.push(SignatureProblem { key: good.ka.key().fingerprint().to_hex(), fault }),
                    },
                    Err(error) => self.problems.push(Self::problem(&error)),
                }
            }
        }
        Ok(())
    }
}

fn issuer(signature: &Signature) -> String {
    signature.get_issuers().first().map_or_else(|| "(not named)".into(), KeyHandle::to_hex)
}

fn revocation_reason(signatures: &[&Signature]) -> String {
    signatures.iter().find_map(|signature| signature.reason_for_revocation()).map_or_else(
        || "no reason given".into(),
        |(code, text)| format!("{code} {}", String::from_utf8_lossy(text)).trim().into(),
    )
}

/// What an error about a key, or about the signature that binds it, means.
fn fault_of_key(error: &sequoia_openpgp::anyhow::Error) -> SignatureFault {
    let known = error.chain().find_map(|cause| cause.downcast_ref::<sequoia_openpgp::Error>());
    match known {
        Some(sequoia_openpgp::Error::Expired(when)) => SignatureFault::Expired(*when),
        Some(sequoia_openpgp::Error::NotYetLive(when)) => SignatureFault::NotYetValid(*when),
        Some(sequoia_openpgp::Error::PolicyViolation(what, _)) => SignatureFault::Weak(what.clone()),
        _ => SignatureFault::Unusable(error.to_string()),
    }
}
