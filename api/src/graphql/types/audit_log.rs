//! The audit log: checkpoints, proofs, what is kept.

use aim_app::{AuditLogState, AuditProof as ProofRow};
use aim_domain::audit::Hash;
use aim_store::audit_log::AuditCheckpoint as CheckpointRow;
use aim_store::audit_retention::{
    AuditErasure as ErasureRow, AuditRetention as RetentionRow, LegalHold as HoldRow,
};
use aim_store::audit_stops::AuditStop as StopRow;
use aim_store::audit_witnesses::AuditWitness as WitnessRow;
use async_graphql::{ID, Result, SimpleObject};
use chrono::{DateTime, Utc};

use super::super::connection::connection;
use super::super::context::{RequestContext, fault};
use super::super::id::global_id;
use aim_domain::role::Permission;

/// What the log was at some time, signed.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AuditCheckpoint {
    /// Global id.
    id: ID,
    /// Its number, from 1 on, without gaps.
    number: u64,
    /// How many entries it covers.
    tree_size: u64,
    /// The root of the tree of their leaves, base64.
    root_hash: String,
    /// The signed note (C2SP tlog-checkpoint), with the co-signatures of witnesses.
    note: String,
    /// When it was signed.
    created_at: DateTime<Utc>,
}

impl From<CheckpointRow> for AuditCheckpoint {
    fn from(row: CheckpointRow) -> Self {
        Self {
            id: global_id("AuditCheckpoint", row.id.as_uuid()),
            number: row.number,
            tree_size: row.size,
            root_hash: row.root.to_string(),
            note: row.note,
            created_at: row.created_at,
        }
    }
}

connection!(
    AuditCheckpointConnection,
    AuditCheckpointEdge,
    AuditCheckpoint,
    CheckpointRow,
    "AuditCheckpoint"
);

/// A proof that a log contains a leaf.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AuditProof {
    /// The size of the tree that it is about.
    tree_size: u64,
    /// That tree's root, base64: compare it with a signed checkpoint of this size.
    root_hash: String,
    /// The hashes beside the way from the leaf to the root, base64, from the leaf on.
    hashes: Vec<String>,
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

impl From<ProofRow> for AuditProof {
    fn from(row: ProofRow) -> Self {
        Self {
            tree_size: row.size,
            root_hash: row.root.to_string(),
            hashes: texts(&row.hashes),
        }
    }
}

/// The proof for an index; the asker must be one who may read the trail.
pub(super) async fn prove(
    request: &RequestContext,
    index: u64,
    size: Option<u64>,
) -> Result<Option<AuditProof>> {
    let permit = request.permit(Permission::Audit)?;
    let found = request.app.prove_audit_inclusion(&permit, index, size);
    Ok(found.await.map_err(fault)?.map(AuditProof::from))
}

/// A proof that a log only grew.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AuditConsistencyProof {
    /// The size of the earlier tree.
    from_size: u64,
    /// Its root, base64.
    from_root_hash: String,
    /// The size of the later tree.
    to_size: u64,
    /// Its root, base64.
    to_root_hash: String,
    /// The proof's hashes (RFC 9162, section 2.1.4), base64.
    hashes: Vec<String>,
}

impl AuditConsistencyProof {
    pub(crate) fn new(from_size: u64, from_root: Hash, row: &ProofRow) -> Self {
        Self {
            from_size,
            from_root_hash: from_root.to_string(),
            to_size: row.size,
            to_root_hash: row.root.to_string(),
            hashes: texts(&row.hashes),
        }
    }
}

/// What stops retention and erasure.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct LegalHold {
    /// Why.
    reason: String,
    /// By whom, as `user:<id>`.
    engaged_by: String,
    /// Since when.
    engaged_at: DateTime<Utc>,
}

impl From<HoldRow> for LegalHold {
    fn from(row: HoldRow) -> Self {
        Self {
            reason: row.reason,
            engaged_by: row.engaged_by,
            engaged_at: row.engaged_at,
        }
    }
}

/// What the trail keeps.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AuditRetention {
    /// Days after which entries lose their contents, not their hashes; null keeps them for ever.
    days: Option<u32>,
    /// What stops retention and erasure; null when nothing does.
    legal_hold: Option<LegalHold>,
}

impl From<RetentionRow> for AuditRetention {
    fn from(row: RetentionRow) -> Self {
        Self {
            days: row.days,
            legal_hold: row.hold.map(LegalHold::from),
        }
    }
}

/// Somebody outside whose co-signatures are taken.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AuditWitness {
    /// Global id.
    id: ID,
    /// Its name.
    name: String,
    /// Name and key, as C2SP signed-note has them.
    verifier_key: String,
    /// Who added it, as `user:<id>`.
    added_by: String,
    /// When.
    created_at: DateTime<Utc>,
}

impl From<WitnessRow> for AuditWitness {
    fn from(row: WitnessRow) -> Self {
        Self {
            id: global_id("AuditWitness", row.id),
            name: row.key.name.clone(),
            verifier_key: row.key.to_string(),
            added_by: row.added_by,
            created_at: row.created_at,
        }
    }
}

/// What keeps a log from growing: what is kept of it is not what was signed.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AuditStop {
    /// What is wrong, in words.
    reason: String,
    /// Since when entries wait for their indexes.
    stopped_at: DateTime<Utc>,
}

impl From<StopRow> for AuditStop {
    fn from(row: StopRow) -> Self {
        Self {
            reason: row.reason,
            stopped_at: row.stopped_at,
        }
    }
}

/// Your organization's audit log.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AuditLog {
    /// Its name in its checkpoints.
    origin: String,
    /// How many entries have an index.
    size: u64,
    /// The verifier keys that it has signed with, the one in force first.
    verifier_keys: Vec<String>,
    /// Whose co-signatures it takes.
    witnesses: Vec<AuditWitness>,
    /// What is kept.
    retention: AuditRetention,
    /// What keeps it from growing; null when nothing does.
    stop: Option<AuditStop>,
}

impl From<AuditLogState> for AuditLog {
    fn from(state: AuditLogState) -> Self {
        Self {
            origin: state.origin,
            size: state.size,
            verifier_keys: state.keys.iter().map(ToString::to_string).collect(),
            witnesses: state
                .witnesses
                .into_iter()
                .map(AuditWitness::from)
                .collect(),
            retention: state.retention.into(),
            stop: state.stop.map(AuditStop::from),
        }
    }
}

/// An order to erase what the trail holds of a person.
#[derive(Debug, Clone, SimpleObject)]
pub(crate) struct AuditErasure {
    /// Global id.
    id: ID,
    /// Why.
    reason: String,
    /// By whom, as `user:<id>`.
    ordered_by: String,
    /// When it was ordered.
    created_at: DateTime<Utc>,
    /// Entries of which something was erased so far.
    erased_count: u64,
    /// When it was done; null while it goes on, or a legal hold stops it.
    finished_at: Option<DateTime<Utc>>,
}

impl From<ErasureRow> for AuditErasure {
    fn from(row: ErasureRow) -> Self {
        Self {
            id: global_id("AuditErasure", row.id.as_uuid()),
            reason: row.reason,
            ordered_by: row.ordered_by,
            created_at: row.created_at,
            erased_count: row.erased_count,
            finished_at: row.finished_at,
        }
    }
}

connection!(
    AuditErasureConnection,
    AuditErasureEdge,
    AuditErasure,
    ErasureRow,
    "AuditErasure"
);
