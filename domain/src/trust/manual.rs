//! A person's word that stands in for the score, for a time.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::TrustScore;

/// Longest life of an override, in days: whoever still means it says it again.
pub const OVERRIDE_MAX_DAYS: i64 = 90;

/// What a person set an agent's trust to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustOverride {
    /// What decisions take instead of the score.
    pub score: TrustScore,
    /// Why.
    pub reason: String,
    /// By whom, as `user:<id>`.
    pub set_by: String,
    /// From when on the score counts again.
    pub expires_at: DateTime<Utc>,
}

/// Why an override cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// It would be over before it began.
    #[error("is not in the future")]
    Past,
    /// It would outlive everybody's memory of why.
    #[error("is more than {OVERRIDE_MAX_DAYS} days ahead; say it again when it is needed longer")]
    TooLong,
}

impl TrustOverride {
    /// Checks its life, seen from `now`.
    ///
    /// # Errors
    /// [`OverrideError`] when it is over already, or longer than [`OVERRIDE_MAX_DAYS`].
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), OverrideError> {
        if self.expires_at <= now {
            Err(OverrideError::Past)
        } else if self.expires_at > now + Duration::days(OVERRIDE_MAX_DAYS) {
            Err(OverrideError::TooLong)
        } else {
            Ok(())
        }
    }

    /// Whether it counts at `now`.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at
    }
}

/// The trust that decisions at `now` take: the override while it lives, else the score.
#[must_use]
pub fn effective_trust(
    score: Option<TrustScore>,
    manual: Option<&TrustOverride>,
    now: DateTime<Utc>,
) -> Option<TrustScore> {
    match manual {
        Some(manual) if manual.is_live(now) => Some(manual.score),
        _ => score,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_counts_until_it_expires_and_no_longer() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let computed = Some(TrustScore::from_ten_thousandths(9_000));
        let manual = TrustOverride {
            score: TrustScore::from_ten_thousandths(1_000),
            reason: "under investigation".to_owned(),
            set_by: "user:1".to_owned(),
            expires_at: now + Duration::hours(1),
        };
        let at =
            |seconds| effective_trust(computed, Some(&manual), now + Duration::seconds(seconds));
        assert_eq!(at(0), Some(manual.score));
        assert_eq!(at(3_599), Some(manual.score));
        assert_eq!(at(3_600), computed);
        assert_eq!(
            effective_trust(None, Some(&manual), now),
            Some(manual.score)
        );
        for (hours, expected) in [
            (0, Err(OverrideError::Past)),
            (1, Ok(())),
            (24 * OVERRIDE_MAX_DAYS, Ok(())),
            (24 * OVERRIDE_MAX_DAYS + 1, Err(OverrideError::TooLong)),
        ] {
            let expires_at = now + Duration::hours(hours);
            let manual = TrustOverride {
                expires_at,
                ..manual.clone()
            };
            assert_eq!(manual.check(now), expected, "{hours} h");
        }
    }
}
