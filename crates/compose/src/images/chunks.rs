//! Which layer of an image each file of a tree lies in: one for each large package, and for each large file without one; a fixed number
//! for all others; and layers of their own for what changes with any of them: the initramfs and the package database, but for what
//! that keeps of one package alone. What a package's files are, its database says.
//!
//! A package keeps its layer whatever comes and goes beside it.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::ImageError;
use crate::digest::Sha256;

/// A package of so many bytes has a layer of its own.
const LARGE: u64 = 1 << 20;
/// With those below, fewer layers than the 127 that overlayfs stacks.
const MOST_LARGE: usize = 80;
/// All other packages share these.
const SHARED: usize = 32;
/// A list of a package's files is smaller than this.
const LIST_LIMIT: u64 = 64 << 20;

/// The shape of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// As packages are installed.
    Installed,
    /// As OSTree has it: everything is below /usr.
    Ostree,
}

impl Shape {
    /// Where the package database lies.
    const fn database(self) -> &'static str {
        match self {
            Self::Installed => "var/lib/dpkg/",
            Self::Ostree => "usr/lib/sysimage/dpkg/",
        }
    }

    /// The package of which the database keeps this file: `libc6` of `info/libc6:amd64.list`.
    fn described_by(self, path: &str) -> Option<&str> {
        let (name, _) = path.strip_prefix(self.database())?.strip_prefix("info/")?.rsplit_once('.')?;
        name.split(':').next()
    }

    /// Where the tree has what a package says that it has: below /usr and, with OSTree, what was in folders of the machine's own as
    /// their beginning.
    fn in_tree(self, path: &str) -> String {
        let path = path.trim_start_matches('/');
        let first = path.split('/').next().unwrap_or(path);
        match (first, self) {
            ("bin" | "sbin" | "lib" | "lib32" | "lib64" | "libx32", _) => format!("usr/{path}"),
            ("var", Self::Ostree) => path
                .strip_prefix("var/lib/dpkg/")
                .map_or_else(|| format!("usr/share/factory/{path}"), |inner| format!("{}{inner}", self.database())),
            ("home" | "srv" | "mnt" | "opt", Self::Ostree) => format!("usr/share/factory/var/{path}"),
            _ => path.to_owned(),
        }
    }
}

/// The layers of a tree, the lowest first.
#[derive(Debug)]
pub(super) struct Chunks {
    numbers: HashMap<String, usize>,
    /// What is in each.
    names: Vec<String>,
}

impl Chunks {
    /// Reads a tree's tar file.
    pub(super) fn of_tree(tar: &Path, shape: Shape, cancel: &CancellationToken) -> Result<Self, ImageError> {
        let (sizes, lists) = read(tar, shape, cancel)?;
        let mut owners: HashMap<&str, &str> = HashMap::new();
        for (package, list) in &lists {
            for path in list {
                owners.entry(path).or_insert(package);
            }
        }
        // A large file that no package brought, such as a database that was made of many, stands for itself.
        for (path, _) in sizes.iter().filter(|(_, size)| **size >= LARGE) {
            owners.entry(path).or_insert(path);
        }
        let mut of_packages: BTreeMap<&str, u64> = BTreeMap::new();
        for (path, size) in &sizes {
            if let Some(package) = owners.get(path.as_str()) {
                *of_packages.entry(package).or_default() += size;
            }
        }
        let mut large: Vec<_> = of_packages.into_iter().filter(|(_, size)| *size >= LARGE).collect();
        large.sort_by_key(|(package, size)| (std::cmp::Reverse(*size), *package));
        large.truncate(MOST_LARGE);
        // The base, the large ones by name, the shared ones, the initramfs, the database.
        let mut names: Vec<&str> = large.into_iter().map(|(package, _)| package).collect();
        names.sort_unstable();
        let first_shared = 1 + names.len();
        let (initramfs, database) = (first_shared + SHARED, first_shared + SHARED + 1);
        let of_package = |package: &str| {
            names.binary_search(&package).map_or_else(|_| first_shared + shared_by(package), |position| 1 + position)
        };
        let number_of = |path: &str| match owners.get(path) {
            // The day on which passwords were changed last is that of the compose.
            _ if path == "etc/shadow" || path == "etc/shadow-" => database,
            _ if path.starts_with(shape.database()) => shape.described_by(path).map_or(database, of_package),
            _ if path.starts_with("usr/lib/modules/") && path.ends_with("/initramfs.img") => initramfs,
            Some(package) => of_package(package),
            None => 0,
        };
        let numbers = sizes.keys().map(|path| (path.clone(), number_of(path))).collect();
        let shared = (1..=SHARED).map(|number| format!("small packages {number}"));
        let of_packages = names.iter().map(|name| (*name).to_owned());
        let last = ["initramfs", "package database"].map(str::to_owned);
        let names = std::iter::once("base".to_owned()).chain(of_packages).chain(shared).chain(last).collect();
        Ok(Self { numbers, names })
    }

    pub(super) const fn count(&self) -> usize {
        self.names.len()
    }

    /// What is in each layer, in words, and the paths of its files.
    pub(super) fn layers(&self) -> Vec<(&str, Vec<&str>)> {
        let mut layers: Vec<_> = self.names.iter().map(|name| (name.as_str(), Vec::new())).collect();
        for (path, number) in &self.numbers {
            layers[*number].1.push(path.as_str());
        }
        for (_, paths) in &mut layers {
            paths.sort_unstable();
        }
        layers
    }

    /// The layer of a path; what is not in the tree is in the base.
    pub(super) fn number(&self, path: &str) -> usize {
        self.numbers.get(path).copied().unwrap_or(0)
    }

    /// Every path of the tree.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.numbers.keys().map(String::as_str)
    }
}

fn shared_by(package: &str) -> usize {
    usize::from(Sha256::of(package.as_bytes()).as_bytes()[0]) % SHARED
}

type Sizes = BTreeMap<String, u64>;
type Lists = BTreeMap<String, Vec<String>>;

/// Sizes of all paths, and the paths of all packages.
fn read(tar: &Path, shape: Shape, cancel: &CancellationToken) -> Result<(Sizes, Lists), ImageError> {
    let (mut sizes, mut lists) = (BTreeMap::new(), BTreeMap::new());
    let mut archive = tar::Archive::new(fs_err::File::open(tar)?);
    for entry in archive.entries_with_seek()? {
        if cancel.is_cancelled() {
            return Err(ImageError::Cancelled);
        }
        let entry = entry?;
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let path = path.strip_prefix("./").unwrap_or(&path).trim_end_matches('/').to_owned();
        if path.is_empty() {
            continue;
        }
        let size = if entry.header().entry_type().is_file() { entry.size() } else { 0 };
        if let Some(package) = shape.described_by(&path).filter(|_| path.strip_suffix(".list").is_some()) {
            let package = package.to_owned();
            let mut text = Vec::new();
            entry.take(LIST_LIMIT).read_to_end(&mut text)?;
            let files = String::from_utf8_lossy(&text).lines().map(|line| shape.in_tree(line)).collect();
            lists.insert(package, files);
        }
        sizes.insert(path, size);
    }
    Ok((sizes, lists))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree of packages with their files, each a name and a size.
    fn tree_of(shape: Shape, packages: &[(&str, &[(&str, u64)])], unowned: &[(&str, u64)]) -> Chunks {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tree.tar");
        let mut tar = tar::Builder::new(fs_err::File::create(&path).unwrap());
        let mut add = |path: &str, bytes: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, path, bytes).unwrap();
        };
        for (package, files) in packages {
            let lines: Vec<_> = files.iter().map(|(path, _)| format!("/{path}")).collect();
            add(&format!("{}info/{package}.list", shape.database()), lines.join("\n").as_bytes());
        }
        let zeros = |size: u64| vec![0; usize::try_from(size).unwrap()];
        for (file, size) in packages.iter().flat_map(|(_, files)| *files).chain(unowned) {
            add(&shape.in_tree(file), &zeros(*size));
        }
        drop(tar);
        Chunks::of_tree(&path, shape, &CancellationToken::new()).unwrap()
    }

    fn tree(packages: &[(&str, &[(&str, u64)])], unowned: &[(&str, u64)]) -> Chunks {
        tree_of(Shape::Ostree, packages, unowned)
    }

    #[test]
    fn a_tree_as_it_is_installed_has_its_files_and_database_elsewhere() {
        let large: &[(&str, u64)] = &[("lib/large.so", LARGE), ("var/lib/large/state", 1), ("opt/large", 1)];
        let chunks = tree_of(Shape::Installed, &[("large", large)], &[("etc/ld.so.cache", 1), ("var/lib/dpkg/status", 1)]);
        let numbers = ["usr/lib/large.so", "var/lib/large/state", "opt/large"].map(|path| chunks.number(path));
        assert!(numbers[0] != 0 && numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
        assert_eq!(chunks.number("var/lib/dpkg/info/large.list"), numbers[0]);
        let database = chunks.number("var/lib/dpkg/status");
        assert!(database != 0 && database != numbers[0] && chunks.number("etc/ld.so.cache") == 0);
    }

    #[test]
    fn packages_keep_together_and_what_changes_alone_lies_alone() {
        let large: &[(&str, u64)] = &[("usr/lib/large.so", LARGE), ("lib/large-too.so", 1), ("var/lib/large/state", 1)];
        let packages = [("large:amd64", large), ("small", &[("usr/bin/small", 1), ("etc/small", 1)])];
        let status = format!("{}status", Shape::Ostree.database());
        let unowned = [
            ("usr/lib/hwdb.bin", LARGE),
            ("etc/ld.so.cache", 1),
            ("usr/lib/modules/6.12/initramfs.img", 3),
            (status.as_str(), LARGE),
        ];
        let chunks = tree(&packages, &unowned);
        let number = |path: &str| chunks.number(path);
        assert_eq!(number("etc/ld.so.cache"), 0);
        let of_large = ["usr/lib/large.so", "usr/lib/large-too.so", "usr/share/factory/var/lib/large/state"].map(number);
        assert!(of_large[0] != 0 && of_large.iter().all(|number| *number == of_large[0]), "{of_large:?}");
        assert_eq!(number("usr/bin/small"), number("etc/small"));
        let apart =
            ["etc/ld.so.cache", "usr/lib/large.so", "usr/lib/hwdb.bin", "usr/bin/small", "usr/lib/modules/6.12/initramfs.img"];
        // The database has a layer, without what it keeps of one package alone.
        assert_eq!(number(&format!("{}info/small.list", Shape::Ostree.database())), number("usr/bin/small"));
        let numbers: std::collections::BTreeSet<_> = apart.into_iter().chain([status.as_str()]).map(number).collect();
        assert!(numbers.len() == 6 && numbers.iter().all(|number| *number < chunks.count()), "{numbers:?}");
    }

    #[test]
    fn a_package_keeps_its_layer_when_others_come() {
        let small: &[(&str, u64)] = &[("usr/bin/small", 1)];
        let (one, two) = (tree(&[("small", small)], &[]), tree(&[("added", &[("usr/bin/added", LARGE)]), ("small", small)], &[]));
        // Behind one large package more, in the same of the shared ones.
        assert_eq!(one.number("usr/bin/small") + 1, two.number("usr/bin/small"));
        assert!(two.count() <= 1 + MOST_LARGE + SHARED + 2 && 1 + MOST_LARGE + SHARED + 2 < 127);
    }
}
