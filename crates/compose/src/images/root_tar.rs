//! A root file system's tar file written again so that its bytes depend on nothing but the files: numeric owners, clamped times, no
//! devices. On the way files can be put in.
//!
//! Must not know: what is made of it, how it is packed.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;

use tar::{EntryType, Header};
use tokio_util::sync::CancellationToken;

use super::ImageError;

/// Extended attributes, in pax's terms. All else that pax records is in the header, or names the moment of the build.
const EXTENDED_ATTRIBUTE: &str = "SCHILY.xattr.";
/// The most that a ustar header can hold of a path without a prefix, and of a link's target.
const USTAR_NAME: usize = 100;

/// What the written file has beside the root file system.
#[derive(Debug, Clone, Default)]
pub(super) struct Additions {
    /// The folder in which the root file system lies: empty, or with a `/` at its end.
    pub(super) below: &'static str,
    /// Files beside it, by their whole paths: they come first.
    pub(super) beside: BTreeMap<String, String>,
    /// Files in it, by their paths there, mode 0644 and root's: each takes the place of what is there.
    pub(super) files: BTreeMap<String, String>,
}

/// Writes the entries in their order, which mmdebstrap sorts; `rootfs` is the tar file to read.
pub(super) fn write_tar<W: Write>(
    rootfs: &Path,
    epoch: i64,
    additions: &Additions,
    output: W,
    cancel: &CancellationToken,
) -> Result<W, ImageError> {
    let mut written = Writer { tar: tar::Builder::new(output), epoch, below: additions.below.as_bytes() };
    for (path, text) in &additions.beside {
        written.add_file(path.as_bytes(), text)?;
    }
    let mut folders = BTreeSet::new();
    let mut missing = additions.files.clone();
    let mut source = tar::Archive::new(io::BufReader::with_capacity(1 << 20, fs_err::File::open(rootfs)?));
    for entry in source.entries()? {
        if cancel.is_cancelled() {
            return Err(ImageError::Cancelled);
        }
        let entry = entry?;
        let path = entry.path_bytes().into_owned();
        let path = path.strip_prefix(b"./").unwrap_or(&path);
        // Who runs it brings its own /dev; whoever unpacks it without privilege could not make devices.
        let is_device = path.starts_with(b"dev/") && path != b"dev/";
        if path.is_empty() || is_device {
            continue;
        }
        // In its place: a hard link to it that follows must find it.
        if let Some(text) = std::str::from_utf8(path).ok().and_then(|path| missing.remove(path)) {
            written.add_file(&[written.below, path].concat(), &text)?;
            continue;
        }
        if entry.header().entry_type().is_dir() {
            folders.insert(path.strip_suffix(b"/").unwrap_or(path).to_vec());
        }
        written.copy(entry, path, rootfs)?;
    }
    for (path, text) in &missing {
        written.add_folders_of(path, &mut folders)?;
        written.add_file(&[written.below, path.as_bytes()].concat(), text)?;
    }
    Ok(written.tar.into_inner()?)
}

/// Writes the entries into several files, each in their order: `number_of` says which. A file comes with the folders that lead to it, and
/// with the hard links to it; the first output has every folder. All times are 1970's: folders have those of their build.
pub(super) fn split_tar<W: Write>(
    rootfs: &Path,
    files: &BTreeMap<String, String>,
    number_of: &dyn Fn(&str) -> usize,
    outputs: Vec<W>,
    cancel: &CancellationToken,
) -> Result<Vec<W>, ImageError> {
    let writer = |output| (Writer { tar: tar::Builder::new(output), epoch: 0, below: b"" }, BTreeSet::new());
    let mut outputs: Vec<(Writer<'_, W>, BTreeSet<Vec<u8>>)> = outputs.into_iter().map(writer).collect();
    let mut folders: BTreeMap<Vec<u8>, Folder> = BTreeMap::new();
    let mut source = tar::Archive::new(io::BufReader::with_capacity(1 << 20, fs_err::File::open(rootfs)?));
    for entry in source.entries()? {
        if cancel.is_cancelled() {
            return Err(ImageError::Cancelled);
        }
        let mut entry = entry?;
        let path = entry.path_bytes().into_owned();
        let path = path.strip_prefix(b"./").unwrap_or(&path).to_vec();
        let name = path.strip_suffix(b"/").unwrap_or(&path).to_vec();
        if name.is_empty() || name.starts_with(b"dev/") {
            continue;
        }
        if entry.header().entry_type().is_dir() {
            let header = bare_header(entry.header(), EntryType::Directory, 0)?;
            let folder = Folder { header, extensions: extended_attributes(&mut entry)? };
            let (base, there) = &mut outputs[0];
            base.append(folder.header.clone(), &[&name[..], b"/"].concat(), b"", folder.extensions.clone(), 0, io::empty())?;
            there.insert(name.clone());
            folders.insert(name, folder);
            continue;
        }
        // A hard link lies where what it leads to does.
        let target =
            (entry.header().entry_type() == EntryType::Link).then(|| entry.link_name_bytes().unwrap_or_default().into_owned());
        let decisive = target.as_ref().map_or(&name[..], |target| target.strip_prefix(b"./").unwrap_or(target));
        let (output, there) = &mut outputs[number_of(&String::from_utf8_lossy(decisive))];
        for folder in ancestors(&name) {
            if let Some(known) = folders.get(folder)
                && there.insert(folder.to_vec())
            {
                output.append(known.header.clone(), &[folder, b"/"].concat(), b"", known.extensions.clone(), 0, io::empty())?;
            }
        }
        output.copy(entry, &path, rootfs)?;
    }
    let (base, there) = &mut outputs[0];
    for (path, text) in files {
        base.add_folders_of(path, there)?;
        base.add_file(path.as_bytes(), text)?;
    }
    outputs.into_iter().map(|(output, _)| Ok(output.tar.into_inner()?)).collect()
}

/// A folder as it is written wherever something lies in it.
struct Folder {
    header: Header,
    extensions: Vec<(String, Vec<u8>)>,
}

/// The folders that lead to a path, the outermost first.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(position, _)| &path[..position])
}

struct Writer<'a, W: Write> {
    tar: tar::Builder<W>,
    epoch: i64,
    below: &'a [u8],
}

impl<W: Write> Writer<'_, W> {
    fn copy<R: Read>(&mut self, mut entry: tar::Entry<'_, R>, path: &[u8], rootfs: &Path) -> Result<(), ImageError> {
        let kind = entry.header().entry_type();
        if !is_known(kind) {
            let (archive, entry) = (rootfs.to_owned(), String::from_utf8_lossy(path).into_owned());
            return Err(ImageError::UnknownEntry { archive, entry, kind: format!("{kind:?}") });
        }
        let target = entry.link_name_bytes().unwrap_or_default().into_owned();
        let target = match kind {
            EntryType::Link => [self.below, target.strip_prefix(b"./").unwrap_or(&target)].concat(),
            _ => target,
        };
        let extensions = extended_attributes(&mut entry)?;
        let header = bare_header(entry.header(), kind, self.epoch)?;
        let size = if kind.is_file() { entry.size() } else { 0 };
        self.append(header, &[self.below, path].concat(), &target, extensions, size, entry.take(size))
    }

    /// The folders of a file that are not there yet.
    fn add_folders_of(&mut self, path: &str, there: &mut BTreeSet<Vec<u8>>) -> Result<(), ImageError> {
        let ends = path.match_indices('/').map(|(position, _)| &path[..position]);
        for folder in ends {
            if there.insert(folder.as_bytes().to_vec()) {
                let header = self.own_header(EntryType::Directory, 0o755);
                self.append(header, &[self.below, folder.as_bytes(), b"/"].concat(), b"", Vec::new(), 0, io::empty())?;
            }
        }
        Ok(())
    }

    fn add_file(&mut self, path: &[u8], text: &str) -> Result<(), ImageError> {
        let header = self.own_header(EntryType::Regular, 0o644);
        self.append(header, path, b"", Vec::new(), text.len() as u64, text.as_bytes())
    }

    /// Of a file of root's.
    fn own_header(&self, kind: EntryType, mode: u32) -> Header {
        let mut header = Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.epoch.unsigned_abs());
        header
    }

    fn append(
        &mut self,
        mut header: Header,
        path: &[u8],
        target: &[u8],
        mut extensions: Vec<(String, Vec<u8>)>,
        size: u64,
        data: impl Read,
    ) -> Result<(), ImageError> {
        let fields = header.as_ustar_mut().expect("the header was made as ustar");
        if !set_field(&mut fields.name, path) {
            extensions.insert(0, ("path".to_owned(), path.to_owned()));
        }
        if !set_field(&mut fields.linkname, target) {
            extensions.insert(0, ("linkpath".to_owned(), target.to_owned()));
        }
        header.set_size(size);
        header.set_cksum();
        if !extensions.is_empty() {
            self.tar.append_pax_extensions(extensions.iter().map(|(key, value)| (key.as_str(), value.as_slice())))?;
        }
        self.tar.append(&header, data)?;
        Ok(())
    }
}

fn is_known(kind: EntryType) -> bool {
    kind.is_file()
        || kind.is_dir()
        || kind.is_symlink()
        || kind.is_hard_link()
        || kind.is_fifo()
        || kind.is_character_special()
        || kind.is_block_special()
}

/// Mode, numeric owners and the clamped time; no names of users and groups.
fn bare_header(from: &Header, kind: EntryType, epoch: i64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(from.mode()? & 0o7777);
    header.set_uid(from.uid()?);
    header.set_gid(from.gid()?);
    header.set_mtime(from.mtime()?.min(epoch.unsigned_abs()));
    if kind.is_character_special() || kind.is_block_special() {
        header.set_device_major(from.device_major()?.unwrap_or(0))?;
        header.set_device_minor(from.device_minor()?.unwrap_or(0))?;
    }
    Ok(header)
}

fn extended_attributes<R: Read>(entry: &mut tar::Entry<'_, R>) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut attributes = Vec::new();
    for extension in entry.pax_extensions()?.into_iter().flatten() {
        let extension = extension?;
        if let Some(key) = extension.key().ok().filter(|key| key.starts_with(EXTENDED_ATTRIBUTE)) {
            attributes.push((key.to_owned(), extension.value_bytes().to_owned()));
        }
    }
    attributes.sort();
    Ok(attributes)
}

/// Puts a name in a header's field; false if it had to be cut, and pax must say it whole.
fn set_field(field: &mut [u8; USTAR_NAME], name: &[u8]) -> bool {
    let length = name.len().min(field.len());
    field[..length].copy_from_slice(&name[..length]);
    length == name.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Entries = Vec<(String, EntryType, u64, Vec<u8>)>;

    /// A tar file as another build of the same files on another machine could give it.
    fn rootfs(owner: &str, mtime: u64) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let long = format!("./usr/{}/", "long-name/".repeat(15));
        let entries: [(&str, EntryType, &str, &[u8]); 7] = [
            ("./", EntryType::Directory, "", b""),
            ("./bin", EntryType::Symlink, "usr/bin", b""),
            ("./dev/", EntryType::Directory, "", b""),
            ("./dev/null", EntryType::Char, "", b""),
            ("./etc/ping", EntryType::Regular, "", b"ping"),
            ("./etc/pong", EntryType::Link, "./etc/ping", b""),
            (&long, EntryType::Directory, "", b""),
        ];
        for (path, kind, target, data) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o755);
            header.set_uid(7);
            header.set_gid(8);
            header.set_mtime(mtime);
            header.set_username(owner).unwrap();
            header.set_size(data.len() as u64);
            if !target.is_empty() {
                header.set_link_name(target).unwrap();
            }
            if path == "./etc/ping" {
                let time = format!("{mtime}.25");
                let extensions = [("SCHILY.xattr.security.capability", &b"\x01\0\0\x02"[..]), ("mtime", time.as_bytes())];
                tar.append_pax_extensions(extensions).unwrap();
            }
            tar.append_data(&mut header, path, data).unwrap();
        }
        tar.into_inner().unwrap()
    }

    fn written(rootfs: &[u8], additions: &Additions) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        fs_err::write(folder.path().join("rootfs.tar"), rootfs).unwrap();
        write_tar(&folder.path().join("rootfs.tar"), 1000, additions, Vec::new(), &CancellationToken::new()).unwrap()
    }

    fn entries(tar: &[u8]) -> Entries {
        let mut archive = tar::Archive::new(tar);
        let entry = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let attributes = extended_attributes(&mut entry).unwrap().into_iter().flat_map(|(_, value)| value).collect();
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            (path, entry.header().entry_type(), entry.header().mtime().unwrap(), attributes)
        };
        archive.entries().unwrap().map(entry).collect()
    }

    #[test]
    fn builders_and_their_moment_leave_no_trace() {
        let none = Additions::default();
        assert_eq!(written(&rootfs("alice", 5000), &none), written(&rootfs("bob", 6000), &none));
    }

    #[test]
    fn files_links_attributes_and_long_names_stay_and_devices_go() {
        let entries = entries(&written(&rootfs("alice", 5000), &Additions::default()));
        let paths: Vec<_> = entries.iter().map(|entry| entry.0.as_str()).collect();
        let long = format!("usr/{}", "long-name/".repeat(15));
        assert_eq!(paths[..4], ["bin", "dev/", "etc/ping", "etc/pong"]);
        assert_eq!(paths[4].trim_end_matches('/'), long.trim_end_matches('/'));
        assert_eq!(entries[2], ("etc/ping".into(), EntryType::Regular, 1000, b"\x01\0\0\x02".to_vec()));
        assert_eq!(entries[3].1, EntryType::Link);
    }

    #[test]
    fn files_are_put_in_beside_and_instead_and_links_lead_to_where_things_are() {
        let files = [("etc/ping", "new"), ("opt/tool/config", "set")].map(|(path, text)| (path.to_owned(), text.to_owned()));
        let beside = [("metadata.yaml".to_owned(), "{}".to_owned())].into();
        let tar = written(&rootfs("alice", 5000), &Additions { below: "rootfs/", beside, files: files.into() });
        let paths: Vec<_> = entries(&tar).into_iter().map(|entry| entry.0).filter(|path| !path.contains("long-name")).collect();
        let added = ["rootfs/opt/", "rootfs/opt/tool/", "rootfs/opt/tool/config"];
        assert_eq!(
            paths,
            [&["metadata.yaml", "rootfs/bin", "rootfs/dev/", "rootfs/etc/ping", "rootfs/etc/pong"][..], &added].concat()
        );
        let mut archive = tar::Archive::new(&tar[..]);
        let pong = archive.entries().unwrap().map(Result::unwrap).find(|entry| entry.path_bytes().ends_with(b"pong"));
        assert_eq!(pong.unwrap().link_name_bytes().unwrap(), &b"rootfs/etc/ping"[..]);
        let mut archive = tar::Archive::new(&tar[..]);
        let ping = archive.entries().unwrap().map(Result::unwrap).find(|entry| entry.path_bytes().ends_with(b"ping"));
        let mut text = String::new();
        ping.unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "new");
    }
}
