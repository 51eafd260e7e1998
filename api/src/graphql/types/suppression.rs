//! Suppressions of alerts.

use aim_domain::id::AgentId;
use aim_domain::suppression::AlertSuppression as Row;
use async_graphql::{ComplexObject, Context, ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::context::{RequestContext, fault};
use super::super::enums::AnomalyKind;
use super::super::id::global_id;
use super::Agent;

/// A person's word that some findings raise no alert for a while. They are recorded all the same.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct AlertSuppression {
    /// Global id.
    id: ID,
    /// Of this kind; null is all.
    kind: Option<AnomalyKind>,
    /// Why.
    reason: String,
    /// By whom, as `user:<id>`.
    created_by: String,
    /// Since when.
    created_at: DateTime<Utc>,
    /// Until when.
    expires_at: DateTime<Utc>,
    /// When it was taken back.
    withdrawn_at: Option<DateTime<Utc>>,
    #[graphql(skip)]
    agent_key: Option<AgentId>,
}

impl From<Row> for AlertSuppression {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("AlertSuppression", row.id),
            kind: row.kind.map(AnomalyKind::from),
            reason: row.reason,
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
            withdrawn_at: row.withdrawn_at,
            agent_key: row.agent,
        }
    }
}

#[ComplexObject]
impl AlertSuppression {
    /// About this agent; null is all.
    async fn agent(&self, context: &Context<'_>) -> Result<Option<Agent>> {
        let Some(agent) = self.agent_key else {
            return Ok(None);
        };
        let agents = RequestContext::of(context)?.agents()?;
        let found = agents.load_one(agent).await.map_err(fault)?;
        Ok(found.map(Agent::from))
    }
}

connection!(
    AlertSuppressionConnection,
    AlertSuppressionEdge,
    AlertSuppression,
    Row,
    "AlertSuppression"
);
