//! What one image has beside the packages that it shares with others: files, and the password of root.
//!
//! The tree is made of packages, and their links may lead anywhere: here none leads out of it.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, unlinkat};
use rustix::io::Errno;
use serde::Serialize;

use super::ImageError;
use super::tree::open_root;

/// A password database is a few kilobytes.
const SHADOW_LIMIT: u64 = 16 << 20;

/// What is written over a root file system.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Overlay {
    /// By their paths in the tree, mode 0644.
    pub files: BTreeMap<String, String>,
    /// The root password as crypt(3) gives it (`mkpasswd`). Without one, nobody logs in as root with a password.
    pub root_password: Option<String>,
}

impl Overlay {
    /// Packages without which it has no place.
    pub const fn packages(&self) -> &'static [&'static str] {
        // passwd makes the file in which the password stands.
        if self.root_password.is_some() { &["passwd"] } else { &[] }
    }

    pub(super) fn validate(&self) -> Result<(), ImageError> {
        let invalid = |what, value: &str, reason| Err(ImageError::Invalid { what, value: value.to_owned(), reason });
        let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(char::is_control);
        if let Some(path) = self.files.keys().find(|path| !path.split('/').all(is_part)) {
            return invalid("file", path, "a path relative to the root of the image is expected");
        }
        if self.root_password.as_ref().is_some_and(|hash| !is_password_hash(hash)) {
            return invalid("root password", "(not shown)", "a crypt(3) hash such as mkpasswd prints is expected");
        }
        Ok(())
    }

    /// Writes it into an unpacked root file system.
    pub(super) fn apply(&self, tree: &Path) -> Result<(), ImageError> {
        self.validate()?;
        let root = open_root(tree).map_err(std::io::Error::from)?;
        for (path, text) in &self.files {
            write_file(&root, path, text).map_err(|error| in_tree(path, error))?;
        }
        if let Some(hash) = &self.root_password {
            set_root_password(&root, hash).map_err(|error| in_tree("etc/shadow", error))?;
        }
        Ok(())
    }
}

fn in_tree(path: &str, error: std::io::Error) -> ImageError {
    std::io::Error::new(error.kind(), format!("{path} in the root file system: {error}")).into()
}

/// Opens what a path leads to if the tree were the root.
pub(super) fn open_within(root: &OwnedFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS)
}

/// A new file in place of what has its name; folders that are missing are made.
pub(super) fn write_file(root: &OwnedFd, path: &str, text: &str) -> std::io::Result<()> {
    let (folder, name) = path.rsplit_once('/').unwrap_or((".", path));
    let folder = open_folder(root, folder)?;
    match unlinkat(&folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = std::fs::File::from(openat(&folder, name, flags, Mode::from_raw_mode(0o600))?);
    // Whatever the umask is.
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644))?;
    file.write_all(text.as_bytes())
}

fn open_folder(root: &OwnedFd, path: &str) -> std::io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    match open_within(root, path, flags) {
        Err(Errno::NOENT) => {}
        opened => return Ok(opened?),
    }
    let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
    let parent = open_folder(root, parent)?;
    mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
    rustix::fs::chmodat(&parent, name, Mode::from_raw_mode(0o755), AtFlags::empty())?;
    Ok(openat(&parent, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?)
}

fn set_root_password(root: &OwnedFd, hash: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::from(open_within(root, "etc/shadow", OFlags::RDWR | OFlags::NOFOLLOW)?);
    let mut text = String::new();
    (&mut file).take(SHADOW_LIMIT).read_to_string(&mut text)?;
    let line = |line: &str| match line.split(':').collect::<Vec<_>>().as_mut_slice() {
        [name, password, rest @ ..] if *name == "root" => {
            *password = hash;
            [&[*name, *password], &*rest].concat().join(":") + "\n"
        }
        _ => format!("{line}\n"),
    };
    let changed: String = text.lines().map(line).collect();
    if changed == text && !text.contains(hash) {
        return Err(std::io::Error::other("it has no line of root"));
    }
    rustix::fs::ftruncate(&file, 0)?;
    std::io::Seek::rewind(&mut file)?;
    file.write_all(changed.as_bytes())
}

fn is_password_hash(text: &str) -> bool {
    text.starts_with('$') && text.chars().all(|c| c.is_ascii_graphic() && c != ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(path: &str) -> Overlay {
        Overlay { files: [(path.to_owned(), "text\n".to_owned())].into(), root_password: None }
    }

    #[test]
    fn links_of_the_tree_lead_within_it() {
        let (tree, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |path: &str| tree.path().join(path);
        fs_err::create_dir_all(at("usr/etc")).unwrap();
        fs_err::os::unix::fs::symlink("/usr/etc", at("etc")).unwrap();
        overlay("etc/systemd/system/a.conf").apply(tree.path()).unwrap();
        assert_eq!(fs_err::read_to_string(at("usr/etc/systemd/system/a.conf")).unwrap(), "text\n");
        // A link in place of the file goes, what it leads to stays.
        fs_err::write(outside.path().join("kept"), "kept").unwrap();
        fs_err::os::unix::fs::symlink(outside.path().join("kept"), at("usr/etc/hostname")).unwrap();
        overlay("etc/hostname").apply(tree.path()).unwrap();
        assert_eq!(fs_err::read_to_string(at("usr/etc/hostname")).unwrap(), "text\n");
        assert_eq!(fs_err::read_to_string(outside.path().join("kept")).unwrap(), "kept");
        fs_err::os::unix::fs::symlink(outside.path(), at("opt")).unwrap();
        let error = overlay("opt/escape").apply(tree.path()).unwrap_err().to_string();
        assert!(error.starts_with("opt/escape in the root file system: "), "{error}");
        assert!(!outside.path().join("escape").exists());
    }

    #[test]
    fn the_password_is_put_into_roots_line() {
        let tree = tempfile::tempdir().unwrap();
        fs_err::create_dir(tree.path().join("etc")).unwrap();
        let shadow = tree.path().join("etc/shadow");
        fs_err::write(&shadow, "root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n").unwrap();
        let overlay = Overlay { root_password: Some("$y$j9T$salt$hash".into()), ..Overlay::default() };
        overlay.apply(tree.path()).unwrap();
        let text = fs_err::read_to_string(&shadow).unwrap();
        assert_eq!(text, "root:$y$j9T$salt$hash:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n");
        fs_err::write(&shadow, "daemon:*:20000:0:99999:7:::\n").unwrap();
        assert!(overlay.apply(tree.path()).unwrap_err().to_string().contains("no line of root"));
    }

    #[test]
    fn what_would_leave_the_tree_is_refused() {
        for path in ["etc/../../x", "/etc/x", "", "a//b"] {
            assert!(overlay(path).validate().unwrap_err().to_string().contains("file"), "{path}");
        }
        let secret = Overlay { root_password: Some("secret".into()), ..Overlay::default() };
        let error = secret.validate().unwrap_err().to_string();
        assert!(error.contains("crypt(3)") && !error.contains("secret"), "{error}");
    }
}
