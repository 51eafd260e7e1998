//! What agents say they saw of MCP servers.

use aim_app::McpConfidence as Confidence;
use aim_domain::id::{AgentId, McpServerId};
use aim_store::mcp_attestations::McpAttestation as Row;
use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::context::{RequestContext, fault};
use super::super::id::global_id;
use super::super::loaders::ConfidenceIn;
use super::Agent;

/// A signed word of an agent on what it saw of an MCP server.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct McpAttestation {
    /// Global id.
    id: ID,
    /// Global id of the server.
    mcp_server_id: ID,
    /// The digest of the manifest that it saw, in hexadecimal digits.
    digest: String,
    /// The names of the tools that it saw.
    tools: Vec<String>,
    /// How many milliseconds the server took to answer.
    latency_ms: u32,
    /// When it saw that.
    observed_at: DateTime<Utc>,
    /// Global id of the key that signed it.
    agent_key_id: ID,
    /// The signature over the statement, in base64url; `docs/mcp.md` says over what.
    signature: String,
    /// The person behind the agent, as `user:<id>`: all agents of one are one witness.
    sponsor: String,
    /// What it weighs, 0 to 1: half the agent's trust when it was said, 0 without a score.
    weight: f64,
    /// When it was said.
    received_at: DateTime<Utc>,
    /// Until when it counts.
    expires_at: DateTime<Utc>,
    /// When it was taken back; null when it was not.
    revoked_at: Option<DateTime<Utc>>,
    /// By whom, as `user:<id>`.
    revoked_by: Option<String>,
    /// Why.
    revoked_reason: Option<String>,
    #[graphql(skip)]
    agent_key: AgentId,
    #[graphql(skip)]
    server_key: McpServerId,
}

impl From<Row> for McpAttestation {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("McpAttestation", row.id),
            mcp_server_id: global_id("McpServer", row.server),
            agent_key: row.agent,
            server_key: row.server,
            digest: row.digest,
            tools: row.tools,
            latency_ms: row.latency_ms,
            observed_at: row.observed_at,
            agent_key_id: global_id("AgentKey", row.key),
            signature: row.signature,
            sponsor: row.sponsor,
            weight: row.weight.as_fraction(),
            received_at: row.received_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            revoked_by: row.revoked_by,
            revoked_reason: row.revoked_reason,
        }
    }
}

connection!(
    McpAttestationConnection,
    McpAttestationEdge,
    McpAttestation,
    Row,
    "McpAttestation"
);

/// What the words about a server come to.
pub(super) async fn confidence(context: &Context<'_>, server: McpServerId) -> Result<Confidence> {
    let agents = RequestContext::of(context)?.agents()?;
    let found = agents.load_one(ConfidenceIn(server)).await.map_err(fault)?;
    Ok(found.unwrap_or_default())
}

#[ComplexObject]
impl McpAttestation {
    /// Whose word it is.
    async fn agent(&self, context: &Context<'_>) -> Result<Option<Agent>> {
        let agents = RequestContext::of(context)?.agents()?;
        let found = agents.load_one(self.agent_key).await.map_err(fault)?;
        Ok(found.map(Agent::from))
    }

    /// Whether it saw what is approved of the server now.
    #[graphql(complexity = 5)]
    async fn is_of_approved(&self, context: &Context<'_>) -> Result<bool> {
        let found = confidence(context, self.server_key).await?;
        Ok(found.approved_digest.as_deref() == Some(&self.digest))
    }
}

/// What the words of agents about a server come to now. A word counts that is not taken back and not over,
/// of an agent that may act, about a server of which something is approved.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct McpConfidence {
    /// How sure they make that the server is what was approved, 0 to 1: by their weight, by how long ago they
    /// saw it, and once for each person behind them.
    value: f64,
    /// How sure they make that it is not, the same way.
    contradicted: f64,
    /// How many agents have a word that counts.
    agent_count: u64,
    /// How many people are behind them.
    sponsor_count: u64,
}

impl From<Confidence> for McpConfidence {
    fn from(found: Confidence) -> Self {
        Self {
            value: found.value,
            contradicted: found.contradicted,
            agent_count: found.agent_count,
            sponsor_count: found.sponsor_count,
        }
    }
}
