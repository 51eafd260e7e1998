//! Logistic regression over scaled features.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::Array1;
use serde::{Deserialize, Serialize};

use super::scaler::Scaler;
use super::{ModelError, Rows};

/// Coefficients over scaled features. The score is the log-odds of risk, in nats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Logistic {
    scaler: Scaler,
    coefficients: Vec<f64>,
    intercept: f64,
}

impl Logistic {
    /// Fits labelled rows; `alpha` is the weight of the squared coefficients.
    pub(crate) fn fit(rows: &Rows, alpha: f64) -> Result<Self, ModelError> {
        let scaler = Scaler::fit(rows)?;
        let matrix = rows.matrix(|row, out| out.extend(scaler.apply(row)));
        let labels: Array1<bool> = rows.iter().map(|(_, label)| label == Some(true)).collect();
        let fitted = LogisticRegression::<f64>::default()
            .alpha(alpha)
            .max_iterations(200)
            .fit(&DatasetBase::new(matrix, labels))
            .map_err(|error| unfit(&error.to_string()))?;
        // linfa calls the label positive that more rows have, or that comes first when as many
        // have both: its odds are those of the benign class wherever attacks are rare.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        let coefficients = fitted.params().iter().map(|value| sign * value).collect();
        Self::of(scaler, coefficients, sign * fitted.intercept())
    }

    pub(super) fn of(
        scaler: Scaler,
        coefficients: Vec<f64>,
        intercept: f64,
    ) -> Result<Self, ModelError> {
        let model = Self {
            scaler,
            coefficients,
            intercept,
        };
        model.check()?;
        Ok(model)
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        self.scaler.check()?;
        let finite = self.intercept.is_finite() && self.coefficients.iter().all(|c| c.is_finite());
        if self.coefficients.len() != self.scaler.width() || !finite {
            return Err(unfit("a coefficient is missing or not finite"));
        }
        Ok(())
    }

    pub(super) const fn width(&self) -> usize {
        self.coefficients.len()
    }

    pub(crate) fn score(&self, row: &[f64]) -> f64 {
        self.intercept + self.terms(row).sum::<f64>()
    }

    /// What the score is for average features, and what each feature adds.
    pub(super) fn explain(&self, row: &[f64]) -> (f64, Vec<f64>) {
        (self.intercept, self.terms(row).collect())
    }

    fn terms<'a>(&'a self, row: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        self.scaler
            .apply(row)
            .zip(&self.coefficients)
            .map(|(value, coefficient)| value * coefficient)
    }
}

fn unfit(reason: &str) -> ModelError {
    ModelError::Fit {
        kind: "logistic regression",
        reason: reason.to_owned(),
        remedy: "raise `alpha` or leave out features that never change",
    }
}
