//! What would be decided, and why something was.

use aim_app::Explanation;
use aim_domain::policy::{PolicyHit, PolicyText as Text};
use aim_domain::verification::Verdict;
use async_graphql::SimpleObject;

use super::super::enums::{Decision, Obligation, RiskLevel};
use super::policy::PolicyText;
use super::{PolicyMatch, Reason, Verification};

/// What would be decided about an action. Nothing is written.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ActionSimulation {
    /// The answer it would get.
    decision: Decision,
    /// The risk that would count.
    risk: RiskLevel,
    /// Why; each names what would change the answer.
    reasons: Vec<Reason>,
    /// What the agent would owe.
    obligations: Vec<Obligation>,
    /// How many different persons would have to agree; 0 where nobody has to.
    approver_count: u8,
    /// Whether a grant or a delegation covers it; true where something stops the agent before.
    is_granted: bool,
    /// Whether it is a write, by name or by your organization's word.
    is_write: bool,
    /// The policies that match, those that count first; of each mode and effect the first four.
    policies: Vec<PolicyMatch>,
    /// How many match.
    policy_count: usize,
}

impl From<Verdict> for ActionSimulation {
    fn from(verdict: Verdict) -> Self {
        let hits = verdict.policies.hits.into_iter();
        Self {
            decision: verdict.decision.into(),
            risk: verdict.risk.into(),
            reasons: verdict.reasons.into_iter().map(Reason::from).collect(),
            obligations: verdict.obligations.into_iter().map(Into::into).collect(),
            approver_count: verdict.approvers,
            is_granted: verdict.is_granted,
            is_write: verdict.class.is_write,
            policies: hits.map(PolicyMatch::from).collect(),
            policy_count: verdict.policies.count,
        }
    }
}

/// Why a verification came out as it did.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct VerificationExplanation {
    /// What was decided, with its reasons: each names the fact, and what would have changed the answer.
    verification: Verification,
    /// The policies that matched, each with the text that it had.
    policies: Vec<ExplainedPolicy>,
    /// What would be decided now about the same action from an address that is not known: neither
    /// arguments nor addresses are kept. Null when the agent is there no more.
    now: Option<ActionSimulation>,
}

/// A policy that matched, with its text then.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct ExplainedPolicy {
    /// What it said of the action.
    said: PolicyMatch,
    /// What it says in general.
    text: Option<PolicyText>,
}

impl From<(PolicyHit, Option<Text>)> for ExplainedPolicy {
    fn from((hit, text): (PolicyHit, Option<Text>)) -> Self {
        Self {
            said: hit.into(),
            text: text.map(PolicyText::from),
        }
    }
}

impl From<Explanation> for VerificationExplanation {
    fn from(it: Explanation) -> Self {
        let policies = it.policies.into_iter();
        Self {
            verification: it.verification.into(),
            policies: policies.map(ExplainedPolicy::from).collect(),
            now: it.now.map(ActionSimulation::from),
        }
    }
}
