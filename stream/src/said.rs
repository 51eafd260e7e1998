//! What a decision says beside what is learned from it: what policies want looked at, of it or of an
//! event, and attempts at what nothing grants.

use aim_domain::action::ObservedAction;
use aim_domain::anomaly::{AnomalyKind, Evidence, Finding};
use aim_domain::event::VerificationRecorded;
use aim_domain::id::{CapabilityViolationId, EventId, OrganizationId};
use aim_domain::policy::{Effect, PolicyHit, PolicyMode};
use aim_domain::violation::{CapabilityViolation, severity};
use chrono::{DateTime, Utc};

/// One finding of all policies that count and want an alert: what one decision came to is one thing to
/// look at. It is a quarantine when one of them says so, and as bad as the worst.
pub(crate) fn of_decision(
    fact: &VerificationRecorded,
    event: EventId,
    time: DateTime<Utc>,
) -> Option<Finding> {
    of_counting(fact.action.as_str(), &fact.policies, (event, time))
}

/// The same of what an event came to. What only watching policies said is kept as well, and raises
/// nothing: there is no verification to keep it with.
pub(crate) fn of_event(action: &ObservedAction, hits: &[PolicyHit]) -> Vec<Finding> {
    let (name, of) = (action.action.as_str(), (action.event, action.time));
    let watching = hits.iter().filter(|it| it.mode == PolicyMode::Shadow);
    let watching: Vec<&PolicyHit> = watching.collect();
    let watched = finding(AnomalyKind::PolicyWatched, name, &watching, of);
    of_counting(name, hits, of)
        .into_iter()
        .chain(watched)
        .collect()
}

fn of_counting(action: &str, hits: &[PolicyHit], of: (EventId, DateTime<Utc>)) -> Option<Finding> {
    let with = |effect| hits.iter().filter(move |hit| hit.counts_as(effect));
    let hits: Vec<&PolicyHit> = with(Effect::Quarantine)
        .chain(with(Effect::Alert))
        .collect();
    let is_quarantine = hits.iter().any(|it| it.effect == Effect::Quarantine);
    let kind = if is_quarantine {
        AnomalyKind::PolicyQuarantine
    } else {
        AnomalyKind::PolicyAlert
    };
    finding(kind, action, &hits, of)
}

fn finding(
    kind: AnomalyKind,
    action: &str,
    hits: &[&PolicyHit],
    (event, time): (EventId, DateTime<Utc>),
) -> Option<Finding> {
    let worst = hits.iter().max_by_key(|hit| (hit.effect, hit.severity))?;
    let evidence = hits.iter().map(|hit| Evidence {
        label: format!("policy `{}`, version {}", hit.name, hit.version),
        observed: hit.why.clone(),
        expected: None,
    });
    Some(Finding {
        kind,
        severity: hits.iter().map(|hit| hit.severity).max()?,
        score: 1.0,
        summary: format!("`{action}`: policy `{}`: {}", worst.name, worst.why),
        evidence: evidence.collect(),
        event,
        time,
        policies: hits.iter().map(|hit| hit.text()).collect(),
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
