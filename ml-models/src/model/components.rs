//! Principal components: how far a row lies from what the learned rows have in common.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_reduction::Pca;
use serde::{Deserialize, Serialize};

use super::scaler::Scaler;
use super::{ModelError, Rows, WIDTH_MAX};

/// Directions shorter than this after making them perpendicular are copies of others.
const LEAST_LENGTH: f64 = 1e-6;

/// Main directions of scaled features. The score is the squared distance of a row from the space
/// that they span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Components {
    scaler: Scaler,
    /// Perpendicular, of length 1.
    axes: Vec<Vec<f64>>,
}

impl Components {
    /// Fits `components` directions to all rows; fewer where rows have fewer.
    pub(super) fn fit(rows: &Rows, components: usize) -> Result<Self, ModelError> {
        let scaler = Scaler::fit(rows)?;
        let matrix = rows.matrix(|row, out| out.extend(scaler.apply(row)));
        let fitted = Pca::params(components)
            .fit(&DatasetBase::from(matrix))
            .map_err(|error| unfit(&error.to_string()))?;
        let found = fitted.components().rows();
        let model = Self {
            axes: perpendicular(found.into_iter().map(|axis| axis.to_vec())),
            scaler,
        };
        model.check()?;
        Ok(model)
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        self.scaler.check()?;
        let width = self.scaler.width();
        let sound = !self.axes.is_empty()
            && self.axes.len() <= width
            && self
                .axes
                .iter()
                .all(|axis| axis.len() == width && axis.iter().all(|v| v.is_finite()));
        sound
            .then_some(())
            .ok_or_else(|| unfit("a component is missing or not finite"))
    }

    pub(super) const fn width(&self) -> usize {
        self.scaler.width()
    }

    pub(super) fn score(&self, row: &[f64]) -> f64 {
        let mut buffer = [0.0; WIDTH_MAX];
        let rest = self.scaler.fill(row, &mut buffer);
        for axis in &self.axes {
            remove(rest, axis);
        }
        rest.iter().map(|v| v * v).sum()
    }

    /// Nothing where the components tell all, and what each feature's rest adds.
    pub(super) fn explain(&self, row: &[f64]) -> (f64, Vec<f64>) {
        (0.0, self.rest(row).iter().map(|v| v * v).collect())
    }

    /// What the components do not tell of a row, by scaled features.
    fn rest(&self, row: &[f64]) -> Vec<f64> {
        let mut rest: Vec<f64> = self.scaler.apply(row).collect();
        for axis in &self.axes {
            remove(&mut rest, axis);
        }
        rest
    }
}

/// Takes what lies along `axis` out of `vector`.
fn remove(vector: &mut [f64], axis: &[f64]) {
    let along: f64 = vector.iter().zip(axis).map(|(v, a)| v * a).sum();
    for (value, part) in vector.iter_mut().zip(axis) {
        *value -= along * part;
    }
}

/// linfa's solver stops at a tolerance, and directions of rows that have fewer dimensions come out
/// as copies: distances need axes that are exactly perpendicular.
fn perpendicular(axes: impl Iterator<Item = Vec<f64>>) -> Vec<Vec<f64>> {
    let mut kept: Vec<Vec<f64>> = Vec::new();
    for mut axis in axes {
        for other in &kept {
            remove(&mut axis, other);
        }
        let length = axis.iter().map(|v| v * v).sum::<f64>().sqrt();
        if length > LEAST_LENGTH {
            kept.push(axis.into_iter().map(|v| v / length).collect());
        }
    }
    kept
}

fn unfit(reason: &str) -> ModelError {
    ModelError::Fit {
        kind: "principal components",
        reason: reason.to_owned(),
        remedy: "use fewer `components` or more rows",
    }
}
