//! What policies decide and find, for the targets that they name.
//!
//! Who is told stands in the text that decided, not in the one that counts by now; texts never change.

use std::collections::{BTreeSet, HashMap};

use aim_domain::anomaly::AnomalyKind;
use aim_domain::event::{AnomalyDetected, Fact, VerificationRecorded};
use aim_domain::id::NotificationTargetId;
use aim_domain::policy::{PolicyHit, PolicyMode, PolicyRef};
use aim_domain::verification::Decision;
use aim_eventlog::TailedEvent;
use aim_store::notification_targets::NotificationTarget;

use crate::follow::read;
use crate::notices::Notice;
use crate::{App, AppError};

/// The types of facts that policies have a say in.
pub(crate) const OF_POLICIES: [&str; 2] = [VerificationRecorded::TYPE, AnomalyDetected::TYPE];
/// Most texts that are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// Whom texts of policies tell, as far as it was looked up. It is never out of date.
#[derive(Debug, Default)]
pub(crate) struct Tellers(HashMap<PolicyRef, Vec<NotificationTargetId>>);

/// The targets that policies name, by the position of what they said.
#[derive(Debug, Default)]
pub(crate) struct Named(HashMap<i64, BTreeSet<NotificationTargetId>>);

impl Named {
    /// Whether a policy tells the target of this fact. Nobody is told of what was before.
    pub(crate) fn tells(&self, target: &NotificationTarget, event: &TailedEvent) -> bool {
        event.organization == Some(target.organization)
            && event.position > target.since_position
            && self
                .0
                .get(&event.position)
                .is_some_and(|told| told.contains(&target.id))
    }
}

impl App {
    /// Who is told of what by policies.
    pub(crate) async fn named_targets(
        &self,
        tellers: &mut Tellers,
        events: &[TailedEvent],
    ) -> Result<Named, AppError> {
        let of_policies = events
            .iter()
            .filter(|it| OF_POLICIES.contains(&it.event_type.as_str()));
        let said: Vec<(i64, Vec<PolicyRef>)> = of_policies
            .filter_map(|event| Some((event.position, texts_of(&read(event)?.fact))))
            .collect();
        let texts: BTreeSet<PolicyRef> = said.iter().flat_map(|(_, it)| it).copied().collect();
        if tellers.0.len() + texts.len() > REMEMBERED_MAX {
            tellers.0.clear();
        }
        let new = texts.into_iter().filter(|it| !tellers.0.contains_key(it));
        let new: Vec<PolicyRef> = new.collect();
        if !new.is_empty() {
            let policies: BTreeSet<_> = new.iter().map(|it| it.policy).collect();
            let mut told = self.store.load_policy_targets(policies).await?;
            let found = new
                .into_iter()
                .map(|it| (it, told.remove(&it).unwrap_or_default()));
            tellers.0.extend(found);
        }
        let told = |it: &PolicyRef| tellers.0.get(it).into_iter().flatten().copied();
        let named = said.iter().map(|(position, texts)| {
            let told: BTreeSet<_> = texts.iter().flat_map(told).collect();
            (*position, told)
        });
        Ok(Named(named.collect()))
    }
}

/// The texts that have decided or found this: those that denied it, those that ask a person for it, and
/// those that want it looked at. What only watches says nothing.
fn texts_of(fact: &Fact) -> Vec<PolicyRef> {
    match fact {
        Fact::VerificationRecorded(it) => deciding(it).map(PolicyHit::text).collect(),
        // What is suppressed is nothing to look at; what only watches may be a part of an alert of others.
        Fact::AnomalyDetected(it)
            if it.alert.is_some() && it.kind != AnomalyKind::PolicyWatched =>
        {
            it.policies.clone()
        }
        _ => Vec::new(),
    }
}

fn deciding(it: &VerificationRecorded) -> impl Iterator<Item = &PolicyHit> {
    use aim_domain::policy::Effect::{Quarantine, RequireApproval};
    let decision = it.decision;
    it.policies.iter().filter(move |hit| match decision {
        Decision::Denied => {
            hit.mode == PolicyMode::Enforced && (hit.is_error || hit.effect >= Quarantine)
        }
        Decision::PendingApproval => hit.counts_as(RequireApproval),
        Decision::Allowed => false,
    })
}

impl Notice {
    /// What people are told of what policies decided or found.
    pub(crate) fn of_policies(fact: &Fact) -> Option<Self> {
        match fact {
            Fact::VerificationRecorded(it) if it.decision == Decision::Denied => denied(it),
            Fact::VerificationRecorded(it) => {
                let names: Vec<&str> = deciding(it).map(|hit| hit.name.as_str()).collect();
                let notice = Self::of(fact)?;
                Some(notice.with("Policy", names.join(", ")))
            }
            Fact::AnomalyDetected(it) => found(it),
            _ => None,
        }
    }
}

fn denied(it: &VerificationRecorded) -> Option<Notice> {
    let severity = deciding(it).map(|hit| hit.severity).max()?;
    let names: Vec<&str> = deciding(it).map(|hit| hit.name.as_str()).collect();
    let why = deciding(it).next()?.why.as_str();
    let key = format!("denial:{}", it.verification);
    let notice = Notice::new("A policy denied an action", severity, key)
        .with("Action", it.action.as_str())
        .about(it.agent);
    let notice = match &it.resource {
        Some(resource) => notice.with("Resource", resource.as_str()),
        None => notice,
    };
    Some(notice.with("Policy", names.join(", ")).with("Why", why))
}

/// Once for each alert, severity and policies: an agent that goes on is not told of each time.
fn found(it: &AnomalyDetected) -> Option<Notice> {
    let (alert, severity) = (it.alert?, it.severity);
    let texts = it.policies.iter().map(|it| it.policy.to_string());
    let key = format!(
        "alert:{alert}:{severity:?}:{}",
        texts.collect::<Vec<_>>().join(",")
    );
    let what = it.summary.as_deref().unwrap_or_default();
    let title = match it.kind {
        AnomalyKind::PolicyQuarantine => "A policy quarantined an agent",
        _ => "A policy raised an alert",
    };
    let notice = Notice::new(title, severity, key).with("What", what);
    Some(notice.about(it.agent))
}

#[cfg(test)]
mod tests {
    use aim_domain::anomaly::Severity;
    use aim_domain::id::{AgentId, AlertId, AnomalyId, EventId, PolicyId, VerificationId};
    use aim_domain::name::ActionName;
    use aim_domain::policy::Effect;
    use aim_domain::risk::RiskLevel;
    use uuid::Uuid;

    use super::*;

    fn hit(number: u128, effect: Effect, mode: PolicyMode) -> PolicyHit {
        PolicyHit {
            policy: PolicyId::from_uuid(Uuid::from_u128(number)),
            version: 3,
            name: format!("policy {number}"),
            effect,
            severity: Severity::High,
            mode,
            is_error: false,
            approvers: 1,
            why: "so it is".to_owned(),
        }
    }

    fn decided(decision: Decision) -> Fact {
        use Effect::{Alert, Forbid, Quarantine, RequireApproval};
        let mut policies: Vec<PolicyHit> = [Forbid, Quarantine, RequireApproval, Alert]
            .into_iter()
            .zip(1..)
            .map(|(effect, number)| hit(number, effect, PolicyMode::Enforced))
            .collect();
        policies.push(hit(5, Forbid, PolicyMode::Shadow));
        policies.push(hit(6, RequireApproval, PolicyMode::Shadow));
        VerificationRecorded {
            verification: VerificationId::from_uuid(Uuid::nil()),
            agent: AgentId::from_uuid(Uuid::nil()),
            action: ActionName::parse("pay:out").unwrap(),
            resource: None,
            session: None,
            task: None,
            risk: RiskLevel::Low,
            decision,
            reasons: Vec::new(),
            granted: true,
            trust: None,
            location: None,
            class: None,
            policies,
            approval_expires_at: None,
            mcp_server: None,
        }
        .into()
    }

    fn told(fact: &Fact) -> Vec<u128> {
        let texts = texts_of(fact).into_iter();
        texts.map(|it| it.policy.as_uuid().as_u128()).collect()
    }

    #[test]
    fn who_decided_tells_and_who_only_watched_does_not() {
        assert_eq!(told(&decided(Decision::Denied)), [1, 2]);
        assert_eq!(told(&decided(Decision::PendingApproval)), [3]);
        assert_eq!(told(&decided(Decision::Allowed)), [0_u128; 0]);
    }

    #[test]
    fn what_nobody_has_to_look_at_is_not_told() {
        let alert = Some(AlertId::from_uuid(Uuid::nil()));
        for (kind, alert, tells) in [
            (AnomalyKind::PolicyAlert, alert, true),
            (AnomalyKind::PolicyQuarantine, alert, true),
            (AnomalyKind::PolicyAlert, None, false),
            (AnomalyKind::PolicyWatched, alert, false),
        ] {
            let fact: Fact = AnomalyDetected {
                anomaly: AnomalyId::from_uuid(Uuid::nil()),
                agent: AgentId::from_uuid(Uuid::nil()),
                kind,
                severity: Severity::High,
                event: EventId::from_uuid(Uuid::nil()),
                alert,
                summary: None,
                policies: vec![hit(1, Effect::Alert, PolicyMode::Enforced).text()],
            }
            .into();
            assert_eq!(!told(&fact).is_empty(), tells, "{kind:?} {alert:?}");
        }
    }

    #[test]
    fn a_denial_names_every_policy_that_denied() {
        let notice = Notice::of_policies(&decided(Decision::Denied)).unwrap();
        assert_eq!(notice.title, "A policy denied an action");
        assert_eq!(notice.severity, Severity::High);
        let named = ("Policy".to_owned(), "policy 1, policy 2".to_owned());
        assert!(notice.facts.contains(&named), "{:?}", notice.facts);
    }
}
