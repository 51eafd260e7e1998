//! What models were seen to do: counts and score distributions.

use serde::{Deserialize, Serialize};

use super::Window;

/// Bins of a distribution of scores, each a twentieth of 0 to 1.
pub const SCORE_BINS: usize = 20;

/// What one model did.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ModelScores {
    /// Actions that it gave a score.
    pub scored: u64,
    /// Of these, scored above its limit.
    pub flagged: u64,
    /// Actions that it could not score.
    pub errors: u64,
    /// Sum of the scores, each 0 to 1.
    pub sum: f64,
    /// How many scores fell into each bin.
    pub bins: [u64; SCORE_BINS],
    /// Time spent on scoring, in nanoseconds, reckoned from a sample.
    pub nanos: u64,
}

impl ModelScores {
    /// Counts a score between 0 and 1.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of twenty"
    )]
    pub fn count(&mut self, score: f64, is_flagged: bool) {
        self.scored += 1;
        self.flagged += u64::from(is_flagged);
        self.sum += score;
        let bin = (score.clamp(0.0, 1.0) * SCORE_BINS as f64) as usize;
        self.bins[bin.min(SCORE_BINS - 1)] += 1;
    }

    /// Mean score; `None` without any.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn mean(&self) -> Option<f64> {
        (self.scored > 0).then(|| self.sum / self.scored as f64)
    }

    fn add(&mut self, other: &Self) {
        self.scored += other.scored;
        self.flagged += other.flagged;
        self.errors += other.errors;
        self.sum += other.sum;
        self.nanos += other.nanos;
        for (bin, more) in self.bins.iter_mut().zip(other.bins) {
            *bin += more;
        }
    }
}

/// What champion and challenger did with the same actions, since both have been what they are.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Shadow {
    /// The champion.
    pub champion: ModelScores,
    /// The challenger.
    pub challenger: ModelScores,
    /// Actions that both flagged.
    pub both_flagged: u64,
    /// What the guard looks at.
    pub window: Window,
}

impl Shadow {
    /// Adds what was seen elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.champion.add(&other.champion);
        self.challenger.add(&other.challenger);
        self.both_flagged += other.both_flagged;
        self.window.add(&other.window);
    }

    /// Population stability index between the two distributions of scores: 0 where they are alike.
    /// Half an action is added to each bin, so that an empty one does not make it infinite; `None`
    /// before both have scored.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn stability_index(&self) -> Option<f64> {
        if self.champion.scored == 0 || self.challenger.scored == 0 {
            return None;
        }
        let share = |scores: &ModelScores, bin: usize| {
            (scores.bins[bin] as f64 + 0.5) / (scores.scored as f64 + 0.5 * SCORE_BINS as f64)
        };
        let terms = (0..SCORE_BINS).map(|bin| {
            let (p, q) = (share(&self.champion, bin), share(&self.challenger, bin));
            (q - p) * (q / p).ln()
        });
        Some(terms.sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_are_stable_and_others_are_not() {
        let mut shadow = Shadow::default();
        assert_eq!(shadow.stability_index(), None);
        for i in 0..1_000_u32 {
            let score = f64::from(i) / 1_000.0;
            shadow.champion.count(score, false);
            shadow.challenger.count(score, score > 0.99);
        }
        assert_eq!(shadow.stability_index(), Some(0.0));
        assert_eq!(shadow.champion.bins, [50; SCORE_BINS]);
        assert_eq!(shadow.challenger.flagged, 9);
        for _ in 0..1_000 {
            shadow.challenger.count(1.0, true);
        }
        // Half of the scores moved into the last bin: (0.525 − 0.05) ln(0.525 / 0.05), and 19 times
        // (0.025 − 0.05) ln(0.025 / 0.05); the half actions change little of it.
        let index = shadow.stability_index().unwrap();
        assert!((index - 1.446).abs() < 0.02, "{index}");
        assert!((shadow.challenger.mean().unwrap() - 0.749_75).abs() < 1e-9);
    }
}
