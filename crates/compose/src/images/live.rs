//! Live images: an ISO that boots into a root file system held in a squashfs, by BIOS and EFI, from a disc or a stick.
//!
//! The root file system brings kernel, initrd and live-boot itself, so that kernel and modules cannot differ.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use md5::{Digest as _, Md5};
use serde::Serialize;

use super::boot_loader::{self, BootLoader, ELTORITO};
use super::{ImageError, RequiredProgram, Rootfs, blocking, program};
use crate::digest::Sha256;
use crate::tools::{Command, Runner};

pub(super) const PROGRAMS: &[RequiredProgram] = &[
    program("mksquashfs", "squashfs-tools"),
    program("xorriso", "xorriso"),
    program("grub-mkimage", "grub-common"),
    program(boot_loader::BIOS_MODULES, "grub-pc-bin"),
    program(boot_loader::EFI_MODULES, "grub-efi-amd64-bin"),
    program("mformat", "mtools"),
    program("mmd", "mtools"),
    program("mcopy", "mtools"),
    program("implantisomd5", "isomd5sum"),
    program("checkisomd5", "isomd5sum"),
];

/// Where the parts lie on the medium; live-boot finds the squashfs by this name.
pub const SQUASHFS: &str = "live/filesystem.squashfs";
pub const KERNEL: &str = "live/vmlinuz";
pub const INITRD: &str = "live/initrd.img";
pub const DISK_INFO: &str = ".disk/info";
pub const MD5SUMS: &str = "md5sum.txt";

/// ISO 9660's limit for the name of a volume.
const VOLUME_ID_LIMIT: usize = 32;

/// What a live image says of itself and how it boots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LiveSpec {
    /// The title of the menu and of `.disk/info`: release name and version.
    pub title: String,
    /// See [`volume_id`].
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

/// A volume id of any text: upper-case letters, digits and `_`, at most 32, as every reader of ISO 9660 takes it.
pub fn volume_id(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    text.chars().map(plain).take(VOLUME_ID_LIMIT).collect()
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
    let kernel = Kernel::of_tree(&tree, &rootfs.arch)?;
    kernel.copy_to(&medium)?;
    make_squashfs(runner, &tree, &medium.join(SQUASHFS), rootfs.epoch).await?;
    fs_err::remove_dir_all(tree)?;
    let mark = write_marks(spec, rootfs, &medium).await?;
    let boot_loader = boot_loader::install(runner, &spec.menu(), &mark, rootfs.epoch, &medium, work).await?;
    finish_medium(&medium, rootfs.epoch).await?;
    make_iso(runner, spec, &boot_loader, rootfs.epoch, &medium, output).await?;
    // It writes into the volume's header: nothing may have a digest of the ISO before.
    runner.run(&Command::new("implantisomd5").arg(output)).await?;
    fs_err::remove_dir_all(medium)?;
    Ok(())
}

impl LiveSpec {
    /// What can be said before there is a root file system.
    pub(super) fn validate(&self, arch: &str) -> Result<(), ImageError> {
        if arch != "amd64" {
            return Err(ImageError::UnsupportedArch { kind: "live", arch: arch.to_owned(), supported: "amd64" });
        }
        if self.volume_id.is_empty() || volume_id(&self.volume_id) != self.volume_id {
            let reason = "1 to 32 upper-case letters, digits and '_' are expected";
            return Err(ImageError::Invalid { what: "volume id", value: self.volume_id.clone(), reason });
        }
        if self.title.is_empty() || self.title.contains(char::is_control) {
            let reason = "one line of text is expected";
            return Err(ImageError::Invalid { what: "title", value: self.title.clone(), reason });
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "=.,:_-/@+".contains(c);
        if let Some(parameter) = self.boot_parameters.iter().find(|text| text.is_empty() || !text.chars().all(plain)) {
            let reason = "letters, digits and =.,:_-/@+ are expected";
            return Err(ImageError::Invalid { what: "boot parameter", value: parameter.clone(), reason });
        }
        Ok(())
    }

    fn menu(&self) -> String {
        let more: String = self.boot_parameters.iter().map(|parameter| format!(" {parameter}")).collect();
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
        let entry = |(suffix, parameters): &(&str, String)| {
            let title = boot_loader::quote(&format!("{}{suffix}", self.title));
            format!("menuentry {title} {{\n  linux /{KERNEL} boot=live {parameters}{more}\n  initrd /{INITRD}\n}}\n")
        };
        entries.iter().map(entry).collect()
    }
}

/// Unpacks the root file system, owners and attributes included.
async fn unpack(runner: &Runner, rootfs: &Rootfs, work: &Path) -> Result<PathBuf, ImageError> {
    if !rootfs.installed.iter().any(|package| package.starts_with("live-boot_")) {
        return Err(ImageError::MissingPackage { kind: "live", package: "live-boot" });
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

/// Writes the list of checksums, and gives every file the compose's time.
async fn finish_medium(medium: &Path, epoch: i64) -> Result<(), ImageError> {
    let medium = medium.to_owned();
    blocking(move || {
        let mut paths = Vec::new();
        collect_paths(&medium, &mut paths)?;
        let mut list = String::new();
        for path in paths.iter().filter(|path| path.is_file()) {
            let name = path.strip_prefix(&medium).expect("it was found in the medium").to_string_lossy();
            // xorriso writes the boot image's table into it.
            if name != ELTORITO {
                list.push_str(&format!("{}  ./{name}\n", md5_of_file(path)?));
            }
        }
        let list_path = medium.join(MD5SUMS);
        fs_err::write(&list_path, list)?;
        paths.extend([list_path, medium]);
        let time = UNIX_EPOCH + Duration::from_secs(epoch.unsigned_abs());
        paths.iter().try_for_each(|path| set_time(path, time))?;
        Ok(())
    })
    .await
}

/// Everything below a folder, sorted.
fn collect_paths(folder: &Path, paths: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let entries = fs_err::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    entries.sort_unstable();
    for path in entries {
        if path.is_dir() {
            collect_paths(&path, paths)?;
        }
        paths.push(path);
    }
    Ok(())
}

fn md5_of_file(path: &Path) -> std::io::Result<String> {
    let mut file = fs_err::File::open(path)?;
    let mut hasher = Md5::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..count]);
    }
}

fn set_time(path: &Path, time: SystemTime) -> std::io::Result<()> {
    fs_err::File::open(path)?.file().set_modified(time)
}

/// A medium that BIOS and EFI start, from a disc (El Torito) and from a stick (MBR and GPT).
async fn make_iso(
    runner: &Runner,
    spec: &LiveSpec,
    boot_loader: &BootLoader,
    epoch: i64,
    medium: &Path,
    output: &Path,
) -> Result<(), ImageError> {
    let command = Command::new("xorriso")
        .args(["-no_rc", "-as", "mkisofs", "-r", "-J", "-joliet-long", "-V", &spec.volume_id, "-o"])
        .arg(output)
        .args(["-c", "boot/boot.cat", "-b", ELTORITO])
        .args(["-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info", "--grub2-mbr"])
        .arg(&boot_loader.mbr)
        .args(["-eltorito-alt-boot", "-e", boot_loader::EFI_IMAGE, "-no-emul-boot", "-append_partition", "2", "0xef"])
        .arg(&boot_loader.efi_image)
        .args(["-isohybrid-gpt-basdat", "--set_all_file_dates", "set_to_mtime"])
        .arg(medium)
        .env("SOURCE_DATE_EPOCH", epoch.to_string());
    runner.run(&command).await?;
    Ok(())
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
        files.iter().for_each(|file| fs_err::write(tree.path().join("boot").join(file), "").unwrap());
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

    #[test]
    fn a_volume_id_is_made_of_any_text() {
        assert_eq!(volume_id("Harbour Linux 13.1 amd64 with a very long name"), "HARBOUR_LINUX_13_1_AMD64_WITH_A_");
    }
}
