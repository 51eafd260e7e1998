//! From scores to probabilities.

use linfa::ParamGuard;
use linfa::composing::platt_scaling::{Platt, platt_newton_method};
use ndarray::Array1;
use serde::{Deserialize, Serialize};

use super::ModelError;

/// Steps of the table of scores where no labels are known.
const RANKS: usize = 256;

/// How a score becomes a number between 0 and 1; rising with the score in every case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Calibration {
    /// A probability of risk, by a sigmoid (Platt, 1999): 1 / (1 + exp(−(slope · t + offset))),
    /// with t = (score − centre) / scale, or its arsinh where `tamed`.
    Sigmoid {
        /// Mean of the scores.
        centre: f64,
        /// Their spread, above 0.
        scale: f64,
        /// Whether scores far out are drawn in: densities and distances have no upper end.
        tamed: bool,
        /// Above 0.
        slope: f64,
        /// Log-odds at the centre.
        offset: f64,
    },
    /// No probability: the share of rows without known risk that score lower.
    Ranks(Vec<f64>),
}

impl Calibration {
    /// Of scores with their labels; both labels are there.
    pub(super) fn sigmoid(scores: &[(f64, bool)], tamed: bool) -> Result<Self, ModelError> {
        let (centre, scale) = spread(scores);
        let shaped: Array1<f64> = scores
            .iter()
            .map(|(score, _)| shape(*score, centre, scale, tamed))
            .collect();
        let labels: Array1<bool> = scores.iter().map(|(_, label)| *label).collect();
        let parameters = Platt::<f64, ()>::params()
            .check()
            .map_err(|error| unfit(&error.to_string()))?;
        // linfa keeps no way to store a fitted Platt model; its two numbers are all there is.
        let (a, b) = platt_newton_method(shaped.view(), labels.view(), &parameters)
            .map_err(|error| unfit(&error.to_string()))?;
        let calibration = Self::Sigmoid {
            centre,
            scale,
            tamed,
            slope: -a,
            offset: -b,
        };
        calibration.check()?;
        Ok(calibration)
    }

    /// Of scores of rows without known risk; there is at least one.
    pub(super) fn ranks(mut scores: Vec<f64>) -> Self {
        scores.sort_unstable_by(f64::total_cmp);
        let last = scores.len().saturating_sub(1);
        Self::Ranks(
            (0..RANKS)
                .map(|step| scores[step * last / (RANKS - 1)])
                .collect(),
        )
    }

    pub(super) fn check(&self) -> Result<(), ModelError> {
        let sound = match self {
            Self::Sigmoid {
                centre,
                scale,
                slope,
                offset,
                ..
            } => {
                centre.is_finite()
                    && offset.is_finite()
                    && [scale, slope]
                        .into_iter()
                        .all(|v| v.is_finite() && *v > 0.0)
            }
            Self::Ranks(table) => table.len() == RANKS && table.is_sorted(),
        };
        sound
            .then_some(())
            .ok_or_else(|| unfit("scores do not rise with risk"))
    }

    /// Between 0 and 1.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "at most 256 steps")]
    pub fn apply(&self, score: f64) -> f64 {
        match self {
            Self::Sigmoid {
                centre,
                scale,
                tamed,
                slope,
                offset,
            } => {
                let shaped = shape(score, *centre, *scale, *tamed);
                // linfa's own prediction rounds to single precision.
                1.0 / (1.0 + (-(slope * shaped + offset)).exp())
            }
            Self::Ranks(table) => {
                table.partition_point(|other| *other < score) as f64 / table.len() as f64
            }
        }
    }
}

fn shape(score: f64, centre: f64, scale: f64, tamed: bool) -> f64 {
    let scaled = (score - centre) / scale;
    if tamed { scaled.asinh() } else { scaled }
}

#[expect(clippy::cast_precision_loss, reason = "rows stay far below 2^52")]
fn spread(scores: &[(f64, bool)]) -> (f64, f64) {
    let mut sorted: Vec<f64> = scores.iter().map(|(score, _)| *score).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let centre = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let sum: f64 = sorted.iter().map(|score| (score - centre).abs()).sum();
    let scale = sum / sorted.len().max(1) as f64;
    (centre, if scale > 1e-12 { scale } else { 1.0 })
}

fn unfit(reason: &str) -> ModelError {
    ModelError::Fit {
        kind: "calibration",
        reason: reason.to_owned(),
        remedy: "use more labelled rows, or features that tell risk",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sigmoid_gives_back_the_shares_it_was_shown() {
        let mut scores = Vec::new();
        for i in 0..1_000_u32 {
            scores.push((0.0, i % 10 == 0));
            scores.push((1.0, i % 10 != 0));
        }
        let calibration = Calibration::sigmoid(&scores, false).unwrap();
        assert!((calibration.apply(0.0) - 0.1).abs() < 0.01);
        assert!((calibration.apply(1.0) - 0.9).abs() < 0.01);
        assert!(calibration.apply(1e300) <= 1.0 && calibration.apply(-1e300) >= 0.0);
    }

    #[test]
    fn scores_that_fall_with_risk_are_refused() {
        let scores: Vec<_> = (0..100).map(|i| (f64::from(i), i < 50)).collect();
        assert!(Calibration::sigmoid(&scores, true).is_err());
    }

    #[test]
    fn ranks_are_shares_of_what_scores_lower() {
        let ranks = Calibration::ranks((0..1_000).map(f64::from).collect());
        assert_eq!(ranks.apply(-1.0), 0.0);
        assert_eq!(ranks.apply(2_000.0), 1.0);
        assert!((ranks.apply(500.0) - 0.5).abs() < 0.01);
        assert!(ranks.check().is_ok());
    }
}
