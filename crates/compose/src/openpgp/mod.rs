//! OpenPGP: which signatures are believed ([`verify`]) and how ours are made ([`sign`]).
//!
//! Must not know: what the signed text means, archives, repositories, the clock: every time is passed in.

mod sign;
mod verify;

pub use sequoia_openpgp::Fingerprint;
pub use sign::{Signer, SigningError, dearmored, generate_key};
pub use verify::{
    Keyring, KeyringError, SignatureFault, SignatureProblem, Verified, VerifyError, text_without_verifying, verify_detached,
    verify_inline,
};

/// The armor label that starts a document in the cleartext signature framework.
const CLEARTEXT_BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE_BEGIN: &str = "-----BEGIN PGP SIGNATURE-----";
const SIGNATURE_END: &str = "-----END PGP SIGNATURE-----";
