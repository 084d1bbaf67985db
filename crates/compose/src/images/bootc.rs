//! Bootable containers: an OSTree tree with its /etc in place, as an OCI image whose layers follow packages, so that an update of one
//! package is fetched as one layer. The rules: bootc's documentation, "Bootable container image guidance" and `bootc container lint`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::chunks::{Chunks, Shape};
use super::layer::write_layers;
use super::oci::write_archive;
use super::{ContainerSpec, ImageError, Rootfs, blocking};

/// What the image runs with and how it is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BootcSpec {
    pub container: ContainerSpec,
    /// Parameters for the kernel, which every machine gets.
    pub kernel_arguments: Vec<String>,
    /// What `bootc install` makes the root file system of: `ext4`, `xfs`, `btrfs`.
    pub root_filesystem: String,
}

/// Labels by which tools know such an image.
pub fn labels() -> BTreeMap<String, String> {
    [("containers.bootc", "1"), ("ostree.bootable", "1")].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Whether a text is one kernel argument: nothing that TOML or the kernel would take for its end.
pub fn is_kernel_argument(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && !"\"'\\".contains(c))
}

/// Writes the archive to `output`, from an OSTree tree.
pub(super) async fn build(
    spec: &BootcSpec,
    tree: &Rootfs,
    work: &Path,
    output: &Path,
    cancel: CancellationToken,
) -> Result<(), ImageError> {
    let (spec, tree, work, output) = (spec.clone(), tree.clone(), work.to_owned(), output.to_owned());
    blocking(move || {
        let chunks = Chunks::of_tree(&tree.tar, Shape::Ostree, &cancel)?;
        let problems = lints(chunks.paths());
        if !problems.is_empty() {
            return Err(ImageError::NotBootable(problems));
        }
        let layers = write_layers(&tree.tar, &spec.files(), &chunks, &work, &cancel)?;
        let diff_ids = layers.iter().map(|(layer, _)| layer.diff_id).collect();
        let config = spec.container.image_config(&tree, diff_ids)?;
        write_archive(&config, &spec.container.reference, &layers, tree.epoch, &output)
    })
    .await
}

impl BootcSpec {
    pub(super) fn validate(&self, arch: &str) -> Result<(), ImageError> {
        self.container.validate(arch)?;
        if let Some(argument) = self.kernel_arguments.iter().find(|argument| !is_kernel_argument(argument)) {
            let reason = "one word without quotes is expected";
            return Err(ImageError::Invalid { what: "kernel argument", value: argument.clone(), reason });
        }
        Ok(())
    }

    /// What bootc reads of the image, beside its labels.
    fn files(&self) -> BTreeMap<String, String> {
        let install = format!("[install.filesystem.root]\ntype = \"{}\"\n", self.root_filesystem);
        let mut files = BTreeMap::from([("usr/lib/bootc/install/50-charmer.toml".to_owned(), install)]);
        if !self.kernel_arguments.is_empty() {
            let words: Vec<_> = self.kernel_arguments.iter().map(|argument| format!("\"{argument}\"")).collect();
            files.insert("usr/lib/bootc/kargs.d/50-charmer.toml".to_owned(), format!("kargs = [{}]\n", words.join(", ")));
        }
        files
    }
}

/// What bootc would refuse: the fatal ones of its own lints that can be seen by paths, and that nothing lies where a machine has its own.
fn lints<'a>(paths: impl Iterator<Item = &'a str>) -> Vec<String> {
    let paths: BTreeSet<&str> = paths.collect();
    let below = |folder: &str| {
        let start = format!("{folder}/");
        paths.range(&*start..).next().filter(|path| path.starts_with(&start)).map(ToString::to_string)
    };
    let mut problems = Vec::new();
    for folder in ["boot", "dev", "run", "tmp", "var"] {
        problems.extend(below(folder).map(|path| format!("/{path} is there, where each machine has its own")));
    }
    if paths.contains("etc") && paths.contains("usr/etc") {
        problems.push("/etc and /usr/etc are both there".to_owned());
    }
    for needed in ["dev", "etc", "ostree", "proc", "run", "sys", "sysroot", "tmp", "usr", "var"] {
        if !paths.contains(needed) {
            problems.push(format!("/{needed} is missing"));
        }
    }
    let kernels: Vec<_> = paths
        .range("usr/lib/modules/"..)
        .take_while(|path| path.starts_with("usr/lib/modules/"))
        .filter_map(|path| path.strip_suffix("/vmlinuz"))
        .collect();
    match kernels.as_slice() {
        [kernel] if paths.contains(format!("{kernel}/initramfs.img").as_str()) => {}
        [kernel] => problems.push(format!("/{kernel} has no initramfs.img")),
        kernels => problems.push(format!("there are {} kernels below /usr/lib/modules, 1 is expected", kernels.len())),
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [&str; 15] = [
        "boot",
        "dev",
        "etc",
        "etc/hostname",
        "ostree",
        "proc",
        "run",
        "sys",
        "sysroot",
        "tmp",
        "usr",
        "usr/lib/modules/6.12",
        "usr/lib/modules/6.12/vmlinuz",
        "usr/lib/modules/6.12/initramfs.img",
        "var",
    ];

    fn with(more: &[&'static str]) -> String {
        lints(GOOD.into_iter().chain(more.iter().copied())).join("; ")
    }

    #[test]
    fn what_bootc_would_refuse_is_named() {
        assert_eq!(with(&[]), "");
        assert!(with(&["boot/vmlinuz"]).contains("/boot/vmlinuz is there"));
        assert!(with(&["var/lib", "var/lib/dpkg"]).contains("/var/lib is there"));
        assert!(with(&["usr/etc"]).contains("both there"));
        assert!(with(&["usr/lib/modules/6.13/vmlinuz"]).contains("2 kernels"));
        let without = |path: &str| lints(GOOD.into_iter().filter(|good| *good != path)).join("; ");
        assert!(without("usr/lib/modules/6.12/initramfs.img").contains("has no initramfs.img"));
        assert!(without("sysroot").contains("/sysroot is missing"));
    }

    #[test]
    fn kernel_arguments_become_a_file_of_bootcs() {
        let spec = BootcSpec {
            container: ContainerSpec::default(),
            kernel_arguments: vec!["console=ttyS0".into(), "quiet".into()],
            root_filesystem: "ext4".into(),
        };
        assert_eq!(spec.files()["usr/lib/bootc/kargs.d/50-charmer.toml"], "kargs = [\"console=ttyS0\", \"quiet\"]\n");
        assert!(!is_kernel_argument("a\"") && !is_kernel_argument("a b") && is_kernel_argument("root=LABEL=x"));
    }
}
