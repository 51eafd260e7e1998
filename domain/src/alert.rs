//! Something a person must look at, and which findings are one such thing.
//!
//! Findings of one agent that lie close together in time are one incident, whatever they are of: a
//! hijacked agent rushes, writes where it never wrote and calls strangers at once, and a person
//! wants to look once. The rule reads event times only, so that any division of the same events
//! into batches gives the same incidents.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::anomaly::{AnomalyKind, Evidence, Finding, Severity};

/// A finding this close to an incident, in event time, belongs to it. As long as the stream waits
/// for late events, so that a late one finds the incident it was part of.
pub const INCIDENT_GAP: TimeDelta = TimeDelta::hours(1);

/// Where an alert is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlertStatus {
    /// Nobody has looked yet.
    Open,
    /// Somebody is looking.
    Acknowledged,
    /// Somebody has judged it.
    Resolved,
}

/// What a person found an alert to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AlertVerdict {
    /// It was an attack or a fault.
    TruePositive,
    /// It was nothing.
    FalsePositive,
}

/// Findings of one agent that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// Of the first of its worst findings, like `summary` and `evidence`.
    pub kind: AnomalyKind,
    /// Of all its findings, each once, in the order of [`AnomalyKind`].
    pub kinds: Vec<AnomalyKind>,
    /// The worst of its findings.
    pub severity: Severity,
    /// One sentence.
    pub summary: String,
    /// The facts behind it.
    pub evidence: Vec<Evidence>,
    /// How many findings it stands for.
    pub anomaly_count: u64,
    /// Event time of its earliest finding that raises alerts.
    pub first_event_time: DateTime<Utc>,
    /// Event time of its latest finding that raises alerts.
    pub last_event_time: DateTime<Utc>,
}

impl Incident {
    /// The incident that begins with `finding`; none when it is not bad enough.
    #[must_use]
    pub fn raise(finding: &Finding) -> Option<Self> {
        finding.raises_alert().then(|| Self {
            kind: finding.kind,
            kinds: vec![finding.kind],
            severity: finding.severity,
            summary: finding.summary.clone(),
            evidence: finding.evidence.clone(),
            anomaly_count: 1,
            first_event_time: finding.time,
            last_event_time: finding.time,
        })
    }

    /// Whether a finding at `time` belongs to it.
    #[must_use]
    pub fn covers(&self, time: DateTime<Utc>) -> bool {
        time >= self.first_event_time - INCIDENT_GAP && time <= self.last_event_time + INCIDENT_GAP
    }

    /// Takes in a finding that it covers; true when that made it worse. A finding that raises no
    /// alert by itself counts, but does not stretch the incident: small things every hour would
    /// never let it end.
    pub fn absorb(&mut self, finding: &Finding) -> bool {
        self.anomaly_count += 1;
        if let Err(place) = self.kinds.binary_search(&finding.kind) {
            self.kinds.insert(place, finding.kind);
        }
        if finding.raises_alert() {
            self.first_event_time = self.first_event_time.min(finding.time);
            self.last_event_time = self.last_event_time.max(finding.time);
        }
        let is_worse = finding.severity > self.severity;
        if is_worse {
            self.kind = finding.kind;
            self.severity = finding.severity;
            self.summary.clone_from(&finding.summary);
            self.evidence.clone_from(&finding.evidence);
        }
        is_worse
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::EventId;
    use uuid::Uuid;

    fn finding(kind: AnomalyKind, severity: Severity, minute: i64) -> Finding {
        Finding {
            kind,
            severity,
            score: 0.9,
            summary: format!("{kind:?} at {minute}"),
            evidence: Vec::new(),
            event: EventId::from_uuid(Uuid::nil()),
            time: DateTime::UNIX_EPOCH + TimeDelta::minutes(minute),
            policies: Vec::new(),
        }
    }

    #[test]
    fn only_what_is_bad_enough_begins_one() {
        for (severity, begins) in [
            (Severity::Low, false),
            (Severity::Medium, false),
            (Severity::High, true),
            (Severity::Critical, true),
        ] {
            let found = Incident::raise(&finding(AnomalyKind::RateSpike, severity, 0));
            assert_eq!(found.is_some(), begins, "{severity:?}");
        }
    }

    #[test]
    fn it_says_what_was_worst_and_counts_all() {
        let first = finding(AnomalyKind::NewDomain, Severity::High, 100);
        let mut incident = Incident::raise(&first).unwrap();
        let early = finding(AnomalyKind::CapabilityDrift, Severity::High, 50);
        assert!(incident.covers(early.time));
        assert!(!incident.absorb(&early), "as bad is not worse");
        assert_eq!(incident.summary, first.summary);
        let worst = finding(AnomalyKind::RateSpike, Severity::Critical, 110);
        assert!(incident.absorb(&worst));
        assert!(!incident.absorb(&worst), "it is as bad already");
        assert_eq!(incident.kind, AnomalyKind::RateSpike);
        assert_eq!(incident.summary, worst.summary);
        assert_eq!(incident.anomaly_count, 4);
        let kinds = [
            AnomalyKind::RateSpike,
            AnomalyKind::NewDomain,
            AnomalyKind::CapabilityDrift,
        ];
        assert_eq!(incident.kinds, kinds);
        assert_eq!(incident.first_event_time, early.time);
        assert_eq!(incident.last_event_time, worst.time);
    }

    #[test]
    fn it_ends_an_hour_after_its_last_bad_finding() {
        let mut incident =
            Incident::raise(&finding(AnomalyKind::RateSpike, Severity::High, 100)).unwrap();
        for (minute, inside) in [(39, false), (40, true), (160, true), (161, false)] {
            let time = finding(AnomalyKind::RateSpike, Severity::High, minute).time;
            assert_eq!(incident.covers(time), inside, "{minute}");
        }
        incident.absorb(&finding(AnomalyKind::OffHours, Severity::Low, 155));
        assert_eq!(incident.anomaly_count, 2);
        let later = finding(AnomalyKind::RateSpike, Severity::High, 161).time;
        assert!(!incident.covers(later), "small things do not stretch it");
        incident.absorb(&finding(AnomalyKind::OffHours, Severity::High, 155));
        assert!(incident.covers(later));
    }
}
