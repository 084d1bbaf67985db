//! The one kernel of an unpacked root file system.

use std::path::{Path, PathBuf};

use super::ImageError;

/// A kernel as its package installs it.
#[derive(Debug)]
pub(super) struct Kernel {
    /// What `uname -r` will say, and what the folder of its modules is called.
    pub(super) version: String,
    pub(super) image: PathBuf,
    boot: PathBuf,
}

impl Kernel {
    /// The kernel in `/boot`; several, or none, are an error.
    pub(super) fn of_tree(tree: &Path, arch: &str) -> Result<Self, ImageError> {
        let boot = tree.join("boot");
        let mut versions = Vec::new();
        for entry in fs_err::read_dir(&boot)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let version = name.strip_prefix("vmlinuz-").or_else(|| name.strip_prefix("vmlinux-"));
            versions.extend(version.map(|version| (version.to_owned(), name.clone())));
        }
        versions.sort_unstable();
        match versions.as_slice() {
            [] => Err(ImageError::NoKernel { arch: arch.to_owned() }),
            [(version, name)] => Ok(Self { version: version.clone(), image: boot.join(name), boot }),
            _ => Err(ImageError::SeveralKernels(versions.into_iter().map(|(version, _)| version).collect())),
        }
    }

    /// What starts the system behind it.
    pub(super) fn initrd(&self) -> Result<PathBuf, ImageError> {
        let initrd = self.boot.join(format!("initrd.img-{}", self.version));
        if fs_err::metadata(&initrd).is_ok_and(|data| data.is_file()) {
            return Ok(initrd);
        }
        Err(ImageError::NoInitrd { kernel: self.version.clone() })
    }
}

/// Whatever the kernel would start; it may be a link that leads somewhere only in the started system.
pub(super) fn require_init(tree: &Path) -> Result<(), ImageError> {
    match fs_err::symlink_metadata(tree.join("usr/sbin/init")).or_else(|_| fs_err::symlink_metadata(tree.join("sbin/init"))) {
        Ok(_) => Ok(()),
        Err(_) => Err(ImageError::NoInit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        fs_err::create_dir(tree.path().join("boot")).unwrap();
        for file in files {
            fs_err::write(tree.path().join("boot").join(file), "").unwrap();
        }
        tree
    }

    #[test]
    fn a_medium_has_exactly_one_kernel_with_its_initrd() {
        let initrd = |files: &[&str]| Kernel::of_tree(tree(files).path(), "amd64").and_then(|kernel| kernel.initrd());
        let error = |files: &[&str]| initrd(files).unwrap_err().to_string();
        assert!(error(&["config-6.12"]).contains("linux-image-amd64"));
        assert!(error(&["vmlinuz-6.12", "vmlinuz-6.1", "initrd.img-6.12"]).contains("(6.1, 6.12)"));
        assert!(error(&["vmlinuz-6.12", "initrd.img-6.1"]).contains("6.12 has no initrd"));
        let tree = tree(&["vmlinuz-6.12", "initrd.img-6.12"]);
        assert!(Kernel::of_tree(tree.path(), "amd64").unwrap().initrd().is_ok());
    }
}
