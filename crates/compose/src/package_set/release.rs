//! Release files: what a suite says about itself, and the size and digest of each of its index files.
//!
//! Must not know: where the file came from, whether it was signed, the clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::package_set::lock::LockedFile;

/// The pin priority that apt gives archives which say nothing about themselves.
pub const NORMAL_PRIORITY: i32 = 500;

/// No index file is believed to be larger: an index of 8 GiB would be two hundred times that of all of Debian.
const MAX_SIZE: u64 = 8 << 30;

/// A parsed Release file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Release {
    pub origin: String,
    pub label: String,
    pub suite: String,
    pub codename: String,
    /// Empty if it has none.
    pub version: String,
    /// As the file gives it.
    pub date_text: String,
    /// Seconds since 1970.
    pub date: i64,
    pub valid_until: Option<i64>,
    pub components: Vec<String>,
    pub architectures: Vec<String>,
    pub acquire_by_hash: bool,
    pub not_automatic: bool,
    pub but_automatic_upgrades: bool,
    /// The `Packages` of each arch hold the packages of arch `all` too, so that `binary-all` must not be read in addition.
    pub all_in_each_arch: bool,
    /// By path, relative to the Release file.
    pub files: BTreeMap<String, LockedFile>,
}

/// What is wrong with a Release file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    #[error("it is not UTF-8")]
    NotText,
    #[error("line {line}: {reason}")]
    Line { line: usize, reason: String },
    #[error("field {0} is missing")]
    MissingField(&'static str),
    #[error("field {field} is not a date in UTC: '{value}'")]
    Date { field: &'static str, value: String },
    #[error("it has no SHA256 digests, and weaker ones are not believed")]
    NoSha256,
}

impl Release {
    /// Parses a Release file, or what an InRelease file signs.
    pub fn parse(text: &[u8]) -> Result<Self, ReleaseError> {
        let text = std::str::from_utf8(text).map_err(|_| ReleaseError::NotText)?;
        let fields = Fields::read(text)?;
        let words = |name| fields.get(name).split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let flag = |name| fields.get(name).eq_ignore_ascii_case("yes");
        let date_text = fields.get("Date").to_owned();
        if date_text.is_empty() {
            return Err(ReleaseError::MissingField("Date"));
        }
        let valid_until = match fields.get("Valid-Until") {
            "" => None,
            value => Some(date("Valid-Until", value)?),
        };
        Ok(Self {
            origin: fields.get("Origin").to_owned(),
            label: fields.get("Label").to_owned(),
            suite: fields.get("Suite").to_owned(),
            codename: fields.get("Codename").to_owned(),
            version: fields.get("Version").to_owned(),
            date: date("Date", &date_text)?,
            date_text,
            valid_until,
            components: words("Components"),
            architectures: words("Architectures"),
            acquire_by_hash: flag("Acquire-By-Hash"),
            not_automatic: flag("NotAutomatic"),
            but_automatic_upgrades: flag("ButAutomaticUpgrades"),
            all_in_each_arch: words("No-Support-for-Architecture-all").iter().any(|what| what == "Packages"),
            files: fields.files()?,
        })
    }

    /// Whether the suite has this component. Some archives write `updates/main` where their paths say `main`.
    pub fn has_component(&self, component: &str) -> bool {
        self.components.iter().any(|listed| listed == component || listed.rsplit('/').next() == Some(component))
    }

    /// The pin priority that apt gives the suite when nobody gives it one.
    pub fn priority(&self) -> i32 {
        match (self.not_automatic, self.but_automatic_upgrades) {
            (true, true) => 100,
            (true, false) => 1,
            (false, _) => NORMAL_PRIORITY,
        }
    }

    pub fn has_architecture(&self, arch: &str) -> bool {
        self.architectures.iter().any(|listed| listed == arch)
    }
}

/// The fields of the file's only paragraph: value, and the lines that continue it with their numbers.
struct Fields<'a>(BTreeMap<String, Field<'a>>);

struct Field<'a> {
    value: &'a str,
    lines: Vec<(usize, &'a str)>,
}

impl<'a> Fields<'a> {
    fn read(text: &'a str) -> Result<Self, ReleaseError> {
        let mut fields: BTreeMap<String, Field<'a>> = BTreeMap::new();
        let mut current: Option<String> = None;
        for (index, line) in text.lines().enumerate() {
            let fail = |reason: &str| ReleaseError::Line { line: index + 1, reason: reason.to_owned() };
            if line.trim().is_empty() {
                // Further paragraphs would be read by nobody else.
                let rest = text.lines().skip(index).all(|line| line.trim().is_empty());
                return if rest { Ok(Self(fields)) } else { Err(fail("a second paragraph begins here")) };
            }
            if line.starts_with([' ', '\t']) {
                let field = current.as_ref().and_then(|name| fields.get_mut(name));
                field.ok_or_else(|| fail("a continued line without a field"))?.lines.push((index + 1, line.trim()));
                continue;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| fail("neither a field nor a continued line"))?;
            let name = name.to_ascii_lowercase();
            if fields.insert(name.clone(), Field { value: value.trim(), lines: Vec::new() }).is_some() {
                return Err(fail(&format!("field '{name}' stands here a second time")));
            }
            current = Some(name);
        }
        Ok(Self(fields))
    }

    /// The field's first line; empty if it is missing.
    fn get(&self, name: &str) -> &'a str {
        self.0.get(&name.to_ascii_lowercase()).map_or("", |field| field.value)
    }

    fn files(&self) -> Result<BTreeMap<String, LockedFile>, ReleaseError> {
        let mut files = BTreeMap::new();
        for (line, text) in &self.0.get("sha256").ok_or(ReleaseError::NoSha256)?.lines {
            let file = listed_file(text).map_err(|reason| ReleaseError::Line { line: *line, reason })?;
            if let Some(other) = files.insert(file.path.clone(), file.clone())
                && other != file
            {
                let reason = format!("'{}' is listed twice, with different digests", file.path);
                return Err(ReleaseError::Line { line: *line, reason });
            }
        }
        Ok(files)
    }
}

fn listed_file(line: &str) -> Result<LockedFile, String> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [digest, size, path] = words[..] else {
        return Err(format!("digest, size and path are expected, not '{}'", shorten(line)));
    };
    let sha256: Sha256 = digest.parse().map_err(|error: crate::digest::InvalidDigest| error.to_string())?;
    let size: u64 = size.parse().map_err(|_| format!("'{}' is not a size", shorten(size)))?;
    if size > MAX_SIZE {
        return Err(format!("a size of {size} bytes is not believed"));
    }
    if !stays_inside(path) {
        return Err(format!("path '{}' leaves its folder", shorten(path)));
    }
    Ok(LockedFile { path: path.to_owned(), size, sha256 })
}

/// Whether a relative path of an index stays in the folder that it is relative to.
pub(crate) fn stays_inside(path: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(|c: char| c.is_control() || c == '\\');
    path.split('/').all(plain)
}

fn shorten(text: &str) -> String {
    text.chars().take(120).collect()
}

/// A date as Release files have it, `Mon, 23 Nov 2026 15:13:02 UTC`, in seconds since 1970.
fn date(field: &'static str, value: &str) -> Result<i64, ReleaseError> {
    let invalid = || ReleaseError::Date { field, value: shorten(value) };
    let (_, rest) = value.split_once(',').ok_or_else(invalid)?;
    let words: Vec<&str> = rest.split_ascii_whitespace().collect();
    let [day, month, year, clock, zone] = words[..] else { return Err(invalid()) };
    if !matches!(zone, "UTC" | "GMT" | "Z" | "+0000") {
        return Err(invalid());
    }
    let time = jiff::civil::DateTime::strptime("%d %b %Y %H:%M:%S", format!("{day} {month} {year} {clock}"));
    let zoned = time.and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC)).map_err(|_| invalid())?;
    Ok(zoned.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn release(extra: &str) -> String {
        format!(
            "Origin: Debian\nSuite: stable\nCodename: trixie\nVersion: 13.8\nDate: Sat,  7 Nov 2026 09:05:01 UTC\n\
             Acquire-By-Hash: yes\nNo-Support-for-Architecture-all: Packages\nArchitectures: all amd64 arm64\n\
             Components: main updates/contrib\n{extra}"
        )
    }

    fn with_file(line: &str) -> String {
        release(&format!("MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 main/x\nSHA256:\n {line}\n"))
    }

    #[test]
    fn fields_and_files_are_read() {
        let text = with_file(&format!("{EMPTY}        0 main/binary-amd64/Packages"));
        let release = Release::parse(text.as_bytes()).unwrap();
        assert_eq!((release.codename.as_str(), release.version.as_str()), ("trixie", "13.8"));
        assert_eq!(release.date, 1_794_042_301);
        assert_eq!(release.date_text, "Sat,  7 Nov 2026 09:05:01 UTC");
        assert!(release.acquire_by_hash && release.all_in_each_arch && !release.not_automatic);
        assert!(release.has_component("contrib") && !release.has_component("updates"));
        let file = &release.files["main/binary-amd64/Packages"];
        assert_eq!((file.size, file.sha256.to_string().as_str()), (0, EMPTY));
        assert_eq!(release.files.len(), 1, "MD5Sum is not read");
    }

    #[test]
    fn without_sha256_nothing_is_believed() {
        let text = release("MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 main/x\n");
        assert_eq!(Release::parse(text.as_bytes()), Err(ReleaseError::NoSha256));
    }

    #[test]
    fn hostile_lines_are_refused_with_their_number() {
        for line in [
            format!("{EMPTY} 0 ../../etc/passwd"),
            format!("{EMPTY} 0 /etc/passwd"),
            format!("{EMPTY} 0 main//x"),
            format!("{EMPTY} 0 main/\0x"),
            format!("{EMPTY} 99999999999999 main/x"),
            format!("{EMPTY} -1 main/x"),
            "e3b0 0 main/x".to_owned(),
            format!("{EMPTY} 0"),
        ] {
            let error = Release::parse(with_file(&line).as_bytes()).unwrap_err();
            assert!(matches!(error, ReleaseError::Line { line: 13, .. }), "{line}: {error}");
        }
        let twice = with_file(&format!("{EMPTY} 0 main/x\n {EMPTY} 1 main/x"));
        assert!(Release::parse(twice.as_bytes()).unwrap_err().to_string().contains("listed twice"));
        assert!(Release::parse(format!("{}\nSuite: other\n", release("")).as_bytes()).is_err());
    }

    #[test]
    fn dates_must_be_in_utc() {
        assert_eq!(date("Date", "Thu, 01 Jan 1970 00:00:10 GMT"), Ok(10));
        for wrong in ["Thu, 01 Jan 1970 00:00:10 CET", "1970-01-01", "Thu, 32 Jan 1970 00:00:10 UTC", ""] {
            assert!(date("Date", wrong).is_err(), "{wrong}");
        }
        let missing = release("SHA256:\n").replace("Date:", "X-Date:");
        assert_eq!(Release::parse(missing.as_bytes()), Err(ReleaseError::MissingField("Date")));
    }
}
