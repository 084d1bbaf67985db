//! Reads an apt repository back as a client would, and reports whatever a client would stumble over.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::Path;
use std::time::SystemTime;

use charmer_packages::deb::field;

use super::by_hash::path_by_hash;
use crate::compression::{Compression, decompress};
use crate::digest::Sha256;
use crate::files::{open_regular, read_regular};
use crate::finding::{Finding, Severity};
use crate::openpgp::{Keyring, verify_detached, verify_inline};
use crate::package_set::lock::LockedFile;
use crate::package_set::release::{Release, stays_inside};
use crate::parallel::in_parallel;

/// Whose signatures are believed, and at what time.
#[derive(Debug, Clone, Copy)]
pub struct TrustedKeys<'a> {
    pub keyring: &'a Keyring,
    pub at: SystemTime,
}

/// What is wrong with the repository in `root`; nothing, if all is well. `keys` is none for a repository that is not signed.
pub fn verify_apt_repository(root: &Path, suite: &str, keys: Option<TrustedKeys<'_>>, threads: usize) -> Vec<Finding> {
    let dists = root.join("dists").join(suite);
    let mut findings = Vec::new();
    let Some(release) = read_release(&dists, keys, &mut findings) else { return findings };
    let mut pool = PoolFiles::new();
    for file in release.files.values() {
        match read_index(&dists, file, &release) {
            Ok(text) if file.path.ends_with("/Packages") => collect_packages(&file.path, &text, &mut pool, &mut findings),
            Ok(text) if file.path.ends_with("/Sources") => collect_sources(&file.path, &text, &mut pool, &mut findings),
            Ok(_) => {}
            Err(reason) => findings.push(finding("repository", &file.path, reason)),
        }
    }
    let files: Vec<_> = pool.into_iter().collect();
    let faults = in_parallel(threads, &files, |(path, expected)| {
        Ok::<_, Infallible>(pool_fault(&root.join(path), *expected).map(|reason| finding("repository", path, reason)))
    });
    let Ok(faults) = faults;
    findings.extend(faults.into_iter().flatten());
    findings
}

fn finding(check: &str, subject: &str, message: String) -> Finding {
    Finding { check: check.into(), severity: Severity::Fatal, scope: String::new(), subject: subject.into(), message, hint: None }
}

/// The Release file, whether its signatures are believed or not; none if there is none to read.
fn read_release(dists: &Path, keys: Option<TrustedKeys<'_>>, findings: &mut Vec<Finding>) -> Option<Release> {
    let release = match read_regular(&dists.join("Release"), RELEASE_LIMIT) {
        Ok(release) => release,
        Err(error) => {
            findings.push(finding("repository", "Release", error.to_string()));
            return None;
        }
    };
    for (name, keys) in ["InRelease", "Release.gpg"].into_iter().filter_map(|name| Some((name, keys?))) {
        findings.extend(match read_regular(&dists.join(name), RELEASE_LIMIT) {
            Ok(signature) => signature_fault(name, &release, &signature, keys),
            Err(error) => Some(finding("signatures", name, error.to_string())),
        });
    }
    Release::parse(&release).map_err(|error| findings.push(finding("repository", "Release", error.to_string()))).ok()
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

/// The content of an index, which must have the size and digest that the Release file gives. Where only packed forms of it lie in
/// the repository, one of them is unpacked.
fn read_index(dists: &Path, file: &LockedFile, release: &Release) -> Result<Vec<u8>, String> {
    let path = dists.join(&file.path);
    let packed = [Compression::Xz, Compression::Gzip].map(|form| (form, format!("{}{}", file.path, form.suffix())));
    let packed = packed.into_iter().find(|(_, path)| release.files.contains_key(path));
    let bytes = match &packed {
        Some((form, packed)) if !path.exists() => {
            let reader = open_regular(&dists.join(packed)).map_err(|error| error.to_string())?;
            decompress(*form, reader, file.size).map_err(|error| error.to_string())?
        }
        _ => read_regular(&path, file.size).map_err(|error| error.to_string())?,
    };
    compare(bytes.len() as u64, Sha256::of(&bytes), (file.size, file.sha256))?;
    if packed.is_none() && release.acquire_by_hash && !dists.join(path_by_hash(&file.path, &file.sha256)).exists() {
        return Err("it is not there under its digest, though the Release file says Acquire-By-Hash".into());
    }
    Ok(bytes)
}

fn compare(size: u64, digest: Sha256, expected: (u64, Sha256)) -> Result<(), String> {
    if (size, digest) == expected {
        return Ok(());
    }
    Err(format!("it has {size} bytes and SHA-256 {}, not {} bytes and {}", digest.short(), expected.0, expected.1.short()))
}

/// The most that is read of a Release file, in bytes.
const RELEASE_LIMIT: u64 = 64 << 20;

type PoolFiles = BTreeMap<String, (u64, Sha256)>;

/// The entries of an index: blocks between empty lines.
fn stanzas(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ends = memchr::memmem::find_iter(text, b"\n\n").map(|line_end| line_end + 1).chain([text.len()]);
    let mut start = 0;
    ends.map(move |end| &text[std::mem::replace(&mut start, end)..end])
        .map(<[u8]>::trim_ascii_start)
        .filter(|stanza| !stanza.is_empty())
}

fn collect_packages(index: &str, text: &[u8], pool: &mut PoolFiles, findings: &mut Vec<Finding>) {
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

fn collect_sources(index: &str, text: &[u8], pool: &mut PoolFiles, findings: &mut Vec<Finding>) {
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
fn source_files(stanza: &[u8]) -> Option<Vec<(&str, u64, Sha256)>> {
    let lines = field(stanza, "Checksums-Sha256")?.lines().filter(|line| !line.trim().is_empty());
    let files = lines.map(|line| {
        let mut words = line.split_whitespace();
        let (digest, size, name) = (words.next()?, words.next()?, words.next()?);
        Some((name, size.parse().ok()?, digest.parse().ok()?))
    });
    files.collect()
}

fn add(index: &str, name: &str, path: String, expected: (u64, Sha256), pool: &mut PoolFiles, findings: &mut Vec<Finding>) {
    if !stays_inside(&path) {
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
