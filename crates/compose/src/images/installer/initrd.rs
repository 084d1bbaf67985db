//! The initrd of an installer: debian-installer's for the network, and behind it what it needs to read a disc.
//!
//! Linux unpacks archives that follow each other one after the other, each over the ones before. Each udeb is an archive of its own, so
//! that none can reach into another's files while it is unpacked here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

use charmer_packages::deb::field;

use super::super::{ImageError, blocking};
use crate::compression::{Compression, compress_gz, decompress};
use crate::files::{read_regular, set_modified};
use crate::tools::{Command, Runner};

/// What finds a disc and loads the other udebs from it.
const READERS: [&str; 3] = ["cdrom-detect", "cdrom-retriever", "load-cdrom"];
/// The drivers of what a disc can be in, by the names of their udebs: those that a kernel has.
const DRIVERS: [&str; 10] = [
    "cdrom-core-modules",
    "isofs-modules",
    "ata-modules",
    "pata-modules",
    "sata-modules",
    "scsi-core-modules",
    "scsi-modules",
    "usb-storage-modules",
    "fat-modules",
    "virtio-modules",
];
/// What would ask for a mirror and load udebs from there.
const NETWORK: [&str; 3] = ["download-installer", "choose-mirror", "net-retriever"];
/// debian-installer's database of its packages.
const STATUS: &str = "var/lib/dpkg/status";
/// Where net-retriever and debootstrap look for the key of the archive: the first name until Debian 12, the second since.
const KEYRINGS: [&str; 2] = ["usr/share/keyrings/archive.gpg", "usr/share/keyrings/archive.pgp"];
/// The lines that debian-installer needs to install a distribution that debootstrap does not know by name.
const OWN_ANSWERS: &str = "d-i base-installer/debootstrap_script string sid\n";
/// An initrd for all drivers of one kernel, unpacked, has some 150 MB.
const INITRD_LIMIT: u64 = 2 << 30;
const STATUS_LIMIT: usize = 64 << 20;
const CONTROL_LIMIT: u64 = 1 << 20;

/// A udeb, and where its file lies.
#[derive(Debug, Clone)]
pub(super) struct Udeb {
    pub name: String,
    /// Its entry in the index.
    pub stanza: String,
    pub file: PathBuf,
}

/// What is put behind an initrd.
pub(super) struct Additions<'a> {
    /// All that are on the medium.
    pub udebs: &'a [Udeb],
    /// The key of the repository, as gpgv reads it; none where nothing is signed.
    pub keyring: Option<Vec<u8>>,
    pub preseed: &'a str,
    /// Seconds since 1970.
    pub epoch: i64,
}

/// Writes an initrd that reads discs. `kernel` is the one that it has drivers for, and so must the udebs.
pub(super) async fn extend(
    runner: &Runner,
    original: &Path,
    additions: &Additions<'_>,
    work: &Path,
    output: &Path,
) -> Result<(), ImageError> {
    let status = status_of(runner, original, work).await?;
    let there = Installed::read(&status);
    let kernel = there.kernel().ok_or_else(|| unusable(original, "it has no kernel's modules"))?;
    let chosen = choose(additions.udebs, &there, &kernel)?;
    let mut parts = Vec::new();
    let mut status: String = there.without_network();
    for udeb in chosen {
        let folder = work.join("initrd").join(&udeb.name);
        status.push_str(&unpack(runner, udeb, &folder, additions.epoch).await?);
        parts.push(folder);
    }
    let own = work.join("initrd/charmer");
    write_own(&own, &status, additions)?;
    parts.push(own);
    let mut archive = Vec::new();
    for part in &parts {
        archive.extend(pack(runner, part).await?);
    }
    let (original, output) = (original.to_owned(), output.to_owned());
    blocking(move || {
        let mut whole = fs_err::read(&original)?;
        whole.extend(compress_gz(&archive, 9)?);
        fs_err::write(&output, whole)?;
        Ok(())
    })
    .await
}

fn unusable(initrd: &Path, reason: &str) -> ImageError {
    ImageError::InstallerInitrd { path: initrd.to_owned(), reason: reason.to_owned() }
}

/// The package database in an initrd.
async fn status_of(runner: &Runner, initrd: &Path, work: &Path) -> Result<String, ImageError> {
    let plain = work.join("initrd.cpio");
    let (from, to) = (initrd.to_owned(), plain.clone());
    blocking(move || {
        let packed = fs_err::File::open(&from)?;
        let bytes = decompress(Compression::Gzip, packed, INITRD_LIMIT).map_err(|error| unusable(&from, &error.to_string()))?;
        fs_err::write(&to, bytes)?;
        Ok(())
    })
    .await?;
    let read = Command::new("cpio")
        .args(["--extract", "--to-stdout", "--quiet", "--file"])
        .arg(&plain)
        .args([STATUS.to_owned(), format!("./{STATUS}")]);
    let status = runner.run(&read).await?.stdout;
    fs_err::remove_file(plain)?;
    if status.is_empty() || status.len() > STATUS_LIMIT {
        return Err(unusable(initrd, "it is not one of debian-installer: it has no database of packages"));
    }
    String::from_utf8(status).map_err(|_| unusable(initrd, "its database of packages is not text"))
}

/// The packages of an initrd.
struct Installed<'a> {
    /// By name.
    entries: BTreeMap<&'a str, &'a str>,
}

impl<'a> Installed<'a> {
    fn read(status: &'a str) -> Self {
        let entries = status.split("\n\n").map(str::trim).filter(|entry| !entry.is_empty());
        Self { entries: entries.filter_map(|entry| Some((field(entry.as_bytes(), "Package")?.trim(), entry))).collect() }
    }

    /// `6.1.0-50-amd64`
    fn kernel(&self) -> Option<String> {
        let kernel = self.entries.keys().find_map(|name| name.strip_prefix("kernel-image-")?.strip_suffix("-di"));
        kernel.map(str::to_owned)
    }

    fn has(&self, word: &str) -> bool {
        self.entries.contains_key(word) || self.entries.values().any(|entry| provided(entry).any(|one| one == word))
    }

    fn without_network(&self) -> String {
        let kept = self.entries.iter().filter(|(name, _)| !NETWORK.contains(name));
        kept.flat_map(|(_, entry)| [*entry, "\n\n"]).collect()
    }
}

/// The names of the first alternatives that a udeb depends on.
fn needed(stanza: &str) -> Vec<Vec<&str>> {
    let clauses = field(stanza.as_bytes(), "Depends").unwrap_or_default().split(',');
    clauses.map(|clause| clause.split('|').filter_map(word).collect::<Vec<_>>()).filter(|names| !names.is_empty()).collect()
}

fn provided(stanza: &str) -> impl Iterator<Item = &str> {
    field(stanza.as_bytes(), "Provides").unwrap_or_default().split(',').filter_map(word)
}

fn word(text: &str) -> Option<&str> {
    text.split([' ', '\n', '\t', '(', ':']).find(|word| !word.is_empty())
}

/// The udebs that are put into the initrd, each after what it needs.
fn choose<'a>(udebs: &'a [Udeb], there: &Installed<'_>, kernel: &str) -> Result<Vec<&'a Udeb>, ImageError> {
    let by_name: BTreeMap<&str, &Udeb> = udebs.iter().map(|udeb| (udeb.name.as_str(), udeb)).collect();
    if !by_name.contains_key(format!("kernel-image-{kernel}-di").as_str()) {
        let others = by_name.keys().filter_map(|name| name.strip_prefix("kernel-image-")?.strip_suffix("-di"));
        let others: Vec<_> = others.map(str::to_owned).collect();
        return Err(ImageError::InstallerKernel { kernel: kernel.to_owned(), others });
    }
    let drivers = DRIVERS.iter().map(|name| format!("{name}-{kernel}-di")).filter(|name| by_name.contains_key(name.as_str()));
    let mut waiting: VecDeque<Vec<String>> =
        READERS.iter().map(|name| vec![(*name).to_owned()]).chain(drivers.map(|name| vec![name])).collect();
    let mut chosen: Vec<&Udeb> = Vec::new();
    let mut names = BTreeSet::new();
    while let Some(alternatives) = waiting.pop_front() {
        let is_there = |word: &String| there.has(word) || names.contains(word.as_str());
        if alternatives.iter().any(is_there) {
            continue;
        }
        let provides = |udeb: &&&Udeb, word: &str| provided(&udeb.stanza).any(|one| one == word);
        let found = alternatives
            .iter()
            .find_map(|word| by_name.get(word.as_str()).or_else(|| by_name.values().find(|udeb| provides(udeb, word))).copied());
        let Some(udeb) = found else {
            return Err(ImageError::MissingUdeb { name: alternatives.join(" or ") });
        };
        names.insert(udeb.name.as_str());
        names.extend(provided(&udeb.stanza));
        let more = needed(&udeb.stanza).into_iter().map(|names| names.into_iter().map(str::to_owned).collect());
        waiting.extend(more);
        chosen.push(udeb);
    }
    Ok(chosen)
}

/// Unpacks a udeb as udpkg would, and gives its entry for the package database.
async fn unpack(runner: &Runner, udeb: &Udeb, folder: &Path, epoch: i64) -> Result<String, ImageError> {
    fs_err::create_dir_all(folder)?;
    runner.run(&Command::new("dpkg-deb").arg("--extract").arg(&udeb.file).arg(folder)).await?;
    let control = folder.with_extension("control");
    runner.run(&Command::new("dpkg-deb").arg("--control").arg(&udeb.file).arg(&control)).await?;
    let text = control.join("control");
    // A link would lead out of the folder.
    let info = ["var", "var/lib", "var/lib/dpkg", "var/lib/dpkg/info"].map(|part| folder.join(part));
    if info.iter().chain([&text]).any(|path| path.is_symlink()) {
        return Err(ImageError::StrangeUdeb { name: udeb.name.clone() });
    }
    let text = String::from_utf8_lossy(&read_regular(&text, CONTROL_LIMIT)?).into_owned();
    let [.., info] = info;
    fs_err::create_dir_all(&info)?;
    for entry in fs_err::read_dir(&control)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.file_type()?.is_file() && name != "control" {
            let target = info.join(format!("{}.{}", udeb.name, name.to_string_lossy()));
            let mut copy = fs_err::OpenOptions::new().write(true).create_new(true).open(&target)?;
            std::io::copy(&mut fs_err::File::open(entry.path())?, &mut copy)?;
            fs_err::set_permissions(&target, entry.metadata()?.permissions())?;
            set_modified(&target, epoch)?;
        }
    }
    fs_err::remove_dir_all(control)?;
    for part in ["var/lib/dpkg/info", "var/lib/dpkg", "var/lib", "var", ""] {
        set_modified(&folder.join(part), epoch)?;
    }
    let text = text.trim_end();
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    Ok(format!("{first}\nStatus: install ok unpacked\n{rest}\n\n"))
}

/// The files that are ours: the database of all packages, the answers, the key.
fn write_own(folder: &Path, status: &str, additions: &Additions<'_>) -> Result<(), ImageError> {
    let mut files = vec![
        (STATUS, status.as_bytes().to_vec()),
        ("preseed.cfg", format!("{OWN_ANSWERS}{}\n", additions.preseed.trim_end()).into_bytes()),
    ];
    for place in KEYRINGS {
        files.extend(additions.keyring.clone().map(|keyring| (place, keyring)));
    }
    for (place, content) in files {
        let path = folder.join(place);
        fs_err::create_dir_all(path.parent().unwrap_or(folder))?;
        fs_err::write(&path, content)?;
        for path in path.ancestors().take_while(|path| path.starts_with(folder)) {
            set_modified(path, additions.epoch)?;
        }
    }
    Ok(())
}

/// An archive of a folder, the same for the same files.
async fn pack(runner: &Runner, folder: &Path) -> Result<Vec<u8>, ImageError> {
    let mut names = Vec::new();
    collect(folder, "", &mut names)?;
    let command = Command::new("cpio")
        .args(["--create", "--null", "--format=newc", "--reproducible", "--owner=0:0", "--quiet"])
        .folder(folder)
        .input(names.iter().flat_map(|name| [name.as_bytes(), b"\0"]).flatten().copied().collect::<Vec<u8>>());
    Ok(runner.run(&command).await?.stdout)
}

/// The paths below a folder, folders before what is in them. Links are not followed.
fn collect(root: &Path, below: &str, names: &mut Vec<String>) -> std::io::Result<()> {
    let mut entries: Vec<_> = fs_err::read_dir(root.join(below))?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs_err::DirEntry::file_name);
    for entry in entries {
        let name =
            entry.file_name().into_string().map_err(|name| std::io::Error::other(format!("{} is no text", name.display())))?;
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        names.push(path.clone());
        if entry.file_type()?.is_dir() {
            collect(root, &path, names)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udeb(name: &str, fields: &str) -> Udeb {
        Udeb { name: name.into(), stanza: format!("Package: {name}\n{fields}\n"), file: PathBuf::new() }
    }

    const STATUS_TEXT: &str = "Package: kernel-image-6.1.0-50-amd64-di\nStatus: install ok unpacked\n\nPackage: anna\nVersion: 1\n\nPackage: cdebconf-udeb\nProvides: debconf-2.0\n\nPackage: choose-mirror\nVersion: 2\n\n";

    #[test]
    fn readers_come_with_what_the_initrd_lacks_and_drivers_of_its_kernel() {
        let udebs = [
            udeb("kernel-image-6.1.0-50-amd64-di", ""),
            udeb("cdrom-detect", "Depends: cdebconf-udeb, hw-detect (>= 1)"),
            udeb("cdrom-retriever", "Depends: debconf-2.0, cdrom-detect"),
            udeb("load-cdrom", "Depends: cdrom-retriever, anna"),
            udeb("hw-detect", ""),
            udeb("isofs-modules-6.1.0-50-amd64-di", "Depends: kernel-image-6.1.0-50-amd64-di, cdrom-modules | other"),
            udeb("cdrom-core-modules-6.1.0-50-amd64-di", "Provides: cdrom-modules"),
            udeb("isofs-modules-6.1.0-47-amd64-di", ""),
            udeb("partman-base", ""),
        ];
        let there = Installed::read(STATUS_TEXT);
        let chosen = choose(&udebs, &there, &there.kernel().unwrap()).unwrap();
        let names: Vec<_> = chosen.iter().map(|udeb| udeb.name.as_str()).collect();
        let expected = [
            "cdrom-detect",
            "cdrom-retriever",
            "load-cdrom",
            "cdrom-core-modules-6.1.0-50-amd64-di",
            "isofs-modules-6.1.0-50-amd64-di",
            "hw-detect",
        ];
        assert_eq!(names, expected);
        assert!(!there.without_network().contains("choose-mirror") && there.without_network().contains("Package: anna\n"));
    }

    #[test]
    fn an_initrd_of_another_kernel_is_refused_and_so_is_a_udeb_that_nothing_satisfies() {
        let there = Installed::read(STATUS_TEXT);
        let other = [udeb("kernel-image-6.1.0-47-amd64-di", "")];
        let error = choose(&other, &there, "6.1.0-50-amd64").unwrap_err().to_string();
        assert!(error.contains("6.1.0-50-amd64") && error.contains("6.1.0-47-amd64"), "{error}");
        let alone = [udeb("kernel-image-6.1.0-50-amd64-di", ""), udeb("cdrom-detect", "Depends: hw-detect")];
        let error = choose(&alone, &there, "6.1.0-50-amd64").unwrap_err().to_string();
        assert!(error.contains("cdrom-retriever"), "{error}");
    }
}
