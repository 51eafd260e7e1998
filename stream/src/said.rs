//! What policies said of a decision, as something to look at.

use aim_domain::anomaly::{AnomalyKind, Evidence, Finding};
use aim_domain::event::VerificationRecorded;
use aim_domain::id::EventId;
use aim_domain::policy::{Effect, PolicyHit};
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
