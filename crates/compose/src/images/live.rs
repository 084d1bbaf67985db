//! Live images: an ISO that boots into a root file system held in a squashfs, by BIOS and EFI, from a disc or a stick.
//!
//! The root file system brings kernel, initrd and live-boot itself, so that kernel and modules cannot differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::boot_loader;
use super::medium::{volume_id, write_iso};
use super::{ImageError, RequiredProgram, Rootfs, blocking, program};
use crate::digest::Sha256;
use crate::tools::{Command, Runner};

pub(super) const PROGRAMS: &[RequiredProgram] =
    &[program("mksquashfs", "squashfs-tools"), program("unsquashfs", "squashfs-tools")];

/// What a live system cannot do without, besides a kernel and an init: what finds the squashfs, and what lets people in (agetty
/// starts login, which is not Essential).
pub(super) const PACKAGES: &[&str] = &["live-boot", "login"];

/// Where the parts lie on the medium; live-boot finds the squashfs by this name.
pub const SQUASHFS: &str = "live/filesystem.squashfs";
pub const KERNEL: &str = "live/vmlinuz";
pub const INITRD: &str = "live/initrd.img";
pub const DISK_INFO: &str = ".disk/info";

/// The arches that live images can be made for: those whose boot loader is known here.
pub const ARCHES: [&str; 1] = ["amd64"];

/// What a boot parameter is made of: nothing that GRUB would take for the end of a word.
pub const BOOT_PARAMETER_FORM: &str = "letters, digits and =.,:_-/@+ are expected";

/// Whether a text is one boot parameter.
pub fn is_boot_parameter(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "=.,:_-/@+".contains(c))
}

/// What a live image says of itself and how it boots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LiveSpec {
    /// The title of the menu and of `.disk/info`: release name and version.
    pub title: String,
    /// See [`super::medium::volume_id`].
    pub volume_id: String,
    /// Parameters for the kernel, besides those that the medium needs.
    pub boot_parameters: Vec<String>,
}

/// Who may use a started live system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LiveLogin {
    /// Whoever sits at the screen or the serial line is root, as on other live media: they hold the medium anyway. No password
    /// works, over the network neither.
    #[default]
    Console,
    /// Nobody without an account that the image brings, such as root with [`super::RootfsSpec::root_password`].
    Accounts,
}

/// The files that make a root file system a live one, for [`super::RootfsSpec::files`].
pub fn files(hostname: &str, login: LiveLogin) -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([
        ("etc/hostname".to_owned(), format!("{hostname}\n")),
        ("etc/hosts".to_owned(), format!("127.0.0.1\tlocalhost\n127.0.1.1\t{hostname}\n::1\tlocalhost ip6-localhost\n")),
    ]);
    if login == LiveLogin::Console {
        for (unit, line) in [("getty@", "--noclear - $TERM"), ("serial-getty@", "--keep-baud 115200,57600,38400,9600 - $TERM")] {
            let text = format!("[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root {line}\n");
            files.insert(format!("etc/systemd/system/{unit}.service.d/live-login.conf"), text);
        }
    }
    files
}

/// Writes the ISO to `output`.
pub(super) async fn build(
    runner: &Runner,
    spec: &LiveSpec,
    rootfs: &Rootfs,
    work: &Path,
    output: &Path,
) -> Result<(), ImageError> {
    let medium = work.join("medium");
    let tree = unpack(runner, rootfs, work).await?;
    require_init(&tree)?;
    Kernel::of_tree(&tree, &rootfs.arch)?.copy_to(&medium)?;
    make_squashfs(runner, &tree, &medium.join(SQUASHFS), rootfs.epoch).await?;
    let write = async {
        let mark = write_marks(spec, rootfs, &medium).await?;
        let boot_loader = boot_loader::install(runner, &spec.menu(), &mark, rootfs.epoch, &medium, work).await?;
        write_iso(runner, &spec.volume_id, &boot_loader, rootfs.epoch, &medium, output).await
    };
    // The room is needed at once, but nobody has to wait for it.
    let (removed, written) = tokio::join!(remove_folder(tree), write);
    removed?;
    written?;
    remove_folder(medium).await
}

impl LiveSpec {
    /// What can be said before there is a root file system.
    pub(super) fn validate(&self, arch: &str) -> Result<(), ImageError> {
        if !ARCHES.contains(&arch) {
            return Err(ImageError::UnsupportedArch { kind: "live", arch: arch.to_owned(), supported: ARCHES.join(", ") });
        }
        if self.volume_id.is_empty() || volume_id(&self.volume_id) != self.volume_id {
            let reason = "1 to 32 upper-case letters, digits and '_' are expected";
            return Err(ImageError::Invalid { what: "volume id", value: self.volume_id.clone(), reason });
        }
        if self.title.is_empty() || self.title.contains(char::is_control) {
            let reason = "one line of text is expected";
            return Err(ImageError::Invalid { what: "title", value: self.title.clone(), reason });
        }
        if let Some(parameter) = self.boot_parameters.iter().find(|text| !is_boot_parameter(text)) {
            let (what, reason) = ("boot parameter", BOOT_PARAMETER_FORM);
            return Err(ImageError::Invalid { what, value: parameter.clone(), reason });
        }
        Ok(())
    }

    fn menu(&self) -> String {
        // The last console is /dev/console, where the system reports; both get the kernel's messages and a login.
        let screen = "console=ttyS0,115200 console=tty0";
        let serial = "console=tty0 console=ttyS0,115200";
        let entries = [
            ("", screen.to_owned()),
            (" (reports on the serial console)", serial.to_owned()),
            (" (check the medium first)", format!("{screen} verify-checksums")),
            (" (run from memory)", format!("{screen} toram")),
            (" (plain graphics)", format!("{screen} nomodeset")),
        ];
        let entry = |(suffix, parameters): (&str, String)| {
            let parameters = [&[parameters], self.boot_parameters.as_slice()].concat().join(" ");
            let title = boot_loader::quote(&format!("{}{suffix}", self.title));
            format!("menuentry {title} {{\n  linux /{KERNEL} boot=live {parameters}\n  initrd /{INITRD}\n}}\n")
        };
        entries.into_iter().map(entry).collect()
    }
}

/// Unpacks the root file system, owners and attributes included.
async fn unpack(runner: &Runner, rootfs: &Rootfs, work: &Path) -> Result<PathBuf, ImageError> {
    let is_missing = |name: &&&str| !rootfs.installed.iter().any(|package| package.split('_').next() == Some(**name));
    if let Some(package) = PACKAGES.iter().find(is_missing) {
        return Err(ImageError::MissingPackage { kind: "live", package });
    }
    let tree = work.join("tree");
    fs_err::create_dir(&tree)?;
    let command = Command::new("tar")
        .args(["--extract", "--numeric-owner", "--same-permissions", "--xattrs", "--xattrs-include=*", "--file"])
        .arg(&rootfs.tar)
        .arg("--directory")
        .arg(&tree);
    runner.run(&command).await?;
    Ok(tree)
}

async fn remove_folder(folder: PathBuf) -> Result<(), ImageError> {
    blocking(move || Ok(fs_err::remove_dir_all(folder)?)).await
}

/// Whatever the kernel would start; it may be a link that leads somewhere only in the started system.
fn require_init(tree: &Path) -> Result<(), ImageError> {
    match fs_err::symlink_metadata(tree.join("usr/sbin/init")).or_else(|_| fs_err::symlink_metadata(tree.join("sbin/init"))) {
        Ok(_) => Ok(()),
        Err(_) => Err(ImageError::NoInit),
    }
}

/// The one kernel of a tree.
struct Kernel {
    image: PathBuf,
    initrd: PathBuf,
}

impl Kernel {
    fn of_tree(tree: &Path, arch: &str) -> Result<Self, ImageError> {
        let boot = tree.join("boot");
        let mut versions = Vec::new();
        for entry in fs_err::read_dir(&boot)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            versions.extend(name.strip_prefix("vmlinuz-").map(str::to_owned));
        }
        versions.sort_unstable();
        let version = match versions.as_slice() {
            [] => return Err(ImageError::NoKernel { arch: arch.to_owned() }),
            [version] => version,
            _ => return Err(ImageError::SeveralKernels(versions)),
        };
        let (image, initrd) = (boot.join(format!("vmlinuz-{version}")), boot.join(format!("initrd.img-{version}")));
        if !fs_err::metadata(&initrd).is_ok_and(|data| data.is_file()) {
            return Err(ImageError::NoInitrd { kernel: version.clone() });
        }
        Ok(Self { image, initrd })
    }

    fn copy_to(&self, medium: &Path) -> Result<(), ImageError> {
        for (from, to) in [(&self.image, KERNEL), (&self.initrd, INITRD)] {
            let to = medium.join(to);
            fs_err::create_dir_all(to.parent().expect("it lies in a folder of the medium"))?;
            fs_err::copy(from, to)?;
        }
        Ok(())
    }
}

/// The kernel's files are on the medium beside it, and left out.
async fn make_squashfs(runner: &Runner, tree: &Path, output: &Path, epoch: i64) -> Result<(), ImageError> {
    let command = Command::new("mksquashfs")
        .arg(tree)
        .arg(output)
        .args(["-noappend", "-no-progress", "-comp", "zstd", "-Xcompression-level", "15", "-b", "256K"])
        .args(["-wildcards", "-e", "boot/*"])
        .env("SOURCE_DATE_EPOCH", epoch.to_string());
    runner.run(&command).await?;
    Ok(())
}

/// Writes what tells this medium from all others: for people, and a file for the boot loader to search.
async fn write_marks(spec: &LiveSpec, rootfs: &Rootfs, medium: &Path) -> Result<String, ImageError> {
    let squashfs = medium.join(SQUASHFS);
    let (digest, _) = blocking(move || Ok(Sha256::of_file(&squashfs)?)).await?;
    let mark = format!(".disk/id/{}", digest.short());
    fs_err::create_dir_all(medium.join(".disk/id"))?;
    fs_err::write(medium.join(&mark), format!("{digest}\n"))?;
    let date = jiff::Timestamp::from_second(rootfs.epoch).unwrap_or_default().strftime("%Y%m%d").to_string();
    fs_err::write(medium.join(DISK_INFO), format!("{} - Live {} {date}\n", spec.title, rootfs.arch))?;
    Ok(mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> LiveSpec {
        LiveSpec {
            title: "Harbour's 13.1".into(),
            volume_id: volume_id("harbour 13.1 amd64"),
            boot_parameters: vec!["quiet".into()],
        }
    }

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
        let error = |files: &[&str]| Kernel::of_tree(tree(files).path(), "amd64").err().unwrap().to_string();
        assert!(error(&["config-6.12"]).contains("linux-image-amd64"));
        assert!(error(&["vmlinuz-6.12", "vmlinuz-6.1", "initrd.img-6.12"]).contains("(6.1, 6.12)"));
        assert!(error(&["vmlinuz-6.12", "initrd.img-6.1"]).contains("6.12 has no initrd"));
        assert!(Kernel::of_tree(tree(&["vmlinuz-6.12", "initrd.img-6.12"]).path(), "amd64").is_ok());
    }

    #[test]
    fn the_menu_quotes_its_title_and_has_both_consoles() {
        let menu = spec().menu();
        assert!(menu.starts_with("menuentry 'Harbour'\\''s 13.1' {\n"), "{menu}");
        let lines: Vec<_> = menu.lines().filter(|line| line.contains("linux /live/vmlinuz boot=live ")).collect();
        assert!(lines.iter().all(|line| line.contains("ttyS0,115200") && line.contains("tty0") && line.ends_with("quiet")));
    }

    #[test]
    fn what_would_break_the_medium_is_refused() {
        spec().validate("amd64").unwrap();
        assert!(spec().validate("arm64").is_err());
        assert!(LiveSpec { volume_id: "lower".into(), ..spec() }.validate("amd64").is_err());
        assert!(LiveSpec { title: "two\nlines".into(), ..spec() }.validate("amd64").is_err());
        assert!(LiveSpec { boot_parameters: vec!["a; reboot".into()], ..spec() }.validate("amd64").is_err());
    }
}
