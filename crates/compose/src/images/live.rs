//! Live images: an ISO that boots into a root file system held in a squashfs, by BIOS and EFI, from a disc or a stick.
//!
//! The root file system brings kernel, initrd and live-boot itself, so that kernel and modules cannot differ.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::boot_loader::Start;
use super::kernel::{Kernel, require_init};
use super::medium::{volume_id, write_iso};
use super::netboot::Netboot;
use super::tree::{remove_folder, unpack};
use super::{ImageError, Overlay, Rootfs, blocking};
use super::{boot_loader, netboot, squashfs, zsync};
use crate::digest::Sha256;
use crate::tools::Runner;

/// What a live system cannot do without, besides a kernel and an init: what finds the squashfs, and what lets people in (agetty
/// starts login, which is not Essential).
pub(super) const PACKAGES: &[&str] = &["live-boot", "login"];

/// What installs a live system on a disk, and tells it where this medium has the squashfs.
pub(super) const INSTALLER: &[&str] = &["calamares", "calamares-settings-debian"];

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

pub(super) fn check_boot_parameters(parameters: &[String]) -> Result<(), ImageError> {
    match parameters.iter().find(|text| !is_boot_parameter(text)) {
        Some(parameter) => {
            Err(ImageError::Invalid { what: "boot parameter", value: parameter.clone(), reason: BOOT_PARAMETER_FORM })
        }
        None => Ok(()),
    }
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
    /// The menu offers to keep what is changed, in a partition labelled `persistence`.
    pub persistence: bool,
    /// The live system has Calamares, which copies the squashfs to a disk.
    pub calamares: bool,
    /// Files for a start over the network are made too.
    pub netboot: Option<Netboot>,
    /// The ISO is described for zsync too.
    pub zsync: bool,
    pub overlay: Overlay,
}

/// Who may use a started live system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LiveLogin {
    /// Whoever sits at the screen or the serial line is root, as on other live media: they hold the medium anyway. No password
    /// works, over the network neither.
    #[default]
    Console,
    /// Nobody without an account that the image brings, such as root with [`Overlay::root_password`].
    Accounts,
}

/// The files that make a root file system a live one, for [`Overlay::files`].
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

/// Writes the ISO to the first output and, where they are made, the files for the network and what zsync needs to the next ones.
pub(super) async fn build(
    runner: &Runner,
    spec: &LiveSpec,
    rootfs: &Rootfs,
    work: &Path,
    outputs: &[PathBuf],
) -> Result<(), ImageError> {
    let output = outputs.first().expect("an ISO is made");
    let medium = work.join("medium");
    rootfs.require("live", PACKAGES)?;
    let tree = unpack(runner, rootfs, work).await?;
    spec.overlay.apply(&tree)?;
    require_init(&tree)?;
    copy_boot_files(&Kernel::of_tree(&tree, &rootfs.arch)?, &medium)?;
    // The kernel's files are on the medium beside it; an installed system needs them too.
    let left_out: &[&str] = if spec.calamares { &[] } else { &["boot/*"] };
    squashfs::make(runner, &tree, left_out, rootfs.epoch, &medium.join(SQUASHFS)).await?;
    let write = async {
        if let (Some(netboot), Some(output)) = (&spec.netboot, outputs.get(1)) {
            netboot::build(runner, (spec, netboot), rootfs, &medium, work, output).await?;
        }
        let mark = write_marks(spec, rootfs, &medium).await?;
        let start = Start { menu: &spec.menu(), mark: &mark, signed: None, epoch: rootfs.epoch };
        let boot_loader = boot_loader::install(runner, &start, &medium, work).await?;
        write_iso(runner, &spec.volume_id, Some(&boot_loader), rootfs.epoch, &medium, output).await?;
        match outputs.last().filter(|_| spec.zsync) {
            Some(description) => zsync::make(runner, output, description).await,
            None => Ok(()),
        }
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
        check_boot_parameters(&self.boot_parameters)?;
        self.overlay.validate()
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
        let persistent = self.persistence.then(|| (" (keep changes)", format!("{screen} persistence")));
        let entry = |(suffix, parameters): (&str, String)| {
            let parameters = [&[parameters], self.boot_parameters.as_slice()].concat().join(" ");
            let title = boot_loader::quote(&format!("{}{suffix}", self.title));
            format!("menuentry {title} {{\n  linux /{KERNEL} boot=live {parameters}\n  initrd /{INITRD}\n}}\n")
        };
        entries.into_iter().chain(persistent).map(entry).collect()
    }
}

fn copy_boot_files(kernel: &Kernel, medium: &Path) -> Result<(), ImageError> {
    for (from, to) in [(&kernel.image, KERNEL), (&kernel.initrd()?, INITRD)] {
        let to = medium.join(to);
        fs_err::create_dir_all(to.parent().expect("it lies in a folder of the medium"))?;
        fs_err::copy(from, to)?;
    }
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
            persistence: false,
            calamares: false,
            netboot: None,
            zsync: false,
            overlay: Overlay::default(),
        }
    }

    #[test]
    fn the_menu_quotes_its_title_and_has_both_consoles() {
        let menu = spec().menu();
        assert!(menu.starts_with("menuentry 'Harbour'\\''s 13.1' {\n"), "{menu}");
        let lines: Vec<_> = menu.lines().filter(|line| line.contains("linux /live/vmlinuz boot=live ")).collect();
        assert!(!menu.contains("persistence"));
        assert!(LiveSpec { persistence: true, ..spec() }.menu().contains(" (keep changes)' {\n  linux /live/vmlinuz boot=live "));
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
