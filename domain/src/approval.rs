//! Approvals: where a person has to agree, and what their word is good for.
//!
//! An approval is of one action, down to its arguments, for its agent alone. It is good once, for a
//! short time, and only if everything else still speaks for the action when it is presented. What
//! nobody answers in time is denied.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use crate::capability::Pattern;
use crate::id::ApprovalGrantId;
use crate::name::Resource;
use crate::risk::RiskLevel;
use crate::verification::{
    ActionRequest, AgentFacts, Decision, Obligation, Reason, ReasonCode, VERIFICATION_TTL_SECONDS,
    Verdict,
};

/// Most seconds that an action waits for a person: a week.
pub const APPROVAL_WAIT_SECONDS_MAX: u32 = 7 * 24 * 3_600;
/// Least seconds that it waits: a person has to see it, and to read it.
pub const APPROVAL_WAIT_SECONDS_MIN: u32 = 30;
/// Most seconds within which an approval has to be presented.
pub const APPROVAL_USE_SECONDS_MAX: u32 = 3_600;
/// Most patterns of actions that need two persons.
pub const TWO_PERSONS_MAX: usize = 50;
/// Longest time that a person can agree for beforehand: a day.
pub const APPROVAL_GRANT_SECONDS_MAX: i64 = 24 * 3_600;
/// Most uses of one grant.
pub const APPROVAL_GRANT_USES_MAX: u32 = 10_000;
/// Most live grants of one agent; the decision looks at each.
pub const APPROVAL_GRANTS_MAX: usize = 50;

/// How far an approval has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ApprovalStatus {
    /// Persons have to answer.
    Pending,
    /// As many persons agreed as had to; the agent has not presented it yet.
    Approved,
    /// A person said no.
    Denied,
    /// Nobody answered in time, or the agent did not present it in time.
    Expired,
    /// The agent presented it, and may act.
    Used,
    /// The agent presented it, and something else spoke against the action by then.
    Refused,
}

impl ApprovalStatus {
    /// Whether anything can still come of it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Approved)
    }

    /// Whether it is what persons said in the end.
    #[must_use]
    pub const fn is_answer(self) -> bool {
        matches!(self, Self::Approved | Self::Denied)
    }
}

/// What an organization wants of approvals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ApprovalSettings {
    /// How long an action waits for a person.
    pub wait_seconds: u32,
    /// How long an approval may be presented.
    pub use_seconds: u32,
    /// The risk from which on two different persons have to agree; `None` is never.
    pub two_persons_from: Option<RiskLevel>,
    /// Actions for which two different persons have to agree, whatever their risk.
    pub two_persons_for: Vec<Pattern>,
}

impl Default for ApprovalSettings {
    fn default() -> Self {
        Self {
            wait_seconds: 15 * 60,
            use_seconds: 5 * 60,
            two_persons_from: None,
            two_persons_for: Vec::new(),
        }
    }
}

impl ApprovalSettings {
    /// Every field that breaks a rule: its name in the input, and what is wrong with it.
    #[must_use]
    pub fn faults(&self) -> Vec<(&'static str, String)> {
        let mut faults = Vec::new();
        let ranges = [
            (
                "waitSeconds",
                self.wait_seconds,
                APPROVAL_WAIT_SECONDS_MIN,
                APPROVAL_WAIT_SECONDS_MAX,
            ),
            ("useSeconds", self.use_seconds, 1, APPROVAL_USE_SECONDS_MAX),
        ];
        for (field, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                faults.push((field, format!("is {value}; give {least} to {most}")));
            }
        }
        let patterns = self.two_persons_for.len();
        if patterns > TWO_PERSONS_MAX {
            let message = format!("has {patterns} entries; give at most {TWO_PERSONS_MAX}");
            faults.push(("twoPersonsFor", message));
        }
        faults
    }

    /// How many persons have to agree to an action that needs one at all.
    #[must_use]
    pub fn approvers(&self, action: &str, risk: RiskLevel) -> u8 {
        let is_risky = self.two_persons_from.is_some_and(|from| risk >= from);
        if is_risky || self.two_persons_for.iter().any(|it| it.matches(action)) {
            2
        } else {
            1
        }
    }
}

/// A person's word that an agent may do something without asking each time, as a decision sees it. It
/// takes the place of an approval, never of a grant of the capability, and lifts nothing that forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalGrant {
    /// The row.
    pub id: ApprovalGrantId,
    /// Which actions.
    pub action: Pattern,
    /// On which resources; `None` is all of them.
    pub resource: Option<Pattern>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// Whether it is good for a number of uses only.
    pub is_counted: bool,
}

impl ApprovalGrant {
    /// Whether it is good for an action at `now`.
    #[must_use]
    pub fn covers(&self, action: &str, resource: Option<&str>, now: DateTime<Utc>) -> bool {
        now < self.expires_at
            && self.action.matches(action)
            && match (&self.resource, resource) {
                (None, _) => true,
                (Some(pattern), Some(resource)) => pattern.matches(resource),
                (Some(_), None) => false,
            }
    }
}

/// What decisions know of approvals of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalFacts {
    /// What its organization wants.
    pub settings: ApprovalSettings,
    /// What persons agreed to beforehand, not revoked.
    pub grants: Vec<ApprovalGrant>,
}

impl ApprovalFacts {
    /// These facts without a grant: it was used up meanwhile.
    #[must_use]
    pub fn without(&self, grant: ApprovalGrantId) -> Self {
        let mut left = self.clone();
        left.grants.retain(|it| it.id != grant);
        left
    }
}

/// Lets an action wait for a person, unless one agreed beforehand.
pub(crate) fn ask(
    verdict: &mut Verdict,
    request: &ActionRequest,
    facts: &AgentFacts,
    now: DateTime<Utc>,
) {
    let known = facts.approvals.as_deref();
    let default = ApprovalSettings::default();
    let settings = known.map_or(&default, |it| &it.settings);
    let action = request.action.as_str();
    let resource = request.resource.as_ref().map(Resource::as_str);
    let by_settings = settings.approvers(action, verdict.risk);
    let approvers = by_settings.max(verdict.policies.approvers());
    let mut grants = known.into_iter().flat_map(|it| &it.grants);
    let grant = grants.find(|it| it.covers(action, resource, now));
    // One person's word beforehand does not stand for two.
    if let Some(grant) = grant.filter(|_| approvers < 2) {
        let message = format!(
            "approval grant `{}` covers `{action}` until {}; nobody had to be asked",
            grant.id,
            grant.expires_at.to_rfc3339()
        );
        verdict
            .reasons
            .push(Reason::new(ReasonCode::ApprovedBeforehand, message));
        verdict.approved_beforehand = Some(grant.clone());
        verdict.decision = Decision::Allowed;
        verdict.obligations = vec![Obligation::ReportResult];
        return;
    }
    verdict.approvers = approvers;
    verdict.decision = Decision::PendingApproval;
    verdict.obligations = vec![Obligation::AwaitApproval];
    verdict.expires_at = now + Duration::seconds(i64::from(settings.wait_seconds));
}

/// What comes of an approval that is presented, when everything was decided anew at `now`: `given`
/// persons agreed.
#[must_use]
pub fn present(mut verdict: Verdict, given: u8, now: DateTime<Utc>) -> Verdict {
    verdict.expires_at = now + Duration::seconds(VERIFICATION_TTL_SECONDS);
    verdict.approved_beforehand = None;
    if verdict.decision == Decision::PendingApproval {
        let (code, message) = if given >= verdict.approvers {
            verdict.decision = Decision::Allowed;
            verdict.obligations = vec![Obligation::ReportResult];
            let message = format!("{given} person(s) approved this very action");
            (ReasonCode::ApprovalGiven, message)
        } else {
            verdict.decision = Decision::Denied;
            verdict.obligations.clear();
            let message = format!(
                "{given} person(s) approved, and {} have to by now; ask again",
                verdict.approvers
            );
            (ReasonCode::ApprovalInsufficient, message)
        };
        verdict.reasons.push(Reason::new(code, message));
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_persons_by_risk_or_by_action() {
        let settings = ApprovalSettings {
            two_persons_from: Some(RiskLevel::Critical),
            two_persons_for: vec![Pattern::capability("pay:*").unwrap()],
            ..ApprovalSettings::default()
        };
        assert_eq!(settings.approvers("db:delete", RiskLevel::Critical), 2);
        assert_eq!(settings.approvers("db:update", RiskLevel::High), 1);
        assert_eq!(settings.approvers("pay:out", RiskLevel::Low), 2);
        let none = ApprovalSettings::default();
        assert_eq!(none.approvers("pay:out", RiskLevel::Critical), 1);
    }

    #[test]
    fn settings_have_bounds() {
        assert!(ApprovalSettings::default().faults().is_empty());
        let wrong = ApprovalSettings {
            wait_seconds: 0,
            use_seconds: APPROVAL_USE_SECONDS_MAX + 1,
            two_persons_for: vec![Pattern::capability("a").unwrap(); TWO_PERSONS_MAX + 1],
            ..ApprovalSettings::default()
        };
        let fields: Vec<_> = wrong.faults().into_iter().map(|it| it.0).collect();
        assert_eq!(fields, ["waitSeconds", "useSeconds", "twoPersonsFor"]);
    }
}
