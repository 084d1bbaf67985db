//! Reads source packages: the .dsc, the files that it names, and the stanza that a Sources index has for them.
//!
//! Signatures are taken off and not verified: a .dsc of an overlay is as good as the folder it lies in, and the lock holds digests.
//! Must not know: which sources a compose wants, repositories.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::deb_file::{is_package_name, is_version};
use super::file_digests::{DigestReader, FileDigests};
use super::paragraph::{Paragraph, excerpt};
use crate::digest::Sha256;

/// The largest .dsc that is read. The largest of Debian have a few hundred kilobytes.
const DSC: u64 = 4 << 20;

/// A source package that cannot be used.
#[derive(Debug, thiserror::Error)]
pub struct DscFileError {
    pub file: PathBuf,
    pub fault: DscFault,
}

/// What is wrong with a source package.
#[derive(Debug, thiserror::Error)]
pub enum DscFault {
    #[error("its signature is damaged: {0}")]
    Signature(&'static str),
    #[error("{0}")]
    Text(String),
    #[error("{name}, which it names, is not beside it")]
    Missing { name: String },
    #[error("{name} has {found} bytes, and it says {stated}")]
    Size { name: String, stated: u64, found: u64 },
    #[error("{name} has another {digest} than it says")]
    Digest { name: String, digest: &'static str },
    #[error("{0}")]
    Read(#[from] io::Error),
}

impl fmt::Display for DscFileError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.file.display(), self.fault)
    }
}

/// A source package whose files are all there, with the sizes and digests that its .dsc states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourcePackage {
    pub name: String,
    pub version: String,
    /// The .dsc first, the others in the order of `Files`.
    pub files: Vec<SourceFile>,
    /// The paragraph of the .dsc, without signature.
    text: String,
}

/// One file of a source package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Without folders: all files of a source package lie in one.
    pub name: String,
    pub size: u64,
    /// 32 hexadecimal digits.
    pub md5: String,
    pub sha256: Sha256,
}

/// Reads a .dsc and all the files that it names.
pub fn read_source_package(path: &Path) -> Result<SourcePackage, DscFileError> {
    read(path).map_err(|fault| DscFileError { file: path.to_owned(), fault })
}

impl SourcePackage {
    /// The stanza of a Sources index. `folder` is what the index gives as `Directory`.
    pub fn stanza(&self, folder: &str) -> String {
        let mut text = format!("Package: {}\n", self.name);
        for field in Paragraph::read(&self.text, 1).iter().flat_map(|paragraph| &paragraph.fields) {
            if !INDEX_FIELDS.iter().any(|name| name.eq_ignore_ascii_case(field.name)) {
                text.push_str(field.text);
            }
        }
        let list = |digest: fn(&SourceFile) -> String| {
            self.files.iter().map(|file| format!(" {} {} {}\n", digest(file), file.size, file.name)).collect::<Vec<_>>().concat()
        };
        let (md5, sha256) = (list(|file| file.md5.clone()), list(|file| file.sha256.to_string()));
        text + &format!("Directory: {folder}\nFiles:\n{md5}Checksums-Sha256:\n{sha256}")
    }
}

/// Fields of a .dsc that an index has in another form. SHA-1 is worth nothing, and SHA-512 no more than SHA-256.
const INDEX_FIELDS: [&str; 7] =
    ["Package", "Source", "Directory", "Files", "Checksums-Sha1", "Checksums-Sha256", "Checksums-Sha512"];

fn read(path: &Path) -> Result<SourcePackage, DscFault> {
    let mut reader = DigestReader::new(open(path)?);
    let mut bytes = Vec::new();
    (&mut reader).take(DSC + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > DSC {
        return Err(DscFault::Text(format!("it has more than {DSC} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| DscFault::Text("it is not UTF-8".into()))?;
    let text = format!("{}\n", without_signature(&text)?.trim_end_matches('\n'));
    let paragraph = Paragraph::read(&text, 1).map_err(|error| DscFault::Text(error.to_string()))?;
    let name = valid(&paragraph, "Source", is_package_name)?;
    let version = valid(&paragraph, "Version", is_version)?;
    let dsc_name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let mut files = vec![source_file(dsc_name, reader.finish()?)];
    for stated in stated_files(&paragraph)? {
        files.push(check_file(&path.with_file_name(&stated.name), stated)?);
    }
    Ok(SourcePackage { name, version, files, text })
}

fn open(path: &Path) -> io::Result<std::fs::File> {
    // The error of this module names the path already.
    fs_err::File::open(path).map(fs_err::File::into_file).map_err(|error| error.kind().into())
}

fn source_file(name: &str, FileDigests { size, md5, sha256 }: FileDigests) -> SourceFile {
    SourceFile { name: name.to_owned(), size, md5, sha256 }
}

/// What a clear-signed text says; text that is not signed as it is.
fn without_signature(text: &str) -> Result<Cow<'_, str>, DscFault> {
    let text = text.trim_start_matches('\n');
    let Some(armour) = text.strip_prefix("-----BEGIN PGP SIGNED MESSAGE-----\n") else {
        return Ok(text.into());
    };
    let (_, signed) = armour.split_once("\n\n").ok_or(DscFault::Signature("its header has no end"))?;
    let (message, signature) =
        signed.split_once("\n-----BEGIN PGP SIGNATURE-----\n").ok_or(DscFault::Signature("the message has no end"))?;
    if !signature.trim_end().ends_with("\n-----END PGP SIGNATURE-----") || signature.matches("-----BEGIN").count() > 0 {
        return Err(DscFault::Signature("it has no end, or something follows it"));
    }
    Ok(message.lines().map(|line| line.strip_prefix("- ").unwrap_or(line)).collect::<Vec<_>>().join("\n").into())
}

fn valid(paragraph: &Paragraph, name: &str, is_valid: fn(&str) -> bool) -> Result<String, DscFault> {
    let value = paragraph.get(name).ok_or_else(|| DscFault::Text(format!("it has no {name}")))?;
    if is_valid(value) { Ok(value.to_owned()) } else { Err(DscFault::Text(format!("{name} '{}' is not valid", excerpt(value)))) }
}

/// The files that a .dsc names. Both of its lists must name the same.
fn stated_files(paragraph: &Paragraph) -> Result<Vec<SourceFile>, DscFault> {
    let (md5s, sha256s) = (stated_list(paragraph, "Files")?, stated_list(paragraph, "Checksums-Sha256")?);
    let differ = || DscFault::Text("Files and Checksums-Sha256 do not name the same files".into());
    if md5s.len() != sha256s.len() || md5s.is_empty() {
        return Err(differ());
    }
    let mut files: Vec<SourceFile> = Vec::with_capacity(md5s.len());
    for (md5, size, name) in md5s {
        let (digest, ..) = sha256s.iter().find(|other| (other.1, other.2) == (size, name)).ok_or_else(differ)?;
        let sha256 = digest.parse().map_err(|error| DscFault::Text(format!("Checksums-Sha256 of {name}: {error}")))?;
        if files.iter().any(|file| file.name == name) {
            return Err(DscFault::Text(format!("it names {name} twice")));
        }
        files.push(SourceFile { name: name.to_owned(), size, md5: md5.to_ascii_lowercase(), sha256 });
    }
    Ok(files)
}

/// Digest, size and name of each line of a field.
fn stated_list<'a>(paragraph: &Paragraph<'a>, name: &str) -> Result<Vec<(&'a str, u64, &'a str)>, DscFault> {
    let value = paragraph.get(name).ok_or_else(|| DscFault::Text(format!("it has no {name}")))?;
    let line = |text: &'a str| {
        let mut words = text.split_whitespace();
        let (digest, size, file) = (words.next()?, words.next()?.parse().ok()?, words.next()?);
        (words.next().is_none() && is_file_name(file)).then_some((digest, size, file))
    };
    let lines = value.lines().filter(|text| !text.trim().is_empty());
    lines
        .map(|text| line(text).ok_or_else(|| DscFault::Text(format!("{name}: '{}' is not an entry", excerpt(text.trim())))))
        .collect()
}

/// A name that stays in its folder and that no client takes for an option.
fn is_file_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+._~:%".contains(&byte))
}

fn check_file(path: &Path, stated: SourceFile) -> Result<SourceFile, DscFault> {
    let name = stated.name.clone();
    let file = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(DscFault::Missing { name }),
        file => file?,
    };
    // Before the content is read, which may be long.
    let found = file.metadata()?.len();
    if found != stated.size {
        return Err(DscFault::Size { name, stated: stated.size, found });
    }
    let digests = DigestReader::new(file).finish()?;
    if digests.sha256 != stated.sha256 {
        return Err(DscFault::Digest { name, digest: "SHA-256" });
    }
    if digests.md5 != stated.md5 {
        return Err(DscFault::Digest { name, digest: "MD5" });
    }
    Ok(stated)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use charmer_testkit::dsc::Dsc;

    use super::*;

    fn dsc() -> Dsc {
        Dsc::new("tool", "1:2.0").binary("tool", "any").binary("tool-doc", "all").field("Build-Depends", "libx,\n liby")
    }

    fn fields(stanza: &str) -> BTreeMap<String, String> {
        let paragraph = Paragraph::read(stanza.trim_end(), 1).unwrap();
        paragraph.fields.iter().map(|field| (field.name.to_owned(), field.value.to_owned())).collect()
    }

    #[expect(clippy::disallowed_types, reason = "what we write is compared with what the tools of users write")]
    fn output(program: &str, arguments: &[&str], folder: &Path) -> String {
        let output = std::process::Command::new(program).args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn stanza_has_the_fields_and_values_of_apt_ftparchive() {
        let folder = tempfile::tempdir().unwrap();
        let path = dsc().write_to(&folder.path().join("pool"));
        let stanza = read_source_package(&path).unwrap().stanza("pool");
        let mut theirs = fields(&output("apt-ftparchive", &["sources", "pool"], folder.path()));
        theirs.retain(|name, _| !["Checksums-Sha1", "Checksums-Sha512"].contains(&name.as_str()));
        assert_eq!(fields(&stanza), theirs);
        assert!(stanza.starts_with("Package: tool\nFormat: 3.0 (native)\n"), "{stanza}");
    }

    #[test]
    fn a_signature_is_taken_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = dsc().write_to(folder.path());
        let plain = read_source_package(&path).unwrap();
        let text = fs_err::read_to_string(&path).unwrap();
        let signed = format!(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{text}\n-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
        );
        fs_err::write(&path, &signed).unwrap();
        let read = read_source_package(&path).unwrap();
        assert_eq!(read.text, plain.text);
        assert_eq!(read.files[0].sha256, Sha256::of(signed.as_bytes()));
        fs_err::write(&path, format!("{signed}\nSource: other\n")).unwrap();
        assert!(read_source_package(&path).unwrap_err().to_string().contains("its signature is damaged"));
    }

    #[test]
    fn files_that_are_not_what_the_dsc_says_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = dsc().write_to(folder.path());
        let text = fs_err::read_to_string(&path).unwrap();
        let error = |text: &str| {
            fs_err::write(&path, text).unwrap();
            let error = read_source_package(&path).unwrap_err().to_string();
            error.strip_prefix(&format!("{}: ", path.display())).unwrap().to_owned()
        };
        assert_eq!(error(&text.replace("tool_2.0.tar.xz", "../tool.tar")).split(": ").next(), Some("Files"));
        assert!(error(&text.replace("tool_2.0.tar.xz", "/etc/passwd")).ends_with("is not an entry"));
        assert_eq!(error(&text.replace("tool_2.0.tar.xz", "other.tar.xz")), "other.tar.xz, which it names, is not beside it");
        assert_eq!(error(&text.replace("Source: tool", "Source: to/ol")), "Source 'to/ol' is not valid");
        assert_eq!(error(&text.replace("Checksums-Sha256", "Checksums-Sha9")), "it has no Checksums-Sha256");
        assert_eq!(
            error(&text.replacen("tool_2.0.tar.xz", "other.tar.xz", 1)),
            "Files and Checksums-Sha256 do not name the same files"
        );
        let tarball = folder.path().join("tool_2.0.tar.xz");
        let mut content = fs_err::read(&tarball).unwrap();
        content[20] ^= 1;
        fs_err::write(&tarball, &content).unwrap();
        assert_eq!(error(&text), "tool_2.0.tar.xz has another SHA-256 than it says");
        content.push(0);
        fs_err::write(&tarball, &content).unwrap();
        assert!(error(&text).starts_with("tool_2.0.tar.xz has "));
    }
}
