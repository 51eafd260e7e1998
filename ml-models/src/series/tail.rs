//! How rarely a signal is as high.
//!
//! Peaks over a threshold (Siffert, Fouque, Termier, Largouet, "Anomaly Detection in Streams with
//! Extreme Value Theory", KDD 2017): excesses over a high quantile follow a generalized Pareto
//! distribution, whatever the signal. Shape and scale by probability-weighted moments (Hosking and
//! Wallis, "Parameter and Quantile Estimation for the Generalized Pareto Distribution",
//! Technometrics 29, 1987), which need no iteration.

use serde::{Deserialize, Serialize};

use super::quantile::Quantile;

/// Excesses are what lies above this quantile.
const SHARE: f64 = 0.93;
/// Newest excesses kept: those of about the newest 2,300 rows.
const EXCESSES: usize = 160;
/// The fit is renewed after so many excesses, which keeps the mean work a row small.
const REFIT: usize = 4;
/// Rows to learn from before anything is rare, and before excesses are kept.
const LEARNING_ROWS: u64 = 100;
const FIRST_ROWS: u64 = 20;
/// Fewer excesses have a scale but no shape.
const SHAPED: usize = 5;
/// Lighter tails than the exponential one are fitted by chance; heavier ones than this make
/// nothing rare.
const SHAPE_MAX: f64 = 0.3;
/// A row is learned as at most what is exceeded once in 10 to this many rows,
const LEARNED_DECADES: f64 = 4.0;
/// and within so many rows that limit grows at most so many times, whatever arrives.
const GROWTH_ROWS: u64 = 1_000;
const GROWTH: f64 = 8.0;
/// The greatest rarity that few rows can tell.
const DECADES_MAX: f64 = 12.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Tail {
    rows: u64,
    quantile: Quantile,
    excesses: Vec<f64>,
    oldest: usize,
    unfitted: usize,
    shape: f64,
    scale: f64,
    /// Rare excesses in scales.
    reach: f64,
    /// The limit is at most this.
    cap: f64,
}

impl Default for Tail {
    fn default() -> Self {
        Self {
            rows: 0,
            quantile: Quantile::of(SHARE),
            excesses: Vec::with_capacity(EXCESSES),
            oldest: 0,
            unfitted: 0,
            shape: 0.0,
            scale: 0.0,
            reach: reach(0.0),
            cap: f64::INFINITY,
        }
    }
}

impl Tail {
    /// The signal is as high once in 10 to this many rows; 0 when it is usual or nothing is known.
    /// Excesses of the size of `least` are no news.
    pub(super) fn decades(&self, signal: f64, least: f64) -> f64 {
        let excess = signal - self.quantile.value();
        if self.rows < LEARNING_ROWS || excess <= 0.0 {
            return 0.0;
        }
        let ratio = excess / self.scale.max(least).max(f64::MIN_POSITIVE);
        let beyond = if self.shape > 0.0 {
            (self.shape * ratio).ln_1p() / self.shape
        } else {
            ratio
        };
        (beyond / std::f64::consts::LN_10 - (1.0 - SHARE).log10()).min(DECADES_MAX)
    }

    /// The signal as which a higher one is learned; infinite while nothing is known.
    pub(super) fn limit(&self, least: f64) -> f64 {
        if self.rows < LEARNING_ROWS {
            return f64::INFINITY;
        }
        self.rare(least).min(self.cap)
    }

    /// The signal that is exceeded once in 10 to [`LEARNED_DECADES`] rows.
    fn rare(&self, least: f64) -> f64 {
        self.quantile.value() + self.reach * self.scale.max(least)
    }

    /// Learns a signal as at most the limit, which is returned; all of it while `least` is zero,
    /// for then nothing has a scale yet.
    pub(super) fn learn(&mut self, signal: f64, least: f64) -> f64 {
        self.rows = self.rows.saturating_add(1);
        let is_without_scale = least <= 0.0;
        let limit = if is_without_scale {
            f64::INFINITY
        } else {
            self.limit(least)
        };
        let threshold = self.quantile.value();
        // Far below the threshold there is nothing to tell apart either.
        let signal = signal.min(limit).max(threshold - (limit - threshold).abs());
        let excess = signal - threshold;
        if self.rows > FIRST_ROWS && excess > 0.0 {
            self.keep(excess);
        }
        self.quantile.learn(signal);
        if self.rows.is_multiple_of(GROWTH_ROWS) {
            self.cap = if is_without_scale {
                f64::INFINITY
            } else {
                // What is always negative grows toward zero.
                let limit = self.limit(least);
                limit + (GROWTH - 1.0) * limit.abs()
            };
        }
        limit
    }

    /// What is held outside the struct.
    #[cfg(test)]
    pub(super) const fn bytes(&self) -> usize {
        self.excesses.capacity() * size_of::<f64>()
    }

    fn keep(&mut self, excess: f64) {
        if self.excesses.len() < EXCESSES {
            self.excesses.push(excess);
        } else if let Some(oldest) = self.excesses.get_mut(self.oldest) {
            *oldest = excess;
        }
        if self.excesses.len() == EXCESSES {
            self.oldest = (self.oldest + 1) % EXCESSES;
        }
        self.unfitted += 1;
        if self.unfitted >= REFIT || self.excesses.len() < 10 * SHAPED {
            self.unfitted = 0;
            self.fit();
        }
    }

    fn fit(&mut self) {
        let count = self.excesses.len() as f64;
        let mean = self.excesses.iter().sum::<f64>() / count;
        self.shape = 0.0;
        if self.excesses.len() >= SHAPED {
            let mut sorted = self.excesses.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let weighted = (0..).zip(&sorted);
            let weighted: f64 = weighted
                .map(|(rank, excess)| excess * (count - 1.0 - f64::from(rank)) / (count - 1.0))
                .sum();
            let gap = mean - 2.0 * weighted / count;
            if gap > 0.0 {
                self.shape = (2.0 - mean / gap).clamp(0.0, SHAPE_MAX);
            }
        }
        self.scale = mean * (1.0 - self.shape);
        self.reach = reach(self.shape);
    }
}

/// Excess in scales that is exceeded once in 10 to [`LEARNED_DECADES`] rows.
fn reach(shape: f64) -> f64 {
    let beyond = LEARNED_DECADES * std::f64::consts::LN_10 + (1.0 - SHARE).ln();
    if shape > 0.0 {
        (shape * beyond).exp_m1() / shape
    } else {
        beyond
    }
}
