//! Delegations between agents.

use aim_store::delegations::Delegation as Row;
use async_graphql::{ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::id::global_id;

/// A capability that is handed on.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct DelegatedCapability {
    /// A capability or a pattern.
    capability: String,
    /// On which resources, as a pattern; null is all that the delegator has.
    resource: Option<String>,
}

/// An agent lets another act with a part of what it may do itself. It holds while every link of its
/// chain does: none revoked or expired, no delegator stopped, no key that signed one revoked.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct Delegation {
    /// Global id.
    id: ID,
    /// Global id of the agent that hands on.
    delegator_id: ID,
    /// Global id of the agent that may act.
    delegate_id: ID,
    /// Global id of the delegation that this one hands on; null where it is the delegator's grants.
    parent_id: Option<ID>,
    /// How many links the chain has up to this one.
    depth: u64,
    /// What is handed on.
    capabilities: Vec<DelegatedCapability>,
    /// Why.
    reason: Option<String>,
    /// Since when.
    created_at: DateTime<Utc>,
    /// Until when.
    expires_at: DateTime<Utc>,
    /// When it was taken back itself.
    revoked_at: Option<DateTime<Utc>>,
    /// By whom.
    revoked_by: Option<String>,
    /// Why.
    revoked_reason: Option<String>,
}

impl From<Row> for Delegation {
    fn from(row: Row) -> Self {
        let limits = row.limits.into_iter();
        Self {
            id: global_id("Delegation", row.id),
            delegator_id: global_id("Agent", row.delegator),
            delegate_id: global_id("Agent", row.delegate),
            parent_id: row.parent.map(|id| global_id("Delegation", id)),
            depth: row.depth as u64,
            capabilities: limits
                .map(|limit| DelegatedCapability {
                    capability: limit.capability.as_str().to_owned(),
                    resource: limit.resource.map(|it| it.as_str().to_owned()),
                })
                .collect(),
            reason: row.reason,
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            revoked_by: row.revoked_by,
            revoked_reason: row.revoked_reason,
        }
    }
}

connection!(
    DelegationConnection,
    DelegationEdge,
    Delegation,
    Row,
    "Delegation"
);
