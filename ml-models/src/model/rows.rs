//! Rows to learn from or to measure on.

use ndarray::Array2;

use super::ModelError;

/// Most features of a model: far above what is computed, far below what would hurt.
pub const WIDTH_MAX: usize = 256;
/// Most rows held in memory: half a gigabyte at a dozen features.
pub const ROWS_MAX: usize = 5_000_000;

/// Feature values by rows, each with a label where one is known. Values are finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    width: usize,
    values: Vec<f64>,
    labels: Vec<Option<bool>>,
}

impl Rows {
    /// No rows yet, of `width` values each, 1 to [`WIDTH_MAX`].
    ///
    /// # Errors
    /// [`ModelError::Parameter`] for another width.
    pub fn new(width: usize) -> Result<Self, ModelError> {
        if width == 0 || width > WIDTH_MAX {
            return Err(ModelError::Parameter {
                name: "features",
                value: width.to_string(),
                range: format!("1 to {WIDTH_MAX} features"),
            });
        }
        Ok(Self {
            width,
            values: Vec::new(),
            labels: Vec::new(),
        })
    }

    /// Adds a row; `label` is whether it was a risk, where that is known.
    ///
    /// # Errors
    /// [`ModelError`] for another width, a value that is not finite, or one row too many.
    pub fn push(&mut self, row: &[f64], label: Option<bool>) -> Result<(), ModelError> {
        check(row, self.width)?;
        if self.labels.len() >= ROWS_MAX {
            return Err(ModelError::TooManyRows { most: ROWS_MAX });
        }
        self.values.extend_from_slice(row);
        self.labels.push(label);
        Ok(())
    }

    /// Values of each row.
    #[must_use]
    pub const fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Rows with their labels, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&[f64], Option<bool>)> {
        self.values
            .chunks_exact(self.width)
            .zip(self.labels.iter().copied())
    }

    /// Rows labelled as risk and as fine.
    #[must_use]
    pub fn classes(&self) -> (usize, usize) {
        let of = |label| self.labels.iter().filter(|l| **l == Some(label)).count();
        (of(true), of(false))
    }

    /// The rows that `keep` says.
    #[must_use]
    pub(super) fn filter(&self, keep: impl Fn(usize, Option<bool>) -> bool) -> Self {
        let mut kept = Self {
            width: self.width,
            values: Vec::new(),
            labels: Vec::new(),
        };
        for (index, (row, label)) in self.iter().enumerate() {
            if keep(index, label) {
                kept.values.extend_from_slice(row);
                kept.labels.push(label);
            }
        }
        kept
    }

    /// At most `most` rows, spread evenly over all.
    pub(super) fn spread(&self, most: usize) -> Self {
        let (all, most) = (self.len().max(1), most.min(self.len()));
        self.filter(|index, _| (index + 1) * most / all > index * most / all)
    }

    /// The rows with a label.
    pub(super) fn labelled(&self) -> Self {
        self.filter(|_, label| label.is_some())
    }

    /// As a matrix, each row changed by `change`.
    pub(super) fn matrix(&self, change: impl Fn(&[f64], &mut Vec<f64>)) -> Array2<f64> {
        let mut values = Vec::with_capacity(self.values.len());
        for (row, _) in self.iter() {
            change(row, &mut values);
        }
        let rows = values.len() / self.width;
        Array2::from_shape_vec((rows, self.width), values).unwrap_or_default()
    }

    /// Refuses rows that hold too few of a class.
    pub(crate) fn need_both(&self, what: &'static str, least: usize) -> Result<(), ModelError> {
        let (positives, negatives) = self.classes();
        if positives < least || negatives < least {
            return Err(ModelError::OneClass {
                what,
                positives,
                negatives,
                least,
            });
        }
        Ok(())
    }
}

/// Refuses a row of another width or with a value that is not finite.
pub(super) fn check(row: &[f64], width: usize) -> Result<(), ModelError> {
    if row.len() != width {
        return Err(ModelError::Width {
            given: row.len(),
            expected: width,
        });
    }
    match row.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(feature) => Err(ModelError::NotFinite {
            feature,
            value: row[feature],
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spread_lies_evenly_and_is_never_more() {
        let mut rows = Rows::new(1).unwrap();
        for index in 0..1_000 {
            rows.push(&[f64::from(index)], None).unwrap();
        }
        for most in [1, 7, 250, 999, 1_000, 5_000] {
            let spread = rows.spread(most);
            assert_eq!(spread.len(), most.min(1_000));
        }
        let quarter = rows.spread(250);
        assert_eq!(quarter.iter().nth(1).unwrap().0, [7.0]);
        assert!(Rows::new(1).unwrap().spread(5).is_empty());
    }
}
