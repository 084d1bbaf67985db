//! A table of rows of any length, in two allocations.

use crate::texts::number;

/// Rows of values, named by their numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rows<T> {
    /// Where each row starts, and the end of the last.
    starts: Vec<u32>,
    values: Vec<T>,
}

impl<T: Copy> Rows<T> {
    /// A table of this many rows from pairs of row and value. Each row keeps the order of the pairs.
    pub(crate) fn from_pairs(rows: usize, pairs: impl Iterator<Item = (u32, T)> + Clone) -> Rows<T> {
        let mut starts = vec![0_u32; rows + 1];
        for (row, _) in pairs.clone() {
            starts[row as usize + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let Some((_, any)) = pairs.clone().next() else { return Rows { starts, values: Vec::new() } };
        let mut next = starts.clone();
        let mut values = vec![any; starts[rows] as usize];
        for (row, value) in pairs {
            let place = &mut next[row as usize];
            values[*place as usize] = value;
            *place += 1;
        }
        Rows { starts, values }
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    pub(crate) fn row(&self, row: u32) -> &[T] {
        let row = row as usize;
        &self.values[self.starts[row] as usize..self.starts[row + 1] as usize]
    }
}

/// Rows whose values come in the order of the rows.
#[derive(Debug)]
pub(crate) struct RowsInOrder<T>(Rows<T>);

impl<T> RowsInOrder<T> {
    pub(crate) fn with_capacity(rows: usize, values: usize) -> RowsInOrder<T> {
        RowsInOrder(Rows { starts: Vec::with_capacity(rows + 1), values: Vec::with_capacity(values) })
    }

    /// No row before it can get more values.
    pub(crate) fn push(&mut self, row: u32, value: T) {
        self.skip_to(row as usize);
        self.0.values.push(value);
    }

    pub(crate) fn finish(mut self, rows: usize) -> Rows<T> {
        self.skip_to(rows);
        self.0
    }

    fn skip_to(&mut self, row: usize) {
        let Rows { starts, values } = &mut self.0;
        if starts.len() <= row {
            starts.resize(row + 1, number(values.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_order() {
        let rows = Rows::from_pairs(3, [(2, 'x'), (0, 'b'), (2, 'a')].into_iter());
        assert_eq!([rows.row(0), rows.row(1), rows.row(2)], [&['b'][..], &[], &['x', 'a']]);

        let mut rows = RowsInOrder::with_capacity(4, 3);
        for (row, value) in [(0, 'b'), (2, 'x'), (2, 'a')] {
            rows.push(row, value);
        }
        let rows = rows.finish(4);
        assert_eq!([rows.row(0), rows.row(1), rows.row(2), rows.row(3)], [&['b'][..], &[], &['x', 'a'], &[]]);
    }
}
