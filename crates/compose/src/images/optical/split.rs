//! Files to discs: in the order in which they come, a disc is filled until the next file does not fit; some are on each disc.

/// Files take whole blocks.
const BLOCK: u64 = 2048;

/// A file to put on a disc.
#[derive(Debug, Clone, Copy)]
pub(in crate::images) struct Piece<'a> {
    pub path: &'a str,
    pub size: u64,
    /// It is on each disc.
    pub sticky: bool,
}

/// The pieces on each disc, as positions; there is at least one disc. Only the blocks of files count. Or the piece that no
/// disc holds.
pub(in crate::images) fn split<'a>(pieces: &[Piece<'a>], capacity: u64) -> Result<Vec<Vec<usize>>, Piece<'a>> {
    if let Some(piece) = pieces.iter().find(|piece| piece.size > capacity) {
        return Err(*piece);
    }
    let numbered = || pieces.iter().enumerate();
    let sticky: Vec<usize> = numbered().filter(|(_, piece)| piece.sticky).map(|(number, _)| number).collect();
    let sticky_size: u64 = sticky.iter().map(|number| blocks(pieces[*number].size)).sum();
    let mut discs: Vec<Vec<usize>> = Vec::new();
    let mut filled = 0;
    for (number, piece) in numbered().filter(|(_, piece)| !piece.sticky) {
        let size = blocks(piece.size);
        match discs.last_mut() {
            Some(disc) if filled + size <= capacity => {
                disc.push(number);
                filled += size;
            }
            _ => {
                discs.push(sticky.iter().copied().chain([number]).collect());
                filled = sticky_size + size;
            }
        }
    }
    if discs.is_empty() {
        discs.push(sticky);
    }
    Ok(discs)
}

/// The bytes that a file takes of a disc.
pub(super) fn blocks(size: u64) -> u64 {
    size.div_ceil(BLOCK) * BLOCK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(sizes: &[(u64, bool)]) -> Vec<Piece<'static>> {
        sizes.iter().map(|&(size, sticky)| Piece { path: "x", size, sticky }).collect()
    }

    #[test]
    fn discs_are_filled_in_order_and_each_has_what_sticks() {
        let pieces = pieces(&[(1, false), (10, true), (2048, false), (2049, false), (1, false)]);
        assert_eq!(split(&pieces, 3 * BLOCK).unwrap(), [vec![1, 0, 2], vec![1, 3], vec![1, 4]]);
        assert_eq!(split(&pieces, 6 * BLOCK).unwrap(), [[1, 0, 2, 3, 4]]);
        assert_eq!(split(&pieces, 5 * BLOCK).unwrap(), [vec![1, 0, 2, 3], vec![1, 4]]);
    }

    #[test]
    fn there_is_always_a_disc() {
        assert_eq!(split(&[], 1).unwrap(), [Vec::<usize>::new()]);
        assert_eq!(split(&pieces(&[(1, true)]), 1).unwrap(), [[0]]);
        // What is stuck to it leaves no room, but nowhere is more room.
        assert_eq!(split(&pieces(&[(2048, true), (2048, false), (1, false)]), BLOCK).unwrap(), [[0, 1], [0, 2]]);
    }

    #[test]
    fn a_file_that_no_disc_holds_is_named() {
        let piece = split(&pieces(&[(4097, false)]), 4096).unwrap_err();
        assert_eq!((piece.path, piece.size), ("x", 4097));
    }
}
