//! Why a decision is what it is, in codes for programs and words for people.

use serde::{Deserialize, Serialize};

/// What spoke for or against an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonCode {
    /// A person stopped all agents of the organization.
    OrganizationKilled,
    /// A person stopped the agent with its kill switch.
    AgentKilled,
    /// The agent has not proven possession of its key yet.
    AgentPending,
    /// A person stopped the agent.
    AgentSuspended,
    /// The product stopped the agent after a critical finding.
    AgentQuarantined,
    /// The agent's identity has ended.
    AgentRevoked,
    /// The key that signed is not one of the agent's.
    KeyUnknown,
    /// The key that signed was revoked.
    KeyRevoked,
    /// The key that signed is past its life span.
    KeyExpired,
    /// A grant covers the action.
    CapabilityGranted,
    /// A delegation of another agent covers the action.
    CapabilityDelegated,
    /// No grant covers the action.
    CapabilityMissing,
    /// The token that asked is not good for the action.
    TokenLimited,
    /// The agent's trust is below what this risk needs.
    TrustTooLow,
    /// A person has to agree.
    ApprovalRequired,
    /// As many persons agreed to this very action as had to.
    ApprovalGiven,
    /// A person agreed beforehand, for a time.
    ApprovedBeforehand,
    /// A person said no.
    ApprovalDenied,
    /// Nobody answered in time, or the approval was not presented in time.
    ApprovalExpired,
    /// More persons have to agree by now than did.
    ApprovalInsufficient,
    /// A policy could not be evaluated; the answer is no.
    PolicyError,
    /// A policy forbids it.
    PolicyForbids,
    /// A policy stops the agent for it.
    PolicyQuarantines,
    /// A policy wants a person to agree.
    PolicyAsks,
}

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For programs.
    pub code: ReasonCode,
    /// For people: names the fact, and what would have changed the answer.
    pub message: String,
}

impl Reason {
    /// Puts a code and its words together.
    #[must_use]
    pub fn new(code: ReasonCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// What the agent owes in return for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Obligation {
    /// Report how it went, with `reportActionResult`.
    ReportResult,
    /// Do nothing until the verification is `ALLOWED`.
    AwaitApproval,
    /// Persons agreed: present it with `presentApproval` and the same action, and act only if that is
    /// `ALLOWED`.
    PresentApproval,
}
