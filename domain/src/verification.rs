//! The question "may it?" and its answer.

mod decide;
mod reason;
mod request;

pub use decide::{
    AgentFacts, Asked, DecisionSettings, KeyFacts, VERIFICATION_TTL_SECONDS, Verdict, decide,
    decide_within,
};
pub use reason::{Obligation, Reason, ReasonCode};
pub use request::{ARGUMENTS_MAX, ARGUMENTS_MAX_BYTES, ActionRequest, Arguments, ArgumentsError};

use serde::{Deserialize, Serialize};

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    /// Go on.
    Allowed,
    /// Do not.
    Denied,
    /// Wait for a person.
    PendingApproval,
}
