//! A quantile of everything seen, in five numbers.
//!
//! Jain and Chlamtac, "The P² algorithm for dynamic calculation of quantiles and histograms without
//! storing observations", Communications of the ACM 28, 1985.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Quantile {
    share: f64,
    seen: u64,
    /// Least, halfway, the quantile, halfway, greatest.
    heights: [f64; 5],
    /// Values up to each height.
    counts: [f64; 5],
}

impl Quantile {
    pub(super) const fn of(share: f64) -> Self {
        Self {
            share,
            seen: 0,
            heights: [0.0; 5],
            counts: [1.0, 2.0, 3.0, 4.0, 5.0],
        }
    }

    /// The quantile; of fewer than five values some of them.
    pub(super) const fn value(&self) -> f64 {
        self.heights[2]
    }

    pub(super) fn learn(&mut self, value: f64) {
        if self.seen < 5 {
            self.heights[self.seen as usize] = value;
            self.seen += 1;
            if self.seen == 5 {
                self.heights.sort_by(f64::total_cmp);
            }
            return;
        }
        self.seen = self.seen.saturating_add(1);
        self.heights[0] = self.heights[0].min(value);
        self.heights[4] = self.heights[4].max(value);
        for marker in 1..5 {
            if marker == 4 || value < self.heights[marker] {
                self.counts[marker] += 1.0;
            }
        }
        let steps = (self.seen - 1) as f64;
        let shares = [self.share / 2.0, self.share, f64::midpoint(1.0, self.share)];
        for (marker, share) in (1..4).zip(shares) {
            self.adjust(marker, 1.0 + steps * share - self.counts[marker]);
        }
    }

    /// Moves a marker by one when it is at least one away from where it should be.
    fn adjust(&mut self, marker: usize, off: f64) {
        let [below, own, above] = [marker - 1, marker, marker + 1].map(|at| self.counts[at]);
        let sign = if off >= 1.0 && above - own > 1.0 {
            1.0
        } else if off <= -1.0 && below - own < -1.0 {
            -1.0
        } else {
            return;
        };
        let [low, height, high] = [marker - 1, marker, marker + 1].map(|at| self.heights[at]);
        let rise = (high - height) / (above - own);
        let fall = (height - low) / (own - below);
        let parabola = height
            + sign / (above - below) * ((own - below + sign) * rise + (above - own - sign) * fall);
        self.heights[marker] = if low < parabola && parabola < high {
            parabola
        } else if sign > 0.0 {
            height + rise
        } else {
            height - fall
        };
        self.counts[marker] += sign;
    }
}
