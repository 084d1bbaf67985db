//! A table of rows of any length, in two allocations.

/// Rows of values, named by their numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rows<T> {
    /// Where each row starts, and the end of the last.
    starts: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy> Rows<T> {
    /// A table of this many rows from pairs of row and value. Each row keeps the order of the pairs.
    pub(crate) fn from_pairs(rows: usize, pairs: &[(u32, T)]) -> Rows<T> {
        let mut starts = vec![0_u32; rows + 1];
        for (row, _) in pairs {
            starts[*row as usize + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut next = starts.clone();
        let mut values: Vec<T> = pairs.iter().map(|(_, value)| *value).collect();
        for (row, value) in pairs {
            let place = &mut next[*row as usize];
            values[*place as usize] = *value;
            *place += 1;
        }
        Rows { starts, values }
    }

    pub(crate) fn row(&self, row: u32) -> &[T] {
        let row = row as usize;
        &self.values[self.starts[row] as usize..self.starts[row + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_order() {
        let rows = Rows::from_pairs(3, &[(2, 'x'), (0, 'b'), (2, 'a')]);
        assert_eq!([rows.row(0), rows.row(1), rows.row(2)], [&['b'][..], &[], &['x', 'a']]);
    }
}
