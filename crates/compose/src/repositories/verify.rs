//! Reads an apt repository back as a client would, and reports whatever a client would stumble over.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use super::compress::Form;
use super::parallel::in_parallel;
use super::pool::check_part;
use super::release::listed_files;
use super::stanza::{field, stanzas};
use crate::digest::Sha256;
use crate::finding::{Finding, Severity};
use crate::openpgp::{Keyring, verify_detached, verify_inline};

/// Whose signatures are believed, and at what time.
#[derive(Debug, Clone, Copy)]
pub struct TrustedKeys<'a> {
    pub keyring: &'a Keyring,
    pub at: SystemTime,
}

/// An uncompressed index that is larger than this is reported, not read.
const INDEX_LIMIT: u64 = 4 << 30;

/// What is wrong with the repository in `root`; nothing, if all is well. `keys` is none for a repository that is not signed.
pub fn verify_apt_repository(root: &Path, suite: &str, keys: Option<TrustedKeys<'_>>, threads: usize) -> Vec<Finding> {
    let dists = root.join("dists").join(suite);
    let mut findings = Vec::new();
    let Some(release) = read_release(&dists, keys, &mut findings) else { return findings };
    let listed = match listed_files(&release) {
        Ok(listed) => listed,
        Err(reason) => {
            findings.push(finding("repository", "Release", reason));
            return findings;
        }
    };
    let listed: BTreeMap<String, (u64, Sha256)> = listed.into_iter().map(|(path, size, digest)| (path, (size, digest))).collect();
    let mut pool = BTreeMap::new();
    for (path, expected) in &listed {
        match read_index(&dists, path, *expected, &listed) {
            Ok(text) if path.ends_with("/Packages") => collect_packages(path, &text, &mut pool, &mut findings),
            Ok(text) if path.ends_with("/Sources") => collect_sources(path, &text, &mut pool, &mut findings),
            Ok(_) => {}
            Err(reason) => findings.push(finding("repository", path, reason)),
        }
    }
    let files: Vec<_> = pool.into_iter().collect();
    let verdicts = in_parallel(threads, &files, |(path, expected)| {
        Ok::<_, std::convert::Infallible>(
            pool_fault(&root.join(path), *expected).map(|reason| finding("repository", path, reason)),
        )
    });
    let Ok(verdicts) = verdicts;
    findings.extend(verdicts.into_iter().flatten());
    findings
}

fn finding(check: &str, subject: &str, message: String) -> Finding {
    Finding { check: check.into(), severity: Severity::Fatal, scope: String::new(), subject: subject.into(), message, hint: None }
}

/// The Release file's text, whether its signatures are believed or not; none if there is none to read.
fn read_release(dists: &Path, keys: Option<TrustedKeys<'_>>, findings: &mut Vec<Finding>) -> Option<String> {
    let release = match fs_err::read(dists.join("Release")) {
        Ok(release) => release,
        Err(error) => {
            findings.push(finding("repository", "Release", error.to_string()));
            return None;
        }
    };
    for (name, keys) in ["InRelease", "Release.gpg"].into_iter().flat_map(|name| keys.map(|keys| (name, keys))) {
        findings.extend(match fs_err::read(dists.join(name)) {
            Ok(signature) => signature_fault(name, &release, &signature, keys),
            Err(error) => Some(finding("signatures", name, error.to_string())),
        });
    }
    let text = String::from_utf8(release);
    text.map_err(|_| findings.push(finding("repository", "Release", "it is not UTF-8".into()))).ok()
}

fn signature_fault(name: &str, release: &[u8], signature: &[u8], keys: TrustedKeys<'_>) -> Option<Finding> {
    let verified = match name {
        "InRelease" => verify_inline(keys.keyring, signature, keys.at),
        _ => verify_detached(keys.keyring, release, signature, keys.at),
    };
    match verified {
        Ok(signed) if signed.text.trim_ascii_end() == release.trim_ascii_end() => None,
        Ok(_) => Some(finding("signatures", name, "it does not hold the text of Release".into())),
        Err(error) => Some(finding("signatures", name, error.to_string())),
    }
}

/// An index whose entries are read, not only its digest.
fn is_text(path: &str) -> bool {
    path.ends_with("/Packages") || path.ends_with("/Sources")
}

/// The text of an index whose form on disk has the size and digest that the Release file gives.
fn read_index(
    dists: &Path,
    path: &str,
    (size, digest): (u64, Sha256),
    listed: &BTreeMap<String, (u64, Sha256)>,
) -> Result<String, String> {
    let on_disk = dists.join(path);
    let compressed = [Form::Xz, Form::Gz].into_iter().find(|form| listed.contains_key(&format!("{path}{}", form.suffix())));
    let bytes = match compressed {
        Some(form) if !on_disk.exists() => unpack(&dists.join(format!("{path}{}", form.suffix())), form, size)?,
        _ => fs_err::read(&on_disk).map_err(|error| error.to_string())?,
    };
    compare(bytes.len() as u64, Sha256::of(&bytes), (size, digest))?;
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let by_hash = dists.join(folder).join("by-hash/SHA256").join(digest.to_string());
    if compressed.is_none() && !by_hash.exists() {
        return Err("it has no file under its digest, though the Release file says Acquire-By-Hash".into());
    }
    String::from_utf8(if is_text(path) { bytes } else { Vec::new() }).map_err(|_| "it is not UTF-8".into())
}

fn unpack(path: &Path, form: Form, size: u64) -> Result<Vec<u8>, String> {
    let file = fs_err::File::open(path).map_err(|error| error.to_string())?;
    let reader: Box<dyn Read> = match form {
        Form::Plain => Box::new(file),
        Form::Gz => Box::new(flate2::read::GzDecoder::new(file)),
        Form::Xz => Box::new(liblzma::read::XzDecoder::new_multi_decoder(file)),
    };
    let mut bytes = Vec::new();
    // One byte more than is promised shows that there is more.
    let limit = size.min(INDEX_LIMIT).saturating_add(1);
    reader.take(limit).read_to_end(&mut bytes).map_err(|error| format!("it cannot be unpacked: {error}"))?;
    Ok(bytes)
}

fn compare(size: u64, digest: Sha256, expected: (u64, Sha256)) -> Result<(), String> {
    if (size, digest) == expected {
        return Ok(());
    }
    Err(format!("it has {size} bytes and SHA-256 {}, not {} bytes and {}", digest.short(), expected.0, expected.1.short()))
}

type PoolFiles = BTreeMap<String, (u64, Sha256)>;

fn collect_packages(index: &str, text: &str, pool: &mut PoolFiles, findings: &mut Vec<Finding>) {
    for stanza in stanzas(text) {
        let name = field(stanza, "Package").unwrap_or("an entry without a name");
        let file = || {
            let path = field(stanza, "Filename")?;
            Some((path, field(stanza, "Size")?.parse().ok()?, field(stanza, "SHA256")?.parse().ok()?))
        };
        match file() {
            Some((path, size, digest)) => add(index, name, path.to_owned(), (size, digest), pool, findings),
            None => findings.push(finding("repository", index, format!("{name} lacks Filename, Size or SHA256"))),
        }
    }
}

fn collect_sources(index: &str, text: &str, pool: &mut PoolFiles, findings: &mut Vec<Finding>) {
    for stanza in stanzas(text) {
        let name = field(stanza, "Package").unwrap_or("an entry without a name");
        let Some((directory, files)) = field(stanza, "Directory").zip(source_files(stanza)) else {
            findings.push(finding("repository", index, format!("{name} lacks Directory or Checksums-Sha256")));
            continue;
        };
        for (file, size, digest) in files {
            add(index, name, format!("{directory}/{file}"), (size, digest), pool, findings);
        }
    }
}

/// Name, size and digest of each file of a source package; none if a line is not understood.
fn source_files(stanza: &str) -> Option<Vec<(&str, u64, Sha256)>> {
    let lines = field(stanza, "Checksums-Sha256")?.lines().filter(|line| !line.trim().is_empty());
    let files = lines.map(|line| {
        let mut words = line.split_whitespace();
        let (digest, size, name) = (words.next()?, words.next()?, words.next()?);
        Some((name, size.parse().ok()?, digest.parse().ok()?))
    });
    files.collect()
}

fn add(index: &str, name: &str, path: String, expected: (u64, Sha256), pool: &mut PoolFiles, findings: &mut Vec<Finding>) {
    if !path.split('/').all(|part| check_part("path", part).is_ok()) {
        findings.push(finding("repository", index, format!("{name} names a file outside the repository: '{path}'")));
    } else if pool.insert(path.clone(), expected).is_some_and(|earlier| earlier != expected) {
        findings.push(finding("repository", index, format!("{name} and another entry describe '{path}' differently")));
    }
}

fn pool_fault(path: &Path, expected: (u64, Sha256)) -> Option<String> {
    match Sha256::of_file(path) {
        Ok((digest, size)) => compare(size, digest, expected).err(),
        Err(error) => Some(error.to_string()),
    }
}
