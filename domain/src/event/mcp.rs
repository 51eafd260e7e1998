//! What changes of MCP servers.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, McpServerId};
use crate::mcp::McpServerStatus;
use crate::name::McpServerName;

/// An MCP server changed: whoever keeps facts about it reads them again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct McpServerChanged {
    /// Which.
    pub server: McpServerId,
    /// What changed.
    pub change: McpServerChange,
}

/// What changed of an MCP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum McpServerChange {
    /// It was registered.
    Registered {
        /// Its name.
        name: McpServerName,
    },
    /// What is said of it: where it is, its key, texts, tags.
    Updated,
    /// Its status.
    Status {
        /// Before.
        from: McpServerStatus,
        /// After.
        to: McpServerStatus,
        /// Why.
        reason: String,
    },
    /// It said something of itself that it had not said before.
    Observed {
        /// The digest of that.
        digest: String,
        /// How it differs from what was approved.
        drift_count: u64,
    },
    /// A person approved what it says of itself.
    Approved {
        /// The digest of that.
        digest: String,
    },
    /// An agent said what it saw of it.
    Attested {
        /// Which agent.
        agent: AgentId,
        /// The digest of what it saw.
        digest: String,
        /// Whether that is what was approved.
        agrees: bool,
    },
    /// That was taken back by a person.
    AttestationRevoked {
        /// Whose word it was.
        agent: AgentId,
    },
    /// It was deleted.
    Deleted,
}
