//! How much each factor counts: an organization's own choice, within bounds.

use serde::{Deserialize, Serialize};

use super::TrustFactorKind;

/// What the weights sum to, in ten-thousandths.
const WHOLE: u16 = 10_000;
/// Most of one weight, in ten-thousandths: no factor decides alone, so that whoever games one still
/// meets the others.
pub const WEIGHT_MAX: u16 = 5_000;

/// The weights of the eight factors in ten-thousandths, in the order of [`TrustFactorKind`]; they sum
/// to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "[u16; 8]", into = "[u16; 8]")]
pub struct TrustWeights([u16; 8]);

/// Why weights were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// One of them is out of its bounds.
    #[error("is {value}; give 0 to 0.5 in steps of 0.0001")]
    OutOfBounds {
        /// Which.
        kind: TrustFactorKind,
        /// What it is.
        value: String,
    },
    /// Together they are not one.
    #[error("sum to {0}; they have to sum to 1")]
    Sum(String),
}

impl Default for TrustWeights {
    fn default() -> Self {
        Self([2_000, 1_000, 2_000, 2_000, 1_200, 800, 500, 500])
    }
}

impl TryFrom<[u16; 8]> for TrustWeights {
    type Error = WeightsError;

    fn try_from(weights: [u16; 8]) -> Result<Self, WeightsError> {
        for (kind, weight) in TrustFactorKind::ALL.into_iter().zip(weights) {
            if weight > WEIGHT_MAX {
                let value = fraction(weight).to_string();
                return Err(WeightsError::OutOfBounds { kind, value });
            }
        }
        let sum: u32 = weights.iter().copied().map(u32::from).sum();
        if sum == u32::from(WHOLE) {
            Ok(Self(weights))
        } else {
            let sum = f64::from(sum) / f64::from(WHOLE);
            Err(WeightsError::Sum(sum.to_string()))
        }
    }
}

impl From<TrustWeights> for [u16; 8] {
    fn from(weights: TrustWeights) -> Self {
        weights.0
    }
}

impl TrustWeights {
    /// From fractions, in the order of [`TrustFactorKind`]; rounded to ten-thousandths.
    ///
    /// # Errors
    /// Every [`WeightsError::OutOfBounds`], or else [`WeightsError::Sum`].
    pub fn from_fractions(fractions: [f64; 8]) -> Result<Self, Vec<WeightsError>> {
        let most = fraction(WEIGHT_MAX);
        let kinds = TrustFactorKind::ALL.into_iter();
        let wrong: Vec<_> = kinds
            .zip(fractions)
            .filter(|(_, value)| !(0.0..=most).contains(value))
            .map(|(kind, value)| WeightsError::OutOfBounds {
                kind,
                value: value.to_string(),
            })
            .collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Self::try_from(fractions.map(ten_thousandths)).map_err(|error| vec![error])
    }

    /// The weight of one factor, 0 to 0.5.
    #[must_use]
    pub fn of(&self, kind: TrustFactorKind) -> f64 {
        fraction(self.0[kind as usize])
    }
}

fn fraction(weight: u16) -> f64 {
    f64::from(weight) / f64::from(WHOLE)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 0.5 by the check before"
)]
fn ten_thousandths(fraction: f64) -> u16 {
    (fraction * f64::from(WHOLE)).round() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [f64; 8] = [0.5, 0.0, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02];

    #[test]
    fn weights_are_bounded_and_sum_to_one() {
        let weights = TrustWeights::from_fractions(GOOD).unwrap();
        for (kind, wanted) in TrustFactorKind::ALL.into_iter().zip(GOOD) {
            assert!((weights.of(kind) - wanted).abs() < 1e-12, "{kind:?}");
        }
        let json = serde_json::to_string(&weights).unwrap();
        assert_eq!(
            serde_json::from_str::<TrustWeights>(&json).unwrap(),
            weights
        );
        let default: [u16; 8] = TrustWeights::default().into();
        assert_eq!(TrustWeights::try_from(default), Ok(TrustWeights::default()));
    }

    #[test]
    fn each_bad_weight_is_named() {
        let mut bad = GOOD;
        bad[0] = 0.500_1;
        bad[3] = -0.1;
        bad[7] = f64::NAN;
        let kinds: Vec<_> = TrustWeights::from_fractions(bad)
            .unwrap_err()
            .into_iter()
            .filter_map(|error| match error {
                WeightsError::OutOfBounds { kind, .. } => Some(kind),
                WeightsError::Sum(_) => None,
            })
            .collect();
        let wanted = [
            TrustFactorKind::AgentHistory,
            TrustFactorKind::CapabilityViolations,
            TrustFactorKind::CommunityFeedback,
        ];
        assert_eq!(kinds, wanted);
        for wrong in [0.01, 0.04] {
            let mut bad = GOOD;
            bad[7] = wrong;
            let errors = TrustWeights::from_fractions(bad).unwrap_err();
            assert!(matches!(errors[..], [WeightsError::Sum(_)]), "{errors:?}");
        }
        for bad in [
            "[1,2]",
            "[10000,0,0,0,0,0,0,0]",
            "[2500,2500,2500,0,0,0,0,0]",
        ] {
            assert!(serde_json::from_str::<TrustWeights>(bad).is_err(), "{bad}");
        }
    }
}
