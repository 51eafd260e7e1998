//! A person's word that findings of some kind need nobody's eyes for a while.
//!
//! It silences alerts, nothing else: findings are recorded, scores fall and a critical finding still
//! quarantines.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use crate::anomaly::{AnomalyKind, Finding};
use crate::id::{AgentId, AlertSuppressionId, OrganizationId};

/// Longest life of a suppression, in days: whoever still means it says it again.
pub const SUPPRESSION_MAX_DAYS: i64 = 90;
/// Most live suppressions of an organization; each finding is held against all of them.
pub const SUPPRESSIONS_MAX: usize = 200;

/// Which findings raise no alert, and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertSuppression {
    /// Its identity.
    pub id: AlertSuppressionId,
    /// Whose.
    pub organization: OrganizationId,
    /// About this agent; `None` is all.
    pub agent: Option<AgentId>,
    /// Of this kind; `None` is all.
    pub kind: Option<AnomalyKind>,
    /// Why.
    pub reason: String,
    /// By whom, as `user:<id>`.
    pub created_by: String,
    /// Since when.
    pub created_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// When it was taken back.
    pub withdrawn_at: Option<DateTime<Utc>>,
}

/// Why a suppression's life cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SuppressionError {
    /// It would be over before it began.
    #[error("is not in the future")]
    Past,
    /// It would outlive everybody's memory of why.
    #[error(
        "is more than {SUPPRESSION_MAX_DAYS} days ahead; say it again when it is needed longer"
    )]
    TooLong,
}

impl AlertSuppression {
    /// Checks its life, seen from `now`.
    ///
    /// # Errors
    /// [`SuppressionError`] when it is over already, or longer than [`SUPPRESSION_MAX_DAYS`].
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), SuppressionError> {
        if self.expires_at <= now {
            Err(SuppressionError::Past)
        } else if self.expires_at > now + Duration::days(SUPPRESSION_MAX_DAYS) {
            Err(SuppressionError::TooLong)
        } else {
            Ok(())
        }
    }

    /// Whether another one silences the same findings for the same reason until the same time.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        (self.organization, self.agent, self.kind, self.expires_at)
            == (
                other.organization,
                other.agent,
                other.kind,
                other.expires_at,
            )
            && self.reason == other.reason
    }

    /// Whether it counts at `now`.
    #[must_use]
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        self.withdrawn_at.is_none() && now < self.expires_at
    }

    /// Whether it silences a finding about `agent` at `now`. An agent tells the time of its events
    /// itself: what is over stays over, whatever time they bear.
    #[must_use]
    pub fn silences(&self, agent: AgentId, finding: &Finding, now: DateTime<Utc>) -> bool {
        self.is_live(now)
            && finding.time < self.expires_at
            && self.agent.is_none_or(|about| about == agent)
            && self.kind.is_none_or(|kind| kind == finding.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::Severity;
    use crate::id::EventId;
    use uuid::Uuid;

    fn agent(number: u128) -> AgentId {
        AgentId::from_uuid(Uuid::from_u128(number))
    }

    fn hour(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::hours(hours)
    }

    fn suppression(about: Option<AgentId>, kind: Option<AnomalyKind>) -> AlertSuppression {
        AlertSuppression {
            id: AlertSuppressionId::from_uuid(Uuid::nil()),
            organization: OrganizationId::from_uuid(Uuid::nil()),
            agent: about,
            kind,
            reason: "a load test".to_owned(),
            created_by: "user:1".to_owned(),
            created_at: hour(0),
            expires_at: hour(10),
            withdrawn_at: None,
        }
    }

    fn finding(kind: AnomalyKind, time: DateTime<Utc>) -> Finding {
        Finding {
            kind,
            severity: Severity::High,
            score: 0.9,
            summary: String::new(),
            evidence: Vec::new(),
            event: EventId::from_uuid(Uuid::nil()),
            time,
            policies: Vec::new(),
        }
    }

    #[test]
    fn it_silences_what_it_names() {
        use AnomalyKind::{OffHours, RateSpike};
        for (about, kind, silenced) in [
            (Some(agent(1)), None, true),
            (Some(agent(2)), None, false),
            (None, Some(RateSpike), true),
            (None, Some(OffHours), false),
            (Some(agent(1)), Some(RateSpike), true),
            (Some(agent(1)), Some(OffHours), false),
            (Some(agent(2)), Some(RateSpike), false),
        ] {
            let rule = suppression(about, kind);
            let found = rule.silences(agent(1), &finding(RateSpike, hour(1)), hour(1));
            assert_eq!(found, silenced, "{about:?} {kind:?}");
        }
    }

    #[test]
    fn it_ends_by_every_clock() {
        let rule = suppression(Some(agent(1)), None);
        let withdrawn = AlertSuppression {
            withdrawn_at: Some(hour(2)),
            ..rule.clone()
        };
        for (rule, event, now, silenced) in [
            (&rule, 1, 9, true),
            (&rule, 10, 9, false),
            (&rule, 1, 10, false),
            (&withdrawn, 1, 1, false),
        ] {
            let finding = finding(AnomalyKind::OffHours, hour(event));
            let found = rule.silences(agent(1), &finding, hour(now));
            assert_eq!(found, silenced, "{event} {now}");
        }
        let limit = 24 * SUPPRESSION_MAX_DAYS;
        for (from, expected) in [
            (10, Err(SuppressionError::Past)),
            (9, Ok(())),
            (10 - limit, Ok(())),
            (9 - limit, Err(SuppressionError::TooLong)),
        ] {
            assert_eq!(rule.check(hour(from)), expected, "{from}");
        }
    }
}
