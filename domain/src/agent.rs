//! An agent's life.

use serde::{Deserialize, Serialize};

/// What kind of program an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AgentType {
    /// A model with tools.
    LlmAgent,
    /// Talks with a person.
    Assistant,
    /// Fixed steps.
    Workflow,
    /// Only calls MCP servers.
    McpClient,
    /// Anything else.
    Custom,
}

/// Where an agent is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AgentStatus {
    /// Registered, possession of the key not proven yet.
    Pending,
    /// May act, within its grants.
    Verified,
    /// Stopped by a person.
    Suspended,
    /// Stopped by the product after a critical finding.
    Quarantined,
    /// Ended for ever.
    Revoked,
}

/// Why a change of status was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an agent that is `{from:?}` cannot become `{to:?}`")]
pub struct TransitionError {
    /// What it is.
    pub from: AgentStatus,
    /// What was asked for.
    pub to: AgentStatus,
}

impl AgentStatus {
    /// Checks the step from this status to `to`. Staying is not a step.
    ///
    /// # Errors
    /// [`TransitionError`] when the life cycle has no such step.
    pub const fn transition(self, to: Self) -> Result<Self, TransitionError> {
        use AgentStatus::{Pending, Quarantined, Revoked, Suspended, Verified};
        match (self, to) {
            (Pending, Verified | Suspended | Revoked)
            | (Verified, Suspended | Quarantined | Revoked)
            | (Suspended, Verified | Quarantined | Revoked)
            | (Quarantined, Verified | Suspended | Revoked) => Ok(to),
            (from, to) => Err(TransitionError { from, to }),
        }
    }

    /// Whether an agent in this status may act at all.
    #[must_use]
    pub const fn may_act(self) -> bool {
        matches!(self, Self::Verified)
    }
}

#[cfg(test)]
mod tests {
    use super::AgentStatus::{self, Pending, Quarantined, Revoked, Suspended, Verified};

    #[test]
    fn the_life_cycle_is_guarded() {
        let all = [Pending, Verified, Suspended, Quarantined, Revoked];
        let allowed: &[(AgentStatus, AgentStatus)] = &[
            (Pending, Verified),
            (Pending, Suspended),
            (Pending, Revoked),
            (Verified, Suspended),
            (Verified, Quarantined),
            (Verified, Revoked),
            (Suspended, Verified),
            (Suspended, Quarantined),
            (Suspended, Revoked),
            (Quarantined, Verified),
            (Quarantined, Suspended),
            (Quarantined, Revoked),
        ];
        for from in all {
            for to in all {
                assert_eq!(from.transition(to).is_ok(), allowed.contains(&(from, to)));
            }
        }
    }
}
