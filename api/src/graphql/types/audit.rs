//! The audit trail, and events that were given up on.

use aim_store::audit::AuditEntry as Row;
use aim_store::dead_letters::DeadLetter as DeadLetterRow;
use async_graphql::{ComplexObject, Context, ID, Json, Result, SimpleObject};
use chrono::{DateTime, Utc};
use serde_json::Value;

use super::super::connection::connection;
use super::super::context::RequestContext;
use super::super::id::global_id;
use super::audit_log::{AuditProof, prove};

/// A record of who did what.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(complex)]
pub(crate) struct AuditEntry {
    /// Global id.
    pub(crate) id: ID,
    /// `user`, `agent` or `system`.
    actor_type: String,
    /// Who; empty once erased.
    actor_id: String,
    /// What, in dotted words such as `agent.suspend`.
    action: String,
    /// To what kind of object.
    object_type: String,
    /// To which object; empty once erased.
    object_id: String,
    /// Why.
    reason: Option<String>,
    /// What it was.
    before: Option<Json<Value>>,
    /// What it is.
    after: Option<Json<Value>>,
    /// The request it was part of; empty once erased.
    request_id: String,
    /// When.
    created_at: DateTime<Utc>,
    /// Its place in the log, from 0 on; null for about a second, until it has one.
    index: Option<u64>,
    /// The hash of its leaf in the log's tree, base64; null until it has an index.
    leaf_hash: Option<String>,
    /// Names of the fields whose values were erased; their hashes still prove.
    erased_fields: Vec<String>,
}

#[ComplexObject]
impl AuditEntry {
    /// The proof that the log contains it (RFC 9162, section 2.1.3); null until it has an index, and
    /// when the log is not that large.
    async fn proof(
        &self,
        context: &Context<'_>,
        #[graphql(desc = "Of the log when it had this many entries; of all when left out.")]
        tree_size: Option<u64>,
    ) -> Result<Option<AuditProof>> {
        match self.index {
            Some(index) => prove(RequestContext::of(context)?, index, tree_size).await,
            None => Ok(None),
        }
    }
}

impl From<Row> for AuditEntry {
    fn from(row: Row) -> Self {
        let leaf = row.leaf.as_ref();
        let erased = leaf.map(|it| it.erased.as_slice()).unwrap_or_default();
        Self {
            index: leaf.map(|it| it.index),
            leaf_hash: leaf.map(|it| it.hash.to_string()),
            erased_fields: erased.iter().map(|it| it.name().to_owned()).collect(),
            id: global_id("AuditEntry", row.id),
            actor_type: row.actor_type,
            actor_id: row.actor_id,
            action: row.action,
            object_type: row.object_type,
            object_id: row.object_id,
            reason: row.reason,
            before: row.before.map(Json),
            after: row.after.map(Json),
            request_id: row.request_id,
            created_at: row.created_at,
        }
    }
}

connection!(
    AuditEntryConnection,
    AuditEntryEdge,
    AuditEntry,
    Row,
    "AuditEntry"
);

/// An event that was given up on, with the reason and the original bytes.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct DeadLetter {
    /// Global id.
    id: ID,
    /// The topic it was read from.
    topic: String,
    /// The partition.
    partition: i32,
    /// The position.
    position: i64,
    /// Why, for programs, such as `SIGNATURE_INVALID`.
    reason: String,
    /// Why, for people.
    detail: String,
    /// The original bytes; what is no UTF-8 is replaced.
    payload: String,
    /// When it was given up on.
    created_at: DateTime<Utc>,
}

impl From<DeadLetterRow> for DeadLetter {
    fn from(row: DeadLetterRow) -> Self {
        Self {
            id: global_id("DeadLetter", row.id),
            topic: row.topic,
            partition: row.partition,
            position: row.position,
            reason: row.reason,
            detail: row.detail,
            payload: String::from_utf8_lossy(&row.payload).into_owned(),
            created_at: row.created_at,
        }
    }
}

connection!(
    DeadLetterConnection,
    DeadLetterEdge,
    DeadLetter,
    DeadLetterRow,
    "DeadLetter"
);
