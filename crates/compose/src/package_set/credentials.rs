//! Names and passwords that servers ask for, from files of their own: they belong into no configuration, whose text is in logs and
//! locks. The files are apt's (`apt_auth.conf(5)`) and the user's `.netrc`, which has the same form.
//!
//! Must not know: what is fetched with them. Passwords are shown to nobody but the server that they are for.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use reqwest::Url;

use crate::files::read_regular;

/// Far more than anybody writes by hand, in bytes.
const LIMIT: u64 = 1 << 20;

/// Entries in the order in which they are tried.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials(Vec<Entry>);

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    schemes: Schemes,
    host: String,
    port: Option<u16>,
    path: String,
    login: String,
    password: String,
}

/// With which schemes an entry counts that names none.
#[derive(Clone, PartialEq, Eq)]
enum Schemes {
    /// For apt, only where the password is encrypted on its way.
    Https,
    Any,
    Named(String),
}

/// Where the files are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialFiles {
    /// The folder with `auth.conf` and `auth.conf.d`: `/etc/apt`.
    pub apt_folder: PathBuf,
    /// `NETRC`, or `.netrc` in the user's home.
    pub netrc: Option<PathBuf>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|entry| &entry.host)).finish()
    }
}

impl Credentials {
    /// Reads all files that are there.
    pub fn read(files: &CredentialFiles) -> io::Result<Self> {
        let mut credentials = Self::default();
        let parts = parts(&files.apt_folder.join("auth.conf.d"))?;
        for path in [files.apt_folder.join("auth.conf")].into_iter().chain(parts) {
            credentials.add(&path, &Schemes::Https)?;
        }
        if let Some(netrc) = &files.netrc {
            credentials.add(netrc, &Schemes::Any)?;
        }
        Ok(credentials)
    }

    fn add(&mut self, path: &Path, schemes: &Schemes) -> io::Result<()> {
        match read_regular(path, LIMIT) {
            Ok(bytes) => self.0.extend(parse(&String::from_utf8_lossy(&bytes), schemes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// The login and password for a URL: those of the first entry that means it.
    pub fn of(&self, url: &Url) -> Option<(&str, &str)> {
        let entry = self.0.iter().find(|entry| entry.means(url))?;
        Some((&entry.login, &entry.password))
    }
}

impl Entry {
    fn means(&self, url: &Url) -> bool {
        let scheme = match &self.schemes {
            Schemes::Https => url.scheme() == "https",
            Schemes::Any => matches!(url.scheme(), "https" | "http"),
            Schemes::Named(scheme) => url.scheme() == scheme,
        };
        let is_host = url.host_str().is_some_and(|host| host.eq_ignore_ascii_case(&self.host));
        // As apt does it, a port counts where the URL names it.
        let is_port = self.port.is_none() || self.port == url.port();
        scheme && is_host && is_port && url.path().starts_with(&self.path)
    }
}

/// The files of a folder that end in `.conf`, by name.
fn parts(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let mut paths: Vec<_> = paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "conf")).collect();
    paths.sort();
    Ok(paths)
}

/// Words that are not known are passed over. What follows `default` or `macdef` is for no machine.
fn parse(text: &str, schemes: &Schemes) -> Vec<Entry> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let mut words = lines.flat_map(str::split_whitespace);
    let (mut entries, mut open) = (Vec::new(), None);
    while let Some(word) = words.next() {
        match (word, &mut open) {
            ("machine", _) => {
                entries.extend(open.take());
                open = words.next().and_then(|machine| machine_entry(machine, schemes));
            }
            ("default" | "macdef", _) => entries.extend(open.take()),
            ("login", Some(entry)) => words.next().unwrap_or_default().clone_into(&mut entry.login),
            ("password", Some(entry)) => words.next().unwrap_or_default().clone_into(&mut entry.password),
            _ => {}
        }
    }
    entries.extend(open);
    entries
}

/// `[protocol://]hostname[:port][/path]`.
fn machine_entry(machine: &str, schemes: &Schemes) -> Option<Entry> {
    let (schemes, rest) = match machine.split_once("://") {
        Some((scheme, rest)) => (Schemes::Named(scheme.to_ascii_lowercase()), rest),
        None => (schemes.clone(), machine),
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port.parse().ok()?)),
        _ => (host, None),
    };
    let (host, path) = (host.to_owned(), path.to_owned());
    Some(Entry { schemes, host, port, path, login: String::new(), password: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, schemes: &Schemes, url: &str) -> Option<String> {
        let credentials = Credentials(parse(text, schemes));
        credentials.of(&Url::parse(url).unwrap()).map(|(login, password)| format!("{login}:{password}"))
    }

    /// The examples of apt_auth.conf(5).
    #[test]
    fn entries_mean_what_the_manual_says() {
        let url = "https://example.org/debian/dists/bookworm/InRelease";
        for machine in ["example.org", "example.org/deb", "example.org/debian", "example.org/debian/", "https://example.org"] {
            let text = format!("machine {machine} login apt password debian");
            assert_eq!(found(&text, &Schemes::Https, url).as_deref(), Some("apt:debian"), "{machine}");
        }
        for machine in
            ["example.org:443", "example.org/deb/", "example.org/ubuntu", "example.orga", "example.net", "http://example.org"]
        {
            let text = format!("machine {machine} login apt password debian");
            assert_eq!(found(&text, &Schemes::Https, url), None, "{machine}");
        }
        let lines =
            "# machine example.org login no password no\nmachine\n example.org\n\tlogin apt\naccount x\npassword debian\n";
        assert_eq!(found(lines, &Schemes::Https, url).as_deref(), Some("apt:debian"));
    }

    #[test]
    fn passwords_go_unencrypted_only_where_that_is_said() {
        let text = "machine example.org:8080 login a password b default login c password d";
        assert_eq!(found(text, &Schemes::Https, "http://example.org:8080/"), None);
        assert_eq!(found(text, &Schemes::Any, "http://EXAMPLE.org:8080/x").as_deref(), Some("a:b"));
        assert_eq!(found(text, &Schemes::Any, "http://example.org/"), None);
        assert_eq!(found(text, &Schemes::Any, "https://other.org/"), None, "nobody but the machine gets it");
        let named = "machine http://example.org login a password b";
        assert_eq!(found(named, &Schemes::Https, "http://example.org/x").as_deref(), Some("a:b"));
        assert!(!format!("{:?}", Credentials(parse(text, &Schemes::Any))).contains("\"b\""));
    }
}
