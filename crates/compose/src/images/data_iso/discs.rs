//! Which package lies on which disc, and how much room a disc has for packages.

use std::sync::Arc;

use crate::images::ImageError;
use crate::images::optical::{Piece, split};
use crate::package_set::lock::LockedPackage;

/// The least that a medium of a configuration may hold.
pub(crate) const SMALLEST_MEDIUM: u64 = 10 << 20;

const BLOCK: u64 = 2048;

/// Of each disc: descriptors, the padding at the end that old drives read, and the files that only charmer writes.
const OF_DISC: u64 = 1 << 20;

/// Of each package: two folders, in both directory trees of the volume, and its names in them and in the list of checksums.
const OF_PACKAGE: u64 = 6 * BLOCK;

/// The positions of the packages on each disc, in order. `extra` is what every disc holds besides packages, in bytes.
///
/// What indexes and folders take is estimated, never too little: an index entry stands on the disc once in clear and twice packed.
pub(super) fn discs(packages: &[Arc<LockedPackage>], media_size: Option<u64>, extra: u64) -> Result<Vec<Vec<usize>>, ImageError> {
    let Some(media_size) = media_size else { return Ok(vec![(0..packages.len()).collect()]) };
    let capacity = media_size.saturating_sub(OF_DISC + extra);
    let piece = |package: &'_ Arc<LockedPackage>| {
        let entry = package.stanza.len() as u64;
        package.file.size.saturating_add(3 * entry + OF_PACKAGE)
    };
    let sizes: Vec<u64> = packages.iter().map(piece).collect();
    let names: Vec<String> = packages.iter().map(|package| package.id()).collect();
    let pieces: Vec<_> = names.iter().zip(&sizes).map(|(path, size)| Piece { path, size: *size, sticky: false }).collect();
    split(&pieces, capacity).map_err(|piece| {
        let package = packages.iter().find(|package| package.id() == piece.path).map_or(0, |package| package.file.size);
        ImageError::LargerThanMedium { package: piece.path.to_owned(), size: package, media_size }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(number: usize, size: u64) -> Arc<LockedPackage> {
        let mut package = LockedPackage::example(&format!("p{number}"), "1");
        package.file.size = size;
        Arc::new(package)
    }

    #[test]
    fn a_disc_is_filled_before_the_next_one_begins() {
        let packages: Vec<_> = (0..5).map(|number| package(number, 4 << 20)).collect();
        assert_eq!(discs(&packages, None, 0).unwrap(), [[0, 1, 2, 3, 4]]);
        assert_eq!(discs(&packages, Some(10 << 20), 0).unwrap(), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(discs(&packages, Some(10 << 20), 2 << 20).unwrap(), [[0], [1], [2], [3], [4]]);
        assert_eq!(discs(&[], Some(10 << 20), 0).unwrap(), [Vec::<usize>::new()]);
    }

    #[test]
    fn a_package_that_no_disc_holds_is_named() {
        let error = discs(&[package(0, u64::MAX)], Some(10 << 20), 0).unwrap_err();
        assert!(error.to_string().starts_with("p0_1_amd64 "), "{error}");
    }
}
