//! A quantile of everything seen, in five numbers.
//!
//! Jain and Chlamtac, "The P² algorithm for dynamic calculation of quantiles and histograms without
//! storing observations", Communications of the ACM 28, 1985.

use serde::{Deserialize, Serialize};

/// Values that lie within ±1e30.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Quantile {
    /// Least, halfway, the quantile, halfway, greatest.
    heights: [f32; 5],
    /// Values up to each height.
    counts: [u32; 5],
}

impl Default for Quantile {
    fn default() -> Self {
        Self {
            heights: [0.0; 5],
            counts: [1, 2, 3, 4, 0],
        }
    }
}

impl Quantile {
    /// The quantile; of fewer than five values some of them.
    pub(crate) fn value(&self) -> f64 {
        self.heights[2].into()
    }

    /// Learns a value; `share` is which quantile it is, the same each time.
    pub(crate) fn learn(&mut self, share: f64, value: f64) {
        let value = value as f32;
        let seen = self.counts[4];
        if seen < 5 {
            self.heights[seen as usize] = value;
            self.counts[4] += 1;
            if seen == 4 {
                self.heights.sort_by(f32::total_cmp);
            }
            return;
        }
        self.heights[0] = self.heights[0].min(value);
        self.heights[4] = self.heights[4].max(value);
        for marker in 1..5 {
            if marker == 4 || value < self.heights[marker] {
                self.counts[marker] = self.counts[marker].saturating_add(1);
            }
        }
        let steps = f64::from(self.counts[4].saturating_sub(1));
        let shares = [share / 2.0, share, f64::midpoint(1.0, share)];
        for (marker, share) in (1..4).zip(shares) {
            self.adjust(marker, 1.0 + steps * share - f64::from(self.counts[marker]));
        }
    }

    /// Moves a marker by one when it is at least one away from where it should be.
    fn adjust(&mut self, marker: usize, off: f64) {
        let [below, own, above] =
            [marker - 1, marker, marker + 1].map(|at| f64::from(self.counts[at]));
        let sign = if off >= 1.0 && above - own > 1.0 {
            1.0
        } else if off <= -1.0 && below - own < -1.0 {
            -1.0
        } else {
            return;
        };
        let [low, height, high] =
            [marker - 1, marker, marker + 1].map(|at| f64::from(self.heights[at]));
        let rise = (high - height) / (above - own);
        let fall = (height - low) / (own - below);
        let parabola = height
            + sign / (above - below) * ((own - below + sign) * rise + (above - own - sign) * fall);
        let moved = if low < parabola && parabola < high {
            parabola
        } else if sign > 0.0 {
            height + rise
        } else {
            height - fall
        };
        self.heights[marker] = moved as f32;
        self.counts[marker] = if sign > 0.0 {
            self.counts[marker].saturating_add(1)
        } else {
            self.counts[marker].saturating_sub(1)
        };
    }
}
