//! Capabilities that agents ask for, and attempts at what nothing grants.

use aim_domain::capability_request::CapabilityRequest as Row;
use aim_domain::id::{AgentId, VerificationId};
use aim_domain::violation::CapabilityViolation as Attempts;
use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::context::{RequestContext, fault};
use super::super::enums::{CapabilityRequestStatus, RiskLevel, Severity};
use super::super::id::global_id;
use super::Agent;

/// What an agent asks to be granted.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct CapabilityRequest {
    /// Global id.
    id: ID,
    /// A capability such as `files:read`, or a pattern.
    capability: String,
    /// On which resources, as a pattern; null is all.
    resource: Option<String>,
    /// For how long, in seconds; null is until revoked.
    life_seconds: Option<u32>,
    /// What for, in the agent's words.
    reason: String,
    /// What became of it.
    status: CapabilityRequestStatus,
    /// When it was made.
    created_at: DateTime<Utc>,
    /// Until when it waits for an answer.
    expires_at: DateTime<Utc>,
    /// Who answered, as `user:<id>`.
    decided_by: Option<String>,
    /// When they did.
    decided_at: Option<DateTime<Utc>>,
    /// Why they did.
    decided_reason: Option<String>,
    /// Global id of the grant that came of it.
    grant_id: Option<ID>,
    #[graphql(skip)]
    agent_key: AgentId,
}

impl From<Row> for CapabilityRequest {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("CapabilityRequest", row.id),
            capability: row.capability.as_str().to_owned(),
            resource: row.resource.map(|it| it.as_str().to_owned()),
            life_seconds: row.life_seconds,
            reason: row.reason,
            status: row.status.into(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            decided_by: row.decided_by,
            decided_at: row.decided_at,
            decided_reason: row.decided_reason,
            grant_id: row.grant.map(|id| global_id("CapabilityGrant", id)),
            agent_key: row.agent,
        }
    }
}

#[ComplexObject]
impl CapabilityRequest {
    /// Who asks.
    async fn agent(&self, context: &Context<'_>) -> Result<Option<Agent>> {
        let agents = RequestContext::of(context)?.agents()?;
        let found = agents.load_one(self.agent_key).await.map_err(fault)?;
        Ok(found.map(Agent::from))
    }
}

connection!(
    CapabilityRequestConnection,
    CapabilityRequestEdge,
    CapabilityRequest,
    Row,
    "CapabilityRequest"
);

/// Attempts of one agent at one action on one resource that nothing grants.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct CapabilityViolation {
    /// Global id.
    id: ID,
    /// What was attempted.
    action: String,
    /// On what.
    resource: Option<String>,
    /// The highest risk that counted.
    risk: RiskLevel,
    /// How bad: by the risk, one level worse from 3 attempts on, two from 10 on.
    severity: Severity,
    /// How often.
    attempt_count: i64,
    /// The first time.
    first_attempt_at: DateTime<Utc>,
    /// The last time.
    last_attempt_at: DateTime<Utc>,
    #[graphql(skip)]
    agent_key: AgentId,
    #[graphql(skip)]
    last: VerificationId,
}

impl From<Attempts> for CapabilityViolation {
    fn from(row: Attempts) -> Self {
        Self {
            id: global_id("CapabilityViolation", row.id),
            action: row.action,
            resource: row.resource,
            risk: row.risk.into(),
            severity: row.severity.into(),
            attempt_count: row.count,
            first_attempt_at: row.first_at,
            last_attempt_at: row.last_at,
            agent_key: row.agent,
            last: row.verification,
        }
    }
}

#[ComplexObject]
impl CapabilityViolation {
    /// Who.
    async fn agent(&self, context: &Context<'_>) -> Result<Option<Agent>> {
        let agents = RequestContext::of(context)?.agents()?;
        let found = agents.load_one(self.agent_key).await.map_err(fault)?;
        Ok(found.map(Agent::from))
    }

    /// Global id of the decision about the last attempt.
    async fn last_verification_id(&self) -> ID {
        global_id("Verification", self.last)
    }
}

connection!(
    CapabilityViolationConnection,
    CapabilityViolationEdge,
    CapabilityViolation,
    Attempts,
    "CapabilityViolation"
);
