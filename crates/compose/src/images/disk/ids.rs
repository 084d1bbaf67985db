//! What tells disks, partitions and file systems from others: numbers that are random elsewhere and follow from a name here, so that
//! the same packages give the same bytes.

use crate::digest::Sha256;

/// The numbers of one disk.
#[derive(Debug, Clone)]
pub(super) struct Ids {
    seed: String,
}

impl Ids {
    /// `identity` tells the disk from others, `epoch` from those of other composes.
    pub(super) fn of(identity: &str, epoch: i64) -> Self {
        Self { seed: format!("{identity}\n{epoch}") }
    }

    /// A UUID of version 8, whose content is the maker's own (RFC 9562, section 5.8).
    pub(super) fn uuid(&self, of: &str) -> String {
        let mut digits = self.digits(of, 32);
        digits.replace_range(12..13, "8");
        digits.replace_range(16..17, "a");
        let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
        parts.join("-")
    }

    /// Of the root file system, by which boot loader and kernel find it.
    pub(super) fn root(&self) -> String {
        self.uuid("root file system")
    }

    /// The serial number of the EFI system partition's file system: eight hexadecimal digits.
    pub(super) fn fat(&self) -> String {
        self.digits("efi file system", 8)
    }

    /// As a UUID in /dev/disk/by-uuid.
    pub(super) fn fat_uuid(&self) -> String {
        let serial = self.fat().to_uppercase();
        format!("{}-{}", &serial[..4], &serial[4..])
    }

    /// Any other number of this many hexadecimal digits.
    pub(super) fn digits(&self, of: &str, count: usize) -> String {
        Sha256::of(format!("{}\n{of}", self.seed).as_bytes()).to_string()[..count].to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_differ_by_purpose_and_compose_and_stay_the_same_otherwise() {
        let ids = Ids::of("harbour 13 Cloud amd64 disk", 1_700_000_000);
        let root = ids.root();
        assert_eq!(root, Ids::of("harbour 13 Cloud amd64 disk", 1_700_000_000).root());
        assert_ne!(root, Ids::of("harbour 13 Cloud amd64 disk", 1_700_000_001).root());
        assert_ne!(root, ids.uuid("disk"));
        let parts: Vec<_> = root.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert!(root[14..].starts_with('8') && root[19..].starts_with('a'), "{root}");
        assert_eq!(ids.fat_uuid().replace('-', "").to_lowercase(), ids.fat());
    }
}
