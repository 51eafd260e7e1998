//! How MCP servers are used.

use aim_domain::analytics::McpUsage as Domain;
use aim_store::mcp_usage::McpAgentUsage as Row;
use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::Agent;

/// How an MCP server is used: calls that agents asked for by its name or its URL while it was registered.
/// Counted a second or so after it happened, as `analytics` is.
#[derive(Debug, Clone, Default, SimpleObject)]
pub(crate) struct McpUsage {
    /// Calls that were asked for.
    call_count: u64,
    /// Of these, allowed at once.
    allowed_count: u64,
    /// Of these, denied at once.
    denied_count: u64,
    /// Of these, left to a person.
    pending_count: u64,
    /// Calls that went well, as their agents reported.
    success_count: u64,
    /// Calls that did not.
    failure_count: u64,
    /// When the last call was asked for; null when there was none.
    last_used_at: Option<DateTime<Utc>>,
}

impl From<Domain> for McpUsage {
    fn from(usage: Domain) -> Self {
        Self {
            call_count: usage.total(),
            allowed_count: usage.allowed,
            denied_count: usage.denied,
            pending_count: usage.pending,
            success_count: usage.succeeded,
            failure_count: usage.failed,
            last_used_at: usage.last_used_at,
        }
    }
}

/// How all agents together use an MCP server.
#[derive(Debug, Clone, Default, SimpleObject)]
pub(crate) struct McpServerUsage {
    /// All calls.
    pub(super) total: McpUsage,
    /// Agents that asked for at least one.
    pub(super) agent_count: u64,
}

/// How an agent uses an MCP server.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct McpAgentUsage {
    /// The agent, also a deleted one.
    agent: Agent,
    /// Its calls.
    usage: McpUsage,
}

impl From<Row> for McpAgentUsage {
    fn from(row: Row) -> Self {
        Self {
            agent: row.agent.into(),
            usage: row.usage.into(),
        }
    }
}

connection!(
    McpAgentUsageConnection,
    McpAgentUsageEdge,
    McpAgentUsage,
    Row,
    "McpAgentUsage"
);
