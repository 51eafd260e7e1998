//! What a draft would have made of a decision that is on record.

use chrono::{DateTime, Utc};

use super::cedar::CedarScene;
use super::{Effect, PolicyContext, PolicyHit, PolicyMode, PolicyText};
use crate::agent::AgentType;
use crate::id::{AgentId, PolicyId};
use crate::risk::RiskLevel;
use crate::trust::TrustScore;
use crate::verification::{Decision, ReasonCode};

/// A decision as it is on record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedDecision {
    /// Who asked.
    pub agent: AgentId,
    /// For what.
    pub action: String,
    /// On what.
    pub resource: Option<String>,
    /// The risk that counted.
    pub risk: RiskLevel,
    /// Trust at the time.
    pub trust: Option<TrustScore>,
    /// When.
    pub at: DateTime<Utc>,
    /// What the product said, before any person did.
    pub decision: Decision,
    /// What spoke against it, where it was denied.
    pub against: Vec<ReasonCode>,
    /// The policies that matched.
    pub hits: Vec<PolicyHit>,
}

/// What is known of an agent only as it is now.
#[derive(Debug, Clone, Copy)]
pub struct AgentNow<'a> {
    /// What kind of program it is.
    pub agent_type: AgentType,
    /// What people filed it under.
    pub tags: &'a [String],
}

/// A draft to be tried on what is on record.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it says.
    pub text: PolicyText,
    /// The policy that it would replace; none when it would come in addition.
    pub replaces: Option<PolicyId>,
    /// Least risk at which a person has to agree anyway.
    pub approval_from: Option<RiskLevel>,
}

/// What the draft would have made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replayed {
    /// The decision would have been this one, and the draft would have matched or not.
    Decided(Decision, bool),
    /// It is not on record what the draft looks at.
    Undecided,
}

/// What stopped an agent before any policy was asked.
const EARLY: &[ReasonCode] = &[
    ReasonCode::OrganizationKilled,
    ReasonCode::AgentKilled,
    ReasonCode::AgentPending,
    ReasonCode::AgentSuspended,
    ReasonCode::AgentQuarantined,
    ReasonCode::AgentRevoked,
    ReasonCode::KeyUnknown,
    ReasonCode::KeyRevoked,
    ReasonCode::KeyExpired,
];
const OF_POLICIES: &[ReasonCode] = &[
    ReasonCode::PolicyError,
    ReasonCode::PolicyForbids,
    ReasonCode::PolicyQuarantines,
];

impl Draft {
    /// Tries it on a decision.
    #[must_use]
    pub fn replay(&self, was: &RecordedDecision, agent: AgentNow<'_>) -> Replayed {
        if was.against.iter().any(|code| EARLY.contains(code)) {
            return Replayed::Decided(was.decision, false);
        }
        let context = PolicyContext {
            agent: was.agent,
            agent_type: agent.agent_type,
            tags: agent.tags,
            action: &was.action,
            resource: was.resource.as_deref(),
            risk: was.risk,
            trust: was.trust,
            is_granted: !was.against.contains(&ReasonCode::CapabilityMissing),
            address: None,
            at: was.at,
            mcp: None,
        };
        let is_about = self.text.scope.covers(&context);
        // What a server was then is not on record either.
        let is_of_server = matches!(self.text.rule, super::Rule::McpServer { .. });
        if is_about && (is_of_server || self.text.rule.looks_at_address()) {
            return Replayed::Undecided;
        }
        let asked = match is_about {
            true => self.text.rule.ask(&context, &CedarScene::default()),
            false => Ok(false),
        };
        // What cannot be evaluated denies.
        let Ok(matches) = asked else {
            return Replayed::Decided(Decision::Denied, true);
        };
        let mut decision = self.without(was);
        if matches {
            decision = match (self.text.effect, decision) {
                (Effect::Forbid | Effect::Quarantine, _) => Decision::Denied,
                (Effect::RequireApproval, Decision::Allowed) => Decision::PendingApproval,
                (_, decision) => decision,
            };
        }
        Replayed::Decided(decision, matches)
    }

    /// The decision without the policy that is replaced.
    fn without(&self, was: &RecordedDecision) -> Decision {
        let counted = |hit: &&PolicyHit| hit.mode == PolicyMode::Enforced;
        let mut counting = was.hits.iter().filter(counted);
        if !counting.any(|hit| Some(hit.policy) == self.replaces) {
            return was.decision;
        }
        let others = || {
            let hits = was.hits.iter().filter(counted);
            hits.filter(|hit| Some(hit.policy) != self.replaces)
        };
        let is_denied = was.against.iter().any(|code| !OF_POLICIES.contains(code))
            || others().any(|hit| hit.is_error || hit.effect >= Effect::Quarantine);
        let asks = others().any(|hit| hit.effect == Effect::RequireApproval)
            || self.approval_from.is_some_and(|from| was.risk >= from);
        match (is_denied, asks) {
            (true, _) => Decision::Denied,
            (false, true) => Decision::PendingApproval,
            (false, false) => Decision::Allowed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::Severity;
    use crate::policy::{PolicyScope, Rule};
    use uuid::Uuid;

    fn id(number: u128) -> PolicyId {
        PolicyId::from_uuid(Uuid::from_u128(number))
    }

    fn hit(policy: u128, effect: Effect, mode: PolicyMode) -> PolicyHit {
        PolicyHit {
            policy: id(policy),
            version: 1,
            name: String::new(),
            effect,
            severity: Severity::Low,
            mode,
            is_error: false,
            approvers: 1,
            why: String::new(),
        }
    }

    fn was(decision: Decision, against: &[ReasonCode], hits: Vec<PolicyHit>) -> RecordedDecision {
        RecordedDecision {
            agent: AgentId::from_uuid(Uuid::from_u128(1)),
            action: "files:read".to_owned(),
            resource: None,
            risk: RiskLevel::Low,
            trust: None,
            at: DateTime::UNIX_EPOCH,
            decision,
            against: against.to_vec(),
            hits,
        }
    }

    fn replayed(rule: Rule, effect: Effect, was: &RecordedDecision) -> Replayed {
        let text = PolicyText {
            name: "draft".to_owned(),
            description: String::new(),
            rule,
            effect,
            severity: Severity::Low,
            priority: 0,
            scope: PolicyScope::default(),
            approvers: 1,
            notify: Vec::new(),
        };
        let draft = Draft {
            text,
            replaces: Some(id(1)),
            approval_from: Some(RiskLevel::Critical),
        };
        let agent = AgentNow {
            agent_type: AgentType::Custom,
            tags: &[],
        };
        draft.replay(was, agent)
    }

    use Decision::{Allowed, Denied, PendingApproval};
    use Effect::{Alert, Forbid, RequireApproval};
    use ReasonCode::{CapabilityMissing, KeyExpired, PolicyForbids, TrustTooLow};

    const ALWAYS: Rule = Rule::Always {};
    const NEVER: Rule = Rule::RiskFrom {
        risk: RiskLevel::Critical,
    };

    fn check(rule: Rule, effect: Effect, was: &RecordedDecision, wanted: Decision) {
        let found = replayed(rule, effect, was);
        let is_so = matches!(found, Replayed::Decided(found, _) if found == wanted);
        assert!(is_so, "{effect:?} {was:?} {found:?}");
    }

    #[test]
    fn a_draft_takes_away_and_never_gives() {
        for (rule, effect, before, against, wanted) in [
            (ALWAYS, Forbid, Allowed, &[][..], Denied),
            (ALWAYS, Forbid, PendingApproval, &[], Denied),
            (ALWAYS, RequireApproval, Allowed, &[], PendingApproval),
            (ALWAYS, RequireApproval, Denied, &[TrustTooLow], Denied),
            (ALWAYS, Alert, Allowed, &[], Allowed),
            (NEVER, Forbid, Allowed, &[], Allowed),
            (ALWAYS, Forbid, Denied, &[KeyExpired], Denied),
        ] {
            check(rule, effect, &was(before, against, Vec::new()), wanted);
        }
    }

    #[test]
    fn without_what_it_replaces_all_else_counts() {
        let enforced = |policy, effect| hit(policy, effect, PolicyMode::Enforced);
        let watching = hit(1, Forbid, PolicyMode::Shadow);
        let own = enforced(1, Forbid);
        let denied = |against: &[ReasonCode], hits| was(Denied, against, hits);
        for (rule, effect, was, wanted) in [
            (
                NEVER,
                Forbid,
                denied(&[TrustTooLow], vec![watching]),
                Denied,
            ),
            (
                NEVER,
                Forbid,
                denied(&[PolicyForbids], vec![own.clone()]),
                Allowed,
            ),
            (
                ALWAYS,
                RequireApproval,
                denied(&[PolicyForbids], vec![own.clone()]),
                PendingApproval,
            ),
            (
                NEVER,
                Forbid,
                denied(&[PolicyForbids], vec![own.clone(), enforced(2, Forbid)]),
                Denied,
            ),
            (
                NEVER,
                Forbid,
                denied(&[PolicyForbids, CapabilityMissing], vec![own.clone()]),
                Denied,
            ),
            (
                NEVER,
                Forbid,
                denied(&[PolicyForbids], vec![own, enforced(2, RequireApproval)]),
                PendingApproval,
            ),
            (
                NEVER,
                Forbid,
                was(PendingApproval, &[], vec![enforced(1, RequireApproval)]),
                Allowed,
            ),
        ] {
            check(rule, effect, &was, wanted);
        }
    }

    #[test]
    fn what_is_not_on_record_is_not_guessed() {
        let rule = Rule::Network {
            allow: Vec::new(),
            deny: vec![crate::policy::AddressPattern::parse("10.0.0.0/8").unwrap()],
        };
        let was = was(Decision::Allowed, &[], Vec::new());
        assert_eq!(replayed(rule, Effect::Forbid, &was), Replayed::Undecided);
    }
}
