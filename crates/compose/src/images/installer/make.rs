//! One installer: the repository, kernel and initrd, the files that debian-installer looks for on a disc, the boot loader, the volume.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::initrd::{Additions, Udeb, extend};
use super::{INITRD, InstallerSpec, KERNEL};
use crate::config::resolved::Variant;
use crate::digest::Sha256;
use crate::engine::{JobContext, JobError};
use crate::gather::installer::InstallerSelection;
use crate::images::boot_loader::{self, SignedLoader, Start};
use crate::images::data_iso::DISK_INFO;
use crate::images::disc_repository::DiscRepository;
use crate::images::{ImageError, medium};
use crate::package_set::lock::LockedPackage;
use crate::package_set::plan::stored_path;
use crate::services::Services;
use crate::tools::{Command, Runner};

/// Everything on the medium is there, and no other is needed for an installation.
const KIND_OF_DISC: &str = "full_cd/single";
/// The files of debian-installer's images.
const LINUX: &str = "linux";
const PLAIN_INITRD: &str = "initrd.gz";
/// Where packages have what firmware with Secure Boot starts.
const SHIM: (&str, &str) = ("shim-signed", "usr/lib/shim/shimx64.efi.signed");
const GRUB: (&str, &str) = ("grub-efi-amd64-signed", "usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed");

/// What an installer is made of.
pub(super) struct Ingredients<'a> {
    pub spec: &'a InstallerSpec,
    pub variant: &'a Variant,
    pub arch: &'a str,
    /// The packages of systems.
    pub packages: Vec<Arc<LockedPackage>>,
    pub installer: &'a InstallerSelection,
    pub components: Vec<String>,
    /// Seconds since 1970: when the newest package was built.
    pub epoch: i64,
    pub runner: Runner,
}

impl Ingredients<'_> {
    /// Writes the ISO to `output`.
    pub(super) async fn make(&self, context: &JobContext, services: &Services, output: &Path) -> Result<(), JobError> {
        let folder = context.work().join("medium");
        let repository = DiscRepository {
            variant: self.variant,
            arch: self.arch,
            components: &self.components,
            spec: &self.spec.repository,
            epoch: self.epoch,
        };
        let udebs = self.installer.udebs.packages.iter().map(|selected| selected.package.clone());
        let packages = self.packages.iter().cloned().chain(udebs).collect();
        let digest = repository.write(context, services, &folder, packages).await?;
        self.copy_boot_files(context, services, &folder).await?;
        let mark = self.write_marks(&folder, &digest)?;
        let signed = self.signed_loader(context).await?;
        let start = Start { menu: &self.spec.menu(), mark: &mark, signed: signed.as_ref(), epoch: self.epoch };
        let boot_loader = boot_loader::install(&self.runner, &start, &folder, context.work()).await?;
        medium::write_iso(&self.runner, &self.spec.volume_id, Some(&boot_loader), self.epoch, &folder, output).await?;
        fs_err::remove_dir_all(folder)?;
        Ok(())
    }

    /// Kernel and initrd of debian-installer, this with what reads a disc.
    async fn copy_boot_files(&self, context: &JobContext, services: &Services, folder: &Path) -> Result<(), JobError> {
        let images = self.unpack(context, &self.installer.netboot).await?;
        let boot = self.boot_folder(&images)?;
        let (kernel, initrd) = (folder.join(KERNEL), folder.join(INITRD));
        fs_err::create_dir_all(kernel.parent().unwrap_or(folder))?;
        fs_err::copy(boot.join(LINUX), &kernel)?;
        let udebs = self.installer.udebs.packages.iter().map(|selected| Udeb {
            name: selected.package.name.clone(),
            stanza: selected.package.stanza.clone(),
            file: context.layout.path(&stored_path(&selected.package.file.sha256)),
        });
        let udebs: Vec<_> = udebs.collect();
        let additions = Additions {
            udebs: &udebs,
            keyring: services.signer(context).await?.map(|signer| signer.certificate_binary()),
            preseed: &self.spec.preseed,
            epoch: self.epoch,
        };
        extend(&self.runner, &boot.join(PLAIN_INITRD), &additions, context.work(), &initrd).await?;
        fs_err::remove_dir_all(images)?;
        Ok(())
    }

    /// Unpacks a package into a folder of its own.
    async fn unpack(&self, context: &JobContext, package: &LockedPackage) -> Result<PathBuf, JobError> {
        let folder = context.work().join("unpacked").join(&package.name);
        fs_err::create_dir_all(&folder)?;
        let file = context.layout.path(&stored_path(&package.file.sha256));
        self.runner.run(&Command::new("dpkg-deb").arg("--extract").arg(file).arg(&folder)).await?;
        Ok(folder)
    }

    /// The folder with the installer for text screens, which the package has by release and arch.
    fn boot_folder(&self, unpacked: &Path) -> Result<PathBuf, ImageError> {
        let arch = self.arch;
        let below = |release: PathBuf| release.join(format!("{arch}/text/debian-installer/{arch}"));
        let releases = fs_err::read_dir(unpacked.join("usr/lib/debian-installer/images")).ok();
        let folders = releases.into_iter().flatten().flatten().map(|entry| below(entry.path()));
        let whole = |folder: &PathBuf| [LINUX, PLAIN_INITRD].iter().all(|name| is_file_of(unpacked, &folder.join(name)));
        folders.filter(whole).max().ok_or_else(|| ImageError::MissingInPackage {
            package: self.installer.netboot.id(),
            what: "kernel and initrd of debian-installer for text screens",
        })
    }

    /// The files by which debian-installer knows the medium and what it may do with it; the path of one that only this medium has.
    fn write_marks(&self, folder: &Path, digest: &Sha256) -> Result<String, JobError> {
        let date = jiff::Timestamp::from_second(self.epoch).unwrap_or_default().strftime("%Y%m%d").to_string();
        let mark = format!(".disk/id/{}", digest.short());
        let lines = |words: &[String]| words.iter().flat_map(|word| [word.as_str(), "\n"]).collect::<String>();
        let files = [
            (DISK_INFO, format!("{} {} - installer {date}\n", self.spec.title, self.arch)),
            (".disk/base_installable", String::new()),
            (".disk/base_components", lines(&self.components)),
            (".disk/base_include", lines(&self.spec.packages)),
            (".disk/cd_type", format!("{KIND_OF_DISC}\n")),
            (mark.as_str(), format!("{digest}\n")),
        ];
        fs_err::create_dir_all(folder.join(".disk/id"))?;
        for (name, text) in files {
            fs_err::write(folder.join(name), text)?;
        }
        Ok(mark)
    }

    /// Of packages that the variant has, if it has both.
    async fn signed_loader(&self, context: &JobContext) -> Result<Option<SignedLoader>, JobError> {
        let of_name = |name: &str| self.packages.iter().find(|package| package.name == name);
        let (Some(shim), Some(grub)) = (of_name(SHIM.0), of_name(GRUB.0)) else { return Ok(None) };
        let mut programs = Vec::new();
        for (package, (_, path)) in [(shim, SHIM), (grub, GRUB)] {
            let unpacked = self.unpack(context, package).await?;
            let program = unpacked.join(path);
            if !is_file_of(&unpacked, &program) {
                let what = "signed program for EFI where it was until Debian 13";
                return Err(ImageError::MissingInPackage { package: package.id(), what }.into());
            }
            programs.push(program);
        }
        let [shim, grub] = programs.try_into().expect("there are two");
        Ok(Some(SignedLoader { shim, grub }))
    }
}

/// Whether a path in an unpacked package is a file of that package, whatever links it has.
fn is_file_of(unpacked: &Path, path: &Path) -> bool {
    let resolved = (fs_err::canonicalize(unpacked), fs_err::canonicalize(path));
    matches!(resolved, (Ok(folder), Ok(file)) if file.starts_with(&folder) && file.is_file())
}

impl InstallerSpec {
    fn menu(&self) -> String {
        // debian-installer is on all consoles that the kernel is told; the last one is where it begins.
        let consoles = "console=ttyS0,115200n8 console=tty0";
        let entries = [
            ("Install", String::new()),
            ("Install, asking about everything", " priority=low".to_owned()),
            ("Install without questions that have an answer", " auto=true priority=critical".to_owned()),
            ("Rescue a system", " rescue/enable=true".to_owned()),
        ];
        let own = self.boot_parameters.iter().flat_map(|parameter| [" ", parameter]).collect::<String>();
        let entry = |(title, parameters): (&str, String)| {
            let title = boot_loader::quote(&format!("{title} {}", self.title));
            format!("menuentry {title} {{\n  linux /{KERNEL} {consoles}{parameters}{own}\n  initrd /{INITRD}\n}}\n")
        };
        entries.into_iter().map(entry).collect()
    }
}
