//! Which older compose of a release Pungi would take files from, by its name and its status alone: also one that Pungi itself made.
//!
//! Must not know: what is taken.

use std::path::{Path, PathBuf};

use crate::config::RpmConfig;

/// Of a status word, one line is enough.
const STATUS_LIMIT: u64 = 1024;
/// With these endings a compose has packages that can be used.
pub(super) const WITH_PACKAGES: &[&str] = &["FINISHED", "FINISHED_INCOMPLETE", "DOOMED"];
/// With these it is one that people have.
pub(super) const RELEASED: &[&str] = &["FINISHED", "FINISHED_INCOMPLETE"];

/// The newest of the release in some folders that has one of these endings, but for the compose itself.
pub(super) fn find_old_compose(folders: &[PathBuf], config: &RpmConfig, endings: &[&str], own: Option<&Path>) -> Option<PathBuf> {
    let release = &config.release;
    let kind = if release.kind == "ga" { String::new() } else { format!("-{}", release.kind) };
    let base = config.base_product.as_ref().map(|base| format!("-{}-{}", base.short, base.version)).unwrap_or_default();
    find_by_prefix(folders, &format!("{}-{}{kind}{base}", release.short, release.version), endings, own)
}

fn find_by_prefix(folders: &[PathBuf], prefix: &str, endings: &[&str], own: Option<&Path>) -> Option<PathBuf> {
    let entries = folders.iter().flat_map(|folder| fs_err::read_dir(folder).into_iter().flatten().filter_map(Result::ok));
    let named = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        is_of_release(&name, prefix).then(|| (order(&name), entry.path()))
    });
    let usable = named.filter(|(_, path)| own != fs_err::canonicalize(path).ok().as_deref() && has_ended(path, endings));
    usable.max().map(|(_, path)| path)
}

/// A character, mostly a dash, and a date stand behind what names of a release begin with.
fn is_of_release(name: &str, prefix: &str) -> bool {
    let Some(rest) = name.strip_prefix(prefix) else { return false };
    rest.chars().nth(1).is_some_and(|second| second.is_ascii_digit())
}

/// By name; numbers of a day as numbers.
fn order(name: &str) -> (String, u64) {
    let numbered = name.rsplit_once('.').and_then(|(before, number)| Some((before.to_owned(), number.parse().ok()?)));
    numbered.unwrap_or_else(|| (name.to_owned(), 0))
}

fn has_ended(compose: &Path, endings: &[&str]) -> bool {
    let status = compose.join("STATUS");
    let is_sane = fs_err::metadata(&status).is_ok_and(|data| data.is_file() && data.len() <= STATUS_LIMIT);
    is_sane && fs_err::read_to_string(status).is_ok_and(|text| endings.contains(&text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_the_release_that_came_to_an_end_is_found() {
        let folder = tempfile::tempdir().unwrap();
        for (name, status) in [
            ("Meadow-1-20260101.n.9", "FINISHED\n"),
            ("Meadow-1-20260101.n.10", "FINISHED_INCOMPLETE\n"),
            ("Meadow-1-20260101.n.11", "TERMINATED\n"),
            ("Meadow-1-20260101.n.12", "STARTED"),
            ("Meadow-1-updates-20260301.n.0", "FINISHED\n"),
            ("Meadow-10-20260401.n.0", "FINISHED\n"),
            ("Meadow-1.1-20260501.n.0", "FINISHED\n"),
            ("Other-1-20260601.n.0", "FINISHED\n"),
        ] {
            fs_err::create_dir(folder.path().join(name)).unwrap();
            fs_err::write(folder.path().join(name).join("STATUS"), status).unwrap();
        }
        let folders = [folder.path().join("not there"), folder.path().to_owned()];
        let found = |prefix: &str, own: Option<&str>| {
            let own = own.map(|name| folder.path().join(name).canonicalize().unwrap());
            let found = find_by_prefix(&folders, prefix, WITH_PACKAGES, own.as_deref())?;
            Some(found.file_name().unwrap().to_str().unwrap().to_owned())
        };
        // As with Pungi, a version that goes on with a dot passes for the same.
        assert_eq!(found("Meadow-1", None).unwrap(), "Meadow-1.1-20260501.n.0");
        fs_err::remove_dir_all(folder.path().join("Meadow-1.1-20260501.n.0")).unwrap();
        assert_eq!(found("Meadow-1", None).unwrap(), "Meadow-1-20260101.n.10");
        assert_eq!(found("Meadow-1", Some("Meadow-1-20260101.n.10")).unwrap(), "Meadow-1-20260101.n.9");
        assert_eq!(found("Meadow-1-updates", None).unwrap(), "Meadow-1-updates-20260301.n.0");
        assert_eq!(found("Meadow-2", None), None);
    }
}
