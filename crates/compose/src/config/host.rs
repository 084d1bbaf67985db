//! The mirrors that this machine's own apt sources name: what `mirror = "host"` and `mirror = "host-security"` stand for.
//!
//! Reads `sources.list` and `sources.list.d/*.{list,sources}` as sources.list(5) describes them, and runs nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::resolved::MirrorUrl;

/// The mirrors of Debian that a machine uses, without a slash at their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostMirrors {
    folder: PathBuf,
    main: Option<String>,
    security: Option<String>,
}

/// Why a mirror is not known.
#[derive(Debug, thiserror::Error)]
pub enum HostMirrorError {
    #[error("cannot read the apt sources of this machine: {0}")]
    Unreadable(#[from] io::Error),
    #[error(
        "the apt sources in {} name no mirror of Debian for `mirror = \"host\"`: \
         looked for an enabled `deb` entry whose URL ends in `/debian` or that is signed by debian-archive-keyring",
        .0.display()
    )]
    NoMain(PathBuf),
    #[error(
        "the apt sources in {} name no mirror of Debian's security updates for `mirror = \"host-security\"`: \
         looked for an enabled `deb` entry with a suite that ends in `-security` \
         and a URL that ends in `/debian-security` or that is signed by debian-archive-keyring",
        .0.display()
    )]
    NoSecurity(PathBuf),
}

/// An enabled entry for binary packages.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    urls: Vec<String>,
    suites: Vec<String>,
    signed_by: String,
}

/// Reads the apt sources below `folder`, which is `/etc/apt` but in tests.
pub fn host_mirrors(folder: &Path) -> Result<HostMirrors, HostMirrorError> {
    let mut entries = Vec::new();
    for file in source_files(folder)? {
        let text = fs_err::read(&file)?;
        let text = String::from_utf8_lossy(&text);
        if file.extension().is_some_and(|extension| extension == "sources") {
            entries.extend(stanzas(&text).iter().filter_map(deb822_entry));
        } else {
            entries.extend(text.lines().filter_map(one_line_entry));
        }
    }
    let first = |is_wanted: fn(&Entry, &str) -> bool| {
        let urls = entries.iter().flat_map(|entry| entry.urls.iter().map(move |url| (entry, url.trim_end_matches('/'))));
        urls.filter(|(_, url)| is_download(url)).find(|(entry, url)| is_wanted(entry, url)).map(|(_, url)| url.to_owned())
    };
    Ok(HostMirrors { folder: folder.to_owned(), main: first(is_main), security: first(is_security) })
}

impl HostMirrors {
    /// The URL of a mirror, be it written in the configuration or this machine's.
    pub fn url<'a>(&'a self, mirror: &'a MirrorUrl) -> Result<&'a str, HostMirrorError> {
        match mirror {
            MirrorUrl::Url(url) => Ok(url),
            MirrorUrl::Host => self.main.as_deref().ok_or_else(|| HostMirrorError::NoMain(self.folder.clone())),
            MirrorUrl::HostSecurity => self.security.as_deref().ok_or_else(|| HostMirrorError::NoSecurity(self.folder.clone())),
        }
    }
}

/// apt's own entry files, in apt's order.
fn source_files(folder: &Path) -> Result<Vec<PathBuf>, io::Error> {
    let mut files = Vec::new();
    let main = folder.join("sources.list");
    if main.is_file() {
        files.push(main);
    }
    let parts = folder.join("sources.list.d");
    if parts.is_dir() {
        let mut more = fs_err::read_dir(parts)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, io::Error>>()?;
        more.retain(|path| path.extension().is_some_and(|extension| extension == "list" || extension == "sources"));
        more.sort();
        files.extend(more);
    }
    Ok(files)
}

/// `deb [option=value ...] URL suite component...`
fn one_line_entry(line: &str) -> Option<Entry> {
    let line = line.split('#').next()?.trim();
    let rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace();
    let (url, suite) = (words.next()?, words.next()?);
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    let signed_by = signed_by.unwrap_or_default().to_owned();
    Some(Entry { urls: vec![url.to_owned()], suites: vec![suite.to_owned()], signed_by })
}

fn deb822_entry(stanza: &BTreeMap<String, String>) -> Option<Entry> {
    let words = |field: &str| -> Vec<String> {
        stanza.get(field).map(|value| value.split_whitespace().map(str::to_owned).collect()).unwrap_or_default()
    };
    let is_disabled = stanza.get("enabled").is_some_and(|value| matches!(value.as_str(), "no" | "false" | "0" | "off"));
    let is_for_binaries = words("types").iter().any(|kind| kind == "deb");
    let signed_by = stanza.get("signed-by").cloned().unwrap_or_default();
    (is_for_binaries && !is_disabled).then(|| Entry { urls: words("uris"), suites: words("suites"), signed_by })
}

/// Stanzas of fields, with their names in lower case.
fn stanzas(text: &str) -> Vec<BTreeMap<String, String>> {
    let mut stanzas = vec![BTreeMap::new()];
    let mut last_field = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some(stanza) = stanzas.last_mut() else { break };
        if line.trim().is_empty() {
            stanzas.push(BTreeMap::new());
        } else if line.starts_with([' ', '\t']) {
            let value: &mut String = stanza.entry(last_field.clone()).or_default();
            value.push('\n');
            value.push_str(line.trim());
        } else if let Some((field, value)) = line.split_once(':') {
            last_field = field.trim().to_lowercase();
            stanza.insert(last_field.clone(), value.trim().to_owned());
        }
    }
    stanzas
}

fn is_download(url: &str) -> bool {
    ["http://", "https://", "file:/"].iter().any(|scheme| url.starts_with(scheme))
}

fn is_signed_by_debian(entry: &Entry) -> bool {
    entry.signed_by.contains("debian-archive-keyring")
}

fn is_for_security(suite: &str) -> bool {
    suite.ends_with("-security")
}

fn is_main(entry: &Entry, url: &str) -> bool {
    let is_debian = url.ends_with("/debian") || is_signed_by_debian(entry) && !url.ends_with("/debian-security");
    is_debian && entry.suites.iter().any(|suite| !is_for_security(suite) && !suite.ends_with('/'))
}

fn is_security(entry: &Entry, url: &str) -> bool {
    let is_debian = url.ends_with("/debian-security") || is_signed_by_debian(entry);
    is_debian && entry.suites.iter().any(|suite| is_for_security(suite))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirrors(files: &[(&str, &str)]) -> HostMirrors {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("sources.list.d")).unwrap();
        for (name, text) in files {
            fs_err::write(folder.path().join(name), text).unwrap();
        }
        host_mirrors(folder.path()).unwrap()
    }

    #[test]
    fn deb822_sources_of_a_fresh_debian() {
        let mirrors = mirrors(&[
            ("sources.list", "# moved to sources.list.d\n"),
            ("sources.list.d/aaa.list", "deb https://vendor.example.org/apt stable main\n"),
            (
                "sources.list.d/debian.sources",
                "Types: deb deb-src\n# a comment\nURIs: http://mirror.example.org/debian/\nSuites: trixie trixie-updates\n\
                 Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
                 types: deb\nuris: http://mirror.example.org/debian-security\nSuites:\n trixie-security\nComponents: main\n",
            ),
        ]);
        assert_eq!(mirrors.url(&MirrorUrl::Host).unwrap(), "http://mirror.example.org/debian");
        assert_eq!(mirrors.url(&MirrorUrl::HostSecurity).unwrap(), "http://mirror.example.org/debian-security");
    }

    #[test]
    fn one_line_sources_with_options_comments_and_other_schemes() {
        let mirrors = mirrors(&[(
            "sources.list",
            "deb cdrom:[Debian 13]/ trixie main\n#deb http://old.example.org/debian trixie main\n\
             deb-src http://src.example.org/debian trixie main\n\
             deb [ arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg ] https://cache.example.org/d/ trixie main\n\
             deb http://security.example.org/debian-security trixie-security main # nightly\n",
        )]);
        assert_eq!(mirrors.url(&MirrorUrl::Host).unwrap(), "https://cache.example.org/d");
        assert_eq!(mirrors.url(&MirrorUrl::HostSecurity).unwrap(), "http://security.example.org/debian-security");
    }

    #[test]
    fn without_a_mirror_the_error_says_what_was_looked_for() {
        let mirrors = mirrors(&[(
            "sources.list.d/debian.sources",
            "Enabled: no\nTypes: deb\nURIs: http://mirror.example.org/debian\nSuites: trixie\n",
        )]);
        let error = mirrors.url(&MirrorUrl::Host).unwrap_err().to_string();
        assert!(error.contains("enabled `deb` entry whose URL ends in `/debian`"), "{error}");
        let error = mirrors.url(&MirrorUrl::HostSecurity).unwrap_err().to_string();
        assert!(error.contains("`-security`"), "{error}");
        let written = MirrorUrl::Url("https://mirror.example.org/debian".to_owned());
        assert_eq!(mirrors.url(&written).unwrap(), "https://mirror.example.org/debian");
    }
}
