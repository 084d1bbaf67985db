//! Whether an ISO is one that starts: volume, files, boot images for BIOS and EFI, start code for sticks, implanted checksum.

use std::path::Path;

use super::first_blocks::FirstBlocks;
use crate::finding::{Finding, Severity};
use crate::images::{data_iso, installer, live, medium};
use crate::tools::runner::ToolFailure;
use crate::tools::{Command, Runner, ToolError};

/// The kind of descriptor that a volume begins with.
const PRIMARY: u8 = 1;

/// What an ISO shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedIso {
    pub volume_id: String,
    /// Paths that must be there.
    pub files: Vec<String>,
    /// It starts by BIOS and EFI, from discs and sticks.
    pub bootable: bool,
}

impl ExpectedIso {
    /// A disc of packages.
    pub fn data(volume_id: &str, suite: &str) -> Self {
        let files = [data_iso::DISK_INFO.to_owned(), medium::MD5SUMS.to_owned(), format!("dists/{suite}/Release")];
        Self { volume_id: volume_id.to_owned(), files: files.into(), bootable: false }
    }

    /// An installer.
    pub fn installer(volume_id: &str, suite: &str) -> Self {
        let mut expected = Self::data(volume_id, suite);
        expected.files.extend([installer::KERNEL, installer::INITRD, ".disk/base_installable"].map(str::to_owned));
        Self { bootable: true, ..expected }
    }

    /// A live image.
    pub fn live(volume_id: &str) -> Self {
        let files = [live::DISK_INFO, medium::MD5SUMS, live::KERNEL, live::INITRD, live::SQUASHFS];
        Self { volume_id: volume_id.to_owned(), files: files.map(str::to_owned).into(), bootable: true }
    }
}

/// Why an ISO could not be checked, which says nothing about it.
#[derive(Debug, thiserror::Error)]
pub enum UncheckedIso {
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// `fs_err` names the path.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Reads an ISO with xorriso and checkisomd5. `scope` is the variant and arch, `image` the image's path in the compose.
pub async fn check_iso(
    runner: &Runner,
    iso: &Path,
    expected: &ExpectedIso,
    severity: Severity,
    scope: &str,
    image: &str,
) -> Result<Vec<Finding>, UncheckedIso> {
    let messages = match volume_problem(iso)? {
        Some(problem) => vec![problem],
        None => content_problems(runner, iso, expected).await?,
    };
    let finding = |message| Finding {
        check: "iso-sanity".to_owned(),
        severity,
        scope: scope.to_owned(),
        subject: image.to_owned(),
        message,
        hint: None,
    };
    Ok(messages.into_iter().map(finding).collect())
}

/// What makes all other questions idle: xorriso takes a file that is no ISO for an empty one.
fn volume_problem(iso: &Path) -> std::io::Result<Option<String>> {
    let first_blocks = FirstBlocks::read(iso)?;
    let size = fs_err::metadata(iso)?.len();
    let Some(descriptor) = first_blocks.descriptor() else {
        return Ok(Some(format!("it is no ISO 9660 volume: it has only {size} bytes")));
    };
    if !first_blocks.is_iso() || descriptor[0] != PRIMARY {
        return Ok(Some("it is no ISO 9660 volume: it has no primary volume descriptor".to_owned()));
    }
    let blocks = u32::from_le_bytes(descriptor[80..84].try_into().expect("four bytes were taken"));
    let needed = u64::from(blocks) * 2048;
    Ok((size < needed).then(|| format!("it is cut short: its volume has {needed} bytes, the file {size}")))
}

async fn content_problems(runner: &Runner, iso: &Path, expected: &ExpectedIso) -> Result<Vec<String>, ToolError> {
    let report = Command::new("xorriso").args(["-no_rc", "-indev"]).arg(iso).args([
        "-pvd_info",
        "-report_el_torito",
        "plain",
        "-report_system_area",
        "plain",
        "-find",
        "/",
        "-type",
        "f",
    ]);
    let report = match runner.run(&report).await {
        Ok(finished) => finished.text(),
        Err(ToolError { cause: ToolFailure::Exit { status, .. }, .. }) => {
            return Ok(vec![format!("xorriso cannot read it (exit status {status})")]);
        }
        Err(error) => return Err(error),
    };
    let mut problems = expected.problems(&report);
    if runner.run(&Command::new("checkisomd5").arg(iso).success(&[0, 1])).await?.status != 0 {
        problems.push("checkisomd5 finds no checksum in it that fits its bytes".to_owned());
    }
    Ok(problems)
}

impl ExpectedIso {
    /// Compares with what xorriso printed.
    fn problems(&self, report: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let value = |field: &str| report.lines().find_map(|line| line.strip_prefix(field)).map_or("", str::trim);
        let volume_id = value("Volume Id    :");
        if volume_id != self.volume_id {
            problems.push(format!("its volume id is '{volume_id}', '{}' is expected", self.volume_id));
        }
        for path in &self.files {
            if !report.lines().any(|line| line == format!("'/{path}'")) {
                problems.push(format!("it has no file '/{path}'"));
            }
        }
        if self.bootable {
            problems.extend(boot_problems(report));
        }
        problems
    }
}

fn boot_problems(report: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for platform in ["BIOS", "UEFI"] {
        let boots = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            // `El Torito boot img : NUMBER PLATFORM BOOTABLE ...`
            matches!(words.as_slice(), ["El", "Torito", "boot", "img", ":", _, found, "y", ..] if *found == platform)
        };
        if !report.lines().any(boots) {
            problems.push(format!("it has no El Torito boot image for {platform}"));
        }
    }
    let system_area = report.lines().find(|line| line.starts_with("System area summary:")).unwrap_or_default();
    if !system_area.contains("grub2-mbr") && !system_area.contains("isohybrid") {
        problems.push("it has no start code for BIOS in its MBR: it does not start from a stick".to_owned());
    }
    let efi_partition = |line: &str| {
        line.starts_with("MBR partition      :") && line.split_whitespace().any(|word| word == "0xef")
            || line.starts_with("GPT type GUID") && line.ends_with("28732ac11ff8d211ba4b00a0c93ec93b")
    };
    if !report.lines().any(efi_partition) {
        problems.push("it has no EFI system partition: EFI does not start it from a stick".to_owned());
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
PVD address  : 16s
Volume Id    : HARBOUR_13_1
El Torito boot img :   1  BIOS  y   none  0x0000  0x00      4        2087
El Torito boot img :   2  UEFI  y   none  0x0000  0x00   8192          39
System area summary: MBR grub2-mbr cyl-align-off
MBR partition table:   N Status  Type        Start       Blocks
MBR partition      :   1   0x80  0x83            0         8556
MBR partition      :   2   0x00  0xef         8556         8192
'/.disk/info'
'/live/vmlinuz'
";

    fn expected() -> ExpectedIso {
        ExpectedIso { volume_id: "HARBOUR_13_1".into(), files: vec![".disk/info".into()], bootable: true }
    }

    #[test]
    fn a_whole_iso_has_no_findings() {
        assert_eq!(expected().problems(REPORT), Vec::<String>::new());
    }

    #[test]
    fn each_missing_part_is_named() {
        let broken = |line: &str| expected().problems(&REPORT.replace(line, ""));
        assert_eq!(broken("'/.disk/info'"), ["it has no file '/.disk/info'"]);
        assert_eq!(broken("HARBOUR_13_1"), ["its volume id is '', 'HARBOUR_13_1' is expected"]);
        assert_eq!(broken("UEFI"), ["it has no El Torito boot image for UEFI"]);
        assert!(broken("grub2-mbr")[0].contains("start code"));
        assert!(broken("0xef")[0].contains("EFI system partition"));
    }

    #[test]
    fn a_file_that_is_no_iso_or_a_part_of_one_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let iso = folder.path().join("a.iso");
        fs_err::write(&iso, "").unwrap();
        assert!(volume_problem(&iso).unwrap().unwrap().contains("only 0 bytes"));
        let mut bytes = vec![0; 40 * 1024];
        fs_err::write(&iso, &bytes).unwrap();
        assert!(volume_problem(&iso).unwrap().unwrap().contains("no primary volume descriptor"));
        bytes[32768..32774].copy_from_slice(b"\x01CD001");
        bytes[32848] = 100;
        fs_err::write(&iso, &bytes).unwrap();
        assert!(volume_problem(&iso).unwrap().unwrap().contains("cut short"));
        bytes[32848] = 20;
        fs_err::write(&iso, &bytes).unwrap();
        assert_eq!(volume_problem(&iso).unwrap(), None);
    }
}
