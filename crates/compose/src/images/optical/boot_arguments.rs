//! What makes a volume one that machines of an arch start from, as options of genisoimage and xorrisofs.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::IsoError;

const BIOS: [&str; 8] =
    ["-b", "isolinux/isolinux.bin", "-c", "isolinux/boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"];
const EFI: [&str; 4] = ["-eltorito-alt-boot", "-e", "images/efiboot.img", "-no-emul-boot"];
const POWER: [&str; 5] = ["-r", "-l", "-sysid", "PPC", "-chrp-boot"];
/// Apple's file system beside ISO 9660: the options before and after the mapping of its file types.
const APPLE: [&str; 9] = ["-part", "-hfs", "-r", "-l", "-sysid", "PPC", "-no-desktop", "-allow-multidot", "-chrp-boot"];
const APPLE_BLESSED: [&str; 2] = ["-hfs-bless", "/ppc/mac"];
const ZIPL: [&str; 3] = ["-eltorito-boot", "images/cdboot.img", "-no-emul-boot"];
/// In the folder of lorax's templates.
const MAPPING: &str = "config_files/ppc/mapping";

/// The options for an arch. `templates` is the folder of lorax's templates.
pub(super) fn boot_arguments(arch: &str, hfs: bool, templates: Option<&Path>) -> Result<Vec<OsString>, IsoError> {
    let words = |options: &[&[&str]]| options.concat().into_iter().map(OsString::from).collect();
    Ok(match arch {
        "x86_64" => words(&[&BIOS, &EFI]),
        "i386" | "i686" => words(&[&BIOS]),
        "aarch64" => words(&[&EFI]),
        "ppc64le" if !hfs => words(&[&POWER]),
        "ppc" | "ppc64" | "ppc64le" => {
            let mapping = templates.map_or_else(|| PathBuf::from(MAPPING), |templates| templates.join(MAPPING));
            if !mapping.is_file() {
                return Err(IsoError::NoTemplate(mapping));
            }
            let mut options: Vec<OsString> = words(&[&APPLE]);
            options.extend(["-map".into(), mapping.into_os_string()]);
            options.extend(APPLE_BLESSED.map(OsString::from));
            options
        }
        "s390x" => words(&[&ZIPL]),
        arm if arm.starts_with("arm") => Vec::new(),
        _ => return Err(IsoError::UnknownArch(arch.to_owned())),
    })
}

/// What a tree from which machines of an arch start has; none where nothing is known to be needed.
pub(super) fn boot_file(arch: &str) -> Option<&'static str> {
    match arch {
        "x86_64" | "i386" | "i686" => Some("isolinux/isolinux.bin"),
        "aarch64" => Some("images/efiboot.img"),
        "ppc" | "ppc64" | "ppc64le" => Some("ppc"),
        "s390x" => Some("images/cdboot.img"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arch: &str, hfs: bool, templates: Option<&Path>) -> String {
        let options = boot_arguments(arch, hfs, templates).unwrap();
        options.join(" ".as_ref()).into_string().unwrap()
    }

    #[test]
    fn each_arch_starts_in_its_own_way() {
        let efi = "-eltorito-alt-boot -e images/efiboot.img -no-emul-boot";
        let bios = "-b isolinux/isolinux.bin -c isolinux/boot.cat -no-emul-boot -boot-load-size 4 -boot-info-table";
        assert_eq!(line("x86_64", true, None), format!("{bios} {efi}"));
        assert_eq!(line("i386", true, None), bios);
        assert_eq!(line("aarch64", true, None), efi);
        assert_eq!(line("ppc64le", false, None), "-r -l -sysid PPC -chrp-boot");
        assert_eq!(line("s390x", true, None), "-eltorito-boot images/cdboot.img -no-emul-boot");
        assert_eq!(line("armhfp", true, None), "");
        assert_eq!(boot_arguments("mips", true, None).unwrap_err().to_string(), "Unknown arch: mips");
    }

    #[test]
    fn apples_machines_need_a_template_of_lorax() {
        assert!(matches!(boot_arguments("ppc64le", true, None), Err(IsoError::NoTemplate(_))));
        let templates = tempfile::tempdir().unwrap();
        let mapping = templates.path().join(MAPPING);
        fs_err::create_dir_all(mapping.parent().unwrap()).unwrap();
        fs_err::write(&mapping, "").unwrap();
        let expected = format!(
            "-part -hfs -r -l -sysid PPC -no-desktop -allow-multidot -chrp-boot -map {} -hfs-bless /ppc/mac",
            mapping.display()
        );
        assert_eq!(line("ppc64", true, Some(templates.path())), expected);
        assert_eq!(line("ppc64le", true, Some(templates.path())), expected);
    }
}
