//! The trust score: eight factors, each from recorded facts, each with its evidence.
//!
//! Score = Σ wᵢ·cᵢ·vᵢ / Σ wᵢ·cᵢ over the factors, where v is a factor's value (0 worst, 1 best), w
//! its weight and c the confidence in it (0: without data). Missing data therefore lowers the
//! confidence of the whole, never the score. With fewer than [`LEAST_SAMPLES`] observed actions
//! there is no score: the agent is `UNSCORED`.

mod factors;
mod feedback;
mod manual;
mod weights;

use factors::measures;
pub use factors::{Tallies, factors};
pub use feedback::{Feedback, RATING_MAX, Rater, Rating};
pub use manual::{OVERRIDE_MAX_DAYS, OverrideError, TrustOverride, effective_trust};
pub use weights::{TrustWeights, WEIGHT_MAX, WeightsError};

use serde::{Deserialize, Serialize};

/// Least observed actions for a score: below it, chance speaks louder than the agent.
pub const LEAST_SAMPLES: u64 = 20;

/// A score in ten-thousandths, so that equal inputs give equal scores on every machine.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct TrustScore(u16);

impl TrustScore {
    /// The best score.
    pub const MAX: Self = Self(10_000);

    /// From ten-thousandths; more than 10,000 is 10,000.
    #[must_use]
    pub const fn from_ten_thousandths(value: u16) -> Self {
        if value > 10_000 {
            Self::MAX
        } else {
            Self(value)
        }
    }

    /// From a fraction; outside 0 to 1 is clamped, not a number is 0.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=10,000 just before; `as` turns NaN into 0"
    )]
    pub fn from_fraction(fraction: f64) -> Self {
        Self((fraction.clamp(0.0, 1.0) * 10_000.0).round() as u16)
    }

    /// In ten-thousandths.
    #[must_use]
    pub const fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// As a fraction, 0 to 1.
    #[must_use]
    pub fn as_fraction(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// The named range it lies in.
    #[must_use]
    pub const fn band(self) -> TrustBand {
        match self.0 {
            0..2_000 => TrustBand::Untrusted,
            2_000..5_000 => TrustBand::Low,
            5_000..8_000 => TrustBand::Moderate,
            _ => TrustBand::High,
        }
    }
}

/// Named ranges of the score: below 0.2, 0.5, 0.8, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TrustBand {
    /// Below 0.2.
    Untrusted,
    /// 0.2 up to 0.5.
    Low,
    /// 0.5 up to 0.8.
    Moderate,
    /// 0.8 and more.
    High,
}

/// The eight inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TrustFactorKind {
    /// How its actions ended.
    AgentHistory,
    /// Attestations of the MCP servers it talks to.
    McpAttestation,
    /// How risky and how novel what it does is.
    ActionRisk,
    /// What it tried without a grant.
    CapabilityViolations,
    /// How its rate fits the learned one.
    Frequency,
    /// How its hours fit the learned ones.
    TemporalPattern,
    /// Where it acts from.
    GeographicSignals,
    /// What people and peers say.
    CommunityFeedback,
}

impl TrustFactorKind {
    /// All eight, in order.
    pub const ALL: [Self; 8] = [
        Self::AgentHistory,
        Self::McpAttestation,
        Self::ActionRisk,
        Self::CapabilityViolations,
        Self::Frequency,
        Self::TemporalPattern,
        Self::GeographicSignals,
        Self::CommunityFeedback,
    ];
}

/// One factor, with the facts behind it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrustFactor {
    /// Which.
    pub kind: TrustFactorKind,
    /// 0 (worst) to 1 (best); `None` without data.
    pub value: Option<f64>,
    /// Share of this factor when all have full confidence; the eight sum to 1.
    pub weight: f64,
    /// 0 (no data) to 1 (as much as it can use).
    pub confidence: f64,
    /// The facts, in words with numbers.
    pub evidence: String,
}

/// A score with everything it was computed from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrustAssessment {
    /// The score; `None` is `UNSCORED`.
    pub score: Option<TrustScore>,
    /// Σ wᵢ·cᵢ, 0 to 1, in ten-thousandths.
    pub confidence: TrustScore,
    /// Observed actions behind it.
    pub sample_count: u64,
    /// All eight, in the order of [`TrustFactorKind`].
    pub factors: Vec<TrustFactor>,
}

/// Computes the score with everything it came from.
#[must_use]
pub fn assess(tallies: &Tallies, weights: &TrustWeights) -> TrustAssessment {
    let factors = factors(tallies, weights).to_vec();
    let (score, confidence) = combine(
        tallies.samples,
        factors.iter().map(|f| (f.weight, f.confidence, f.value)),
    );
    TrustAssessment {
        score,
        confidence,
        sample_count: tallies.samples,
        factors,
    }
}

/// The score alone: what [`assess`] gives, without putting evidence into words.
#[must_use]
pub fn score(tallies: &Tallies, weights: &TrustWeights) -> Option<TrustScore> {
    let measures = measures(tallies, weights);
    combine(
        tallies.samples,
        measures.iter().map(|m| (m.weight, m.confidence, m.value())),
    )
    .0
}

fn combine(
    samples: u64,
    factors: impl Iterator<Item = (f64, f64, Option<f64>)>,
) -> (Option<TrustScore>, TrustScore) {
    let (mut weighted, mut total) = (0.0, 0.0);
    for (weight, confidence, value) in factors {
        if let Some(value) = value {
            weighted += weight * confidence * value;
            total += weight * confidence;
        }
    }
    let scored = samples >= LEAST_SAMPLES && total > 0.0;
    (
        scored.then(|| TrustScore::from_fraction(weighted / total)),
        TrustScore::from_fraction(total),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assess(tallies: &Tallies) -> TrustAssessment {
        super::assess(tallies, &TrustWeights::default())
    }

    fn calm() -> Tallies {
        Tallies {
            samples: 400,
            successes: 390.0,
            failures: 10.0,
            risk_sum: 20.0,
            risk_weight: 400.0,
            rate_windows: 48.0,
            hours_known: 100.0,
            ..Tallies::default()
        }
    }

    #[test]
    fn too_little_data_is_unscored() {
        let tallies = Tallies {
            samples: LEAST_SAMPLES - 1,
            ..calm()
        };
        assert_eq!(assess(&tallies).score, None);
        assert!(
            assess(&Tallies::default())
                .factors
                .iter()
                .all(|f| f.value.is_none())
        );
    }

    #[test]
    fn each_kind_of_misbehaviour_lowers_the_score() {
        let before = assess(&calm()).score.unwrap();
        assert_eq!(before.band(), TrustBand::High);
        for (what, worse) in [
            (
                "violations",
                Tallies {
                    violations: 3.0,
                    ..calm()
                },
            ),
            (
                "failures",
                Tallies {
                    failures: 300.0,
                    ..calm()
                },
            ),
            (
                "risk",
                Tallies {
                    risk_sum: 380.0,
                    ..calm()
                },
            ),
            (
                "novelty",
                Tallies {
                    novelty: 4.0,
                    ..calm()
                },
            ),
            (
                "rate",
                Tallies {
                    rate_surprise: 3.0,
                    ..calm()
                },
            ),
            (
                "hours",
                Tallies {
                    hour_surprise: 3.0,
                    ..calm()
                },
            ),
        ] {
            assert!(assess(&worse).score.unwrap() < before, "{what}");
            let quick = score(&worse, &TrustWeights::default());
            assert_eq!(assess(&worse).score, quick, "{what}");
        }
    }

    #[test]
    fn factors_without_data_leave_the_score_alone() {
        let all = assess(&calm());
        let total: f64 = all.factors.iter().map(|f| f.weight).sum();
        assert!((total - 1.0).abs() < 1e-9);
        assert_eq!(all.factors.len(), 8);
        let silent = all.factors.iter().filter(|f| f.value.is_none()).count();
        assert_eq!(silent, 3);
        assert!(all.confidence < TrustScore::MAX);
    }
}
