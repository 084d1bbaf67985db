//! Signatures, checked against gpg in both directions.
#![expect(clippy::disallowed_types, reason = "tests ask gpg itself")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use charmer_compose::openpgp::{
    Keyring, SignatureFault, Signer, SigningError, VerifyError, generate_key, verify_detached, verify_inline,
};
use charmer_compose::tools::Runner;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const TEXT: &[u8] = b"Origin: Harbour\nSuite: quay\n- a dash, trailing blanks  \n\nDate: Mon, 23 Nov 2026 15:13:02 UTC\n";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// When keys are made here; signatures are made a day later.
fn birth() -> SystemTime {
    time(1_700_000_000)
}

/// A folder with a key of ours, which is also a home for gpg.
struct Home {
    folder: TempDir,
    key: PathBuf,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.asc");
        // Stretching a passphrase as gpg does by default takes seconds in a program that is not optimised.
        fs_err::write(folder.path().join("gpg-agent.conf"), "s2k-count 65536\n").unwrap();
        fs_err::write(&key, generate_key("Harbour <archive@example.org>", birth()).unwrap()).unwrap();
        Self { folder, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn signer(&self) -> Signer {
        Signer::from_key_file(&self.key, None).unwrap()
    }

    fn runner(&self) -> Runner {
        let path = "/usr/local/bin:/usr/bin:/bin".into();
        Runner::new(self.path("log"), self.folder.path().to_owned(), path, CancellationToken::new())
    }

    fn gpg<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Vec<u8> {
        let output = Command::new("gpg")
            .args(["--batch", "--yes", "--no-permission-warning", "--homedir"])
            .arg(self.folder.path())
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.folder.path()).args(["--kill", "all"]).status();
    }
}

fn gpgv(keyring: &Path, files: &[&Path]) -> (bool, String) {
    let output = Command::new("gpgv").arg("--keyring").arg(keyring).args(files).output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn gpgv_believes_what_we_sign_and_so_do_we() {
    let home = Home::new();
    let (signer, runner, now) = (home.signer(), home.runner(), birth() + DAY);
    let inline = signer.clear_sign(TEXT, now, &runner).await.unwrap();
    let detached = signer.detach_sign(TEXT, now, &runner).await.unwrap();
    for (name, bytes) in [
        ("keyring.gpg", signer.certificate_binary().as_slice()),
        ("InRelease", &inline),
        ("Release", TEXT),
        ("Release.gpg", &detached),
    ] {
        fs_err::write(home.path(name), bytes).unwrap();
    }
    for files in [vec![home.path("InRelease")], vec![home.path("Release.gpg"), home.path("Release")]] {
        let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let (believed, said) = gpgv(&home.path("keyring.gpg"), &files);
        assert!(believed && said.contains("Good signature"), "{said}");
    }
    let armored = Keyring::from_bytes(&signer.certificate()).unwrap();
    let verified = verify_inline(&armored, &inline, now).unwrap();
    assert_eq!(verified.signers, [signer.fingerprint()]);
    let signed = String::from_utf8(TEXT.to_vec()).unwrap().replace("  \n", "\n");
    assert_eq!(String::from_utf8(verified.text).unwrap(), signed);
    assert_eq!(verify_detached(&armored, TEXT, &detached, now).unwrap().signers, [signer.fingerprint()]);
}

#[tokio::test]
async fn same_key_text_and_time_give_the_same_bytes() {
    let home = Home::new();
    let (first, second, runner) = (home.signer(), home.signer(), home.runner());
    let now = birth() + DAY;
    assert_eq!(first.clear_sign(TEXT, now, &runner).await.unwrap(), second.clear_sign(TEXT, now, &runner).await.unwrap());
    assert_eq!(first.detach_sign(TEXT, now, &runner).await.unwrap(), second.detach_sign(TEXT, now, &runner).await.unwrap());
    assert_ne!(first.detach_sign(TEXT, now, &runner).await.unwrap(), first.detach_sign(TEXT, now + DAY, &runner).await.unwrap());
}

#[tokio::test]
async fn keys_of_gpg_sign_with_us_and_its_signatures_verify() {
    for algorithm in ["ed25519", "rsa2048"] {
        let home = Home::new();
        home.gpg([
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "open sesame",
            "--quick-gen-key",
            "Gpg",
            algorithm,
            "sign",
            "0",
        ]);
        let export = ["--pinentry-mode", "loopback", "--passphrase", "open sesame", "--export-secret-keys", "--armor"];
        fs_err::write(home.path("secret.asc"), home.gpg(export)).unwrap();
        fs_err::write(home.path("public.gpg"), home.gpg(["--export"])).unwrap();
        fs_err::write(home.path("text"), TEXT).unwrap();
        let keyring = Keyring::read([home.path("public.gpg")]).unwrap();
        let now = SystemTime::now() + Duration::from_secs(60);

        let sign = ["--pinentry-mode", "loopback", "--passphrase", "open sesame", "--output", "-"].map(OsStr::new);
        let with = |mode: &'static str| home.gpg(sign.into_iter().chain([OsStr::new(mode), home.path("text").as_os_str()]));
        let verified = verify_inline(&keyring, &with("--clearsign"), now).unwrap();
        assert_eq!(verified.signers, keyring.fingerprints());
        verify_detached(&keyring, TEXT, &with("--detach-sign"), now).unwrap();

        let secret = home.path("secret.asc");
        assert!(matches!(Signer::from_key_file(&secret, None), Err(SigningError::Encrypted { .. })));
        assert!(matches!(Signer::from_key_file(&secret, Some("wrong")), Err(SigningError::WrongPassphrase { .. })));
        let signer = Signer::from_key_file(&secret, Some("open sesame")).unwrap();
        let runner = home.runner();
        let document = signer.clear_sign(TEXT, now, &runner).await.unwrap();
        assert_eq!(document, signer.clear_sign(TEXT, now, &runner).await.unwrap(), "{algorithm}");
        verify_inline(&keyring, &document, now).unwrap();
    }
}

#[tokio::test]
async fn a_command_signs_for_a_key_in_hardware() {
    let home = Home::new();
    home.gpg(["--passphrase", "", "--quick-gen-key", "Token", "ed25519", "sign", "0"]);
    let script = "mode=$1; gpg='gpg --batch --no-permission-warning --homedir .'; \
                  case $mode in certificate) $gpg --armor --export;; detach) $gpg --armor --detach-sign;; \
                  clearsign) $gpg --clearsign;; *) exit 9;; esac";
    fs_err::write(home.path("token"), script).unwrap();
    let argv = vec!["sh".to_owned(), home.path("token").display().to_string()];
    let runner = home.runner();
    let signer = Signer::from_command(argv, &runner).await.unwrap();
    let now = SystemTime::now() + Duration::from_secs(60);
    let keyring = Keyring::from_bytes(&signer.certificate()).unwrap();
    let text = b"Suite: quay\n";
    verify_inline(&keyring, &signer.clear_sign(text, now, &runner).await.unwrap(), now).unwrap();
    verify_detached(&keyring, text, &signer.detach_sign(text, now, &runner).await.unwrap(), now).unwrap();

    let echo = Signer::from_command(vec!["false".to_owned()], &runner).await.unwrap_err();
    assert!(echo.to_string().contains("'false' ended with exit status 1"), "{echo}");
    fs_err::write(home.path("token"), "case $1 in certificate) gpg --homedir . --armor --export;; *) echo no;; esac").unwrap();
    let error = signer.clear_sign(text, now, &runner).await.unwrap_err();
    assert!(matches!(error, SigningError::CommandOutput { mode: "clearsign", .. }), "{error}");
}

#[tokio::test]
async fn a_text_that_is_not_believed_names_key_and_reason() {
    let home = Home::new();
    let (signer, runner, now) = (home.signer(), home.runner(), birth() + DAY);
    let document = signer.clear_sign(TEXT, now, &runner).await.unwrap();
    let keyring = Keyring::from_bytes(&signer.certificate()).unwrap();
    let name = signer.fingerprint().to_hex();

    let stranger = Keyring::from_bytes(&Home::new().signer().certificate()).unwrap();
    let error = verify_inline(&stranger, &document, now).unwrap_err();
    assert_eq!(error.to_string(), format!("no signature is good: key {name} is not in the keyring"));

    let changed = String::from_utf8(document.clone()).unwrap().replace("quay", "pier");
    assert_eq!(fault(verify_inline(&keyring, changed.as_bytes(), now)), SignatureFault::Bad);
    let early = verify_inline(&keyring, &document, birth());
    assert!(matches!(fault(early), SignatureFault::NotYetValid(_)));
}

#[tokio::test]
async fn an_expired_and_a_revoked_key_are_not_believed() {
    let home = Home::new();
    home.gpg(["--passphrase", "", "--quick-gen-key", "Short", "ed25519", "sign", "2d"]);
    fs_err::write(home.path("text"), TEXT).unwrap();
    let document = home.gpg([OsStr::new("--output"), OsStr::new("-"), OsStr::new("--clearsign"), home.path("text").as_os_str()]);
    let now = SystemTime::now() + Duration::from_secs(60);
    let keyring = Keyring::from_bytes(&home.gpg(["--export"])).unwrap();
    verify_inline(&keyring, &document, now).unwrap();
    let error = verify_inline(&keyring, &document, now + 3 * DAY).unwrap_err();
    assert!(error.to_string().contains(&format!("key {} expired on 20", keyring.fingerprints()[0].to_hex())), "{error}");

    let fingerprint = keyring.fingerprints()[0].to_hex();
    let certificate = home.path("openpgp-revocs.d").join(format!("{fingerprint}.rev"));
    let revocation = fs_err::read_to_string(&certificate).unwrap().replace(":-----BEGIN", "-----BEGIN");
    fs_err::write(&certificate, revocation).unwrap();
    home.gpg([OsStr::new("--import"), certificate.as_os_str()]);
    let keyring = Keyring::from_bytes(&home.gpg(["--export"])).unwrap();
    assert!(matches!(fault(verify_inline(&keyring, &document, now)), SignatureFault::Revoked(_)));
}

#[tokio::test]
async fn text_outside_the_signed_part_is_refused() {
    let home = Home::new();
    let now = birth() + DAY;
    let signer = home.signer();
    let keyring = Keyring::from_bytes(&signer.certificate()).unwrap();
    let document = String::from_utf8(signer.clear_sign(TEXT, now, &home.runner()).await.unwrap()).unwrap();
    let before = format!("Origin: evil\n{document}");
    let after = format!("{document}Origin: evil\n");
    let twice = format!("{document}{document}");
    let header = document.replacen("Hash: SHA512\n", "Hash: SHA512\nOrigin: evil\n", 1);
    for wrong in [before, after, twice, header] {
        let error = verify_inline(&keyring, wrong.as_bytes(), now).unwrap_err();
        assert!(matches!(error, VerifyError::UnsignedText { .. } | VerifyError::Malformed(_)), "{error}\n{wrong}");
    }
}

#[tokio::test]
async fn what_is_older_than_the_key_is_signed_at_the_key_s_birth() {
    let home = Home::new();
    let signer = home.signer();
    let before = birth() - std::time::Duration::from_secs(3600);
    assert_eq!(signer.time_for(before), birth());
    assert_eq!(signer.time_for(time(1_900_000_000)), time(1_900_000_000));
    let signed = signer.clear_sign(b"Suite: quay\n", signer.time_for(before), &home.runner()).await.unwrap();
    let keyring = Keyring::from_bytes(&signer.certificate()).unwrap();
    verify_inline(&keyring, &signed, time(1_900_000_000)).unwrap();
}

#[test]
fn a_key_younger_than_the_compose_and_a_public_key_are_refused() {
    let home = Home::new();
    let signer = home.signer();
    signer.check(birth()).unwrap();
    let error = signer.check(birth() - DAY).unwrap_err();
    assert!(matches!(error, SigningError::NotUsable { .. }), "{error}");
    fs_err::write(&home.key, signer.certificate()).unwrap();
    assert!(matches!(Signer::from_key_file(&home.key, None), Err(SigningError::PublicOnly { .. })));
    fs_err::write(&home.key, "no key").unwrap();
    assert!(matches!(Signer::from_key_file(&home.key, None), Err(SigningError::Malformed { .. })));
}

fn fault<T: std::fmt::Debug>(result: Result<T, VerifyError>) -> SignatureFault {
    match result.unwrap_err() {
        VerifyError::NoGoodSignature(problems) => problems[0].fault.clone(),
        other => panic!("{other}"),
    }
}
