//! Bringing features to one scale.

use serde::{Deserialize, Serialize};

use super::{ModelError, Rows, WIDTH_MAX};

/// Below this spread a feature counts as constant: dividing by it would blow up rounding errors.
const LEAST_SPREAD: f64 = 1e-9;
/// Scaled values are held within this, so that no finite row has an infinite score.
const BOUND: f64 = 1e6;

/// Subtracts each feature's mean and divides by its standard deviation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Scaler {
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl Scaler {
    /// Of these rows. A feature that never changes keeps scale 1.
    #[expect(clippy::cast_precision_loss, reason = "rows stay far below 2^52")]
    pub(super) fn fit(rows: &Rows) -> Result<Self, ModelError> {
        let count = rows.len().max(1) as f64;
        let mut mean = vec![0.0; rows.width()];
        for (row, _) in rows.iter() {
            for (sum, value) in mean.iter_mut().zip(row) {
                *sum += value / count;
            }
        }
        let mut scale = vec![0.0; rows.width()];
        for (row, _) in rows.iter() {
            for ((sum, value), mean) in scale.iter_mut().zip(row).zip(&mean) {
                *sum += (value - mean) * ((value - mean) / count);
            }
        }
        for value in &mut scale {
            *value = value.sqrt();
            if *value < LEAST_SPREAD {
                *value = 1.0;
            }
        }
        Self::of(mean, scale)
    }

    /// From its numbers: as many means as scales, all finite, scales above 0.
    pub(super) fn of(mean: Vec<f64>, scale: Vec<f64>) -> Result<Self, ModelError> {
        let sound = mean.len() == scale.len()
            && mean.iter().all(|value| value.is_finite())
            && scale.iter().all(|value| value.is_finite() && *value > 0.0);
        sound.then_some(Self { mean, scale }).ok_or_else(|| {
            ModelError::Damaged(
                "means and scales must be as many as features, finite, and scales above 0"
                    .to_owned(),
            )
        })
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        Self::of(self.mean.clone(), self.scale.clone()).map(|_| ())
    }

    /// Means and standard deviations.
    pub(super) fn numbers(&self) -> (&[f64], &[f64]) {
        (&self.mean, &self.scale)
    }

    pub(super) const fn width(&self) -> usize {
        self.mean.len()
    }

    /// The scaled values of a row of the right width, in place of what `buffer` holds.
    pub(super) fn fill<'a>(&self, row: &[f64], buffer: &'a mut [f64; WIDTH_MAX]) -> &'a mut [f64] {
        let scaled = &mut buffer[..row.len().min(WIDTH_MAX)];
        for (place, value) in scaled.iter_mut().zip(self.apply(row)) {
            *place = value;
        }
        scaled
    }

    /// The scaled values of a row of the right width.
    pub(super) fn apply<'a>(&'a self, row: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        row.iter()
            .zip(&self.mean)
            .zip(&self.scale)
            .map(|((value, mean), scale)| ((value - mean) / scale).clamp(-BOUND, BOUND))
    }
}
