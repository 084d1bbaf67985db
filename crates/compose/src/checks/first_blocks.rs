//! What the first blocks of an image tell: whether it is a volume of ISO 9660, and whether machines can start from it.

use std::io::Read as _;
use std::path::Path;

use crate::files::open_regular;
use crate::finding::{Finding, Severity};
use crate::images::optical::SizeLimit;

const BLOCK: usize = 2048;
/// The first descriptor of a volume and the one after it, which is El Torito's if there is one.
const DESCRIPTOR: usize = 16 * BLOCK;
const BOOT_RECORD: usize = 17 * BLOCK;
const READ: u64 = 18 * BLOCK as u64;
const MBR_MARK: (usize, &[u8]) = (0x1FE, b"\x55\xAA");
const GPT_MARK: (usize, &[u8]) = (0x200, b"EFI PART");
const ISO_MARK: (usize, &[u8]) = (DESCRIPTOR + 1, b"CD001");
const EL_TORITO_MARK: (usize, &[u8]) = (BOOT_RECORD + 1, b"CD001\x01EL TORITO SPECIFICATION");

/// The beginning of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstBlocks(Vec<u8>);

impl FirstBlocks {
    /// Reads as much as there is.
    pub fn read(image: &Path) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        open_regular(image)?.take(READ).read_to_end(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The primary volume descriptor, if all of it is there.
    pub(super) fn descriptor(&self) -> Option<&[u8]> {
        self.0.get(DESCRIPTOR..DESCRIPTOR + BLOCK)
    }

    pub fn is_iso(&self) -> bool {
        self.has(ISO_MARK)
    }

    /// A firmware finds a partition table, or El Torito's boot images.
    pub fn is_startable(&self) -> bool {
        self.has(MBR_MARK) || self.has(GPT_MARK) || (self.is_iso() && self.has(EL_TORITO_MARK))
    }

    fn has(&self, (position, mark): (usize, &[u8])) -> bool {
        self.0.get(position..position + mark.len()) == Some(mark)
    }
}

/// An image as metadata has it.
#[derive(Debug, Clone, Copy)]
pub struct ListedIso<'a> {
    /// Where it is listed: `Server.x86_64`.
    pub scope: &'a str,
    /// Relative to the compose's `compose` folder.
    pub path: &'a str,
    pub arch: &'a str,
    pub size: u64,
    pub bootable: bool,
}

/// What is wrong with an image by its first blocks; in Pungi's words.
pub fn sanity(image: ListedIso<'_>, blocks: &FirstBlocks) -> Option<Finding> {
    let path = image.path;
    let message = if !blocks.is_iso() {
        format!("{path} does not look like an ISO file")
    } else if image.bootable && matches!(image.arch, "x86_64" | "i386") && !blocks.is_startable() {
        format!("{path} is supposed to be bootable, but does not have MBR nor GPT nor is it a bootable ISO")
    } else {
        return None;
    };
    Some(finding("iso-sanity", Severity::Fatal, image, message))
}

/// Whether an image is larger than it may be: `own` is its own limit, which stands above that of its variant and arch. In Pungi's words.
pub fn size(image: ListedIso<'_>, limit: SizeLimit, own: Option<u64>) -> Option<Finding> {
    let most = own.filter(|own| *own > 0).or(limit.bytes).filter(|most| image.size > *most)?;
    let severity = if limit.is_strict { Severity::Fatal } else { Severity::Warn };
    let message = format!("ISO {} is too big. Expected max {most}B, got {}B", image.path, image.size);
    Some(finding("iso-size", severity, image, message))
}

fn finding(check: &str, severity: Severity, image: ListedIso<'_>, message: String) -> Finding {
    Finding {
        check: check.to_owned(),
        severity,
        scope: image.scope.to_owned(),
        subject: image.path.to_owned(),
        message,
        hint: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(marks: &[(usize, &[u8])]) -> FirstBlocks {
        let mut bytes = vec![0; 18 * BLOCK];
        for (position, mark) in marks {
            bytes[*position..position + mark.len()].copy_from_slice(mark);
        }
        FirstBlocks(bytes)
    }

    const IMAGE: ListedIso<'_> = ListedIso { scope: "S.x86_64", path: "S/a.iso", arch: "x86_64", size: 11, bootable: true };

    #[test]
    fn an_image_is_a_volume_from_which_a_pc_starts() {
        let message = |image, marks: &[_]| sanity(image, &blocks(marks)).map(|finding| finding.message);
        assert_eq!(message(IMAGE, &[]).unwrap(), "S/a.iso does not look like an ISO file");
        let expected = "S/a.iso is supposed to be bootable, but does not have MBR nor GPT nor is it a bootable ISO";
        assert_eq!(message(IMAGE, &[ISO_MARK]).unwrap(), expected);
        for mark in [MBR_MARK, GPT_MARK, EL_TORITO_MARK] {
            assert_eq!(message(IMAGE, &[ISO_MARK, mark]), None);
        }
        assert_eq!(message(ListedIso { bootable: false, ..IMAGE }, &[ISO_MARK]), None);
        assert_eq!(message(ListedIso { arch: "aarch64", ..IMAGE }, &[ISO_MARK]), None);
        assert!(sanity(IMAGE, &FirstBlocks(Vec::new())).is_some(), "an empty file is no volume");
    }

    #[test]
    fn the_own_limit_of_an_image_stands_above_the_others() {
        let limit = |bytes| SizeLimit { bytes, is_strict: false };
        assert_eq!(size(IMAGE, limit(None), None), None);
        assert_eq!(size(IMAGE, limit(Some(11)), None), None);
        assert_eq!(size(IMAGE, limit(Some(10)), Some(11)), None);
        let found = size(IMAGE, limit(Some(11)), Some(10)).unwrap();
        assert_eq!(
            (found.message.as_str(), found.severity),
            ("ISO S/a.iso is too big. Expected max 10B, got 11B", Severity::Warn)
        );
        assert_eq!(size(IMAGE, SizeLimit { bytes: Some(1), is_strict: true }, None).unwrap().severity, Severity::Fatal);
    }
}
