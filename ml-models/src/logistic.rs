//! Logistic regression: risk as the log-odds of a weighted sum.

use linfa::Dataset;
use linfa::traits::Fit;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};
use serde::{Deserialize, Serialize};

/// Standardized values are cut here: one wild number must not outweigh all others.
const CUT: f64 = 4.0;
const ITERATIONS: u64 = 200;

/// Why a model cannot be fitted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    /// Rows and labels do not go together.
    #[error("{rows} rows have {labels} labels, give each row one")]
    Labels {
        /// Rows given.
        rows: usize,
        /// Labels given.
        labels: usize,
    },
    /// Without both classes there is nothing to tell apart.
    #[error("all rows are labelled {0}, rows of both classes are needed")]
    OneClass(bool),
    /// A number is not finite.
    #[error("row {row}, feature {feature} is not a finite number")]
    NotFinite {
        /// Counted from 0.
        row: usize,
        /// Counted from 0.
        feature: usize,
    },
    /// The solver gave up.
    #[error("the solver gave up: {0}")]
    Solver(String),
}

/// A fitted model of `N` features.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logistic {
    means: Vec<f64>,
    scales: Vec<f64>,
    weights: Vec<f64>,
    intercept: f64,
}

impl Logistic {
    /// Fits a model to rows of which `labels` says whether they are positive. `penalty` is the L2
    /// weight on standardized features against the sum of all rows' losses.
    ///
    /// # Errors
    /// [`FitError`] when a label is missing, a class is, or a number is not finite.
    pub fn fit<const N: usize>(
        rows: &[[f64; N]],
        labels: &[bool],
        penalty: f64,
    ) -> Result<Self, FitError> {
        check(rows, labels)?;
        let (means, scales) = moments(rows);
        let mut records = Array2::zeros((rows.len(), N));
        for (mut record, row) in records.rows_mut().into_iter().zip(rows) {
            for (index, value) in record.iter_mut().enumerate() {
                *value = standardize(row[index], means[index], scales[index]);
            }
        }
        let dataset = Dataset::new(records, Array1::from(labels.to_vec()));
        let fitted = LogisticRegression::default()
            .alpha(penalty)
            .max_iterations(ITERATIONS)
            .fit(&dataset)
            .map_err(|error| FitError::Solver(error.to_string()))?;
        // The library's positive class is not always ours.
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        Ok(Self {
            means,
            scales,
            weights: fitted.params().iter().map(|weight| sign * weight).collect(),
            intercept: sign * fitted.intercept(),
        })
    }

    /// Log-odds that a row is positive, in nats.
    #[must_use]
    pub fn log_odds<const N: usize>(&self, row: &[f64; N]) -> f64 {
        self.intercept + self.contributions(row).iter().sum::<f64>()
    }

    /// What each feature adds to the log-odds, in nats, against a row of means.
    #[must_use]
    pub fn contributions<const N: usize>(&self, row: &[f64; N]) -> [f64; N] {
        let mut contributions = [0.0; N];
        let fitted = self.means.iter().zip(&self.scales).zip(&self.weights);
        for ((contribution, value), ((mean, scale), weight)) in
            contributions.iter_mut().zip(row).zip(fitted)
        {
            *contribution = weight * standardize(*value, *mean, *scale);
        }
        contributions
    }
}

fn check<const N: usize>(rows: &[[f64; N]], labels: &[bool]) -> Result<(), FitError> {
    if rows.len() != labels.len() {
        return Err(FitError::Labels {
            rows: rows.len(),
            labels: labels.len(),
        });
    }
    for class in [true, false] {
        if !labels.contains(&class) {
            return Err(FitError::OneClass(!class));
        }
    }
    for (row, values) in rows.iter().enumerate() {
        if let Some(feature) = values.iter().position(|value| !value.is_finite()) {
            return Err(FitError::NotFinite { row, feature });
        }
    }
    Ok(())
}

fn standardize(value: f64, mean: f64, scale: f64) -> f64 {
    ((value - mean) / scale).clamp(-CUT, CUT)
}

/// Mean and standard deviation of each column; a constant column has the scale 1.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn moments<const N: usize>(rows: &[[f64; N]]) -> (Vec<f64>, Vec<f64>) {
    let count = rows.len() as f64;
    let column = |index: usize| rows.iter().map(move |row| row[index]);
    let means: Vec<f64> = (0..N)
        .map(|index| column(index).sum::<f64>() / count)
        .collect();
    let scales = (0..N)
        .map(|index| {
            let squares: f64 = column(index)
                .map(|value| (value - means[index]).powi(2))
                .sum();
            let deviation = (squares / count).sqrt();
            if deviation > 1e-9 { deviation } else { 1.0 }
        })
        .collect();
    (means, scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of which the first feature tells the label, the second nothing, the third is constant.
    fn rows(positives: usize, negatives: usize) -> (Vec<[f64; 3]>, Vec<bool>) {
        let row = |n: usize, is_positive: bool| {
            let noise = f64::from(u32::try_from(n * 7919 % 101).unwrap()) / 101.0;
            [
                f64::from(u8::from(is_positive)) * 2.0 + noise,
                noise * noise,
                5.0,
            ]
        };
        let labels: Vec<bool> = (0..positives + negatives).map(|n| n >= negatives).collect();
        let rows = labels
            .iter()
            .enumerate()
            .map(|(n, is)| row(n, *is))
            .collect();
        (rows, labels)
    }

    #[test]
    fn positives_have_higher_odds_whichever_class_is_larger_or_comes_first() {
        for (positives, negatives) in [(10, 90), (90, 10), (50, 50)] {
            for reversed in [false, true] {
                let (mut rows, mut labels) = rows(positives, negatives);
                if reversed {
                    rows.reverse();
                    labels.reverse();
                }
                let model = Logistic::fit(&rows, &labels, 1.0).unwrap();
                let (high, low) = (
                    model.log_odds(&[2.5, 0.2, 5.0]),
                    model.log_odds(&[0.5, 0.2, 5.0]),
                );
                assert!(high > low + 2.0, "{positives}/{negatives}: {high} {low}");
            }
        }
    }

    #[test]
    fn contributions_add_up_to_the_odds() {
        let (rows, labels) = rows(30, 70);
        let model = Logistic::fit(&rows, &labels, 1.0).unwrap();
        let row = [1.7, 0.3, 5.0];
        let [first, second, third] = model.contributions(&row);
        assert!((model.intercept + first + second + third - model.log_odds(&row)).abs() < 1e-12);
        assert!(first.abs() > 10.0 * second.abs());
        assert_eq!(third, 0.0);
        assert!(model.log_odds(&[f64::MAX, f64::MIN, 0.0]).is_finite());
    }

    #[test]
    fn the_same_rows_give_the_same_model() {
        let (rows, labels) = rows(30, 70);
        let fit = || Logistic::fit(&rows, &labels, 1.0).unwrap();
        assert_eq!(fit(), fit());
    }

    #[test]
    fn what_cannot_be_fitted_is_named() {
        let (mut rows, labels) = rows(5, 5);
        let fails = |rows: &[[f64; 3]], labels: &[bool]| {
            Logistic::fit(rows, labels, 1.0).unwrap_err().to_string()
        };
        assert!(fails(&rows, &labels[1..]).contains("10 rows have 9 labels"));
        assert!(fails(&rows, &[true; 10]).contains("labelled true"));
        assert!(fails(&[], &[]).contains("rows of both classes"));
        rows[3][1] = f64::NAN;
        assert!(fails(&rows, &labels).contains("row 3, feature 1"));
    }
}
