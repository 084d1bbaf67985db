//! Our own signatures. The same key, text and time give the same bytes, so that a compose can be made again.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sequoia_openpgp::cert::{Cert, CertBuilder, CipherSuite};
use sequoia_openpgp::crypto::{KeyPair, Password, Signer as _, mpi};
use sequoia_openpgp::packet::Signature;
use sequoia_openpgp::packet::signature::Signature4;
use sequoia_openpgp::packet::signature::subpacket::{Subpacket, SubpacketArea, SubpacketValue};
use sequoia_openpgp::parse::Parse as _;
use sequoia_openpgp::policy::StandardPolicy;
use sequoia_openpgp::serialize::{Serialize as _, SerializeInto as _};
use sequoia_openpgp::types::{HashAlgorithm, KeyFlags, SignatureType, Timestamp};
use sequoia_openpgp::{Fingerprint, Packet, Profile, armor, crypto::hash::Hash as _};

use super::CLEARTEXT_BEGIN;
use super::verify::{Keyring, VerifyError, verify_detached, verify_inline};
use crate::tools::{Command, Runner, ToolError};

/// The hash of all our signatures.
const HASH: HashAlgorithm = HashAlgorithm::SHA512;

/// Who signs.
#[derive(Clone)]
pub struct Signer {
    method: Method,
    certificate: Cert,
}

#[derive(Clone)]
enum Method {
    /// Secret keys in memory, decrypted; the path is for messages.
    Keys { path: PathBuf, pairs: Vec<KeyPair> },
    /// A program that reaches a key in hardware: see [`Signer::from_command`].
    Program(Vec<String>),
}

impl fmt::Debug for Signer {
    /// Names the key and shows nothing of it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Signer").field(&self.fingerprint().to_hex()).finish()
    }
}

/// Why something was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    #[error("signing key {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("signing key {}: not an OpenPGP secret key: {reason}", path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error("signing key {}: it holds only the public half", path.display())]
    PublicOnly { path: PathBuf },
    #[error("signing key {}: it is encrypted, and no passphrase was given", path.display())]
    Encrypted { path: PathBuf },
    #[error("signing key {}: the passphrase does not open it", path.display())]
    WrongPassphrase { path: PathBuf },
    #[error("signing key {}: it cannot sign at {time}: {reason}", path.display())]
    NotUsable { path: PathBuf, time: String, reason: String },
    #[error("signing key {}: version {version} keys are not supported; use a version 4 key, which apt reads too", path.display())]
    Version { path: PathBuf, version: u8 },
    #[error("the signing command is empty")]
    NoCommand,
    #[error("the signing command failed: {0}")]
    Command(#[from] ToolError),
    #[error("the signing command's '{mode}' gave nothing usable: {reason}")]
    CommandOutput { mode: &'static str, reason: String },
    #[error("the signature could not be made: {0}")]
    Failed(String),
}

impl Signer {
    /// Reads a secret key, armored or binary, and opens it if it is encrypted.
    pub fn from_key_file(path: &Path, passphrase: Option<&str>) -> Result<Self, SigningError> {
        let path = path.to_owned();
        let bytes = fs_err::read(&path).map_err(|source| SigningError::Unreadable { path: path.clone(), source })?;
        let certificate = Cert::from_bytes(&bytes)
            .map_err(|error| SigningError::Malformed { path: path.clone(), reason: error.to_string() })?;
        let version = certificate.primary_key().key().version();
        if version != 4 {
            return Err(SigningError::Version { path, version });
        }
        if !certificate.is_tsk() {
            return Err(SigningError::PublicOnly { path });
        }
        let pairs = open_keys(&certificate, passphrase);
        if pairs.is_empty() {
            return Err(match passphrase {
                Some(_) => SigningError::WrongPassphrase { path },
                None => SigningError::Encrypted { path },
            });
        }
        Ok(Self { method: Method::Keys { path, pairs }, certificate: certificate.strip_secret_key_material() })
    }

    /// Signs by an external program, for keys in hardware. It is called with one more argument:
    ///
    /// - `certificate`: prints the public certificate;
    /// - `detach`: prints an armored detached signature of its standard input;
    /// - `clearsign`: prints its standard input, signed in the cleartext signature framework.
    ///
    /// `SOURCE_DATE_EPOCH` holds the time that the signature should bear. What it gives is verified before it is used.
    pub async fn from_command(argv: Vec<String>, runner: &Runner) -> Result<Self, SigningError> {
        let printed = run_program(&argv, "certificate", None, runner).await?;
        let certificate = Cert::from_bytes(&printed)
            .map_err(|error| SigningError::CommandOutput { mode: "certificate", reason: error.to_string() })?;
        Ok(Self { method: Method::Program(argv), certificate: certificate.strip_secret_key_material() })
    }

    /// The primary key's fingerprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.certificate.fingerprint()
    }

    /// The public certificate, armored.
    pub fn certificate(&self) -> Vec<u8> {
        self.certificate.armored().to_vec().expect("certificates serialise to memory")
    }

    /// The public certificate as apt's keyring folder wants it.
    pub fn certificate_binary(&self) -> Vec<u8> {
        self.certificate.to_vec().expect("certificates serialise to memory")
    }

    /// Whether a signature can be made that bears this time. To be asked before work starts.
    pub fn check(&self, time: SystemTime) -> Result<(), SigningError> {
        match &self.method {
            Method::Keys { path, pairs } => self.usable_key(path, pairs, time).map(drop),
            Method::Program(_) => Ok(()),
        }
    }

    /// The time that a signature for something of this date bears: the date, or the first moment after it at which the key was good.
    /// A key may be younger than what it signs; the same key and date still give the same signature.
    pub fn time_for(&self, date: SystemTime) -> SystemTime {
        let made = self.certificate.keys().map(|key| key.key().creation_time());
        let bound = self.certificate.keys().flat_map(|key| {
            key.self_signatures().filter_map(|signature| signature.signature_creation_time()).collect::<Vec<_>>()
        });
        let named = self.certificate.userids();
        let named = named
            .flat_map(|id| id.self_signatures().filter_map(|signature| signature.signature_creation_time()).collect::<Vec<_>>());
        let mut moments: Vec<_> = made.chain(bound).chain(named).filter(|moment| *moment > date).collect();
        moments.sort();
        let good = |moment: &SystemTime| self.certificate.with_policy(&StandardPolicy::at(*moment), *moment).is_ok();
        std::iter::once(date).chain(moments).find(good).unwrap_or(date)
    }

    /// The text, signed in the cleartext signature framework, as InRelease is. It must be UTF-8 and end with a line end.
    pub async fn clear_sign(&self, text: &[u8], time: SystemTime, runner: &Runner) -> Result<Vec<u8>, SigningError> {
        match &self.method {
            Method::Keys { path, pairs } => {
                let signature = self.sign(path, pairs, SignatureType::Text, &canonical_text(text), time)?;
                Ok(cleartext_document(text, &signature))
            }
            Method::Program(argv) => {
                let document = run_program(argv, "clearsign", Some((text, time)), runner).await?;
                let verified = verify_inline(&self.keyring(), &document, time).map_err(|error| unusable("clearsign", &error))?;
                if canonical_text(&verified.text) == canonical_text(text) {
                    return Ok(document);
                }
                Err(SigningError::CommandOutput { mode: "clearsign", reason: "it signed another text".into() })
            }
        }
    }

    /// An armored signature of the bytes, as Release.gpg is.
    pub async fn detach_sign(&self, bytes: &[u8], time: SystemTime, runner: &Runner) -> Result<Vec<u8>, SigningError> {
        match &self.method {
            Method::Keys { path, pairs } => self.sign(path, pairs, SignatureType::Binary, bytes, time),
            Method::Program(argv) => {
                let signature = run_program(argv, "detach", Some((bytes, time)), runner).await?;
                verify_detached(&self.keyring(), bytes, &signature, time).map_err(|error| unusable("detach", &error))?;
                Ok(signature)
            }
        }
    }

    fn keyring(&self) -> Keyring {
        Keyring::from(self.certificate.clone())
    }

    /// The newest key that may sign at this time.
    fn usable_key<'a>(&self, path: &Path, pairs: &'a [KeyPair], time: SystemTime) -> Result<&'a KeyPair, SigningError> {
        let not_usable = |reason: String| {
            let time = jiff::Timestamp::try_from(time).map_or_else(|_| "that time".into(), |time| time.to_string());
            SigningError::NotUsable { path: path.to_owned(), time, reason }
        };
        let policy = StandardPolicy::at(time);
        let valid = self.certificate.with_policy(&policy, time).map_err(|error| not_usable(error_chain(&error)))?;
        valid.alive().map_err(|error| not_usable(error_chain(&error)))?;
        let signing = valid.keys().supported().alive().revoked(false).for_signing();
        let newest_first = {
            let mut keys: Vec<_> = signing.map(|key| key.key()).collect();
            keys.sort_by_key(|key| std::cmp::Reverse((key.creation_time(), key.fingerprint())));
            keys
        };
        newest_first
            .iter()
            .find_map(|key| pairs.iter().find(|pair| pair.public().fingerprint() == key.fingerprint()))
            .ok_or_else(|| not_usable("it has no key for signing that is neither expired nor revoked".into()))
    }

    /// An armored signature. The library's own builder adds a random salt to every signature, so the packet is put together here.
    fn sign(
        &self,
        path: &Path,
        pairs: &[KeyPair],
        kind: SignatureType,
        bytes: &[u8],
        time: SystemTime,
    ) -> Result<Vec<u8>, SigningError> {
        let mut pair = self.usable_key(path, pairs, time)?.clone();
        let signature =
            sign_without_salt(&mut pair, kind, bytes, time).map_err(|error| SigningError::Failed(error.to_string()))?;
        armored(&Packet::from(signature), armor::Kind::Signature).map_err(|error| SigningError::Failed(error.to_string()))
    }
}

fn sign_without_salt(
    pair: &mut KeyPair,
    kind: SignatureType,
    bytes: &[u8],
    time: SystemTime,
) -> sequoia_openpgp::Result<Signature> {
    let key = pair.public().clone();
    let hashed = SubpacketArea::new(vec![
        Subpacket::new(SubpacketValue::SignatureCreationTime(Timestamp::try_from(time)?), true)?,
        Subpacket::new(SubpacketValue::IssuerFingerprint(key.fingerprint()), false)?,
    ])?;
    let unhashed = SubpacketArea::new(vec![Subpacket::new(SubpacketValue::Issuer(key.keyid()), false)?])?;
    let packet = |prefix, mpis| Signature4::new(kind, key.pk_algo(), HASH, hashed.clone(), unhashed.clone(), prefix, mpis);
    let unsigned = packet([0; 2], mpi::Signature::Unknown { mpis: Box::default(), rest: Vec::new().into() });
    let mut context = HASH.context()?.for_signature(4);
    context.update(bytes);
    unsigned.hash(&mut context)?;
    let digest = context.into_digest()?;
    let mpis = pair.sign(HASH, &digest)?;
    Ok(packet([digest[0], digest[1]], mpis).into())
}

/// Opens every secret key that the passphrase, or none, opens.
fn open_keys(certificate: &Cert, passphrase: Option<&str>) -> Vec<KeyPair> {
    let password = passphrase.map(Password::from);
    let open = |key: sequoia_openpgp::packet::Key<_, _>| {
        let key = match &password {
            Some(password) if !key.has_unencrypted_secret() => key.decrypt_secret(password).ok()?,
            _ => key,
        };
        key.into_keypair().ok()
    };
    certificate.keys().secret().filter_map(|key| open(key.key().clone())).collect()
}

/// The form of a text that is signed in the cleartext signature framework: no white space at line ends, CR LF between lines.
fn canonical_text(text: &[u8]) -> Vec<u8> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').map(trim_line).collect();
    lines.join(&b"\r\n"[..])
}

fn trim_line(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b' ' | b'\t' | b'\r')).map_or(0, |last| last + 1);
    &line[..end]
}

fn cleartext_document(text: &[u8], signature: &[u8]) -> Vec<u8> {
    let mut document = format!("{CLEARTEXT_BEGIN}\nHash: SHA512\n\n").into_bytes();
    for line in text.strip_suffix(b"\n").unwrap_or(text).split(|byte| *byte == b'\n') {
        if line.starts_with(b"-") {
            document.extend(b"- ");
        }
        document.extend(line);
        document.push(b'\n');
    }
    document.extend(signature);
    document
}

fn armored(packet: &Packet, kind: armor::Kind) -> sequoia_openpgp::Result<Vec<u8>> {
    let mut writer = armor::Writer::new(Vec::new(), kind)?;
    packet.serialize(&mut writer)?;
    Ok(writer.finalize()?)
}

async fn run_program(
    argv: &[String],
    mode: &'static str,
    input: Option<(&[u8], SystemTime)>,
    runner: &Runner,
) -> Result<Vec<u8>, SigningError> {
    let (program, arguments) = argv.split_first().ok_or(SigningError::NoCommand)?;
    let mut command = Command::new(program).args(arguments).arg(mode);
    if let Some((input, time)) = input {
        let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        command = command.input(input).env("SOURCE_DATE_EPOCH", seconds.to_string());
    }
    Ok(runner.run(&command).await?.stdout)
}

fn unusable(mode: &'static str, error: &VerifyError) -> SigningError {
    SigningError::CommandOutput { mode, reason: error.to_string() }
}

fn error_chain(error: &sequoia_openpgp::anyhow::Error) -> String {
    error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The packets of an armored signature, as programs that keep signatures among other data want them.
pub fn dearmored(armored: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    armor::Reader::from_bytes(armored, armor::ReaderMode::Tolerant(Some(armor::Kind::Signature))).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A new secret key without passphrase, armored: an ed25519 key that certifies and signs, as old as `time` says. For
/// throw-away keys; a key that is to last is better made where its secret half never leaves hardware.
pub fn generate_key(user_id: &str, time: SystemTime) -> Result<Vec<u8>, SigningError> {
    let failed = |error: sequoia_openpgp::anyhow::Error| SigningError::Failed(error.to_string());
    let (certificate, _) = CertBuilder::new()
        .set_profile(Profile::RFC4880)
        .map_err(failed)?
        .set_cipher_suite(CipherSuite::Cv25519)
        .set_creation_time(time)
        .set_primary_key_flags(KeyFlags::empty().set_certification().set_signing())
        .add_userid(user_id)
        .generate()
        .map_err(failed)?;
    certificate.as_tsk().armored().to_vec().map_err(failed)
}
