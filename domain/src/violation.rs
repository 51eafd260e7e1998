//! Attempts at what nothing grants.
//!
//! How bad they are goes by what was attempted and how often: once may be a mistake, and ten times is
//! none. Their effect on trust is that of the factor "capability violations", which is computed from the
//! same events; nothing is counted a second time here.

use chrono::{DateTime, Utc};

use crate::anomaly::Severity;
use crate::id::{AgentId, CapabilityViolationId, OrganizationId, VerificationId};
use crate::risk::RiskLevel;

/// From so many attempts on they are one level worse.
pub const REPEATED: i64 = 3;
/// From so many attempts on they are two levels worse.
pub const PERSISTENT: i64 = 10;

/// Attempts of one agent at one action on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityViolation {
    /// The row.
    pub id: CapabilityViolationId,
    /// Whose.
    pub organization: OrganizationId,
    /// Who.
    pub agent: AgentId,
    /// What was attempted.
    pub action: String,
    /// On what.
    pub resource: Option<String>,
    /// The highest risk that counted.
    pub risk: RiskLevel,
    /// How bad.
    pub severity: Severity,
    /// How often.
    pub count: i64,
    /// The first time.
    pub first_at: DateTime<Utc>,
    /// The last time.
    pub last_at: DateTime<Utc>,
    /// The decision about the last one.
    pub verification: VerificationId,
}

impl CapabilityViolation {
    /// Adds later attempts at the same.
    pub fn add(&mut self, later: &Self) {
        self.count += later.count;
        self.risk = self.risk.max(later.risk);
        self.severity = severity(self.risk, self.count);
        if later.last_at >= self.last_at {
            self.last_at = later.last_at;
            self.verification = later.verification;
        }
    }
}

/// How bad `count` attempts at something of this risk are.
#[must_use]
pub const fn severity(risk: RiskLevel, count: i64) -> Severity {
    const LEVELS: [Severity; 4] = [
        Severity::Low,
        Severity::Medium,
        Severity::High,
        Severity::Critical,
    ];
    let worse = if count >= PERSISTENT {
        2
    } else if count >= REPEATED {
        1
    } else {
        0
    };
    let level = risk as usize + worse;
    if level < LEVELS.len() {
        LEVELS[level]
    } else {
        Severity::Critical
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risk_and_repetition_make_it_worse() {
        for (risk, count, expected) in [
            (RiskLevel::Low, 1, Severity::Low),
            (RiskLevel::Low, 2, Severity::Low),
            (RiskLevel::Low, 3, Severity::Medium),
            (RiskLevel::Low, 10, Severity::High),
            (RiskLevel::High, 1, Severity::High),
            (RiskLevel::High, 3, Severity::Critical),
            (RiskLevel::Critical, 1_000, Severity::Critical),
        ] {
            assert_eq!(severity(risk, count), expected, "{risk:?} {count}");
        }
    }
}
