//! Keys of agents, and what an organization wants of them.

use aim_app::AgentChallenge as Challenge;
use aim_domain::agent_key::KeyPolicy as Policy;
use aim_store::keys::AgentKey as Row;
use async_graphql::{Enum, ID, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::id::global_id;

/// Where a key is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "aim_domain::agent_key::KeyStatus")]
pub(crate) enum AgentKeyStatus {
    /// Good.
    Active,
    /// Another took its place; it is good until the overlap ends.
    Retiring,
    /// Past its end.
    Expired,
    /// Taken back before its end.
    Revoked,
}

/// One public key of an agent.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AgentKey {
    /// Global id.
    pub(crate) id: ID,
    /// JWK thumbprint (RFC 7638): `keyid` in signatures.
    key_id: String,
    /// The 32 bytes of the Ed25519 key, base64url.
    public_key: String,
    /// Where it is in its life.
    status: AgentKeyStatus,
    /// Since when it is known.
    created_at: DateTime<Utc>,
    /// By whom it was brought, as `user:<id>` or `agent:<id>`.
    created_by: Option<String>,
    /// When it expires.
    expires_at: Option<DateTime<Utc>>,
    /// When it last signed a request, to within some seconds; null while it has not.
    last_used_at: Option<DateTime<Utc>>,
    /// Global id of the key that took its place.
    replaced_by: Option<ID>,
    /// When it was revoked.
    revoked_at: Option<DateTime<Utc>>,
    /// By whom.
    revoked_by: Option<String>,
    /// Why.
    revoked_reason: Option<String>,
}

impl From<Row> for AgentKey {
    fn from(row: Row) -> Self {
        Self {
            id: global_id("AgentKey", row.id),
            key_id: row.facts.key_id.to_string(),
            public_key: row.facts.public_key.to_base64url(),
            status: row.status.into(),
            created_at: row.created_at,
            created_by: row.created_by,
            expires_at: row.facts.expires_at,
            last_used_at: row.last_used_at,
            replaced_by: row.replaced_by.map(|id| global_id("AgentKey", id)),
            revoked_at: row.facts.revoked_at,
            revoked_by: row.revoked_by,
            revoked_reason: row.revoked_reason,
        }
    }
}

connection!(AgentKeyConnection, AgentKeyEdge, AgentKey, Row, "AgentKey");

/// What an organization wants of its agents' keys.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct KeyPolicy {
    /// Days until a new key expires.
    life_days: u16,
    /// How long a key that was exchanged is still good, where the rotation does not say.
    grace_seconds: u32,
    /// How many days before the end to remind, most first.
    reminder_days: Vec<u16>,
    /// Whether an agent whose last key has ended is suspended.
    suspends_expired: bool,
}

impl From<Policy> for KeyPolicy {
    fn from(policy: Policy) -> Self {
        Self {
            life_days: policy.life_days,
            grace_seconds: policy.grace_seconds,
            reminder_days: policy.reminder_days,
            suspends_expired: policy.suspends_expired,
        }
    }
}

/// What an agent has to sign.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AgentChallenge {
    /// The random part.
    challenge: String,
    /// All that is signed, byte for byte.
    text: String,
    /// Until when it may be answered.
    expires_at: DateTime<Utc>,
}

impl From<Challenge> for AgentChallenge {
    fn from(it: Challenge) -> Self {
        Self {
            challenge: it.challenge,
            text: it.text,
            expires_at: it.expires_at,
        }
    }
}
