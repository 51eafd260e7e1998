//! What somebody saw and nobody registered: agents, and what becomes of any such thing.

use serde::{Deserialize, Serialize};

/// How an agent was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AgentSightingMethod {
    /// It sent events that no registered agent's key signed.
    Event,
    /// In a program's code or packages.
    Code,
    /// It talked to somebody who knows it.
    Peer,
    /// In the inventory of what programs run on.
    Platform,
}

/// What became of what was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SightingStatus {
    /// A person has to look.
    Open,
    /// A person looked and left it alone; it does not come back.
    Dismissed,
}
