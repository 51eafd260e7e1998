//! What a decision says beside what is learned from it: what policies want looked at, and attempts at
//! what nothing grants.

use aim_domain::anomaly::{AnomalyKind, Evidence, Finding};
use aim_domain::event::VerificationRecorded;
use aim_domain::id::{CapabilityViolationId, EventId, OrganizationId};
use aim_domain::policy::{Effect, PolicyHit};
use aim_domain::violation::{CapabilityViolation, severity};
use chrono::{DateTime, Utc};

/// One finding of all policies that count and want an alert: what one decision came to is one thing to
/// look at. It is a quarantine when one of them says so, and as bad as the worst.
pub(crate) fn finding_of(
    fact: &VerificationRecorded,
    event: EventId,
    time: DateTime<Utc>,
) -> Option<Finding> {
    let of = |effect| {
        let hits = fact.policies.iter();
        hits.filter(move |hit| hit.counts_as(effect))
    };
    let hits: Vec<&PolicyHit> = of(Effect::Quarantine).chain(of(Effect::Alert)).collect();
    let worst = hits.iter().max_by_key(|hit| (hit.effect, hit.severity))?;
    let kind = if worst.effect == Effect::Quarantine {
        AnomalyKind::PolicyQuarantine
    } else {
        AnomalyKind::PolicyAlert
    };
    let evidence = hits.iter().map(|hit| Evidence {
        label: format!("policy `{}`, version {}", hit.name, hit.version),
        observed: hit.why.clone(),
        expected: None,
    });
    Some(Finding {
        kind,
        severity: hits.iter().map(|hit| hit.severity).max()?,
        score: 1.0,
        summary: format!("`{}`: policy `{}`: {}", fact.action, worst.name, worst.why),
        evidence: evidence.collect(),
        event,
        time,
    })
}

/// The attempt that a decision was, where nothing grants the action.
pub(crate) fn violation_of(
    fact: &VerificationRecorded,
    organization: OrganizationId,
    event: EventId,
    time: DateTime<Utc>,
) -> Option<Box<CapabilityViolation>> {
    let attempt = || CapabilityViolation {
        id: CapabilityViolationId::from_uuid(event.as_uuid()),
        organization,
        agent: fact.agent,
        action: fact.action.as_str().to_owned(),
        resource: fact.resource.as_ref().map(|it| it.as_str().to_owned()),
        risk: fact.risk,
        severity: severity(fact.risk, 1),
        count: 1,
        first_at: time,
        last_at: time,
        verification: fact.verification,
    };
    (!fact.granted).then(|| Box::new(attempt()))
}
