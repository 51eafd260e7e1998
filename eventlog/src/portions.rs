//! How many rows are written by one statement.

/// No statement writes more rows than this.
const MOST: usize = 256;
/// So many are written by one statement, however many they are.
const FEW: usize = 16;

/// The rows in order, in parts of twenty different lengths at most. A statement is another one for each
/// number of rows, and connections keep those that they have seen, in memory of both sides: with any
/// number of rows they would keep the longest, for batches that never come again.
pub fn portions<T>(rows: &[T]) -> impl Iterator<Item = &[T]> {
    let mut rest = rows;
    std::iter::from_fn(move || {
        let length = match rest.len() {
            0 => return None,
            few @ ..=FEW => few,
            many => MOST.min(1 << many.ilog2()),
        };
        let (part, after) = rest.split_at(length);
        rest = after;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn all_rows_come_once_in_order_in_few_lengths() {
        let rows: Vec<usize> = (0..1_500).collect();
        let mut lengths = BTreeSet::new();
        for count in 0..rows.len() {
            let parts: Vec<&[usize]> = portions(&rows[..count]).collect();
            assert_eq!(parts.concat(), rows[..count]);
            lengths.extend(parts.iter().map(|part| part.len()));
        }
        assert_eq!(lengths.len(), 20);
        assert!(lengths.range(1..=MOST).count() == lengths.len());
    }
}
