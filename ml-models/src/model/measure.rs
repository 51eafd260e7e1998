//! How good a model is on rows with labels.

use serde::{Deserialize, Serialize};

use super::{Model, ModelError, Rows};
use crate::evaluation::metrics::{auc, rate, threshold};

/// Bins of the calibration error.
const BINS: usize = 10;

/// Scores above which a row is flagged, taken from rows that were fine and not learned from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// At most 1 % of them score above.
    pub at_1pct: f64,
    /// At most 5 % of them score above.
    pub at_5pct: f64,
}

impl Limits {
    /// Of the scores of rows that were fine; infinite without any.
    pub(super) fn of(scores: &[f64]) -> Self {
        Self {
            at_1pct: threshold(scores.to_vec(), 0.01),
            at_5pct: threshold(scores.to_vec(), 0.05),
        }
    }
}

/// How well risk was told. Shares lie between 0 and 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Rows with a label.
    pub rows: usize,
    /// Of these, labelled as risk.
    pub positives: usize,
    /// Share of pairs of a risky and a fine row that are in the right order.
    pub auc: f64,
    /// Share of risky rows above the limit of 1 %.
    pub recall_at_1pct: f64,
    /// Share of risky rows above the limit of 5 %.
    pub recall_at_5pct: f64,
    /// Share of fine rows above the limit of 1 %.
    pub flagged_at_1pct: f64,
    /// Share of fine rows above the limit of 5 %.
    pub flagged_at_5pct: f64,
    /// Mean squared distance of probability and label; `None` where the model gives ranks.
    pub brier: Option<f64>,
    /// Mean distance of probability and share of risk over ten bins, weighted by their rows;
    /// `None` where the model gives ranks.
    pub calibration_error: Option<f64>,
}

/// Measures a model on the rows that have a label.
///
/// # Errors
/// [`ModelError`] when no row of one label is there, or rows are not the model's.
#[expect(clippy::cast_precision_loss, reason = "rows stay far below 2^52")]
pub fn evaluate(model: &Model, rows: &Rows) -> Result<Metrics, ModelError> {
    rows.need_both("the evaluation set", 1)?;
    let mut scores = [Vec::new(), Vec::new()];
    let mut bins = [(0.0, 0.0, 0_u64); BINS];
    let mut brier = 0.0;
    for (row, label) in rows.iter() {
        let Some(label) = label else { continue };
        let score = model.score(row)?;
        scores[usize::from(label)].push(score);
        let probability = model.calibration().apply(score);
        let truth = f64::from(u8::from(label));
        brier += (probability - truth).powi(2);
        let bin = &mut bins[bin_of(probability)];
        *bin = (bin.0 + probability, bin.1 + truth, bin.2 + 1);
    }
    let [fine, risky] = scores;
    let count = (fine.len() + risky.len()) as f64;
    let distance: f64 = bins.iter().map(|(p, truth, _)| (p - truth).abs()).sum();
    let over = |scores: &[f64], limit: f64| rate(scores.iter().map(|score| *score > limit));
    let limits = model.limits();
    let is_probability = model.gives_probabilities();
    Ok(Metrics {
        rows: fine.len() + risky.len(),
        positives: risky.len(),
        auc: auc(&risky, &fine).unwrap_or(0.5),
        recall_at_1pct: over(&risky, limits.at_1pct),
        recall_at_5pct: over(&risky, limits.at_5pct),
        flagged_at_1pct: over(&fine, limits.at_1pct),
        flagged_at_5pct: over(&fine, limits.at_5pct),
        brier: is_probability.then_some(brier / count),
        calibration_error: is_probability.then_some(distance / count),
    })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of ten"
)]
fn bin_of(probability: f64) -> usize {
    ((probability * BINS as f64) as usize).min(BINS - 1)
}
